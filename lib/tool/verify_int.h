/*
 * verify_int: the parts of verify.  Internal to lib/tool.
 *
 *	verify.c	which generations there are, the lines, the order of things
 *	verify_window.c	the server's UIDs and the state's rows, window by window
 *	verify_files.c	the files of the rows gathered so far
 */
#ifndef MSTOOLS_VERIFY_INT_H
#define MSTOOLS_VERIFY_INT_H

#include "base/util.h"
#include "tool/audit.h"
#include "tool/ledger.h"
#include "tool/store.h"
#include "tool/verify.h"

#define VERIFY_SPAN 32768 /* UIDs in a window */
#define VERIFY_WANT 65536 /* rows whose files are looked for in one pass over the Maildir */

enum finding { MISSING, ALTERED, QUARANTINED, GONE, CONSUMED, BASELINED, FINDINGS };

enum standing {
	PRESENT,     /* can be compared with the server */
	UNKNOWN,     /* numbered anew, or the server does not say: the next run sorts it out */
	FOLDER_WENT, /* not on the server (it may have been renamed: nothing is pruned) */
	FORMER	     /* an earlier UIDVALIDITY */
};

/* A generation of the state. */
struct place {
	char *folder; /* owned */
	struct state_gen gen;
	const struct audit_folder *server; /* NULL: no such folder any more */
	enum standing standing;
};

struct pending {
	int64_t gen;
	uint32_t uid;
};

/* A name that files of a folder may have been named under. */
struct alias {
	char hash[17];
	int64_t folder_id;
};

/* A row that should have a file. */
struct want {
	int64_t folder_id;
	uint32_t uidvalidity, uid;
	uint32_t place;	  /* index */
	bool gone, found; /* gone: from the server */
	int64_t date;
	uint64_t bytes;
	unsigned char sha256[32];
	char *why; /* owned: how it was altered; NULL: it was not */
};

struct verify {
	const struct options *o; /* foreign, as the next two */
	const volatile sig_atomic_t *stop;
	struct err *err;
	struct store store;
	struct ledger *out;
	struct audit *audit;
	char *host; /* as names spell it; owned */
	int keeps;  /* there are files of ours in the Maildir */

	struct place *place;
	size_t nplace;
	struct alias *alias;
	size_t nalias;
	/* Rows that are not known to be placed (the first nplaced), or whose receipt is owed: they are not pruned. */
	struct pending *pending;
	size_t nplaced, npending;
	struct want *want;
	size_t nwant, room;
	bool raced; /* a reader renamed a file under the last pass */

	uint64_t count[FINDINGS];
	uint64_t on_server, compared, skipped, fresh, pruned;
	struct str line;
};

/* Writes one line.  0, or -1 with v->err set (so for all below). */
int verify_tell(struct verify *, const struct place *, uint32_t uid, int64_t date, enum finding,
    const char *detail);
/* Compares one generation with the server, and gathers the rows that should have files. */
int verify_place(struct verify *, struct place *);
/* Adds one; looks for the files when many have gathered. */
int verify_want(struct verify *, const struct place *, const struct state_msg *, bool gone);
/* Looks for the files of what has gathered. */
int verify_files(struct verify *);

#endif
