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

struct window {
	uint32_t id;		/* of its job; 0: not sent on this connection */
	struct wire_range *range;	/* owned; in order, apart */
	uint32_t nrange;
	uint32_t *came;		/* UIDs, in the order in which they came; owned */
	size_t	 ncame, room;
	bool	 sorted;	/* they came in order, as servers send them: then nothing needs to be looked for */
};

/* A queue of them. */
struct windows {
	struct window *w;	/* owned */
	size_t	 n;
};

/* Adds one UID, higher than those before. */
void	window_add(struct window *, uint32_t uid);
void	window_set(struct window *, uint32_t lo, uint32_t hi);
uint64_t window_size(const struct window *);
/* Notes that uid has come: true if it was asked for and had not come before. */
bool	window_came(struct window *, uint32_t uid);

/* An empty one at place i; pointers to others become stale. */
struct window *windows_insert(struct windows *, size_t i);
void	windows_drop(struct windows *, size_t i);
/* The one with this job: its place, or n. */
size_t	windows_find(const struct windows *, uint32_t id);
/* Makes two of the one at i; false if it holds a single UID. */
bool	windows_halve(struct windows *, size_t i);
void	windows_release(struct windows *);

#endif
