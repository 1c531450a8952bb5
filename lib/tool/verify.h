/*
 * verify: msfetch --verify: the server's messages, the state and the files,
 * compared.  A line for each finding goes to standard output:
 *
 *	user folder uidvalidity uid date status detail
 *
 *	missing		was delivered; no file is in new/ or cur/
 *	altered		the file is another than was delivered (size or SHA-256)
 *	quarantined	could not be fetched: why, and when it is tried again
 *	gone		is no longer on the server (not an error)
 *	consumed	was delivered, and the Maildir holds no file of ours at all: a spool
 *	baselined	is on the server and counts as fetched, but never was (--baseline)
 *
 * UIDs are compared in windows, files in batches of them, so memory does not
 * grow with the mailbox.  --prune (o->prune) deletes the rows of "gone", and no
 * file ever.
 */
#ifndef MSTOOLS_VERIFY_H
#define MSTOOLS_VERIFY_H

#include <signal.h>

#include "base/err.h"
#include "base/opt.h"
#include "entra/source.h"
#include "tool/fetch.h"

/* 0; -1 with err set: ERR_DATA if anything is missing or altered. */
int verify_run(const struct options *, struct source *, const volatile sig_atomic_t *stop,
    struct fetch_report *, struct err *);

#endif
