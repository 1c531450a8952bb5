#include "tool/link.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/util.h"
#include "tool/loss.h"

enum lane_state {
	LANE_FREE,
	LANE_WAITING, /* to be started at at_ms */
	LANE_STARTING,
	LANE_UP,
	LANE_ENDING /* killed by us: its CREW_LOST is to come */
};

struct lane {
	enum lane_state state;
	int worker;
	int64_t at_ms;
	unsigned in_flight; /* jobs sent and not answered */
	struct loss_lane is;
};

struct link {
	const struct options *o; /* foreign */
	struct source *source;	 /* foreign */
	struct crew *crew;
	struct err no_crew; /* why crew is NULL */
	char *user;
	struct lane lane[LINK_LANES];
	struct loss loss;
	uint32_t reported, skip; /* folders of a look: on this connection, on those before it */
	bool source_dead;	 /* stdin sent something that is no token: look no more */
};

static int
check_note(struct link *l, struct err *err)
{
	unsigned left;

	if (backoff_check(l->o->cache_dir, l->user, l->o->host, &left) != 1)
		return 0;
	if (left > l->o->max_backoff)
		return err_set(err, ERR_AGAIN, STAGE_LOGIN, l->user,
		    "request is throttled: no connection for another %u seconds, as the server asked", left);
	log_v(1, "throttled: waiting %u seconds, as the server asked", left);
	return (int)left * 1000;
}

struct link *
link_prepare(const struct options *o, const char *user, struct source *source)
{
	struct link *l = xcalloc(1, sizeof *l);
	int i;

	l->o = o;
	l->source = source;
	l->user = xstrdup(user);
	l->loss = (struct loss){ .o = o, .source = source, .user = l->user, .serial = o->no_pipeline };
	for (i = 0; i < LINK_LANES; i++)
		l->lane[i].worker = -1;
	if (crew_open(&l->crew, o, user, &l->no_crew) == 0)
		crew_ahead(l->crew);
	return l;
}

int
link_open(struct link *l, struct err *err)
{
	const struct secret *token;
	int wait_ms, i;

	if ((wait_ms = check_note(l, err)) == -1 || source_token(l->source, &token, err) == -1)
		return -1;
	if (l->crew == NULL) {
		*err = l->no_crew;
		return -1;
	}
	for (i = 0; i < LINK_LANES; i++)
		l->lane[i].at_ms = now_ms() + wait_ms;
	return link_add(l, err);
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	if (l->crew != NULL)
		crew_close(l->crew);
	free(l->user);
	free(l);
}

int
link_add(struct link *l, struct err *err)
{
	int i;

	for (i = 0; i < LINK_LANES; i++)
		if (l->lane[i].state == LANE_FREE)
			break;
	if (i == LINK_LANES)
		return err_set(err, ERR_INTERNAL, STAGE_NONE, NULL, "more than %d connections", LINK_LANES);
	l->lane[i].state = LANE_WAITING;
	return i;
}

void
link_renew(struct link *l, int i)
{
	struct lane *lane = &l->lane[i];

	if (lane->state != LANE_UP && lane->state != LANE_STARTING)
		return;
	lane->is.renew = true;
	crew_kill(l->crew, lane->worker);
	lane->state = LANE_ENDING;
}

void
link_blame(struct link *l, unsigned n, int64_t up_ms)
{
	int64_t patience = (int64_t)l->o->timeout * 1000;

	l->loss.blamed_ms += up_ms;
	if (++l->loss.blamed <= LINK_SUSPECTS && up_ms < patience &&
	    l->loss.blamed_ms < LINK_BLAMED * patience)
		l->loss.attempts -= n < l->loss.attempts ? n : l->loss.attempts;
}

int
link_count(const struct link *l)
{
	int i, n = 0;

	for (i = 0; i < LINK_LANES; i++)
		if (l->lane[i].state != LANE_FREE)
			n++;
	return n;
}

