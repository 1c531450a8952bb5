/*
 * task: who is asked what next.
 *
 * A lane has up to two tasks in flight, so that the server is never idle while
 * an answer travels (one with --no-pipeline).  Tasks that follow from answers
 * (checks, trials, what a lost lane left) come from the queue; new ones from the
 * folders in their order, as many folders at a time as it takes to keep the
 * lanes busy, and no more: each open one costs memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tool/run.h"

#define SLOTS_SPARE 1 /* more than the messages expected: a worker that waits for one has stopped reading */

struct task *
task_new(enum task_kind kind, struct box *b)
{
	struct task *t = xcalloc(1, sizeof *t);

	t->kind = kind;
	t->box = b;
	if (b != NULL)
		b->tasks++;
	return t;
}

void
task_free(struct task *t)
{
	if (t == NULL)
		return;
	if (t->box != NULL)
		t->box->tasks--;
	free(t->range);
	free(t->answered);
	free(t);
}

void
task_ranges(struct task *t, const struct wire_range *range, size_t n)
{
	t->range = xreallocarray(t->range, n, sizeof *t->range);
	memcpy(t->range, range, n * sizeof *range);
	t->nrange = n;
}

void
task_queue(struct run *r, struct task *t)
{
	t->next = NULL;
	*r->queue_tail = t;
	r->queue_tail = &t->next;
}

static struct task *
dequeue(struct run *r)
{
	struct task *t = r->queue;

	if (t == NULL)
		return NULL;
	if ((r->queue = t->next) == NULL)
		r->queue_tail = &r->queue;
	t->next = NULL;
	return t;
}

/* The next queued task whose folder has not been given up since. */
static struct task *
queued(struct run *r)
{
	struct task *t;

	while ((t = dequeue(r)) != NULL && t->box != NULL && t->box->plan == NULL)
		task_free(t);
	return t;
}

/*
 * The next ranges to be listed.  A message that the list leaves out would never
 * be fetched, for settled goes past it; so a SEARCH follows right behind it.
 * --baseline fetches nothing.
 */
static struct task *
list_task(struct run *r, struct box *b)
{
	const struct wire_range *range;
	size_t n = plan_look(b->plan, &range), k;
	struct wire_range all;
	struct task *t;

	if (b->listed == n)
		return NULL;
	k = plan_split(range + b->listed, n - b->listed);
	if (!r->o->baseline) {
		all = (struct wire_range){ range[b->listed].lo, range[b->listed + k - 1].hi };
		t = task_new(TASK_SEARCH, b);
		task_ranges(t, &all, 1);
		task_queue(r, t);
	}
	t = task_new(TASK_LIST, b);
	task_ranges(t, range + b->listed, k);
	b->listed += k;
	return t;
}

/* A batch of b, or NULL when there is none now. */
static struct task *
batch_task(struct box *b)
{
	struct plan_batch batch;
	struct task *t;

	if (plan_next(b->plan, &batch) != 1)
		return NULL;
	t = task_new(TASK_BATCH, b);
	t->batch = batch.id;
	t->alone = batch.alone;
	t->retry = batch.retry;
	t->count = batch.count;
	if (batch.alone || batch.retry)
		t->uid = batch.range[0].lo;
	task_ranges(t, batch.range, batch.nrange);
	return t;
}

/* The next task of b, which may plan its next window for it.  NULL: none now. */
static struct task *
box_task(struct run *r, struct box *b)
{
	struct err e = ERR_INIT;
	struct task *t = NULL;

	while (!r->over) {
		if (b->renew && (b->tasks > 0 || b->trials > 0))
			return NULL;
		if (b->renew && renumber_restart(r, b, &e) == -1)
			break;
		if (b->phase == BOX_WAITS && takeover_waits(r, b))
			return NULL;
		if (b->phase == BOX_WAITS && box_plan(r, b, &e) == -1)
			break;
		if (b->phase == BOX_LISTS)
			return list_task(r, b);
		if (b->phase == BOX_DONE || (!r->o->dry_run && (t = batch_task(b)) != NULL))
			return t;
		if (b->tasks > 0 || b->trials > 0)
			return NULL;
		if (box_window_end(r, b, &e) == -1)
			break;
	}
	if (!r->over)
		run_fatal(r, &e);
	return NULL;
}

