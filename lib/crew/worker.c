/*
 * One connection, one loop: it waits for the server and for the parent at the
 * same time, so that new jobs go into the flight that is under way.  Reports to
 * the parent block: a parent that waits for its disk slows the server down.
 */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "crew/worker.h"
#include "crew/worker_priv.h"
#include "imap/cage.h"

/* --- slots --- */

static void
add_slot(struct worker *w, int fd, uint32_t number)
{
	struct slot *grown;
	size_t i;

	if (w->nslot == w->cap) {
		grown = xreallocarray(NULL, w->cap * 2 + 64, sizeof *grown);
		for (i = 0; i < w->nslot; i++)
			grown[i] = w->slots[(w->first + i) % w->cap];
		free(w->slots);
		w->slots = grown;
		w->cap = w->cap * 2 + 64;
		w->first = 0;
	}
	w->slots[(w->first + w->nslot++) % w->cap] = (struct slot){ fd, number };
}

static int
on_slot(void *arg, int *fd, uint32_t *number)
{
	struct worker *w = arg;

	if (w->nslot == 0)
		return 0;
	*fd = w->slots[w->first].fd;
	*number = w->slots[w->first].number;
	w->first = (w->first + 1) % w->cap;
	w->nslot--;
	return 1;
}

static void
on_unslot(void *arg, int fd, uint32_t number)
{
	add_slot(arg, fd, number);
}

/* --- from the parent --- */

static struct session_range *
ranges(const struct wire_range *r, uint32_t n)
{
	struct session_range *out = xreallocarray(NULL, n, sizeof *out);
	uint32_t i;

	for (i = 0; i < n; i++)
		out[i] = (struct session_range){ r[i].lo, r[i].hi };
	return out;
}

static void
with_ranges(struct worker *w, struct session_job *j, const struct wire_range *r, uint32_t n)
{
	struct session_range *copy = ranges(r, n);

	j->range = copy;
	j->nrange = n;
	session_job(w->s, j);
	free(copy);
}

static void
take_look(struct worker *w, const struct wire_look *p)
{
	struct session_job j = { .kind = JOB_LOOK,
		.id = p->head.job,
		.no_status = (p->flags & WIRE_L_NO_STATUS) != 0,
		.patterns = p->patterns,
		.patterns_len = p->len,
		.npattern = p->npattern,
		.nexclude = p->nexclude,
		.skip = p->skip };

	session_job(w->s, &j);
}

static void
take_fetch(struct worker *w, const struct wire_fetch *p)
{
	struct session_job j = { .kind = JOB_FETCH,
		.id = p->head.job,
		.uidvalidity = p->uidvalidity,
		.ask = p->ask,
		.write = (p->flags & WIRE_F_WRITE) != 0,
		.folder = p->folder };

	with_ranges(w, &j, p->range, p->nrange);
}

static void
take_search(struct worker *w, const struct wire_search *p)
{
	struct session_job j = { .kind = JOB_SEARCH,
		.id = p->head.job,
		.uidvalidity = p->uidvalidity,
		.folder = p->folder,
		.criteria = p->criteria };

	session_job(w->s, &j);
}

static void
take_store(struct worker *w, const struct wire_store *p)
{
	struct session_job j = { .kind = JOB_STORE,
		.id = p->head.job,
		.uidvalidity = p->uidvalidity,
		.add = p->add & MF_ALL,
		.remove = p->remove & MF_ALL,
		.folder = p->folder };

	with_ranges(w, &j, p->range, p->nrange);
}

static void
take_move(struct worker *w, const struct wire_move *p)
{
	struct session_job j = { .kind = JOB_MOVE,
		.id = p->head.job,
		.uidvalidity = p->uidvalidity,
		.how = (enum session_move)p->how,
		.folder = p->folder,
		.target = p->how != MOVE_EXPUNGE ? p->target : NULL };

	with_ranges(w, &j, p->range, p->nrange);
}

static void
take_create(struct worker *w, const struct wire_create *p)
{
	struct session_job j = { .kind = JOB_CREATE, .id = p->head.job, .folder = p->folder };

	session_job(w->s, &j);
}

static void
take_slots(struct worker *w, const struct wire_slots *p, const int *fds, size_t nfd)
{
	size_t i;

	for (i = 0; i < nfd; i++)
		add_slot(w, fds[i], p->first + (uint32_t)i);
}

