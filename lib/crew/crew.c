#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "crew/crew.h"
#include "crew/spawn.h"

#define CREW_MAX	(2 * OPT_J_MAX)		/* with those that are going while others come */
#define CREW_WATCHES	4
#define END_MS		2000			/* how long a worker may take to end */
#define RETRY_MS	10			/* when neither poll nor pidfd can tell */
#define BURST		64			/* events before poll is asked about the others */

struct packet {
	struct packet *next;
	size_t	 nfd;
	int	 fds[WIRE_SLOTS_MAX];	/* owned: duplicates */
	size_t	 size;
	char	 data[];
};

enum state {
	FREE, RUNNING,
	ENDING			/* its socket is closed; not reaped yet */
};

struct worker {
	enum state state;
	pid_t	 pid;
	int	 sock, pidfd;		/* owned; -1 */
	bool	 quit, killed;
	bool	 ready;			/* poll said so, or not asked yet */
	const char *broken;		/* what it did that it must not; static */
	struct packet *first, **last;	/* what could not be sent yet; owned */
	int64_t	 kill_at;		/* now_ms, 0: not decided */
	bool	 failed;
	struct wire_fail fail;
};

struct crew {
	const struct options *o;	/* foreign */
	char	*user, *proxy;		/* owned */
	char	 path[PATH_MAX];
	char	 subject[WIRE_HOST];	/* host:port */
	int	 trace;			/* owned; -1 */
	struct worker w[CREW_MAX];
	int	 turn;			/* whose packets are being taken */
	int	 burst;			/* events since the last look at the others */
	int	 watch[CREW_WATCHES];	/* foreign; -1 */
	_Alignas(16) char buf[WIRE_MAX];
};

/* --- opening --- */

static int
open_trace(struct crew *c, struct err *err)
{
	if (c->o->trace == NULL)
		return 0;
	c->trace = open(c->o->trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (c->trace == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, c->o->trace, "cannot open");
	return 0;
}

/* The environment as curl(1) reads it; NO_PROXY is left to libcurl in the worker. */
static const char *
proxy_of(const struct options *o)
{
	const char *p = o->proxy;

	if (p == NULL)
		p = getenv("all_proxy");
	if (p == NULL)
		p = getenv("ALL_PROXY");
	return p != NULL ? p : "";
}

int
crew_open(struct crew **out, const struct options *o, const char *user, struct err *err)
{
	struct crew *c = xcalloc(1, sizeof *c);
	int i;

	*out = NULL;
	c->o = o;
	c->trace = -1;
	c->user = xstrdup(user);
	c->proxy = xstrdup(proxy_of(o));
	snprintf(c->subject, sizeof c->subject, "%s:%u", o->host, o->port);
	for (i = 0; i < CREW_WATCHES; i++)
		c->watch[i] = -1;
	for (i = 0; i < CREW_MAX; i++)
		c->w[i].sock = c->w[i].pidfd = -1;
	if (spawn_find(c->path, sizeof c->path, err) == -1 || open_trace(c, err) == -1) {
		crew_close(c);
		return -1;
	}
	*out = c;
	return 0;
}

static int
copy_field(char *dst, size_t size, const char *src, const char *what, struct err *err)
{
	if (src == NULL)
		src = "";
	if (strlen(src) >= size)
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, what, "too long");
	strcpy(dst, src);
	return 0;
}

static int
fill_connect(const struct crew *c, struct wire_connect *p, const struct secret *token, int flags, struct err *err)
{
	const struct options *o = c->o;

	wire_head(&p->head, WIRE_CONNECT, sizeof *p, 0);
	p->flags = (flags & CREW_NO_PIPELINE) || o->no_pipeline ? WIRE_C_NO_PIPELINE : 0;
	if (o->family == 4 || (flags & CREW_IPV4))
		p->flags |= WIRE_C_IPV4;
	else if (o->family == 6)
		p->flags |= WIRE_C_IPV6;
	if (flags & CREW_TWO_STEP)
		p->flags |= WIRE_C_TWO_STEP;
	if (o->crlf)
		p->flags |= WIRE_C_CRLF;
	if (c->trace != -1)
		p->flags |= WIRE_C_TRACE;
	p->port = o->port;
	p->timeout_ms = o->timeout > INT_MAX / 1000 ? INT_MAX : o->timeout * 1000;
	p->verbose = (uint32_t)log_verbose();
	p->max_literal = UINT32_MAX;
	if (token->len == 0 || token->len > sizeof p->token)
		return err_set(err, ERR_CONFIG, STAGE_TOKEN, NULL, "a token of %zu bytes", token->len);
	p->token_len = (uint32_t)token->len;
	memcpy(p->token, token->s, token->len);
	if (copy_field(p->host, sizeof p->host, o->host, "host", err) == -1 ||
	    copy_field(p->user, sizeof p->user, c->user, "user", err) == -1 ||
	    copy_field(p->ca_file, sizeof p->ca_file, o->ca_file, "ca-file", err) == -1)
		return -1;
	return copy_field(p->proxy, sizeof p->proxy, c->proxy, "proxy", err);
}

