/*
 * plan: what of one folder generation to fetch, in which batches, and how far
 * `settled` may advance meanwhile (design §5).  Pure logic: no I/O, no clock.
 *
 *   p = plan_new(&params)
 *   plan_skip(p, …)       each state_skip_each
 *   plan_poison(p, …)     each state_poison_each
 *   n = plan_look(p, &r)  the UIDs to look at: settled:UIDNEXT-1 and, below it,
 *                         the ranges that a limit left out and now lets in
 *   plan_known(p, uid)    each state_msg_each of each of these ranges
 *   plan_small(p) ? plan_assume(p) : plan_row(p, …) for each UID that the
 *                         server listed in them (nothing may be missing)
 *   plan_ready(p)         decides; after it only:
 *   plan_skips(p, cb)     to be recorded before settled advances at all
 *   while (plan_next(p, &batch) == 1) …
 *       plan_came(p, uid, bytes)  a body is whole
 *       plan_done(p, uid)   it is in the transaction being built (or gone, or
 *                           quarantined): returns the settled to store with it
 *       plan_back(p, id, …) the worker is dead: what did not come goes back
 *   plan_skips(p, cb)     again, in the last transaction
 *
 * Oldest (lowest UID) first.  A UID is handed out once at a time, so any
 * number of workers may take batches from one plan.  A few bytes a message:
 * hundreds of thousands are cheap, and no call but plan_ready and plan_skips
 * takes longer because there are many.
 */
#ifndef MSTOOLS_PLAN_H
#define MSTOOLS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crew/wire.h"
#include "mail/state.h"

#define PLAN_BATCH_MESSAGES 2000
#define PLAN_BATCH_BYTES (16U << 20)
#define PLAN_SMALL_UIDS 64 /* that few need no listing */
#define PLAN_SET_MAX 7600  /* bytes of a UID set as text: the line stays under 8 kB */

struct plan_params {
	uint32_t settled;   /* state_gen.settled, >= 1 */
	uint32_t uidnext;   /* of the server now; >= settled */
	int64_t since;	    /* INTERNALDATE >= since; INT64_MIN: no limit */
	int64_t before;	    /* INTERNALDATE < before; INT64_MAX: no limit */
	uint64_t max_size;  /* RFC822.SIZE <= max_size; 0: no limit (so for the next two) */
	uint64_t max;	    /* messages of this run that are left for this folder */
	uint64_t max_bytes; /* and bytes; the first message is taken whatever its size */
	bool dense;	    /* each UID below uidnext exists, as it seems */
};

struct plan;

struct plan *plan_new(const struct plan_params *);
void plan_free(struct plan *); /* NULL is allowed */

/* A recorded range (state_skip_each).  Before plan_look. */
void plan_skip(struct plan *, const struct state_skip *);
/* A quarantined UID: never in a common batch; if due, offered alone after the others. */
void plan_poison(struct plan *, uint32_t uid, bool due);
/* Is one of them due? */
bool plan_retries(const struct plan *);
/*
 * The UIDs to look at, ascending, disjoint; *r is foreign and valid until the
 * next call.  0: nothing new (there may still be retries for plan_next).
 */
size_t plan_look(struct plan *, const struct wire_range **r);
/* A UID that the state has; dropped whatever the server says of it. */
void plan_known(struct plan *, uint32_t uid);
/*
 * A list of them would tell little: they are few, or dense, and no limit needs their dates and
 * sizes.  They can be fetched unseen.
 */
bool plan_small(const struct plan *);
/* Takes every UID of plan_look as existing, unseen.  Those that do not come are "missing" (below). */
void plan_assume(struct plan *);
/*
 * A message that the server listed.  Any order; a UID outside plan_look is
 * ignored; twice is once (the one with a date wins).  date may be DATE_NONE
 * (passes the date limits) and size 0 (not known).
 */
void plan_row(struct plan *, uint32_t uid, int64_t date, uint64_t size);
/* Decides.  Nothing above this line may be called afterwards. */
void plan_ready(struct plan *);

