/*
 * list_messages: a line for each message of one folder.
 *
 *	LOOK	open it: UIDVALIDITY, UIDNEXT, how many
 *	SEARCH	--search: which UIDs; --newest: backwards, window by window, until
 *		there are enough (sequence numbers would do it in one step, but they
 *		change under us)
 *	FETCH	windows of UIDs, two in flight, each message printed as it comes
 *
 * A window that was not answered to its end when the connection broke is asked
 * for again, and what was printed of it already is left out.  Beside each window
 * goes a SEARCH: messages that are there but whose reply could not be read are
 * printed with what can be had of them, rather than silently not at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/progress.h"
#include "imap/folder.h"
#include "tool/list_int.h"
#include "tool/window.h"

#define WINDOW 500 /* messages in a window, about */
#define IN_FLIGHT 2
#define ASK (ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_HEADER)

enum phase { LOOK, SEARCH, FETCH };

struct messages {
	enum phase phase;
	uint32_t id; /* of the job of LOOK or SEARCH */
	char name[WIRE_NAME], raw[WIRE_NAME];
	uint32_t uidvalidity, uidnext, messages;

	uint32_t *uid; /* SEARCH: what was found, in order once FETCH begins; owned */
	size_t nuid, cap;
	size_t kept; /* of these from searches that have ended */
	bool listed; /* FETCH takes its windows from uid, not from 1:UIDNEXT-1 */
	size_t next; /* of uid */

	uint32_t low;	  /* next UID of FETCH, or the one above which SEARCH --newest has looked */
	uint32_t span;	  /* UIDs in the next window */
	struct windows q; /* under way, in order */
	bool careful;	  /* a reply broke the worker: one window at a time, until it is known which */
};

void *
list_messages_new(void)
{
	return xcalloc(1, sizeof(struct messages));
}

void
list_messages_free(void *work)
{
	struct messages *m = work;

	windows_release(&m->q);
	free(m->uid);
	free(m);
}

/* --- search --- */

/* How many UIDs hold n messages, if the folder were filled evenly. */
static uint32_t
spread(const struct messages *m, uint64_t n)
{
	uint64_t each = m->messages > 0 ? m->uidnext / m->messages + 1 : 1;

	if (n > UINT32_MAX / each)
		return UINT32_MAX;
	return (uint32_t)(n * each);
}

static void
send_search(struct list *l)
{
	struct messages *m = l->work;
	struct wire_search *w = (void *)l->packet;
	uint32_t lo = m->low > m->span ? m->low - m->span : 1;

	memset(w, 0, sizeof *w);
	w->uidvalidity = m->uidvalidity;
	strcpy(w->folder, m->raw);
	if (l->o->search != NULL)
		strcpy(w->criteria, l->o->search);
	else
		snprintf(w->criteria, sizeof w->criteria, "UID %u:%u", lo, m->low - 1);
	m->nuid = m->kept;
	m->id = ++l->last_id;
	wire_head(&w->head, WIRE_SEARCH, sizeof *w, m->id);
	link_send(l->link, l->lane, w);
}

static void
add_uids(struct messages *m, const struct wire_uids *u)
{
	if (m->nuid + u->n > m->cap) {
		m->cap = 2 * m->cap + u->n;
		m->uid = xreallocarray(m->uid, m->cap, sizeof *m->uid);
	}
	memcpy(m->uid + m->nuid, u->uid, u->n * sizeof *m->uid);
	m->nuid += u->n;
}

/* In order, each once, and with --newest the last ones only. */
static void
arrange(struct messages *m, uint64_t newest)
{
	m->nuid = uids_sort(m->uid, m->nuid);
	if (newest > 0 && m->nuid > newest) {
		memmove(m->uid, m->uid + m->nuid - newest, newest * sizeof *m->uid);
		m->nuid = newest;
	}
}

/* --- fetch --- */

