/* Unit test of lib/entra/command. */
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entra/command.h"
#include "t.h"

static struct err err;
static struct secret out = SECRET_INIT;

static int
run(const char *cmd, const char *refused, const char *secret)
{
	const struct command c = {
		.cmd = cmd,
		.what = "the token command",
		.refused = refused,
		.secret = secret,
		.secs = 60,
		.max = 1000,
	};

	err_clear(&err);
	secret_clear(&out);
	return command_run(&c, &out, &err);
}

static void
environment(void)
{
	setenv("MSTOOLS_REFUSED", "inherited", 1);
	setenv("MSTOOLS_CLIENT_SECRET", "inherited", 1);
	is_int(run("echo \"<${MSTOOLS_REFUSED-unset}><${MSTOOLS_CLIENT_SECRET-unset}>\"", NULL, NULL), 0,
	    "a command");
	is_str(out.s, "<unset><unset>\n", "gets neither variable");
	run("echo \"<$MSTOOLS_REFUSED><$MSTOOLS_CLIENT_SECRET>\"", "0123456789abcdef", "sec ret");
	is_str(out.s, "<0123456789abcdef><sec ret>\n", "but when it is to");
	unsetenv("MSTOOLS_REFUSED");
	unsetenv("MSTOOLS_CLIENT_SECRET");
}

/* Our own descriptors, one of them not close-on-exec, and an ignored signal. */
static void
inheritance(void)
{
	int fd = open("/dev/null", O_RDONLY), high = fcntl(fd, F_DUPFD, 200);

	signal(SIGPIPE, SIG_IGN);
	is_int(run("for f in 3 4 5 6 7 8 9; do eval \"true <&$f\" 2>/dev/null && echo $f; done; "
		   "[ ! -e /proc/self/fd/200 ] || echo 200; readlink /proc/self/fd/0",
		   NULL, NULL),
	    0, "it inherits");
	is_str(out.s, "/dev/null\n", "no descriptor, and its stdin is /dev/null");
	run("kill -PIPE $$; echo survived", NULL, NULL);
	is_str(out.len > 0 ? out.s : "", "", "no signal is ignored");
	close(fd);
	close(high);
}

static void
status(int code, enum err_kind kind)
{
	char cmd[40];

	snprintf(cmd, sizeof cmd, "echo out; exit %d", code);
	is_int(run(cmd, NULL, NULL), -1, "exit %d", code);
	is_int(err.kind, kind, "stands for status %d", err_status(kind));
	is_int(err.stage, STAGE_CREDENTIAL, "of the credential");
}

static void
statuses(void)
{
	status(75, ERR_AGAIN);
	status(69, ERR_UNAVAIL);
	status(76, ERR_PROTO);
	status(78, ERR_CONFIG);
	status(1, ERR_CONFIG);
	is_str(err.text, "the token command failed with status 1", "the text");
	is_int(run("no-such-command-anywhere 2>/dev/null", NULL, NULL), -1, "no such command");
	is_str(err.text, "the token command failed with status 127 (no such command)", "is said");
	is_int(run("kill -KILL $$", NULL, NULL), -1, "a signal");
	is_int(err.kind, ERR_OS, "is a matter of the system");
}

static void
limits(void)
{
	volatile sig_atomic_t stop = 0;
	struct command c = { .cmd = "echo early; exec sleep 300", .what = "it", .secs = 1, .max = 1000 };

	is_int(run("head -c 1001 /dev/zero", NULL, NULL), -1, "too much output");
	is_int(err.kind, ERR_CONFIG, "is an error");
	is_int(run("head -c 1000 /dev/zero", NULL, NULL), 0, "the last byte that may be");
	is_int(out.len, 1000, "arrives");
	secret_clear(&out);
	is_int(command_run(&c, &out, &err), -1, "a command that does not end");
	is_int(err.kind, ERR_AGAIN, "is given up");
	is_int(waitpid(-1, NULL, WNOHANG) == -1 ? errno : 0, ECHILD, "and nothing is left of it");
	c.cmd = "trap '' TERM; while :; do sleep 1; done";
	is_int(command_run(&c, &out, &err), -1, "not even by a deaf one");
	is_int(waitpid(-1, NULL, WNOHANG) == -1 ? errno : 0, ECHILD, "nothing is left of that");
	c.secs = 300;
	c.stop = &stop;
	stop = 1;
	is_int(command_run(&c, &out, &err), -1, "a stop");
	is_int(err.sys, EINTR, "ends the waiting");
}

static void
background(void)
{
	is_int(run("sleep 300 & echo $!", NULL, NULL), 0,
	    "what runs on in the background does not hold us up");
	if (out.len > 0)
		kill((pid_t)strtol(out.s, NULL, 10), SIGKILL);
	is_int(run("exec >&-; sleep 0.2; exit 75", NULL, NULL), -1, "a closed stdout is not the end");
	is_int(err.kind, ERR_AGAIN, "the status is");
}

static void
few_descriptors(void)
{
	struct rlimit was, few;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), n;

	close(fd); /* the lowest that is free */
	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	for (n = 0; n < 3; n++) { /* /dev/null, the two ends of the pipe */
		few.rlim_cur = (rlim_t)(fd + n);
		setrlimit(RLIMIT_NOFILE, &few);
		is_int(run("echo", NULL, NULL), -1, "%d descriptors", n);
		is_int(err.kind, ERR_OS, "%d descriptors: a matter of the system", n);
		is_str(err.text, "cannot start the token command: Too many open files",
		    "%d descriptors: is said", n);
	}
	setrlimit(RLIMIT_NOFILE, &was);
	is_int(run("echo", NULL, NULL), 0, "later");
	is_int(open("/dev/null", O_RDONLY | O_CLOEXEC), fd, "nothing was left open");
	close(fd);
}

/*
 * With a terminal the command stays in our process group: only so may it ask
 * there, and Ctrl-C reaches it.  Without one it has its own, and what it starts
 * ends with it.  The result of a child in a session of its own: 0 ours, 1 its own.
 */
static int
group_of_command(bool terminal)
{
	int status = -1, pt = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty;
	char ours[20];
	pid_t pid;

	if (pt == -1 || grantpt(pt) == -1 || unlockpt(pt) == -1)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setsid();
		tty = terminal ? open(ptsname(pt), O_RDWR | O_CLOEXEC) : 0;
		snprintf(ours, sizeof ours, "%d\n", (int)getpgrp());
		if (tty == -1 || run("cut -d ' ' -f 5 /proc/$$/stat", NULL, NULL) == -1)
			_exit(9);
		_exit(strcmp(out.s, ours) == 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	close(pt);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
groups(void)
{
	is_int(group_of_command(true), 0, "with a terminal: our process group");
	is_int(group_of_command(false), 1, "without one: its own");
}

int
main(void)
{
	environment();
	inheritance();
	statuses();
	limits();
	background();
	few_descriptors();
	groups();
	secret_release(&out);
	return done_testing();
}
