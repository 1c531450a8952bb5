/* deliver: what the workers answer, and what becomes of it. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/progress.h"
#include "tool/run.h"

#define DISTRUSTED_MAX 3 /* workers that lie, before the fault is taken to be ours */

#define SURPLUS 64 /* messages that nobody wanted, beside as many as were */

#define WHY_EMPTY "the server says OK and does not send it"
#define WHY_SUBSTITUTE "the server cannot render it and sends a notice in its place"

/* The worker says what cannot be: it is not to be trusted any longer. */
static void
distrust(struct run *r, int lane, const char *what)
{
	struct err e = ERR_INIT;

	if (++r->distrusted > DISTRUSTED_MAX) {
		err_set(&e, ERR_INTERNAL, STAGE_FETCH, "msworker", "%s", what);
		run_fatal(r, &e);
		return;
	}
	log_warn("msworker: %s; starting another", what);
	link_renew(r->link, lane);
}

static struct state_msg
row_of(const struct run *r, const struct wire_message *m)
{
	struct state_msg row = { .uid = m->row.uid,
		.date = m->row.date,
		.bytes = m->bytes,
		.msgid = m->row.msgid,
		.slot = m->slot };

	memcpy(row.sha256, m->sha256, sizeof row.sha256);
	row.flags = r->o->keep_flags ? m->row.flags & PLACE_FLAGS : 0;
	row.how = r->store.md != NULL ? HOW_FILE : HOW_PIPE;
	return row;
}

/* A message to be delivered: to the group in hand. */
static void
keep(struct run *r, struct box *b, const struct wire_message *m, int fd)
{
	struct state_msg row = row_of(r, m);
	struct err e = ERR_INIT;

	if (row.how == HOW_PIPE) {
		slots_discard(r->slots, m->slot, fd);
		fd = -1;
	}
	if (commit_add(r->commit, &b->where, &row, fd, &e) == -1) {
		run_fatal(r, &e);
		return;
	}
	box_done_uid(r, b, row.uid);
	progress_add(1, row.bytes);
	r->report->messages++;
	r->report->bytes += row.bytes;
}

static void
arrived(struct run *r, struct lane_work *l, struct task *t, const struct wire_message *m, int fd)
{
	struct box *b = t->box;

	l->used = true;
	if (t->kind != TASK_BARE || t->uid == m->row.uid)
		t->came++;
	b->good = m->row.uid;
	blame_came(r, b, m->row.uid);
	if (takeover_body(r, b, m))
		slots_discard(r->slots, m->slot, fd);
	else if (r->o->pipe_cmd == NULL || filter_accepts(r, t, m, fd))
		keep(r, b, m, fd);
	else
		slots_discard(r->slots, m->slot, fd);
	if (!r->over)
		poison_proof(r, b, m->row.uid, m->carried);
}

/* Not asked for, or known, or here already: a few come by accident. */
static void
unwanted(struct run *r, struct task *t, const struct wire_message *m, int fd)
{
	struct err e = ERR_INIT;

	slots_discard(r->slots, m->slot, fd);
	if (t == NULL || ++t->surplus <= t->count + SURPLUS)
		return;
	err_set(&e, ERR_PROTO, STAGE_FETCH, t->box != NULL ? t->box->name : NULL,
	    "the server sends messages without end that were not asked for");
	run_fatal(r, &e);
}

static bool
asked_for(const struct task *t, uint32_t uid)
{
	size_t i;

	for (i = 0; i < t->nrange; i++)
		if (t->range[i].lo <= uid && uid <= t->range[i].hi)
			return true;
	return false;
}

/* Is the file as long as the worker says? */
static bool
true_size(int fd, const struct wire_message *m)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size == m->bytes;
}

static void
message(struct run *r, int lane, const struct wire_message *m)
{
	struct task *t = task_find(r, lane, m->head.job);
	int fd;

	if (slots_take(r->slots, lane, m->slot, &fd) == -1) {
		distrust(r, lane, "a message in a file that it was not given");
		return;
	}
	if (t != NULL)
		t->begun = false;
	if (!true_size(fd, m)) {
		slots_discard(r->slots, m->slot, fd);
		distrust(r, lane, "a message of another size than its file");
	} else if (t != NULL && (m->flags & WM_SUBSTITUTE)) {
		slots_discard(r->slots, m->slot, fd);
		snprintf(t->why, sizeof t->why, "%s", WHY_SUBSTITUTE);
	} else if (t != NULL && t->kind == TASK_PROBE && t->came < t->count && asked_for(t, m->row.uid)) {
		slots_discard(r->slots, m->slot, fd);
		r->lane[lane].used = true;
		t->came++;
		poison_proof(r, t->box, m->row.uid, m->carried);
	} else if (t == NULL || t->box == NULL || t->box->plan == NULL || t->box->phase != BOX_FETCHES ||
	    !plan_came(t->box->plan, m->row.uid, m->bytes)) {
		unwanted(r, t, m, fd);
	} else {
		arrived(r, &r->lane[lane], t, m, fd);
	}
}

