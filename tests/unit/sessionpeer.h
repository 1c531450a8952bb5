/*
 * sessionpeer: the state machine of lib/imap/session.h against scripted servers.
 *
 *	start(&h)		a session; or start_with(&h, params)
 *	log_in(&h)		… that is logged in; open_inbox(&h) has INBOX open, and m4 comes next
 *	say(&h, "* 1 …")	the server's bytes
 *	sent(&h, "m4 …", name)	what the client has said since, "!" before what is secret
 *	told(&h, "done …", name)	what it has reported
 *	lost(&h, …)		it is over, and why
 *	stop(&h)
 *	in_pieces(all)		runs all three times: the server's bytes one by one, in sevens, and
 *				as they stand; what the client says and does must be the same
 */
#ifndef MSTOOLS_SESSIONPEER_H
#define MSTOOLS_SESSIONPEER_H

#include <sys/mman.h>

#include <unistd.h>

#include "base/file.h"
#include "imap/session.h"
#include "t.h"

#define SLOTS 64

struct peer {
	struct session *s;
	struct str sent, log;
	int fd[SLOTS];
	uint32_t free[SLOTS]; /* slots there are, a stack with the lowest on top */
	size_t nfree, chunk;
	int write_fails;
	uint32_t begun_job, begun_uid, begun_slot;
};

static void start_with(struct peer *h, struct session_params p) T_UNUSED;
static void start(struct peer *h) T_UNUSED;
static void slots(struct peer *h, uint32_t n) T_UNUSED;
static void stop(struct peer *h) T_UNUSED;
static void say_n(struct peer *h, const char *p, size_t n) T_UNUSED;
static void say(struct peer *h, const char *p) T_UNUSED;
static void sent(struct peer *h, const char *want, const char *name) T_UNUSED;
static void told(struct peer *h, const char *want, const char *name) T_UNUSED;
static void lost(struct peer *h, enum session_loss loss, enum err_kind kind, enum err_stage stage,
    const char *text) T_UNUSED;
static void log_in(struct peer *h) T_UNUSED;
static void look(struct peer *h, uint32_t id, const char *patterns, size_t len, unsigned n,
    unsigned x) T_UNUSED;
static void fetch(struct peer *h, uint32_t id, uint32_t ask, uint32_t lo, uint32_t hi) T_UNUSED;
static void open_inbox(struct peer *h) T_UNUSED;
static void move(struct peer *h, uint32_t id, enum session_move how, const char *target) T_UNUSED;
static int in_pieces(void (*all)(void)) T_UNUSED;

static size_t chunk;

static int
on_write(void *arg, const void *p, size_t n, bool secret)
{
	struct peer *h = arg;

	if (h->write_fails)
		return -1;
	if (secret)
		str_adds(&h->sent, "!");
	str_add(&h->sent, p, n);
	return 0;
}

static int
on_slot(void *arg, int *fd, uint32_t *number)
{
	struct peer *h = arg;

	if (h->nfree == 0)
		return 0;
	*number = h->free[--h->nfree];
	*fd = h->fd[*number];
	return 1;
}

static void
on_unslot(void *arg, int fd, uint32_t number)
{
	struct peer *h = arg;

	str_addf(&h->log, "unslot %u at %lld\n", number, (long long)lseek(fd, 0, SEEK_END));
	h->free[h->nfree++] = number;
}

static void
on_online(void *arg, uint32_t caps, const char *greeting)
{
	str_addf(&((struct peer *)arg)->log, "online %u %s\n", caps, greeting);
}

static void
on_folder(void *arg, uint32_t job, const struct session_folder *f)
{
	str_addf(&((struct peer *)arg)->log, "folder %u %d %s a%x v%u n%u m%u u%u %c %s\n", job,
	    (int)f->state, f->raw, f->attrs, f->uidvalidity, f->uidnext, f->messages, f->unseen,
	    f->delimiter != 0 ? f->delimiter : '-', f->text);
}

static void
log_row(struct str *log, const struct session_row *r)
{
	str_addf(log, " %u f%u", r->uid, r->flags);
	if (r->date == DATE_NONE)
		str_adds(log, " -");
	else
		str_addf(log, " d%lld", (long long)r->date);
	str_addf(log, " s%llu%s", (unsigned long long)r->size, r->msgid != 0 ? " id" : "");
}

