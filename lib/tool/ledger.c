#include "tool/ledger.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define FILE_CHUNK (64 * 1024)
#define SLICE_MS 250 /* how soon a stop is seen */

struct ledger {
	int fd; /* foreign */
	enum receipt_format format;
	bool quiet, file;
	bool begun;			   /* something was written */
	const volatile sig_atomic_t *stop; /* foreign; NULL: nothing stops it */
	struct str buf;			   /* whole lines */
	struct str line;		   /* scratch */
};

struct ledger *
ledger_new(int fd, enum receipt_format format, bool quiet)
{
	struct ledger *o = xcalloc(1, sizeof *o);
	struct stat st;

	o->fd = fd;
	o->format = format;
	o->quiet = quiet;
	o->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	return o;
}

void
ledger_free(struct ledger *o)
{
	if (o == NULL)
		return;
	str_release(&o->buf);
	str_release(&o->line);
	free(o);
}

static char
terminator(const struct ledger *o)
{
	return o->format == RECEIPT_PATH0 ? '\0' : '\n';
}

void
ledger_set_stop(struct ledger *o, const volatile sig_atomic_t *stop)
{
	o->stop = stop;
}

/* Until the reader takes something: what chunk() gives then goes without blocking.  0, or -1 with errno. */
static int
wait_writable(const struct ledger *o)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };
	int64_t end = 0;

	while (poll(&pfd, 1, SLICE_MS) <= 0) {
		if (o->stop == NULL || *o->stop == 0)
			continue;
		if (end == 0)
			end = now_ms() + LEDGER_PATIENCE_MS;
		if (now_ms() >= end) {
			errno = EINTR;
			return -1;
		}
	}
	return 0;
}

/* Bytes written, or -1 with errno. */
static ssize_t
write_some(const struct ledger *o, const char *p, size_t n)
{
	ssize_t w;

	do
		if (!o->file && wait_writable(o) == -1)
			return -1;
	while ((w = write(o->fd, p, n)) == -1 && (errno == EINTR || errno == EAGAIN));
	return w;
}

/*
 * A file took only part of a line: cut it off, if nobody has written behind it.
 * Errors do not matter: the line is torn then, and the next run ends it.
 */
static void
cut(const struct ledger *o, const char *whole, size_t written)
{
	off_t end = lseek(o->fd, 0, SEEK_CUR);
	struct stat st;
	size_t part = 0;

	while (part < written && whole[written - part - 1] != terminator(o))
		part++;
	if (part == 0 || end == -1 || fstat(o->fd, &st) == -1 || st.st_size != end)
		return;
	if (ftruncate(o->fd, end - (off_t)part) == 0)
		(void)lseek(o->fd, end - (off_t)part, SEEK_SET);
}

/* Writes n bytes of whole lines.  0 or -1 with errno. */
static int
write_whole(const struct ledger *o, const char *p, size_t n)
{
	size_t done = 0;
	ssize_t w;
	int saved;

	while (done < n) {
		w = write_some(o, p + done, n - done);
		if (w > 0) {
			done += (size_t)w;
			continue;
		}
		saved = w == 0 ? ENOSPC : errno;
		if (o->file)
			cut(o, p, done);
		errno = saved;
		return -1;
	}
	return 0;
}

/* Does the file end in the middle of a line?  What cannot be read is taken for whole. */
static bool
torn(const struct ledger *o)
{
	char path[40], last = terminator(o);
	struct stat st;
	int fd;

	if (!o->file || fstat(o->fd, &st) == -1 || st.st_size == 0)
		return false;
	if (!(fcntl(o->fd, F_GETFL) & O_APPEND) && lseek(o->fd, 0, SEEK_CUR) != st.st_size)
		return false;					/* we write elsewhere */
	snprintf(path, sizeof path, "/proc/self/fd/%d", o->fd); /* ">>" gives a descriptor for writing only */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	if (pread(fd, &last, 1, st.st_size - 1) != 1)
		last = terminator(o);
	close(fd);
	return last != terminator(o);
}

/* The longest prefix of whole lines that one write may take; a line that is longer goes alone. */
static size_t
chunk(const struct ledger *o, const char *p, size_t n)
{
	size_t max = o->file ? FILE_CHUNK : PIPE_BUF, len;
	const char *e;

	if (n <= max)
		return n;
	for (len = max; len > 0; len--)
		if (p[len - 1] == terminator(o))
			return len;
	e = memchr(p, terminator(o), n);
	return e == NULL ? n : (size_t)(e - p) + 1;
}

static int
write_buffer(struct ledger *o)
{
	char end = terminator(o);
	size_t off, n;

	if (!o->begun && torn(o) && write_whole(o, &end, 1) == -1)
		return -1;
	o->begun = true;
	for (off = 0; off < o->buf.len; off += n) {
		n = chunk(o, o->buf.s + off, o->buf.len - off);
		if (write_whole(o, o->buf.s + off, n) == -1)
			return -1;
	}
	str_clear(&o->buf);
	return 0;
}

static int
failed(struct ledger *o, int errnum, struct err *err)
{
	str_clear(&o->buf); /* the next run pays these */
	return err_sys(err, ERR_IO, STAGE_FILE, errnum, "standard output", "cannot write receipts");
}

int
ledger_line(struct ledger *o, const void *line, size_t n, struct err *err)
{
	if (o->quiet)
		return 0;
	str_add(&o->buf, line, n);
	if (o->buf.len >= FILE_CHUNK && write_buffer(o) == -1)
		return failed(o, errno, err);
	return 0;
}

int
ledger_add(struct ledger *o, const struct receipt *r, struct err *err)
{
	str_clear(&o->line);
	receipt_format(&o->line, r, o->format);
	return ledger_line(o, o->line.s, o->line.len, err);
}

int
ledger_flush(struct ledger *o, struct err *err)
{
	if (o->buf.len == 0 && !o->begun)
		return 0;
	if (write_buffer(o) == -1)
		return failed(o, errno, err);
	if (o->file && fdatasync(o->fd) == -1)
		return failed(o, errno, err);
	return 0;
}
