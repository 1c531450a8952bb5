/* maildir_int: what the maildir_*.c files share; for nobody else. */
#ifndef MSTOOLS_MAILDIR_INT_H
#define MSTOOLS_MAILDIR_INT_H

#include <stddef.h>
#include <time.h>

#include "mail/maildir.h"

/* new/ and cur/ of the root or a subfolder, opened when first used. */
struct mbox {
	char *subdir;  /* owned; "" for the root */
	int fd[2];     /* new, cur */
	bool dirty[2]; /* something was placed since the last maildir_sync */
};

/* The base names in one cur/, read once: cur/ may be large, and maildir_find is called for many. */
struct curindex {
	char *subdir; /* owned; NULL: none read */
	char **name;  /* owned, sorted */
	size_t n, cap;
	struct timespec mtime; /* of the directory before it was read */
	bool settled;	       /* mtime was old enough then to tell a later change */
};

struct maildir {
	char *path; /* absolute, owned */
	int fd;
	int tmp;   /* tmp/ */
	int stage; /* tmp/mstools/, -1 until maildir_stage_open */
	int lock;  /* -1 not locked */
	bool stage_dirty;
	unsigned char self[8]; /* see maildir_self */
	struct mbox *mbox;
	size_t nmbox, capmbox;
	struct curindex index;
};

enum { BOX_NEW, BOX_CUR };
extern const char *const maildir_part[2]; /* "new", "cur" */

/* Opens dir/name as a directory, no symbolic link.  -1 with errno. */
int maildir_opendir(int dir, const char *name);
/* mkdir 0700 if it is missing.  1 made, 0 it was there, -1 errno. */
int maildir_mkdir(int dir, const char *name);
/* Is name a subfolder's (".A", not "." or "..", not one of our own files)? */
bool maildir_is_sub(const char *name);
/* The box of subdir, made (durable) if create and missing; foreign, valid until the next call.  NULL: err,
 * or, without create and with err untouched, there is none. */
struct mbox *maildir_box(struct maildir *, const char *subdir, bool create, struct err *);
int maildir_fail(const struct maildir *, int errnum, const char *what, const char *name, struct err *);
void maildir_index_clear(struct curindex *);

#endif
