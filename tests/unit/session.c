/*
 * The state machine against scripted servers.  Each script runs three times:
 * the server's bytes one by one, in sevens, and as they stand; what the client
 * says and does must be the same.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "imap/session.h"
#include "t.h"

#define SLOTS 64

struct peer {
	struct session *s;
	struct str sent, log;
	int	 fd[SLOTS];
	uint32_t free[SLOTS];	/* slots there are, a stack with the lowest on top */
	size_t	 nfree, chunk;
	int	 write_fails;
	uint32_t begun_job, begun_uid, begun_slot;
};

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
	str_addf(&((struct peer *)arg)->log, "folder %u %d %s a%x v%u n%u m%u u%u %c %s\n", job, (int)f->state, f->raw,
	    f->attrs, f->uidvalidity, f->uidnext, f->messages, f->unseen, f->delimiter != 0 ? f->delimiter : '-',
	    f->text);
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

	str_addf(&h->log, "done %u %s v%u%s", job, names[d->result], d->uidvalidity, *d->text != '\0' ? " " : "");
	str_adds(&h->log, d->text);
	if (d->throttle_ms != 0)
		str_addf(&h->log, " throttle %u", d->throttle_ms);
	if (d->copy_uidvalidity != 0)
		str_addf(&h->log, " copy v%u", d->copy_uidvalidity);
	str_addc(&h->log, '\n');
}

static const struct session_ops ops = {
	.write = on_write, .slot = on_slot, .unslot = on_unslot, .online = on_online, .folder = on_folder,
	.rows = on_rows, .uids = on_uids, .header = on_header, .begin = on_begin, .message = on_message,
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
#define CAPS "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT NAMESPACE LITERAL+\r\n"

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
	struct session_job j = { .kind = JOB_LOOK, .id = id, .patterns = patterns, .patterns_len = len,
		.npattern = n, .nexclude = x };

	session_job(h->s, &j);
}

static void
fetch(struct peer *h, uint32_t id, uint32_t ask, uint32_t lo, uint32_t hi)
{
	struct session_range r = { lo, hi };
	struct session_job j = { .kind = JOB_FETCH, .id = id, .ask = ask, .uidvalidity = 14, .folder = "INBOX",
		.range = &r, .nrange = 1 };

	session_job(h->s, &j);
}

#define ASK_ALL (ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_BODY)

#define OPENED(tag) \
	"* 3 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)\r\n" \
	"* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags\r\n" \
	"* OK [UNSEEN 1] Is the first unseen message\r\n* OK [UIDVALIDITY 14] UIDVALIDITY value\r\n" \
	"* OK [UIDNEXT 849] The next unique identifier value\r\n" tag " OK [READ-WRITE] SELECT completed.\r\n"

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

/* --- login --- */

static void
test_login(void)
{
	struct peer h;

	start(&h);
	look(&h, 7, "inbox", 6, 1, 0);
	sent(&h, "", "before the greeting");
	say(&h, GREETING);
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\n", "login in one step");
	say(&h, "m1 OK AUTHENTICATE completed.\r\n");
	sent(&h, "m2 CAPABILITY\r\nm3 EXAMINE \"INBOX\"\r\n", "one flight");
	say(&h, CAPS "m2 OK CAPABILITY completed.\r\n");
	told(&h, "online 63 The Microsoft Exchange IMAP4 service is ready. [abc]\n", "online");
	say(&h, OPENED("m3"));
	told(&h, "folder 7 0 INBOX a0 v14 n849 m3 u0 - \ndone 7 OK v14\n", "look");
	ok(session_idle(h.s) && session_lost(h.s) == NULL, "idle");
	session_logout(h.s);
	sent(&h, "m4 LOGOUT\r\n", "logout");
	stop(&h);
}

static void
test_two_steps(void)
{
	struct peer h;

	start(&h);
	say(&h, GREETING "m1 BAD Command Argument Error. 12\r\n");
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\nm2 AUTHENTICATE XOAUTH2\r\n", "two steps after BAD");
	say(&h, "* 1 EXISTS\r\n+ \r\n");
	sent(&h, "!" IR "\r\n", "the token after +");
	say(&h, "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n");
	sent(&h, "\r\n", "an empty line after the challenge");
	say(&h, "m2 NO AUTHENTICATE failed.\r\n");
	lost(&h, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "AUTHENTICATE failed.; {\"status\":\"400\"}");
	stop(&h);

	start_with(&h, (struct session_params){ .two_step = true, .no_pipeline = true });
	look(&h, 7, "INBOX", 6, 1, 0);
	say(&h, GREETING);
	sent(&h, "m1 AUTHENTICATE XOAUTH2\r\n", "two steps when told so");
	say(&h, "+\r\n");
	sent(&h, "!" IR "\r\n", "the token after a bare +");
	say(&h, "m1 OK done\r\n");
	sent(&h, "m2 CAPABILITY\r\n", "one command at a time");
	say(&h, CAPS "m2 OK\r\n");
	sent(&h, "m3 EXAMINE \"INBOX\"\r\n", "then the next");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 BAD no\r\nm2 BAD no, really\r\n");
	lost(&h, LOST_OTHER, ERR_PROTO, STAGE_LOGIN, "no, really");
	stop(&h);
}

