/* plan: input and decision; batches are in plan_batch.c, what limits leave out in plan_skip.c. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mail/plan_int.h"

#define SKIP_SPAN 512		/* left-out messages in one range */
#define ROWS_SQUEEZE (1U << 20) /* a server that repeats itself gets no memory for it from here on */
#define WORTH_MESSAGES 250	/* what a further connection must have to do: Exchange takes 50 ms for each */
#define WORTH_BYTES (16U << 20)

void
plan_grow(void *pv, size_t n, size_t *cap, size_t size)
{
	void *v;

	if (n < *cap)
		return;
	memcpy(&v, pv, sizeof v);
	*cap = *cap == 0 ? 16 : *cap * 2;
	v = xreallocarray(v, *cap, size);
	memcpy(pv, &v, sizeof v);
}

void
plan_uid_add(struct uids *u, uint32_t uid)
{
	plan_grow(&u->v, u->n, &u->cap, sizeof *u->v);
	u->v[u->n++] = uid;
}

int
plan_uid_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

bool
plan_uid_has(const struct uids *u, uint32_t uid)
{
	return u->n > 0 && bsearch(&uid, u->v, u->n, sizeof *u->v, plan_uid_cmp) != NULL;
}

static void
uids_sort(struct uids *u)
{
	if (u->n > 1)
		qsort(u->v, u->n, sizeof *u->v, plan_uid_cmp);
}

struct plan *
plan_new(const struct plan_params *par)
{
	struct plan *p = xcalloc(1, sizeof *p);

	p->par = *par;
	if (p->par.settled == 0)
		p->par.settled = 1;
	if (p->par.uidnext < p->par.settled)
		p->par.uidnext = p->par.settled;
	p->workers = 1;
	return p;
}

void
plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	free(p->given.v);
	free(p->kept.v);
	free(p->fresh.v);
	free(p->look.v);
	free(p->known.v);
	free(p->poison.v);
	free(p->missing.v);
	free(p->entry);
	free(p->retry);
	free(p->range.v);
	free(p->batch);
	free(p->group);
	free(p);
}

void
plan_poison(struct plan *p, uint32_t uid, bool due)
{
	plan_uid_add(&p->poison, uid);
	if (!due)
		return;
	plan_grow(&p->retry, p->nretry, &p->capretry, sizeof *p->retry);
	p->retry[p->nretry++] = (struct entry){ .uid = uid, .date = DATE_NONE, .limit = LIMITS };
}

bool
plan_retries(const struct plan *p)
{
	return p->nretry > 0;
}

static void
look_make(struct plan *p)
{
	if (!p->looked)
		plan_skips_sort(p);
	p->looked = true;
}

size_t
plan_look(struct plan *p, const struct wire_range **r)
{
	look_make(p);
	*r = p->look.v;
	return p->look.n;
}

void
plan_known(struct plan *p, uint32_t uid)
{
	plan_uid_add(&p->known, uid);
}

/* The range of plan_look that holds uid, or NULL. */
static const struct wire_range *
look_find(const struct plan *p, uint32_t uid)
{
	size_t lo = 0, hi = p->look.n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->look.v[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->look.n && p->look.v[lo].lo <= uid ? &p->look.v[lo] : NULL;
}

static uint64_t
look_size(const struct plan *p)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < p->look.n; i++)
		n += (uint64_t)p->look.v[i].hi - p->look.v[i].lo + 1;
	return n;
}

bool
plan_small(const struct plan *p)
{
	uint64_t n = look_size(p);

	return (n <= PLAN_SMALL_UIDS || p->par.dense) && p->par.since == INT64_MIN &&
	    p->par.before == INT64_MAX && p->par.max_size == 0 && p->par.max_bytes == 0 &&
	    (p->par.max == 0 || n <= p->par.max);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	/* The one that says more first. */
	if ((x->date == DATE_NONE) != (y->date == DATE_NONE))
		return x->date == DATE_NONE ? 1 : -1;
	return x->size > y->size ? -1 : x->size < y->size;
}

static size_t
entries_unique(struct entry *e, size_t n)
{
	size_t i, k = 0;

	if (n == 0)
		return 0;
	qsort(e, n, sizeof *e, entry_cmp);
	for (i = 1; i < n; i++)
		if (e[i].uid != e[k].uid)
			e[++k] = e[i];
	return k + 1;
}

static void
entry_add(struct plan *p, uint32_t uid, int64_t date, uint64_t size)
{
	if (p->n == p->cap && p->n >= ROWS_SQUEEZE)
		p->n = entries_unique(p->entry, p->n);
	plan_grow(&p->entry, p->n, &p->cap, sizeof *p->entry);
	p->entry[p->n++] = (struct entry){ .uid = uid,
		.date = date,
		.size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size,
		.limit = LIMITS };
}

void
plan_row(struct plan *p, uint32_t uid, int64_t date, uint64_t size)
{
	look_make(p);
	if (look_find(p, uid) != NULL)
		entry_add(p, uid, date, size);
}

void
plan_assume(struct plan *p)
{
	uint64_t uid;
	size_t i;

	look_make(p);
	for (i = 0; i < p->look.n; i++)
		for (uid = p->look.v[i].lo; uid <= p->look.v[i].hi; uid++)
			entry_add(p, (uint32_t)uid, DATE_NONE, 0);
	p->assumed = true;
}

