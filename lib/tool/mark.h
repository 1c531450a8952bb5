/*
 * mark: one run of msmark: does to the messages that receipts name what the
 * options say, and writes a result line for each receipt (mstools(7), RECEIPTS).
 *
 * - Receipts are grouped by user, folder and UIDVALIDITY; one session for each
 *   user, batches of UIDs in each group.
 * - Before anything is done to a message its UIDVALIDITY and INTERNALDATE are
 *   compared with the receipt's.
 * - A command that was sent and whose answer was lost is done again only if that
 *   is harmless (STORE, UID EXPUNGE); for MOVE and COPY it is first looked
 *   where the messages are.  What cannot be found out is "unknown".
 */
#ifndef MSTOOLS_MARK_H
#define MSTOOLS_MARK_H

#include <signal.h>

#include "base/err.h"
#include "base/opt.h"
#include "entra/source.h"

struct mark_report {
	char user[512], folder[1024]; /* what the error is about, or "" */
};

/*
 * Runs to the end, or until stop becomes non-zero: then the results so far are
 * written.  SIGPIPE must be ignored.  0, or -1 with the weightiest of the run's
 * errors in err (the others have been logged).
 */
int mark_run(const struct options *, struct source *, const volatile sig_atomic_t *stop, struct mark_report *,
    struct err *);

#endif
