/*
 * plan_skip: the UID ranges that limits leave out.
 *
 * - A range holds the threshold that lets its first message in, not the limit:
 *   a limit that moves with the clock wakes only what it reaches.
 * - Ranges hold at most SKIP_SPAN left-out messages, so that one that wakes
 *   does not bring back a whole mailbox.
 * - Within what was listed, a range may run over messages that were chosen:
 *   they are known by the time it wakes, or hold settled back.  Never over
 *   UIDs that were not listed: these may have been baselined.
 */
#include <stdlib.h>

#include "base/util.h"
#include "mail/plan_int.h"

bool
plan_skip_wakes(const struct state_skip *s, const struct plan_params *par)
{
	switch (s->limit) {
	case LIMIT_SINCE:
		return par->since <= s->value;
	case LIMIT_BEFORE:
		return par->before == INT64_MAX || par->before > s->value;
	case LIMIT_SIZE:
		return par->max_size == 0 || (s->value <= 0 || par->max_size >= (uint64_t)s->value);
	case LIMITS:
		break;
	}
	return true;
}

int64_t
plan_threshold(const struct entry *e, enum state_limit limit)
{
	if (limit == LIMIT_SIZE)
		return e->size;
	if (e->date == DATE_NONE)
		return limit == LIMIT_SINCE ? INT64_MAX : INT64_MIN;
	return e->date;
}

int64_t
plan_nearer(enum state_limit limit, int64_t a, int64_t b)
{
	if (limit == LIMIT_SINCE)
		return a > b ? a : b;
	return a < b ? a : b;
}

void
plan_skip_put(struct skips *s, const struct state_skip *skip)
{
	plan_grow(&s->v, s->n, &s->cap, sizeof *s->v);
	s->v[s->n++] = *skip;
}

void
plan_skip(struct plan *p, const struct state_skip *skip)
{
	if (skip->lo == 0 || skip->lo > skip->hi)
		return;
	plan_skip_put(&p->given, skip);
}

static void
look_add(struct plan *p, uint32_t lo, uint32_t hi)
{
	plan_grow(&p->look.v, p->look.n, &p->look.cap, sizeof *p->look.v);
	p->look.v[p->look.n++] = (struct wire_range){ lo, hi };
}

static int
range_cmp(const void *a, const void *b)
{
	const struct wire_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorts and joins ranges that touch. */
static void
look_join(struct ranges *r)
{
	size_t i, n = 0;

	if (r->n == 0)
		return;
	qsort(r->v, r->n, sizeof *r->v, range_cmp);
	for (i = 1; i < r->n; i++) {
		if (r->v[n].hi == UINT32_MAX || r->v[i].lo <= r->v[n].hi + 1) {
			if (r->v[i].hi > r->v[n].hi)
				r->v[n].hi = r->v[i].hi;
		} else {
			r->v[++n] = r->v[i];
		}
	}
	r->n = n + 1;
}

/* What lies at or above settled is looked at in any case. */
void
plan_skips_sort(struct plan *p)
{
	struct state_skip s;
	size_t i;

	for (i = 0; i < p->given.n; i++) {
		s = p->given.v[i];
		if (s.lo >= p->par.settled)
			continue;
		if (s.hi >= p->par.settled)
			s.hi = p->par.settled - 1;
		if (plan_skip_wakes(&s, &p->par))
			look_add(p, s.lo, s.hi);
		else
			plan_skip_put(&p->kept, &s);
	}
	if (p->par.settled < p->par.uidnext)
		look_add(p, p->par.settled, p->par.uidnext - 1);
	look_join(&p->look);
}

static int
skip_cmp(const void *a, const void *b)
{
	const struct state_skip *x = a, *y = b;

	if (x->limit != y->limit)
		return x->limit < y->limit ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* Sorts by limit and UID; of ranges of one limit that overlap makes one. */
static void
skips_join(struct skips *s)
{
	struct state_skip *last;
	size_t i, n = 0;

	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof *s->v, skip_cmp);
	for (i = 1; i < s->n; i++) {
		last = &s->v[n];
		if (s->v[i].limit == last->limit && s->v[i].lo <= last->hi) {
			if (s->v[i].hi > last->hi)
				last->hi = s->v[i].hi;
			last->value = plan_nearer(last->limit, last->value, s->v[i].value);
		} else {
			s->v[++n] = s->v[i];
		}
	}
	s->n = n + 1;
}

/* Chosen messages below settled that are not done stay in a range. */
static void
skips_open(const struct plan *p, struct skips *s)
{
	struct state_skip *last, one;
	const struct entry *e;
	size_t i;

	for (i = 0; i < p->n; i++) {
		e = &p->entry[i];
		if (e->limit == LIMITS || e->state == E_DONE)
			continue;
		one = (struct state_skip){ e->uid, e->uid, e->limit, plan_threshold(e, e->limit) };
		last = s->n > 0 ? &s->v[s->n - 1] : NULL;
		if (last != NULL && e->joined && last->hi == p->entry[i - 1].uid &&
		    last->limit == one.limit) {
			last->hi = e->uid;
			last->value = plan_nearer(last->limit, last->value, one.value);
		} else {
			plan_skip_put(s, &one);
		}
	}
}

static void
skips_now(const struct plan *p, struct skips *s)
{
	size_t i;

	skips_open(p, s);
	for (i = 0; i < p->kept.n; i++)
		plan_skip_put(s, &p->kept.v[i]);
	for (i = 0; i < p->fresh.n; i++)
		plan_skip_put(s, &p->fresh.v[i]);
	skips_join(s);
}

int
plan_skips(const struct plan *p, int (*cb)(const struct state_skip *, void *), void *arg)
{
	struct skips s = { NULL, 0, 0 };
	size_t i;
	int rc = 0;

	skips_now(p, &s);
	for (i = 0; i < s.n && rc == 0; i++)
		rc = cb(&s.v[i], arg);
	free(s.v);
	return rc;
}

bool
plan_skips_changed(const struct plan *p)
{
	struct skips now = { NULL, 0, 0 }, old = { NULL, 0, 0 };
	bool same;
	size_t i;

	skips_now(p, &now);
	for (i = 0; i < p->given.n; i++)
		plan_skip_put(&old, &p->given.v[i]);
	if (old.n > 0)
		qsort(old.v, old.n, sizeof *old.v, skip_cmp);
	same = now.n == old.n;
	for (i = 0; same && i < now.n; i++)
		same = skip_cmp(&now.v[i], &old.v[i]) == 0 && now.v[i].value == old.v[i].value;
	free(now.v);
	free(old.v);
	return !same;
}
