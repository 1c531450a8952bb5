#include "tool/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static int
by_uid(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

size_t
uids_sort(uint32_t *uid, size_t n)
{
	size_t i, k = 0;

	if (n > 1)
		qsort(uid, n, sizeof *uid, by_uid);
	for (i = 0; i < n; i++)
		if (k == 0 || uid[i] != uid[k - 1])
			uid[k++] = uid[i];
	return k;
}

static void
release(struct window *w)
{
	free(w->range);
	free(w->came);
	free(w->there);
	memset(w, 0, sizeof *w);
}

void
window_set(struct window *w, uint32_t lo, uint32_t hi)
{
	w->range = xreallocarray(w->range, w->nrange + 1, sizeof *w->range);
	w->range[w->nrange++] = (struct wire_range){ lo, hi };
}

void
window_add(struct window *w, uint32_t uid)
{
	if (w->nrange > 0 && w->range[w->nrange - 1].hi + 1 == uid)
		w->range[w->nrange - 1].hi = uid;
	else
		window_set(w, uid, uid);
}

uint64_t
window_size(const struct window *w)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < w->nrange; i++)
		n += w->range[i].hi - w->range[i].lo + UINT64_C(1);
	return n;
}

static bool
asked(const struct window *w, uint32_t uid)
{
	uint32_t i;

	for (i = 0; i < w->nrange; i++)
		if (w->range[i].lo <= uid && uid <= w->range[i].hi)
			return true;
	return false;
}

static bool
known(const struct window *w, uint32_t uid)
{
	size_t i;

	if (w->ncame == 0 || (w->sorted && uid > w->came[w->ncame - 1]))
		return false;
	for (i = 0; i < w->ncame; i++)
		if (w->came[i] == uid)
			return true;
	return false;
}

bool
window_came(struct window *w, uint32_t uid)
{
	if (!asked(w, uid) || known(w, uid))
		return false;
	if (w->ncame == w->room) {
		w->room = 2 * w->room + 64;
		w->came = xreallocarray(w->came, w->room, sizeof *w->came);
	}
	w->sorted = w->ncame == 0 || (w->sorted && uid > w->came[w->ncame - 1]);
	w->came[w->ncame++] = uid;
	return true;
}

void
window_there(struct window *w, const uint32_t *uid, size_t n)
{
	w->there = xreallocarray(w->there, w->nthere + n + 1, sizeof *w->there);
	memcpy(w->there + w->nthere, uid, n * sizeof *uid);
	w->nthere += n;
}

size_t
window_missing(struct window *w, struct window *missing)
{
	size_t i, n = 0;
	uint32_t r, uid;

	w->nthere = uids_sort(w->there, w->nthere);
	for (i = 0; i < w->nthere; i++)
		if (asked(w, w->there[i]) && !known(w, w->there[i])) {
			window_add(missing, w->there[i]);
			n++;
		}
	if (w->search != 0 || window_size(w) == w->ncame)
		return n;
	for (r = 0; r < w->nrange; r++)
		for (uid = w->range[r].lo;; uid++) {
			if (!known(w, uid)) {
				window_add(missing, uid);
				n++;
			}
			if (uid == w->range[r].hi)
				break;
		}
	return n;
}

void
window_reset(struct window *w)
{
	w->id = w->search = 0;
	w->nthere = 0;
}

struct window *
windows_insert(struct windows *q, size_t i)
{
	q->w = xreallocarray(q->w, q->n + 1, sizeof *q->w);
	memmove(&q->w[i + 1], &q->w[i], (q->n - i) * sizeof *q->w);
	memset(&q->w[i], 0, sizeof *q->w);
	q->n++;
	return &q->w[i];
}

void
windows_drop(struct windows *q, size_t i)
{
	release(&q->w[i]);
	memmove(&q->w[i], &q->w[i + 1], (q->n - i - 1) * sizeof *q->w);
	q->n--;
}

size_t
windows_find(const struct windows *q, uint32_t id)
{
	size_t i;

	for (i = 0; i < q->n; i++)
		if (q->w[i].id == id)
			break;
	return i;
}

/* Moves the ranges behind the first n UIDs of a to b. */
static void
move_ranges(struct window *a, struct window *b, uint64_t n)
{
	uint32_t i, k = 0;
	uint64_t here;

	for (i = 0; i < a->nrange; i++) {
		struct wire_range r = a->range[i];

		here = r.hi - r.lo + UINT64_C(1);
		if (n > 0) {
			a->range[k] = r;
			if (here > n)
				a->range[k].hi = (uint32_t)(r.lo + n - 1);
			k++;
		}
		if (here > n)
			window_set(b, (uint32_t)(r.lo + n), r.hi);
		n -= here < n ? here : n;
	}
	a->nrange = k;
}

bool
windows_halve(struct windows *q, size_t i)
{
	uint64_t n = window_size(&q->w[i]);
	struct window *a, *b;

	if (n < 2)
		return false;
	b = windows_insert(q, i + 1);
	a = &q->w[i];
	move_ranges(a, b, n / 2);
	b->room = a->ncame + 1;
	b->came = xreallocarray(NULL, b->room, sizeof *b->came);
	if (a->ncame > 0)
		memcpy(b->came, a->came, a->ncame * sizeof *b->came);
	b->ncame = a->ncame;
	b->sorted = a->sorted;
	return true;
}

void
windows_release(struct windows *q)
{
	while (q->n > 0)
		windows_drop(q, q->n - 1);
	free(q->w);
	q->w = NULL;
}
