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

#include <pthread.h>
#include <stddef.h>

#include "base/err.h"

#define DURABLE_FEW 8 /* up to so many files are synced one by one anyway */

/*
 * How many files of a file system are made durable.  Ext4 without a journal
 * flushes the disk in syncfs before inodes and directories are written, which
 * stay in the disk's cache until the next fsync.  With a journal it does not,
 * but that cannot be seen.
 */
enum durable_way {
	DURABLE_EACH, /* one by one: syncfs does not tell the truth */
	DURABLE_SYNCFS,
	DURABLE_SYNCFS_FLUSH /* and an fsync of the directory after it */
};
/* That of the file system of fd. */
enum durable_way durable_way(int fd);

/*
 * Makes n files and their directory durable; fds are those of the files, and
 * may be NULL for more than DURABLE_FEW where the way is not DURABLE_EACH.  dirfd must
 * have been open before the first write to any of them.  0; -1 with err set:
 * then nothing is known of any of them, and trying again proves nothing.
 */
int durable_files(const int *fds, size_t n, int dirfd, enum durable_way, struct err *);

/* The same beside what the caller does meanwhile: one thread, which has the job to itself until it is joined. */
struct durable_job {
	int *fds; /* foreign until durable_join */
	size_t n;
	int dirfd;
	enum durable_way way;
	int event; /* an eventfd, foreign: readable when it is done */
	/* private */
	pthread_t thread;
	int rc;
	struct err err;
};
/* 0; -1: no thread to be had, do it yourself. */
int durable_start(struct durable_job *);
/* Waits for it.  As durable_files. */
int durable_join(struct durable_job *, struct err *);

#endif