static void
test_refusals(void)
{
	struct err e = { .kind = ERR_UNAVAIL, .text = "reset" };
	struct peer h;

	start(&h);
	say(&h, "* BYE too many connections\r\n");
	lost(&h, LOST_STREAM, ERR_UNAVAIL, STAGE_GREETING, "too many connections");
	is_int(session_fed(h.s, 0), -1, "stays over");
	stop(&h);

	start(&h);
	say(&h, "* PREAUTH hello\r\n");
	lost(&h, LOST_OTHER, ERR_PROTO, STAGE_GREETING, "unexpected greeting: * PREAUTH hello");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 NO AUTHENTICATE failed.\r\n");
	lost(&h, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "AUTHENTICATE failed.");
	stop(&h);

	start(&h);
	look(&h, 1, "INBOX", 6, 1, 0);
	say(&h, GREETING "m1 OK AUTHENTICATE completed.\r\nm2 BAD User is authenticated but not connected.\r\n");
	lost(&h, LOST_NOT_CONNECTED, ERR_REFUSED, STAGE_FIRST, "User is authenticated but not connected.");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 NO Request is throttled. Suggested Backoff Time: 92415 milliseconds\r\n");
	lost(&h, LOST_THROTTLED, ERR_AGAIN, STAGE_LOGIN,
	    "Request is throttled. Suggested Backoff Time: 92415 milliseconds");
	is_int(session_lost(h.s)->throttle_ms, 92415, "for how long");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 ");
	session_eof(h.s, &e);
	lost(&h, LOST_STREAM, ERR_UNAVAIL, STAGE_LOGIN, "reset");
	stop(&h);
}

/* --- bodies --- */

static void
test_bodies(void)
{
	struct peer h;

	start(&h);
	slots(&h, 8);
	open_inbox(&h);
	fetch(&h, 2, ASK_ALL, 1, 9);
	sent(&h, "m4 UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n", "fetch");
	say(&h, "* 1 FETCH (UID 3 FLAGS (\\Seen $MDNSent other) INTERNALDATE \" 1-Jan-2026 12:00:00 +0100\" "
	    "RFC822.SIZE 999 BODY[] {9}\r\na\r\nb\r\rc\r\n)\r\n");
	told(&h, "message 2 3 f33 d1767265200 s999 slot 0 6169 \"a\\nb\\r\\rc\\n\"\n", "a message");
	say(&h, "* 2 FETCH (BODY[] {5}\r\nx\r\ny\r RFC822.SIZE 5 FLAGS () INTERNALDATE \"31-Dec-2025 00:00:01 -0830\""
	    " UID 4)\r\n");
	told(&h, "message 2 4 f0 d1767169801 s5 slot 1 cbed \"x\\ny\\r\"\n", "items in another order");
	say(&h, "* 3 FETCH (UID 5 FLAGS () BODY[] NIL)\r\n* 4 FETCH (FLAGS (\\Seen))\r\n* 9 EXPUNGE\r\n* 12 EXISTS\r\n"
	    "* 4 FETCH (UID 6 FLAGS (\\Seen))\r\n* OK still here {3}\r\n");
	told(&h, "", "NIL, and what was not asked for");
	say(&h, "* 5 FETCH (UID 6 FLAGS () RFC822.SIZE 0 INTERNALDATE NIL BODY[] {0}\r\n)\r\n");
	told(&h, "message 2 6 f0 - s0 slot 2 e3b0 \"\"\n", "an empty one without date");
	say(&h, "* 6 FETCH (UID 7 FLAGS (\\Seen {x \\Answered) INTERNALDATE \" 1-Jan-2026 12:00:00 +0000\" BODY[] {2}\r\nab)\r\n");
	told(&h, "message 2 7 f0 d1767268800 s0 slot 3 fb8e \"ab\"\n", "flags that cannot be parsed");
	say(&h, "* 7 FETCH (UID 8 FLAGS () BODY[] \"q \\\"x\")\r\n");
	told(&h, "message 2 8 f0 - s0 slot 4 9c7b \"q \"x\"\n", "a quoted one");
	say(&h, "* 8 FETCH (UID 99 FLAGS () BODY[] {3}\r\nabc)\r\n* 8 FETCH (UID 9 BODY[] {1}\r\nz BODY[] {2}\r\nyy)\r\n");
	told(&h, "unslot 5 at 0\nmessage 2 9 f0 - s0 slot 5 594e \"z\"\n", "a stranger, a twin");
	say(&h, "* 8 FETCH (UID 9 BODY[]");
	told(&h, "", "not yet");
	say(&h, " \"\")\r\nm4 OK FETCH completed.\r\n");
	told(&h, "message 2 9 f0 - s0 slot 6 e3b0 \"\"\ndone 2 OK v14\n", "the end");
	stop(&h);
}

static void
test_slots(void)
{
	struct peer h;
	size_t used;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 2);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\n");
	ok(session_wants_slot(h.s), "no slot: it waits");
	told(&h, "", "nothing begins");
	is_int(session_feed(h.s, "abc", 3, &used), 0, "fed");
	is_int(used, 0, "takes nothing meanwhile");
	slots(&h, 1);
	session_resume(h.s);
	ok(!session_wants_slot(h.s), "goes on");
	say(&h, "abc)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 ba78 \"abc\"\n", "the first");
	ok(session_wants_slot(h.s), "waits again");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 2);
	chunk = 0;
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 2 BODY[] \"d\")\r\nm4 OK done\r\n");
	slots(&h, 1);
	session_resume(h.s);
	ok(session_wants_slot(h.s), "waits for a slot for a quoted body, with more behind it");
	h.fd[1] = memfd_create("slot", MFD_CLOEXEC);
	h.free[h.nfree++] = 1;
	session_resume(h.s);
	told(&h, "message 2 1 f0 - s0 slot 0 ba78 \"abc\"\n"
	    "message 2 2 f0 - s0 slot 1 18ac \"d\"\ndone 2 OK v14\n", "all of it");
	stop(&h);
}

