/*
 * poison: messages that the server has and cannot give (design §5).
 *
 * A message under suspicion is asked for alone (plan_back sees to that); if it
 * fails there too, without INTERNALDATE and FLAGS, either of which may be what
 * breaks the reply.  If that fails as well it is put aside, so that the others
 * go on: one of them that comes proves that the server answers.  Then it is asked
 * for once more, since the server may have been ill for a while.  If it fails again,
 * and another one comes again, it is quarantined, with a widening schedule of
 * retries.  Where no other follows, messages that came before are asked for.  Without
 * proof the server is taken to be ill, and nothing is quarantined.
 *
 * Where the connection broke, something between here and the server may be what
 * ends each connection after so many bytes or seconds, and then what is too long
 * for one is as healthy as the rest.  So the proof must come over a connection
 * that has carried MARGIN times as much as one that the suspect was the first
 * on: as many messages as that takes.  For one that was merely slow there is none;
 * nor for any, once a connection has broken where it was nobody's fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "imap/net.h"
#include "tool/run.h"

#define MARGIN 2
#define PROBE_SPAN 4096	  /* UIDs below the suspect among which known ones are looked for */
#define PROBE_MAX 128	  /* messages in a probe, */
#define PROBE_BYTES 65536 /* or as many as are this long (more than one: some may have left the folder) */
#define PROBES 32	  /* for one suspect: they may be much shorter than what had come of it */

struct trial {
	struct trial *next;
	struct box *box;
	uint32_t uid;
	bool aside;	  /* everything was tried; waits for proof */
	bool proven;	  /* there was some, and it was asked for once more */
	uint64_t carried; /* the most, by those that broke; UNBROKEN: an answer, or the worker's end */
	unsigned probes;
	char reason[256];
};

static struct trial *
find(const struct run *r, const struct box *b, uint32_t uid)
{
	struct trial *t;

	for (t = r->trials; t != NULL; t = t->next)
		if (t->box == b && t->uid == uid)
			return t;
	return NULL;
}