static void
on_rows(void *arg, uint32_t job, const struct session_row *r, size_t n)
{
	struct peer *h = arg;
	size_t i;

	str_addf(&h->log, "rows %u", job);
	if (n > 8)
		str_addf(&h->log, " (%zu) %u-%u", n, r[0].uid, r[n - 1].uid);
	for (i = 0; i < n && n <= 8; i++)
		log_row(&h->log, &r[i]);
	str_addc(&h->log, '\n');
}

static void
on_uids(void *arg, uint32_t job, const uint32_t *u, size_t n)
{
	struct peer *h = arg;
	size_t i;

	str_addf(&h->log, "uids %u", job);
	if (n > 8)
		str_addf(&h->log, " (%zu) %u-%u", n, u[0], u[n - 1]);
	for (i = 0; i < n && n <= 8; i++)
		str_addf(&h->log, " %u", u[i]);
	str_addc(&h->log, '\n');
}

static void
on_header(void *arg, uint32_t job, const struct session_row *r, const char *from, const char *subject)
{
	struct peer *h = arg;

	str_addf(&h->log, "header %u", job);
	log_row(&h->log, r);
	str_addf(&h->log, " <%s> <%s>\n", from, subject);
}

static void
on_begin(void *arg, uint32_t job, uint32_t uid, uint32_t slot)
{
	struct peer *h = arg;

	h->begun_job = job;
	h->begun_uid = uid;
	h->begun_slot = slot;
}

static void
log_body(struct str *log, int fd, uint64_t bytes)
{
	char buf[200];
	ssize_t n = pread(fd, buf, sizeof buf, 0), i;

	if (n >= 0 && (uint64_t)lseek(fd, 0, SEEK_END) != bytes)
		str_adds(log, " WRONG SIZE");
	str_adds(log, " \"");
	for (i = 0; i < n && bytes <= sizeof buf; i++) {
		if (buf[i] == '\r' || buf[i] == '\n')
			str_adds(log, buf[i] == '\r' ? "\\r" : "\\n");
		else
			str_addc(log, buf[i] != '\0' ? buf[i] : '0');
	}
	str_addf(log, "\"%s\n", bytes > sizeof buf ? " long" : "");
}

static void
on_message(void *arg, uint32_t job, int fd, const struct session_message *m)
{
	struct peer *h = arg;

	str_addf(&h->log, "message %u", job);
	log_row(&h->log, &m->row);
	str_addf(&h->log, "%s slot %u %02x%02x", m->substitute ? " SUBSTITUTE" : "", m->slot, m->sha256[0],
	    m->sha256[1]);
	log_body(&h->log, fd, m->bytes);
}

static void
on_done(void *arg, uint32_t job, const struct session_done *d)
{
	static const char *const names[] = { "OK", "NO", "BAD", "STALE", "GONE", "FLAG", "READONLY" };
	struct peer *h = arg;

	str_addf(&h->log, "done %u %s v%u%s", job, names[d->result], d->uidvalidity,
	    *d->text != '\0' ? " " : "");
	str_adds(&h->log, d->text);
	if (d->throttle_ms != 0)
		str_addf(&h->log, " throttle %u", d->throttle_ms);
	if (d->copy_uidvalidity != 0)
		str_addf(&h->log, " copy v%u", d->copy_uidvalidity);
	str_addc(&h->log, '\n');
}

static const struct session_ops ops = {
	.write = on_write,
	.slot = on_slot,
	.unslot = on_unslot,
	.online = on_online,
	.folder = on_folder,
	.rows = on_rows,
	.uids = on_uids,
	.header = on_header,
	.begin = on_begin,
	.message = on_message,
	.done = on_done,
};

static char token_text[] = "tok";
static const struct secret token = { token_text, 3, 4 };

static void
start_with(struct peer *h, struct session_params p)
{
	int i;

	memset(h, 0, sizeof *h);
	p.user = "u";
	p.token = &token;
	for (i = 0; i < SLOTS; i++)
		h->fd[i] = -1;
	h->s = session_new(&p, &ops, h);
}

static void
start(struct peer *h)
{
	start_with(h, (struct session_params){ .max_literal = 1000000 });
}

static void
slots(struct peer *h, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		h->fd[n - 1 - i] = memfd_create("slot", MFD_CLOEXEC);
		h->free[h->nfree++] = n - 1 - i;
	}
}

