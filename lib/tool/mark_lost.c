/*
 * mark_lost: MOVE and COPY are not done again before it is known that they did
 * not happen.
 *
 *	AGAIN	which UIDs are still in the folder?  They were not moved.
 *	TARGET	what has come into the target since the session began?  A message
 *		that left here is taken for moved if one with its INTERNALDATE is
 *		there (MOVE and COPY keep it, RFC 3501 6.4.7) that no other message of
 *		this session accounts for.  Else it is unknown.
 */
#include <stdio.h>
#include <string.h>

#include "tool/mark_int.h"

static void
send_again(struct visit *v, struct mark_batch *b)
{
	struct wire_fetch *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	v->nrow = 0;
	w->flags = WIRE_F_WRITE;
	w->uidvalidity = b->group->uidvalidity;
	strcpy(w->folder, b->group->raw);
	w->nrange = batch_ranges(v, b, ITEM_ALIVE, w->range);
	visit_send(v, WIRE_FETCH, sizeof *w + w->nrange * sizeof w->range[0]);
}

/* All that is new there: never with '*', which would give the last old one where nothing is new. */
static void
send_target(struct visit *v)
{
	struct wire_fetch *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	v->nrow = 0;
	w->ask = ASK_DATE;
	w->uidvalidity = v->target_uidvalidity;
	snprintf(w->folder, sizeof w->folder, "%s", v->target_raw.s);
	w->nrange = 1;
	w->range[0] = (struct wire_range){ v->target_uidnext != 0 ? v->target_uidnext : 1, UINT32_MAX };
	visit_send(v, WIRE_FETCH, sizeof *w + sizeof w->range[0]);
}

void
lost_send(struct visit *v, struct mark_batch *b)
{
	if (b->phase == PHASE_AGAIN)
		send_again(v, b);
	else
		send_target(v);
}

/* New messages in the target with this date, less those that are known to have been put there. */
static size_t
unclaimed(const struct visit *v, int64_t date)
{
	const struct mark_input *in = &v->m->in;
	size_t have = 0, spent = 0, i, end;

	for (i = 0; i < v->nrow; i++)
		have += v->row[i].date == date;
	end = in->group[v->end - 1].first + in->group[v->end - 1].n;
	for (i = in->group[v->first].first; i < end; i++)
		if (in->item[i].state == ITEM_DONE && in->item[i].date == date &&
		    (i == 0 || in->item[i - 1].group != in->item[i].group ||
			in->item[i - 1].uid != in->item[i].uid))
			spent++;
	return have > spent ? have - spent : 0;
}

static const char lost_text[] = "the answer to MOVE was lost: unknown whether it happened";

static void
judge_moved(struct visit *v, struct mark_batch *b, bool seen)
{
	struct mark_item *item = v->m->in.item;
	size_t i;

	for (i = b->first; i < b->end; i++) {
		bool moved;

		if (item[i].state != ITEM_ASTRAY)
			continue;
		if (batch_is_twin(v, b, i) && item[i - 1].state >= ITEM_DONE)
			moved = item[i - 1].state == ITEM_DONE;
		else
			moved = seen && item[i].date != DATE_NONE && unclaimed(v, item[i].date) > 0;
		mark_result(v->m, b->group, &item[i], moved ? MARK_DONE : MARK_UNKNOWN,
		    moved ? batch_deed(v) : lost_text);
	}
}

/* What is left after a MOVE without an answer, or with NO for an answer, is still here. */
static void
resume(struct visit *v, struct mark_batch *b)
{
	struct wire_range r[MARK_BATCH];
	char no[WIRE_TEXT];

	b->risk = false;
	b->phase = PHASE_MOVE;
	if (batch_ranges(v, b, ITEM_ALIVE, r) == 0)
		return;
	if (*b->no) {
		memcpy(no, b->no, sizeof no);
		*b->no = '\0';
		work_no(v, ITEM_ALIVE, "MOVE", no);
	} else if (b->lost >= MARK_LOSSES) {
		batch_finish(v, b, ITEM_ALIVE, MARK_REFUSED,
		    "the connection breaks each time at MOVE; the message is still here");
	}
}

static void
looked_again(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	struct mark_item *item = v->m->in.item;
	bool astray = false;
	size_t i;

	if (d->result != DONE_OK && !work_partial(d)) {
		batch_finish(v, b, ITEM_ALIVE, MARK_UNKNOWN, lost_text);
		return;
	}
	rows_sort(v);
	for (i = b->first; i < b->end; i++)
		if (item[i].state == ITEM_ALIVE && rows_find(v, item[i].uid) == NULL) {
			item[i].state = ITEM_ASTRAY;
			astray = true;
		}
	if (astray) {
		b->phase = PHASE_TARGET;
		b->after = PHASE_MOVE;
	} else {
		resume(v, b);
	}
}

/* COPY is all or nothing (RFC 3501 6.4.7): either each has its copy, or none. */
static void
judge_copied(struct visit *v, struct mark_batch *b, bool seen)
{
	const struct mark_item *item = v->m->in.item;
	size_t i, k, n = 0, found = 0, before;

	for (i = b->first; i < b->end; i++) {
		if (item[i].state != ITEM_ALIVE || batch_is_twin(v, b, i))
			continue;
		n++;
		for (before = 0, k = b->first; k < i; k++)
			before += item[k].state == ITEM_ALIVE && !batch_is_twin(v, b, k) &&
			    item[k].date == item[i].date;
		found += item[i].date != DATE_NONE && unclaimed(v, item[i].date) > before;
	}
	if (seen && found == n) {
		b->phase = PHASE_DELETED;
	} else if (seen && found == 0 && b->lost < MARK_LOSSES) {
		b->phase = PHASE_COPY;
		b->risk = false;
	} else {
		batch_finish(v, b, ITEM_ALIVE, MARK_UNKNOWN,
		    "the answer to COPY was lost: unknown whether it happened; the message is still here");
	}
}

void
lost_done(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	bool seen = d->result == DONE_OK && v->target_uidnext != 0;

	if (b->phase == PHASE_AGAIN) {
		looked_again(v, b, d);
	} else if (b->after == PHASE_COPY) {
		judge_copied(v, b, seen);
	} else {
		judge_moved(v, b, seen);
		resume(v, b);
	}
}