/* --max counts over all folders: the next may be planned when this one knows what it takes. */
static bool
must_wait(const struct run *r, const struct box *b)
{
	return (r->o->max != 0 || r->o->max_bytes != 0) && b->phase == BOX_LISTS;
}

static struct task *
next_task(struct run *r)
{
	struct task *t = queued(r);
	struct box *b;
	bool took;
	size_t i = 0;

	while (i < r->nbox && t == NULL && !r->over) {
		b = r->box[i++];
		if (b->phase == BOX_DONE)
			continue;
		took = r->taking == b;
		t = box_task(r, b);
		if (t == NULL && must_wait(r, b))
			break;
		if (t == NULL && took && r->taking == NULL)
			i = 0; /* one before it may have waited for it */
	}
	return t;
}

static uint32_t
ask_dated(const struct run *r)
{
	return ASK_DATE | (r->o->keep_flags ? ASK_FLAGS : 0);
}

static uint32_t
ask_of(const struct run *r, const struct task *t)
{
	switch (t->kind) {
	case TASK_LIST:
		return ASK_DATE | ASK_SIZE | (t->box->adopt != NULL || r->o->baseline ? ASK_MSGID : 0);
	case TASK_ANCHOR:
		return ASK_DATE;
	case TASK_BATCH:
		return ASK_BODY | ask_dated(r);
	case TASK_BARE:
		return ASK_BODY | (t->dated ? ask_dated(r) : 0);
	case TASK_PROBE:
		return ASK_BODY;
	default:
		return 0;
	}
}

static void
send_fetch(struct run *r, int lane, const struct task *t)
{
	struct wire_fetch *w = (void *)r->packet;

	memset(w, 0, sizeof *w);
	w->ask = ask_of(r, t);
	w->uidvalidity = t->box->uidvalidity;
	w->nrange = (uint32_t)t->nrange;
	memcpy(w->folder, t->box->raw, strlen(t->box->raw) + 1);
	memcpy(w->range, t->range, t->nrange * sizeof *t->range);
	wire_head(&w->head, WIRE_FETCH, sizeof *w + t->nrange * sizeof *t->range, t->id);
	link_send(r->link, lane, w);
}

static void
send_search(struct run *r, int lane, const struct task *t)
{
	struct wire_search *w = (void *)r->packet;

	memset(w, 0, sizeof *w);
	w->uidvalidity = t->box->uidvalidity;
	memcpy(w->folder, t->box->raw, strlen(t->box->raw) + 1);
	snprintf(w->criteria, sizeof w->criteria, "UID %u:%u", t->range->lo, t->range->hi);
	wire_head(&w->head, WIRE_SEARCH, sizeof *w, t->id);
	link_send(r->link, lane, w);
}

static bool
has_bodies(const struct task *t)
{
	return t->kind == TASK_BATCH || t->kind == TASK_BARE || t->kind == TASK_PROBE;
}

/* Messages that may still come on the lane. */
static unsigned
expected(const struct lane_work *l)
{
	unsigned i, n = 0;

	for (i = 0; i < l->ntask; i++)
		if (has_bodies(l->task[i]) && l->task[i]->count > l->task[i]->came)
			n += l->task[i]->count - l->task[i]->came;
	return n;
}

static bool
fetching(const struct lane_work *l)
{
	unsigned i;

	for (i = 0; i < l->ntask; i++)
		if (has_bodies(l->task[i]))
			return true;
	return false;
}

static void
send_slots(struct run *r, int lane, uint32_t first, const int *fds, unsigned n)
{
	struct wire_slots w = { .first = first, .nslot = n };

	wire_head(&w.head, WIRE_SLOTS, sizeof w, 0);
	link_send_fds(r->link, lane, &w, fds, n);
}

/*
 * Sends slots when the lane has less than half of what it should have.  Also
 * where all that may come has come: a body that the server sends once more
 * waits for a slot as well.
 */
static void
top_up(struct run *r, int lane)
{
	unsigned want = expected(&r->lane[lane]), have = slots_with(r->slots, lane), n = 0;
	unsigned most = SLOTS_ALL / (unsigned)link_count(r->link);
	struct err e = ERR_INIT;
	int fds[SLOTS_LANE], slot, first = -1;

	if (!fetching(&r->lane[lane]))
		return;
	most = most < SLOTS_LANE ? most : SLOTS_LANE;
	want = want + SLOTS_SPARE < most ? want + SLOTS_SPARE : most;
	if (have > want / 2)
		return;
	for (; have < want; have++) {
		if ((slot = slots_give(r->slots, lane, &fds[n], &e)) == -1)
			break;
		if (first == -1)
			first = slot;
		n++;
	}
	if (n > 0)
		send_slots(r, lane, (uint32_t)first, fds, n);
	if (e.kind != ERR_NONE)
		run_fatal(r, &e);
}

