/* log and progress: what comes out on stderr, a pipe or a terminal. */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "t.h"

/* Runs f with stderr on fd (closed here), in a child.  Reading what it wrote ends with EIO on a terminal. */
static void
with_stderr(int fd, void (*f)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fd, STDERR_FILENO);
		f();
		_exit(0);
	}
	close(fd);
	waitpid(pid, NULL, 0);
}

static void
lines(void)
{
	struct err e = ERR_INIT;

	log_init("msfetch", 1);
	log_warn("a %s\nb\033", "x");
	log_v(1, "shown");
	log_v(2, "not shown");
	err_set(&e, ERR_IO, STAGE_FILE, "file", "broken");
	log_err(&e);
	err_set(&e, ERR_IO, STAGE_FILE, NULL, "no subject");
	log_err(&e);
	log_hint("one\ntwo\n");
	progress_init(true); /* no terminal: says nothing */
	progress_add(5, 5);
	progress_end();
}

static void
test_lines(void)
{
	struct str s = STR_INIT;
	int p[2];

	if (pipe(p) == -1)
		return;
	with_stderr(p[1], lines);
	read_all(p[0], 100000, &s);
	close(p[0]);
	is_str(s.s,
	    "msfetch: a x?b?\nmsfetch: shown\nmsfetch: file: broken\nmsfetch: no subject\n"
	    "hint: one\nhint: two\n",
	    "lines");
	str_release(&s);
	is_str(log_program(), "mstools", "the name before log_init");
	is_int(log_verbose(), 0, "not verbose before it");
}

static void
drawn(void)
{
	const struct timespec second = { 1, 50000000 };
	struct winsize w = { .ws_row = 24, .ws_col = 30 };

	setenv("TERM", "xterm", 1);
	ioctl(STDERR_FILENO, TIOCSWINSZ, &w);
	log_init("msfetch", 0);
	progress_init(true);
	progress_total(10, 1000);
	nanosleep(&second, NULL);
	progress_add(2, 200);
	log_warn("between");
	progress_end();
	progress_add(1, 100);
}

static void
test_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct str s = STR_INIT;
	char buf[4096];
	ssize_t n;

	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) == -1) {
		note("no pseudo-terminal here");
		return;
	}
	with_stderr(slave, drawn);
	while ((n = read(master, buf, sizeof buf)) > 0)
		str_add(&s, buf, (size_t)n);
	is_str(s.s, "\rmsfetch: 2 of 10 messages, 20\033[K\r\033[Kmsfetch: between\r\n",
	    "one line, cut to the width, taken off before a message");
	str_release(&s);
	close(master);
}

static void
nothing_drawn(void)
{
	const struct timespec second = { 1, 50000000 };

	setenv("TERM", "dumb", 1);
	progress_init(true);
	nanosleep(&second, NULL);
	progress_add(1, 100);
	setenv("TERM", "xterm", 1);
	progress_init(false);
	nanosleep(&second, NULL);
	progress_add(1, 100);
}

static void
test_dumb(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char buf[64];

	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) == -1)
		return;
	with_stderr(slave, nothing_drawn);
	ok(read(master, buf, sizeof buf) <= 0, "nothing on a dumb terminal, nor unwanted");
	close(master);
}

int
main(void)
{
	test_lines();
	test_terminal();
	test_dumb();
	return done_testing();
}