static void
rows(struct run *r, int lane, const struct wire_rows *w)
{
	struct task *t = task_find(r, lane, w->head.job);
	uint32_t i;

	if (t == NULL || t->box == NULL || t->box->plan == NULL)
		return;
	for (i = 0; i < w->n && t->kind == TASK_LIST && t->box->phase == BOX_LISTS; i++) {
		plan_row(t->box->plan, w->row[i].uid, w->row[i].date, w->row[i].size);
		takeover_row(r, t->box, &w->row[i]);
		if (r->o->baseline)
			baseline_row(t->box, &w->row[i]);
	}
	for (i = 0; i < w->n && t->kind == TASK_ANCHOR; i++)
		renumber_anchored(t, &w->row[i]);
	if (t->kind != TASK_CHECK || t->nanswered + w->n > 2 * (size_t)t->count + 64)
		return; /* a server that repeats itself gets no memory for it */
	t->answered = xreallocarray(t->answered, t->nanswered + w->n, sizeof *t->answered);
	for (i = 0; i < w->n; i++)
		t->answered[t->nanswered++] = w->row[i].uid;
}

/* UIDs of messages that are there, whatever else is known of them. */
static void
found(struct run *r, int lane, const struct wire_uids *w)
{
	struct task *t = task_find(r, lane, w->head.job);
	uint32_t i;

	if (t == NULL || t->kind != TASK_SEARCH || t->box->plan == NULL || t->box->phase != BOX_LISTS)
		return;
	for (i = 0; i < w->n; i++)
		plan_row(t->box->plan, w->uid[i], DATE_NONE, 0);
}

/* Which of the batch's messages that did not come does the server still have? */
static void
check(struct run *r, struct task *batch, const char *why)
{
	const uint32_t *uids;
	size_t n = plan_missing(batch->box->plan, batch->batch, &uids);
	struct task *t;

	if (n == 0)
		return;
	t = task_new(TASK_CHECK, batch->box);
	t->batch = batch->batch;
	t->uid = batch->uid;
	t->alone = batch->alone;
	t->retry = batch->retry;
	t->count = (uint32_t)n;
	t->range = xcalloc(n, sizeof *t->range);
	t->nrange = plan_pack(t->range, uids, n);
	snprintf(t->why, sizeof t->why, "%s", *batch->why ? batch->why : why);
	task_queue(r, t);
}

/* The same for one on trial. */
static void
check_bare(struct run *r, const struct task *bare)
{
	struct task *t = task_new(TASK_CHECK, bare->box);

	t->uid = bare->uid;
	t->count = 1;
	task_ranges(t, bare->range, bare->nrange);
	snprintf(t->why, sizeof t->why, "%s", WHY_EMPTY);
	task_queue(r, t);
}

static bool
answered(const struct task *t, uint32_t uid)
{
	size_t i;

	for (i = 0; i < t->nanswered; i++)
		if (t->answered[i] == uid)
			return true;
	return false;
}

static void
gone(struct run *r, struct task *t, uint32_t uid)
{
	log_v(1, "%s: message %u has gone from the server", t->box->name, uid);
	if (t->retry || t->batch == 0)
		poison_gone(r, t->box, uid);
	if (!r->over)
		box_done_uid(r, t->box, uid);
}

static void
checked_bare(struct run *r, struct task *t)
{
	if (answered(t, t->uid))
		poison_failed(r, t, UNBROKEN, t->why);
	else
		gone(r, t, t->uid);
}

/* What is gone is done with; what is not is under suspicion. */
static void
checked(struct run *r, struct task *t)
{
	const uint32_t *uids;
	size_t n = plan_missing(t->box->plan, t->batch, &uids), i;
	uint32_t *copy = n == 0 ? NULL : xreallocarray(NULL, n, sizeof *copy);

	if (n > 0)
		memcpy(copy, uids, n * sizeof *copy);
	for (i = 0; i < n && !r->over; i++)
		if (!answered(t, copy[i]))
			gone(r, t, copy[i]);
	free(copy);
	if (r->over || plan_missing(t->box->plan, t->batch, &uids) == 0)
		return;
	if (t->alone || t->retry)
		poison_failed(r, t, UNBROKEN, t->why);
	else
		plan_back(t->box->plan, t->batch, true);
}

/* The server would not do it: this folder, this time. */
static void
refused(struct run *r, struct task *t, const char *text)
{
	struct err e = ERR_INIT;

	err_set(&e, ERR_AGAIN, STAGE_FETCH, t->box->name, "%s", text);
	run_error(r, &e);
	box_drop(r, t->box);
}

/* The folder is not what it was at the first look. */
static bool
folder_changed(struct run *r, struct task *t, const struct wire_done *d)
{
	struct err e = ERR_INIT;

	if (d->result == DONE_GONE) {
		log_warn("%s: the folder has gone while its messages were fetched: %s", t->box->name,
		    d->text);
	} else if (d->result == DONE_STALE) {
		err_set(&e, ERR_AGAIN, STAGE_FOLDER, t->box->name,
		    "UIDVALIDITY changed from %u to %u during the run", t->box->uidvalidity, d->uidvalidity);
		run_error(r, &e);
	} else {
		return false;
	}
	box_drop(r, t->box);
	return true;
}

