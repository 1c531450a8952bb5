/*
 * trace: the protocol of one connection for --trace FILE, readable:
 *
 *	[pid] seconds C: what we send, a line each
 *	[pid] seconds S: what the server sends
 *	[pid] seconds S| literals of at most TRACE_LITERAL bytes; longer ones as their size
 *
 * One write(2) a line, so that several workers may share a file.  Secrets are
 * masked: what is sent as private is one whole line, and only what stands
 * before its last blank is shown.  Nor is what the server makes of it, should it
 * send it back before anything else is sent.
 */
#ifndef MSTOOLS_TRACE_H
#define MSTOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "imap/lines.h"

#define TRACE_LITERAL 2048
#define TRACE_LINE 4096 /* longer lines are cut */

struct trace {
	int fd; /* foreign; -1: off */
	int64_t start;
	bool wary; /* the last thing sent was private */
	struct lines sent, received;
	struct str sent_line, received_line;
};

void trace_init(struct trace *);
void trace_start(struct trace *, int fd);
void trace_sent(struct trace *, const char *, size_t, bool private);
void trace_received(struct trace *, const char *, size_t);
void trace_note(struct trace *, const char *text); /* "[pid] seconds -- text" */
void trace_release(struct trace *);

#endif