static void
test_crlf(void)
{
	struct peer h;
	char line[128];
	size_t i, n = 300000;
	char *body = xmalloc(n);

	start_with(&h, (struct session_params){ .crlf = true });
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	say(&h, "* 1 FETCH (UID 1 BODY[] {4}\r\na\r\n\n)\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 f1a3 \"a\\r\\n\\n\"\n", "CRLF is kept");
	stop(&h);

	for (i = 0; i < n; i++)
		body[i] = i % 3 == 0 ? 'x' : i % 3 == 1 ? '\r' : '\n';
	start(&h);
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	snprintf(line, sizeof line, "* 1 FETCH (UID 1 BODY[] {%zu}\r\n", n);
	say(&h, line);
	say_n(&h, body, n);
	say(&h, ")\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 660a \"\" long\n", "a long one");
	is_int(lseek(h.fd[0], 0, SEEK_END), 200000, "each CRLF became LF, across all borders");
	stop(&h);
	free(body);
}

static void
test_file_errors(void)
{
	struct peer h;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full == -1)
		return;
	start(&h);
	open_inbox(&h);
	h.fd[0] = full;
	h.free[h.nfree++] = 0;
	fetch(&h, 2, ASK_BODY, 1, 1);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n");
	told(&h, "", "no message");
	lost(&h, LOST_OTHER, ERR_IO, STAGE_FILE, "cannot write a message: No space left on device");
	stop(&h);
}

#define SUBSTITUTE \
	"From: \"Microsoft Exchange Server 2010\"\r\n" \
	"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n" \
	"The server couldn't retrieve the following message:\r\n\r\nSubject: x\r\n"

static void
test_substitute(void)
{
	struct peer h;
	char line[64];

	start(&h);
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	snprintf(line, sizeof line, "* 1 FETCH (UID 1 BODY[] {%zu}\r\n", strlen(SUBSTITUTE));
	say(&h, line);
	say(&h, SUBSTITUTE);
	say(&h, ")\r\n");
	ok(h.log.s != NULL && strstr(h.log.s, " SUBSTITUTE slot 0") != NULL, "the substitute is known (%zu)", chunk);
	stop(&h);
}

/* --- rows, headers, searches --- */

static void
test_rows(void)
{
	struct peer h;
	char line[128];
	int i;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_FLAGS | ASK_DATE | ASK_SIZE, 1, 4000);
	sent(&h, "m4 UID FETCH 1:4000 (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n", "rows");
	say(&h, "* 1 FETCH (UID 1 FLAGS (\\Flagged) INTERNALDATE \"29-Feb-2000 23:59:59 +0000\" RFC822.SIZE 5)\r\n"
	    "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Seen) UID 4001 RFC822.SIZE 1)\r\nm4 OK done\r\n");
	told(&h, "rows 2 1 f4 d951868799 s5\ndone 2 OK v14\n", "rows");
	fetch(&h, 3, ASK_SIZE, 1, 4000);
	for (i = 1; i <= 1500; i++) {
		snprintf(line, sizeof line, "* %d FETCH (UID %d RFC822.SIZE %d)\r\n", i, i, i);
		say(&h, line);
	}
	told(&h, "rows 3 (1000) 1-1000\n", "a thousand at a time");
	say(&h, "m5 NO Some of the requested messages no longer exist\r\n");
	told(&h, "rows 3 (500) 1001-1500\ndone 3 NO v14 Some of the requested messages no longer exist\n", "the rest");
	fetch(&h, 4, 0, 5, 6);
	sent(&h, "m5 UID FETCH 1:4000 (UID RFC822.SIZE)\r\nm6 UID FETCH 5:6 (UID)\r\n", "are they there");
	say(&h, "* 3 FETCH (UID 6)\r\nm6 OK done\r\n");
	told(&h, "rows 4 6 f0 - s0\ndone 4 OK v14\n", "one is");
	stop(&h);
}

static void
test_headers(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_SIZE | ASK_HEADER, 1, 9);
	sent(&h, "m4 UID FETCH 1:9 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])\r\n", "headers");
	say(&h, "* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {56}\r\n"
	    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: a@b.test\r\n\r\n)\r\nm4 OK done\r\n");
	told(&h, "header 2 1 f0 - s5 <a@b.test> <Gr\303\274\303\237e>\ndone 2 OK v14\n", "headers");
	fetch(&h, 3, ASK_MSGID | ASK_DATE, 1, 9);
	sent(&h, "m5 UID FETCH 1:9 (UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])\r\n", "ids");
	say(&h, "* 1 FETCH (BODY[HEADER.FIELDS (\"MESSAGE-ID\")] {22}\r\nMessage-ID: <a@b>\r\n\r\n UID 1 INTERNALDATE "
	    "\"01-Jan-1970 00:00:00 +0000\")\r\n* 2 FETCH (UID 2 INTERNALDATE \"01-Jan-1970 00:00:00 +0000\" "
	    "BODY[HEADER.FIELDS (MESSAGE-ID)] \"\")\r\nm5 OK done\r\n");
	told(&h, "rows 3 1 f0 d0 s0 id 2 f0 d0 s0\ndone 3 OK v14\n", "ids");
	stop(&h);
}

