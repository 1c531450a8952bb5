/*
 * The whole way: crew, a real worker (this program, run as msworker), TLS, and a
 * scripted server.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "base/util.h"
#include "crew/crew.h"
#include "crew/worker.h"
#include "tlspeer.h"

#define PATIENCE 60000 /* ms, for a loaded machine */

static struct crew_event *ev;
static struct err err;

/* --- the server's side --- */

static char line[70000];

static bool
hear(SSL *ssl, const char *want)
{
	peer_hear(ssl, line, sizeof line);
	return strncmp(line, want, strlen(want)) == 0;
}

static void
want(SSL *ssl, const char *beginning)
{
	if (!hear(ssl, beginning)) {
		fprintf(stderr, "# server: wanted %s, got %s\n", beginning, line);
		_exit(5);
	}
}

#define OPENED "* 2 EXISTS\r\n* OK [UIDVALIDITY 14] x\r\n* OK [UIDNEXT 9] x\r\nm3 OK [READ-ONLY] done\r\n"

/* Greeting, login and EXAMINE INBOX. */
static void
admit(SSL *ssl)
{
	peer_say(ssl, "* OK ready\r\n");
	want(ssl, "m1 AUTHENTICATE XOAUTH2 dXNlcj11LXRlc3Q");
	peer_say(ssl, "m1 OK in\r\n");
	want(ssl, "m2 CAPABILITY");
	want(ssl, "m3 EXAMINE \"INBOX\"");
	peer_say(ssl, "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\r\nm2 OK done\r\n" OPENED);
}

/* Answers the first FETCH only when the second has come: the client must not wait for it. */
static void
serve_two(SSL *ssl, void *arg)
{
	(void)arg;
	admit(ssl);
	want(ssl, "m4 UID FETCH 1:5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])");
	want(ssl, "m5 UID FETCH 6:8 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])");
	peer_say(ssl,
	    "* 1 FETCH (UID 3 FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2026 12:00:00 +0000\" RFC822.SIZE 9 BODY[] {7}\r\n"
	    "Hel\r\nlo)\r\nm4 OK done\r\n");
	peer_say(ssl, "* 2 FETCH (UID 7 BODY[] {2}\r\n");
	peer_say(ssl, "x");
	peer_say(ssl, "y)\r\nm5 OK done\r\n");
	hear(ssl, "m6 LOGOUT");
}

static void
serve_cut(SSL *ssl, void *arg)
{
	(void)arg;
	admit(ssl);
	hear(ssl, "m4 UID FETCH");
	peer_say(ssl, "* 1 FETCH (UID 3 BODY[] {7}\r\nHel");
}

static void
serve_bye(SSL *ssl, void *arg)
{
	(void)arg;
	admit(ssl);
	peer_say(ssl, "* BYE Session invalidated - AccessTokenExpired\r\n");
	hear(ssl, "");
}

static void
serve_silence(SSL *ssl, void *arg)
{
	(void)arg;
	admit(ssl);
	hear(ssl, "m4 UID FETCH");
	hear(ssl, "");
}

static void
serve_refusal(SSL *ssl, void *arg)
{
	(void)arg;
	peer_say(ssl, "* OK ready\r\n");
	hear(ssl, "m1 AUTHENTICATE");
	peer_say(ssl, "m1 NO AUTHENTICATE failed.\r\n");
	hear(ssl, "");
}

static void
serve_nothing(SSL *ssl, void *arg)
{
	(void)arg;
	if (peer_hear(ssl, line, sizeof line) > 0)
		_exit(6); /* something was sent to a server that proved nothing */
}

#define BIG (48u << 20)

static void
serve_big(SSL *ssl, void *arg)
{
	static char block[65536];
	uint32_t left = BIG;
	int k;

	(void)arg;
	admit(ssl);
	hear(ssl, "m4 UID FETCH");
	memset(block, 'x', sizeof block);
	snprintf(line, sizeof line, "* 1 FETCH (UID 3 BODY[] {%u}\r\n", BIG);
	peer_say(ssl, line);
	for (; left > 0; left -= (uint32_t)k) {
		k = SSL_write(ssl, block, sizeof block);
		if (k <= 0)
			_exit(4);
	}
	peer_say(ssl, ")\r\nm4 OK done\r\n");
	hear(ssl, "m5 LOGOUT");
}