void
link_send(struct link *l, int i, const void *packet)
{
	link_send_fds(l, i, packet, NULL, 0);
}

void
link_send_fds(struct link *l, int i, const void *packet, const int *fds, size_t nfd)
{
	const struct wire_head *h = packet;
	struct lane *lane = &l->lane[i];

	if (lane->state != LANE_UP)
		return;
	if (h->type != WIRE_SLOTS)
		lane->in_flight++;
	crew_send_fds(l->crew, lane->worker, packet, fds, nfd);
}

void
link_watch(struct link *l, int slot, int fd)
{
	crew_watch(l->crew, slot, fd);
}

uint32_t
link_look_skip(const struct link *l)
{
	return l->skip;
}

bool
link_serial(const struct link *l)
{
	return l->loss.serial;
}

void
link_set_serial(struct link *l)
{
	l->loss.serial = true;
}

/* Is another lane up?  Then the loss of this one is no reason to stop. */
static bool
others_up(const struct link *l, int but)
{
	int i;

	for (i = 0; i < LINK_LANES; i++)
		if (i != but && l->lane[i].state == LANE_UP)
			return true;
	return false;
}

/* Milliseconds until the next waiting lane is due; -1 if none waits. */
static int
next_start(const struct link *l)
{
	int64_t now = now_ms(), best = INT64_MAX;
	int i;

	for (i = 0; i < LINK_LANES; i++)
		if (l->lane[i].state == LANE_WAITING && l->lane[i].at_ms < best)
			best = l->lane[i].at_ms;
	if (best == INT64_MAX)
		return -1;
	return best <= now ? 0 : best - now > INT_MAX ? INT_MAX : (int)(best - now);
}

static int
start_due(struct link *l, struct err *err)
{
	const struct secret *token;
	struct lane *lane;
	int flags;

	for (lane = l->lane; lane < l->lane + LINK_LANES; lane++) {
		if (lane->state != LANE_WAITING || lane->at_ms > now_ms())
			continue;
		if (source_token(l->source, &token, err) == -1)
			return -1;
		flags = (l->loss.serial ? CREW_NO_PIPELINE : 0) | (l->loss.ipv4 ? CREW_IPV4 : 0) |
		    (l->loss.two_step ? CREW_TWO_STEP : 0);
		if ((lane->worker = crew_start(l->crew, token, flags, err)) == -1)
			return -1;
		lane->is = (struct loss_lane){ .token = l->loss.token };
		lane->in_flight = 0;
		lane->state = LANE_STARTING;
	}
	return 0;
}

/* 1 with ev filled, -1 with err set. */
static int
lost(struct link *l, int i, const struct crew_event *cev, struct link_event *ev, struct err *err)
{
	struct lane *lane = &l->lane[i];
	struct verdict v = { .again = false };

	ev->loss = cev->signal != 0 && !cev->silent ? LOST_OTHER : (enum session_loss)cev->fail.loss;
	ev->carried = ev->loss == LOST_STREAM ? cev->fail.carried : 0;
	crew_lost_err(cev, &ev->why);
	if (ev->loss == LOST_BUDGET)
		l->skip += l->reported;
	l->reported = 0;
	/* One that is not even let in, while others are: the server does not want so many. */
	if (lane->state != LANE_STARTING || !others_up(l, i)) {
		v = loss_judge(&l->loss, &lane->is, cev, &ev->why);
		if (!v.again && !others_up(l, i)) {
			*err = ev->why;
			return -1;
		}
	}
	log_v(1, "connection lost: %s%s", ev->why.text, v.again ? "" : "; going on with the others");
	ev->suspect = v.suspect;
	ev->type = v.again ? LINK_LOST : LINK_GONE;
	lane->state = v.again ? LANE_WAITING : LANE_FREE;
	lane->at_ms = now_ms() + v.pause_ms;
	lane->worker = -1;
	return 1;
}

/* A job of the lane has its answer. */
static void
answered(struct lane *lane)
{
	lane->is.answered = true;
	if (lane->in_flight > 1)
		lane->is.paired = true;
	if (lane->in_flight > 0)
		lane->in_flight--;
}

