/* list_folders: a line for each folder. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "imap/folder.h"
#include "tool/list_int.h"

struct folders {
	struct strlist printed; /* names: the look is done again when the connection is lost */
	bool *fits;		/* owned: which patterns have found something */
};

void *
list_folders_new(void)
{
	return xcalloc(1, sizeof(struct folders));
}

void
list_folders_free(void *work)
{
	struct folders *f = work;

	strlist_release(&f->printed);
	free(f->fits);
	free(f);
}

static void
up(struct list *l)
{
	struct folders *f = l->work;
	static const char *const all[] = { "*" };
	const char **v;
	size_t i, n = l->o->folder.n;

	if (n == 0) {
		list_look(l, all, 1, true);
		return;
	}
	if (f->fits == NULL)
		f->fits = xcalloc(n, sizeof *f->fits);
	v = xreallocarray(NULL, n, sizeof *v);
	for (i = 0; i < n; i++)
		v[i] = l->o->folder.v[i];
	list_look(l, v, n, true);
	free(v);
}

static bool
was_printed(const struct folders *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->printed.n; i++)
		if (strcmp(f->printed.v[i], name) == 0)
			return true;
	return false;
}

static int
print(struct list *l, const struct wire_folder *w, struct err *err)
{
	struct str attrs = STR_INIT;
	bool numbers = w->state == FOLDER_OK;
	int r;

	folder_attrs(&attrs, w->attrs);
	list_begin(l);
	list_string(l, "folder", w->name);
	if (numbers)
		list_number(l, "uidvalidity", w->uidvalidity);
	else
		list_none(l, "uidvalidity");
	list_none(l, "uid");
	if (numbers) {
		list_number(l, "uidnext", w->uidnext);
		list_number(l, "messages", w->messages);
		list_number(l, "unseen", w->unseen);
	} else {
		list_none(l, "uidnext");
		list_none(l, "messages");
		list_none(l, "unseen");
	}
	list_string(l, "attributes", attrs.len > 0 ? attrs.s : "");
	r = list_end(l, err);
	str_release(&attrs);
	return r;
}

static int
folder(struct list *l, const struct wire_folder *w, struct err *err)
{
	struct folders *f = l->work;
	size_t i;

	if (w->state == FOLDER_GONE && w->delimiter == '\0' && w->attrs == 0)
		return 0; /* asked for by name, and neither listed nor there: done() tells */
	for (i = 0; i < l->o->folder.n; i++)
		if (folder_match(l->o->folder.v[i], w->name, w->delimiter, w->attrs))
			f->fits[i] = true;
	if (w->state == FOLDER_GONE)
		log_v(1, "%s: %s", w->name, *w->text ? w->text : "no STATUS");
	if (was_printed(f, w->name))
		return 0;
	strlist_add(&f->printed, w->name);
	return print(l, w, err);
}

static int
done(struct list *l, const struct wire_done *d, struct err *err)
{
	const struct folders *f = l->work;
	const char *p;
	size_t i;

	l->done = true;
	if (d->result != DONE_OK)
		return err_set(err, d->result == DONE_BAD ? ERR_PROTO : ERR_REFUSED, STAGE_FOLDER, l->user,
		    "the folders cannot be listed: %s", *d->text ? d->text : "no reason given");
	for (i = 0; i < l->o->folder.n; i++) {
		p = l->o->folder.v[i];
		if (!f->fits[i])
			return err_set(err, ERR_NOENT, STAGE_FOLDER, p,
			    folder_is_pattern(p) ? "no folder fits" : "no such folder");
	}
	return 0;
}

static int
packet(struct list *l, const struct wire_head *h, struct err *err)
{
	if (h->job != l->last_id)
		return 0;
	if (h->type == WIRE_FOLDER)
		return folder(l, (const void *)h, err);
	if (h->type == WIRE_DONE)
		return done(l, (const void *)h, err);
	return 0;
}

static void
lost(struct list *l, bool suspect)
{
	(void)l;
	(void)suspect;
}

const struct list_job list_folders = { .up = up, .packet = packet, .lost = lost };
