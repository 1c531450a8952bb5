/*
 * dial_direct: without a proxy, RFC 8305.  The name is looked up in a thread,
 * since getaddrinfo(3) knows no limit; its addresses are tried with the families
 * in turn, the next one 250 ms after the last or when one has failed, and the first
 * that connects wins.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "imap/net_priv.h"

#define ADDRESSES_MAX 16
#define NEXT_MS 250  /* RFC 8305, section 5 */
#define KEEPALIVE 60 /* seconds */

/*
 * Waits until one of p[0 … count-1] is ready, or until a time of now_ms(); p has
 * room for one more.  0, or -1: stopped by the watched descriptor, or poll failed.
 */
static int
wait_until(struct net *n, struct pollfd *p, size_t count, int64_t until)
{
	int64_t left = until - now_ms();
	size_t i;

	p[count] = (struct pollfd){ .fd = n->watch_fd, .events = n->watch_events };
	if (poll(p, count + 1, left > 0 ? (int)left : 0) == -1) {
		if (errno != EINTR)
			return net_fail(n, ERR_OS, STAGE_NONE, "poll: %s", strerror(errno));
		for (i = 0; i < count; i++)
			p[i].revents = 0;
	}
	return net_look(n);
}

/* --- the name --- */

struct lookup {
	char host[256], port[8];
	struct addrinfo hints, *found;
	int status, errnum; /* getaddrinfo's */
	int done;	    /* eventfd */
};

static void *
look_up(void *arg)
{
	struct lookup *l = arg;

	l->status = getaddrinfo(l->host, l->port, &l->hints, &l->found);
	l->errnum = errno;
	if (l->status != 0)
		l->found = NULL;
	eventfd_write(l->done, 1);
	return NULL;
}

/* 1 the thread is through, 0 time is up, -1 as wait_until. */
static int
wait_for_name(struct net *n, struct lookup *l, int64_t until)
{
	struct pollfd p[2] = { { .fd = l->done, .events = POLLIN } };

	while (p[0].revents == 0) {
		if (now_ms() >= until)
			return 0;
		if (wait_until(n, p, 1, until) == -1)
			return -1;
	}
	return 1;
}

static void
not_found(struct net *n, const struct lookup *l)
{
	switch (l->status) {
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		net_fail(n, ERR_UNAVAIL, STAGE_DNS, "name or service not known");
		break;
	case EAI_AGAIN:
		net_fail(n, ERR_UNAVAIL, STAGE_DNS, "temporary failure in name resolution");
		break;
	case EAI_SYSTEM:
		net_fail(n, err_kind_unless_out(l->errnum, ERR_UNAVAIL), STAGE_DNS,
		    "cannot look up a name: %s", strerror(l->errnum));
		break;
	case EAI_MEMORY:
		net_fail(n, ERR_OS, STAGE_DNS, "cannot look up a name: %s", strerror(ENOMEM));
		break;
	default:
		net_fail(n, ERR_UNAVAIL, STAGE_DNS, "cannot look up a name: %s", gai_strerror(l->status));
		break;
	}
}

/*
 * The addresses of the host, for freeaddrinfo; NULL: net_fail was called.  Then a
 * look-up that hangs is left to hang, with what it writes to: the process ends soon.
 */
static struct addrinfo *
find_host(struct net *n, int64_t until)
{
	struct lookup *l = xcalloc(1, sizeof *l);
	struct addrinfo *found = NULL;
	pthread_t thread;
	int r;

	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_family = n->p.family == 4 ? AF_INET : n->p.family == 6 ? AF_INET6 : AF_UNSPEC;
	snprintf(l->host, sizeof l->host, "%s", n->p.host);
	snprintf(l->port, sizeof l->port, "%u", n->p.port);
	l->done = eventfd(0, EFD_CLOEXEC);
	if (l->done == -1 || (r = pthread_create(&thread, NULL, look_up, l)) != 0) {
		net_fail(n, ERR_OS, STAGE_DNS, "cannot look up a name: %s",
		    strerror(l->done == -1 ? errno : r));
		goto out;
	}
	if ((r = wait_for_name(n, l, until)) != 1) {
		if (r == 0)
			net_fail(n, ERR_UNAVAIL, STAGE_DNS,
			    "temporary failure in name resolution: no answer within %d s", net_secs(n));
		pthread_detach(thread);
		return NULL;
	}
	pthread_join(thread, NULL);
	found = l->found;
	if (found == NULL)
		not_found(n, l);
out:
	if (l->done != -1)
		close(l->done);
	free(l);
	return found;
}