/* What was chosen (retries not counted): messages, and bytes as the server estimates them. */
void plan_total(const struct plan *, uint64_t *messages, uint64_t *bytes);
/* Were messages left for the next run by max or max_bytes? */
bool plan_cut(const struct plan *);
/* How many connections the backlog is worth, 1 … limit. */
unsigned plan_worth(const struct plan *, unsigned limit);

/*
 * The whole set of skip ranges as it should stand in the state from now on: it
 * replaces what is there (state_skip_clear of every limit, then state_skip_add,
 * in one transaction).  Right at any time: what is chosen and not yet done
 * stays within settled or a range.  But "done" must be true in the state as
 * well: commit what plan_done was told before, or in, the transaction that
 * stores this set; else a crash in between loses what a woken range brought.
 * value is not the limit itself but the threshold at which the first message of
 * the range would pass, so that a moving limit (--before 30d) looks again only
 * at what has come of age.  The callback returns 0, or -1 to stop (which is returned).
 */
int plan_skips(const struct plan *, int (*cb)(const struct state_skip *, void *), void *);
/* Does the set differ from the one given by plan_skip? */
bool plan_skips_changed(const struct plan *);
/* Does a recorded range let a message in under these limits? */
bool plan_skip_wakes(const struct state_skip *, const struct plan_params *);

/* --- batches --- */

/* Workers that take batches from now on; shapes the last batches.  Default 1. */
void plan_workers(struct plan *, unsigned n);

struct plan_batch {
	uint32_t id;	/* never 0, never reused within the plan */
	uint32_t count; /* messages */
	uint64_t bytes; /* estimated */
	size_t nrange;
	const struct wire_range *range; /* foreign, valid until the next plan_next; a range may run over
					   UIDs that do not exist, never over one that is not wanted */
	bool alone;			/* one UID, under suspicion */
	bool retry;			/* one UID, quarantined earlier */
};
/*
 * 1 a batch; 0 none now (all is handed out; some may come back by plan_back);
 * -1 none ever again: everything has come, is done or left.
 * The first is small, and unseen the first after each plan_back; the others as
 * large as the bounds above allow, unseen by the mean size of what has come; a
 * message above the byte bound travels alone; with several workers the last
 * ones get smaller again, so that nobody waits long for one big one.
 */
int plan_next(struct plan *, struct plan_batch *);
/*
 * A body of uid is whole, so many bytes.  1: it was asked for, keep it; 0: it was not asked
 * for, is known, or came before: drop it.
 */
int plan_came(struct plan *, uint32_t uid, uint64_t bytes);
/*
 * The UIDs of a batch that have not come (its command is answered, or the
 * worker dead).  Sets *uids (foreign, until the next call), returns their number.
 */
size_t plan_missing(struct plan *, uint32_t batch, const uint32_t **uids);
/*
 * The UIDs of a batch that have not come go back and are handed out again,
 * oldest first.  suspect: one of them may have killed the worker or its
 * connection; then the first goes out alone, and when that one has come, the
 * others in halves, while other workers go on with the rest.
 */
void plan_back(struct plan *, uint32_t batch, bool suspect);

/*
 * uid is delivered, quarantined or gone as of the transaction being built.
 * Returns the settled to store in it (plan_settled).  Unknown UIDs: no change.
 */
uint32_t plan_done(struct plan *, uint32_t uid);
/* uid is left for the next run (the pipe said "later"): settled stops at it, and it is not handed out again. */
void plan_leave(struct plan *, uint32_t uid);
/* uid, which was left, has been asked for once more: its body is kept if it comes. */
void plan_await(struct plan *, uint32_t uid);
/* Every UID below is done.  UIDNEXT when nothing is outstanding and nothing was cut. */
uint32_t plan_settled(const struct plan *);

/* --- UID sets --- */

/* How many of n ranges fit into one command (PLAN_SET_MAX, WIRE_RANGES_MAX); at least 1 if n is. */
size_t plan_split(const struct wire_range *, size_t n);
/* Packs ascending UIDs into ranges (n at most); returns their number. */
size_t plan_pack(struct wire_range *, const uint32_t *uids, size_t n);

#endif