static void
take(struct worker *w, const int *fds, size_t nfd)
{
	const struct wire_head *h = (const struct wire_head *)(const void *)w->in;
	const void *p = w->in;
	size_t i;

	if (h->type == WIRE_SLOTS) {
		take_slots(w, p, fds, nfd);
		return;
	}
	for (i = 0; i < nfd; i++)
		close(fds[i]);
	switch (h->type) {
	case WIRE_LOOK:
		take_look(w, p);
		break;
	case WIRE_FETCH:
		take_fetch(w, p);
		break;
	case WIRE_SEARCH:
		take_search(w, p);
		break;
	case WIRE_STORE:
		take_store(w, p);
		break;
	case WIRE_MOVE:
		take_move(w, p);
		break;
	case WIRE_CREATE:
		take_create(w, p);
		break;
	default: /* QUIT, and a second CONNECT */
		w->stop = true;
		break;
	}
}

/* One packet: 1 taken, 0 none now, -1 the parent has gone or talks nonsense. */
static int
receive(struct worker *w, int flags, int *fds, size_t *nfd)
{
	long n;

	*nfd = WIRE_SLOTS_MAX;
	n = wire_recv(w->sock, w->in, fds, nfd, flags);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || wire_check(w->in, (size_t)n, 0) == -1) {
		w->stop = true;
		return -1;
	}
	return 1;
}

static int
take_all(struct worker *w)
{
	int fds[WIRE_SLOTS_MAX], r;
	size_t nfd;

	while (!w->stop && (r = receive(w, MSG_DONTWAIT, fds, &nfd)) != 0)
		if (r == 1)
			take(w, fds, nfd);
	return w->stop ? -1 : 0;
}

static int
on_parent(void *arg, short revents)
{
	(void)revents;
	return take_all(arg);
}

static int
on_hangup(void *arg, short revents)
{
	struct worker *w = arg;

	(void)revents;
	w->stop = true;
	return -1;
}

/*
 * Sends to the server.  This happens also inside a wait for the server (a job
 * that came meanwhile), so the parent is not listened to until it is done.
 */
static int
on_write(void *arg, const void *p, size_t n, bool is_secret)
{
	struct worker *w = arg;
	long r;

	net_watch(w->net, w->sock, 0, on_hangup, w);
	net_private(w->net, is_secret);
	r = net_write(w->net, p, n);
	net_private(w->net, false);
	net_watch(w->net, w->sock, POLLIN, on_parent, w);
	return r == (long)n ? 0 : -1;
}

/* --- the life of a connection --- */

static int
get_connect(struct worker *w)
{
	struct wire_connect *c = (struct wire_connect *)(void *)w->in;
	int fds[WIRE_SLOTS_MAX];
	size_t nfd, i;
	int r;

	do
		r = receive(w, 0, fds, &nfd);
	while (r == 0);
	if (r == -1 && c->head.version != 0 && c->head.version != WIRE_VERSION)
		log_warn("not of the same version as the program that started it: install them together");
	if (r == -1 || c->head.type != WIRE_CONNECT)
		return -1;
	secret_add(&w->token, c->token, c->token_len);
	explicit_bzero(c->token, sizeof c->token);
	memcpy(&w->c, c, sizeof w->c);
	for (i = 0; i < nfd; i++) {
		if (i == 0 && (c->flags & WIRE_C_TRACE))
			w->trace = fds[i];
		else
			close(fds[i]);
	}
	snprintf(w->subject, sizeof w->subject, strchr(w->c.host, ':') != NULL ? "[%s]:%u" : "%s:%u",
	    w->c.host, w->c.port);
	return 0;
}

static int
connect_net(struct worker *w, struct err *err)
{
	struct net_params p = { .host = w->c.host,
		.port = w->c.port,
		.ca_file = w->c.ca_file,
		.proxy = w->c.proxy,
		.timeout_ms = (int)w->c.timeout_ms,
		.max_literal = UINT64_MAX /* the session's own limit is lower */ };
	struct wire_hello hello = { .pid = getpid() };
	int cage;

	if (w->c.flags & WIRE_C_IPV4)
		p.family = 4;
	else if (w->c.flags & WIRE_C_IPV6)
		p.family = 6;
	if (net_prepare(&w->net, &p, err) == -1)
		return -1;
	net_watch(w->net, w->sock, 0, on_hangup, w);
	if (w->trace != -1)
		net_trace(w->net, w->trace);
	else if (w->c.verbose >= 3)
		net_trace(w->net, STDERR_FILENO);
	if (net_dial(w->net, err) == -1 || (cage = cage_enter(err)) == -1)
		return -1;
	hello.cage = (uint32_t)cage;
	wire_head(&hello.head, WIRE_HELLO, sizeof hello, 0);
	tell(w, &hello);
	return net_handshake(w->net, err);
}

