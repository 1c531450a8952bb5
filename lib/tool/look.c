/* look: which folders there are, and which generation of each this is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "imap/folder.h"
#include "tool/run.h"

#define FOLDERS_MAX 20000 /* what a worker may make us remember */

static void
add_patterns(char *buf, size_t *len, const struct strlist *l)
{
	size_t i, n;

	for (i = 0; i < l->n; i++) {
		n = strlen(l->v[i]) + 1;
		if (*len + n > WIRE_PATTERNS)
			return; /* fetch_run has checked that they fit */
		memcpy(buf + *len, l->v[i], n);
		*len += n;
	}
}

struct task *
look_task(struct run *r)
{
	struct wire_look *w = (void *)r->packet;
	struct task *t = task_new(TASK_LOOK, NULL);
	struct strlist inbox = { 0 };
	size_t len = 0;

	memset(w, 0, sizeof *w);
	strlist_add(&inbox, "INBOX");
	add_patterns(w->patterns, &len, r->o->folder.n > 0 ? &r->o->folder : &inbox);
	add_patterns(w->patterns, &len, &r->o->exclude);
	strlist_release(&inbox);
	w->npattern = (uint16_t)(r->o->folder.n > 0 ? r->o->folder.n : 1);
	w->nexclude = (uint16_t)r->o->exclude.n;
	w->len = (uint32_t)len;
	w->skip = link_look_skip(r->link);
	t->id = ++r->last_id;
	wire_head(&w->head, WIRE_LOOK, sizeof *w + len, t->id);
	return t;
}

/* Was the folder asked for by its very name? */
static bool
named(const struct run *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->o->folder.n; i++)
		if (!folder_is_pattern(r->o->folder.v[i]) && folder_match(r->o->folder.v[i], name, '\0', 0))
			return true;
	return r->o->folder.n == 0;
}

static void
unusable(struct run *r, const struct wire_folder *f, const char *why)
{
	struct err e = ERR_INIT;

	if (named(r, f->name)) {
		err_set(&e, ERR_NOENT, STAGE_FOLDER, f->name, "%s", why);
		run_error(r, &e);
		strlist_add(&r->unusable, f->name);
	} else if (f->state == FOLDER_GONE)
		log_warn("%s: %s", f->name, why);
}

static bool
seen(const struct run *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->nbox; i++)
		if (strcmp(r->box[i]->name, name) == 0)
			return true;
	return false;
}

void
look_folder(struct run *r, const struct wire_folder *f)
{
	struct err e = ERR_INIT;

	switch (f->state) {
	case FOLDER_OK:
		break;
	case FOLDER_NOSELECT:
		unusable(r, f, "the folder holds no messages, only other folders");
		return;
	default:
		unusable(r, f, *f->text ? f->text : "no such folder");
		return;
	}
	if (seen(r, f->name))
		return;
	if (r->nbox == FOLDERS_MAX) {
		err_set(&e, ERR_PROTO, STAGE_FOLDER, NULL, "the server lists more than %d folders",
		    FOLDERS_MAX);
		run_fatal(r, &e);
		return;
	}
	r->box = xreallocarray(r->box, r->nbox + 1, sizeof *r->box);
	r->box[r->nbox++] = box_new(f);
}

static int
find_generation(struct run *r, struct box *b, struct err *err)
{
	struct store *s = &r->store;
	int n = 0;

	if (s->state != NULL)
		n = state_gen_find(s->state, s->user, s->host, b->name, &b->gen, err);
	if (n == -1)
		return -1;
	if (n == 1 && !renumber_due(b))
		return r->o->baseline ? 0 : renumber_moved(r, b, err);
	if (n == 1 && !r->o->baseline)
		return renumber_begin(r, b, err);
	if (n == 0 && !r->o->baseline && (n = renumber_renamed(r, b, err)) != 0)
		return n == 1 ? 0 : -1;
	if (r->o->dry_run) {
		b->gen = (struct state_gen){ .uidvalidity = b->uidvalidity, .settled = 1, .uidnext = 1 };
		return 0;
	}
	return state_gen_new(s->state, s->user, s->host, b->name, b->uidvalidity, &b->gen, err);
}

