/*
 * blame: which message broke the connection, if one did.
 *
 * A reply that broke the parser or the worker is the fault of the message that was
 * arriving.  Where the stream ended nothing says so: a message is blamed once STUCK
 * connections broke at it.  One that comes after it was not blamed yet shows that
 * connections break of themselves (poison.c holds less against others then).
 */
#include <string.h>

#include "base/util.h"
#include "tool/run.h"

#define STUCK 2

/* How often connections have broken at uid, to be counted up; the oldest of the others gives way. */
static unsigned *
times_stuck(struct box *b, uint32_t uid)
{
	size_t i;

	for (i = 0; i < LINK_LANES; i++)
		if (b->stuck[i].uid == uid)
			return &b->stuck[i].times;
	for (i = 0; i < LINK_LANES - 1 && b->stuck[i].uid != 0; i++)
		;
	memmove(b->stuck + 1, b->stuck, i * sizeof b->stuck[0]);
	b->stuck[0].uid = uid;
	b->stuck[0].times = 0;
	return &b->stuck[0].times;
}

void
blame_came(struct run *r, struct box *b, uint32_t uid)
{
	size_t i;

	for (i = 0; i < LINK_LANES; i++)
		if (b->stuck[i].uid == uid) {
			if (b->stuck[i].times < STUCK)
				r->flaky = true;
			b->stuck[i].uid = 0;
		}
}

/* Of the tasks in flight the one whose answer was arriving: a body that has begun, else the oldest. */
static struct task *
culprit(const struct lane_work *l)
{
	unsigned i;

	for (i = 0; i < l->ntask; i++)
		if (l->task[i]->begun)
			return l->task[i];
	return l->ntask > 0 ? l->task[0] : NULL;
}

/* For how many losses t is to blame from now on, the one of l among them. */
static unsigned
losses(const struct lane_work *l, struct task *t)
{
	const uint32_t *uids;
	unsigned times;

	switch (t->kind) {
	case TASK_PROBE:
		return 1;
	case TASK_BARE: /* on a connection that was used it may have been one message more than that carries */
		return t->came == 0 && !l->used;
	case TASK_BATCH:
		if (plan_missing(t->box->plan, t->batch, &uids) == 0)
			return 0;
		times = ++*times_stuck(t->box, uids[0]);
		return times < STUCK ? 0 : times == STUCK ? STUCK : 1;
	default:
		return 0;
	}
}

const struct task *
blame_lost(struct run *r, const struct lane_work *l, const struct link_event *ev)
{
	struct task *t = culprit(l);
	unsigned n;

	if (ev->suspect || t == NULL)
		return t;
	if (ev->loss != LOST_STREAM || t->box == NULL || t->box->plan == NULL || (n = losses(l, t)) == 0)
		return NULL;
	link_blame(r->link, n, now_ms() - l->since_ms);
	return t;
}
