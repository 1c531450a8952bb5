#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "imap/net_priv.h"
#include "tlspeer.h"

static struct net_params
params(const struct peer *p)
{
	return (struct net_params){ .host = "localhost",
		.port = (unsigned)p->port,
		.ca_file = p->ca,
		.timeout_ms = 20000 };
}

/* From the handshake on; or from after it; 0: as it was. */
static int handshake_ms, session_ms;

/* All three steps; NULL with err set.  Short time-outs are set late, so that a busy machine does not spoil the rest. */
static struct net *
connect_to(const struct net_params *q, struct err *err)
{
	struct net *n;

	err_clear(err);
	if (net_prepare(&n, q, err) == -1)
		return NULL;
	if (net_dial(n, err) == -1)
		goto failed;
	if (handshake_ms != 0)
		n->p.timeout_ms = handshake_ms;
	if (net_handshake(n, err) == -1)
		goto failed;
	if (session_ms != 0)
		n->p.timeout_ms = session_ms;
	return n;
failed:
	net_free(n);
	return NULL;
}

static void
echo(SSL *ssl, void *arg)
{
	char line[200];

	(void)arg;
	while (peer_hear(ssl, line, sizeof line) > 0)
		peer_say(ssl, line);
	SSL_shutdown(ssl);
}

static void
test_echo(void)
{
	struct peer p;
	struct net_params q;
	struct err err = ERR_INIT;
	struct net *n;
	uint64_t before;
	char buf[100] = "";

	peer_start(&p, echo, NULL);
	q = params(&p);
	n = connect_to(&q, &err);
	if (!ok(n != NULL, "connects: %s", err.text))
		return;
	ok(strncmp(net_tls(n), "TLSv1.3 ", 8) == 0, "knows its TLS: %s", net_tls(n));
	is_str(net_address(n), "127.0.0.1", "knows the peer's address");
	is_str(net_proxy(n), "", "no proxy");
	before = net_carried(n);
	ok(before > 500, "a handshake has come over the connection");
	is_int(net_write(n, "hello\n", 6), 6, "writes");
	is_int(net_read(n, buf, sizeof buf), 6, "reads");
	ok(net_carried(n) >= before + 6 + 5 + 16, "and then what TLS makes of it");
	is_str(buf, "hello\n", "what was written");
	is_int(net_pending(n), 0, "nothing more waits");
	net_free(n);
	is_int(peer_end(&p), 0, "the peer saw close_notify");
}

static void
refused(const struct net_params *q, enum err_kind kind, enum err_stage stage, const char *text,
    const char *what)
{
	struct err err = ERR_INIT;
	struct net *n = connect_to(q, &err);

	ok(n == NULL, "%s: no connection", what);
	is_int(err.kind, kind, "%s: kind (%s)", what, err.text);
	is_int(err.stage, stage, "%s: stage", what);
	ok(strcasestr(err.text, text) != NULL, "%s: says \"%s\": %s", what, text, err.text);
	net_free(n);
}

static void
test_refused(void)
{
	struct peer p;
	struct net_params q;
	char path[4200];
	FILE *f;

	peer_start(&p, echo, NULL);
	q = params(&p);
	q.host = "127.0.0.1";
	refused(&q, ERR_PROTO, STAGE_TLS, "IP address mismatch", "an address for a name");
	is_int(peer_end(&p), 3, "the peer's handshake failed");

	peer_start(&p, echo, NULL);
	q = params(&p);
	q.ca_file = "/etc/ssl/certs/ca-certificates.crt";
	if (access(q.ca_file, R_OK) != 0)
		q.ca_file = NULL;
	setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt", 1);
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0)
		refused(&q, ERR_PROTO, STAGE_TLS, "self-signed", "an unknown issuer");
	else
		kill(p.pid, SIGTERM);
	peer_end(&p);

	q.ca_file = "/nonexistent/ca.pem";
	refused(&q, ERR_CONFIG, STAGE_TLS, "No such file", "no CA file");
	snprintf(path, sizeof path, "%s/empty.pem", t_tmpdir());
	f = fopen(path, "w");
	fputs("no certificate\n", f);
	fclose(f);
	q.ca_file = path;
	refused(&q, ERR_CONFIG, STAGE_TLS, "no CA certificate", "a CA file without a certificate");
}

