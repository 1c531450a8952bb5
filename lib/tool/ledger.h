/*
 * ledger: receipts to standard output, whole lines or nothing.
 *
 * - A pipe gets whole lines in writes of at most PIPE_BUF bytes, so that the
 *   lines of several writers never mix (POSIX write(2)).
 * - A regular file is fdatasync'ed after each group.  A last line without its
 *   end (an earlier crash) is ended before ours begin; a line of ours that the
 *   disk could not hold is cut off again, if it is still the last one.
 *
 * SIGPIPE must be ignored.
 */
#ifndef MSTOOLS_LEDGER_H
#define MSTOOLS_LEDGER_H

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"
#include "mail/receipt.h"

struct ledger;

/* fd is foreign.  quiet: ledger_add does nothing (-q). */
struct ledger *ledger_new(int fd, enum receipt_format, bool quiet);
void ledger_free(struct ledger *);
/* Once *stop is not zero, a reader that takes nothing is waited for LEDGER_PATIENCE_MS only: then -1, EINTR. */
void ledger_set_stop(struct ledger *, const volatile sig_atomic_t *stop);
#define LEDGER_PATIENCE_MS 2000

/* Adds a receipt; written when enough has gathered.  0, or -1 with err set (EPIPE and ENOSPC keep their errno). */
int ledger_add(struct ledger *, const struct receipt *, struct err *);
/* Adds a whole line or record made by the caller. */
int ledger_line(struct ledger *, const void *, size_t, struct err *);
/* Writes what is there, makes it durable if it is a file.  0 or -1. */
int ledger_flush(struct ledger *, struct err *);

#endif