static void
test_long_header(void)
{
	struct peer h;
	char line[128], filler[1001];
	int i;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_HEADER, 1, 9);
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	snprintf(line, sizeof line, "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {%d}\r\nSubject: ", 300011);
	say(&h, line);
	for (i = 0; i < 300; i++)
		say(&h, filler);
	say(&h, "\r\n)\r\nm4 OK done\r\n");
	ok(h.log.s != NULL && strncmp(h.log.s, "header 2 1 f0 - s0 <> <xxx", 26) == 0 && h.log.len < 3000,
	    "a huge field is cut, nothing else suffers (%zu)", chunk);
	ok(h.log.s != NULL && strstr(h.log.s, "\ndone 2 OK") != NULL, "and it ends well");
	stop(&h);
}

static void
test_search(void)
{
	struct session_job j = { .kind = JOB_SEARCH, .id = 5, .uidvalidity = 14, .folder = "INBOX",
		.criteria = "UNSEEN SINCE 1-Jan-2026" };
	struct peer h;
	char item[16];
	int i;

	start(&h);
	open_inbox(&h);
	session_job(h.s, &j);
	sent(&h, "m4 UID SEARCH UNSEEN SINCE 1-Jan-2026\r\n", "search");
	say(&h, "* SEARCH 4 7 19\r\n* SEARCH\r\nm4 OK done\r\n");
	told(&h, "uids 5 4 7 19\ndone 5 OK v14\n", "search");
	session_job(h.s, &j);
	say(&h, "* SEARCH");
	for (i = 1; i <= 9000; i++) {
		snprintf(item, sizeof item, " %d", i);
		say(&h, item);
	}
	say(&h, "\r\nm5 OK done\r\n");
	told(&h, "uids 5 (4000) 1-4000\nuids 5 (4000) 4001-8000\nuids 5 (1000) 8001-9000\ndone 5 OK v14\n",
	    "a long answer in pieces");
	stop(&h);
}

/* --- folders --- */

