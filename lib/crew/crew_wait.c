/* What the workers say, and how they end. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/crew_priv.h"

#define RETRY_MS 10 /* when neither poll nor pidfd can tell */
#define BURST 64    /* events before poll is asked about the others */
#define DOUBT_MS (2 * WIRE_PULSE_MS)

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
	} else if (ev->silent) {
		f->kind = ERR_AGAIN;
		f->loss = LOST_STREAM;
		snprintf(f->text, sizeof f->text, "msworker gave no sign of life and was killed");
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

void
crew_heard(const struct crew *c, struct worker *w)
{
	w->patience = now_ms() + c->patience_ms;
	w->doubted = false;
}

static void
release(struct worker *w)
{
	crew_drop_queue(w);
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
	ev->silent = w->silent && !w->quit && !w->killed;
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
	crew_drop_queue(w);
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
		return 0; /* it ended with something unread; what it had sent is still there */
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
	crew_heard(c, w);
	if (h->type == WIRE_ALIVE)
		return 0;
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
		crew_flush(w);
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
	int who[2 * CREW_MAX + CREW_WATCHES]; /* worker, or -1 - watch */
	nfds_t n;
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
		if (w->state == RUNNING && w->patience < until)
			until = w->patience;
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

/*
 * poll has just looked.  Once more after a while, for we may have been stopped together
 * with it (Ctrl-Z), and it has not run since; what it said while we were busy elsewhere
 * is there to be read.  Whether we are stopped again in that while is not asked.
 */
static void
lose_patience(struct crew *c)
{
	int64_t now = now_ms();
	struct worker *w;

	for (w = c->w; w < c->w + CREW_MAX; w++) {
		if (w->state != RUNNING || w->ready || now < w->patience)
			continue;
		w->silent = w->doubted;
		w->patience = w->doubted ? INT64_MAX : now + DOUBT_MS;
		if (w->doubted)
			kill(w->pid, SIGKILL);
		w->doubted = true;
	}
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
	int r, ms, watched;

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
		watched = r > 0 && sort_out(c, &s, ev) == 1;
		lose_patience(c);
		if (watched)
			return 1;
		if (r == 0 && now_ms() >= end)
			return 0;
	}
}
