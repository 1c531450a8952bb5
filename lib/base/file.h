/*
 * file: system calls done right once: whole writes, bounded reads, atomic
 * replacement, durable directories, locks.  EINTR is retried here.
 * All descriptors made here are close-on-exec.
 */
#ifndef MSTOOLS_FILE_H
#define MSTOOLS_FILE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "secret.h"
#include "util.h"

/* n random bytes, 256 at most (so many come at once).  0, or -1 with errno. */
int random_bytes(void *, size_t n);
/* Writes all n bytes; 0, or -1 with errno (a short write that makes no progress is ENOSPC). */
int write_all(int fd, const void *, size_t n);
/* Opens for reading; a FIFO without waiting for its writer.  -1 with errno. */
int file_open(const char *path);
/*
 * read(2) that waits for a FIFO's or a terminal's next bytes, FILE_WAIT_MS at
 * most: then -1 with ETIMEDOUT.  0 at the end.
 */
ssize_t file_get(int fd, void *buf, size_t n);
#define FILE_WAIT_MS 60000
/* Reads until EOF or max bytes; appends to out.  0, or -1 with errno (EFBIG: more than max; as file_get). */
int read_all(int fd, size_t max, struct str *out);
/* The same for what must be cleansed. */
int read_all_secret(int fd, size_t max, struct secret *out);
/* read_all of a path, which may be a FIFO; err names the path. */
int file_read(const char *path, size_t max, struct str *out, struct err *);

/*
 * Replaces dir/name by the n bytes at data, mode 0600: O_EXCL temporary in the
 * same directory, write, fsync, rename, fsync of the directory.  On failure
 * the old file is untouched and the temporary is removed.
 */
int file_replace(int dirfd, const char *name, const void *data, size_t n, struct err *);
/*
 * Removes the temporaries of dir/name that killed processes have left, as far as
 * that can be done.  Nobody else replaces dir/name meanwhile: the caller has its lock.
 */
void file_replace_tidy(int dirfd, const char *name);

/* fsync of a directory descriptor; file systems that cannot (EINVAL) count as done. */
int dir_sync(int dirfd);
/* mkdir with all missing parents, each 0700; existing ones are left alone. */
int mkdir_parents(const char *path, struct err *);
/* Absolute path of p, without resolving symbolic links; malloc'd. */
char *path_absolute(const char *p);

/*
 * Opens (creating 0600) and flocks dirfd/name.  wait_ms 0: try once; -1: wait
 * for ever.  Returns the descriptor, -1 with err set, or -2 when another
 * process holds it.  O_NOFOLLOW; must be a regular file owned by us.  A signal
 * whose handler returns ends the wait: -1 with err->sys EINTR.
 */
int file_lock(int dirfd, const char *name, int wait_ms, struct err *);

/*
 * Opens for reading with the checks a secret deserves: regular file or FIFO,
 * owned by root or us, no access for group or others (but read by group root
 * in a file of root's, which is how systemd hands over credentials).  -1 with
 * err set (ERR_CONFIG/STAGE_CREDENTIAL, the text holds the chmod to run).  Read
 * from it by file_get or read_all_secret: it does not wait for a FIFO's writer.
 */
int file_open_secret(const char *path, struct err *);
/* The checks alone, of what is open already; path is for err.  0, or -1 as above. */
int file_check_secret(int fd, const char *path, struct err *);

#endif
