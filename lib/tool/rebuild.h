/*
 * rebuild: msfetch --rebuild: a lost state is made again from the names of the
 * files in the Maildir.
 *
 * A name has the UIDVALIDITY, the UID, the host, and a hash of mailbox and
 * folder; which folder that is, the server's list of folders tells.  What fits
 * none is another mailbox's, or of a folder that is gone: it stays where it is,
 * and is reported.  If the old state can still be read, what it knows of other
 * mailboxes is taken over, and whose receipts are owed; and files of a folder
 * that it knew and the server does not (it may have been renamed) are recorded
 * under that name, for the next run to find out what became of it.
 *
 * Every folder begins again with settled = 1 and the rows that there are files
 * for: the next run lists it, fetches what is missing and nothing twice.
 *
 * The new state is made beside the old one (STATE.new) and takes its place when
 * it is whole: first the Maildir's id, then the old state goes to STATE.old,
 * then the new one gets its name.  Killed in between, no run fetches anything
 * before --rebuild has been run again.
 */
#ifndef MSTOOLS_REBUILD_H
#define MSTOOLS_REBUILD_H

#include <signal.h>

#include "base/err.h"
#include "base/opt.h"
#include "entra/source.h"
#include "tool/fetch.h"

/* 0, or -1 with err set (ERR_CONFIG: there is nothing to rebuild from); the old state is then as it was. */
int rebuild_run(const struct options *, struct source *, const volatile sig_atomic_t *stop,
    struct fetch_report *, struct err *);

/*
 * SHA-256 and size of a file.  1; 0 if it is not there; -1 with errno (EINVAL: no regular file).
 */
int rebuild_digest(const char *path, unsigned char sha256[32], uint64_t *bytes);

#endif
