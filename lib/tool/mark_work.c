/*
 * mark_work: the phases of a batch, one command under way at a time.
 *
 *	CHECK (→ THERE) → STORE → MOVE
 *	                          COPY → DELETED → EXPUNGE	where the server has no MOVE
 *	                  STORE (with \Deleted) → EXPUNGE	--delete
 *
 * EXPUNGE is UID EXPUNGE (RFC 4315) always; a server without UIDPLUS is refused
 * before anything was done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/mark_int.h"

#define NOES 12 /* NOs in a row, after which no more halves are tried */

/* --- what comes next --- */

/* Can this be done here at all? */
static bool
possible(struct visit *v, const struct mark_group *g)
{
	const struct options *o = v->m->o;

	if ((v->caps & CAP_UIDPLUS) != 0 || (!o->del && (o->move == NULL || send_can_move(v))))
		return true;
	mark_refuse_group(v->m, g,
	    o->del ? "the server has no UIDPLUS: a delete could take other messages along"
		   : "the server has neither MOVE nor UIDPLUS");
	return false;
}

/* The next batch of the group, NULL if nothing is left in it. */
static struct mark_batch *
take_batch(struct visit *v, struct mark_group *g)
{
	const struct mark_item *item = v->m->in.item;
	size_t end = g->first + g->n, n = 0;
	struct mark_batch *b;

	while (v->next < end && item[v->next].state >= ITEM_DONE)
		v->next++;
	if (v->next == end)
		return NULL;
	b = xcalloc(1, sizeof *b);
	b->group = g;
	b->first = v->next;
	for (; v->next < end; v->next++) {
		bool twin = v->next > b->first && item[v->next].uid == item[v->next - 1].uid;

		if (!twin && n++ == MARK_BATCH)
			break;
	}
	b->end = v->next;
	return b;
}

/* Begins with the next group, or the next batch of it; false when there is none. */
static bool
more(struct visit *v)
{
	struct mark_group *g;

	for (; v->group < v->end; v->group++, v->begun = false) {
		g = &v->m->in.group[v->group];
		if (!v->begun) {
			v->begun = true;
			v->next = g->first;
			snprintf(v->m->report->folder, sizeof v->m->report->folder, "%s",
			    g->folder != NULL ? g->folder : "");
			if (g->raw != NULL && !possible(v, g))
				continue;
		}
		if ((v->batch = take_batch(v, g)) != NULL)
			return true;
	}
	return false;
}

static bool
has_open_items(const struct visit *v, const struct mark_batch *b)
{
	size_t i;

	for (i = b->first; i < b->end; i++)
		if (v->m->in.item[i].state < ITEM_DONE)
			return true;
	return false;
}

void
work_next(struct visit *v)
{
	for (;;) {
		if (v->batch == NULL && !more(v)) {
			v->step = VISIT_OVER;
			return;
		}
		if (has_open_items(v, v->batch)) {
			work_send(v, v->batch);
			return;
		}
		batch_free(v);
	}
}

static void
go_on(struct visit *v, struct mark_batch *b, enum mark_phase p)
{
	v->noes = 0;
	b->phase = p;
	b->risk = false;
}

static void
to_move(struct visit *v, struct mark_batch *b)
{
	go_on(v, b, send_can_move(v) ? PHASE_MOVE : PHASE_COPY);
}

bool
work_partial(const struct wire_done *d)
{
	return d->result == DONE_NO && strcasestr(d->text, "no longer exist") != NULL;
}

void
work_no(struct visit *v, enum mark_state state, const char *command, const char *text)
{
	struct mark_batch *b = v->batch;
	char detail[WIRE_TEXT + 64];

	b->risk = false;
	if (v->noes++ < NOES && batch_halve(v, state))
		return;
	snprintf(detail, sizeof detail, "%s: %s", command, *text ? text : "the server says NO and not why");
	batch_finish(v, b, state, MARK_REFUSED, detail);
}

/* --- answers --- */

static int64_t
comparable(int64_t date)
{
	char buf[32];

	/* receipts have "-" for both */
	return date == DATE_NONE || strlen(iso_time(buf, date)) != sizeof "0000-00-00T00:00:00Z" - 1
	    ? DATE_NONE
	    : date;
}

