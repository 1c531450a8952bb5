/* plan_int: what plan.c, plan_skip.c and plan_batch.c share; for nobody else. */
#ifndef MSTOOLS_PLAN_INT_H
#define MSTOOLS_PLAN_INT_H

#include "mail/plan.h"

enum entry_state {
	E_WAIT,	   /* to be handed out */
	E_SUSPECT, /* to be handed out, in its group's own way */
	E_OUT,	   /* in a batch, or awaited (plan_await) */
	E_CAME,	   /* its body is whole, not committed */
	E_DONE,
	E_LEFT /* not in this run */
};

/* One message that was listed: afterwards, one that was chosen. */
struct entry {
	uint32_t uid;
	uint32_t size; /* cut at 4 GiB; 0 not known */
	int64_t date;
	uint32_t batch; /* E_OUT: its batch, 0 for none; E_SUSPECT: its group */
	uint8_t state;	/* enum entry_state */
	uint8_t limit;	/* below settled: the limit that had left it out, else LIMITS */
	bool joined;	/* no UID that exists lies between the entry before and this one */
};

/* A batch that is out. */
struct batch {
	uint32_t id, group;	   /* group: 0 none */
	size_t first, last;	   /* indices of its entries lie within */
	uint32_t out;		   /* entries that are still E_OUT */
	bool retry, alone, failed; /* failed: its one UID was done without having come */
};

/* UIDs one of which is bad. */
struct group {
	uint32_t id;
	uint32_t batch; /* of it that is out; 0 none */
	size_t first, last;
	bool alone; /* the next batch is one UID */
};

struct skips {
	struct state_skip *v;
	size_t n, cap;
};

struct uids {
	uint32_t *v;
	size_t n, cap;
};

struct ranges {
	struct wire_range *v;
	size_t n, cap;
};

struct plan {
	struct plan_params par;
	bool looked, ready, assumed;

	struct skips given; /* as recorded */
	struct skips kept;  /* of these, what lies below settled and does not wake */
	struct skips fresh; /* what the limits leave out now */
	struct ranges look;
	struct uids known, poison, missing;

	struct entry *entry; /* ascending once ready */
	size_t n, cap;
	struct entry *retry; /* due poison, ascending once ready */
	size_t nretry, capretry;

	size_t low;  /* entries before it, from settled on, are done */
	size_t next; /* no entry before it is E_WAIT */
	size_t nextretry;
	uint32_t cut; /* first UID above settled left by max; 0 none */
	bool was_cut;
	uint64_t total, total_bytes;
	uint64_t wait, wait_bytes; /* E_WAIT */
	uint64_t out;		   /* E_OUT and E_SUSPECT, retries included */
	uint64_t came, came_bytes; /* so far */

	unsigned workers;
	bool begun; /* the first batch has been handed out */
	uint32_t last_id;
	struct ranges range; /* of the batch handed out last */
	struct batch *batch;
	size_t nbatch, capbatch;
	struct group *group;
	size_t ngroup, capgroup;
};

/* Makes room for one more of size bytes each. */
void plan_grow(void *pv, size_t n, size_t *cap, size_t size);
void plan_uid_add(struct uids *, uint32_t);
bool plan_uid_has(const struct uids *, uint32_t); /* sorted */
int plan_uid_cmp(const void *, const void *);

/* plan_skip.c: splits what was recorded into kept ranges and ranges to look at. */
void plan_skips_sort(struct plan *);
void plan_skip_put(struct skips *, const struct state_skip *);
/* The threshold at which a message passes limit. */
int64_t plan_threshold(const struct entry *, enum state_limit);
/* Of two thresholds the one that is reached first. */
int64_t plan_nearer(enum state_limit, int64_t, int64_t);

/* plan_batch.c: the array that a batch's indices belong to. */
struct entry *plan_batch_entries(struct plan *, const struct batch *);
/* Messages of a group that wait. */
size_t plan_group_left(const struct plan *, const struct group *);

#endif
