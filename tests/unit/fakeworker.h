/*
 * fakeworker: an msworker that does what the user's name says, for crew.c:
 *
 *	heritage	tells what it has inherited
 *	connect		tells whether WIRE_CONNECT is as it should be
 *	told		tells its flags and patterns
 *	slots		writes to each descriptor it is given
 *	flood, fail	sends much; sends WIRE_FAIL and ends
 *	exit, segv, junk, hang, deaf, trace
 */
#ifndef MSTOOLS_FAKEWORKER_H
#define MSTOOLS_FAKEWORKER_H

#include <sys/socket.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/wire.h"
#include "t.h"

static _Alignas(16) char in[WIRE_MAX];

static void
tell(const void *p)
{
	wire_send(3, p, NULL, 0, 0);
}

static void
tell_online(const char *greeting)
{
	struct wire_online o = { .caps = 1 };

	wire_head(&o.head, WIRE_ONLINE, sizeof o, 0);
	snprintf(o.greeting, sizeof o.greeting, "%s", greeting);
	tell(&o);
}

static void
tell_fail(void)
{
	struct wire_fail f = { .kind = ERR_AGAIN,
		.stage = STAGE_FETCH,
		.loss = LOST_THROTTLED,
		.throttle_ms = 5,
		.in_flight = 2 };

	wire_head(&f.head, WIRE_FAIL, sizeof f, 0);
	strcpy(f.subject, "host:1");
	strcpy(f.text, "slow down");
	tell(&f);
}

static void
tell_done(uint32_t job)
{
	struct wire_done d = { .result = DONE_OK };

	wire_head(&d.head, WIRE_DONE, sizeof d, job);
	tell(&d);
}

/* What it has inherited: "fds 0 1 2 3; env A=b …". */
static void
report_heritage(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct str s = STR_INIT;
	struct dirent *e;
	char **v;
	int fd;

	str_adds(&s, "fds");
	for (fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) != -1 && fd != dirfd(d))
			str_addf(&s, " %d", fd);
	while ((e = readdir(d)) != NULL)
		if (atoi(e->d_name) >= 64)
			str_addf(&s, " %s", e->d_name);
	str_adds(&s, "; env");
	for (v = environ; *v != NULL; v++)
		str_addf(&s, " %.20s", *v);
	closedir(d);
	tell_online(s.s);
	str_release(&s);
}

static void
flood(void)
{
	static struct wire_done d = { .result = DONE_OK };
	uint32_t i;

	for (i = 1; i <= 3000; i++) {
		wire_head(&d.head, WIRE_DONE, sizeof d, i);
		tell(&d);
	}
}

static void
serve(void)
{
	const struct wire_head *h = (const struct wire_head *)(const void *)in;

	while (wire_recv(3, in, NULL, NULL, 0) > 0 && h->type != WIRE_QUIT)
		tell_done(h->job);
}

#define UNUSED (void)c, (void)fds, (void)nfd

static int
be_heir(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	report_heritage();
	serve();
	return 0;
}

static int
be_connected(const struct wire_connect *c, int *fds, size_t nfd)
{
	bool good = c->token_len == 5 && memcmp(c->token, "token", 5) == 0 &&
	    strcmp(c->host, "h.test") == 0 && c->port == 9 && c->timeout_ms == 7000 &&
	    strcmp(c->proxy, "http://p.test") == 0 &&
	    (c->flags & (WIRE_C_IPV4 | WIRE_C_NO_PIPELINE)) == (WIRE_C_IPV4 | WIRE_C_NO_PIPELINE);

	UNUSED;
	tell_online(good ? "as it should be" : "wrong");
	serve();
	return 0;
}

static int
be_told(const struct wire_connect *c, int *fds, size_t nfd)
{
	char text[200];

	UNUSED;
	snprintf(text, sizeof text, "flags %u, %u + %u patterns, %u bytes: %.60s", c->flags, c->npattern,
	    c->nexclude, c->patterns_len, c->patterns_len > 0 ? c->patterns : "");
	tell_online(text);
	serve();
	return 0;
}

static int
be_dead(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int
be_failed(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	tell_fail();
	return 0;
}

static int
be_flood(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	flood();
	tell_fail();
	return 0;
}

static int
be_gone(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	return 3;
}

static int
be_junk(const struct wire_connect *c, int *fds, size_t nfd)
{
	UNUSED;
	send(3, "junk", 4, 0);
	serve();
	return 0;
}

static int
be_scribe(const struct wire_connect *c, int *slots, size_t nfd)
{
	const struct wire_slots *p = (const struct wire_slots *)(const void *)in;
	int fds[WIRE_SLOTS_MAX];
	size_t i, total = 0;

	(void)c;
	(void)slots;
	for (;;) {
		nfd = WIRE_SLOTS_MAX;
		if (wire_recv(3, in, fds, &nfd, 0) <= 0 || p->head.type == WIRE_QUIT)
			return 0;
		for (i = 0; i < nfd; i++) {
			if (dprintf(fds[i], "%zu", p->first + i) > 0)
				total++;
			close(fds[i]);
		}
		if (p->head.type == WIRE_LOOK)
			tell_done((uint32_t)total);
	}
}

static int be_stuck(const struct wire_connect *, int *, size_t);

static int
be_deaf(const struct wire_connect *c, int *fds, size_t nfd)
{
	shutdown(3, SHUT_RD);
	return be_stuck(c, fds, nfd);
}

static int
be_stuck(const struct wire_connect *c, int *fds, size_t nfd)
{
	struct wire_hello h = { .pid = getpid() };

	UNUSED;
	wire_head(&h.head, WIRE_HELLO, sizeof h, 0);
	tell(&h);
	while (pause() == -1)
		;
	return 0;
}

static int
be_tracer(const struct wire_connect *c, int *fds, size_t nfd)
{
	return nfd == 1 && (c->flags & WIRE_C_TRACE) && dprintf(fds[0], "traced") == 6 ? 0 : 8;
}

static const struct {
	const char *user;
	int (*be)(const struct wire_connect *, int *, size_t);
} ways[] = {
	{ "heritage", be_heir },
	{ "connect", be_connected },
	{ "told", be_told },
	{ "segv", be_dead },
	{ "fail", be_failed },
	{ "flood", be_flood },
	{ "exit", be_gone },
	{ "junk", be_junk },
	{ "slots", be_scribe },
	{ "hang", be_stuck },
	{ "deaf", be_deaf },
	{ "trace", be_tracer },
};

static int
be_worker(void)
{
	const struct wire_connect *c = (const struct wire_connect *)(const void *)in;
	size_t nfd = WIRE_SLOTS_MAX, i;
	int fds[WIRE_SLOTS_MAX];

	if (wire_recv(3, in, fds, &nfd, 0) <= 0 || wire_check(in, c->head.size, 0) == -1)
		return 9;
	for (i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (strcmp(c->user, ways[i].user) == 0)
			return ways[i].be(c, fds, nfd);
	return 9;
}

#endif