static void
compare(struct visit *v, const struct mark_batch *b, struct mark_item *it, int64_t date)
{
	char detail[160], is[32], was[32];

	if (date == it->date) {
		it->state = ITEM_ALIVE;
		return;
	}
	snprintf(detail, sizeof detail, "another message: its INTERNALDATE is %s, the receipt says %s",
	    date == DATE_NONE ? "-" : iso_time(is, date),
	    it->date == DATE_NONE ? "-" : iso_time(was, it->date));
	mark_result(v->m, b->group, it, MARK_REFUSED, detail);
}

/* A flag that would be needed and that the folder does not keep: the whole group is refused before anything is done. */
static bool
lacks_flag(struct visit *v, const struct mark_batch *b, uint32_t permanent)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} flag[] = {
		{ MF_SEEN, "\\Seen" },
		{ MF_ANSWERED, "\\Answered" },
		{ MF_FLAGGED, "\\Flagged" },
		{ MF_DELETED, "\\Deleted" },
	};
	const struct options *o = v->m->o;
	uint32_t lack =
	    send_added(o) | send_removed(o) | (o->move != NULL && !send_can_move(v) ? MF_DELETED : 0);
	char detail[80];
	size_t i;

	lack &= ~permanent;
	for (i = 0; i < sizeof flag / sizeof flag[0]; i++)
		if (lack & flag[i].bit) {
			snprintf(detail, sizeof detail, "the folder's PERMANENTFLAGS do not hold %s",
			    flag[i].name);
			mark_refuse_group(v->m, b->group, detail);
			return true;
		}
	return false;
}

/* All items of the batch are compared. */
static void
begin_deed(struct visit *v, struct mark_batch *b)
{
	const struct options *o = v->m->o;

	if (o->dry_run)
		batch_finish(v, b, ITEM_ALIVE, MARK_DONE, "dry run: nothing was changed");
	else if ((send_added(o) | send_removed(o)) != 0)
		go_on(v, b, PHASE_STORE);
	else
		to_move(v, b);
}

static void
checked(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	struct mark_item *item = v->m->in.item;
	const struct wire_row *row;
	bool missing = false;
	size_t i;

	if (d->result != DONE_OK && !work_partial(d) && v->nrow == 0) {
		work_no(v, ITEM_NEW, "FETCH", d->text);
		return;
	}
	rows_sort(v);
	if (!v->m->o->dry_run && v->nrow > 0 && lacks_flag(v, b, d->permanent))
		return;
	for (i = b->first; i < b->end; i++) {
		if (item[i].state != ITEM_NEW)
			continue;
		if ((row = rows_find(v, item[i].uid)) != NULL)
			compare(v, b, &item[i], comparable(row->date));
		else
			missing = true;
	}
	if (missing)
		b->phase = PHASE_THERE;
	else
		begin_deed(v, b);
}

static void
there(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	struct mark_item *item = v->m->in.item;
	char detail[WIRE_TEXT + 16];
	bool no = d->result != DONE_OK && !work_partial(d);
	size_t i;

	snprintf(detail, sizeof detail, "FETCH: %s", *d->text ? d->text : "the server refuses it");
	rows_sort(v);
	for (i = b->first; i < b->end; i++) {
		if (item[i].state != ITEM_NEW)
			continue;
		if (rows_find(v, item[i].uid) != NULL)
			compare(v, b, &item[i], DATE_NONE);
		else
			mark_result(v->m, b->group, &item[i], no ? MARK_REFUSED : MARK_GONE,
			    no ? detail : "");
	}
	begin_deed(v, b);
}

static void
stored(struct visit *v, struct mark_batch *b)
{
	if (v->m->o->del)
		go_on(v, b, PHASE_EXPUNGE);
	else if (v->m->o->move != NULL)
		to_move(v, b);
	else
		batch_finish(v, b, ITEM_ALIVE, MARK_DONE, batch_deed(v));
}

static void
succeeded(struct visit *v, struct mark_batch *b)
{
	v->noes = 0;
	switch (b->phase) {
	case PHASE_STORE:
		stored(v, b);
		break;
	case PHASE_COPY:
		go_on(v, b, PHASE_DELETED);
		b->risk = true; /* of a message in both folders */
		break;
	case PHASE_DELETED:
		go_on(v, b, PHASE_EXPUNGE);
		b->risk = true;
		break;
	default: /* MOVE, EXPUNGE */
		batch_finish(v, b, ITEM_ALIVE, MARK_DONE, batch_deed(v));
		break;
	}
}

