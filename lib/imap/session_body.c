/*
 * A body goes once through a buffer: CRLF becomes LF while it is copied there,
 * and from there it is hashed and written in large pieces, while it is in the
 * processor's cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "imap/header.h"
#include "imap/session_priv.h"

#define BODY_OUT (128 * 1024)

void
body_init(struct body *b, bool keep_crlf)
{
	memset(b, 0, sizeof *b);
	b->out = xmalloc(BODY_OUT);
	b->keep_crlf = keep_crlf;
	b->fd = -1;
}

void
body_release(struct body *b)
{
	free(b->out);
	quirk_substitute_release(&b->substitute);
}

void
body_begin(struct body *b, int fd, uint32_t slot)
{
	sha256_begin(&b->md);
	quirk_substitute_reset(&b->substitute);
	b->taken = true;
	b->whole = b->cr = b->told = false;
	b->first = true;
	b->fd = fd;
	b->slot = slot;
	b->nout = 0;
	b->bytes = b->msgid = 0;
}

static int
body_flush(struct body *b)
{
	size_t n = b->nout;

	b->nout = 0;
	if (n == 0)
		return 0;
	if (b->first) {
		quirk_substitute_feed(&b->substitute, b->out, n);
		b->msgid = header_msgid(b->out, n);
	}
	b->first = false;
	b->bytes += n;
	sha256_add(&b->md, b->out, n);
	return write_all(b->fd, b->out, n);
}

static int
put(struct body *b, const char *p, size_t n)
{
	size_t k;

	while (n > 0) {
		k = BODY_OUT - b->nout < n ? BODY_OUT - b->nout : n;
		memcpy(b->out + b->nout, p, k);
		b->nout += k;
		p += k;
		n -= k;
		if (b->nout == BODY_OUT && body_flush(b) == -1)
			return -1;
	}
	return 0;
}

/* The CR that ended the piece before: kept unless LF follows. */
static int
settle_cr(struct body *b, const char *p, size_t n)
{
	if (!b->cr)
		return 0;
	b->cr = false;
	return n > 0 && *p == '\n' ? 0 : put(b, "\r", 1);
}

int
body_add(struct body *b, const char *p, size_t n)
{
	const char *end = p + n, *from = p, *q;

	if (n == 0)
		return 0;
	if (b->keep_crlf)
		return put(b, p, n);
	if (settle_cr(b, p, n) == -1)
		return -1;
	for (; p < end && (q = memchr(p, '\r', (size_t)(end - p))) != NULL; p = q + 1) {
		if (q + 1 < end && q[1] != '\n')
			continue;
		if (put(b, from, (size_t)(q - from)) == -1)
			return -1;
		from = q + 1;
		b->cr = from == end;
	}
	return put(b, from, (size_t)(end - from));
}

int
body_end(struct body *b)
{
	if (settle_cr(b, NULL, 0) == -1 || body_flush(b) == -1)
		return -1;
	sha256_end(&b->md, b->sha256);
	b->whole = true;
	return 0;
}

int
body_undo(struct body *b)
{
	if (ftruncate(b->fd, 0) == -1)
		return -1;
	return lseek(b->fd, 0, SEEK_SET) == -1 ? -1 : 0;
}
