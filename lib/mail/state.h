/*
 * state: what was delivered, in SQLite (WAL, synchronous=FULL,
 * locking_mode=EXCLUSIVE).  One writer: the caller holds the lock of design §5.
 *
 * Identity of a message: (generation, uid).  A generation is one UIDVALIDITY of
 * one folder of one user at one host.  A row is "pending" while its group is
 * the last one committed and not yet known to be placed (group numbers, no
 * per-row updates).  See tool/commit.h for the order of things.
 *
 * A COMMIT that returns an error is "unknown": the call returns STATE_UNKNOWN
 * and the state refuses everything afterwards; only a new run may look again.
 */
#ifndef MSTOOLS_STATE_H
#define MSTOOLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STATE_SCHEMA 1

struct state;

enum state_result { STATE_OK = 0, STATE_FAILED = -1, STATE_UNKNOWN = -2 };

enum state_open_flags { STATE_CREATE = 1, STATE_READONLY = 2 };
/*
 * Opens path; a leftover -wal is checkpointed (TRUNCATE) before anything is
 * trusted.  Newer schema: ERR_CONFIG.  Damaged: ERR_IO with what to do.
 * 1 opened, 0 there is none (without STATE_CREATE), -1 err.
 */
int state_open(struct state **, const char *path, int flags, struct err *);
/* Closes; the run's last transaction (state_finish) must have been made before.  NULL is allowed. */
void state_close(struct state *);
/*
 * Puts a damaged or unwanted state aside before a new one is made: path (and
 * its -wal) become path.old (a former .old is replaced).  Nobody has it open.
 * 1 done, 0 there is none, -1 err.
 */
int state_retire(const char *path, struct err *);

/* 16 random bytes, hex: ties the state to a Maildir (.mstools.id).  Lives as long as the state. */
const char *state_id(struct state *);

/* --- generations --- */

struct state_gen {
	int64_t id; /* key */
	int64_t folder_id;
	uint32_t uidvalidity;
	uint32_t settled;   /* every UID below is delivered, quarantined, baselined, skipped or gone; ≥ 1 */
	uint32_t uidnext;   /* highest UIDNEXT seen */
	bool vanished;	    /* the folder was missing at the last look */
	int64_t adopt_from; /* generation whose rows may still be adopted, and those of its own
			       adopt_from with them (state_gen_adopt); 0 none, its own id:
			       those under other names alone (tool/renumber.c) */
};

/*
 * user and host are compared and kept in lower case (ASCII).  One handle serves
 * one run: the user and host given last are those whose debt state_paid pays.
 */

/* Current (newest) generation of a folder.  name: UTF-8.  1 found, 0 none, -1 err. */
int state_gen_find(struct state *, const char *user, const char *host, const char *folder, struct state_gen *,
    struct err *);
/* The generation with that UIDVALIDITY, newest or not.  1, 0, -1. */
int state_gen_exact(struct state *, const char *user, const char *host, const char *folder,
    uint32_t uidvalidity, struct state_gen *, struct err *);
/* The generation with that key.  1, 0, -1. */
int state_gen_get(struct state *, int64_t gen, struct state_gen *, struct err *);
/* Starts one (settled = 1).  Part of the open transaction, or one of its own. */
int state_gen_new(struct state *, const char *user, const char *host, const char *folder,
    uint32_t uidvalidity, struct state_gen *, struct err *);
/* Every current generation of user and host, in folder order; the callback returns 0 to go on, -1 to stop. */
int state_gen_each(struct state *, const char *user, const char *host,
    int (*cb)(const char *folder, const struct state_gen *, void *), void *, struct err *);
/* Every generation of user and host with that UIDVALIDITY, newest or not. */
int state_gen_alike(struct state *, const char *user, const char *host, uint32_t uidvalidity,
    int (*cb)(const char *folder, const struct state_gen *, void *), void *, struct err *);
/* Sets gen.vanished. */
int state_gen_vanished(struct state *, int64_t gen, bool vanished, struct err *);
/* Sets gen.adopt_from: from at the start of an adoption, 0 when settled has passed what there was to adopt. */
int state_gen_adopt(struct state *, int64_t gen, int64_t from, struct err *);
/* Every generation there is, oldest first within a folder (for --verify). */
int state_gen_every(struct state *,
    int (*cb)(const char *user, const char *host, const char *folder, const struct state_gen *, void *),
    void *, struct err *);
/* Every folder of user and host (its name's hash is in the file names). */
int state_name_each(struct state *, const char *user, const char *host,
    int (*cb)(int64_t folder_id, const char *name, void *), void *, struct err *);

/* --- messages --- */

struct state_msg {
	uint32_t uid;
	int64_t date;	/* INTERNALDATE, DATE_NONE as 0 in the name */
	uint64_t bytes; /* of the stored file */
	unsigned char sha256[32];
	uint64_t msgid; /* 64-bit hash of Message-ID, 0 none */
	uint32_t slot;	/* stage file while pending, its own until then (maildir_stage_create); only
				   state_pending_each gives it back */
	uint32_t flags; /* enum wire_msgflag at fetch: the name's ,2, part with --keep-flags */
	uint8_t how;	/* enum state_how */
	bool claimed;	/* adopted by a later generation (state_adopt); not set by the caller */
};
enum state_how {
	HOW_FILE,     /* delivered to the Maildir */
	HOW_PIPE,     /* accepted by the --pipe command */
	HOW_BASELINE, /* settled without fetching */
	HOW_ADOPTED   /* carried over from another generation */
};

