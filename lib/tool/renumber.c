/*
 * renumber: folders whose UIDs mean something else than they did, and what was
 * delivered from them is not delivered again (design §5).
 *
 * - Another UIDVALIDITY, or a UIDNEXT that went back: seen at the first look.
 * - A known UID with another INTERNALDATE (the folder was made anew, and has its
 *   UIDVALIDITY again): one known UID is asked for along with what is new.
 * - A new folder with a UIDVALIDITY that another one had and has no more: renamed.
 * - A known folder, at a look at which some have gone or come back: it may have
 *   had another name meanwhile, and got mail under it.
 *
 * A numbering that is gone from its place, as its folder is missing or is
 * numbered otherwise, may go on under another name.  UIDVALIDITY alone is not much
 * evidence: Exchange gives many folders the same.  But a folder that was renamed
 * has its UIDs: from one of another name a message is taken over under its own UID
 * only, and all that are gone are looked at; or, where the UIDs are new since, if
 * both have messages in common (load_elsewhere).
 *
 * In each case but the last a new generation begins.  It takes over from an older
 * one, and from those that this one itself had not done with: its messages are
 * listed with INTERNALDATE and Message-ID, those that make a pair with an old row
 * are known from then on, the others are fetched; one whose content is that of an
 * old row is that message, and is not delivered.
 *
 * A row that was taken over under another name stays claimed when the folder has its
 * first name again.  The one that took it over is gone from its place then, and
 * stands for it.
 *
 * One folder at a time takes over: an old row that two could have is had by one.
 *
 * What two looks cannot tell apart is fetched again: folders of one UIDVALIDITY that
 * change places, or a new one that took over the name and has grown as far; one that
 * is numbered anew twice, under two names, between two looks; one that comes back
 * from a name that this run was not asked for (-F).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "imap/folder.h"
#include "mail/adopt.h"
#include "tool/run.h"

bool
renumber_due(const struct box *b)
{
	return b->gen.uidvalidity != b->uidvalidity || b->uidnext < b->gen.uidnext;
}

/* A new generation that takes over from the one with the key from. */
static int
succeed(struct run *r, struct box *b, int64_t from, struct err *err)
{
	struct store *s = &r->store;

	if (r->o->dry_run) {
		b->gen = (struct state_gen){ .folder_id = b->gen.folder_id,
			.uidvalidity = b->uidvalidity,
			.settled = 1,
			.uidnext = 1 };
	} else if (state_gen_new(s->state, s->user, s->host, b->name, b->uidvalidity, &b->gen, err) == -1 ||
	    state_gen_adopt(s->state, b->gen.id, from, err) == -1) {
		return -1;
	}
	b->gen.adopt_from = from;
	b->where.gen = b->gen.id;
	return 0;
}

/* --- folders that have gone, and come again under another name --- */

static bool
wanted(const struct run *r, const char *name, char delimiter)
{
	size_t i;

	for (i = 0; i < r->o->exclude.n; i++)
		if (folder_match(r->o->exclude.v[i], name, delimiter, 0))
			return false;
	for (i = 0; i < r->o->folder.n; i++)
		if (folder_match(r->o->folder.v[i], name, delimiter, 0))
			return true;
	return r->o->folder.n == 0 && strcmp(name, "INBOX") == 0;
}