static int
pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);	/* close-on-exec; -1 on old kernels */
}

static int
start(struct crew *c, struct worker *w, const struct wire_connect *p, struct err *err)
{
	memset(w, 0, sizeof *w);
	w->last = &w->first;
	w->ready = true;
	w->pid = spawn_worker(c->path, &w->sock, err);
	if (w->pid == -1)
		return -1;
	w->pidfd = pidfd_of(w->pid);
	w->state = RUNNING;
	crew_send_fds(c, (int)(w - c->w), p, &c->trace, c->trace == -1 ? 0 : 1);
	return 0;
}

int
crew_start(struct crew *c, const struct secret *token, int flags, struct err *err)
{
	struct wire_connect *p;
	int i, r;

	for (i = 0; i < CREW_MAX && c->w[i].state != FREE; i++)
		;
	if (i == CREW_MAX)
		return err_set(err, ERR_INTERNAL, STAGE_NONE, NULL, "too many workers");
	p = xcalloc(1, sizeof *p);
	r = fill_connect(c, p, token, flags, err);
	if (r == 0)
		r = start(c, &c->w[i], p, err);
	OPENSSL_cleanse(p, sizeof *p);
	free(p);
	return r == -1 ? -1 : i;
}

int
crew_count(const struct crew *c)
{
	int i, n = 0;

	for (i = 0; i < CREW_MAX; i++)
		n += c->w[i].state != FREE;
	return n;
}

/* --- sending --- */

static void
packet_free(struct packet *p)
{
	size_t i;

	for (i = 0; i < p->nfd; i++)
		close(p->fds[i]);
	OPENSSL_cleanse(p->data, p->size);	/* it may hold the token */
	free(p);
}

static void
drop_queue(struct worker *w)
{
	struct packet *p;

	while ((p = w->first) != NULL) {
		w->first = p->next;
		packet_free(p);
	}
	w->last = &w->first;
}

/* Sends what is queued, as far as it goes. */
static void
flush(struct worker *w)
{
	struct packet *p;

	while (w->state == RUNNING && (p = w->first) != NULL) {
		if (wire_send(w->sock, p->data, p->fds, p->nfd, MSG_DONTWAIT) == -1) {
			if (errno != EAGAIN)
				drop_queue(w);	/* it has gone: its end of file follows */
			return;
		}
		if ((w->first = p->next) == NULL)
			w->last = &w->first;
		packet_free(p);
	}
}

static void
enqueue(struct worker *w, const struct wire_head *h, const int *fds, size_t nfd)
{
	struct packet *p = xmalloc(sizeof *p + h->size);
	size_t i;

	p->next = NULL;
	p->size = h->size;
	memcpy(p->data, h, h->size);
	p->nfd = 0;
	for (i = 0; i < nfd; i++) {
		p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (p->fds[i] == -1) {
			/* Without its files the worker would wait for ever. */
			w->broken = "no descriptor was left for its files";
			kill(w->pid, SIGKILL);
			break;
		}
		p->nfd++;
	}
	*w->last = p;
	w->last = &p->next;
}

void
crew_send_fds(struct crew *c, int worker, const void *packet, const int *fds, size_t nfd)
{
	struct worker *w = &c->w[worker];

	if (w->state != RUNNING || w->quit || w->killed)
		return;
	if (w->first == NULL) {
		if (wire_send(w->sock, packet, fds, nfd, MSG_DONTWAIT) == 0 || errno != EAGAIN)
			return;
	}
	enqueue(w, packet, fds, nfd);
}

void
crew_send(struct crew *c, int worker, const void *packet)
{
	crew_send_fds(c, worker, packet, NULL, 0);
}

void
crew_quit(struct crew *c, int worker)
{
	struct worker *w = &c->w[worker];
	struct wire_quit q;

	if (w->state == FREE || w->quit)
		return;
	wire_head(&q.head, WIRE_QUIT, sizeof q, 0);
	crew_send(c, worker, &q);
	w->quit = true;
	if (w->kill_at == 0)
		w->kill_at = now_ms() + END_MS;
}

void
crew_kill(struct crew *c, int worker)
{
	struct worker *w = &c->w[worker];

	if (w->state == FREE)
		return;
	w->killed = true;
	drop_queue(w);
	kill(w->pid, SIGKILL);		/* not reaped, so the pid is still its own */
}

/* --- receiving --- */

