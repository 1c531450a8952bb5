/*
 * maildir: names, the stage, placing.  Knows no state and no network.
 *
 * Layout: MAILDIR/{cur,new,tmp}, the stage MAILDIR/tmp/mstools/ (0700) with one
 * file per slot ("s<slot>"), .mstools.lock, .mstools.id, .mstools.db.
 * Subfolders of --tree are Maildir++ (MAILDIR/.Name with cur, new, tmp and an
 * empty maildirfolder file).
 */
#ifndef MSTOOLS_MAILDIR_H
#define MSTOOLS_MAILDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct maildir;

enum maildir_flags { MAILDIR_CREATE = 1 };
/*
 * Opens path.  Missing: created 0700 with MAILDIR_CREATE (its parents are not),
 * also when half made; a non-empty directory that is no Maildir, or a file, is
 * refused (ERR_CREATE).  The directories are durable when it returns.
 */
int maildir_open(struct maildir **, const char *path, int flags, struct err *);
void maildir_close(struct maildir *);
const char *maildir_path(const struct maildir *); /* absolute */
int maildir_fd(const struct maildir *);		  /* the directory itself */

/*
 * Takes .mstools.lock (flock; holds pid and start time).  0; -1 err: ERR_AGAIN
 * when another run holds it after wait_s (text says its pid and since when;
 * *since is set to its start, seconds).
 */
int maildir_lock(struct maildir *, uint64_t wait_s, int64_t *since, struct err *);

/*
 * .mstools.id: the state id this Maildir belongs to, and in a second line a
 * random number of its own.  1 read into id[33], 0 none, -1.
 */
int maildir_id_read(struct maildir *, char id[33], struct err *);
int maildir_id_write(struct maildir *, const char *id, struct err *);
/* That number, which tells the Maildir from others of the same state; 0 before it was read or written. */
int64_t maildir_self(const struct maildir *);
/* Is any file of ours in new/ or cur/ of the root or a subfolder?  1, 0, -1.  Stops at the first. */
int maildir_has_ours(struct maildir *, struct err *);

/* --- names (design §2, "File name") --- */
struct maildir_name {
	int64_t date; /* seconds; 0 if there was none */
	uint32_t uidvalidity, uid;
	char folder[17]; /* 16 hex of SHA-256(user, NUL, folder) */
	char host[256];
	uint64_t bytes;
	uint32_t flags; /* from ":2,…" */
};
void maildir_folder_hash(char out[17], const char *user, const char *folder); /* user lower-cased here */
/*
 * Base name without ":2,"; dst of at least 400 bytes.  A date before 1970 or
 * DATE_NONE is 0; of the host, in lower case, letters, digits, '.' and '-'
 * stay, the rest becomes '_', and it is cut at 150 bytes.
 */
void maildir_name(char dst[400], const struct maildir_name *);
/* Parses a file's name (no directory; with or without ":2,…").  0, or -1 if it is not exactly one of ours. */
int maildir_name_parse(const char *, struct maildir_name *);
/* ":2,FS" letters for flags (D F R S T), into out[16]; "" if there are none of these. */
void maildir_info(char out[16], uint32_t flags);

/*
 * The Maildir++ directory name of a folder (raw: modified UTF-7): "" for INBOX,
 * else ".A.B"; delimiter becomes '.', a literal '.' in a name becomes "\2e".
 * So do '/' ("\2f"), '\' ("\5c") and control characters.  -1 if over 255
 * bytes or a part of the name is empty.
 */
int maildir_subdir(char dst[512], const char *raw, char delimiter, struct err *);

/* --- stage --- */
/* Opens (creates) the stage; 1 it was there, 0 it was missing and has been made, -1. */
int maildir_stage_open(struct maildir *, struct err *);
/*
 * Creates slot's file, O_EXCL; the descriptor, or -1.  A number must not come
 * again while a pending row of the state names it: recovery would take the new
 * file for that row's message.
 */
int maildir_stage_create(struct maildir *, uint32_t slot, struct err *);
int maildir_stage_unlink(struct maildir *, uint32_t slot); /* only for slots that no row names */
void maildir_stage_path(struct str *, const struct maildir *, uint32_t slot); /* added to it */
/* Calls cb for each slot file found.  Foreign names are left alone. */
int maildir_stage_each(struct maildir *, int (*cb)(uint32_t slot, void *), void *, struct err *);
int maildir_stage_fd(const struct maildir *); /* for fsync and syncfs */

/* --- placing --- */
enum maildir_placed {
	PLACED_OK,
	PLACED_ALREADY
}; /* ALREADY: the same content was there; the staged file is removed */
struct maildir_target {
	const char *subdir; /* "" or ".A.B" (created on demand, durable) */
	bool cur;	    /* into cur/ with info, else new/ */
	const char *name;   /* base name */
	const char *info;   /* ":2,S" or "" */
};
/*
 * Moves slot's file: renameat2(RENAME_NOREPLACE), else look and rename (we hold
 * the lock).  A name with other content: ERR_INTERNAL, both files stay.
 * Returns enum maildir_placed; -1 err; -2 the staged file is gone.
 */
int maildir_place(struct maildir *, uint32_t slot, const struct maildir_target *, struct err *);
/* fsync of every directory touched since the last call. */
int maildir_sync(struct maildir *, struct err *);
/*
 * Looks for a base name in new/ and cur/ (any flags) of subdir.  1 found, with
 * its absolute path added to path (cleared first); 0 not found; -1.
 */
int maildir_find(struct maildir *, const char *subdir, const char *name, struct str *path, struct err *);
/* Every file of ours in new/ and cur/ of the root and the subfolders (for --verify, --rebuild). */
int maildir_each(struct maildir *,
    int (*cb)(const char *subdir, const char *path, const struct maildir_name *, void *), void *,
    struct err *);

#endif
