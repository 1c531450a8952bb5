/*
 * mark_visit: one session.  First the folders, where they are needed (a target
 * to move to, or paths, which name their folder by its hash), then the work.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "imap/folder.h"
#include "mail/maildir.h"
#include "tool/mark_int.h"
#include "tool/online.h"

void
visit_send(struct visit *v, enum wire_type type, size_t size)
{
	v->id++;
	wire_head((struct wire_head *)(void *)v->packet, type, size, v->id);
	link_send(v->link, v->lane, v->packet);
}

void
visit_refuse(struct visit *v, enum err_kind kind, enum err_stage stage, const char *subject, const char *why)
{
	struct err e = ERR_INIT;
	uint32_t g;

	for (g = v->first; g < v->end; g++)
		mark_refuse_told(v->m, &v->m->in.group[g], why);
	err_set(&e, kind, stage, subject, "%s", why);
	mark_error(v->m, &e);
	v->step = VISIT_OVER;
}

/* --- folders --- */

static void
forget_folders(struct visit *v)
{
	while (v->nfolder > 0) {
		v->nfolder--;
		free(v->folder[v->nfolder].name);
		free(v->folder[v->nfolder].raw);
	}
}

static void
listed(struct visit *v, const struct wire_folder *f)
{
	struct mark_folder *to;

	if (f->state != FOLDER_LISTED)
		return;
	v->folder = xreallocarray(v->folder, v->nfolder + 1, sizeof *v->folder);
	to = &v->folder[v->nfolder++];
	*to = (struct mark_folder){ xstrdup(f->name), xstrdup(f->raw), f->delimiter, f->attrs };
}

static void
send_look(struct visit *v, const char *pattern, bool names_only)
{
	struct wire_look *w = (void *)v->packet;

	memset(w, 0, sizeof *w);
	w->flags = names_only ? WIRE_L_NO_STATUS : 0;
	w->npattern = 1;
	w->len = (uint32_t)strlen(pattern) + 1;
	memcpy(w->patterns, pattern, w->len);
	visit_send(v, WIRE_LOOK, sizeof *w + w->len);
}

static bool
needs_list(const struct visit *v)
{
	uint32_t g;

	if (v->m->o->move != NULL)
		return true;
	for (g = v->first; g < v->end; g++)
		if (v->m->in.group[g].folder == NULL)
			return true;
	return false;
}

/* Which folder a path's hash stands for. */
static void
find_hashed(struct visit *v, struct mark_group *g)
{
	char hash[17];
	size_t i;

	for (i = 0; i < v->nfolder && g->folder == NULL; i++) {
		maildir_folder_hash(hash, v->user, v->folder[i].name);
		if (strcmp(hash, g->hash) == 0)
			g->folder = xstrdup(v->folder[i].name);
	}
	if (g->folder == NULL) { /* INBOX need not be listed */
		maildir_folder_hash(hash, v->user, "INBOX");
		if (strcmp(hash, g->hash) == 0)
			g->folder = xstrdup("INBOX");
	}
	if (g->folder == NULL)
		mark_refuse_group(v->m, g,
		    "no folder of this mailbox fits the name of the file (renamed, or of another mailbox?)");
}

static void
name_group(struct visit *v, struct mark_group *g)
{
	struct str raw = STR_INIT;
	size_t i;

	if (g->folder == NULL)
		find_hashed(v, g);
	if (g->folder == NULL || g->raw != NULL)
		return;
	for (i = 0; i < v->nfolder && g->raw == NULL; i++)
		if (strcmp(v->folder[i].name, g->folder) == 0)
			g->raw = xstrdup(v->folder[i].raw);
	if (g->raw == NULL && folder_raw(&raw, g->folder) == 0)
		g->raw = xstrdup(raw.s);
	str_release(&raw);
	if (g->raw == NULL || strlen(g->raw) >= WIRE_NAME)
		mark_refuse_group(v->m, g, "no such folder");
	else if (v->target.len > 0 && folder_same(g->folder, v->target.s, v->delimiter))
		mark_refuse_group(v->m, g, "the message is in the folder of --move already");
}

/* --- the target --- */

static void
set_target(struct visit *v, const char *name, const char *raw)
{
	str_clear(&v->target);
	str_adds(&v->target, name);
	str_clear(&v->target_raw);
	str_adds(&v->target_raw, raw);
}

/* Finds the folder of --move among the listed ones: by attribute, exactly, or as a server without cases would. */
static bool
find_target(struct visit *v)
{
	const char *want = v->m->o->move;
	const struct mark_folder *f, *found = NULL;

	for (f = v->folder; f < v->folder + v->nfolder; f++) {
		if (f->delimiter != '\0')
			v->delimiter = f->delimiter;
		if (*want == '\\' ? (found == NULL && (f->attrs & folder_attr(want)) != 0)
				  : strcmp(f->name, want) == 0 ||
			    (found == NULL && folder_same(f->name, want, f->delimiter)))
			found = f;
	}
	if (found == NULL && folder_same(want, "INBOX", v->delimiter)) {
		set_target(v, "INBOX", "INBOX");
		return true;
	}
	if (found != NULL)
		set_target(v, found->name, found->raw);
	return found != NULL;
}

static void
begin_work(struct visit *v)
{
	uint32_t g;

	for (g = v->first; g < v->end; g++)
		name_group(v, &v->m->in.group[g]);
	v->step = VISIT_WORK;
	work_next(v);
}