static void
take_listed(struct messages *m, struct window *w)
{
	size_t i;

	for (i = 0; i < WINDOW && m->next < m->nuid; i++)
		window_add(w, m->uid[m->next++]);
}

static void
take_span(struct messages *m, struct window *w)
{
	uint32_t last = m->uidnext - 1, hi = last - m->low < m->span ? last : m->low + m->span - 1;

	window_set(w, m->low, hi);
	m->low = hi + 1;
}

static bool
more(const struct messages *m)
{
	return m->listed ? m->next < m->nuid : m->low < m->uidnext;
}

static void
send_count(struct list *l, struct window *w)
{
	struct messages *m = l->work;
	struct wire_search *p = (void *)l->packet;

	memset(p, 0, sizeof *p);
	p->uidvalidity = m->uidvalidity;
	strcpy(p->folder, m->raw);
	snprintf(p->criteria, sizeof p->criteria, "UID %u:%u", w->range[0].lo, w->range[w->nrange - 1].hi);
	w->search = ++l->last_id;
	wire_head(&p->head, WIRE_SEARCH, sizeof *p, w->search);
	link_send(l->link, l->lane, p);
}

static void
send_window(struct list *l, struct window *w)
{
	struct messages *m = l->work;
	struct wire_fetch *f = (void *)l->packet;

	if (!m->listed && !w->bare)
		send_count(l, w);
	memset(f, 0, sizeof *f);
	f->ask = w->bare ? ASK_FLAGS | ASK_SIZE : ASK;
	f->uidvalidity = m->uidvalidity;
	f->nrange = w->nrange;
	strcpy(f->folder, m->raw);
	memcpy(f->range, w->range, w->nrange * sizeof *w->range);
	w->id = ++l->last_id;
	wire_head(&f->head, WIRE_FETCH, sizeof *f + w->nrange * sizeof *w->range, w->id);
	link_send(l->link, l->lane, f);
}

/* Sends what is not under way yet. */
static void
pump(struct list *l)
{
	struct messages *m = l->work;
	size_t i, most = m->careful ? 1 : IN_FLIGHT;

	while (m->q.n < most && more(m))
		(m->listed ? take_listed : take_span)(m, windows_insert(&m->q, m->q.n));
	for (i = 0; i < m->q.n && i < most; i++)
		if (m->q.w[i].id == 0)
			send_window(l, &m->q.w[i]);
	l->done = m->q.n == 0;
}

static void
begin_fetch(struct list *l)
{
	struct messages *m = l->work;

	m->phase = FETCH;
	if (m->listed) {
		arrange(m, l->o->newest);
	} else {
		m->low = 1;
		m->span = spread(m, WINDOW);
	}
	progress_total(m->listed ? m->nuid : m->messages, 0);
	pump(l);
}

static int
print(struct list *l, const struct wire_row *row, const char *from, const char *subject, struct err *err)
{
	struct messages *m = l->work;

	list_begin(l);
	list_string(l, "folder", m->name);
	list_number(l, "uidvalidity", m->uidvalidity);
	list_number(l, "uid", row->uid);
	list_date(l, "date", row->date);
	list_number(l, "bytes", row->size);
	list_flags(l, "flags", row->flags);
	list_string(l, "from", from);
	list_string(l, "subject", subject);
	progress_add(1, 0);
	return list_end(l, err);
}

static int
header(struct list *l, const struct wire_header *h, struct err *err)
{
	struct messages *m = l->work;
	size_t i = windows_find(&m->q, h->head.job);

	return i < m->q.n && window_came(&m->q.w[i], h->row.uid) ? print(l, &h->row, h->from, h->subject, err)
								 : 0;
}

static int
bare_rows(struct list *l, const struct wire_rows *r, struct err *err)
{
	struct messages *m = l->work;
	size_t i = windows_find(&m->q, r->head.job);
	struct wire_row row;
	uint32_t k;

	for (k = 0; i < m->q.n && k < r->n; k++) {
		row = r->row[k];
		row.date = DATE_NONE;
		if (window_came(&m->q.w[i], row.uid) && print(l, &row, "", "", err) == -1)
			return -1;
	}
	return 0;
}