static void
said_no(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	switch (b->phase) {
	case PHASE_MOVE: /* RFC 6851 3.3: some may have been moved even so */
		snprintf(b->no, sizeof b->no, "%s", *d->text ? d->text : "NO");
		b->phase = PHASE_AGAIN;
		break;
	case PHASE_COPY:
		work_no(v, ITEM_ALIVE, "COPY", d->text);
		break;
	case PHASE_DELETED:
		work_no(v, ITEM_ALIVE, "copied, but not deleted: STORE", d->text);
		break;
	case PHASE_EXPUNGE:
		work_no(v, ITEM_ALIVE, "marked \\Deleted, but not removed: EXPUNGE", d->text);
		break;
	default:
		work_no(v, ITEM_ALIVE, "STORE", d->text);
		break;
	}
}

/* The folder itself is not what the receipts say, or cannot be written to. */
static bool
folder_unfit(struct visit *v, struct mark_batch *b, const struct wire_done *d)
{
	const struct mark_group *g = b->group;
	struct err e = ERR_INIT;
	char detail[WIRE_TEXT];

	switch (d->result) {
	case DONE_STALE:
		snprintf(detail, sizeof detail, "the folder's UIDVALIDITY is %u, the receipt says %u",
		    d->uidvalidity, g->uidvalidity);
		mark_refuse_group(v->m, g, detail);
		break;
	case DONE_GONE:
		err_set(&e, ERR_NOENT, STAGE_FOLDER, g->folder, "%s", *d->text ? d->text : "no such folder");
		mark_refuse_told(v->m, g, e.text);
		mark_error(v->m, &e);
		break;
	case DONE_READONLY:
		mark_refuse_group(v->m, g, "the folder can only be opened read-only");
		break;
	case DONE_FLAG:
		mark_refuse_group(v->m, g, "the folder's PERMANENTFLAGS do not hold such a flag");
		break;
	default:
		return false;
	}
	return true;
}

void
work_done(struct visit *v, const struct wire_done *d)
{
	struct mark_batch *b = v->batch;

	if (b == NULL)
		return;
	b->sent = false;
	if (b->phase == PHASE_AGAIN || b->phase == PHASE_TARGET) {
		lost_done(v, b, d);
	} else if (folder_unfit(v, b, d)) {
		; /* all of its items have results now, and work_next goes on behind them */
	} else if (b->phase == PHASE_CHECK) {
		checked(v, b, d);
	} else if (b->phase == PHASE_THERE) {
		there(v, b, d);
	} else if (d->result == DONE_OK) {
		succeeded(v, b);
	} else if (d->result == DONE_BAD) {
		v->noes = NOES; /* what it does not understand, it will not understand of half of them */
		said_no(v, b, d);
	} else {
		said_no(v, b, d);
	}
	work_next(v);
}

void
work_lost(struct visit *v, bool suspect)
{
	struct mark_batch *b = v->batch;

	if (b == NULL || !b->sent)
		return;
	b->sent = false;
	if (b->phase == PHASE_MOVE) {
		b->lost++;
		b->phase = PHASE_AGAIN;
	} else if (b->phase == PHASE_COPY) {
		b->lost++;
		b->phase = PHASE_TARGET;
		b->after = PHASE_COPY;
	} else if (b->phase == PHASE_CHECK && suspect) {
		if (batch_halve(v, ITEM_NEW))
			return;
		batch_finish(v, b, ITEM_NEW, MARK_REFUSED, "the server's reply about it breaks the parser");
	}
}

void
work_abandon(struct visit *v, const struct err *why)
{
	struct mark_batch *b;
	char detail[ERR_TEXT_MAX + 64];

	snprintf(detail, sizeof detail, "the answer was lost: %s", why->text);
	for (b = v->batch; b != NULL; b = b->next)
		if (b->risk || b->phase == PHASE_AGAIN || b->phase == PHASE_TARGET) {
			batch_finish(v, b, ITEM_ALIVE, MARK_UNKNOWN, detail);
			batch_finish(v, b, ITEM_ASTRAY, MARK_UNKNOWN, detail);
		}
}
