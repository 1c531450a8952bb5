#include "tool/commit.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/wire.h"
#include "tool/durable.h"
#include "tool/place.h"
#include "tool/recover.h"

struct item {
	const struct commit_box *box; /* foreign */
	struct state_msg m;
	bool file;	/* it has one in the stage */
	int fd;		/* owned; -1: none, or not needed any more */
	int64_t oldgen; /* adopted: from there; else 0 */
	uint32_t olduid;
};

struct settle {
	int64_t gen;
	uint32_t settled, uidnext;
};

/* What gathers until it is committed. */
struct group {
	struct item *item;
	size_t n, cap;
	size_t files; /* of the items */
	struct settle *settle;
	size_t nsettle, settle_cap;
	uint64_t bytes;
	int64_t since_ms;
	int *fds;      /* owned: while it is made durable */
	bool recorded; /* it is the state's: its files are not ours to remove */
};

struct commit {
	struct state *state; /* foreign, as the next two */
	struct maildir *md;  /* or NULL */
	struct ledger *out;
	struct group g;	     /* gathers */
	struct group sealed; /* step 1 is in its thread; or empty */
	struct durable_job job;
	bool busy; /* that thread */
	int event;
	enum durable_way way;
	bool placed; /* the last group is placed, and the state does not know yet */
	bool mute;   /* receipts cannot be written: they stay owed */
	bool broken;
	void (*on_free)(uint32_t, void *);
	void *arg;
};

struct commit *
commit_new(struct state *st, struct maildir *md, struct ledger *out)
{
	struct commit *c = xcalloc(1, sizeof *c);

	c->state = st;
	c->md = md;
	c->out = out;
	c->event = -1;
	return c;
}

static void
group_release(struct commit *c, struct group *g)
{
	struct item *it;

	for (it = g->item; it < g->item + g->n; it++) {
		if (it->fd != -1)
			close(it->fd);
		if (it->file && !g->recorded)
			maildir_stage_unlink(c->md, it->m.slot);
	}
	free(g->item);
	free(g->settle);
	free(g->fds);
}

void
commit_free(struct commit *c)
{
	struct err ignored;

	if (c == NULL)
		return;
	if (c->busy)
		(void)durable_join(&c->job, &ignored);
	group_release(c, &c->sealed);
	group_release(c, &c->g);
	if (c->event != -1)
		close(c->event);
	free(c);
}

void
commit_on_free(struct commit *c, void (*cb)(uint32_t, void *), void *arg)
{
	c->on_free = cb;
	c->arg = arg;
}

int
commit_recover(struct commit *c, const char *user, const char *host, struct err *err)
{
	if (recover(c->state, c->md, c->out, user, host, err) == -1)
		return -1;
	c->way = c->md != NULL ? durable_way(maildir_stage_fd(c->md)) : DURABLE_EACH;
	c->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return 0;
}

static void
begin_group(struct group *g)
{
	if (g->n == 0 && g->nsettle == 0)
		g->since_ms = now_ms();
}

static struct item *
new_item(struct group *g)
{
	begin_group(g);
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 64;
		g->item = xreallocarray(g->item, g->cap, sizeof *g->item);
	}
	return &g->item[g->n++];
}

int
commit_add(struct commit *c, const struct commit_box *box, const struct state_msg *m, int fd, struct err *err)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)m->date } };
	struct item *it;

	if (fd != -1 && m->date != DATE_NONE && futimens(fd, ts) == -1) {
		err_sys(err, ERR_IO, STAGE_FILE, errno, maildir_path(c->md),
		    "cannot set the time of a message");
		close(fd);
		maildir_stage_unlink(c->md, m->slot);
		return -1;
	}
	it = new_item(&c->g);
	*it = (struct item){ .box = box, .m = *m, .file = fd != -1, .fd = fd };
	c->g.bytes += m->bytes;
	c->g.files += it->file;
	if (c->way != DURABLE_EACH && it->file && c->g.files > DURABLE_FEW) {
		(void)close(it->fd); /* syncfs needs none; a lost write shows there */
		it->fd = -1;
	}
	return 0;
}

