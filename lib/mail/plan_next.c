/*
 * plan_next: makes batches, and UID sets that fit into a command.
 *
 * - The first batch is small, so that what a server makes of such a command is
 *   seen before it gets large ones; the others are as large as PLAN_BATCH_*
 *   allow.  Messages are committed as they come, whatever the batch; so a large
 *   one delays nothing, and thousands of small messages cost one round trip.
 * - With several workers a batch is at most an equal share of what waits, two
 *   for each worker: the last ones shrink.
 */
#include <string.h>

#include "mail/plan_int.h"

#define FIRST_MESSAGES 32
#define FIRST_BYTES (512U << 10) /* and the smallest at the end */
#define LAST_MESSAGES 4		 /* the smallest at the end */

void
plan_workers(struct plan *p, unsigned n)
{
	p->workers = n == 0 ? 1 : n;
}

/* How large the next batch may be. */
static void
batch_bounds(const struct plan *p, uint64_t *messages, uint64_t *bytes)
{
	uint64_t m = p->begun ? PLAN_BATCH_MESSAGES : FIRST_MESSAGES;
	uint64_t b = p->begun ? PLAN_BATCH_BYTES : FIRST_BYTES, share;

	if (p->assumed && !p->begun)
		m = PLAN_SMALL_UIDS;
	else if (p->assumed && p->came_bytes > 0) {
		share = p->came * PLAN_BATCH_BYTES / p->came_bytes;
		m = share == 0 ? 1 : m < share ? m : share;
	}
	if (p->workers > 1) {
		/* Two in flight on each connection. */
		share = p->wait / (2 * (uint64_t)p->workers);
		if (share < LAST_MESSAGES)
			share = LAST_MESSAGES;
		m = m < share ? m : share;
		share = p->wait_bytes / (2 * (uint64_t)p->workers);
		if (share < FIRST_BYTES)
			share = FIRST_BYTES;
		b = b < share ? b : share;
	}
	*messages = m;
	*bytes = b;
}

static size_t
digits(uint32_t n)
{
	size_t d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

/* Bytes of "lo:hi," or "lo,". */
static size_t
range_text(const struct wire_range *r)
{
	return digits(r->lo) + 1 + (r->hi == r->lo ? 0 : digits(r->hi) + 1);
}

size_t
plan_split(const struct wire_range *r, size_t n)
{
	size_t i, len = 0;

	for (i = 0; i < n && i < WIRE_RANGES_MAX; i++) {
		len += range_text(&r[i]);
		if (len > PLAN_SET_MAX && i > 0)
			return i;
	}
	return i;
}

size_t
plan_pack(struct wire_range *r, const uint32_t *uids, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (k > 0 && uids[i] - r[k - 1].hi <= 1)
			r[k - 1].hi = uids[i];
		else
			r[k++] = (struct wire_range){ uids[i], uids[i] };
	}
	return k;
}

/* A batch under construction. */
struct making {
	struct batch b;
	struct plan_batch *out;
	size_t text;	       /* of the ranges but the last */
	size_t prev;	       /* index of the entry added last */
	enum entry_state from; /* takes entries in this state */
};

/* Adds entry i; false (and nothing added) when the command line has no room for it. */
static bool
batch_add(struct plan *p, struct making *m, size_t i)
{
	struct entry *e = &plan_batch_entries(p, &m->b)[i];
	struct wire_range *last;

	last = p->range.n > 0 ? &p->range.v[p->range.n - 1] : NULL;
	if (last != NULL && ((e->joined && m->prev + 1 == i) || e->uid == last->hi + 1)) {
		last->hi = e->uid;
	} else {
		if (last != NULL) {
			m->text += range_text(last);
			if (m->text + 2 * sizeof "4294967295" > PLAN_SET_MAX)
				return false;
		}
		plan_grow(&p->range.v, p->range.n, &p->range.cap, sizeof *p->range.v);
		p->range.v[p->range.n++] = (struct wire_range){ e->uid, e->uid };
	}
	if (m->out->count == 0)
		m->b.first = i;
	m->b.last = i;
	m->prev = i;
	m->out->count++;
	m->out->bytes += e->size;
	return true;
}

/* Entry i, which batch_add has taken, is out. */
static void
entry_out(struct plan *p, struct making *m, size_t i)
{
	struct entry *e = &plan_batch_entries(p, &m->b)[i];

	if (e->state == E_SUSPECT)
		p->out--;
	else if (!m->b.retry) {
		p->wait--;
		p->wait_bytes -= e->size;
	}
	p->out++;
	e->state = E_OUT;
	e->batch = m->b.id;
	m->b.out++;
}

static void
making_init(struct plan *p, struct making *m, struct plan_batch *out)
{
	memset(m, 0, sizeof *m);
	memset(out, 0, sizeof *out);
	m->out = out;
	m->b.id = ++p->last_id;
	p->range.n = 0;
}

static int
batch_give(struct plan *p, struct making *m)
{
	m->out->id = m->b.id;
	m->out->alone = m->b.alone;
	m->out->retry = m->b.retry;
	m->out->range = p->range.v;
	m->out->nrange = p->range.n;
	plan_grow(&p->batch, p->nbatch, &p->capbatch, sizeof *p->batch);
	p->batch[p->nbatch++] = m->b;
	return 1;
}

static int
next_suspects(struct plan *p, struct group *g, struct plan_batch *out)
{
	struct making m;
	size_t i, n;

	n = g->alone ? 1 : (plan_group_left(p, g) + 1) / 2;
	making_init(p, &m, out);
	m.b.group = g->id;
	m.b.alone = n == 1;
	for (i = g->first; i <= g->last && out->count < n; i++) {
		if (p->entry[i].state != E_SUSPECT || p->entry[i].batch != g->id)
			continue;
		if (!batch_add(p, &m, i))
			break;
		entry_out(p, &m, i);
	}
	g->batch = m.b.id;
	return batch_give(p, &m);
}

static int
next_common(struct plan *p, struct plan_batch *out)
{
	struct making m;
	uint64_t messages, bytes;
	size_t i;

	batch_bounds(p, &messages, &bytes);
	making_init(p, &m, out);
	for (i = p->next; i < p->n && out->count < messages; i++) {
		if (p->entry[i].state != E_WAIT)
			continue;
		if (out->count > 0 && out->bytes + p->entry[i].size > bytes)
			break;
		if (!batch_add(p, &m, i))
			break;
		entry_out(p, &m, i);
	}
	p->next = i;
	p->begun = true;
	return batch_give(p, &m);
}

static int
next_retry(struct plan *p, struct plan_batch *out)
{
	struct making m;

	making_init(p, &m, out);
	m.b.retry = true;
	batch_add(p, &m, p->nextretry);
	entry_out(p, &m, p->nextretry++);
	return batch_give(p, &m);
}

int
plan_next(struct plan *p, struct plan_batch *out)
{
	size_t i;

	for (i = 0; i < p->ngroup; i++)
		if (p->group[i].batch == 0)
			return next_suspects(p, &p->group[i], out);
	if (p->wait > 0)
		return next_common(p, out);
	while (p->nextretry < p->nretry && p->retry[p->nextretry].state != E_WAIT)
		p->nextretry++;
	if (p->nextretry < p->nretry)
		return next_retry(p, out);
	memset(out, 0, sizeof *out);
	return p->out > 0 ? 0 : -1;
}