/* What the kernel lacks for the worker's cage. */
static void
tell_cage(const struct wire_hello *w)
{
	if (!(w->cage & CAGE_SECCOMP))
		log_v(1, "the worker is not shut in: no seccomp in this kernel or this build");
	else if (!(w->cage & CAGE_LANDLOCK))
		log_v(1, "the worker is shut in by seccomp alone: this kernel has no Landlock");
}

/* 1 for the caller, 0 swallowed. */
static int
packet(struct link *l, int i, const struct wire_head *h, struct link_event *ev)
{
	const struct wire_done *d = (const void *)h;
	struct lane *lane = &l->lane[i];

	ev->packet = h;
	ev->type = LINK_PACKET;
	switch (h->type) {
	case WIRE_HELLO:
		tell_cage((const void *)h);
		return 0;
	case WIRE_FAIL:
		return 0;
	case WIRE_ONLINE:
		if (lane->state != LANE_STARTING)
			return 0;
		lane->state = LANE_UP;
		l->loss.ever_up = true;
		l->loss.refusals = 0;
		ev->type = LINK_UP;
		return 1;
	case WIRE_FOLDER:
		l->reported++;
		return 1;
	case WIRE_MESSAGE:
		l->loss.attempts = l->loss.suspects = l->loss.blamed = 0;
		l->loss.blamed_ms = 0;
		return 1;
	case WIRE_DONE:
		if (d->throttle_ms != 0)
			return 0; /* nothing was done; WIRE_FAIL follows */
		answered(lane);
		l->reported = l->skip = 0;
		l->loss.attempts = l->loss.unconnected = 0;
		return 1;
	default:
		return 1;
	}
}

static int
lane_of(const struct link *l, int worker)
{
	int i;

	for (i = 0; i < LINK_LANES; i++)
		if (l->lane[i].state > LANE_WAITING && l->lane[i].worker == worker)
			return i;
	return -1;
}

/* 1 for the caller, 0 swallowed, -1. */
static int
event(struct link *l, const struct crew_event *cev, struct link_event *ev, struct err *err)
{
	struct err e = ERR_INIT;

	if (cev->type == CREW_FD) {
		ev->type = LINK_FD;
		ev->fd = cev->fd;
		if (cev->fd != source_fd(l->source))
			return 1;
		switch (source_poll(l->source, &e)) {
		case 1:
			l->loss.token++;
			break;
		case -1:
			log_err(&e);
			l->source_dead = true;
			break;
		}
		return 0;
	}
	if ((ev->lane = lane_of(l, cev->worker)) == -1)
		return 0;
	if (cev->type == CREW_LOST)
		return lost(l, ev->lane, cev, ev, err);
	return packet(l, ev->lane, cev->packet, ev);
}

int
link_next(struct link *l, int timeout_ms, struct link_event *ev, struct err *err)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms, left;
	struct crew_event cev;
	int n, wait_ms, start_ms;

	for (;;) {
		memset(ev, 0, sizeof *ev);
		ev->lane = ev->fd = -1;
		if (start_due(l, err) == -1)
			return -1;
		crew_watch(l->crew, 0, l->source_dead ? -1 : source_fd(l->source));
		left = end == INT64_MAX ? INT_MAX : end - now_ms();
		wait_ms = left < 0 ? 0 : (int)left;
		if ((start_ms = next_start(l)) != -1 && start_ms < wait_ms)
			wait_ms = start_ms;
		else
			start_ms = -1;
		if (wait_ms == INT_MAX)
			wait_ms = -1;
		if ((n = crew_next(l->crew, wait_ms, &cev, err)) == -1)
			return -1;
		if (n == 0 && (start_ms == -1 || next_start(l) > 0))
			return 0; /* the time is up, or a signal */
		if (n == 1 && (n = event(l, &cev, ev, err)) != 0)
			return n;
	}
}