/* --- its addresses --- */

struct race {
	const struct addrinfo *address[ADDRESSES_MAX];
	size_t naddress, tried;
	struct pollfd p[ADDRESSES_MAX + 1]; /* of the first tried; fd -1: failed */
	size_t open;
	int64_t next; /* when the next one's turn is */
	int errnum;   /* why one has failed */
};

static const struct addrinfo *
skip_to(const struct addrinfo *a, int family, bool same)
{
	while (a != NULL && (a->ai_family == family) != same)
		a = a->ai_next;
	return a;
}

/* RFC 8305, section 4: the first address, one of another family, and so on. */
static void
line_up(struct race *r, const struct addrinfo *found)
{
	const struct addrinfo *next[2] = { found, skip_to(found, found->ai_family, false) };
	int turn = 0;

	while (r->naddress < ADDRESSES_MAX && (next[0] != NULL || next[1] != NULL)) {
		const struct addrinfo *a = next[turn];

		if (a != NULL) {
			r->address[r->naddress++] = a;
			next[turn] = skip_to(a->ai_next, found->ai_family, turn == 0);
		}
		turn = !turn;
	}
}

/* That there is no way to an address (IPv6 on paper) says less than what befell another. */
static void
note_errno(struct race *r, int errnum)
{
	bool no_way = errnum == ENETUNREACH || errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL;

	if (r->errnum == 0 || !no_way)
		r->errnum = errnum;
}

/* As curl(1) has them; a connection without them is a connection too. */
static void
set_options(int s)
{
	int on = 1, secs = KEEPALIVE;

	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &secs, sizeof secs);
	setsockopt(s, IPPROTO_TCP, TCP_KEEPINTVL, &secs, sizeof secs);
}

static void
try_next(struct race *r)
{
	const struct addrinfo *a = r->address[r->tried];
	struct pollfd *p = &r->p[r->tried++];
	int s = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

	*p = (struct pollfd){ .fd = -1, .events = POLLOUT };
	r->next = 0;
	if (s != -1)
		set_options(s);
	if (s == -1 || (connect(s, a->ai_addr, a->ai_addrlen) == -1 && errno != EINPROGRESS)) {
		note_errno(r, errno);
		if (s != -1)
			close(s);
		return;
	}
	p->fd = s;
	r->open++;
	r->next = now_ms() + NEXT_MS;
}

/* The first socket that has connected, which is the caller's then; -1: none yet.  Those that have failed are closed. */
static int
take_winner(struct race *r)
{
	size_t i;
	int e, s;

	for (i = 0; i < r->tried; i++) {
		socklen_t len = sizeof e;

		if (r->p[i].fd == -1 || r->p[i].revents == 0)
			continue;
		s = r->p[i].fd;
		r->p[i].fd = -1;
		r->open--;
		if (getsockopt(s, SOL_SOCKET, SO_ERROR, &e, &len) == -1)
			e = errno;
		if (e == 0)
			return s;
		note_errno(r, e);
		close(s);
		r->next = 0;
	}
	return -1;
}

static int
run_race(struct net *n, struct race *r, int64_t until)
{
	int64_t wake;

	for (;;) {
		while (r->tried < r->naddress && now_ms() >= r->next)
			try_next(r);
		if (r->open == 0)
			return net_fail(n, err_kind_unless_out(r->errnum, ERR_UNAVAIL), STAGE_TCP,
			    "cannot connect: %s", strerror(r->errnum));
		if (now_ms() >= until)
			return net_fail(n, ERR_UNAVAIL, STAGE_TCP,
			    "no connection within %d s: connection timed out", net_secs(n));
		wake = r->tried < r->naddress && r->next < until ? r->next : until;
		if (wait_until(n, r->p, r->tried, wake) == -1)
			return -1;
		if ((n->fd = take_winner(r)) != -1)
			return 0;
	}
}

int
dial_direct(struct net *n)
{
	int64_t until = now_ms() + n->p.timeout_ms;
	struct addrinfo *found = find_host(n, until);
	struct race race = { .naddress = 0 };
	size_t i;
	int r;

	if (found == NULL)
		return -1;
	line_up(&race, found);
	r = run_race(n, &race, until);
	for (i = 0; i < race.tried; i++)
		if (race.p[i].fd != -1)
			close(race.p[i].fd);
	freeaddrinfo(found);
	return r;
}
