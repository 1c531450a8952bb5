/*
 * takeover: what was delivered from a folder under another numbering or another
 * name is not delivered again (design §5; which those are: renumber.c).
 *
 * A generation takes over from an older one, and from those that this one itself had
 * not done with: its messages are listed with INTERNALDATE and Message-ID, those that
 * make a pair with an old row are known from then on, the others are fetched; one
 * whose content is that of an old row is that message, and is not delivered.
 *
 * From a generation of another name a message is taken over under its own UID only;
 * or, where the UIDs are new since, if both have messages in common (load_elsewhere).
 *
 * A row that was taken over under another name stays claimed when the folder has its
 * first name again.  The one that took it over is gone from its place then, and
 * stands for it.
 *
 * One folder at a time takes over: an old row that two could have is had by one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mail/adopt.h"
#include "tool/run.h"

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

	return renumber_same(l->r, name, g, l->b) ? load_chain(l, g->id) : 0;
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

	if (g->folder_id == l->before.folder_id || !renumber_gone(l->r, name, g) || seen(l, g->id))
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
takeover_waits(const struct run *r, const struct box *b)
{
	return b->gen.adopt_from != 0 && r->taking != NULL && r->taking != b;
}

void
takeover_leave(struct run *r, struct box *b)
{
	adopt_free(b->adopt);
	b->adopt = NULL;
	if (r->taking == b)
		r->taking = NULL;
}

int
takeover_load(struct run *r, struct box *b, struct err *err)
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
takeover_row(struct run *r, struct box *b, const struct wire_row *row)
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
takeover_pair(struct run *r, struct box *b, struct err *err)
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
takeover_body(struct run *r, struct box *b, const struct wire_message *m)
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
takeover_end(struct run *r, struct err *err)
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