/* The parent kills who is silent for too long (crew.h); a large message on a slow line may be long in coming. */
static void
pulse(struct worker *w)
{
	struct wire_alive a;

	if (now_ms() < w->pulse_at)
		return;
	w->pulse_at = now_ms() + WIRE_PULSE_MS;
	wire_head(&a.head, WIRE_ALIVE, sizeof a, 0);
	tell(w, &a);
}

/* Nothing is asked of the server: waits a while for the parent to want something or the server to say something. */
static bool
wait_idle(struct worker *w)
{
	struct pollfd p[2] = {
		{ .fd = w->sock, .events = POLLIN },
		{ .fd = net_fd(w->net), .events = POLLIN },
	};

	if (session_wants_slot(w->s))
		p[1].fd = -1;
	else if (net_pending(w->net) != 0)
		return true;
	if (poll(p, 2, WIRE_PULSE_MS) == -1 && errno != EINTR)
		w->stop = true;
	if (p[0].revents != 0)
		take_all(w);
	return p[1].revents != 0;
}

static void
serve(struct worker *w)
{
	size_t room;
	void *to;
	long n;

	while (!w->stop && session_lost(w->s) == NULL) {
		pulse(w);
		if (session_wants_slot(w->s)) {
			if (w->nslot == 0)
				wait_idle(w);
			if (w->nslot > 0)
				session_resume(w->s);
			continue;
		}
		if (session_idle(w->s) && !wait_idle(w))
			continue;
		to = session_space(w->s, &room);
		n = net_read(w->net, to, room);
		if (n > 0)
			session_fed(w->s, (size_t)n);
		else
			session_eof(w->s, net_error(w->net));
	}
}

/* What will be asked first, so that it can be on its way before it is. */
static void
expect(struct worker *w)
{
	const struct wire_connect *c = &w->c;
	struct session_job j = { .kind = JOB_LOOK,
		.patterns = c->patterns,
		.patterns_len = c->patterns_len,
		.npattern = c->npattern,
		.nexclude = c->nexclude };

	if (c->npattern > 0)
		session_expect(w->s, &j);
}

static void
run(struct worker *w)
{
	struct session_params p = { .user = w->c.user,
		.token = &w->token,
		.two_step = (w->c.flags & WIRE_C_TWO_STEP) != 0,
		.no_pipeline = (w->c.flags & WIRE_C_NO_PIPELINE) != 0,
		.crlf = (w->c.flags & WIRE_C_CRLF) != 0,
		.max_literal = w->c.max_literal };
	struct session_ops ops = { .write = on_write, .slot = on_slot, .unslot = on_unslot };
	struct err err = ERR_INIT;

	tell_ops(&ops);
	if (connect_net(w, &err) == -1) {
		tell_err(w, &err);
		return;
	}
	w->s = session_new(&p, &ops, w);
	expect(w);
	net_watch(w->net, w->sock, POLLIN, on_parent, w);
	serve(w);
	if (w->stop)
		session_logout(w->s);
	else if (session_lost(w->s) != NULL)
		tell_lost(w, session_lost(w->s));
}

int
worker_run(int sock)
{
	struct worker *w = xcalloc(1, sizeof *w);
	int status = 0;

	w->sock = sock;
	w->trace = -1;
	cage_warm(); /* crew_ahead: the parent may not be ready for us yet */
	if (get_connect(w) == -1) {
		status = 70;
	} else {
		log_init("msworker", (int)w->c.verbose);
		run(w);
	}
	session_free(w->s);
	net_free(w->net);
	secret_release(&w->token);
	while (w->nslot > 0) {
		close(w->slots[w->first].fd);
		w->first = (w->first + 1) % w->cap;
		w->nslot--;
	}
	free(w->slots);
	close(w->sock);
	free(w);
	return status;
}
