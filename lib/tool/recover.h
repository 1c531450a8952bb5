/* recover: what a run does first about the runs before it; see commit.h. */
#ifndef MSTOOLS_RECOVER_H
#define MSTOOLS_RECOVER_H

#include "base/err.h"
#include "mail/maildir.h"
#include "mail/state.h"
#include "tool/ledger.h"

/*
 * Places the pending rows of all users, empties the stage, pays the debts of
 * user at host.  md may be NULL.  0, or -1 with err set.
 */
int recover(struct state *, struct maildir *md, struct ledger *, const char *user, const char *host,
    struct err *);

#endif
