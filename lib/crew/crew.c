#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "crew/crew_priv.h"
#include "crew/spawn.h"

#define MESSAGE_MAX 0x7fffffffu /* bytes; Exchange takes 150 MB: who announces more is out of order */

/* --- opening --- */

static int
open_trace(struct crew *c, struct err *err)
{
	if (c->o->trace == NULL || c->trace != -1)
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
	c->patience_ms = 2000 * (int64_t)o->timeout;
	if (c->patience_ms < PATIENCE_MS)
		c->patience_ms = PATIENCE_MS;
	c->user = xstrdup(user);
	c->proxy = xstrdup(proxy_of(o));
	snprintf(c->subject, sizeof c->subject, "%s:%u", o->host, o->port);
	for (i = 0; i < CREW_WATCHES; i++)
		c->watch[i] = -1;
	for (i = 0; i < CREW_MAX; i++)
		c->w[i].sock = c->w[i].pidfd = -1;
	if (spawn_find(c->path, sizeof c->path, err) == -1) {
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

static void
expect(struct wire_connect *p, const char *pattern)
{
	size_t n = strlen(pattern) + 1;

	if (p->patterns_len + n <= sizeof p->patterns)
		memcpy(p->patterns + p->patterns_len, pattern, n);
	p->patterns_len += (uint32_t)(n < sizeof p->patterns ? n : sizeof p->patterns);
}

/*
 * The look with which msfetch and msls begin, as lib/tool sends it: told at
 * once, it saves a round trip.
 */
static void
fill_look(const struct crew *c, struct wire_connect *p)
{
	const struct options *o = c->o;
	size_t i;

	if (o->program == OPT_MSLS && o->nargs == 1) {
		expect(p, o->args[0]);
		p->npattern = 1;
		return;
	}
	if ((o->program != OPT_MSFETCH && o->program != OPT_MSLS) || o->folder.n + o->exclude.n > 1000)
		return;
	for (i = 0; i < o->folder.n; i++)
		expect(p, o->folder.v[i]);
	if (i == 0)
		expect(p, o->program == OPT_MSLS ? "*" : "INBOX");
	p->npattern = (uint16_t)(i == 0 ? 1 : i);
	for (i = 0; o->program == OPT_MSFETCH && i < o->exclude.n; i++)
		expect(p, o->exclude.v[i]);
	if (o->program == OPT_MSLS)
		expect(p, ""); /* excludes nothing; see list_look */
	p->nexclude = (uint16_t)(o->program == OPT_MSLS ? 1 : i);
	if (p->patterns_len > sizeof p->patterns)
		p->npattern = p->nexclude = p->patterns_len = 0;
}

static int
fill_connect(const struct crew *c, struct wire_connect *p, const struct secret *token, int flags,
    struct err *err)
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
	p->max_literal = MESSAGE_MAX;
	fill_look(c, p);
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
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec; -1 on old kernels */
}

/* The first in that state; CREW_MAX: none. */
static int
find(const struct crew *c, enum state state)
{
	int i;

	for (i = 0; i < CREW_MAX && c->w[i].state != state; i++)
		;
	return i;
}

/* The one started ahead, or a new one.  Its number, or -1. */
static int
start(struct crew *c, struct err *err)
{
	struct worker *w;
	int i;

	if ((i = find(c, AHEAD)) != CREW_MAX)
		return i;
	if ((i = find(c, FREE)) == CREW_MAX)
		return err_set(err, ERR_INTERNAL, STAGE_NONE, NULL, "too many workers");
	w = &c->w[i];
	memset(w, 0, sizeof *w);
	w->last = &w->first;
	w->ready = true;
	w->pid = spawn_worker(c->path, &w->sock, err);
	if (w->pid == -1)
		return -1;
	w->pidfd = pidfd_of(w->pid);
	w->state = AHEAD;
	return i;
}

void
crew_ahead(struct crew *c)
{
	struct err e = ERR_INIT;

	(void)start(c, &e);
}

static void
begin(struct crew *c, struct worker *w)
{
	w->state = RUNNING;
	crew_heard(c, w);
}

int
crew_start(struct crew *c, const struct secret *token, int flags, struct err *err)
{
	struct wire_connect *p;
	int i = -1;

	if (open_trace(c, err) == -1)
		return -1;
	p = xcalloc(1, sizeof *p);
	if (fill_connect(c, p, token, flags, err) == 0 && (i = start(c, err)) != -1) {
		begin(c, &c->w[i]);
		crew_send_fds(c, i, p, &c->trace, c->trace == -1 ? 0 : 1);
	}
	explicit_bzero(p, sizeof *p);
	free(p);
	return i;
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
	explicit_bzero(p->data, p->size); /* it may hold the token */
	free(p);
}

void
crew_drop_queue(struct worker *w)
{
	struct packet *p;

	while ((p = w->first) != NULL) {
		w->first = p->next;
		packet_free(p);
	}
	w->last = &w->first;
}

/*
 * 1 sent, 0 the socket is full, -1 it cannot be reached: it has gone, and its end
 * of file follows; else it would wait for what was not sent, and we for its answer.
 */
static int
push(struct worker *w, const void *packet, const int *fds, size_t nfd)
{
	if (wire_send(w->sock, packet, fds, nfd, MSG_DONTWAIT) == 0)
		return 1;
	if (errno == EAGAIN)
		return 0;
	crew_drop_queue(w);
	if (w->kill_at == 0)
		w->kill_at = now_ms() + END_MS;
	return -1;
}

void
crew_flush(struct worker *w)
{
	struct packet *p;

	while (w->state == RUNNING && (p = w->first) != NULL) {
		if (push(w, p->data, p->fds, p->nfd) != 1)
			return;
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
	if (w->first != NULL || push(w, packet, fds, nfd) == 0)
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
	crew_drop_queue(w);
	kill(w->pid, SIGKILL); /* not reaped, so the pid is still its own */
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

	(void)random_bytes(&r, sizeof r); /* without them: no jitter */
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
	for (i = 0; i < CREW_MAX; i++) {
		if (c->w[i].state == AHEAD) { /* it has nothing, and need not get ready */
			begin(c, &c->w[i]);
			crew_kill(c, i);
		}
		crew_quit(c, i);
	}
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