static void
end(struct run *r, struct trial *t)
{
	struct trial **p;

	for (p = &r->trials; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	t->box->trials--;
	free(t);
}

void
poison_forget(struct run *r, const struct box *b)
{
	struct trial *t = r->trials, *next;

	for (; t != NULL; t = next) {
		next = t->next;
		if (t->box == b)
			end(r, t);
	}
}

void
poison_free(struct run *r)
{
	while (r->trials != NULL)
		end(r, r->trials);
}

static void
ask_bare(struct run *r, const struct trial *t, bool dated)
{
	struct wire_range uid = { t->uid, t->uid };
	struct task *bare = task_new(TASK_BARE, t->box);

	bare->uid = t->uid;
	bare->dated = dated;
	bare->count = 1;
	task_ranges(bare, &uid, 1);
	task_queue(r, bare);
}

static void
begin(struct run *r, const struct task *alone, uint64_t carried, const char *why)
{
	struct trial *t = xcalloc(1, sizeof *t);

	log_v(1, "%s: message %u alone: %s; trying without date and flags", alone->box->name, alone->uid,
	    why);
	t->box = alone->box;
	t->uid = alone->uid;
	t->carried = carried;
	t->next = r->trials;
	r->trials = t;
	t->box->trials++;
	ask_bare(r, t, false);
}

struct lookup {
	struct state_poison p; /* the one with p.uid, if found */
	bool found;
};

static int
lookup(const struct state_poison *p, void *arg)
{
	struct lookup *l = arg;

	if (p->uid != l->p.uid)
		return 0;
	l->p = *p;
	l->found = true;
	return 0;
}

/* Writes the quarantine row.  False if the run is over. */
static bool
put(struct run *r, const struct box *b, const struct state_poison *p)
{
	struct err e = ERR_INIT;

	if (state_poison_put(r->store.state, b->gen.id, p, &e) == 0)
		return true;
	run_fatal(r, &e);
	return false;
}

/* A retry that failed: later, and less often. */
static void
reschedule(struct run *r, struct task *t, const char *why)
{
	struct lookup l = { .p = { .uid = t->uid } };
	struct err e = ERR_INIT;

	if (state_poison_each(r->store.state, t->box->gen.id, lookup, &l, &e) == -1) {
		run_fatal(r, &e);
		return;
	}
	if (!l.found)
		l.p.first = time(NULL);
	l.p.tries++;
	l.p.next = state_poison_schedule(l.p.tries, time(NULL));
	snprintf(l.p.reason, sizeof l.p.reason, "%s", why);
	log_v(1, "%s: message %u still cannot be had: %s", t->box->name, t->uid, why);
	if (put(r, t->box, &l.p))
		(void)plan_done(t->box->plan, t->uid);
}

void
poison_quarantine(struct run *r, struct box *b, uint32_t uid, const char *why)
{
	struct state_poison p = { .uid = uid, .first = time(NULL), .tries = 1, .reported = true };
	struct err e = ERR_INIT;

	p.next = state_poison_schedule(p.tries, p.first);
	snprintf(p.reason, sizeof p.reason, "%s", why);
	if (!put(r, b, &p))
		return;
	err_set(&e, ERR_DATA, STAGE_FETCH, b->name,
	    "message %u is quarantined, and tried again from time to time: %s", uid, why);
	run_error(r, &e);
	if (b->plan != NULL)
		box_done_uid(r, b, uid);
}

static void
convict(struct run *r, struct trial *t)
{
	poison_quarantine(r, t->box, t->uid, t->reason);
	end(r, t);
}

/* Can anything prove t guilty? */
static bool
provable(const struct run *r, const struct trial *t)
{
	return t->carried == UNBROKEN || (t->carried != NET_SLOW && !r->flaky);
}

void
poison_failed(struct run *r, struct task *t, uint64_t carried, const char *why)
{
	struct trial *trial = find(r, t->box, t->uid);

	if (t->retry) {
		reschedule(r, t, why);
	} else if (trial == NULL && t->batch == 0) {
		return; /* it came meanwhile, by another task than TASK_BARE or its TASK_CHECK */
	} else if (trial == NULL) {
		begin(r, t, carried, why);
	} else {
		if (carried > trial->carried)
			trial->carried = carried;
		snprintf(trial->reason, sizeof trial->reason, "%s", why);
		plan_leave(t->box->plan, t->uid);
		trial->aside = true;
	}
}

void
poison_gone(struct run *r, const struct box *b, uint32_t uid)
{
	struct trial *t = find(r, b, uid);
	struct err e = ERR_INIT;

	if (t != NULL)
		end(r, t);
	else if (state_poison_delete(r->store.state, b->gen.id, uid, &e) == -1)
		run_fatal(r, &e);
}

static bool
proves(const struct run *r, const struct trial *t, uint64_t carried)
{
	return provable(r, t) && (t->carried == UNBROKEN || carried / MARGIN > t->carried);
}

static void
once_more(struct run *r, struct trial *t)
{
	log_v(1, "%s: message %u for the last time, now that others come", t->box->name, t->uid);
	t->aside = false;
	t->proven = true;
	plan_await(t->box->plan, t->uid);
	ask_bare(r, t, true);
}

void
poison_proof(struct run *r, const struct box *b, uint32_t uid, uint64_t carried)
{
	struct trial *t = r->trials, *next;

	for (; t != NULL && !r->over; t = next) {
		next = t->next;
		if (t->box == b && t->uid == uid) {
			if (t->proven && t->carried != UNBROKEN)
				r->flaky = true;
			end(r, t);
		} else if (t->aside && proves(r, t, carried)) {
			if (t->proven)
				convict(r, t);
			else
				once_more(r, t);
		}
	}
}

struct known {
	uint32_t uid[PROBE_MAX]; /* the last of those below the suspect, ascending */
	uint64_t bytes[PROBE_MAX];
	size_t n;
};

static int
known(const struct state_msg *m, void *arg)
{
	struct known *k = arg;

	if (m->how != HOW_FILE && m->how != HOW_PIPE && m->how != HOW_ADOPTED)
		return 0;
	if (k->n == PROBE_MAX) {
		k->n--;
		memmove(k->uid, k->uid + 1, k->n * sizeof k->uid[0]);
		memmove(k->bytes, k->bytes + 1, k->n * sizeof k->bytes[0]);
	}
	k->uid[k->n] = m->uid;
	k->bytes[k->n++] = m->bytes;
	return 0;
}

/* Messages of the folder that can be had, or could: NULL if none is known. */
static struct task *
probe(struct run *r, const struct trial *t)
{
	uint32_t lo = t->uid > PROBE_SPAN ? t->uid - PROBE_SPAN : 1;
	uint64_t want = t->carried > PROBE_BYTES / MARGIN ? MARGIN * t->carried : PROBE_BYTES, bytes = 0;
	struct wire_range range[PROBE_MAX + 1];
	struct known k = { .n = 0 };
	struct err e = ERR_INIT;
	struct task *p;
	size_t first, n = 0;

	if (state_msg_each(r->store.state, t->box->gen.id, lo, t->uid, known, &k, &e) == -1) {
		run_fatal(r, &e);
		return NULL;
	}
	for (first = k.n; first > 0 && bytes < want; first--)
		bytes += k.bytes[first - 1];
	if (t->box->good != 0)
		range[n++] = (struct wire_range){ t->box->good, t->box->good };
	n += plan_pack(range + n, k.uid + first, k.n - first);
	if (n == 0)
		return NULL;
	p = task_new(TASK_PROBE, t->box);
	p->count = (uint32_t)(k.n - first) + (t->box->good != 0);
	task_ranges(p, range, n);
	return p;
}

bool
poison_probe(struct run *r)
{
	struct trial *t;
	struct task *p = NULL;

	for (t = r->trials; t != NULL && p == NULL && !r->over; t = t->next)
		if (t->aside && provable(r, t) && t->probes++ < PROBES && (p = probe(r, t)) != NULL)
			log_v(1, "%s: asking for what came before, to see whether the server answers",
			    t->box->name);
	if (p != NULL)
		task_queue(r, p);
	else if (r->trials != NULL && !r->over)
		poison_ill(r, NULL, "nothing shows that it is the message's fault");
	return p != NULL;
}

void
poison_ill(struct run *r, const struct box *b, const char *why)
{
	struct err e = ERR_INIT;
	struct trial *t = r->trials, *next;

	for (; t != NULL; t = next) {
		next = t->next;
		if (!t->aside || (b != NULL && t->box != b))
			continue;
		err_set(&e, ERR_AGAIN, STAGE_FETCH, t->box->name, "message %u cannot be had now (%s), and %s",
		    t->uid, t->reason, why);
		run_error(r, &e);
		end(r, t);
	}
}
