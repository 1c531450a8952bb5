/*
 * place: from the identity of a message to its file in the Maildir.
 *
 * The name derives from what the state has.  The subfolder (--tree) derives
 * from the folder's name and the server's delimiter, which the state keeps as a
 * note for each folder delivered to a tree: so recovery finds the place whatever
 * the options of the run that it happens in.
 */
#ifndef MSTOOLS_PLACE_H
#define MSTOOLS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"
#include "mail/maildir.h"
#include "mail/state.h"
#include "tool/ledger.h"

#define PLACE_NAME 400 /* as maildir_name wants it */

/* The flags that a name in a Maildir can hold: a message with one of them goes to cur/. */
#define PLACE_FLAGS (MF_SEEN | MF_ANSWERED | MF_FLAGGED | MF_DELETED | MF_DRAFT)

/* The Maildir++ name of a folder: "" for INBOX or without a tree (delimiter -1; 0 is a flat tree).  0 or -1. */
int place_subdir_of(struct str *subdir, const char *folder, int delimiter, struct err *);
/* The same from the note in the state. */
int place_subdir(struct str *subdir, struct state *, const char *user, const char *folder, struct err *);
/*
 * Notes that messages of folder go to a tree (delimiter ≥ 0), or no longer do
 * (-1).  Nothing may be pending.  Writes only what changes.
 */
int place_note(struct state *, const char *user, const char *folder, int delimiter, struct err *);

/* What place_file needs of a message beside the struct state_msg. */
struct place_id {
	const char *user, *host, *folder; /* foreign */
	uint32_t uidvalidity;
	const char *subdir;
};
void place_name(char name[PLACE_NAME], const struct place_id *, const struct state_msg *);
/* Moves the staged file of m to its place.  As maildir_place: enum maildir_placed, -1, -2. */
int place_file(struct maildir *, const struct place_id *, const struct state_msg *, struct err *);
/* Adds the absolute path that place_file gives the message. */
void place_path(struct str *path, const struct maildir *, const struct place_id *, const struct state_msg *);
/* Its receipt.  0 or -1, as ledger_add. */
int place_receipt(struct ledger *, const struct place_id *, const struct state_msg *, const char *path,
    struct err *);

#endif