/* --- the parent's side --- */

struct run {
	struct peer peer;
	struct options o;
	struct crew *c;
	int w;
	pid_t pid;
};

static bool
next(struct run *r, uint16_t type)
{
	if (!ok(crew_next(r->c, PATIENCE, ev, &err) == 1, "an event"))
		return false;
	if (ev->type == CREW_LOST)
		note("lost: %s: %s", ev->fail.subject, ev->fail.text);
	return ok(ev->type == CREW_PACKET && ev->packet->type == type, "packet %u", type);
}

static _Alignas(16) char packet[4096];

static void
look(struct run *r)
{
	struct wire_look *l = (struct wire_look *)(void *)packet;

	memset(packet, 0, sizeof packet);
	wire_head(&l->head, WIRE_LOOK, sizeof *l + 6, 1);
	l->npattern = 1;
	l->len = 6;
	strcpy(l->patterns, "INBOX");
	crew_send(r->c, r->w, l);
}

static bool
begin_with(struct run *r, void (*serve)(SSL *, void *), struct options o)
{
	struct secret token = SECRET_INIT;
	static char host[] = "localhost", none[] = "";

	memset(r, 0, sizeof *r);
	err_clear(&err);
	peer_start(&r->peer, serve, NULL);
	r->o = o;
	r->o.host = host;
	r->o.proxy = none;
	r->o.port = (unsigned)r->peer.port;
	if (r->o.ca_file == NULL)
		r->o.ca_file = r->peer.ca;
	if (!is_int(crew_open(&r->c, &r->o, "u-test", &err), 0, "opens: %s", err.text))
		return false;
	secret_adds(&token, "tok");
	r->w = crew_start(r->c, &token, 0, &err);
	secret_release(&token);
	look(r);
	if (!next(r, WIRE_HELLO))
		return false;
	r->pid = ((const struct wire_hello *)(const void *)ev->packet)->pid;
	return true;
}

static bool
begin(struct run *r, void (*serve)(SSL *, void *))
{
	return begin_with(r, serve, (struct options){ .timeout = 60 });
}

static bool
looked(struct run *r)
{
	return next(r, WIRE_ONLINE) && next(r, WIRE_FOLDER) && next(r, WIRE_DONE);
}

static void
end(struct run *r)
{
	crew_close(r->c);
	is_int(peer_end(&r->peer), 0, "the server is content");
}

static void
fetch(struct run *r, uint32_t job, uint32_t ask, uint32_t lo, uint32_t hi)
{
	struct wire_fetch *f = (struct wire_fetch *)(void *)packet;

	memset(packet, 0, sizeof packet);
	wire_head(&f->head, WIRE_FETCH, sizeof *f + sizeof f->range[0], job);
	f->ask = ask;
	f->uidvalidity = 14;
	f->nrange = 1;
	strcpy(f->folder, "INBOX");
	f->range[0] = (struct wire_range){ lo, hi };
	crew_send(r->c, r->w, f);
}

static void
slots(struct run *r, int *fd, uint32_t first, uint32_t n)
{
	struct wire_slots p = { .first = first, .nslot = n };
	char path[PATH_MAX];
	uint32_t i;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%.4000s/slot%u", t_tmpdir(), first + i);
		fd[i] = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	wire_head(&p.head, WIRE_SLOTS, sizeof p, 0);
	crew_send_fds(r->c, r->w, &p, fd, n);
}

#define ASK_ALL (ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_BODY)

