/*
 * poison: messages that the server has and cannot give (design §5).
 *
 * A message under suspicion is asked for alone (plan_back sees to that); if it
 * fails there too, without INTERNALDATE and FLAGS, either of which may be what
 * breaks the reply.  If that fails as well it is put aside, so that the others
 * go on: the first of them that comes proves that the server answers, and only
 * then is it quarantined, with a widening schedule of retries.  Where no other
 * follows, a message that came before is asked for again.  Without proof the
 * server is taken to be ill, and nothing is quarantined.
 *
 * Where the connection broke, something between here and the server may be what
 * ends each connection after so many bytes, and then what is too long for one is
 * as healthy as the rest.  So the proof must come over a connection that has
 * carried more than the one that broke: as many messages as that takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "tool/run.h"

#define PROBE_SPAN 4096 /* UIDs below the suspect among which a known one is looked for */
#define PROBES 32	/* for one suspect: they may be much shorter than what had come of it */

struct trial {
	struct trial *next;
	struct box *box;
	uint32_t uid;
	bool aside;	/* everything was tried; waits for proof */
	uint64_t heard; /* over the connection that broke; 0: an answer, or the worker's end */
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
begin(struct run *r, struct task *alone, const char *why)
{
	struct trial *t = xcalloc(1, sizeof *t);
	struct wire_range uid = { alone->uid, alone->uid };
	struct task *bare = task_new(TASK_BARE, alone->box);

	log_v(1, "%s: message %u alone: %s; trying without date and flags", alone->box->name, alone->uid,
	    why);
	t->box = alone->box;
	t->uid = alone->uid;
	t->next = r->trials;
	r->trials = t;
	t->box->trials++;
	bare->batch = alone->batch;
	bare->uid = alone->uid;
	bare->count = 1;
	task_ranges(bare, &uid, 1);
	task_queue(r, bare);
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
poison_failed(struct run *r, struct task *t, uint64_t heard, const char *why)
{
	struct trial *trial = find(r, t->box, t->uid);

	if (t->retry) {
		reschedule(r, t, why);
	} else if (trial == NULL) {
		begin(r, t, why);
	} else {
		trial->aside = true;
		trial->heard = heard;
		snprintf(trial->reason, sizeof trial->reason, "%s", why);
		plan_leave(t->box->plan, t->uid);
	}
}

void
poison_gone(struct run *r, const struct box *b, uint32_t uid)
{
	struct err e = ERR_INIT;

	if (state_poison_delete(r->store.state, b->gen.id, uid, &e) == -1)
		run_fatal(r, &e);
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

void
poison_proof(struct run *r, const struct box *b, uint32_t uid, uint64_t heard)
{
	struct trial *t = r->trials, *next;

	for (; t != NULL && !r->over; t = next) {
		next = t->next;
		if (t->box == b && t->uid == uid)
			end(r, t);
		else if (t->aside && heard > t->heard)
			convict(r, t);
	}
}

struct longest {
	uint32_t uid;
	uint64_t bytes;
};

static int
longer(const struct state_msg *m, void *arg)
{
	struct longest *l = arg;

	if ((m->how == HOW_FILE || m->how == HOW_PIPE || m->how == HOW_ADOPTED) && m->bytes >= l->bytes)
		*l = (struct longest){ m->uid, m->bytes };
	return 0;
}

/* A message of the folder that can be had, or could: 0 if none is known. */
static uint32_t
known_good(struct run *r, const struct trial *t)
{
	struct longest l = { .uid = t->box->good };
	uint32_t lo = t->uid > PROBE_SPAN ? t->uid - PROBE_SPAN : 1;
	struct err e = ERR_INIT;

	if (l.uid == 0 && state_msg_each(r->store.state, t->box->gen.id, lo, t->uid, longer, &l, &e) == -1)
		run_fatal(r, &e);
	return l.uid;
}

bool
poison_probe(struct run *r)
{
	struct trial *t;
	struct task *probe;
	struct wire_range range;

	for (t = r->trials; t != NULL && !r->over; t = t->next) {
		if (!t->aside || (range.lo = range.hi = known_good(r, t)) == 0)
			continue;
		if (t->probes++ == PROBES) {
			poison_ill(r, "no connection has carried as much since");
			return false;
		}
		log_v(1, "%s: asking for message %u again, to see whether the server answers", t->box->name,
		    range.lo);
		probe = task_new(TASK_PROBE, t->box);
		probe->uid = range.lo;
		probe->count = 1;
		task_ranges(probe, &range, 1);
		task_queue(r, probe);
		return true;
	}
	if (r->trials != NULL && !r->over)
		poison_ill(r, "there is no other message to compare with");
	return false;
}

void
poison_ill(struct run *r, const char *why)
{
	struct err e = ERR_INIT;
	struct trial *t = r->trials, *next;

	for (; t != NULL; t = next) {
		next = t->next;
		if (!t->aside)
			continue;
		err_set(&e, ERR_AGAIN, STAGE_FETCH, t->box->name, "message %u cannot be had now (%s), and %s",
		    t->uid, t->reason, why);
		run_error(r, &e);
		end(r, t);
	}
}
