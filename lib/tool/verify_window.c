/* verify_window: the server's UIDs and the state's rows, window by window. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tool/verify_int.h"

#define UIDS (8 * VERIFY_SPAN) /* asked for at once at most */

struct window {
	struct verify *v;
	struct place *p;
	uint32_t lo, hi;
	struct state_msg *row; /* owned, as the next two */
	size_t nrow;
	struct state_poison *poison;
	size_t npoison;
	struct state_skip *skip;
	size_t nskip;
	bool prune;
};

static int
take_row(const struct state_msg *m, void *arg)
{
	struct window *w = arg;

	w->row[w->nrow++] = *m;
	return w->nrow == VERIFY_SPAN ? 1 : 0;
}

static int
take_poison(const struct state_poison *p, void *arg)
{
	struct window *w = arg;

	w->poison = xreallocarray(w->poison, w->npoison + 1, sizeof *w->poison);
	w->poison[w->npoison++] = *p;
	return 0;
}

static int
take_skip(const struct state_skip *s, void *arg)
{
	struct window *w = arg;

	w->skip = xreallocarray(w->skip, w->nskip + 1, sizeof *w->skip);
	w->skip[w->nskip++] = *s;
	return 0;
}

/* Rows from lo on; hi becomes the last UID that they speak for. */
static int
load_rows(struct window *w, uint32_t top)
{
	struct verify *v = w->v;

	w->nrow = 0;
	w->hi = top;
	if (state_msg_each(v->store.state, w->p->gen.id, w->lo, top, take_row, w, v->err) == -1)
		return -1;
	if (w->nrow == VERIFY_SPAN)
		w->hi = w->row[w->nrow - 1].uid;
	return 0;
}

/* --- findings --- */

static bool
is_owed(const struct window *w, uint32_t uid)
{
	const struct verify *v = w->v;
	size_t i;

	for (i = 0; i < v->npending; i++)
		if (v->pending[i].gen == w->p->gen.id && v->pending[i].uid == uid)
			return true;
	return false;
}

static const struct state_poison *
poison_of(const struct window *w, uint32_t uid)
{
	size_t i;

	for (i = 0; i < w->npoison; i++)
		if (w->poison[i].uid == uid)
			return &w->poison[i];
	return NULL;
}

static bool
is_skipped(const struct window *w, uint32_t uid)
{
	size_t i;

	for (i = 0; i < w->nskip; i++)
		if (w->skip[i].lo <= uid && uid <= w->skip[i].hi)
			return true;
	return false;
}

static int
tell_poison(struct window *w, const struct state_poison *p)
{
	char detail[sizeof p->reason + 80], when[32];

	snprintf(detail, sizeof detail, "%s; tried %u times, next on %s", p->reason, p->tries,
	    iso_time(when, p->next));
	return verify_tell(w->v, w->p, p->uid, 0, QUARANTINED, detail);
}

/* On the server, and the state has no row. */
static int
without_row(struct window *w, uint32_t uid)
{
	const struct state_poison *p = poison_of(w, uid);

	if (p != NULL)
		return tell_poison(w, p);
	if (is_skipped(w, uid))
		w->v->skipped++;
	else if (uid >= w->p->gen.settled)
		w->v->fresh++;
	else
		return verify_tell(w->v, w->p, uid, 0, BASELINED, "counts as fetched, and was not fetched");
	return 0;
}

/* A row, of a message that may have gone from the server. */
static int
with_row(struct window *w, const struct state_msg *m, bool gone)
{
	struct verify *v = w->v;

	if (m->how == HOW_FILE && v->store.md != NULL) {
		if (verify_want(v, w->p, m, gone) == -1)
			return -1;
	} else if (m->how == HOW_BASELINE) {
		if (!gone &&
		    verify_tell(v, w->p, m->uid, m->date, BASELINED,
			"counts as fetched, and was not fetched") == -1)
			return -1;
	} else if (gone && verify_tell(v, w->p, m->uid, m->date, GONE, "-") == -1)
		return -1;
	if (!gone || !w->prune || is_owed(w, m->uid) || m->uid >= w->p->gen.settled)
		return 0;
	v->pruned++;
	return state_msg_delete(v->store.state, w->p->gen.id, m->uid, v->err);
}

