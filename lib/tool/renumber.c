/*
 * renumber: folders whose UIDs mean something else than they did (design §5).
 *
 * - Another UIDVALIDITY, or a UIDNEXT that went back: seen at the first look.
 * - A known UID with another INTERNALDATE (the folder was made anew, and has its
 *   UIDVALIDITY again): one known UID is asked for along with what is new.
 * - A new folder with a UIDVALIDITY that another one had and has no more: renamed.
 * - A known folder, at a look at which some have gone or come back: it may have
 *   had another name meanwhile, and got mail under it.
 *
 * In each case but the last a new generation begins; in each it takes over what was
 * delivered before (takeover.c).
 *
 * A numbering that is gone from its place, as its folder is missing or is
 * numbered otherwise, may go on under another name.  UIDVALIDITY alone is not much
 * evidence: Exchange gives many folders the same.  But a folder that was renamed
 * has its UIDs: all that are gone are looked at, and the messages are compared.
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

bool
renumber_gone(const struct run *r, const char *name, const struct state_gen *g)
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

bool
renumber_same(const struct run *r, const char *name, const struct state_gen *g, const struct box *b)
{
	return g->folder_id != b->gen.folder_id &&
	    (g->uidvalidity != b->uidvalidity || g->uidnext <= b->uidnext) && renumber_gone(r, name, g);
}

static int
find_renamed(const char *name, const struct state_gen *g, void *arg)
{
	struct renamed *f = arg;

	if (!further(g, &f->best) || !renumber_same(f->r, name, g, f->b))
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

/* Where it had another name meanwhile, what came under that is taken over too (takeover.c). */
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
	memset(b->stuck, 0, sizeof b->stuck);
	b->renew = false;
	b->phase = BOX_WAITS;
	return succeed(r, b, b->gen.id, err);
}