static void
send_task(struct run *r, int lane, struct task *t)
{
	struct lane_work *l = &r->lane[lane];

	l->task[l->ntask++] = t;
	t->came = 0;
	t->begun = false;
	if (t->kind == TASK_LOOK) {
		link_send(r->link, lane, r->packet);
		return;
	}
	t->id = ++r->last_id;
	log_v(3, "%s: task %u of kind %d to connection %d", t->box->name, t->id, (int)t->kind, lane);
	if (t->kind == TASK_SEARCH)
		send_search(r, lane, t);
	else
		send_fetch(r, lane, t);
}

static bool
looking(const struct run *r)
{
	size_t i;

	for (i = 0; i < LINK_LANES; i++)
		if (r->lane[i].ntask > 0 && r->lane[i].task[0]->kind == TASK_LOOK)
			return true;
	return false;
}

static void
feed_lane(struct run *r, int lane)
{
	unsigned limit = link_serial(r->link) ? 1 : RUN_IN_FLIGHT;
	struct lane_work *l = &r->lane[lane];
	struct task *t;

	if (!r->looked) {
		if (!looking(r))
			send_task(r, lane, look_task(r));
		return;
	}
	while (l->ntask < limit && (t = next_task(r)) != NULL)
		send_task(r, lane, t);
	top_up(r, lane);
}

static bool
nothing_out(const struct run *r)
{
	size_t i;

	if (!r->looked || r->queue != NULL)
		return false;
	for (i = 0; i < LINK_LANES; i++)
		if (r->lane[i].ntask > 0)
			return false;
	return true;
}

static bool
any_up(const struct run *r)
{
	int i;

	for (i = 0; i < LINK_LANES; i++)
		if (r->lane[i].up)
			return true;
	return false;
}

static void
feed_all(struct run *r)
{
	int i;

	for (i = 0; i < LINK_LANES && !r->over; i++)
		if (r->lane[i].up)
			feed_lane(r, i);
}

void
task_feed(struct run *r)
{
	feed_all(r);
	/* Only messages on trial are left: they need proof, or go back to where they were. */
	while (!r->over && (r->held != NULL || r->trials != NULL) && nothing_out(r) && any_up(r)) {
		if (!filter_flush(r))
			(void)poison_probe(r);
		feed_all(r);
	}
}

struct task *
task_find(struct run *r, int lane, uint32_t id)
{
	struct lane_work *l = &r->lane[lane];
	unsigned i;

	for (i = 0; i < l->ntask; i++)
		if (l->task[i]->id == id)
			return l->task[i];
	return NULL;
}

void
task_take(struct run *r, int lane, struct task *t)
{
	struct lane_work *l = &r->lane[lane];
	unsigned i;

	for (i = 0; i < l->ntask; i++)
		if (l->task[i] == t) {
			l->ntask--;
			memmove(&l->task[i], &l->task[i + 1], (l->ntask - i) * sizeof l->task[0]);
			return;
		}
}

bool
task_idle(struct run *r)
{
	size_t i;

	if (!nothing_out(r))
		return false;
	for (i = 0; i < r->nbox; i++)
		if (r->box[i]->phase != BOX_DONE)
			return false;
	return true;
}

void
task_lanes(struct run *r)
{
	unsigned want = 1, worth;
	struct err e = ERR_INIT;
	size_t i;

	for (i = 0; i < r->nbox; i++) {
		if (r->box[i]->phase != BOX_FETCHES)
			continue;
		worth = plan_worth(r->box[i]->plan, r->o->connections);
		if (worth > want)
			want = worth;
	}
	if (r->lanes_wanted >= want)
		return;
	r->lanes_wanted = want;
	for (i = 0; i < r->nbox; i++)
		if (r->box[i]->plan != NULL)
			plan_workers(r->box[i]->plan, want);
	while ((unsigned)link_count(r->link) < want) {
		log_v(1, "one more connection");
		if (link_add(r->link, &e) == -1) {
			run_fatal(r, &e);
			return;
		}
	}
}
