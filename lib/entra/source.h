/*
 * source: where a program's token comes from (mstools(7), TOKENS).
 *
 * - stdin: the first line; used whenever it holds a token, also where a
 *   command or a file is configured.  This module is the one reader of fd 0,
 *   and buffers it: nobody else may read from stdin.
 * - --token-cmd: run by /bin/sh -c with stdin /dev/null and stderr ours.
 * - --token-file: the last whole line (so that "mstoken --follow >FILE"
 *   works); read again for every newer token.
 *
 * What follows the first line on stdin: newer tokens for msfetch and msls, and
 * for msmark when files are named as operands; else msmark's receipts.
 *
 * A token is 1…SOURCE_TOKEN_MAX printable ASCII characters without blanks and
 * without '@' (RFC 6750 has none in a b64token, and it marks a mailbox name),
 * and does not begin with '/', '.' (a path) or '{' (what --json and --claims
 * print).  A line that is none is never printed.
 *
 * Order of calls: source_open, source_token, any of the others, source_free.
 */
#ifndef MSTOOLS_SOURCE_H
#define MSTOOLS_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

#define SOURCE_TOKEN_MAX (64 * 1024)
#define SOURCE_LINE_MAX (64 * 1024) /* of a receipt */

struct source;

/*
 * Decides between stdin, o->token_cmd and o->token_file; o must outlive the
 * source.  Reads nothing yet.  Takes $MSTOOLS_CLIENT_SECRET out of the
 * environment (the token command still gets it, no other child does), so call
 * it before anything is forked.
 * 0, or -1 with err set: ERR_USAGE/STAGE_STDIN if stdin is a terminal, and
 * would be needed for the token (the text says what to type).
 */
int source_open(struct source **, const struct options *o, struct err *);
void source_free(struct source *); /* NULL is allowed; cleanses */

/*
 * The current token; the first call gets it (waits for stdin, runs the command
 * or reads the file; if that fails, later calls say so again, without trying).
 * *tok is owned by the source and lives until the next call of source_next or
 * source_poll.
 * 0, or -1 with err set: STAGE_STDIN ERR_CONFIG if stdin has no token;
 * STAGE_CREDENTIAL if the command or the file fails (the command's exit status
 * is passed on as the kind it stands for, any that is none of sysexits(3) as
 * ERR_CONFIG; too slow: ERR_AGAIN).
 */
int source_token(struct source *, const struct secret **tok, struct err *)
    __attribute__((warn_unused_result));

/*
 * The current token was refused, or has expired: gets another one.  Takes the
 * newest one that waits on stdin; else runs the command again (with
 * MSTOOLS_REFUSED), or reads the file again; where there is neither and stdin
 * is still open, waits for it a few seconds.  why is for -v only.
 * 1 a token that differs from the current one, which it replaces; 0 none to be
 * had (the current one stays); -1 with err set as above.
 */
int source_next(struct source *, const char *why, const struct secret **tok, struct err *)
    __attribute__((warn_unused_result));

/*
 * Takes a newer token that has arrived on stdin, without blocking.
 * 1 a newer token is now the current one, 0 nothing, -1 with err set (a line
 * that is no token; the current one stays good).
 */
int source_poll(struct source *, struct err *);

/*
 * The descriptor to poll for POLLIN before source_poll; -1 if nothing can come
 * any more (EOF, no stdin, or receipts are read from it).  Ask again after
 * every source_poll.
 */
int source_fd(const struct source *);

/*
 * The next line of stdin after the token: msmark's receipts.  Blocks.
 * With -0 it ends at a NUL instead.
 * *line is NUL-terminated, without the line end, writable, valid until the
 * next call; *len tells of embedded NULs.
 * 1 a line, 0 end, -1 with err set: ERR_DATA for an overlong line (it is
 * skipped; go on if you like), ERR_IO if reading fails.
 */
int source_line(struct source *, char **line, size_t *len, struct err *) __attribute__((warn_unused_result));
/* Number of the line that was read last from stdin, from 1; 0 before the first. */
unsigned long source_lineno(const struct source *);

/* "standard input", "the token command" or the file's name: for messages. */
const char *source_describe(const struct source *);

/*
 * While *stop is zero nothing changes; once it is not (set by a signal
 * handler), every wait above ends soon with -1, err->sys EINTR, ERR_AGAIN.
 */
void source_set_stop(struct source *, const volatile sig_atomic_t *stop);

/* True if the n bytes at s make a token by the rule above. */
bool source_is_token(const char *s, size_t n);

#endif