static int
set_place(struct run *r, struct box *b, struct err *err)
{
	int delimiter = r->o->tree ? (unsigned char)b->delimiter : -1;

	b->where = (struct commit_box){ .user = r->store.user,
		.host = r->store.host,
		.folder = b->name,
		.uidvalidity = b->uidvalidity,
		.gen = b->gen.id };
	if (place_subdir_of(&b->subdir, b->name, delimiter, err) == -1) {
		err->stage = STAGE_FOLDER; /* the others can have theirs */
		snprintf(err->subject, sizeof err->subject, "%s", b->name);
		return -1;
	}
	b->where.subdir = b->subdir.s;
	if (r->o->dry_run || r->o->maildir == NULL)
		return 0;
	return place_note(r->store.state, r->store.user, b->name, delimiter, err);
}

/* Is there anything to do in it?  Reads no more of the state than it must. */
static int
prepare(struct run *r, struct box *b, struct err *err)
{
	if (b->uidvalidity == 0 || b->uidnext == 0)
		return err_set(err, ERR_PROTO, STAGE_FOLDER, b->name, "the server gives no %s for it",
		    b->uidvalidity == 0 ? "UIDVALIDITY" : "UIDNEXT");
	return find_generation(r, b, err) == -1 ? -1 : set_place(r, b, err);
}

static bool
told(const struct run *r, const char *pattern)
{
	size_t i;

	for (i = 0; i < r->unusable.n; i++)
		if (folder_match(pattern, r->unusable.v[i], '\0', 0))
			return true;
	return false;
}

/* Patterns that found nothing are most likely misspelt. */
static void
check_patterns(struct run *r)
{
	struct err e = ERR_INIT;
	const char *p;
	size_t i, k;

	for (i = 0; i < r->o->folder.n; i++) {
		p = r->o->folder.v[i];
		for (k = 0; k < r->nbox; k++)
			if (folder_match(p, r->box[k]->name, r->box[k]->delimiter, r->box[k]->attrs))
				break;
		if (k < r->nbox || told(r, p))
			continue;
		err_set(&e, ERR_NOENT, STAGE_FOLDER, p,
		    folder_is_pattern(p) ? "no folder fits" : "no such folder");
		run_error(r, &e);
	}
}

/* One transaction for all: the first look at a mailbox may find hundreds of new folders. */
static int
prepare_all(struct run *r, struct err *err)
{
	struct state *st = r->o->dry_run ? NULL : r->store.state;
	struct err e;
	size_t i;

	if (st != NULL && state_begin(st, err) == -1)
		return -1;
	if (r->store.state != NULL && renumber_missing(r, err) == -1) {
		if (st != NULL)
			state_rollback(st);
		return -1;
	}
	for (i = 0; i < r->nbox; i++) {
		e = (struct err)ERR_INIT;
		if (prepare(r, r->box[i], &e) == 0)
			continue;
		r->box[i]->phase = BOX_DONE;
		if (e.stage == STAGE_FOLDER) {
			run_error(r, &e);
			continue;
		}
		*err = e;
		if (st != NULL)
			state_rollback(st);
		return -1;
	}
	return st == NULL || state_commit(st, err) == STATE_OK ? 0 : -1;
}

void
look_done(struct run *r, const struct wire_done *d)
{
	struct err e = ERR_INIT;

	if (d->result != DONE_OK && r->nbox == 0 && r->err->kind == ERR_NONE) {
		err_set(&e, d->result == DONE_GONE ? ERR_NOENT : ERR_PROTO, STAGE_FOLDER, NULL, "%s",
		    d->text);
		run_fatal(r, &e);
		return;
	}
	check_patterns(r);
	if (prepare_all(r, &e) == -1)
		run_fatal(r, &e);
	r->looked = true;
}