/* A window has been answered: the next one's size follows from what was in it. */
static void
window_done(struct list *l, size_t i)
{
	struct messages *m = l->work;
	struct window *w = &m->q.w[i], missing = { .bare = true };
	size_t n = w->ncame, lost = w->bare ? 0 : window_missing(w, &missing);

	if (!w->bare && n < WINDOW / 2 && m->span < UINT32_MAX / 2)
		m->span *= 2;
	else if (n > 2 * WINDOW && m->span > 1)
		m->span /= 2;
	windows_drop(&m->q, i);
	if (lost > 0)
		*windows_insert(&m->q, i) = missing;
	if (m->q.n == 0)
		m->careful = false;
	pump(l);
}

/* --- answers --- */

static int
fail(struct list *l, enum err_kind kind, enum err_stage stage, const char *what, struct err *err)
{
	const struct messages *m = l->work;

	return err_set(err, kind, stage, *m->name ? m->name : l->o->args[0], "%s", what);
}

static int
opened(struct list *l, const struct wire_folder *f, struct err *err)
{
	struct messages *m = l->work;

	if (m->uidvalidity != 0 && f->state == FOLDER_OK && *m->name)
		return 0; /* an attribute that several folders have: the first */
	if (f->state == FOLDER_NOSELECT)
		return fail(l, ERR_NOENT, STAGE_FOLDER, "the folder holds no messages, only other folders",
		    err);
	if (f->state != FOLDER_OK)
		return fail(l, ERR_NOENT, STAGE_FOLDER, *f->text ? f->text : "no such folder", err);
	if (f->uidvalidity == 0 || f->uidnext == 0)
		return fail(l, ERR_PROTO, STAGE_FOLDER, "the server gives no UIDVALIDITY or UIDNEXT for it",
		    err);
	snprintf(m->name, sizeof m->name, "%s", f->name);
	snprintf(m->raw, sizeof m->raw, "%s", f->raw);
	m->uidvalidity = f->uidvalidity;
	m->uidnext = f->uidnext;
	m->messages = f->messages;
	return 0;
}

static int
looked(struct list *l, const struct wire_done *d, struct err *err)
{
	struct messages *m = l->work;

	if (*m->name == '\0')
		return fail(l, d->result == DONE_OK || d->result == DONE_GONE ? ERR_NOENT : ERR_PROTO,
		    STAGE_FOLDER,
		    *d->text				   ? d->text
			: folder_is_pattern(l->o->args[0]) ? "no folder fits"
							   : "no such folder",
		    err);
	if (m->messages == 0) {
		l->done = true;
		return 0;
	}
	m->listed = l->o->search != NULL || l->o->newest > 0;
	if (!m->listed) {
		begin_fetch(l);
		return 0;
	}
	m->phase = SEARCH;
	m->low = m->uidnext;
	m->span = spread(m, 2 * l->o->newest);
	if (m->span < WINDOW)
		m->span = WINDOW;
	send_search(l);
	return 0;
}

static int
searched(struct list *l, const struct wire_done *d, struct err *err)
{
	struct messages *m = l->work;
	char why[WIRE_TEXT + 40];

	if ((d->result == DONE_NO || d->result == DONE_BAD) && l->o->search != NULL) {
		snprintf(why, sizeof why, "--search: the server says: %s", *d->text ? d->text : "no");
		return fail(l, ERR_USAGE, STAGE_FOLDER, why, err);
	}
	if (d->result != DONE_OK)
		return fail(l, ERR_PROTO, STAGE_FOLDER, d->text, err);
	m->kept = m->nuid;
	m->low = m->low > m->span ? m->low - m->span : 1;
	if (l->o->search != NULL || m->kept >= l->o->newest || m->low == 1) {
		begin_fetch(l);
		return 0;
	}
	if (m->span < UINT32_MAX / 2)
		m->span *= 2;
	send_search(l);
	return 0;
}