static void
test_unreachable(void)
{
	struct peer p;
	struct net_params q;
	int s;

	peer_start(&p, echo, NULL); /* for the CA file alone */
	kill(p.pid, SIGTERM);
	peer_end(&p);
	s = peer_listen(&p.port);
	close(s);
	q = params(&p);
	refused(&q, ERR_UNAVAIL, STAGE_TCP, "refused", "a closed port");
	q.host = "no-such-host.invalid";
	q.timeout_ms = 3000;
	refused(&q, ERR_UNAVAIL, STAGE_DNS, "na", "an unknown name");
	q = params(&p);
	q.proxy = "https://proxy.invalid:3128";
	refused(&q, ERR_CONFIG, STAGE_PROXY, "unsupported proxy scheme", "a proxy behind TLS");
}

static void
plain_child(int s)
{
	int fd = accept(s, NULL, NULL);
	char buf[4096];

	if (write(fd, "* OK hello\r\n", 12) == 12)
		while (read(fd, buf, sizeof buf) > 0)
			;
	_exit(0);
}

static void
silent_child(int s)
{
	int fd = accept(s, NULL, NULL);
	char buf[4096];

	while (read(fd, buf, sizeof buf) > 0)
		;
	_exit(0);
}

static void
closing_child(int s)
{
	close(accept(s, NULL, NULL));
	_exit(0);
}

static void
bad_child(void (*child)(int), int timeout, enum err_kind kind, const char *text, const char *what)
{
	struct peer p;
	struct net_params q;
	int s = peer_listen(&p.port);

	fflush(stdout);
	snprintf(p.ca, sizeof p.ca, "%s/peer.pem", t_tmpdir());
	p.pid = fork();
	if (p.pid == 0) {
		alarm(PEER_SECS);
		child(s);
	}
	close(s);
	q = params(&p);
	handshake_ms = timeout;
	refused(&q, kind, STAGE_TLS, text, what);
	handshake_ms = 0;
	peer_end(&p);
}

/* --- after the handshake --- */

/* What happens to a client that reads until the end: its error. */
static struct err
read_all_of(void (*serve)(SSL *, void *), const struct net_params *over, size_t *got)
{
	struct peer p;
	struct net_params q;
	struct err err = ERR_INIT;
	struct net *n;
	char buf[8192];
	long r;

	peer_start(&p, serve, NULL);
	q = params(&p);
	q.max_literal = over->max_literal;
	*got = 0;
	n = connect_to(&q, &err);
	if (n != NULL) {
		while ((r = net_read(n, buf, sizeof buf)) > 0)
			*got += (size_t)r;
		ok(r == -1, "the end is -1, never 0");
		is_int(net_read(n, buf, sizeof buf), -1, "and stays so");
		is_int(net_write(n, "x", 1), -1, "nothing can be written");
		err = *net_error(n);
	}
	net_free(n);
	kill(p.pid, SIGTERM);
	peer_end(&p);
	return err;
}

static void
say_and_close(SSL *ssl, void *arg)
{
	(void)arg;
	peer_say(ssl, "* OK\r\n");
	SSL_shutdown(ssl);
}

static void
say_and_cut(SSL *ssl, void *arg)
{
	(void)arg;
	peer_say(ssl, "* OK\r\n");
}

static void
say_nothing(SSL *ssl, void *arg)
{
	char c;

	(void)arg;
	SSL_read(ssl, &c, 1);
}

/* A byte every tenth of a second, for ever. */
static void
drip(SSL *ssl, const char *first, const char *again)
{
	peer_say(ssl, first);
	for (;;) {
		poll(NULL, 0, 100);
		peer_say(ssl, again);
	}
}

static void
drip_literal(SSL *ssl, void *arg)
{
	(void)arg;
	drip(ssl, "* 1 FETCH (BODY[] {1000000}\r\n", "x");
}

static void
drip_line(SSL *ssl, void *arg)
{
	(void)arg;
	drip(ssl, "* OK ", "x");
}

static void
huge_literal(SSL *ssl, void *arg)
{
	(void)arg;
	peer_say(ssl, "* 1 FETCH (BODY[] {4294967301}\r\nabcde)\r\n");
	say_nothing(ssl, NULL);
}