static int
compare(struct window *w)
{
	const struct audit *a = w->v->audit;
	size_t i = 0, k = 0;
	int rc = 0;

	while (rc == 0 && (i < w->nrow || k < a->nuid))
		if (k == a->nuid || (i < w->nrow && w->row[i].uid < a->uid[k])) {
			rc = with_row(w, &w->row[i++], true);
		} else {
			w->v->on_server++;
			if (i < w->nrow && w->row[i].uid == a->uid[k])
				rc = with_row(w, &w->row[i++], false);
			else
				rc = without_row(w, a->uid[k]);
			k++;
		}
	return rc;
}

/* Each window's deletions are one transaction. */
static int
in_transaction(struct window *w, int (*work)(struct window *))
{
	struct state *st = w->v->store.state;

	if (!w->prune)
		return work(w);
	if (state_begin(st, w->v->err) == -1)
		return -1;
	if (work(w) == -1) {
		state_rollback(st);
		return -1;
	}
	return state_commit(st, w->v->err) == STATE_OK ? 0 : -1;
}

/* --- a generation --- */

/* Has what is not adopted of an earlier UIDVALIDITY really gone?  Yes, once all of the present one was compared. */
static bool
left_behind(const struct verify *v, const struct place *p)
{
	size_t i;

	for (i = 0; i < v->nplace; i++)
		if (v->place[i].gen.folder_id == p->gen.folder_id && v->place[i].standing == PRESENT)
			return v->place[i].gen.adopt_from == 0 &&
			    v->place[i].gen.settled >= v->place[i].server->uidnext;
	return false;
}

static int
rows_alone(struct window *w)
{
	bool gone = w->p->standing == FOLDER_WENT || (w->p->standing == FORMER && left_behind(w->v, w->p));
	size_t i;

	for (i = 0; i < w->nrow; i++)
		if (with_row(w, &w->row[i], gone && !w->row[i].claimed) == -1)
			return -1;
	return 0;
}

static int
next_window(struct window *w)
{
	struct verify *v = w->v;
	const struct audit_folder *f = w->p->server;
	uint32_t top = UINT32_MAX;
	int n;

	if (w->p->standing == PRESENT)
		top = f->uidnext - 1 - w->lo < UIDS ? f->uidnext - 1 : w->lo + UIDS - 1;
	if (load_rows(w, top) == -1)
		return -1;
	if (w->p->standing != PRESENT)
		return in_transaction(w, rows_alone);
	if ((n = audit_uids(v->audit, f, w->lo, w->hi, v->err)) == -1)
		return -1;
	if (n == 1)
		return in_transaction(w, compare);
	log_warn("%s: the folder was made anew or removed meanwhile", f->name);
	w->p->standing = UNKNOWN;
	w->prune = false;
	return rows_alone(w);
}

int
verify_place(struct verify *v, struct place *p)
{
	struct window w = { .v = v, .p = p, .lo = 1 };
	int rc = -1;

	w.prune = v->o->prune && (p->standing == PRESENT || p->standing == FORMER);
	w.row = xreallocarray(NULL, VERIFY_SPAN, sizeof *w.row);
	if (state_poison_each(v->store.state, p->gen.id, take_poison, &w, v->err) == -1 ||
	    state_skip_each(v->store.state, p->gen.id, take_skip, &w, v->err) == -1)
		goto out;
	for (rc = 0; rc == 0; w.lo = w.hi + 1) {
		if (p->standing == PRESENT && w.lo >= p->server->uidnext)
			break;
		rc = next_window(&w);
		if (w.hi == UINT32_MAX)
			break;
	}
out:
	free(w.row);
	free(w.poison);
	free(w.skip);
	return rc;
}