void
commit_adopt(struct commit *c, const struct commit_box *box, uint32_t uid, int64_t date, int64_t oldgen,
    uint32_t olduid)
{
	*new_item(&c->g) = (struct item){ .box = box,
		.m = { .uid = uid, .date = date, .how = HOW_ADOPTED },
		.fd = -1,
		.oldgen = oldgen,
		.olduid = olduid };
}

void
commit_settle(struct commit *c, int64_t gen, uint32_t settled, uint32_t uidnext)
{
	struct group *g = &c->g;
	size_t i;

	for (i = 0; i < g->nsettle && g->settle[i].gen != gen; i++)
		;
	if (i == g->nsettle) {
		begin_group(g);
		if (i == g->settle_cap) {
			g->settle_cap = g->settle_cap ? 2 * g->settle_cap : 8;
			g->settle = xreallocarray(g->settle, g->settle_cap, sizeof *g->settle);
		}
		g->nsettle++;
	}
	g->settle[i] = (struct settle){ gen, settled, uidnext };
}

static bool
empty(const struct group *g)
{
	return g->n == 0 && g->nsettle == 0;
}

static bool
full(const struct commit *c, unsigned times)
{
	const struct group *g = &c->g;
	size_t most = c->md == NULL || c->way != DURABLE_EACH ? COMMIT_MESSAGES : COMMIT_OPEN;

	return g->n >= times * most || g->bytes >= (uint64_t)times * COMMIT_BYTES;
}

int
commit_due(const struct commit *c)
{
	int64_t left;

	if (c->busy || empty(&c->g))
		return -1;
	if (full(c, 1))
		return 0;
	left = c->g.since_ms + COMMIT_MS - now_ms();
	return left > 0 ? (int)left : 0;
}

int
commit_fd(const struct commit *c)
{
	return c->busy ? c->event : -1;
}

/* Step 1, as a job for this thread or another. */
static void
durable_job(struct commit *c, struct group *g)
{
	struct item *it;
	size_t open = 0;

	g->fds = xreallocarray(g->fds, g->n + 1, sizeof *g->fds);
	for (it = g->item; it < g->item + g->n; it++)
		if (it->fd != -1)
			g->fds[open++] = it->fd;
	c->job = (struct durable_job){ .fds = g->fds,
		.n = g->files,
		.dirfd = c->md == NULL ? -1 : maildir_stage_fd(c->md),
		.way = c->way,
		.event = c->event };
}

static int
record_item(struct commit *c, const struct item *it, struct err *err)
{
	if (it->oldgen != 0)
		return state_adopt(c->state, it->oldgen, it->olduid, it->box->gen, it->m.uid, it->m.date,
		    err);
	return state_msg_add(c->state, it->box->gen, &it->m, err);
}

static int
record_rows(struct commit *c, const struct group *g, struct err *err)
{
	size_t i;

	if (c->placed &&
	    (state_delivered(c->state, err) == -1 || (!c->mute && state_paid(c->state, err) == -1)))
		return -1;
	for (i = 0; i < g->n; i++)
		if (record_item(c, &g->item[i], err) == -1)
			return -1;
	for (i = 0; i < g->nsettle; i++)
		if (state_settle(c->state, g->settle[i].gen, g->settle[i].settled, g->settle[i].uidnext,
			err) == -1)
			return -1;
	return 0;
}

/* Step 2. */
static int
record(struct commit *c, struct group *g, struct err *err)
{
	g->recorded = true;
	if (state_begin(c->state, err) == -1)
		return -1;
	if (record_rows(c, g, err) == -1) {
		state_rollback(c->state);
		return -1;
	}
	if (state_commit(c->state, err) != STATE_OK)
		return -1;
	c->placed = false;
	return 0;
}

static struct place_id
id_of(const struct commit_box *b)
{
	return (struct place_id){ b->user, b->host, b->folder, b->uidvalidity, b->subdir };
}

