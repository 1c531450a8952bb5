/*
 * list: one run of msls: the folders of a mailbox, or the messages of one
 * folder, to standard output; nothing changes in the mailbox.
 *
 * Memory does not grow with the folder: messages are asked for in windows of
 * UIDs, two in flight, and each is printed as it comes.  (--search and --newest
 * hold the UIDs that match, four bytes each.)
 */
#ifndef MSTOOLS_LIST_H
#define MSTOOLS_LIST_H

#include <signal.h>

#include "base/err.h"
#include "base/opt.h"
#include "entra/source.h"

struct list_report {
	char folder[1024]; /* the folder that the error is about, or "" */
};

/*
 * Runs to the end, or until stop becomes non-zero.  SIGPIPE must be ignored.
 * 0, or -1 with err set (EPIPE keeps its errno).
 */
int list_run(const struct options *, struct source *, const volatile sig_atomic_t *stop, struct list_report *,
    struct err *);

#endif