static void
stop(struct peer *h)
{
	int i;

	session_free(h->s);
	str_release(&h->sent);
	str_release(&h->log);
	for (i = 0; i < SLOTS; i++)
		if (h->fd[i] != -1)
			close(h->fd[i]);
}

static void
say_n(struct peer *h, const char *p, size_t n)
{
	size_t k, used;

	while (n > 0) {
		k = chunk > 0 && chunk < n ? chunk : n;
		session_feed(h->s, p, k, &used);
		p += used;
		n -= used;
		if (used < k)
			break;
	}
}

static void
say(struct peer *h, const char *p)
{
	say_n(h, p, strlen(p));
}

/* What the client said, and what it reported, since the last time. */
static void
sent(struct peer *h, const char *want, const char *name)
{
	is_str(h->sent.s != NULL ? h->sent.s : "", want, "%s: says (%zu)", name, chunk);
	str_clear(&h->sent);
	str_adds(&h->sent, "");
}

static void
told(struct peer *h, const char *want, const char *name)
{
	is_str(h->log.s != NULL ? h->log.s : "", want, "%s: reports (%zu)", name, chunk);
	str_clear(&h->log);
	str_adds(&h->log, "");
}

static void
lost(struct peer *h, enum session_loss loss, enum err_kind kind, enum err_stage stage, const char *text)
{
	const struct session_lost *l = session_lost(h->s);

	if (!ok(l != NULL, "it is over (%zu)", chunk))
		return;
	is_int(l->loss, loss, "loss");
	is_int(l->kind, kind, "kind");
	is_int(l->stage, stage, "stage");
	is_str(l->text, text, "text");
}

#define GREETING "* OK The Microsoft Exchange IMAP4 service is ready. [abc]\r\n"
#define IR "dXNlcj11AWF1dGg9QmVhcmVyIHRvawEB"
#define CAPS \
	"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT NAMESPACE LITERAL+\r\n"

static void
log_in(struct peer *h)
{
	say(h, GREETING);
	say(h, "m1 OK AUTHENTICATE completed.\r\n" CAPS "m2 OK CAPABILITY completed.\r\n");
	str_clear(&h->sent);
	str_clear(&h->log);
}

static void
look(struct peer *h, uint32_t id, const char *patterns, size_t len, unsigned n, unsigned x)
{
	struct session_job j = { .kind = JOB_LOOK,
		.id = id,
		.patterns = patterns,
		.patterns_len = len,
		.npattern = n,
		.nexclude = x };

	session_job(h->s, &j);
}

static void
fetch(struct peer *h, uint32_t id, uint32_t ask, uint32_t lo, uint32_t hi)
{
	struct session_range r = { lo, hi };
	struct session_job j = { .kind = JOB_FETCH,
		.id = id,
		.ask = ask,
		.uidvalidity = 14,
		.folder = "INBOX",
		.range = &r,
		.nrange = 1 };

	session_job(h->s, &j);
}

#define ASK_ALL (ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_BODY)

#define OPENED(tag) \
	"* 3 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)\r\n" \
	"* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags\r\n" \
	"* OK [UNSEEN 1] Is the first unseen message\r\n* OK [UIDVALIDITY 14] UIDVALIDITY value\r\n" \
	"* OK [UIDNEXT 849] The next unique identifier value\r\n" tag \
	" OK [READ-WRITE] SELECT completed.\r\n"

/* Logged in, INBOX open: the next tag is m4. */
static void
open_inbox(struct peer *h)
{
	log_in(h);
	look(h, 1, "INBOX", 6, 1, 0);
	say(h, OPENED("m3"));
	str_clear(&h->sent);
	str_clear(&h->log);
}

static void
move(struct peer *h, uint32_t id, enum session_move how, const char *target)
{
	static const struct session_range r[1] = { { 200, 200 } };
	struct session_job j = { .kind = JOB_MOVE,
		.id = id,
		.uidvalidity = 14,
		.folder = "INBOX",
		.how = how,
		.target = target,
		.range = r,
		.nrange = 1 };

	session_job(h->s, &j);
}

static int
in_pieces(void (*all)(void))
{
	static const size_t sizes[] = { 1, 7, 0 };
	size_t i;

	for (i = 0; i < 3; i++) {
		chunk = sizes[i];
		all();
	}
	return done_testing();
}

#endif
