/*
 * backoff: "not before" notes for one user at one IMAP host, in the cache
 * directory.  Exchange throttles by user and says for how long ("Suggested
 * Backoff Time"); a program that ends because of it leaves a note, and none
 * connects for this user before the time is over.
 *
 * Notes are advice: a directory or a file that cannot be used (not ours, a
 * link, writable by others) counts as no note.  A note says when it was made;
 * one from the future (the clock was set back) counts from now, and none lasts
 * longer than BACKOFF_MAX_SECS.
 */
#ifndef MSTOOLS_BACKOFF_H
#define MSTOOLS_BACKOFF_H

#include "err.h"

#define BACKOFF_MAX_SECS 3600

/*
 * Writes the note: no connection for user at host for the next secs seconds.
 * cache_dir: options.cache_dir, NULL for the default order (design:
 * $CACHE_DIRECTORY, $XDG_CACHE_HOME/mstools, ~/.cache/mstools).  A longer note
 * that is there stays.
 * 0, or -1 with err set (worth a warning at most).
 */
int backoff_note(const char *cache_dir, const char *user, const char *host, unsigned secs, struct err *);

/*
 * 1 and *secs_left (1…BACKOFF_MAX_SECS) if a note forbids connecting now,
 * 0 if there is none (also when it cannot be read).
 */
int backoff_check(const char *cache_dir, const char *user, const char *host, unsigned *secs_left);

#endif
