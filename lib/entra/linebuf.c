/* linebuf: see linebuf.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "linebuf.h"

#define SLICE_MS 250 /* how soon *stop is seen, should the signal come right before poll */

void
linebuf_release(struct linebuf *l)
{
	secret_release(&l->buf);
}

/* Forgets what has been taken, but for the last line, which may be given back. */
static void
compact(struct linebuf *l)
{
	size_t left = l->buf.len - l->back;

	if (l->back == 0)
		return;
	memmove(l->buf.s, l->buf.s + l->back, left);
	explicit_bzero(l->buf.s + left, l->buf.len - left);
	l->buf.len = left;
	l->off -= l->back;
	l->back = 0;
}

static int
overlong(struct linebuf *l, struct err *err)
{
	l->skipping = false;
	l->lineno++;
	return err_set(err, ERR_DATA, STAGE_STDIN, NULL, "line %lu is longer than %zu bytes", l->lineno,
	    l->max);
}

/* Where the line at s ends, within n bytes; NULL: further on. */
static char *
line_end(const struct linebuf *l, char *s, size_t n)
{
	char *nl = l->end != LINEBUF_NUL ? memchr(s, '\n', n) : NULL;
	char *nul = l->end != LINEBUF_LF ? memchr(s, '\0', nl != NULL ? (size_t)(nl - s) : n) : NULL;

	return nul != NULL ? nul : nl;
}

int
linebuf_take(struct linebuf *l, char **line, size_t *len, struct err *err)
{
	size_t left = l->buf.len - l->off;
	char *s = left > 0 ? l->buf.s + l->off : NULL;
	char *nl = s != NULL ? line_end(l, s, left) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - s) : left;
	bool skip = l->skipping || n > l->max;

	l->back = l->off;
	if (nl == NULL && !l->eof) {
		if (skip) { /* its middle is not worth keeping */
			l->skipping = true;
			l->off = l->back = l->buf.len;
		}
		return 0;
	}
	if (nl == NULL && left == 0)
		return l->skipping ? overlong(l, err) : 0;
	l->off += n + (nl != NULL);
	if (skip) {
		l->back = l->off;
		return overlong(l, err);
	}
	if (nl != NULL) {
		l->ended = *nl;
		*nl = '\0';
	}
	l->lineno++;
	*line = s;
	*len = n;
	return 1;
}

void
linebuf_untake(struct linebuf *l)
{
	if (l->off > l->back && l->buf.s[l->off - 1] == '\0')
		l->buf.s[l->off - 1] = l->ended;
	l->off = l->back;
	l->lineno--;
}

static bool
stopped(const struct linebuf *l)
{
	return l->stop != NULL && *l->stop != 0;
}

/* 1 readable, 0 not in this time, -1 stopped. */
static int
wait_readable(const struct linebuf *l, int wait_ms, struct err *err)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };
	int64_t now = now_ms(), end = now + wait_ms;
	int slice;

	for (;;) {
		if (stopped(l))
			return err_sys(err, ERR_AGAIN, STAGE_STDIN, EINTR, NULL,
			    "standard input was not waited for");
		slice = wait_ms >= 0 && end - now < SLICE_MS ? (int)(end - now) : SLICE_MS;
		if (poll(&pfd, 1, slice > 0 ? slice : 0) > 0)
			return 1;
		now = now_ms();
		if (wait_ms >= 0 && now >= end)
			return 0;
	}
}

int
linebuf_fill(struct linebuf *l, int wait_ms, struct err *err)
{
	char buf[16384];
	ssize_t k;
	int r;

	if (l->eof)
		return 1;
	r = wait_readable(l, wait_ms, err);
	if (r != 1)
		return r;
	compact(l);
	k = read(l->fd, buf, sizeof buf);
	if (k > 0) {
		secret_add(&l->buf, buf, (size_t)k);
		explicit_bzero(buf, (size_t)k);
	} else if (k == 0) {
		l->eof = true;
	} else if (errno == EINTR || errno == EAGAIN) {
		return 0;
	} else {
		return err_sys(err, ERR_IO, STAGE_STDIN, errno, NULL, "cannot read standard input");
	}
	return 1;
}

int
linebuf_next(struct linebuf *l, int wait_ms, char **line, size_t *len, struct err *err)
{
	int64_t end = now_ms() + wait_ms, left = wait_ms;
	int r;

	for (;;) {
		r = linebuf_take(l, line, len, err);
		if (r != 0 || l->eof)
			return r;
		if (wait_ms >= 0)
			left = end - now_ms();
		if (linebuf_fill(l, left > 0 || wait_ms < 0 ? (int)left : 0, err) == -1)
			return -1;
		if (wait_ms >= 0 && now_ms() >= end)
			return linebuf_take(l, line, len, err);
	}
}
