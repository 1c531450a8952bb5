/*
 * cachedir: a private directory and small files in it, with the checks that
 * secrets deserve: the directory is ours (made 0700) and no one else can write
 * to it, a file is regular, ours, closed to others, has one name, and is no
 * symbolic link.
 */
#ifndef MSTOOLS_CACHEDIR_H
#define MSTOOLS_CACHEDIR_H

#include "err.h"
#include "secret.h"

/*
 * Where the cache is: option if not NULL, else $CACHE_DIRECTORY (its first
 * entry), $XDG_CACHE_HOME/mstools, ~/.cache/mstools (HOME, else the password
 * file).  malloc'd; NULL if there is no home either.
 */
char *cachedir_path(const char *option);

/*
 * Opens the directory, making it and its missing parents (0700).  Returns a
 * descriptor, or -1 with err set (STAGE_FILE) if it cannot be made, is not
 * ours, or others can write to it.
 */
int cachedir_open(const char *option, struct err *);

/*
 * Reads a whole file of at most max bytes.  1 read, 0 no such file, -1 with
 * err set: it cannot be trusted or read.
 */
int cachedir_read(int dirfd, const char *name, size_t max, struct secret *out, struct err *);

#endif