static void
test_ends(void)
{
	struct net_params q = { .max_literal = 0 };
	size_t got;
	struct err e;

	e = read_all_of(say_and_close, &q, &got);
	is_int(got, 6, "all was read before the end");
	is_int(e.kind, ERR_UNAVAIL, "closed: %s", e.text);
	e = read_all_of(say_and_cut, &q, &got);
	is_int(got, 6, "all was read before the cut");
	is_int(e.kind, ERR_UNAVAIL, "cut: %s", e.text);
	q.max_literal = UINT64_C(1) << 31;
	e = read_all_of(huge_literal, &q, &got);
	is_int(e.kind, ERR_PROTO, "a literal above 2^32: %s", e.text);

	/* Which rule strikes first depends on how often the dripping child gets to run; without them it would drip on. */
	session_ms = 1000;
	e = read_all_of(say_nothing, &q, &got);
	is_int(e.kind, ERR_UNAVAIL, "silence: %s", e.text);
	ok(strstr(e.text, "nothing received") != NULL, "silence is a stall");
	e = read_all_of(drip_literal, &q, &got);
	is_int(e.kind, ERR_UNAVAIL, "a dripping literal: %s", e.text);
	ok(strstr(e.text, "stalled: ") != NULL, "is too slow");
	e = read_all_of(drip_line, &q, &got);
	ok(strstr(e.text, "stalled: ") != NULL, "a dripping line: %s", e.text);
	session_ms = 0;
}

static int
take(void *arg, short revents)
{
	char buf[10];
	int *fd = arg;
	long n = read(*fd, buf, sizeof buf);

	(void)revents;
	return n > 0 ? 0 : -1;
}

static void
test_watch(void)
{
	struct peer p;
	struct net_params q;
	struct err err = ERR_INIT;
	struct net *n;
	int fd[2];
	char c;

	peer_start(&p, say_nothing, NULL);
	if (pipe(fd) == -1) /* after the fork: the child must not hold its ends */
		return;
	q = params(&p);
	n = connect_to(&q, &err);
	if (!ok(n != NULL, "connects: %s", err.text))
		return;
	net_watch(n, fd[0], POLLIN, take, &fd[0]);
	ok(write(fd[1], "ab", 2) == 2, "something to take");
	close(fd[1]);
	is_int(net_read(n, &c, 1), -1, "the closed end stops the wait");
	is_int(net_error(n)->kind, ERR_AGAIN, "as stopped: %s", net_error(n)->text);
	net_free(n);
	close(fd[0]);
	kill(p.pid, SIGTERM);
	peer_end(&p);
}

static void
test_trace(void)
{
	struct peer p;
	struct net_params q;
	struct err err = ERR_INIT;
	struct net *n;
	char path[4200], buf[4096] = "", line[256];
	int fd, i, n_line;
	long r, got;

	snprintf(path, sizeof path, "%s/trace", t_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	peer_start(&p, echo, NULL);
	q = params(&p);
	n = connect_to(&q, &err);
	if (!ok(n != NULL, "connects: %s", err.text))
		return;
	net_trace(n, fd);
	net_write(n, "1 NOOP\r\n", 8);
	net_private(n, true);
	n_line = snprintf(line, sizeof line, "2 AUTHENTICATE XOAUTH2 ");
	for (i = 0; i < 20; i++)
		n_line += snprintf(line + n_line, sizeof line - (size_t)n_line, "c2VjcmV0");
	n_line += snprintf(line + n_line, sizeof line - (size_t)n_line, "\r\n");
	net_write(n, line, (size_t)n_line);
	net_write(n, line + 23, (size_t)n_line - 23);
	net_private(n, false);
	for (got = 0; got < 8 + 2 * n_line - 23 && (r = net_read(n, buf, sizeof buf)) > 0; got += r)
		;
	net_write(n, "3 NOOP\r\n", 8);
	net_free(n);
	peer_end(&p);
	r = pread(fd, buf, sizeof buf - 1, 0);
	buf[r > 0 ? r : 0] = '\0';
	ok(strstr(buf, " C: 1 NOOP\n") != NULL, "what is sent");
	ok(strstr(buf, " C: 2 AUTHENTICATE XOAUTH2 [secret]\n") != NULL, "a secret behind a command");
	ok(strstr(buf, " C: [secret]\n") != NULL, "a secret alone");
	ok(strstr(buf, " C: 3 NOOP\n") != NULL, "what follows");
	ok(strstr(buf, " S: 1 NOOP\n") != NULL, "what comes");
	ok(strstr(buf, " S: 2 AUTHENTICATE XOAUTH2 [secret]\n") != NULL, "a secret that the server repeats");
	ok(strstr(buf, " S: [secret]\n") != NULL, "the same alone");
	ok(strstr(buf, "c2VjcmV0") == NULL, "no secret");
	close(fd);
}

/* --- a proxy --- */

static int
proxy_dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(s, (struct sockaddr *)&a, sizeof a) == 0 ? s : -1;
}

