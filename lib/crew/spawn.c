#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/spawn.h"
#include "crew/wire.h"

#define WORKER_FD 3
#define SNDBUF (512 * 1024) /* a run of jobs and some 100 slots without waiting */

/*
 * What a worker may know of our environment: where certificates are, time zone,
 * language, the settings of resolver and proxies, and what sanitizers and coverage
 * need.  $MSTOOLS_CLIENT_SECRET and its like are not in it.
 */
static const char *const passed[] = { "TZ", "TZDIR", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "OPENSSL_MODULES", "RES_OPTIONS", "LOCALDOMAIN",
	"NO_PROXY", "no_proxy", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LLVM_PROFILE_FILE",
	"GCOV_PREFIX", "GCOV_PREFIX_STRIP" };
#define PASSED (sizeof(passed) / sizeof(passed[0]))
#define ENVIRONMENT (PASSED + 2)

static int
beside_us(char *path, size_t size, const char *where)
{
	char self[PATH_MAX], *slash;
	ssize_t n;
	int w;

	n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return -1;
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) == NULL)
		return -1;
	*slash = '\0';
	w = snprintf(path, size, "%s/%s", self, where);
	return w > 0 && (size_t)w < size && access(path, X_OK) == 0 ? 0 : -1;
}

int
spawn_find(char *path, size_t size, struct err *err)
{
	const char *given = secure_getenv("MSTOOLS_WORKER");

	if (given != NULL && *given != '\0') {
		if (access(given, X_OK) == -1 || strlen(given) >= size)
			return err_sys(err, ERR_OS, STAGE_NONE, errno, given, "cannot run the worker");
		strcpy(path, given);
		return 0;
	}
	if (beside_us(path, size, "../libexec/msworker") == 0 ||
	    beside_us(path, size, "../libexec/mstools/msworker") == 0)
		return 0;
	if (snprintf(path, size, "%s/msworker", MSTOOLS_LIBEXECDIR) >= (int)size || access(path, X_OK) == -1)
		return err_sys(err, ERR_OS, STAGE_NONE, errno, path, "cannot run the worker");
	return 0;
}

/* Our environment cut down, as an array for exec; lives until the exec or the end of the child. */
static void
fill_environment(char *env[ENVIRONMENT])
{
	size_t i, n = 0;
	const char *v;

	for (i = 0; i < PASSED; i++)
		if ((v = getenv(passed[i])) != NULL)
			env[n++] = xasprintf("%s=%s", passed[i], v);
	/* libcurl, when there is a proxy, brings it along and we never use it: its start is some milliseconds */
	env[n++] = xasprintf("GNUTLS_NO_IMPLICIT_INIT=1");
	env[n] = NULL;
}

static void
close_from(unsigned first)
{
	long fd, max;

	if (close_range(first, ~0U, 0) == 0)
		return;
	max = sysconf(_SC_OPEN_MAX);
	for (fd = first; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		close((int)fd);
}

/* After vfork: our parent's memory, and only async-signal-safe calls, here and below. */
static void __attribute__((noreturn)) give_up(struct wire_fail *f, int sock, int errnum)
{
	const char *why = strerrordesc_np(errnum);

	strncpy(f->text, "cannot run the worker: ", sizeof f->text - 1);
	strncat(f->text, why != NULL ? why : "unknown error", sizeof f->text - 64);
	wire_send(sock, f, NULL, 0, 0);
	_exit(71);
}

static void
arrange(struct wire_fail *f, int given)
{
	int sock, null;

	sock = fcntl(given, F_DUPFD, WORKER_FD + 1); /* out of the way of 0 … 3 */
	if (sock == -1)
		give_up(f, given, errno == EINVAL ? EMFILE : errno); /* EINVAL: beyond the limit */
	if ((null = open("/dev/null", O_RDWR)) == -1)
		give_up(f, sock, errno);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (dup2(sock, WORKER_FD) == -1)
		give_up(f, sock, errno);
	close_from(WORKER_FD + 1);
}

/*
 * Whoever stops us (a terminal, systemd) signals the whole group or unit: a
 * worker leaves that to its parent and goes on until its socket closes.
 */
static void
quiet_signals(void)
{
	sigset_t none;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
child(const char *path, int sock, pid_t parent, char **env, struct wire_fail *f)
{
	union {
		const char *c;
		char *v;
	} name = { .c = "msworker" };
	char *argv[] = { name.v, NULL };

	/* The parent may have died before prctl: then nobody would ever signal us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(71);
	quiet_signals();
	arrange(f, sock);
	execve(path, argv, env);
	give_up(f, WORKER_FD, errno);
}

pid_t
spawn_worker(const char *path, int *sock, struct err *err)
{
	char *env[ENVIRONMENT];
	struct wire_fail fail = { .kind = ERR_OS };
	int pair[2], size = SNDBUF, i;
	pid_t pid, self = getpid();

	*sock = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return err_sys(err, ERR_OS, STAGE_NONE, errno, "msworker", "cannot make a socket");
	/* Both ways: jobs and slots there, reports here while we wait for the disk. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	fill_environment(env);
	wire_head(&fail.head, WIRE_FAIL, sizeof fail, 0);
	snprintf(fail.subject, sizeof fail.subject, "%s", path);
	/*
	 * Not fork: that copies our page tables, and each page we touch afterwards.
	 * What the child writes to here is its stack, fail and errno.
	 */
	pid = vfork();
	if (pid == 0)
		child(path, pair[1], self, env, &fail);
	if (pid == -1)
		err_sys(err, ERR_OS, STAGE_NONE, errno, "msworker", "cannot fork");
	close(pair[1]);
	for (i = 0; env[i] != NULL; i++)
		free(env[i]);
	if (pid == -1)
		close(pair[0]);
	else
		*sock = pair[0];
	return pid;
}