static void
batch_done(struct run *r, struct task *t, const struct wire_done *d)
{
	if (d->result == DONE_OK)
		check(r, t, WHY_EMPTY);
	else
		check(r, t, d->text);
}

static void
box_answer(struct run *r, struct task *t, const struct wire_done *d)
{
	struct err e = ERR_INIT;

	switch (t->kind) {
	case TASK_LIST:
		if (d->result != DONE_OK)
			refused(r, t, d->text);
		break;
	case TASK_BATCH:
		batch_done(r, t, d);
		break;
	case TASK_CHECK:
		if (d->result == DONE_OK && t->batch == 0)
			checked_bare(r, t);
		else if (d->result == DONE_OK)
			checked(r, t);
		else
			refused(r, t, d->text);
		break;
	case TASK_BARE:
		if (t->came > 0)
			break;
		if (d->result == DONE_OK && *t->why == '\0')
			check_bare(r, t);
		else
			poison_failed(r, t, UNBROKEN, d->result == DONE_OK ? t->why : d->text);
		break;
	case TASK_PROBE:
		if (t->came == 0)
			poison_ill(r, t->box, "messages that came before do not come either");
		break;
	case TASK_SEARCH: /* the list alone must do where the server refuses */
	case TASK_ANCHOR:
	case TASK_LOOK:
		break;
	}
	/* Whichever answer is the last one: the list's, or of what was asked beside it. */
	if (t->box->phase == BOX_LISTS && t->box->tasks == 1 && !t->box->renew && box_listed(t->box) &&
	    box_ready(r, t->box, &e) == -1)
		run_fatal(r, &e);
}

static void
done(struct run *r, int lane, const struct wire_done *d)
{
	struct task *t = task_find(r, lane, d->head.job);

	if (t == NULL)
		return;
	task_take(r, lane, t);
	if (t->kind == TASK_LOOK)
		look_done(r, d);
	else if (t->box->plan != NULL && !folder_changed(r, t, d))
		box_answer(r, t, d);
	task_free(t);
}

static void
packet(struct run *r, int lane, const struct wire_head *h)
{
	struct task *t;

	switch (h->type) {
	case WIRE_FOLDER:
		t = task_find(r, lane, h->job);
		if (t != NULL && t->kind == TASK_LOOK)
			look_folder(r, (const void *)h);
		break;
	case WIRE_ROWS:
		rows(r, lane, (const void *)h);
		break;
	case WIRE_UIDS:
		found(r, lane, (const void *)h);
		break;
	case WIRE_BEGIN:
		if ((t = task_find(r, lane, h->job)) != NULL)
			t->begun = true;
		break;
	case WIRE_MESSAGE:
		message(r, lane, (const void *)h);
		break;
	case WIRE_DONE:
		done(r, lane, (const void *)h);
		break;
	default:
		break;
	}
}

/* A task that was in flight on a lane that is lost.  blamed: it may be what broke the connection. */
static void
lost_task(struct run *r, struct task *t, bool blamed, uint64_t carried, const char *why)
{
	const uint32_t *uids;

	switch (t->box == NULL || t->box->plan == NULL ? TASK_LOOK : t->kind) {
	case TASK_LOOK:
		break;
	case TASK_BATCH:
		if (blamed && (t->alone || t->retry) && plan_missing(t->box->plan, t->batch, &uids) > 0)
			poison_failed(r, t, carried, why);
		else
			plan_back(t->box->plan, t->batch, blamed);
		break;
	case TASK_BARE:
		if (blamed && t->came == 0) {
			poison_failed(r, t, carried, why);
			break;
		}
		if (t->came > 0)
			break;
		task_queue(r, t);
		return;
	case TASK_PROBE:
		if (blamed) {
			r->flaky = true;
			poison_ill(r, t->box, "the connection breaks at messages that came before, too");
			break;
		}
		task_queue(r, t);
		return;
	case TASK_LIST:
	case TASK_SEARCH:
	case TASK_ANCHOR:
	case TASK_CHECK:
		t->nanswered = 0;
		task_queue(r, t);
		return;
	}
	task_free(t);
}

static void
lost(struct run *r, const struct link_event *ev)
{
	struct lane_work *l = &r->lane[ev->lane], was = *l;
	const struct task *guilty = blame_lost(r, &was, ev);
	unsigned i;

	l->up = false;
	l->ntask = 0;
	slots_lost(r->slots, ev->lane);
	for (i = 0; i < was.ntask; i++)
		lost_task(r, was.task[i], was.task[i] == guilty, was.used ? UNBROKEN : ev->carried,
		    ev->why.text);
}

void
deliver_event(struct run *r, const struct link_event *ev)
{
	switch (ev->type) {
	case LINK_UP:
		r->lane[ev->lane].up = true;
		r->lane[ev->lane].used = false;
		r->lane[ev->lane].since_ms = now_ms();
		break;
	case LINK_PACKET:
		packet(r, ev->lane, ev->packet);
		break;
	case LINK_LOST:
	case LINK_GONE:
		lost(r, ev);
		break;
	case LINK_FD:
		break;
	}
}
