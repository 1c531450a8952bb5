/*
 * window: sets of UIDs that are asked for together, what has come of each, and
 * how to narrow one down.  Knows no connection.
 */
#ifndef MSTOOLS_WINDOW_H
#define MSTOOLS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crew/wire.h"

/* Sorts UIDs and takes out those that come twice; how many are left. */
size_t uids_sort(uint32_t *uid, size_t n);

struct window {
	uint32_t id;	 /* of its job; 0: not sent on this connection */
	uint32_t search; /* of the job that asks which of the UIDs there are; 0: none */
	bool bare;	 /* what had no answer: asked for again, without what may have been in its way */
	struct wire_range *range; /* owned; in order, apart */
	uint32_t nrange;
	uint32_t *came; /* UIDs, in the order in which they came; owned */
	size_t ncame, room;
	bool sorted;	 /* they came in order, as servers send them: then nothing needs to be looked for */
	uint32_t *there; /* what search found; owned */
	size_t nthere;
};

/* A queue of them. */
struct windows {
	struct window *w; /* owned */
	size_t n;
};

/* Adds one UID, higher than those before. */
void window_add(struct window *, uint32_t uid);
void window_set(struct window *, uint32_t lo, uint32_t hi);
uint64_t window_size(const struct window *);
/* Notes what search has found. */
void window_there(struct window *, const uint32_t *uid, size_t n);
/*
 * Adds to missing the UIDs that are there, or were asked for by themselves, and
 * have not come.  Their number.
 */
size_t window_missing(struct window *, struct window *missing);
/* Forgets what was said on a connection that is lost; what came stays. */
void window_reset(struct window *);
/* Notes that uid has come: true if it was asked for and had not come before. */
bool window_came(struct window *, uint32_t uid);

/* An empty one at place i; pointers to others become stale. */
struct window *windows_insert(struct windows *, size_t i);
void windows_drop(struct windows *, size_t i);
/* The one with this job: its place, or n. */
size_t windows_find(const struct windows *, uint32_t id);
/* Makes two of the one at i; false if it holds a single UID. */
bool windows_halve(struct windows *, size_t i);
void windows_release(struct windows *);

#endif
