/*
 * plan_batch: what becomes of the messages that plan_next handed out, and how
 * far settled may go.
 *
 * - An entry goes E_WAIT → E_OUT → E_CAME → E_DONE; from E_LEFT to E_OUT again if it
 *   is awaited.
 * - Entries of a batch lie between two indices, so that nothing here walks over
 *   all messages: `next` and `low` only move up (plan_back sets next back).
 * - A group holds the messages of a failed batch: the first goes out alone; if
 *   that one comes, half of the others; and so on.  When a half fails, it is
 *   the group, and begins with "first alone" again.  When the culprit is done
 *   without having come (quarantined, gone), the others are ordinary again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mail/plan_int.h"

static struct entry *
find_in(struct entry *v, size_t n, uint32_t uid)
{
	size_t lo = 0, hi = n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo].uid == uid ? &v[lo] : NULL;
}

static struct entry *
entry_find(struct plan *p, uint32_t uid)
{
	struct entry *e = find_in(p->entry, p->n, uid);

	return e != NULL ? e : find_in(p->retry, p->nretry, uid);
}

static struct batch *
batch_find(struct plan *p, uint32_t id)
{
	size_t i;

	for (i = 0; i < p->nbatch; i++)
		if (p->batch[i].id == id)
			return &p->batch[i];
	return NULL;
}

static struct group *
group_find(struct plan *p, uint32_t id)
{
	size_t i;

	for (i = 0; id != 0 && i < p->ngroup; i++)
		if (p->group[i].id == id)
			return &p->group[i];
	return NULL;
}

struct entry *
plan_batch_entries(struct plan *p, const struct batch *b)
{
	return b->retry ? p->retry : p->entry;
}

static void
entry_wait(struct plan *p, struct entry *e)
{
	e->state = E_WAIT;
	e->batch = 0;
	p->wait++;
	p->wait_bytes += e->size;
}

size_t
plan_group_left(const struct plan *p, const struct group *g)
{
	size_t i, n = 0;

	for (i = g->first; i <= g->last; i++)
		n += p->entry[i].state == E_SUSPECT && p->entry[i].batch == g->id;
	return n;
}

/* Its messages that wait are ordinary ones again. */
static void
group_free(struct plan *p, const struct group *g)
{
	size_t i;

	for (i = g->first; i <= g->last; i++) {
		if (p->entry[i].state != E_SUSPECT || p->entry[i].batch != g->id)
			continue;
		p->out--;
		entry_wait(p, &p->entry[i]);
		if (i < p->next)
			p->next = i;
	}
}

static void
group_dissolve(struct plan *p, struct group *g)
{
	group_free(p, g);
	*g = p->group[--p->ngroup];
}

/* Nothing of b is out any more. */
static void
batch_end(struct plan *p, struct batch *b)
{
	struct group *g = group_find(p, b->group);

	if (g != NULL) {
		g->batch = 0;
		if (b->failed || plan_group_left(p, g) == 0)
			group_dissolve(p, g);
		else
			g->alone = false;
	}
	*b = p->batch[--p->nbatch];
}

/* e, which was out, no longer is. */
static void
entry_in(struct plan *p, const struct entry *e, bool came)
{
	struct batch *b = batch_find(p, e->batch);

	p->out--;
	if (b == NULL)
		return;
	if (b->alone && !came)
		b->failed = true;
	if (--b->out == 0)
		batch_end(p, b);
}

int
plan_came(struct plan *p, uint32_t uid, uint64_t bytes)
{
	struct entry *e = entry_find(p, uid);

	if (e == NULL || e->state != E_OUT)
		return 0;
	e->state = E_CAME;
	p->came++;
	p->came_bytes += bytes;
	entry_in(p, e, true);
	return 1;
}