/* The limit that leaves e out: first those that do not move with the clock.  LIMITS: none. */
static enum state_limit
entry_limit(const struct plan *p, const struct entry *e)
{
	if (p->par.max_size != 0 && e->size > p->par.max_size)
		return LIMIT_SIZE;
	if (e->date == DATE_NONE)
		return LIMITS;
	if (e->date < p->par.since)
		return LIMIT_SINCE;
	if (p->par.before != INT64_MAX && e->date >= p->par.before)
		return LIMIT_BEFORE;
	return LIMITS;
}

/* The recorded range below settled that e was in. */
static enum state_limit
entry_old_limit(const struct plan *p, uint32_t uid)
{
	size_t i;

	for (i = 0; i < p->given.n; i++)
		if (p->given.v[i].lo <= uid && uid <= p->given.v[i].hi &&
		    plan_skip_wakes(&p->given.v[i], &p->par))
			return p->given.v[i].limit;
	return LIMIT_SIZE; /* cannot be: only such ranges are looked at */
}

/* The range of each limit that grows, while plan_ready walks up. */
struct growing {
	struct {
		size_t i; /* in fresh */
		unsigned n;
		const struct wire_range *look;
	} of[LIMITS];
};

static void
skip_grow(struct plan *p, struct growing *g, const struct entry *e, enum state_limit limit,
    const struct wire_range *look)
{
	struct state_skip *s, one = { e->uid, e->uid, limit, plan_threshold(e, limit) };

	if (g->of[limit].look != look || g->of[limit].n >= SKIP_SPAN) {
		g->of[limit].i = p->fresh.n;
		g->of[limit].n = 1;
		g->of[limit].look = look;
		plan_skip_put(&p->fresh, &one);
		return;
	}
	s = &p->fresh.v[g->of[limit].i];
	s->hi = e->uid;
	s->value = plan_nearer(limit, s->value, one.value);
	g->of[limit].n++;
}

/* Is there room for e within max and max_bytes?  Nothing is taken after the first that has none. */
static bool
entry_fits(struct plan *p, const struct entry *e)
{
	if (p->was_cut)
		return false;
	if (p->par.max != 0 && p->total >= p->par.max)
		return false;
	return p->par.max_bytes == 0 || p->total == 0 || p->total_bytes + e->size <= p->par.max_bytes;
}

static void
entry_choose(struct plan *p, const struct entry *e, size_t *kept, bool joined)
{
	p->entry[*kept] = *e;
	p->entry[*kept].joined = joined;
	(*kept)++;
	p->total++;
	p->total_bytes += e->size;
}

/* Does any UID of the sorted u lie strictly between lo and hi?  *i walks up with the calls. */
static bool
uids_between(const struct uids *u, size_t *i, uint32_t lo, uint32_t hi)
{
	while (*i < u->n && u->v[*i] <= lo)
		(*i)++;
	return *i < u->n && u->v[*i] < hi;
}

static void
entries_decide(struct plan *p)
{
	struct growing g = { 0 };
	const struct wire_range *look, *lastlook = NULL;
	enum state_limit limit;
	bool joined, dropped = true; /* dropped: a message since the last chosen one */
	size_t i, kept = 0, ik = 0, ip = 0;
	struct entry e;

	for (i = 0; i < p->n; i++) {
		e = p->entry[i];
		if (plan_uid_has(&p->known, e.uid) || plan_uid_has(&p->poison, e.uid)) {
			dropped = true;
			continue;
		}
		look = look_find(p, e.uid);
		limit = entry_limit(p, &e);
		if (e.uid < p->par.settled)
			e.limit = entry_old_limit(p, e.uid);
		if (limit != LIMITS) {
			skip_grow(p, &g, &e, limit, look);
			dropped = true;
			continue;
		}
		if (!entry_fits(p, &e)) {
			p->was_cut = true;
			if (e.limit != LIMITS)
				skip_grow(p, &g, &e, e.limit, look);
			else if (p->cut == 0)
				p->cut = e.uid;
			continue;
		}
		joined = !dropped && look == lastlook &&
		    !uids_between(&p->known, &ik, p->entry[kept - 1].uid, e.uid) &&
		    !uids_between(&p->poison, &ip, p->entry[kept - 1].uid, e.uid);
		entry_choose(p, &e, &kept, joined);
		dropped = false;
		lastlook = look;
	}
	p->n = kept;
}

void
plan_ready(struct plan *p)
{
	size_t i;

	look_make(p);
	uids_sort(&p->known);
	uids_sort(&p->poison);
	p->n = entries_unique(p->entry, p->n);
	entries_decide(p);
	if (p->nretry > 1)
		qsort(p->retry, p->nretry, sizeof *p->retry, entry_cmp);
	for (i = 0; i < p->n && p->entry[i].uid < p->par.settled; i++)
		;
	p->low = i;
	p->wait = p->total;
	p->wait_bytes = p->total_bytes;
	p->ready = true;
}

void
plan_total(const struct plan *p, uint64_t *messages, uint64_t *bytes)
{
	*messages = p->total;
	*bytes = p->total_bytes;
}

bool
plan_cut(const struct plan *p)
{
	return p->was_cut;
}

unsigned
plan_worth(const struct plan *p, unsigned limit)
{
	uint64_t m = p->wait / WORTH_MESSAGES, b = p->wait_bytes / WORTH_BYTES, n = m > b ? m : b;

	if (n > limit)
		n = limit;
	return n == 0 ? 1 : (unsigned)n;
}