static int
name_cmp(const void *a, const void *b)
{
	const struct box *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
sort_names(struct run *r)
{
	size_t i;

	r->name = xreallocarray(r->name, r->nbox + 1, sizeof(const struct box *));
	for (i = 0; i < r->nbox; i++)
		r->name[i] = r->box[i];
	if (r->nbox > 1)
		qsort(r->name, r->nbox, sizeof(const struct box *), name_cmp);
}

static const struct box *
listed(const struct run *r, const char *name)
{
	size_t lo = 0, hi = r->nbox, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((c = strcmp(r->name[mid]->name, name)) == 0)
			return r->name[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool
is_missing(const struct run *r, const char *name, const struct state_gen *g)
{
	char delimiter = r->nbox > 0 ? r->box[0]->delimiter : '/';

	return listed(r, name) == NULL && (g->vanished || wanted(r, name, delimiter));
}

/* Is the folder of that name no longer what g was? */
static bool
is_gone(const struct run *r, const char *name, const struct state_gen *g)
{
	const struct box *b = listed(r, name);

	return b != NULL ? b->uidvalidity != g->uidvalidity || b->uidnext < g->uidnext
			 : is_missing(r, name, g);
}

struct missing {
	struct run *r;
	struct err *err;
};

static int
note_missing(const char *name, const struct state_gen *g, void *arg)
{
	const struct missing *m = arg;
	struct run *r = m->r;
	bool missing = is_missing(r, name, g);

	if (missing == g->vanished)
		return 0;
	r->moved = true;
	return r->o->dry_run ? 0 : state_gen_vanished(r->store.state, g->id, missing, m->err);
}

int
renumber_missing(struct run *r, struct err *err)
{
	struct missing m = { r, err };

	sort_names(r);
	return state_gen_each(r->store.state, r->store.user, r->store.host, note_missing, &m, err);
}

struct renamed {
	const struct run *r;
	const struct box *b;
	uint32_t uidvalidity;
	struct state_gen best; /* the one that reached furthest */
	char name[WIRE_NAME];
};

static bool
further(const struct state_gen *a, const struct state_gen *b)
{
	return a->uidnext != b->uidnext ? a->uidnext > b->uidnext : a->settled > b->settled;
}

/* May g, which has the UIDVALIDITY that b has or had, be the same folder? */
static bool
same_folder(const struct run *r, const char *name, const struct state_gen *g, const struct box *b)
{
	return g->folder_id != b->gen.folder_id &&
	    (g->uidvalidity != b->uidvalidity || g->uidnext <= b->uidnext) && is_gone(r, name, g);
}

static int
find_renamed(const char *name, const struct state_gen *g, void *arg)
{
	struct renamed *f = arg;

	if (!further(g, &f->best) || !same_folder(f->r, name, g, f->b))
		return 0;
	f->best = *g;
	snprintf(f->name, sizeof f->name, "%s", name);
	return 0;
}

static int
renamed_from(struct run *r, struct renamed *f, struct err *err)
{
	struct store *s = &r->store;

	if (s->state != NULL &&
	    state_gen_alike(s->state, s->user, s->host, f->uidvalidity, find_renamed, f, err) == -1)
		return -1;
	return f->best.id != 0;
}

/* Where it had another name meanwhile, what came under that is taken over too (load_lent). */
static int
note_moved(struct run *r, struct box *b, struct err *err)
{
	if (b->gen.adopt_from != 0)
		return 0; /* it has not done with comparing */
	b->gen.adopt_from = b->gen.id;
	return r->o->dry_run ? 0 : state_gen_adopt(r->store.state, b->gen.id, b->gen.id, err);
}

int
renumber_begin(struct run *r, struct box *b, struct err *err)
{
	struct renamed f = { .r = r, .b = b, .uidvalidity = b->gen.uidvalidity };
	int n = r->moved ? renamed_from(r, &f, err) : 0;

	log_v(1,
	    "%s: the server has numbered its messages anew (UIDVALIDITY %u, was %u); comparing them with "
	    "what was delivered",
	    b->name, b->uidvalidity, b->gen.uidvalidity);
	if (n == -1 || (n == 1 && note_moved(r, b, err) == -1))
		return -1;
	return succeed(r, b, b->gen.id, err);
}

int
renumber_renamed(struct run *r, struct box *b, struct err *err)
{
	struct renamed f = { .r = r, .b = b, .uidvalidity = b->uidvalidity };
	int n = renamed_from(r, &f, err);

	if (n != 1)
		return n;
	log_v(1, "%s: perhaps %s, renamed; comparing its messages with what was delivered", b->name, f.name);
	return succeed(r, b, f.best.id, err) == -1 ? -1 : 1;
}

int
renumber_moved(struct run *r, struct box *b, struct err *err)
{
	struct renamed f = { .r = r, .b = b, .uidvalidity = b->uidvalidity };
	int n = r->moved ? renamed_from(r, &f, err) : 0;

	if (n != 1)
		return n;
	log_v(1, "%s: perhaps it was %s meanwhile; comparing what is new with what was delivered", b->name,
	    f.name);
	return note_moved(r, b, err);
}

/* --- taking over --- */

struct load_old {
	struct run *r;
	struct box *b;
	struct state_gen from;	 /* whose rows are read */
	struct state_gen before; /* load_lent: in whose place they may stand */
	int64_t *seen;		 /* owned: those that were read */
	size_t nseen, capseen;
	size_t agreed; /* load_elsewhere: UIDs with the same message in both */
	struct err *err;
};

static int
load_old(const struct state_msg *m, void *arg)
{
	const struct load_old *l = arg;

	if (l->from.folder_id != l->b->gen.folder_id && l->from.uidvalidity == l->b->uidvalidity)
		adopt_same(l->b->adopt, l->from.id, m);
	else
		adopt_old(l->b->adopt, l->from.id, m);
	return 0;
}

static bool
seen(const struct load_old *l, int64_t id)
{
	size_t i;

	for (i = 0; i < l->nseen; i++)
		if (l->seen[i] == id)
			return true;
	return false;
}

/* Is that generation to be read?  Once. */
static bool
turn(struct load_old *l, int64_t id)
{
	if (id == 0 || id == l->b->gen.id || seen(l, id))
		return false;
	if (l->nseen == l->capseen) {
		l->capseen = l->capseen == 0 ? 16 : l->capseen * 2;
		l->seen = xreallocarray(l->seen, l->capseen, sizeof *l->seen);
	}
	l->seen[l->nseen++] = id;
	return true;
}

/* Of that generation, and of those that it was itself still taking over from. */
static int
load_chain(struct load_old *l, int64_t id)
{
	int rc;

	while (turn(l, id)) {
		if ((rc = state_gen_get(l->r->store.state, id, &l->from, l->err)) != 1)
			return rc;
		if (state_unclaimed_each(l->r->store.state, id, load_old, l, l->err) == -1)
			return -1;
		id = l->from.adopt_from;
	}
	return 0;
}

/* Of all that may be this folder: the one that reached furthest need not be the one. */
static int
load_renamed(const char *name, const struct state_gen *g, void *arg)
{
	struct load_old *l = arg;

	return same_folder(l->r, name, g, l->b) ? load_chain(l, g->id) : 0;
}

/* One UID of two generations: 1 the same message, -1 another one, 0 not enough is known. */
static int
agree(const struct state_msg *a, const struct state_msg *b)
{
	bool digests = state_digest_known(a->sha256) && state_digest_known(b->sha256);

	if ((a->date > 0 && b->date > 0 && a->date != b->date) ||
	    (a->msgid != 0 && b->msgid != 0 && a->msgid != b->msgid) ||
	    (digests && memcmp(a->sha256, b->sha256, sizeof a->sha256) != 0))
		return -1;
	return digests || (a->msgid != 0 && b->msgid != 0);
}

static int
compare_old(const struct state_msg *m, void *arg)
{
	struct load_old *l = arg;
	struct state_msg own;
	int n = state_msg_find(l->r->store.state, l->before.id, m->uid, &own, l->err);

	if (n != 1)
		return n;
	if ((n = agree(&own, m)) == -1)
		return 1;
	l->agreed += (size_t)n;
	return 0;
}

/* What was claimed under another name, or came there and had not yet been taken over. */
static int
load_lent(const struct state_msg *m, void *arg)
{
	struct load_old *l = arg;
	struct state_msg own;
	int n = state_msg_find(l->r->store.state, l->before.id, m->uid, &own, l->err);

	if (n == 1 ? own.claimed : n == 0 && (l->before.adopt_from != 0 || l->r->moved))
		adopt_old(l->b->adopt, l->from.id, m);
	return n == -1 ? -1 : 0;
}

/*
 * Its UIDs mean nothing in b as it is now; so it must be shown that it once was the
 * folder: it has messages in common with the generation before, and no other under a
 * common UID.
 */
static int
load_elsewhere(const char *name, const struct state_gen *g, void *arg)
{
	struct load_old *l = arg;
	int rc;

	if (g->folder_id == l->before.folder_id || !is_gone(l->r, name, g) || seen(l, g->id))
		return 0;
	l->agreed = 0;
	rc = state_msg_each(l->r->store.state, g->id, 1, UINT32_MAX, compare_old, l, l->err);
	if (rc != 0 || l->agreed == 0)
		return rc == -1 ? -1 : 0;
	turn(l, g->id);
	l->from = *g;
	return state_unclaimed_each(l->r->store.state, g->id, load_lent, l, l->err);
}

static int
load_all(struct load_old *l)
{
	const struct box *b = l->b;
	struct store *s = &l->r->store;
	size_t i, n;

	if (load_chain(l, b->gen.adopt_from) == -1 ||
	    state_gen_alike(s->state, s->user, s->host, b->uidvalidity, load_renamed, l, l->err) == -1)
		return -1;
	for (i = 0, n = l->nseen; i < n; i++) {
		if (state_gen_get(s->state, l->seen[i], &l->before, l->err) == -1)
			return -1;
		if (l->before.uidvalidity == b->uidvalidity && l->before.folder_id != b->gen.folder_id)
			continue; /* load_renamed has seen the like */
		if (state_gen_alike(s->state, s->user, s->host, l->before.uidvalidity, load_elsewhere, l,
			l->err) == -1)
			return -1;
	}
	return 0;
}

bool
renumber_waits(const struct run *r, const struct box *b)
{
	return b->gen.adopt_from != 0 && r->taking != NULL && r->taking != b;
}

void
renumber_leave(struct run *r, struct box *b)
{
	adopt_free(b->adopt);
	b->adopt = NULL;
	if (r->taking == b)
		r->taking = NULL;
}

int
renumber_load(struct run *r, struct box *b, struct err *err)
{
	struct load_old l = { .r = r, .b = b, .err = err };
	int rc;

	if (b->gen.adopt_from == 0)
		return 0;
	if (!r->o->dry_run && commit_group(r->commit, err) == -1)
		return -1; /* what the window before took over must not be offered again */
	b->adopt = adopt_begin();
	r->taking = b;
	rc = load_all(&l);
	free(l.seen);
	return rc;
}

void
renumber_row(struct run *r, struct box *b, const struct wire_row *row)
{
	struct err e = ERR_INIT;
	int n = 0;

	if (b->adopt == NULL)
		return;
	if (b->gen.id != 0)
		n = state_msg_find(r->store.state, b->gen.id, row->uid, NULL, &e);
	if (n == -1)
		run_fatal(r, &e);
	else if (n == 0)
		adopt_row(b->adopt, row->uid, row->date, row->msgid);
}

struct pairing {
	struct run *r;
	struct box *b;
	unsigned n;
	struct err *err;
};

static int
take_over(const struct adopt_of *old, uint32_t uid, int64_t date, void *arg)
{
	struct pairing *p = arg;

	p->n++;
	plan_known(p->b->plan, uid);
	if (p->r->o->dry_run)
		return 0;
	return state_adopt(p->r->store.state, old->gen, old->uid, p->b->gen.id, uid, date, p->err);
}

int
renumber_pair(struct run *r, struct box *b, struct err *err)
{
	struct pairing p = { r, b, 0, err };
	struct state *st = r->o->dry_run ? NULL : r->store.state;

	if (b->adopt == NULL)
		return 0;
	adopt_ready(b->adopt);
	if (st != NULL && state_begin(st, err) == -1)
		return -1;
	if (adopt_each(b->adopt, take_over, &p) == -1) {
		if (st != NULL)
			state_rollback(st);
		return -1;
	}
	log_v(1, "%s: %u messages are known by date and Message-ID", b->name, p.n);
	return st == NULL || state_commit(st, err) == STATE_OK ? 0 : -1;
}

bool
renumber_body(struct run *r, struct box *b, const struct wire_message *m)
{
	struct adopt_of old;

	if (b->adopt == NULL || !adopt_by_digest(b->adopt, m->row.uid, m->sha256, m->bytes, &old))
		return false;
	log_v(2, "%s: message %u was delivered as %u", b->name, m->row.uid, old.uid);
	commit_adopt(r->commit, &b->where, m->row.uid, m->row.date, old.gen, old.uid);
	box_done_uid(r, b, m->row.uid);
	return true;
}

int
renumber_end(struct run *r, struct err *err)
{
	struct box *b;
	size_t i;

	for (i = 0; i < r->nbox; i++) {
		b = r->box[i];
		if (b->gen.id == 0 || b->gen.adopt_from == 0 || b->phase != BOX_DONE ||
		    b->gen.settled < b->uidnext)
			continue;
		if (state_gen_adopt(r->store.state, b->gen.id, 0, err) == -1)
			return -1;
	}
	return 0;
}

/* --- a folder made anew that has its UIDVALIDITY again --- */

static int
last_dated(const struct state_msg *m, void *arg)
{
	if (m->date != DATE_NONE && m->date > 0)
		*(struct state_msg *)arg = *m;
	return 0;
}

int
renumber_anchor(struct run *r, struct box *b, struct err *err)
{
	struct state_msg m = { .uid = 0 };
	uint32_t hi = b->gen.settled - 1, lo = hi > ANCHOR_SPAN ? hi - ANCHOR_SPAN : 1;
	struct wire_range range;
	struct task *t;

	if (b->gen.id == 0 || b->anchored || hi == 0)
		return 0;
	b->anchored = true;
	if (state_msg_each(r->store.state, b->gen.id, lo, hi, last_dated, &m, err) == -1)
		return -1;
	if (m.uid == 0)
		return 0;
	t = task_new(TASK_ANCHOR, b);
	t->uid = range.lo = range.hi = m.uid;
	t->date = m.date;
	task_ranges(t, &range, 1);
	task_queue(r, t);
	return 0;
}

void
renumber_anchored(struct task *t, const struct wire_row *row)
{
	if (row->uid != t->uid || row->date == DATE_NONE || row->date == t->date)
		return;
	log_v(1, "%s: message %u has another date than it had: the folder was made anew", t->box->name,
	    row->uid);
	t->box->renew = true;
}

int
renumber_restart(struct run *r, struct box *b, struct err *err)
{
	if (commit_group(r->commit, err) == -1)
		return -1;
	plan_free(b->plan);
	b->plan = NULL;
	b->span = 0;
	b->good = 0;
	b->renew = false;
	b->phase = BOX_WAITS;
	return succeed(r, b, b->gen.id, err);
}
