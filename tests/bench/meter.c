/*
 * meter: runs a command and prints what it took, over all its processes.
 *
 *   meter OUT_FILE CMD [ARG...]     appends "wall S cpu S rss KIB status N" to OUT_FILE
 *
 * rss is the highest sum of the resident sets of the command and its
 * descendants, sampled every 10 ms (shared pages count once for each process,
 * so it is an upper bound).  The exit status is the command's.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident KiB of pid and all that descend from it. */
static long
resident(long pid)
{
	char path[64], buf[4096];
	long pages = 0, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/statm", pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	if (fscanf(f, "%*d %ld", &pages) == 1)
		sum = pages * (sysconf(_SC_PAGESIZE) / 1024);
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
	if ((f = fopen(path, "r")) == NULL)
		return sum;
	if (fgets(buf, sizeof(buf), f) != NULL)
		for (char *save, *p = strtok_r(buf, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
			sum += resident(atol(p));
	fclose(f);
	return sum;
}

static pid_t
start(char **argv, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

/* Waits for pid: its status, and the peak of its resident set. */
static int
watch(pid_t pid, const sigset_t *child, long *peak)
{
	const struct timespec tick = { .tv_nsec = 10000000 };
	int status;
	long r;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid || (got == -1 && errno != EINTR))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if ((r = resident(pid)) > *peak)
			*peak = r;
		sigtimedwait(child, NULL, &tick);
	}
}

int
main(int argc, char **argv)
{
	sigset_t child, old;
	struct rusage ru;
	double began, wall;
	long peak = 0;
	int status;
	pid_t pid;
	FILE *out;

	if (argc < 3) {
		fprintf(stderr, "usage: meter OUT_FILE CMD [ARG...]\n");
		return 64;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &old);
	began = now();
	if ((pid = start(argv + 2, &old)) == -1) {
		perror("fork");
		return 71;
	}
	status = watch(pid, &child, &peak);
	wall = now() - began;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &ru);
	if ((out = fopen(argv[1], "a")) == NULL) {
		perror(argv[1]);
		return 74;
	}
	fprintf(out, "wall %.3f cpu %.3f rss %ld status %d\n", wall,
	    (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		(double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
	    peak, status);
	return fclose(out) == 0 ? status : 74;
}