/* Is it a digest?  An unknown one is all zero. */
bool state_digest_known(const unsigned char sha256[32]);
/* Is (gen, uid) known?  1 with *m (may be NULL) filled, 0, -1. */
int state_msg_find(struct state *, int64_t gen, uint32_t uid, struct state_msg *, struct err *);
/* Ascending UIDs in [lo, hi]. */
int state_msg_each(struct state *, int64_t gen, uint32_t lo, uint32_t hi,
    int (*cb)(const struct state_msg *, void *), void *, struct err *);
int state_msg_delete(struct state *, int64_t gen, uint32_t uid, struct err *);
/*
 * Adds a row that is delivered and owes no receipt (--rebuild, --baseline).
 * An unknown digest is all zero, an unknown msgid 0.  1 added, 0 it was known
 * (and stays as it was), -1 err.
 */
int state_msg_restore(struct state *, int64_t gen, const struct state_msg *, struct err *);
/* Its receipt is owed nevertheless: the next run for its mailbox writes it.  The row must be there. */
int state_owe(struct state *, int64_t gen, uint32_t uid, struct err *);
/* Rows of gen that no later generation has adopted (not claimed), in UID order. */
int state_unclaimed_each(struct state *, int64_t gen, int (*cb)(const struct state_msg *, void *), void *,
    struct err *);
/*
 * The message olduid of oldgen is uid of gen now, with that INTERNALDATE: marks
 * the old row claimed and adds one (HOW_ADOPTED) with its size, digest and
 * msgid.  ERR_INTERNAL if the old row is claimed or missing, or uid is known.
 */
int state_adopt(struct state *, int64_t oldgen, uint32_t olduid, int64_t gen, uint32_t uid, int64_t date,
    struct err *);
/* --baseline: settled and uidnext become uidnext; skips and poison of gen are forgotten. */
int state_baseline(struct state *, int64_t gen, uint32_t uidnext, struct err *);

/* --- the group commit (one transaction a group) --- */

/* BEGIN IMMEDIATE.  Within it: the calls marked "in a transaction", and those above that write. */
int state_begin(struct state *, struct err *);
/*
 * A message of this group: pending until state_delivered, owed until
 * state_paid (HOW_BASELINE and HOW_ADOPTED: neither).  A known UID: ERR_INTERNAL.
 */
int state_msg_add(struct state *, int64_t gen, const struct state_msg *, struct err *);
int state_settle(struct state *, int64_t gen, uint32_t settled, uint32_t uidnext, struct err *);
/* All groups up to the last committed one are placed: its rows are "delivered". */
int state_delivered(struct state *, struct err *);
/*
 * Their receipts are written too: the debt of this run's user and host (those
 * given last) up to the last delivered group is paid.
 */
int state_paid(struct state *, struct err *);
/* STATE_OK, STATE_FAILED (rolled back) or STATE_UNKNOWN; never ignored. */
enum state_result state_commit(struct state *, struct err *) __attribute__((warn_unused_result));
void state_rollback(struct state *);
/* The run's last transaction: state_begin, state_delivered, state_paid if paid, state_commit. */
enum state_result state_finish(struct state *, bool paid, struct err *) __attribute__((warn_unused_result));

/*
 * Rows of groups that are pending (not marked delivered), in (gen, uid) order.
 * HOW_PIPE rows have no staged file.  The callbacks here may write the state.
 */
struct state_row {
	const char *user, *host, *folder; /* foreign, valid during the callback */
	uint32_t uidvalidity;
	int64_t gen;
	struct state_msg msg;
};
int state_pending_each(struct state *, int (*cb)(const struct state_row *, void *), void *, struct err *);
/* Rows that are pending or owed, of every mailbox, in the order of their groups. */
int state_owed_every(struct state *, int (*cb)(const struct state_row *, void *), void *, struct err *);
/* Delivered rows of user and host whose receipt is owed, oldest first. */
int state_debt_each(struct state *, const char *user, const char *host,
    int (*cb)(const struct state_row *, void *), void *, struct err *);

/* --- what was left out, and poison --- */

enum state_limit {
	LIMIT_SINCE,
	LIMIT_BEFORE,
	LIMIT_SIZE,
	LIMITS
}; /* --max and --max-bytes leave UIDs unsettled instead */
struct state_skip {
	uint32_t lo, hi;
	enum state_limit limit;
	int64_t value;
};
int state_skip_add(struct state *, int64_t gen, const struct state_skip *, struct err *);
int state_skip_each(struct state *, int64_t gen, int (*cb)(const struct state_skip *, void *), void *,
    struct err *);
/* Forgets the ranges of one limit, or of all with LIMITS (they were planned anew). */
int state_skip_clear(struct state *, int64_t gen, enum state_limit, struct err *);

struct state_poison {
	uint32_t uid;
	int64_t first, next; /* seconds: first seen, try again at */
	uint32_t tries;
	bool reported;
	char reason[256];
};
int state_poison_put(struct state *, int64_t gen, const struct state_poison *,
    struct err *); /* insert or replace */
int state_poison_delete(struct state *, int64_t gen, uint32_t uid, struct err *);
int state_poison_each(struct state *, int64_t gen, int (*cb)(const struct state_poison *, void *), void *,
    struct err *);
/* Next try after tries failures: 1 h, 4 h, 1 d, 3 d, 7 d, then every 7 d. */
int64_t state_poison_schedule(uint32_t tries, int64_t now);

/* --- small facts (key ≤ 64 bytes): "pipeline:USER@HOST" = until when not to pipeline, grace's first failure … --- */
int state_note_set(struct state *, const char *key, int64_t value, struct err *);
int state_note_get(struct state *, const char *key, int64_t *value, struct err *); /* 1, 0, -1 */

#endif
