#include "tool/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "tool/online.h"
#include "tool/window.h"

struct audit *
audit_new(const struct options *o, struct source *source, const volatile sig_atomic_t *stop)
{
	struct audit *a = xcalloc(1, sizeof *a);

	a->o = o;
	a->source = source;
	a->stop = stop;
	return a;
}

static void
forget_folders(struct audit *a)
{
	size_t i;

	for (i = 0; i < a->nfolder; i++) {
		free(a->folder[i].name);
		free(a->folder[i].raw);
	}
	free(a->folder);
	a->folder = NULL;
	a->nfolder = 0;
}

void
audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	link_close(a->link);
	forget_folders(a);
	free(a->uid);
	free(a);
}

/* --- questions --- */

/* "*", and an exclusion that fits nothing: with it the server is asked for a LIST and each STATUS. */
static void
ask_folders(struct audit *a, const void *arg)
{
	struct wire_look *w = (void *)a->packet;

	(void)arg;
	memset(w, 0, sizeof *w);
	w->skip = link_look_skip(a->link);
	if (w->skip == 0)
		forget_folders(a);
	memcpy(w->patterns, "*\0", 3);
	w->npattern = w->nexclude = 1;
	w->len = 3;
	wire_head(&w->head, WIRE_LOOK, sizeof *w + w->len, ++a->id);
	link_send(a->link, a->lane, w);
}

struct span {
	const struct audit_folder *folder;
	uint32_t lo, hi;
};

static void
ask_uids(struct audit *a, const void *arg)
{
	const struct span *s = arg;
	struct wire_search *w = (void *)a->packet;

	a->nuid = 0;
	memset(w, 0, sizeof *w);
	w->uidvalidity = s->folder->uidvalidity;
	snprintf(w->folder, sizeof w->folder, "%s", s->folder->raw);
	snprintf(w->criteria, sizeof w->criteria, "UID %u:%u", s->lo, s->hi);
	wire_head(&w->head, WIRE_SEARCH, sizeof *w, ++a->id);
	link_send(a->link, a->lane, w);
}

/* --- answers --- */

static void
take_folder(struct audit *a, const struct wire_folder *w)
{
	struct audit_folder *f;

	if (w->state == FOLDER_NOSELECT || audit_find(a, w->name) != NULL)
		return;
	a->folder = xreallocarray(a->folder, a->nfolder + 1, sizeof *a->folder);
	f = &a->folder[a->nfolder++];
	*f = (struct audit_folder){ .name = xstrdup(w->name),
		.raw = xstrdup(w->raw),
		.delimiter = w->delimiter,
		.attrs = w->attrs,
		.uidvalidity = w->uidvalidity,
		.uidnext = w->uidnext };
	f->counted = w->state == FOLDER_OK && w->uidvalidity != 0 && w->uidnext != 0;
}

static void
take_uids(struct audit *a, const struct wire_uids *w)
{
	if (a->nuid + w->n > a->room) {
		a->room = 2 * a->room + w->n;
		a->uid = xreallocarray(a->uid, a->room, sizeof *a->uid);
	}
	memcpy(a->uid + a->nuid, w->uid, w->n * sizeof *a->uid);
	a->nuid += w->n;
}

static void
take(struct audit *a, const struct wire_head *h)
{
	if (h->job != a->id)
		return;
	switch (h->type) {
	case WIRE_FOLDER:
		take_folder(a, (const void *)h);
		break;
	case WIRE_UIDS:
		take_uids(a, (const void *)h);
		break;
	case WIRE_DONE:
		memcpy(&a->done, h, sizeof a->done);
		a->answered = true;
		break;
	default:
		break;
	}
}

/* Asks, again after each loss of the connection, until there is an answer. */
static int
converse(struct audit *a, void (*ask)(struct audit *, const void *), const void *arg, struct err *err)
{
	struct link_event ev;
	int n;

	if (a->link == NULL) {
		a->link = link_prepare(a->o, a->o->user, a->source);
		if ((a->lane = link_open(a->link, err)) == -1) {
			link_close(a->link);
			a->link = NULL;
			return -1;
		}
	}
	a->answered = false;
	if (a->up)
		ask(a, arg);
	while (!a->answered) {
		if (*a->stop)
			return err_sys(err, ERR_AGAIN, STAGE_NONE, EINTR, NULL, "told to stop");
		if ((n = link_next(a->link, -1, &ev, err)) == -1)
			return -1;
		if (n == 0)
			continue;
		if (ev.type == LINK_UP) {
			a->up = true;
			online_log(a->o, (const void *)ev.packet);
			ask(a, arg);
		} else if (ev.type == LINK_PACKET) {
			take(a, ev.packet);
		} else if (ev.type == LINK_LOST || ev.type == LINK_GONE) {
			a->up = false;
		}
	}
	return 0;
}

int
audit_look(struct audit *a, struct err *err)
{
	if (converse(a, ask_folders, NULL, err) == -1)
		return -1;
	if (a->done.result != DONE_OK)
		return err_set(err, a->done.result == DONE_BAD ? ERR_PROTO : ERR_REFUSED, STAGE_FOLDER,
		    a->o->user, "the folders cannot be listed: %s",
		    *a->done.text ? a->done.text : "no reason given");
	return 0;
}

const struct audit_folder *
audit_find(const struct audit *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->nfolder; i++)
		if (strcmp(a->folder[i].name, name) == 0)
			return &a->folder[i];
	return NULL;
}

int
audit_uids(struct audit *a, const struct audit_folder *f, uint32_t lo, uint32_t hi, struct err *err)
{
	struct span s = { f, lo, hi };

	if (converse(a, ask_uids, &s, err) == -1)
		return -1;
	if (a->done.result == DONE_STALE || a->done.result == DONE_GONE)
		return 0;
	if (a->done.result != DONE_OK)
		return err_set(err, ERR_PROTO, STAGE_FOLDER, f->name, "it cannot be searched: %s",
		    *a->done.text ? a->done.text : "no reason given");
	a->nuid = uids_sort(a->uid, a->nuid);
	return 1;
}
