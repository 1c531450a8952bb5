/*
 * durable: makes the bodies in the stage, and the stage, survive a power cut.
 *
 * Two ways.  A few files: fdatasync of each.  Many: one syncfs, which is seven
 * times as fast for files of 30 KB, and is used where its result can be
 * trusted: it reports lost writes since Linux 5.8, to a descriptor that was open
 * before the write, and only for file systems that record them (ext4, XFS,
 * Btrfs, F2FS; tmpfs has nothing to lose).  Elsewhere (NFS, overlay, FUSE) the
 * files are synced one by one after write-back of all has been started.
 */
#ifndef MSTOOLS_DURABLE_H
#define MSTOOLS_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DURABLE_FEW 8 /* up to so many files are synced one by one anyway */

/* Does syncfs on the file system of fd tell the truth? */
bool durable_trusts(int fd);

/*
 * Makes n open files and their directory durable.  dirfd must have been open
 * before the first write to any of them.  0; -1 with err set: then nothing is
 * known of any of them, and trying again proves nothing.
 */
int durable_files(const int *fds, size_t n, int dirfd, bool trusts, struct err *);

#endif