/* The window with this search: its place, or n. */
static size_t
find_search(const struct messages *m, uint32_t id)
{
	size_t i;

	for (i = 0; i < m->q.n && (m->q.w[i].search != id || id == 0); i++)
		;
	return i;
}

static int
fetched(struct list *l, const struct wire_done *d, struct err *err)
{
	struct messages *m = l->work;
	size_t i = windows_find(&m->q, d->head.job);

	/* the answer to a search: its window's, which was asked for behind it, is still to come */
	if (i == m->q.n)
		return 0;
	if (d->result == DONE_BAD)
		return fail(l, ERR_PROTO, STAGE_FETCH, d->text, err);
	if (d->result != DONE_OK) /* what could be had is printed; "no longer exist" is the usual reason */
		log_warn("%s: %s", m->name, *d->text ? d->text : "the server refuses some messages");
	window_done(l, i);
	return 0;
}

static int
done(struct list *l, const struct wire_done *d, struct err *err)
{
	struct messages *m = l->work;

	if (d->result == DONE_STALE)
		return fail(l, ERR_AGAIN, STAGE_FOLDER,
		    "the folder was made anew while it was listed (another UIDVALIDITY)", err);
	if (d->result == DONE_GONE && m->phase != LOOK)
		return fail(l, ERR_NOENT, STAGE_FOLDER, *d->text ? d->text : "the folder has gone", err);
	if (m->phase == FETCH)
		return fetched(l, d, err);
	if (d->head.job != m->id)
		return 0;
	return m->phase == LOOK ? looked(l, d, err) : searched(l, d, err);
}

static void
found(struct messages *m, const struct wire_uids *u)
{
	size_t i;

	if (m->phase == SEARCH && u->head.job == m->id)
		add_uids(m, u);
	if (m->phase == FETCH && (i = find_search(m, u->head.job)) < m->q.n)
		window_there(&m->q.w[i], u->uid, u->n);
}

static int
packet(struct list *l, const struct wire_head *h, struct err *err)
{
	struct messages *m = l->work;

	switch (h->type) {
	case WIRE_FOLDER:
		return m->phase == LOOK && h->job == m->id ? opened(l, (const void *)h, err) : 0;
	case WIRE_UIDS:
		found(m, (const void *)h);
		return 0;
	case WIRE_ROWS:
		return bare_rows(l, (const void *)h, err);
	case WIRE_HEADER:
		return header(l, (const void *)h, err);
	case WIRE_DONE:
		return done(l, (const void *)h, err);
	default:
		return 0;
	}
}

static void
up(struct list *l)
{
	struct messages *m = l->work;
	const char *folder = l->o->args[0];

	snprintf(l->report->folder, sizeof l->report->folder, "%s", folder);
	switch (m->phase) {
	case LOOK:
		*m->name = '\0';
		list_look(l, &folder, 1, false);
		m->id = l->last_id;
		break;
	case SEARCH:
		send_search(l);
		break;
	case FETCH:
		pump(l);
		break;
	}
}

/*
 * A reply that broke the parser is narrowed down: half of the first window the
 * next time, until one message is left, which then is left out.
 */
static void
narrow(struct messages *m)
{
	if (m->q.n == 0)
		return;
	m->careful = true;
	if (windows_halve(&m->q, 0))
		return;
	log_warn("%s: the message with UID %u cannot be listed: the server's reply breaks the parser",
	    m->name, m->q.w[0].range[0].lo);
	windows_drop(&m->q, 0);
}

static void
lost(struct list *l, bool suspect)
{
	struct messages *m = l->work;
	size_t i;

	for (i = 0; i < m->q.n; i++)
		window_reset(&m->q.w[i]);
	if (suspect && m->phase == FETCH)
		narrow(m);
}

const struct list_job list_messages = { .up = up, .packet = packet, .lost = lost };