static void
lost_text(struct crew *c, struct worker *w, const struct crew_event *ev, int status)
{
	struct wire_fail *f = &w->fail;
	const char *name;

	f->stage = STAGE_NONE;
	f->kind = ERR_INTERNAL;
	f->loss = LOST_OTHER;
	snprintf(f->subject, sizeof f->subject, "%s", c->subject);
	if (w->broken != NULL) {
		snprintf(f->text, sizeof f->text, "msworker was stopped: %s", w->broken);
	} else if (w->killed || w->quit) {
		f->kind = ERR_AGAIN;
		f->loss = LOST_STREAM;
		snprintf(f->text, sizeof f->text, "the connection was given up");
	} else if (ev->signal == SIGSYS) {
		snprintf(f->text, sizeof f->text, "msworker made a forbidden system call (signal SIGSYS)");
	} else if (ev->signal != 0) {
		name = sigabbrev_np(ev->signal);
		if (ev->signal == SIGSEGV || ev->signal == SIGBUS || ev->signal == SIGABRT)
			f->loss = LOST_PARSE;
		else
			f->kind = ERR_OS;
		snprintf(f->text, sizeof f->text, "msworker died by signal SIG%s", name != NULL ? name : "?");
	} else {
		snprintf(f->text, sizeof f->text, "msworker ended unexpectedly (status %d)",
		    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
}

static void
release(struct worker *w)
{
	drop_queue(w);
	if (w->sock != -1)
		close(w->sock);
	if (w->pidfd != -1)
		close(w->pidfd);
	w->sock = w->pidfd = -1;
	w->state = FREE;
}

/* 1 with ev filled in if the worker has ended, 0 if it has not yet. */
static int
reap(struct crew *c, struct worker *w, struct crew_event *ev)
{
	int status = 0;
	pid_t r;

	do
		r = waitpid(w->pid, &status, WNOHANG);
	while (r == -1 && errno == EINTR);
	if (r == 0)
		return 0;
	memset(ev, 0, sizeof *ev);
	ev->type = CREW_LOST;
	ev->worker = (int)(w - c->w);
	ev->quit = w->quit;
	ev->fd = -1;
	ev->signal = r == w->pid && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!w->failed || w->broken != NULL)
		lost_text(c, w, ev, status);
	ev->fail = w->fail;
	release(w);
	return 1;
}

static void
socket_ended(struct worker *w)
{
	w->state = ENDING;
	drop_queue(w);
	close(w->sock);
	w->sock = -1;
	if (w->kill_at == 0)
		w->kill_at = now_ms() + END_MS;
}

static void
misbehaved(struct worker *w, const char *how)
{
	w->broken = how;
	kill(w->pid, SIGKILL);
	socket_ended(w);
}

/* Takes one packet: 1 with ev filled in, 0 if there is none for the caller now. */
static int
take(struct crew *c, struct worker *w, struct crew_event *ev)
{
	struct wire_head *h = (struct wire_head *)(void *)c->buf;
	long n;

	n = wire_recv(w->sock, c->buf, NULL, NULL, MSG_DONTWAIT);
	if (n == -1 && errno == ECONNRESET)
		return 0;	/* it ended with something unread; what it had sent is still there */
	if (n == -1 && errno == EAGAIN) {
		w->ready = false;
		return 0;
	}
	if (n <= 0) {
		if (n == 0)
			socket_ended(w);
		else
			misbehaved(w, "it sent a packet that is too long");
		return 0;
	}
	if (wire_check(c->buf, (size_t)n, 1) == -1) {
		misbehaved(w, "it sent a malformed packet");
		return 0;
	}
	if (h->type == WIRE_FAIL) {
		memcpy(&w->fail, c->buf, sizeof w->fail);
		w->failed = true;
		if (w->kill_at == 0)
			w->kill_at = now_ms() + END_MS;
		return 0;
	}
	memset(ev, 0, offsetof(struct crew_event, fail));
	ev->type = CREW_PACKET;
	ev->worker = (int)(w - c->w);
	ev->packet = h;
	return 1;
}

/* Whatever can be had without waiting.  1 an event, 0 none. */
static int
harvest(struct crew *c, struct crew_event *ev)
{
	struct worker *w;
	int tried;

	for (tried = 0; tried < CREW_MAX; tried++, c->turn = (c->turn + 1) % CREW_MAX) {
		w = &c->w[c->turn];
		flush(w);
		while (w->state == RUNNING && w->ready)
			if (take(c, w, ev) == 1)
				return 1;
		if (w->state == ENDING && reap(c, w, ev) == 1)
			return 1;
	}
	return 0;
}

struct polled {
	struct pollfd p[2 * CREW_MAX + CREW_WATCHES];
	int	 who[2 * CREW_MAX + CREW_WATCHES];	/* worker, or -1 - watch */
	nfds_t	 n;
};

static void
add_poll(struct polled *s, int fd, short events, int who)
{
	s->p[s->n] = (struct pollfd){ .fd = fd, .events = events };
	s->who[s->n++] = who;
}

/* Fills in what to poll; returns how long at most. */
static int
prepare(struct crew *c, struct polled *s, int64_t end)
{
	int64_t now = now_ms(), until = end;
	int i;

	s->n = 0;
	for (i = 0; i < CREW_MAX; i++) {
		struct worker *w = &c->w[i];

		if (w->state == RUNNING)
			add_poll(s, w->sock, w->first != NULL ? POLLIN | POLLOUT : POLLIN, i);
		else if (w->state == ENDING && w->pidfd != -1)
			add_poll(s, w->pidfd, POLLIN, i);
		if (w->state != FREE && w->kill_at != 0 && w->kill_at < until)
			until = w->kill_at;
		if ((w->state == ENDING && w->pidfd == -1) || (w->state == RUNNING && w->first != NULL))
			until = now + RETRY_MS < until ? now + RETRY_MS : until;
	}
	for (i = 0; i < CREW_WATCHES; i++)
		if (c->watch[i] != -1)
			add_poll(s, c->watch[i], POLLIN, -1 - i);
	if (until <= now)
		return 0;
	return until - now > INT_MAX ? INT_MAX : (int)(until - now);
}

static void
kill_late(struct crew *c)
{
	int64_t now = now_ms();
	int i;

	for (i = 0; i < CREW_MAX; i++) {
		struct worker *w = &c->w[i];

		if (w->state != FREE && w->kill_at != 0 && now >= w->kill_at) {
			kill(w->pid, SIGKILL);
			w->kill_at = now + END_MS;
		}
	}
}

/* After poll: marks workers; 1 with ev for a watched descriptor. */
static int
sort_out(struct crew *c, const struct polled *s, struct crew_event *ev)
{
	nfds_t i;
	int found = 0;

	for (i = 0; i < s->n; i++) {
		if (s->p[i].revents == 0)
			continue;
		if (s->who[i] >= 0) {
			c->w[s->who[i]].ready = true;
		} else if (!found) {
			memset(ev, 0, offsetof(struct crew_event, fail));
			ev->type = CREW_FD;
			ev->fd = s->p[i].fd;
			found = 1;
		}
	}
	return found;
}

int
crew_next(struct crew *c, int timeout_ms, struct crew_event *ev, struct err *err)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
	struct polled s;
	int r, ms;

	for (;;) {
		if (c->burst < BURST && harvest(c, ev) == 1) {
			c->burst++;
			return 1;
		}
		ms = prepare(c, &s, c->burst == BURST ? 0 : end);
		if (c->burst == BURST)
			c->turn = (c->turn + 1) % CREW_MAX;
		c->burst = 0;
		r = poll(s.p, s.n, ms);
		if (r == -1 && errno == EINTR)
			return 0;
		if (r == -1)
			return err_sys(err, ERR_OS, STAGE_NONE, errno, NULL, "poll");
		kill_late(c);
		if (r > 0 && sort_out(c, &s, ev) == 1)
			return 1;
		if (r == 0 && now_ms() >= end)
			return 0;
	}
}

