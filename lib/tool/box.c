/* box: one folder of a run, window by window. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/progress.h"
#include "mail/adopt.h"
#include "tool/run.h"

#define SPAN_MIN 2048 /* UIDs in the first window when only a few messages are wanted */

struct box *
box_new(const struct wire_folder *f)
{
	struct box *b = xcalloc(1, sizeof *b);

	b->name = xstrdup(f->name);
	b->raw = xstrdup(f->raw);
	b->delimiter = f->delimiter;
	b->attrs = f->attrs;
	b->uidvalidity = f->uidvalidity;
	b->uidnext = f->uidnext;
	b->messages = f->messages;
	return b;
}

void
box_free(struct box *b)
{
	if (b == NULL)
		return;
	plan_free(b->plan);
	adopt_free(b->adopt);
	free(b->row);
	str_release(&b->subdir);
	free(b->name);
	free(b->raw);
	free(b);
}

/* Does --max or --max-bytes still let something in? */
static bool
exhausted(const struct run *r)
{
	return (r->o->max != 0 && r->max_left == 0) || (r->o->max_bytes != 0 && r->bytes_left == 0);
}

/* The UID that the next window ends before. */
static uint32_t
window_end(const struct run *r, struct box *b)
{
	uint64_t end;

	if (b->span == 0)
		b->span = r->o->max != 0 && r->o->max < RUN_WINDOW / 8 ? SPAN_MIN + 4 * (uint32_t)r->o->max
								       : RUN_WINDOW;
	end = (uint64_t)b->gen.settled + b->span;
	return end < b->uidnext ? (uint32_t)end : b->uidnext;
}

static struct plan *
new_plan(const struct run *r, const struct box *b)
{
	struct plan_params p = { .settled = b->gen.settled,
		.uidnext = b->window,
		.since = r->o->has_since ? r->o->since : INT64_MIN,
		.before = r->o->has_before ? r->o->before : INT64_MAX,
		.max_size = r->o->max_size,
		.max = r->max_left,
		.max_bytes = r->bytes_left,
		/* STATUS tells, or EXAMINE.  Several connections share by size, which takes a list. */
		.dense = r->o->connections == 1 && b->messages == b->uidnext - 1 };

	return plan_new(&p);
}

static int
load_skip(const struct state_skip *s, void *arg)
{
	plan_skip(arg, s);
	return 0;
}

struct load_poison {
	struct plan *plan;
	struct state *state;
	int64_t gen, now;
	bool purge;
	struct err *err;
};

/* One that has been delivered since (on a retry) is poison no longer. */
static int
load_poison(const struct state_poison *p, void *arg)
{
	struct load_poison *l = arg;
	int n = state_msg_find(l->state, l->gen, p->uid, NULL, l->err);

	if (n == -1)
		return -1;
	if (n == 1)
		return l->purge ? state_poison_delete(l->state, l->gen, p->uid, l->err) : 0;
	plan_poison(l->plan, p->uid, p->next <= l->now);
	return 0;
}

static int
load_known(const struct state_msg *m, void *arg)
{
	plan_known(arg, m->uid);
	return 0;
}

/* What the state knows of the window. */
static int
load(struct run *r, struct box *b, struct err *err)
{
	struct state *st = r->store.state;
	struct load_poison l = { .plan = b->plan,
		.state = st,
		.gen = b->gen.id,
		.now = time(NULL),
		.purge = !r->o->dry_run,
		.err = err };
	const struct wire_range *range;
	size_t n, i;

	if (st == NULL || b->gen.id == 0)
		return 0;
	if (state_skip_each(st, b->gen.id, load_skip, b->plan, err) == -1 ||
	    state_poison_each(st, b->gen.id, load_poison, &l, err) == -1)
		return -1;
	n = plan_look(b->plan, &range);
	for (i = 0; i < n; i++)
		if (state_msg_each(st, b->gen.id, range[i].lo, range[i].hi, load_known, b->plan, err) == -1)
			return -1;
	return 0;
}

int
box_plan(struct run *r, struct box *b, struct err *err)
{
	const struct wire_range *range;
	size_t n;

	if (r->o->baseline)
		return baseline_plan(r, b, err);
	if (exhausted(r)) {
		b->phase = BOX_DONE;
		takeover_leave(r, b);
		return 0;
	}
	b->window = window_end(r, b);
	b->plan = new_plan(r, b);
	b->listed = 0;
	takeover_leave(r, b);
	if (load(r, b, err) == -1)
		return -1;
	n = plan_look(b->plan, &range);
	if ((n > 0 || plan_retries(b->plan)) && takeover_load(r, b, err) == -1)
		return -1;
	if (n > 0 && renumber_anchor(r, b, err) == -1)
		return -1;
	if (n > 0 && (r->o->dry_run || b->adopt != NULL || !plan_small(b->plan))) {
		b->phase = BOX_LISTS;
		return 0;
	}
	if (n > 0)
		plan_assume(b->plan);
	return box_ready(r, b, err);
}

