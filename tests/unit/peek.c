/* Unit test of lib/entra/peek. */
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/util.h"
#include "entra/peek.h"
#include "t.h"

static char got[PEEK_MAX], text[2 * PEEK_MAX];

static void
seen(int fd, const char *want, const char *name)
{
	ssize_t n = (ssize_t)strlen(want);

	is_int(peek(fd, got), n, "%s: is seen", name);
	is_str(got, want, "%s: as it is", name);
	is_int(peek(fd, got), n, "%s: again", name);
	is_int(read(fd, got, (size_t)n), n, "%s: and is still there", name);
	is_mem(got, want, (size_t)n, "%s: whole", name);
}

/* The writing end of what fd reads from. */
static void
stream(int fd, int to, const char *name)
{
	ok(peek_possible(fd), "%s: can be looked into", name);
	is_int(peek(fd, got), -1, "%s: nothing is there yet", name);
	is_int(errno, EAGAIN, "%s: which is said, not waited for", name);
	is_str(got, "", "%s: and what was seen before is gone", name);
	is_int(write(to, "a line\nand more", 15), 15, "%s: something comes", name);
	seen(fd, "a line\nand more", name);
	is_int(write(to, text, sizeof text), sizeof text, "%s: more than is looked at", name);
	is_int(peek(fd, got), PEEK_MAX - 1, "%s: the head of it", name);
	is_int(strlen(got), PEEK_MAX - 1, "%s: with an end", name);
	is_int(read(fd, text, sizeof text), sizeof text, "%s: all of it is there", name);
	close(to);
	is_int(peek(fd, got), 0, "%s: the end", name);
	close(fd);
}

static void
streams(void)
{
	int p[2], s[2];

	if (pipe2(p, O_CLOEXEC) == -1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == -1)
		return;
	stream(p[0], p[1], "a pipe");
	stream(s[0], s[1], "a socket");
}

static void
file(void)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof path, "%s/file", t_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ok(write(fd, "first\nsecond\n", 13) == 13 && lseek(fd, 6, SEEK_SET) == 6, "a file read in part");
	ok(peek_possible(fd), "a file: can be looked into");
	seen(fd, "second\n", "a file");
	is_int(peek(fd, got), 0, "a file: the end");
	close(fd);
}

static void
impossible(int fd, int why, const char *name)
{
	ok(!peek_possible(fd), "%s: cannot be looked into", name);
	is_int(peek(fd, got), -1, "%s: nor is it", name);
	is_int(errno, why, "%s: why", name);
}

static void
others(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), dir = open("/", O_RDONLY | O_CLOEXEC),
	    tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	impossible(null, ESPIPE, "/dev/null");
	impossible(dir, ESPIPE, "a directory");
	if (tty != -1)
		impossible(tty, ESPIPE, "a terminal");
	close(tty);
	close(dir);
	close(null);
	impossible(null, EBADF, "no descriptor");
}

static void
waiting(void)
{
	volatile sig_atomic_t stop = 0;
	int64_t begun = now_ms();
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return;
	is_int(peek_wait(p[0], 600, &stop), 0, "nothing comes");
	ok(now_ms() - begun >= 600, "which takes its time");
	stop = 1;
	is_int(peek_wait(p[0], 60000, &stop), -1, "a stop ends the wait");
	is_int(peek_wait(p[0], 0, NULL), 0, "nothing now");
	is_int(write(p[1], "x", 1), 1, "something");
	is_int(peek_wait(p[0], 60000, NULL), 1, "is there at once");
	is_int(read(p[0], got, 1), 1, "taken");
	close(p[1]);
	is_int(peek_wait(p[0], 60000, NULL), 1, "so is the end");
	close(p[0]);
}

/* To look into a pipe takes another one. */
static void
few_descriptors(void)
{
	struct rlimit was, few;
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return;
	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	few.rlim_cur = (rlim_t)p[1] + 1;
	is_int(write(p[1], "x", 1), 1, "a pipe with something in it");
	setrlimit(RLIMIT_NOFILE, &few);
	is_int(peek(p[0], got), -1, "cannot be looked into without descriptors");
	is_int(errno, EMFILE, "which is said");
	setrlimit(RLIMIT_NOFILE, &was);
	seen(p[0], "x", "later");
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	alarm(60); /* what must not wait would wait for ever */
	memset(text, 't', sizeof text);
	streams();
	file();
	others();
	waiting();
	few_descriptors();
	return done_testing();
}