void
crew_watch(struct crew *c, int slot, int fd)
{
	c->watch[slot] = fd;
}

void
crew_lost_err(const struct crew_event *ev, struct err *err)
{
	const struct wire_fail *f = &ev->fail;

	err_set(err, (enum err_kind)f->kind, (enum err_stage)f->stage, f->subject, "%s", f->text);
}

int
crew_backoff_ms(unsigned attempt)
{
	unsigned base = attempt < 5 ? 1000U << attempt : 30000, r = 0;

	if (base > 30000)
		base = 30000;
	RAND_bytes((unsigned char *)&r, sizeof r);
	return (int)(base / 2 + r % (base / 2 + 1));
}

void
crew_close(struct crew *c)
{
	struct crew_event *ev;
	struct err err = ERR_INIT;
	int i;

	if (c == NULL)
		return;
	ev = xmalloc(sizeof *ev);
	for (i = 0; i < CREW_WATCHES; i++)
		c->watch[i] = -1;
	for (i = 0; i < CREW_MAX; i++)
		crew_quit(c, i);
	while (crew_count(c) > 0)
		if (crew_next(c, END_MS, ev, &err) == -1)
			for (i = 0; i < CREW_MAX; i++)
				crew_kill(c, i);
	free(ev);
	if (c->trace != -1)
		close(c->trace);
	free(c->user);
	free(c->proxy);
	free(c);
}