static void
test_fetch(void)
{
	const struct wire_message *m;
	const struct wire_online *o;
	char buf[32] = "";
	struct run r;
	int fd[2];

	if (!begin(&r, serve_two))
		return;
#ifndef MSTOOLS_NO_CAGE
	ok((((const struct wire_hello *)(const void *)ev->packet)->cage & CAGE_SECCOMP) != 0, "it is caged");
#endif
	if (!next(&r, WIRE_ONLINE))
		return;
	o = (const struct wire_online *)(const void *)ev->packet;
	is_str(o->greeting, "ready", "greeting");
	is_int(o->caps, CAP_XOAUTH2 | CAP_SASL_IR, "capabilities");
	is_str(o->address, "127.0.0.1", "address");
	ok(strncmp(o->tls, "TLSv1.3", 7) == 0, "TLS: %s", o->tls);
	if (!next(&r, WIRE_FOLDER) || !next(&r, WIRE_DONE))
		return;
	fetch(&r, 2, ASK_ALL, 1, 5);
	is_int(crew_next(r.c, 100, ev, &err), 0, "nothing yet");
	fetch(&r, 3, ASK_ALL, 6, 8);
	is_int(crew_next(r.c, 100, ev, &err), 0, "nothing without a slot");
	slots(&r, fd, 40, 2);
	if (!next(&r, WIRE_MESSAGE))
		return;
	m = (const struct wire_message *)(const void *)ev->packet;
	ok(m->head.job == 2 && m->row.uid == 3 && m->row.flags == MF_SEEN && m->row.date == 1767268800 &&
		m->slot == 40 && m->bytes == 6,
	    "the first message");
	ok(pread(fd[0], buf, sizeof buf, 0) == 6 && strcmp(buf, "Hel\nlo") == 0, "is in its file");
	ok(next(&r, WIRE_DONE) && ev->packet->job == 2, "the first job is done");
	while (crew_next(r.c, PATIENCE, ev, &err) == 1 && ev->type == CREW_PACKET &&
	    ev->packet->type == WIRE_BEGIN)
		note("the second has begun");
	m = (const struct wire_message *)(const void *)ev->packet;
	ok(ev->type == CREW_PACKET && m->head.type == WIRE_MESSAGE && m->row.uid == 7 && m->slot == 41 &&
		m->bytes == 2,
	    "the second message");
	ok(next(&r, WIRE_DONE) && ev->packet->job == 3, "the second job is done");
	crew_quit(r.c, r.w);
	ok(crew_next(r.c, PATIENCE, ev, &err) == 1 && ev->type == CREW_LOST && ev->quit && ev->signal == 0,
	    "it quits");
	close(fd[0]);
	close(fd[1]);
	end(&r);
}

static void
lost(struct run *r, enum session_loss loss, enum err_kind kind, enum err_stage stage, const char *text)
{
	while (crew_next(r->c, PATIENCE, ev, &err) == 1 && ev->type == CREW_PACKET)
		if (ev->packet->type == WIRE_MESSAGE)
			ok(0, "no message");
	if (!ok(ev->type == CREW_LOST, "lost"))
		return;
	is_int(ev->fail.loss, loss, "loss");
	is_int(ev->fail.kind, kind, "kind");
	is_int(ev->fail.stage, stage, "stage");
	is_int(ev->signal, 0, "no signal");
	if (text != NULL)
		is_str(ev->fail.text, text, "text");
}

static void
test_losses(void)
{
	struct run r;
	int fd[1];

	if (begin(&r, serve_cut) && looked(&r)) {
		slots(&r, fd, 0, 1);
		fetch(&r, 2, ASK_BODY, 1, 5);
		lost(&r, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, NULL);
		is_int(ev->fail.in_flight, 1, "one command in flight");
		close(fd[0]);
		end(&r);
	}
	if (begin(&r, serve_bye) && looked(&r)) {
		lost(&r, LOST_EXPIRED, ERR_AGAIN, STAGE_NONE, "Session invalidated - AccessTokenExpired");
		end(&r);
	}
	if (begin(&r, serve_refusal)) {
		lost(&r, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "AUTHENTICATE failed.");
		end(&r);
	}
	if (begin_with(&r, serve_silence, (struct options){ .timeout = 5 }) && looked(&r)) {
		slots(&r, fd, 0, 1);
		fetch(&r, 2, ASK_BODY, 1, 5);
		lost(&r, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, NULL);
		ok(strstr(ev->fail.text, "stalled") != NULL, "a stall: %s", ev->fail.text);
		close(fd[0]);
		end(&r);
	}
}

