/* What the session reports, as packets for the parent. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "crew/worker_priv.h"
#include "imap/folder.h"

void
tell(struct worker *w, const void *packet)
{
	if (!w->stop && wire_send(w->sock, packet, NULL, 0, 0) == -1)
		w->stop = true;
}

static void
set_text(char *dst, size_t size, const char *src)
{
	err_printable(dst, size, src, strlen(src));
}

void
tell_lost(struct worker *w, const struct session_lost *l)
{
	struct wire_fail f = { .kind = l->kind,
		.stage = l->stage,
		.loss = l->loss,
		.throttle_ms = l->throttle_ms,
		.in_flight = l->in_flight,
		.carried = w->net != NULL ? net_carried(w->net) : 0 };

	wire_head(&f.head, WIRE_FAIL, sizeof f, 0);
	set_text(f.subject, sizeof f.subject, w->subject);
	set_text(f.text, sizeof f.text, l->text);
	tell(w, &f);
}

void
tell_err(struct worker *w, const struct err *e)
{
	struct session_lost l = { .kind = e->kind, .stage = e->stage, .loss = LOST_OTHER };

	if (e->kind == ERR_UNAVAIL || e->kind == ERR_AGAIN)
		l.loss = LOST_STREAM;
	set_text(l.text, sizeof l.text, e->text);
	tell_lost(w, &l);
}

static struct wire_row
row(const struct session_row *r)
{
	return (struct wire_row){ .uid = r->uid,
		.flags = r->flags,
		.date = r->date,
		.size = r->size,
		.msgid = r->msgid };
}

static void
on_online(void *arg, uint32_t caps, const char *greeting)
{
	struct worker *w = arg;
	struct wire_online o = { .caps = caps };

	secret_release(&w->token);
	wire_head(&o.head, WIRE_ONLINE, sizeof o, 0);
	set_text(o.address, sizeof o.address, net_address(w->net));
	set_text(o.tls, sizeof o.tls, net_tls(w->net));
	set_text(o.proxy, sizeof o.proxy, net_proxy(w->net));
	set_text(o.greeting, sizeof o.greeting, greeting);
	tell(w, &o);
}

static void
on_folder(void *arg, uint32_t job, const struct session_folder *f)
{
	struct worker *w = arg;
	struct wire_folder p = { .state = f->state,
		.attrs = f->attrs,
		.uidvalidity = f->uidvalidity,
		.uidnext = f->uidnext,
		.messages = f->messages,
		.unseen = f->unseen,
		.delimiter = f->delimiter };
	struct str name = STR_INIT;

	if (strlen(f->raw) >= sizeof p.raw) {
		log_warn("a folder name of %zu bytes was left out", strlen(f->raw));
		return;
	}
	wire_head(&p.head, WIRE_FOLDER, sizeof p, job);
	strcpy(p.raw, f->raw);
	folder_name(&name, f->raw, f->delimiter);
	snprintf(p.name, sizeof p.name, "%s", name.s != NULL ? name.s : f->raw);
	str_release(&name);
	set_text(p.text, sizeof p.text, f->text);
	tell(w, &p);
}

static void
on_rows(void *arg, uint32_t job, const struct session_row *rows, size_t n)
{
	struct worker *w = arg;
	struct wire_rows *p = (struct wire_rows *)(void *)w->out;
	size_t i;

	wire_head(&p->head, WIRE_ROWS, sizeof *p + n * sizeof p->row[0], job);
	p->n = (uint32_t)n;
	p->reserved = 0;
	for (i = 0; i < n; i++)
		p->row[i] = row(&rows[i]);
	tell(w, p);
}

static void
on_uids(void *arg, uint32_t job, const uint32_t *uids, size_t n)
{
	struct worker *w = arg;
	struct wire_uids *p = (struct wire_uids *)(void *)w->out;

	wire_head(&p->head, WIRE_UIDS, sizeof *p + n * sizeof *uids, job);
	p->n = (uint32_t)n;
	p->reserved = 0;
	memcpy(p->uid, uids, n * sizeof *uids);
	tell(w, p);
}

static void
on_header(void *arg, uint32_t job, const struct session_row *r, const char *from, const char *subject)
{
	struct wire_header p = { .row = row(r) };

	wire_head(&p.head, WIRE_HEADER, sizeof p, job);
	snprintf(p.from, sizeof p.from, "%s", from);
	snprintf(p.subject, sizeof p.subject, "%s", subject);
	tell(arg, &p);
}

static void
on_begin(void *arg, uint32_t job, uint32_t uid, uint32_t slot)
{
	struct wire_begin p = { .uid = uid, .slot = slot };

	wire_head(&p.head, WIRE_BEGIN, sizeof p, job);
	tell(arg, &p);
}

static void
on_done(void *arg, uint32_t job, const struct session_done *d)
{
	struct wire_done p = { .result = d->result,
		.uidvalidity = d->uidvalidity,
		.throttle_ms = d->throttle_ms,
		.permanent = d->permanent,
		.copy_uidvalidity = d->copy_uidvalidity };

	wire_head(&p.head, WIRE_DONE, sizeof p, job);
	set_text(p.text, sizeof p.text, d->text);
	tell(arg, &p);
}

static void
on_message(void *arg, uint32_t job, int fd, const struct session_message *m)
{
	struct worker *w = arg;
	struct wire_message p = { .row = row(&m->row),
		.slot = m->slot,
		.flags = m->substitute ? WM_SUBSTITUTE : 0,
		.bytes = m->bytes,
		.carried = net_carried(w->net) };

	close(fd);
	wire_head(&p.head, WIRE_MESSAGE, sizeof p, job);
	memcpy(p.sha256, m->sha256, sizeof p.sha256);
	tell(w, &p);
}

void
tell_ops(struct session_ops *o)
{
	o->online = on_online;
	o->folder = on_folder;
	o->rows = on_rows;
	o->uids = on_uids;
	o->header = on_header;
	o->begin = on_begin;
	o->message = on_message;
	o->done = on_done;
}