static void
test_list(void)
{
	static const char patterns[] = "*\0Junk*";
	struct peer h;

	start(&h);
	log_in(&h);
	look(&h, 1, patterns, sizeof patterns, 1, 1);
	sent(&h, "m3 LIST \"\" \"*\"\r\n", "list");
	say(&h, "* LIST (\\Marked \\HasNoChildren \\Trash) \"/\" Deleted\r\n* LIST (\\Noselect \\HasChildren) \"/\" \"A b\"\r\n"
	    "* LIST (\\HasNoChildren) \"/\" {4}\r\nA\"b\\\r\n* LIST () \"/\" Junk\r\n* LIST (\\HasNoChildren) NIL Inbox\r\n"
	    "m3 OK LIST completed.\r\n");
	sent(&h, "m4 STATUS \"Deleted\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m5 STATUS {4+}\r\nA\"b\\ (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m6 STATUS \"Inbox\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "status of each");
	say(&h, "* STATUS INBOX (UIDNEXT 5 UIDVALIDITY 14 MESSAGES 3 UNSEEN 1)\r\n"
	    "* STATUS \"A\\\"b\\\\\" (UIDNEXT 1 UIDVALIDITY 3)\r\n"
	    "m4 NO [SERVERBUG] no\r\nm5 OK done\r\nm6 OK done\r\n");
	told(&h, "folder 1 2 A b a5 v0 n0 m0 u0 / \nfolder 1 3 Deleted a1020 v0 n0 m0 u0 / [SERVERBUG] no\n"
	    "folder 1 0 A\"b\\ a0 v3 n1 m0 u0 / \nfolder 1 0 Inbox a0 v14 n5 m3 u1 - \ndone 1 OK v0\n", "folders");
	stop(&h);
}

static void
test_look_for_names(void)
{
	static const char two[] = "INBOX\0Gr\303\274n";
	struct session_job j = { .kind = JOB_LOOK, .id = 3, .no_status = true, .patterns = "\\Sent", .patterns_len = 6,
		.npattern = 1 };
	struct peer h;

	start(&h);
	log_in(&h);
	look(&h, 1, two, sizeof two, 2, 0);
	say(&h, "* LIST () \"/\" Gr&APw-n\r\nm3 OK done\r\n");
	sent(&h, "m3 LIST \"\" \"*\"\r\nm4 STATUS \"Gr&APw-n\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m5 STATUS \"INBOX\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "a name that was not listed");
	say(&h, "* STATUS Gr&APw-n (UIDNEXT 2 UIDVALIDITY 1)\r\nm4 OK done\r\nm5 NO no such mailbox\r\n");
	told(&h, "folder 1 0 Gr&APw-n a0 v1 n2 m0 u0 / \nfolder 1 3 INBOX a0 v0 n0 m0 u0 - no such mailbox\n"
	    "done 1 OK v0\n", "both");
	session_job(h.s, &j);
	say(&h, "* LIST (\\Sent) \"/\" Gesendet\r\n* LIST () \"/\" x\r\n* LIST (\\Noselect \\Sent) \"/\" a\003b c\r\n"
	    "* LIST (\\Sent) NIL \"a\003\\\"b\"\r\n* LIST (\\Sent\r\nm6 OK done\r\n");
	told(&h, "folder 3 1 Gesendet a10 v0 n0 m0 u0 / \nfolder 3 2 a\003b c a11 v0 n0 m0 u0 / \n"
	    "folder 3 1 a\003\"b a10 v0 n0 m0 u0 - \ndone 3 OK v0\n", "by attribute, without status, odd names too");
	look(&h, 4, "nosuch", 7, 1, 0);
	say(&h, "m7 NO nosuch doesn't exist.\r\n");
	told(&h, "folder 4 3 nosuch a0 v0 n0 m0 u0 - nosuch doesn't exist.\ndone 4 OK v0\n", "no such folder");
	look(&h, 5, "x", 2, 1, 0);
	str_clear(&h.sent);
	say(&h, "* 2 EXISTS\r\n* OK [UIDVALIDITY 9]\r\nm8 OK [READ-ONLY] done\r\n");
	sent(&h, "m9 STATUS \"x\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "UIDNEXT was not told");
	say(&h, "* STATUS x (UIDNEXT 8 UIDVALIDITY 9 MESSAGES 2)\r\nm9 OK done\r\n");
	told(&h, "folder 5 0 x a0 v9 n8 m2 u0 - \ndone 5 OK v9\n", "so it was asked for");
	stop(&h);
}

static void
expect(struct peer *h, const char *patterns, size_t len, unsigned n, unsigned x)
{
	struct session_job j = { .kind = JOB_LOOK, .patterns = patterns, .patterns_len = len, .npattern = n,
		.nexclude = x };

	session_expect(h->s, &j);
}

static void
test_expected(void)
{
	struct peer h;

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	say(&h, GREETING "m1 OK in\r\n");
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\nm2 CAPABILITY\r\nm3 EXAMINE \"INBOX\"\r\n", "one flight");
	say(&h, CAPS "m2 OK done\r\n");
	str_clear(&h.log);
	say(&h, OPENED("m3"));
	told(&h, "", "nothing unasked");
	ok(session_idle(h.s), "it is idle");
	look(&h, 4, "INBOX", 6, 1, 0);
	sent(&h, "", "nothing more");
	told(&h, "folder 4 0 INBOX a0 v14 n849 m3 u0 - \ndone 4 OK v14\n", "the answer at once");
	look(&h, 5, "INBOX", 6, 1, 0);
	sent(&h, "m4 EXAMINE \"INBOX\"\r\n", "the next time it is asked again");
	stop(&h);

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	log_in(&h);
	look(&h, 4, "INBOX", 6, 1, 0);
	told(&h, "", "asked for meanwhile");
	say(&h, "m3 NO no such thing\r\n");
	told(&h, "folder 4 3 INBOX a0 v0 n0 m0 u0 - no such thing\ndone 4 OK v0\n", "the answer when it comes");
	stop(&h);

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	log_in(&h);
	fetch(&h, 4, ASK_SIZE, 1, 2);
	say(&h, OPENED("m3"));
	sent(&h, "m4 UID FETCH 1:2 (UID RFC822.SIZE)\r\n", "a fetch takes the open folder");
	told(&h, "", "and the look is forgotten");
	say(&h, "m4 OK done\r\n");
	told(&h, "done 4 OK v14\n", "done");
	stop(&h);
}

static void
test_expected_list(void)
{
	static const char all[] = "*\0";
	struct peer h;

	start(&h);
	expect(&h, all, sizeof all, 1, 1);
	log_in(&h);
	say(&h, "* LIST () \"/\" a\r\n* LIST (\\Noselect) \"/\" b\r\nm3 OK done\r\n");
	sent(&h, "", "no status unasked");
	look(&h, 4, all, sizeof all, 1, 1);
	sent(&h, "m4 STATUS \"a\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "then it goes on");
	say(&h, "* STATUS a (UIDNEXT 2 UIDVALIDITY 1)\r\nm4 OK done\r\n");
	told(&h, "folder 4 2 b a1 v0 n0 m0 u0 / \nfolder 4 0 a a0 v1 n2 m0 u0 / \ndone 4 OK v0\n", "to the end");
	stop(&h);

	start(&h);
	expect(&h, all, sizeof all, 1, 1);
	log_in(&h);
	look(&h, 4, "INBOX", 6, 1, 0);
	say(&h, "* LIST () \"/\" a\r\nm3 OK done\r\n" OPENED("m4"));
	sent(&h, "m4 EXAMINE \"INBOX\"\r\n", "something else");
	told(&h, "folder 4 0 INBOX a0 v14 n849 m3 u0 - \ndone 4 OK v14\n", "is answered");
	stop(&h);

	start(&h);
	expect(&h, "\377", 2, 1, 0);
	log_in(&h);
	told(&h, "", "a name that cannot be sent");
	look(&h, 4, "\377", 2, 1, 0);
	told(&h, "folder 4 3 \377 a0 v0 n0 m0 u0 - the name is not valid UTF-8\ndone 4 OK v0\n", "cannot be there");
	stop(&h);
}

/* --- order and flight --- */

static void
test_pipeline(void)
{
	struct peer h;

	start(&h);
	slots(&h, 4);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	sent(&h, "m4 UID FETCH 1:5 (UID BODY.PEEK[])\r\nm5 UID FETCH 6:9 (UID BODY.PEEK[])\r\n", "two in flight");
	look(&h, 4, "Sent", 5, 1, 0);
	sent(&h, "", "the next folder waits");
	say(&h, "* 6 FETCH (UID 6 BODY[] {1}\r\nb)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\nm4 OK done\r\n");
	told(&h, "message 3 6 f0 - s0 slot 0 3e23 \"b\"\n"
	    "message 2 1 f0 - s0 slot 1 ca97 \"a\"\ndone 2 OK v14\n", "each to its job");
	say(&h, "m5 OK done\r\n");
	sent(&h, "m6 EXAMINE \"Sent\"\r\n", "then the folder");
	told(&h, "done 3 OK v14\n", "and the other job is done");
	fetch(&h, 5, ASK_BODY, 1, 1);
	say(&h, "* OK [UIDVALIDITY 14] x\r\n* OK [UIDNEXT 2] x\r\nm6 OK [READ-ONLY] done\r\n");
	sent(&h, "m7 EXAMINE \"INBOX\"\r\n", "back again");
	str_clear(&h.log);
	say(&h, "* OK [UIDVALIDITY 15] x\r\n* OK [UIDNEXT 2] x\r\nm7 OK [READ-ONLY] done\r\n");
	told(&h, "done 5 STALE v15 UIDVALIDITY has changed\n", "but it is another");
	stop(&h);

	start_with(&h, (struct session_params){ .no_pipeline = true });
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	sent(&h, "m4 UID FETCH 1:5 (UID BODY.PEEK[])\r\n", "one at a time");
	say(&h, "m4 OK done\r\n");
	sent(&h, "m5 UID FETCH 6:9 (UID BODY.PEEK[])\r\n", "then the other");
	say(&h, "m5 BAD Command Error. 10\r\n");
	told(&h, "done 2 OK v14\ndone 3 BAD v14 Command Error. 10\n", "BAD alone is an answer");
	stop(&h);
}

static void
test_long_sets(void)
{
	struct session_range r[4000];
	struct session_job j = { .kind = JOB_FETCH, .id = 2, .ask = ASK_BODY, .uidvalidity = 14, .folder = "INBOX",
		.range = r, .nrange = 4000 };
	struct peer h;
	uint32_t i, lines = 0, longest = 0, uids = 0;
	char *line, *save = NULL;
	char tag[32];

	start(&h);
	open_inbox(&h);
	for (i = 0; i < 4000; i++)
		r[3999 - i].lo = r[3999 - i].hi = 100000 + 2 * i;
	session_job(h.s, &j);
	for (i = 4; session_idle(h.s) == false && i < 40; i++) {
		snprintf(tag, sizeof tag, "m%u OK done\r\n", i);
		say(&h, tag);
	}
	told(&h, "done 2 OK v14\n", "one answer for all");
	for (line = strtok_r(h.sent.s, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		lines++;
		if (strlen(line) + 1 > longest)
			longest = (uint32_t)strlen(line) + 1;
		for (; *line != '\0'; line++)
			uids += *line == ',';
	}
	ok(longest <= SESSION_LINE_MAX && longest > 7000, "lines of at most 8000 bytes: %u", longest);
	is_int(uids + lines, 4000, "each UID is asked for once");
	stop(&h);
}

/* --- changes --- */

static void
store(struct peer *h, uint32_t id, uint32_t add, uint32_t del)
{
	static const struct session_range r[2] = { { 7, 7 }, { 9, 11 } };
	struct session_job j = { .kind = JOB_STORE, .id = id, .uidvalidity = 14, .folder = "INBOX", .add = add,
		.remove = del, .range = r, .nrange = 2 };

	session_job(h->s, &j);
}

static void
test_store(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	store(&h, 2, MF_SEEN | MF_MDNSENT, MF_FLAGGED);
	sent(&h, "m4 SELECT \"INBOX\"\r\n", "for writing it is opened again");
	say(&h, OPENED("m4"));
	sent(&h, "m5 UID STORE 7,9:11 +FLAGS.SILENT (\\Seen $MDNSent)\r\nm6 UID STORE 7,9:11 -FLAGS.SILENT (\\Flagged)\r\n",
	    "store");
	say(&h, "m5 OK done\r\nm6 OK done\r\n");
	told(&h, "done 2 OK v14\n", "store");
	store(&h, 3, 0, MF_SEEN);
	say(&h, "m7 NO not now\r\n");
	told(&h, "done 3 NO v14 not now\n", "refused");
	stop(&h);

	start(&h);
	log_in(&h);
	store(&h, 2, MF_SEEN | MF_MDNSENT, 0);
	say(&h, "* OK [UIDVALIDITY 14] x\r\n* OK [PERMANENTFLAGS (\\Seen)] x\r\nm3 OK [READ-WRITE] done\r\n");
	told(&h, "done 2 FLAG v14 the folder does not keep such a flag\n", "a flag that would not last");
	sent(&h, "m3 SELECT \"INBOX\"\r\n", "nothing is stored");
	stop(&h);

	start(&h);
	log_in(&h);
	store(&h, 2, MF_SEEN, 0);
	say(&h, "* OK [UIDVALIDITY 14] x\r\nm3 OK [READ-ONLY] done\r\n");
	told(&h, "done 2 READONLY v14 the folder is read-only\n", "read-only");
	store(&h, 3, MF_SEEN, 0);
	say(&h, "* OK [UIDVALIDITY 15] x\r\nm3 OK [READ-WRITE] done\r\n");
	told(&h, "done 3 READONLY v14 the folder is read-only\n", "still");
	stop(&h);
}

static void
move(struct peer *h, uint32_t id, enum session_move how, const char *target)
{
	static const struct session_range r[1] = { { 200, 200 } };
	struct session_job j = { .kind = JOB_MOVE, .id = id, .uidvalidity = 14, .folder = "INBOX", .how = how,
		.target = target, .range = r, .nrange = 1 };

	session_job(h->s, &j);
}

static void
test_move(void)
{
	struct session_job create = { .kind = JOB_CREATE, .id = 9, .folder = "Gr&APw-n \"x\"" };
	struct peer h;

	start(&h);
	say(&h, GREETING "m1 OK done\r\n* CAPABILITY IMAP4rev1 UIDPLUS\r\nm2 OK done\r\n");
	str_clear(&h.sent);
	str_clear(&h.log);
	move(&h, 2, MOVE_MOVE, "Done");
	move(&h, 3, MOVE_COPY, "a\"b");
	say(&h, OPENED("m3"));
	sent(&h, "m3 SELECT \"INBOX\"\r\nm4 UID MOVE 200 \"Done\"\r\n", "move, alone");
	say(&h, "* OK [COPYUID 415 200 43]\r\n* 1 EXPUNGE\r\nm4 OK MOVE completed.\r\n");
	told(&h, "done 2 OK v14 copy v415\n", "moved");
	sent(&h, "m5 UID COPY 200 {3}\r\n", "a name with a quote waits");
	say(&h, "+ Ready for additional command text.\r\n");
	sent(&h, "a\"b\r\n", "and goes as a literal");
	say(&h, "[COPYUID 55 31 6]\r\nm5 OK [COPYUID 55 31 6] done\r\n");
	told(&h, "done 3 OK v14 copy v55\n", "copied");
	move(&h, 4, MOVE_EXPUNGE, NULL);
	sent(&h, "m6 UID EXPUNGE 200\r\n", "expunge");
	session_job(h.s, &create);
	say(&h, "m6 NO EXPUNGE failed\r\n");
	sent(&h, "m7 CREATE {12}\r\n", "create");
	say(&h, "m7 NO Folder name is reserved\r\n");
	told(&h, "done 4 NO v14 EXPUNGE failed\ndone 9 NO v14 Folder name is reserved\n", "refusals");
	move(&h, 5, MOVE_MOVE, "x");
	sent(&h, "m8 UID MOVE 200 \"x\"\r\n", "a refused literal blocks nothing");
	stop(&h);
}

/* --- the end of connections --- */

static void
test_losses(void)
{
	struct err e = { .kind = ERR_UNAVAIL, .text = "reset" };
	struct peer h;

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {100}\r\nabc");
	session_eof(h.s, &e);
	told(&h, "", "a cut body is no message");
	ok(h.begun_job == 2 && h.begun_uid == 1 && h.begun_slot == 0, "but it had begun");
	lost(&h, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, "reset");
	is_int(session_lost(h.s)->in_flight, 1, "one in flight");
	stop(&h);

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc");
	session_eof(h.s, &e);
	told(&h, "", "nor is one whose response is cut");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* BYE Session invalidated - AccessTokenExpired\r\n");
	lost(&h, LOST_EXPIRED, ERR_AGAIN, STAGE_FETCH, "Session invalidated - AccessTokenExpired");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "m4 NO Request is throttled. Suggested Backoff Time: 3000 milliseconds\r\n* BYE Connection closed. 14\r\n");
	told(&h, "done 2 NO v14 Request is throttled. Suggested Backoff Time: 3000 milliseconds throttle 3000\n", "throttled");
	lost(&h, LOST_THROTTLED, ERR_AGAIN, STAGE_NONE, "Request is throttled. Suggested Backoff Time: 3000 milliseconds");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	say(&h, "m4 BAD Command Error. 10\r\n");
	told(&h, "", "BAD with others in flight is no answer");
	lost(&h, LOST_BAD, ERR_AGAIN, STAGE_FETCH, "Command Error. 10");
	is_int(session_lost(h.s)->in_flight, 2, "two in flight");
	stop(&h);

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {4294967301}\r\n");
	lost(&h, LOST_PARSE, ERR_PROTO, STAGE_FETCH, "a literal of 4294967301 bytes announced, 1000000 are allowed");
	stop(&h);

	start(&h);
	open_inbox(&h);
	h.write_fails = 1;
	fetch(&h, 2, ASK_BODY, 1, 5);
	e.kind = ERR_AGAIN;
	session_eof(h.s, &e);
	lost(&h, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, "reset");
	stop(&h);
}

static void
test_long_line(void)
{
	struct peer h;
	char filler[1001];
	int i;

	start(&h);
	open_inbox(&h);
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	say(&h, "* LIST () \"/\" ");
	for (i = 0; i < 1100 && session_lost(h.s) == NULL; i++)
		say(&h, filler);
	lost(&h, LOST_PARSE, ERR_PROTO, STAGE_NONE, "a reply of more than 1048576 bytes");
	stop(&h);
}

static void
test_budget(void)
{
	struct peer h;
	char line[32];
	unsigned i;

	start(&h);
	open_inbox(&h);
	for (i = 0; i < 20 && session_lost(h.s) == NULL; i++) {
		fetch(&h, i + 2, ASK_SIZE, 1, 5);
		snprintf(line, sizeof line, "m%u NO no\r\n", i + 4);
		say(&h, line);
	}
	ok(i <= 9 && i >= 6, "after %u errors it is enough", i);
	lost(&h, LOST_BUDGET, ERR_AGAIN, STAGE_NONE, "enough errors for one connection");
	stop(&h);
}

/* The last error came while another command was in flight, which then went well. */
static void
test_budget_in_flight(void)
{
	struct peer h;
	char line[64];
	unsigned i;

	start(&h);
	open_inbox(&h);
	for (i = 4; i < 44 && session_lost(h.s) == NULL; i += 2) {
		fetch(&h, 2, ASK_SIZE, 1, 5);
		fetch(&h, 3, ASK_SIZE, 6, 9);
		snprintf(line, sizeof line, "m%u NO no\r\nm%u OK done\r\n", i, i + 1);
		say(&h, line);
	}
	lost(&h, LOST_BUDGET, ERR_AGAIN, STAGE_NONE, "enough errors for one connection");
	stop(&h);
}

static void
test_strays(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_SIZE, 1, 5);
	say(&h, "Server Unavailable. 15\r\n\r\n* VANISHED 3\r\n* XYZ (1 2\r\n* 3 FETCH (UID 4 X-ODD (1) RFC822.SIZE 3)\r\n"
	    "* ID NIL\r\n+ what\r\nm99 OK what\r\n* 3 FETCH (UID 5 RFC822.SIZE 3)\r\n* CAPABILITY\r\nm4 OK done\r\n");
	told(&h, "rows 2 5 f0 - s3\ndone 2 OK v14\n", "what it does not know passes by");
	stop(&h);
}

/* --- garbage --- */

static uint32_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static const char transcript[] =
    GREETING "m1 OK AUTHENTICATE completed.\r\n" CAPS "m2 OK CAPABILITY completed.\r\n"
    OPENED("m3")
    "* 1 FETCH (UID 3 FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2026 12:00:00 +0100\" RFC822.SIZE 9 BODY[] {9}\r\na\r\nb\r\rc\r\n)\r\n"
    "* 2 FETCH (BODY[] \"abc\" UID 4 FLAGS ($x))\r\nm4 OK FETCH completed.\r\n"
    "* 2 FETCH (UID 5 RFC822.SIZE 77 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {12}\r\nSubject: x\r\n)\r\nm5 OK x\r\n"
    "* LIST (\\Sent) \"/\" {4}\r\nSent\r\nm6 OK done\r\n* STATUS Sent (UIDNEXT 2 UIDVALIDITY 1)\r\nm7 OK done\r\n"
    "* SEARCH 1 2 3\r\nm8 OK done\r\n* OK [COPYUID 1 2 3] x\r\nm9 OK done\r\n* BYE bye\r\n";

static void
garble(char *buf, size_t n)
{
	static const char bits[] = "{}[]()\"\\\r\n* 09+m~%";
	uint32_t k = 1 + dice(6);

	while (k-- > 0)
		buf[dice((uint32_t)n)] = dice(2) ? bits[dice(sizeof bits - 1)] : (char)dice(256);
}

static void
feed_garbage(void)
{
	struct session_job search = { .kind = JOB_SEARCH, .id = 8, .folder = "INBOX", .criteria = "ALL" };
	char buf[sizeof transcript];
	struct peer h;
	int i;

	for (i = 0; i < 600; i++) {
		seed = (uint32_t)i * 7919u;
		memcpy(buf, transcript, sizeof buf);
		garble(buf, sizeof buf - 1);
		start(&h);
		slots(&h, 4);
		look(&h, 1, "INBOX", 6, 1, 0);
		fetch(&h, 2, ASK_ALL, 1, 9);
		fetch(&h, 3, ASK_SIZE | ASK_HEADER, 1, 9);
		look(&h, 4, "*", 2, 1, 0);
		session_job(h.s, &search);
		move(&h, 6, MOVE_MOVE, "x\"y");
		say_n(&h, buf, sizeof buf - 1);
		stop(&h);
	}
}

/* In a process of its own: libetpan leaks a little when it gives up, which sanitizers would hold against us. */
static void
test_garbage(void)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		feed_garbage();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	is_int(status, 0, "survives garbage (%zu)", chunk);
}

int
main(void)
{
	static const size_t sizes[] = { 1, 7, 0 };
	size_t i;

	for (i = 0; i < 3; i++) {
		chunk = sizes[i];
		test_login();
		test_two_steps();
		test_refusals();
		test_bodies();
		test_crlf();
		test_file_errors();
		test_substitute();
		test_rows();
		test_headers();
		test_long_header();
		test_search();
		test_list();
		test_look_for_names();
		test_expected();
		test_expected_list();
		test_pipeline();
		test_long_sets();
		test_store();
		test_move();
		test_losses();
		test_long_line();
		test_budget();
		test_budget_in_flight();
		test_strays();
		test_garbage();
		test_slots();
	}
	return done_testing();
}