static void
test_untrusted(void)
{
	struct options o = { .timeout = 60 };
	char path[PATH_MAX];
	struct run r;
	FILE *f;

	/* A CA that has not signed this server: the certificate of the one before. */
	snprintf(path, sizeof path, "%.4000s/other.pem", t_tmpdir());
	f = fopen(path, "w");
	if (f == NULL)
		return;
	PEM_write_X509(f, peer_cert);
	fclose(f);
	X509_free(peer_cert); /* the server gets a new one */
	EVP_PKEY_free(peer_key);
	peer_cert = NULL;
	o.ca_file = path;
	if (!begin_with(&r, serve_nothing, o))
		return;
	lost(&r, LOST_OTHER, ERR_PROTO, STAGE_TLS, NULL);
	crew_close(r.c);
	is_int(peer_end(&r.peer), 3, "the server saw a failed handshake and no token");
}

static long
peak_kb(pid_t pid)
{
	char path[64], buf[4096] = "", *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, sizeof buf - 1);
	close(fd);
	p = n > 0 ? strstr(buf, "VmHWM:") : NULL;
	return p != NULL ? strtol(p + 6, NULL, 10) : -1;
}

static void
test_big(void)
{
	const struct wire_message *m;
	struct stat st;
	struct run r;
	int fd[1], n;
	long kb;

	if (!begin(&r, serve_big) || !looked(&r))
		return;
	slots(&r, fd, 0, 1);
	fetch(&r, 2, ASK_BODY, 1, 5);
	while ((n = crew_next(r.c, PATIENCE, ev, &err)) == 1 && ev->type == CREW_PACKET &&
	    ev->packet->type == WIRE_BEGIN)
		;
	m = (const struct wire_message *)(const void *)ev->packet;
	if (ok(n == 1 && ev->type == CREW_PACKET && m->head.type == WIRE_MESSAGE, "a big message")) {
		ok(m->bytes == BIG && fstat(fd[0], &st) == 0 && st.st_size == BIG, "is all there");
		kb = peak_kb(r.pid);
#if !defined(__SANITIZE_ADDRESS__)
		ok(kb > 0 && kb < 40000, "and the worker stayed small: %ld kB", kb);
#else
		note("peak %ld kB", kb);
#endif
	}
	next(&r, WIRE_DONE);
	close(fd[0]);
	end(&r);
}

static void
test_no_server(void)
{
	static char host[] = "localhost", none[] = "";
	struct options o = { .host = host, .proxy = none, .timeout = 60 };
	struct secret token = SECRET_INIT;
	struct run r = { .w = 0 };
	int port;

	close(peer_listen(&port));
	o.port = (unsigned)port;
	if (!is_int(crew_open(&r.c, &o, "u", &err), 0, "opens"))
		return;
	secret_adds(&token, "tok");
	crew_start(r.c, &token, 0, &err);
	secret_release(&token);
	lost(&r, LOST_STREAM, ERR_UNAVAIL, STAGE_TCP, NULL);
	crew_close(r.c);
}

int
main(int argc, char **argv)
{
	char self[PATH_MAX] = "";

	(void)argc;
	if (strcmp(argv[0], "msworker") == 0) {
		secret_process();
		return worker_run(3);
	}
	if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
		return 1;
	setenv("MSTOOLS_WORKER", self, 1);
	ev = xmalloc(sizeof *ev);
	test_fetch();
	test_losses();
	test_untrusted();
	test_big();
	test_no_server();
	X509_free(peer_cert);
	EVP_PKEY_free(peer_key);
	free(ev);
	return done_testing();
}
