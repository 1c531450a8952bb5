/*
 * filter: what the command of --pipe says of each message, and what follows.
 *
 * A message that it rejects is quarantined, but not at once: a command that
 * rejects five in a row is more likely broken than they are, and then none of
 * them is.  So rejected ones are held until another is accepted, or until
 * nothing else is left to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tool/pipe.h"
#include "tool/run.h"

#define REJECTED_MAX 5 /* in a row */

struct held {
	struct held *next;
	struct box *box;
	uint32_t uid;
	char why[160];
};

static void
hold(struct run *r, struct box *b, uint32_t uid, const char *why)
{
	struct held *h = xcalloc(1, sizeof *h);

	h->box = b;
	h->uid = uid;
	snprintf(h->why, sizeof h->why, "%s", why);
	h->next = r->held;
	r->held = h;
	r->nheld++;
	b->trials++; /* the folder's window stays open for it */
}

static struct held *
unhold(struct run *r)
{
	struct held *h = r->held;

	r->held = h->next;
	r->nheld--;
	h->box->trials--;
	return h;
}

bool
filter_flush(struct run *r)
{
	bool any = r->held != NULL;
	struct held *h;

	while (r->held != NULL && !r->over) {
		h = unhold(r);
		poison_quarantine(r, h->box, h->uid, h->why);
		free(h);
	}
	return any;
}

void
filter_free(struct run *r)
{
	while (r->held != NULL)
		free(unhold(r));
	free(r->script);
}

static void
rejected(struct run *r, struct task *t, uint32_t uid, const char *why)
{
	struct err e = ERR_INIT;

	if (t->retry) {
		poison_failed(r, t, UNBROKEN, why);
		return;
	}
	hold(r, t->box, uid, why);
	if (r->nheld < REJECTED_MAX)
		return;
	err_set(&e, ERR_CONFIG, STAGE_FETCH, t->box->name,
	    "%d messages in a row were rejected, and the run stops: %s", REJECTED_MAX, why);
	run_fatal(r, &e);
}

static void
broken(struct run *r, struct task *t, uint32_t uid, const char *why)
{
	struct err e = ERR_INIT;

	err_set(&e, ERR_CONFIG, STAGE_FETCH, t->box->name, "the run stops: %s (message %u)", why, uid);
	run_fatal(r, &e);
}

static void
later(struct run *r, struct task *t, uint32_t uid, const char *why)
{
	log_v(1, "%s: message %u is left for later: %s", t->box->name, uid, why);
	plan_leave(t->box->plan, uid);
	r->later++;
	snprintf(r->later_why, sizeof r->later_why, "%s", why);
}

void
filter_tell(struct run *r)
{
	struct err e = ERR_INIT;

	if (r->later == 0)
		return;
	err_set(&e, ERR_AGAIN, STAGE_FETCH, NULL, "%u message%s left for later; last: %s", r->later,
	    r->later == 1 ? " was" : "s were", r->later_why);
	run_error(r, &e);
}

bool
filter_accepts(struct run *r, struct task *t, const struct wire_message *m, int fd)
{
	struct pipe_message pm = { .user = r->store.user,
		.folder = t->box->name,
		.uidvalidity = t->box->uidvalidity,
		.uid = m->row.uid,
		.date = m->row.date,
		.fd = fd };
	struct err e = ERR_INIT;
	char why[160] = "";

	if (r->script == NULL)
		r->script = pipe_script(r->o->pipe_cmd);
	switch (pipe_run(r->script, r->o->pipe_timeout, &pm, why, &e)) {
	case PIPE_ACCEPTED:
		(void)filter_flush(r);
		return true;
	case PIPE_LATER:
		later(r, t, m->row.uid, why);
		return false;
	case PIPE_REJECTED:
		rejected(r, t, m->row.uid, why);
		return false;
	case PIPE_BROKEN:
		broken(r, t, m->row.uid, why);
		return false;
	default:
		run_fatal(r, &e);
		return false;
	}
}
