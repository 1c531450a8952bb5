/* rebuild_int: parts of rebuild, of which verify uses some.  Internal to lib/tool. */
#ifndef MSTOOLS_REBUILD_INT_H
#define MSTOOLS_REBUILD_INT_H

#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "mail/maildir.h"
#include "mail/state.h"

/* Mailbox in lower case, and the host as file names spell it; both malloc'd. */
void rebuild_names(char **user, char **host, const struct options *);

/*
 * Copies what old knows of every mailbox but user at host.  Messages of theirs
 * that a killed run has left in the stage are fetched again by their next run.
 * Within a transaction of fresh.  0 or -1.
 */
int rebuild_carry(struct state *old, struct state *fresh, struct maildir *, const char *user,
    const char *host, struct err *);

/* As rebuild_digest, and the hash of its Message-ID. */
int rebuild_read(const char *path, unsigned char sha256[32], uint64_t *bytes, uint64_t *msgid);

/*
 * The receipts that old owes, for every message that fresh knows: its next run
 * writes them.  Within a transaction of fresh.  0 or -1.
 */
int rebuild_owe(struct state *old, struct state *fresh, struct err *err);

#endif