bool
box_listed(const struct box *b)
{
	const struct wire_range *range;

	return b->listed == plan_look(b->plan, &range);
}

struct put_skip {
	struct state *state;
	int64_t gen;
	struct err *err;
};

static int
put_skip(const struct state_skip *s, void *arg)
{
	const struct put_skip *p = arg;

	return state_skip_add(p->state, p->gen, s, p->err);
}

/* What limits leave out now, in place of what they left out before. */
static int
record_skips(struct run *r, struct box *b, struct err *err)
{
	struct put_skip p = { r->store.state, b->gen.id, err };

	if (r->o->dry_run || !plan_skips_changed(b->plan))
		return 0;
	/* What is done must be in the state before the range that it came from goes: a crash would lose the rest of it. */
	if (commit_group(r->commit, err) == -1)
		return -1;
	if (state_begin(p.state, err) == -1)
		return -1;
	if (state_skip_clear(p.state, p.gen, LIMITS, err) == -1 || plan_skips(b->plan, put_skip, &p) == -1) {
		state_rollback(p.state);
		return -1;
	}
	return state_commit(p.state, err) == STATE_OK ? 0 : -1;
}

static uint64_t
minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

int
box_ready(struct run *r, struct box *b, struct err *err)
{
	uint64_t messages, bytes;

	if (r->o->baseline)
		return baseline_ready(r, b, err);
	if (takeover_pair(r, b, err) == -1)
		return -1;
	plan_ready(b->plan);
	plan_workers(b->plan, r->lanes_wanted);
	plan_total(b->plan, &messages, &bytes);
	r->max_left = minus(r->max_left, messages);
	r->bytes_left = minus(r->bytes_left, bytes);
	b->new_messages += messages;
	b->new_bytes += bytes;
	r->total += messages;
	r->total_bytes += bytes;
	if (messages > 0 && bytes == 0)
		r->unsized = true;
	progress_total(r->total, r->unsized ? 0 : r->total_bytes);
	log_v(1, "%s: %llu new messages", b->name, (unsigned long long)messages);
	b->phase = BOX_FETCHES;
	return record_skips(r, b, err);
}

void
box_done_uid(struct run *r, struct box *b, uint32_t uid)
{
	uint32_t settled = plan_done(b->plan, uid);

	if (settled > b->gen.settled)
		b->gen.settled = settled;
	commit_settle(r->commit, b->gen.id, b->gen.settled, b->uidnext);
}

/* A folder that is done with has its UIDNEXT noted, so that one that goes back is seen. */
static void
settle_window(struct run *r, struct box *b, bool last)
{
	uint32_t settled = plan_settled(b->plan);

	if (settled > b->gen.settled)
		b->gen.settled = settled;
	else if (!last || b->uidnext <= b->gen.uidnext)
		return;
	commit_settle(r->commit, b->gen.id, b->gen.settled, b->uidnext);
}

int
box_window_end(struct run *r, struct box *b, struct err *err)
{
	bool last = plan_cut(b->plan) || b->window == b->uidnext;
	uint64_t messages, bytes;

	if (r->o->dry_run) {
		b->gen.settled = b->window;
	} else {
		last = last || plan_settled(b->plan) < b->window;
		if (record_skips(r, b, err) == -1)
			return -1;
		settle_window(r, b, last);
		/* The next window is planned from what the state knows. */
		if (!last && commit_group(r->commit, err) == -1)
			return -1;
	}
	plan_total(b->plan, &messages, &bytes);
	if (messages < b->span / 16 && b->span <= UINT32_MAX / 8)
		b->span *= 4; /* sparse UIDs */
	plan_free(b->plan);
	b->plan = NULL;
	b->phase = last ? BOX_DONE : BOX_WAITS;
	if (last)
		takeover_leave(r, b);
	return 0;
}

void
box_drop(struct run *r, struct box *b)
{
	uint32_t settled;

	if (b->plan != NULL && b->phase == BOX_FETCHES && !r->o->dry_run &&
	    (settled = plan_settled(b->plan)) > b->gen.settled)
		commit_settle(r->commit, b->gen.id, settled, b->uidnext);
	poison_forget(r, b);
	plan_free(b->plan);
	b->plan = NULL;
	b->phase = BOX_DONE;
	takeover_leave(r, b);
}
