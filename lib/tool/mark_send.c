/* mark_send: the commands of each phase of a batch. */
#include <stdio.h>
#include <string.h>

#include "tool/mark_int.h"

bool
send_can_move(const struct visit *v)
{
	return (v->caps & CAP_MOVE) != 0;
}

uint32_t
send_added(const struct options *o)
{
	return (o->seen ? MF_SEEN : 0) | (o->flag ? MF_FLAGGED : 0) | (o->answered ? MF_ANSWERED : 0) |
	    (o->del ? MF_DELETED : 0);
}

uint32_t
send_removed(const struct options *o)
{
	return (o->unseen ? MF_SEEN : 0) | (o->unflag ? MF_FLAGGED : 0);
}

const char *
batch_deed(const struct visit *v)
{
	static char moved[WIRE_NAME + 16];
	const struct options *o = v->m->o;

	if (o->move == NULL)
		return o->del ? "deleted" : "";
	snprintf(moved, sizeof moved, "moved to %s", v->target.s);
	return moved;
}

static void
send_check(struct visit *v, struct mark_batch *b)
{
	struct wire_fetch *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	v->nrow = 0;
	w->ask = b->phase == PHASE_CHECK ? ASK_DATE : 0;
	w->flags = v->m->o->dry_run ? 0 : WIRE_F_WRITE;
	w->uidvalidity = b->group->uidvalidity;
	strcpy(w->folder, b->group->raw);
	w->nrange = batch_ranges(v, b, ITEM_NEW, w->range);
	visit_send(v, WIRE_FETCH, sizeof *w + w->nrange * sizeof w->range[0]);
}

static void
send_store(struct visit *v, struct mark_batch *b, uint32_t add, uint32_t remove)
{
	struct wire_store *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	w->uidvalidity = b->group->uidvalidity;
	w->add = add;
	w->remove = remove;
	strcpy(w->folder, b->group->raw);
	w->nrange = batch_ranges(v, b, ITEM_ALIVE, w->range);
	visit_send(v, WIRE_STORE, sizeof *w + w->nrange * sizeof w->range[0]);
}

static void
send_move(struct visit *v, struct mark_batch *b, enum session_move how)
{
	struct wire_move *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	w->uidvalidity = b->group->uidvalidity;
	w->how = how;
	strcpy(w->folder, b->group->raw);
	if (how != MOVE_EXPUNGE)
		snprintf(w->target, sizeof w->target, "%s", v->target_raw.s);
	w->nrange = batch_ranges(v, b, ITEM_ALIVE, w->range);
	visit_send(v, WIRE_MOVE, sizeof *w + w->nrange * sizeof w->range[0]);
}

void
work_send(struct visit *v, struct mark_batch *b)
{
	const struct options *o = v->m->o;

	b->sent = true;
	switch (b->phase) {
	case PHASE_CHECK:
	case PHASE_THERE:
		send_check(v, b);
		return;
	case PHASE_AGAIN:
	case PHASE_TARGET:
		lost_send(v, b);
		return;
	case PHASE_STORE:
		send_store(v, b, send_added(o), send_removed(o));
		break;
	case PHASE_DELETED:
		send_store(v, b, MF_DELETED, 0);
		break;
	case PHASE_MOVE:
		send_move(v, b, MOVE_MOVE);
		break;
	case PHASE_COPY:
		send_move(v, b, MOVE_COPY);
		break;
	case PHASE_EXPUNGE:
		send_move(v, b, MOVE_EXPUNGE);
		break;
	}
	b->risk = true;
}
