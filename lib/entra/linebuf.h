/*
 * linebuf: a buffered reader of lines that can also be asked without blocking.
 * What it holds may be a token, so the buffer is cleansed.
 */
#ifndef MSTOOLS_LINEBUF_H
#define MSTOOLS_LINEBUF_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

/* What ends a line: a newline; or a NUL, for paths that may hold newlines; or whichever comes first. */
enum linebuf_end { LINEBUF_LF, LINEBUF_NUL, LINEBUF_EITHER };

struct linebuf {
	int fd;		      /* foreign */
	enum linebuf_end end; /* may be changed between two lines */
	size_t max;	      /* longest line, without its end */
	bool eof;
	unsigned long lineno;		   /* of the line taken last; 0 before the first */
	const volatile sig_atomic_t *stop; /* NULL allowed; see source_set_stop */

	struct secret buf;
	size_t off;    /* start of the next line in buf */
	size_t back;   /* start of the line taken last */
	char ended;    /* by what the line taken last was ended */
	bool skipping; /* inside a line that is too long */
};

#define LINEBUF_INIT(fd_, max_) \
	{ \
		.fd = (fd_), .max = (max_), .buf = SECRET_INIT \
	}

void linebuf_release(struct linebuf *); /* does not close fd */

/*
 * Takes a line that is in the buffer, or at the end of the file what is left of
 * one.  *line is NUL-terminated, without its end, and lives until the next call
 * of any function here.  1 a line, 0 none yet (or none any more, if eof), -1 an
 * overlong line, which is skipped; err set (ERR_DATA/STAGE_STDIN).
 */
int linebuf_take(struct linebuf *, char **line, size_t *len, struct err *);

/* Gives the line taken last back: it is the next one again.  Once, right after linebuf_take returned 1. */
void linebuf_untake(struct linebuf *);

/*
 * Waits until something can be read and reads it.  wait_ms -1: without limit;
 * 0: not at all.  1 more is in the buffer, or eof is set now; 0 nothing in this
 * time; -1 with err set (ERR_IO, or ERR_AGAIN with EINTR once *stop is set).
 */
int linebuf_fill(struct linebuf *, int wait_ms, struct err *);

/* Take, and where there is none fill, until the time is over.  1, -1 as above, 0 end of file or time over. */
int linebuf_next(struct linebuf *, int wait_ms, char **line, size_t *len, struct err *);

#endif
