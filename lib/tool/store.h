/*
 * store: what a run of msfetch needs on disk before it may begin: the Maildir,
 * the lock, the state, and that they belong together (design §5, State).
 *
 *	MAILDIR/.mstools.lock	held for the whole run; STATE.lock besides with --state
 *	MAILDIR/.mstools.db	the state, or --state
 *	MAILDIR/.mstools.id	the id of the state that this Maildir was filled by
 *
 * A Maildir that we have filled without the state that says with what is
 * refused: fetching everything again must be somebody's decision.
 */
#ifndef MSTOOLS_STORE_H
#define MSTOOLS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "mail/maildir.h"
#include "mail/state.h"

struct store {
	struct maildir *md;  /* NULL: --pipe without MAILDIR, or a dry run before there is one */
	struct state *state; /* NULL: a dry run before there is one */
	char *state_path;
	int state_lock;	    /* descriptor, or -1 */
	char *user;	    /* lower case: the identity's */
	const char *host;   /* foreign */
	int64_t busy_since; /* ERR_AGAIN because another run holds the lock: when it began; else 0 */
};
#define STORE_INIT \
	{ \
		.state_lock = -1 \
	}

enum store_mode {
	STORE_RUN,     /* makes what is missing */
	STORE_LOOK,    /* makes nothing (--dry-run, --verify) */
	STORE_BASELINE /* as STORE_RUN, and a lost state may begin anew */
};
/* 0, or -1 with err set; store_close is due in both cases. */
int store_open(struct store *, const struct options *, enum store_mode, struct err *);
void store_close(struct store *);

#endif
