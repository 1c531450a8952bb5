/*
 * baseline: --baseline, which settles what is there and fetches nothing.
 *
 * settled alone would do to leave the messages out; but only as long as their
 * UIDs mean something.  So each gets a row, with what tells it again after the
 * folder was numbered anew (renumber.c): INTERNALDATE and Message-ID.
 */
#include <stdlib.h>

#include "base/log.h"
#include "tool/run.h"

#define REPEATED 2 /* so many rows for each UID of a window are listened to, and no more */

int
baseline_plan(struct run *r, struct box *b, struct err *err)
{
	struct plan_params p = { .settled = b->gen.settled, .since = INT64_MIN, .before = INT64_MAX };
	uint64_t end = (uint64_t)b->gen.settled + RUN_WINDOW;
	const struct wire_range *range;

	b->window = p.uidnext = end < b->uidnext ? (uint32_t)end : b->uidnext;
	b->plan = plan_new(&p);
	b->listed = 0;
	b->phase = BOX_LISTS;
	return plan_look(b->plan, &range) > 0 ? 0 : baseline_ready(r, b, err);
}

void
baseline_row(struct box *b, const struct wire_row *row)
{
	if (row->uid < b->gen.settled || row->uid >= b->window || b->nrow >= (size_t)REPEATED * RUN_WINDOW)
		return;
	if (b->nrow == b->caprow) {
		b->caprow = b->caprow ? 2 * b->caprow : 256;
		b->row = xreallocarray(b->row, b->caprow, sizeof *b->row);
	}
	b->row[b->nrow++] = *row;
}

static int
store(struct run *r, struct box *b, bool last, struct err *err)
{
	struct state_msg m = { .how = HOW_BASELINE };
	size_t i;

	for (i = 0; i < b->nrow; i++) {
		m.uid = b->row[i].uid;
		m.date = b->row[i].date;
		m.msgid = b->row[i].msgid;
		if (state_msg_restore(r->store.state, b->gen.id, &m, err) == -1)
			return -1;
	}
	if (last)
		return state_baseline(r->store.state, b->gen.id, b->uidnext, err);
	return state_settle(r->store.state, b->gen.id, b->window, b->uidnext, err);
}

int
baseline_ready(struct run *r, struct box *b, struct err *err)
{
	bool last = b->window == b->uidnext;

	if (state_begin(r->store.state, err) == -1)
		return -1;
	if (store(r, b, last, err) == -1) {
		state_rollback(r->store.state);
		return -1;
	}
	if (state_commit(r->store.state, err) != STATE_OK)
		return -1;
	log_v(1, "%s: %zu messages are settled without fetching them", b->name, b->nrow);
	b->gen.settled = b->window;
	b->nrow = 0;
	plan_free(b->plan);
	b->plan = NULL;
	b->phase = last ? BOX_DONE : BOX_WAITS;
	return 0;
}