/* Takes e out of whatever it is in. */
static void
entry_leave(struct plan *p, struct entry *e, enum entry_state state)
{
	enum entry_state old = e->state;
	bool retry = e >= p->retry && e < p->retry + p->nretry;

	e->state = (uint8_t)state;
	switch (old) {
	case E_WAIT:
		if (!retry) {
			p->wait--;
			p->wait_bytes -= e->size;
		}
		break;
	case E_SUSPECT:
		p->out--;
		break;
	case E_OUT:
		entry_in(p, e, false);
		break;
	case E_CAME:
	case E_DONE:
	case E_LEFT:
		break;
	}
}

uint32_t
plan_done(struct plan *p, uint32_t uid)
{
	struct entry *e = entry_find(p, uid);

	if (e != NULL && e->state != E_DONE)
		entry_leave(p, e, E_DONE);
	while (p->low < p->n && p->entry[p->low].state == E_DONE)
		p->low++;
	return plan_settled(p);
}

void
plan_leave(struct plan *p, uint32_t uid)
{
	struct entry *e = entry_find(p, uid);

	if (e != NULL && e->state != E_DONE && e->state != E_LEFT)
		entry_leave(p, e, E_LEFT);
}

void
plan_await(struct plan *p, uint32_t uid)
{
	struct entry *e = entry_find(p, uid);

	if (e == NULL || e->state != E_LEFT)
		return;
	e->state = E_OUT;
	e->batch = 0; /* none of the plan's */
	p->out++;
}

uint32_t
plan_settled(const struct plan *p)
{
	uint32_t s;

	if (!p->ready)
		return p->par.settled;
	s = p->low < p->n ? p->entry[p->low].uid : p->par.uidnext;
	if (p->cut != 0 && p->cut < s)
		s = p->cut;
	return s;
}

size_t
plan_missing(struct plan *p, uint32_t id, const uint32_t **uids)
{
	struct batch *b = batch_find(p, id);
	struct entry *v;
	size_t i;

	p->missing.n = 0;
	*uids = p->missing.v;
	if (b == NULL)
		return 0;
	v = plan_batch_entries(p, b);
	for (i = b->first; i <= b->last; i++)
		if (v[i].state == E_OUT && v[i].batch == id)
			plan_uid_add(&p->missing, v[i].uid);
	*uids = p->missing.v;
	return p->missing.n;
}

/* A retry that killed the worker again is not tried again in this run. */
static void
retry_back(struct plan *p, const struct batch *b, bool suspect)
{
	struct entry *e = &p->retry[b->first];

	p->out--;
	e->batch = 0;
	if (suspect) {
		e->state = E_LEFT;
		return;
	}
	e->state = E_WAIT;
	if (b->first < p->nextretry)
		p->nextretry = b->first;
}

/* The group of b, of which one is bad; what of its former group was not in b is no longer suspected. */
static struct group *
group_narrow(struct plan *p, const struct batch *b)
{
	struct group *g = group_find(p, b->group);

	if (g != NULL) {
		group_free(p, g);
		g->first = b->first;
		g->last = b->last;
		return g;
	}
	plan_grow(&p->group, p->ngroup, &p->capgroup, sizeof *p->group);
	g = &p->group[p->ngroup++];
	*g = (struct group){ .id = ++p->last_id, .first = b->first, .last = b->last };
	return g;
}

void
plan_back(struct plan *p, uint32_t id, bool suspect)
{
	struct batch *bp = batch_find(p, id), b;
	struct group *g;
	size_t i;

	if (bp == NULL)
		return;
	b = *bp;
	*bp = p->batch[--p->nbatch];
	if (p->assumed)
		p->begun = false;
	if (b.retry) {
		retry_back(p, &b, suspect);
		return;
	}
	g = suspect ? group_narrow(p, &b) : group_find(p, b.group);
	for (i = b.first; i <= b.last; i++) {
		if (p->entry[i].state != E_OUT || p->entry[i].batch != id)
			continue;
		if (g != NULL) {
			p->entry[i].state = E_SUSPECT;
			p->entry[i].batch = g->id;
			continue;
		}
		p->out--;
		entry_wait(p, &p->entry[i]);
		if (i < p->next)
			p->next = i;
	}
	if (g != NULL) {
		g->batch = 0;
		if (suspect)
			g->alone = true;
	}
}