/* Steps 3 and 4. */
static int
place(struct commit *c, const struct group *g, struct err *err)
{
	struct place_id id;
	struct item *it;

	for (it = g->item; it < g->item + g->n; it++) {
		if (!it->file)
			continue;
		if (it->fd != -1)
			close(it->fd);
		it->fd = -1;
		id = id_of(it->box);
		switch (place_file(c->md, &id, &it->m, err)) {
		case -1:
			return -1;
		case -2:
			return err_set(err, ERR_INTERNAL, STAGE_FILE, maildir_path(c->md),
			    "a staged message has gone; does another program clean tmp/mstools?");
		}
		if (c->on_free != NULL)
			c->on_free(it->m.slot, c->arg);
	}
	return c->md == NULL ? 0 : maildir_sync(c->md, err);
}

/* Step 5. */
static int
write_receipts(struct commit *c, const struct group *g, struct err *err)
{
	struct str path = STR_INIT;
	struct place_id id;
	struct item *it;
	int rc = 0;

	for (it = g->item; it < g->item + g->n && rc == 0; it++) {
		if (it->m.how == HOW_ADOPTED)
			continue;
		id = id_of(it->box);
		str_clear(&path);
		if (it->m.how == HOW_FILE)
			place_path(&path, c->md, &id, &it->m);
		else
			str_adds(&path, "-");
		rc = place_receipt(c->out, &id, &it->m, path.s, err);
	}
	str_release(&path);
	return rc == 0 ? ledger_flush(c->out, err) : -1;
}

/* Steps 2 to 5; then g is empty. */
static int
after_step_1(struct commit *c, struct group *g, struct err *err)
{
	int rc = 0;

	if (record(c, g, err) == -1 || place(c, g, err) == -1) {
		c->broken = true;
		return -1;
	}
	if (!c->mute && (rc = write_receipts(c, g, err)) == -1)
		c->mute = true;
	g->n = g->nsettle = g->files = 0;
	g->bytes = 0;
	g->recorded = false;
	c->placed = true;
	return rc;
}

/* The sealed group, whose thread has ended or is waited for. */
static int
finish_sealed(struct commit *c, struct err *err)
{
	c->busy = false;
	if (durable_join(&c->job, err) == -1) {
		c->broken = true;
		return -1;
	}
	return after_step_1(c, &c->sealed, err);
}

static int
whole_group(struct commit *c, struct err *err)
{
	struct durable_job *j = &c->job;

	durable_job(c, &c->g);
	if (j->n > 0 && durable_files(j->fds, j->n, j->dirfd, j->way, err) == -1) {
		c->broken = true;
		return -1;
	}
	return after_step_1(c, &c->g, err);
}

static int
usable(const struct commit *c, struct err *err)
{
	if (c->broken)
		return err_set(err, ERR_IO, STAGE_FILE, NULL, "an earlier commit failed");
	return 0;
}

int
commit_group(struct commit *c, struct err *err)
{
	struct err e = ERR_INIT;
	int rc = 0;

	if (usable(c, err) == -1)
		return -1;
	if (c->busy)
		rc = finish_sealed(c, err);
	if (c->broken || empty(&c->g) || whole_group(c, &e) == 0)
		return rc;
	err_merge(err, &e);
	return -1;
}

/* The group in hand goes to its thread, and an empty one takes its place. */
static bool
seal(struct commit *c)
{
	struct group g = c->g;

	durable_job(c, &g);
	if (c->job.n <= DURABLE_FEW || c->event == -1 || durable_start(&c->job) == -1) {
		c->g.fds = g.fds;
		return false;
	}
	c->g = c->sealed;
	c->sealed = g;
	c->busy = true;
	return true;
}

static bool
ended(const struct commit *c)
{
	struct pollfd p = { .fd = c->event, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

int
commit_step(struct commit *c, struct err *err)
{
	if (usable(c, err) == -1)
		return -1;
	if (c->busy && (ended(c) || full(c, 2)) && finish_sealed(c, err) == -1)
		return -1;
	if (commit_due(c) != 0 || seal(c))
		return 0;
	return whole_group(c, err);
}

int
commit_finish(struct commit *c, struct err *err)
{
	struct err e = ERR_INIT;
	int rc;

	if (c->broken)
		return 0; /* it has been told */
	rc = commit_group(c, err);
	if (c->broken || !c->placed)
		return rc;
	if (state_finish(c->state, !c->mute, &e) != STATE_OK) {
		c->broken = true;
		err_merge(err, &e);
		return -1;
	}
	c->placed = false;
	return rc;
}
