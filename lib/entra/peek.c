/* peek: see peek.h. */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/util.h"
#include "peek.h"

#define SLICE_MS 250

bool
peek_possible(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int
peek_wait(int fd, int wait_ms, const volatile sig_atomic_t *stop)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t now = now_ms(), end = now + wait_ms;

	for (;;) {
		if (stop != NULL && *stop != 0)
			return -1;
		if (poll(&pfd, 1, end - now < SLICE_MS ? (int)(end - now) : SLICE_MS) > 0)
			return 1;
		now = now_ms();
		if (now >= end)
			return 0;
	}
}

/* tee(2) copies from pipe to pipe and takes nothing away. */
static ssize_t
peek_pipe(int fd, char *buf, size_t size)
{
	ssize_t n;
	int p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	n = tee(fd, p[1], size, SPLICE_F_NONBLOCK);
	if (n > 0)
		n = read(p[0], buf, (size_t)n);
	close(p[0]);
	close(p[1]);
	return n;
}

ssize_t
peek(int fd, char buf[PEEK_MAX])
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode)) {
		n = pread(fd, buf, PEEK_MAX - 1, lseek(fd, 0, SEEK_CUR));
	} else if (S_ISFIFO(st.st_mode)) {
		n = peek_pipe(fd, buf, PEEK_MAX - 1);
	} else if (S_ISSOCK(st.st_mode)) {
		n = recv(fd, buf, PEEK_MAX - 1, MSG_PEEK | MSG_DONTWAIT);
	} else {
		errno = ESPIPE;
		n = -1;
	}
	buf[n > 0 ? n : 0] = '\0';
	return n;
}