static void
relay(int a, int b)
{
	char buf[4096];

	for (;;) {
		struct pollfd p[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
		int i;

		if (poll(p, 2, -1) == -1)
			return;
		for (i = 0; i < 2; i++) {
			long n = p[i].revents ? read(p[i].fd, buf, sizeof buf) : -2;

			if (n == -2)
				continue;
			if (n <= 0 || write(p[1 - i].fd, buf, (size_t)n) != n)
				return;
		}
	}
}

/* Answers one CONNECT: with answer, and if that is 200, by doing it. */
static pid_t
start_proxy(int *port, int target, const char *answer)
{
	int s = peer_listen(port), fd, out;
	char req[4096] = "";
	size_t n = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid != 0) {
		close(s);
		return pid;
	}
	alarm(PEER_SECS);
	fd = accept(s, NULL, NULL);
	while (strstr(req, "\r\n\r\n") == NULL && n + 1 < sizeof req && read(fd, req + n, 1) == 1)
		req[++n] = '\0';
	out = strstr(answer, " 200 ") != NULL ? proxy_dial(target) : -1;
	if (strncmp(req, "CONNECT localhost:", 18) != 0 || write(fd, answer, strlen(answer)) < 0)
		_exit(5);
	if (out != -1)
		relay(fd, out);
	_exit(0);
}

static void
test_proxy(void)
{
	struct peer p, x;
	struct net_params q;
	struct err err = ERR_INIT;
	struct net *n;
	char proxy[100], c = 0;

	unsetenv("NO_PROXY");
	unsetenv("no_proxy");
	peer_start(&p, echo, NULL);
	x.pid = start_proxy(&x.port, p.port, "HTTP/1.1 200 OK\r\n\r\n");
	q = params(&p);
	snprintf(proxy, sizeof proxy, "http://name:pass@127.0.0.1:%d", x.port);
	q.proxy = proxy;
	n = connect_to(&q, &err);
	if (ok(n != NULL, "connects through a proxy: %s", err.text)) {
		ok(strstr(net_proxy(n), "http://127.0.0.1:") != NULL, "without its password: %s",
		    net_proxy(n));
		net_write(n, "x\n", 2);
		is_int(net_read(n, &c, 1), 1, "reads through it");
		is_int(c, 'x', "what was written");
		net_free(n);
	}
	peer_end(&p);
	is_int(peer_end(&x), 0, "the proxy was asked for the name");

	x.pid =
	    start_proxy(&x.port, p.port, "HTTP/1.1 407 Authentication Required\r\nContent-Length: 0\r\n\r\n");
	snprintf(proxy, sizeof proxy, "http://name:pass@127.0.0.1:%d", x.port);
	refused(&q, ERR_UNAVAIL, STAGE_PROXY, "HTTP 407", "a proxy that refuses");
	peer_end(&x);
	refused(&q, ERR_UNAVAIL, STAGE_PROXY, "refused", "a proxy that is not there");
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_echo();
	test_refused();
	test_unreachable();
	bad_child(plain_child, 0, ERR_PROTO, "wrong version number", "no TLS");
	bad_child(silent_child, 1000, ERR_UNAVAIL, "no TLS handshake within 1 s", "silence");
	bad_child(closing_child, 0, ERR_UNAVAIL, "in the handshake", "closed");
	test_ends();
	test_watch();
	test_trace();
	test_proxy();
	return done_testing();
}
