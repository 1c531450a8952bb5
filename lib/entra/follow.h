/* follow: mstoken --follow, tokens for a program that runs longer than one lasts. */
#ifndef MSTOOLS_FOLLOW_H
#define MSTOOLS_FOLLOW_H

#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "token.h"

/*
 * Writes a token to fd, and a newer one each time before the last one runs out
 * (min_valid seconds before, or at its refresh time if that is earlier; of a
 * token that lives shorter than that, at half its life).  Returns 0 as soon as
 * nobody reads fd any more.  If no newer one can be had, tries again until the
 * last one has run out; then, or if the first one fails, -1 with err set.
 * SIGPIPE must be ignored. fd may be anything: a terminal or file has no reader
 * that could go.
 */
int follow_run(const struct options *o, int fd, struct err *);

/* When to ask for the next one, seconds since the epoch; after t->obtained in any case. */
int64_t follow_next(const struct token *t, unsigned min_valid);

#endif