static void
send_create(struct visit *v)
{
	struct wire_create *w = (void *)v->packet;
	char name[WIRE_NAME];
	size_t n;

	snprintf(name, sizeof name, "%s", v->m->o->move);
	for (n = strlen(name); n > 1 && name[n - 1] == v->delimiter; n--)
		name[n - 1] = '\0';
	str_clear(&v->target_raw);
	if (folder_raw(&v->target_raw, name) == -1)
		return; /* mark_run has checked it */
	memset(w, 0, sizeof *w);
	snprintf(w->folder, sizeof w->folder, "%s", v->target_raw.s);
	v->step = VISIT_CREATE;
	visit_send(v, WIRE_CREATE, sizeof *w);
}

/* Where messages will go: its UIDNEXT is what a lost answer is judged by later. */
static void
after_list(struct visit *v)
{
	const struct options *o = v->m->o;

	if (o->move == NULL) {
		begin_work(v);
	} else if (find_target(v)) {
		if (o->dry_run) {
			begin_work(v);
			return;
		}
		v->step = VISIT_TARGET;
		send_look(v, v->target.s, false);
	} else if (v->step == VISIT_LIST && o->create && *o->move != '\\') {
		if (o->dry_run) {
			set_target(v, o->move, o->move);
			begin_work(v);
		} else {
			send_create(v);
		}
	} else {
		visit_refuse(v, ERR_NOENT, STAGE_FOLDER, o->move,
		    v->step == VISIT_LIST_AGAIN
			? "the server made the folder of --move, or says that it is there, but does not list it"
			: "no such folder (of --move; --create makes it)");
	}
}

static void
target_seen(struct visit *v, const struct wire_folder *f)
{
	if (f->state == FOLDER_OK) {
		v->target_uidvalidity = f->uidvalidity;
		v->target_uidnext = f->uidnext;
	} else {
		visit_refuse(v, ERR_NOENT, STAGE_FOLDER, v->target.s,
		    f->state == FOLDER_NOSELECT ? "the folder of --move holds no messages, only other folders"
			: *f->text		? f->text
						: "the folder of --move cannot be opened");
	}
}

/* --- events --- */

static void
start(struct visit *v)
{
	if (v->step == VISIT_WORK) {
		work_next(v);
		return;
	}
	forget_folders(v);
	if (needs_list(v)) {
		v->step =
		    v->step == VISIT_CREATE || v->step == VISIT_LIST_AGAIN ? VISIT_LIST_AGAIN : VISIT_LIST;
		send_look(v, "*", true);
	} else {
		begin_work(v);
	}
}

static void
done(struct visit *v, const struct wire_done *d)
{
	switch (v->step) {
	case VISIT_LIST:
	case VISIT_LIST_AGAIN:
		if (d->result != DONE_OK)
			visit_refuse(v, ERR_PROTO, STAGE_FOLDER, v->user,
			    *d->text ? d->text : "the folders cannot be listed");
		else
			after_list(v);
		break;
	case VISIT_CREATE:
		if (d->result == DONE_OK || strcasestr(d->text, "exist") != NULL) {
			forget_folders(v);
			v->step = VISIT_LIST_AGAIN;
			send_look(v, "*", true);
		} else {
			visit_refuse(v, ERR_NOENT, STAGE_FOLDER, v->m->o->move,
			    *d->text ? d->text : "the folder cannot be made");
		}
		break;
	case VISIT_TARGET:
		begin_work(v);
		break;
	case VISIT_WORK:
		work_done(v, d);
		break;
	case VISIT_OVER:
		break;
	}
}

static void
packet(struct visit *v, const struct wire_head *h)
{
	const void *p = h;

	if (h->job != v->id)
		return;
	if (h->type == WIRE_FOLDER && (v->step == VISIT_LIST || v->step == VISIT_LIST_AGAIN))
		listed(v, p);
	else if (h->type == WIRE_FOLDER && v->step == VISIT_TARGET)
		target_seen(v, p);
	else if (h->type == WIRE_ROWS && v->step == VISIT_WORK)
		work_rows(v, p);
	else if (h->type == WIRE_DONE)
		done(v, p);
}

static void
event(struct visit *v, const struct link_event *ev)
{
	const struct wire_online *on = (const void *)ev->packet;

	switch (ev->type) {
	case LINK_UP:
		online_log(v->m->o, on);
		v->caps = on->caps;
		start(v);
		break;
	case LINK_PACKET:
		packet(v, ev->packet);
		break;
	case LINK_LOST:
		if (v->step == VISIT_WORK)
			work_lost(v, ev->suspect);
		break;
	case LINK_GONE: /* the only lane is never given up without an error */
	case LINK_FD:
		break;
	}
}

static int
loop(struct visit *v, struct err *err)
{
	struct mark *m = v->m;
	struct link_event ev;
	int n;

	v->link = link_prepare(m->o, v->user, m->source);
	if ((v->lane = link_open(v->link, err)) == -1)
		return -1;
	while (v->step != VISIT_OVER) {
		if (*m->stop)
			return err_set(err, ERR_AGAIN, STAGE_MARK, v->user, "stopped by a signal");
		if (m->output.kind != ERR_NONE) {
			*err = m->output;
			return -1;
		}
		n = link_next(v->link, -1, &ev, err);
		if (n == -1)
			return -1;
		if (n == 1)
			event(v, &ev);
	}
	return 0;
}

int
visit_run(struct mark *m, uint32_t first, uint32_t end, struct err *err)
{
	struct visit *v = xcalloc(1, sizeof *v);
	int r;

	v->m = m;
	v->user = m->in.group[first].user;
	v->first = v->group = first;
	v->end = end;
	v->delimiter = '/';
	r = loop(v, err);
	if (r == -1)
		work_abandon(v, err);
	while (v->batch != NULL)
		batch_free(v);
	link_close(v->link);
	forget_folders(v);
	free(v->folder);
	free(v->row);
	str_release(&v->target);
	str_release(&v->target_raw);
	free(v);
	return r;
}
