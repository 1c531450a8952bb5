/*
 * fetch: one run of msfetch, from the lock to the last receipt (design §§4, 5).
 *
 *	store	Maildir, lock, state, and whether they belong together
 *	commit	recovery, debts; the group commit
 *	link	the connections
 *	look	folders, generations, what is new
 *	deliver	batches to workers, messages to the commit, losses, poison
 *
 * The library prints only through log and progress.
 */
#ifndef MSTOOLS_FETCH_H
#define MSTOOLS_FETCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "entra/source.h"

/* What a run has to tell beside its error. */
struct fetch_report {
	uint64_t messages, bytes; /* delivered */
	bool silent;		  /* --grace: a passing trouble that need not be told yet */
	char folder[1024];	  /* the folder that the error is about, or "" */
};

/*
 * Runs to the end.  stop becomes non-zero when a signal asks to end: then what
 * is complete is committed, its receipts are written, and 0 or -1 returned as
 * far as it got; the caller dies by the signal.  SIGPIPE must be ignored.
 * 0, or -1 with the weightiest of the run's errors in err (the others have
 * been logged).
 */
int fetch_run(const struct options *, struct source *, const volatile sig_atomic_t *stop,
    struct fetch_report *, struct err *);

#endif
