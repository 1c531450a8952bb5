/*
 * plan_box: whole mailboxes over many runs, with limits that change, workers
 * that die and runs that are killed.  Nothing is lost, nothing comes twice.
 */
#include <stdint.h>

#include "mail/plan.h"
#include "t.h"

static const struct plan_params NOLIMIT = { .settled = 1,
	.uidnext = 1,
	.since = INT64_MIN,
	.before = INT64_MAX };

static struct plan_params
params(uint32_t settled, uint32_t uidnext)
{
	struct plan_params par = NOLIMIT;

	par.settled = settled;
	par.uidnext = uidnext;
	return par;
}

/* A small generator of our own: the same numbers everywhere. */
static uint64_t rng;

static uint32_t
rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return n == 0 ? 0 : (uint32_t)(rng >> 20) % n;
}

#define BOX 400
struct box {
	bool exists[BOX], known[BOX], poison[BOX], baselined[BOX];
	int64_t date[BOX];
	uint64_t size[BOX];
	uint32_t settled, uidnext;
	struct state_skip skip[BOX * 3];
	size_t nskip;
	struct state_skip newskip[BOX * 3];
	size_t nnew;
	unsigned twice, below, outside; /* faults */
};

static int
box_skip(const struct state_skip *s, void *arg)
{
	struct box *x = arg;

	x->newskip[x->nnew++] = *s;
	return 0;
}

static void
box_skips(struct box *x, const struct plan *p)
{
	x->nnew = 0;
	plan_skips(p, box_skip, x);
	memcpy(x->skip, x->newskip, x->nnew * sizeof *x->skip);
	x->nskip = x->nnew;
}

static bool
box_passes(const struct box *x, uint32_t uid, const struct plan_params *par)
{
	return x->date[uid] >= par->since && x->date[uid] < par->before &&
	    (par->max_size == 0 || x->size[uid] <= par->max_size);
}

/* Is every existing message known, quarantined, baselined, at or above settled, or in a range? */
static bool
box_safe(const struct box *x)
{
	uint32_t uid;
	size_t i;

	for (uid = 1; uid < x->uidnext && uid < x->settled; uid++) {
		if (!x->exists[uid] || x->known[uid] || x->poison[uid] || x->baselined[uid])
			continue;
		for (i = 0; i < x->nskip; i++)
			if (x->skip[i].lo <= uid && uid <= x->skip[i].hi)
				break;
		if (i == x->nskip)
			return false;
	}
	return true;
}

static void
box_grow(struct box *x, int64_t now)
{
	uint32_t n = rnd(40), uid;

	for (; n > 0 && x->uidnext < BOX; n--) {
		uid = x->uidnext++;
		x->exists[uid] = rnd(5) != 0;
		x->date[uid] = now - rnd(30);
		x->size[uid] = 1 + rnd(1000);
	}
	for (n = rnd(5); n > 0; n--)
		x->exists[1 + rnd(BOX - 1)] = false;
}

static struct plan *
box_plan(struct box *x, const struct plan_params *par)
{
	struct plan *p = plan_new(par);
	const struct wire_range *r;
	size_t i, n;
	uint32_t uid;

	for (i = 0; i < x->nskip; i++)
		plan_skip(p, &x->skip[i]);
	for (uid = 1; uid < BOX; uid++)
		if (x->poison[uid])
			plan_poison(p, uid, rnd(2));
	n = plan_look(p, &r);
	for (i = 0; i < n; i++)
		for (uid = r[i].lo; uid <= r[i].hi && uid < BOX; uid++) {
			if (x->known[uid])
				plan_known(p, uid);
		}
	if (plan_small(p)) {
		plan_assume(p);
	} else {
		for (i = 0; i < n; i++)
			for (uid = r[i].lo; uid <= r[i].hi && uid < BOX; uid++)
				if (x->exists[uid])
					plan_row(p, uid, x->date[uid], x->size[uid]);
	}
	plan_ready(p);
	return p;
}

struct flight {
	uint32_t id, n, uid[PLAN_BATCH_MESSAGES];
	bool retry;
};

static void
box_commit(struct box *x, struct plan *p, uint32_t uid)
{
	uint32_t s;

	if (x->known[uid])
		x->twice++;
	x->known[uid] = true;
	x->poison[uid] = false;
	s = plan_done(p, uid);
	if (s < x->settled)
		x->below++;
	x->settled = s;
	if (!box_safe(x))
		x->outside++;
}

static void
flight_load(struct plan *p, const struct plan_batch *b, struct flight *f)
{
	const uint32_t *uids;

	f->id = b->id;
	f->retry = b->retry;
	f->n = (uint32_t)plan_missing(p, b->id, &uids);
	memcpy(f->uid, uids, f->n * sizeof *uids);
}

/* The batch's answer: bodies in some order, those that do not exist do not come. */
static void
flight_land(struct box *x, struct plan *p, struct flight *f, uint32_t *came, size_t *ncame)
{
	const uint32_t *uids;
	uint32_t i, j, t, copy[PLAN_BATCH_MESSAGES];
	size_t n;
	bool dies = rnd(6) == 0;

	for (i = 0; i < f->n; i++) {
		j = i + rnd(f->n - i);
		t = f->uid[i];
		f->uid[i] = f->uid[j];
		f->uid[j] = t;
		if (dies && rnd(3) == 0)
			break;
		if (x->exists[f->uid[i]] && plan_came(p, f->uid[i], 1000))
			came[(*ncame)++] = f->uid[i];
	}
	if (dies && i < f->n) {
		plan_back(p, f->id, rnd(2));
		return;
	}
	n = plan_missing(p, f->id, &uids);
	memcpy(copy, uids, n * sizeof *uids);
	for (i = 0; i < n; i++) {
		if (x->exists[copy[i]]) {
			x->poison[copy[i]] = true;
		} else {
			x->poison[copy[i]] = false;
		}
		x->settled = plan_done(p, copy[i]);
		if (!box_safe(x))
			x->outside++;
	}
}

/* One run; crash: it may end anywhere.  Returns whether it came to its end. */
static bool
box_run(struct box *x, const struct plan_params *par, bool crash)
{
	struct flight f[4] = { { 0 } };
	struct plan *p = box_plan(x, par);
	struct plan_batch b;
	uint32_t came[BOX], k;
	size_t ncame = 0, i;
	int rc;
	bool whole = true;

	plan_workers(p, 1 + rnd(4));
	box_skips(x, p);
	if (!box_safe(x))
		x->outside++;
	x->settled = plan_settled(p);
	if (!box_safe(x))
		x->outside++;
	for (;;) {
		if (crash && rnd(30) == 0) {
			plan_free(p);
			return false;
		}
		i = rnd(4);
		if (f[i].id == 0) {
			rc = plan_next(p, &b);
			if (rc == 1)
				flight_load(p, &b, &f[i]);
			for (k = 0; rc == -1 && k < 4; k++)
				if (f[k].id != 0)
					break;
			if (rc == -1 && k == 4 && ncame == 0)
				break;
		} else {
			flight_land(x, p, &f[i], came, &ncame);
			f[i].id = 0;
		}
		while (ncame > 0 && rnd(3) != 0) {
			k = rnd((uint32_t)ncame);
			if (rnd(40) == 0) {
				plan_leave(p, came[k]);
				whole = false;
			} else {
				box_commit(x, p, came[k]);
			}
			came[k] = came[--ncame];
		}
	}
	if (whole && !plan_cut(p) && x->settled != x->uidnext)
		x->below++;
	box_skips(x, p);
	if (!box_safe(x))
		x->outside++;
	whole = whole && !plan_cut(p);
	plan_free(p);
	return whole;
}

/* After a whole run everything that passes its limits must be there. */
static bool
box_complete(const struct box *x, const struct plan_params *par)
{
	uint32_t uid;

	for (uid = 1; uid < x->uidnext; uid++)
		if (x->exists[uid] && !x->known[uid] && !x->poison[uid] && !x->baselined[uid] &&
		    box_passes(x, uid, par))
			return false;
	return true;
}

static void
box_params(struct box *x, int64_t now, struct plan_params *par)
{
	*par = params(x->settled, x->uidnext);
	if (rnd(2))
		par->since = now - rnd(60);
	if (rnd(2))
		par->before = now - rnd(30);
	if (rnd(2))
		par->max_size = 1 + rnd(1000);
	if (rnd(3) == 0)
		par->max = 1 + rnd(20);
	if (rnd(4) == 0)
		par->max_bytes = 1 + rnd(5000);
}

static void
test_box(uint64_t seed)
{
	static struct box x;
	struct plan_params par;
	unsigned run, incomplete = 0;
	int64_t now = 1000;
	uint32_t uid;

	rng = seed * 2654435761U + 88172645463325252ULL;
	memset(&x, 0, sizeof x);
	x.settled = x.uidnext = 1;
	for (run = 0; run < 60; run++) {
		box_grow(&x, now);
		if (run == 3) {
			/* --baseline */
			for (uid = 1; uid < x.uidnext; uid++)
				x.baselined[uid] = !x.known[uid];
			x.nskip = 0;
			x.settled = x.uidnext;
			continue;
		}
		box_params(&x, now, &par);
		if (box_run(&x, &par, rnd(2)) && !box_complete(&x, &par))
			incomplete++;
		now += rnd(20);
	}
	do
		par = params(x.settled, x.uidnext);
	while (!box_run(&x, &par, false));
	ok(box_complete(&x, &par), "seed %u: in the end everything has come", (unsigned)seed);
	is_int(x.nskip, 0, "and no range is left");
	is_int(x.twice, 0, "nothing twice");
	is_int(x.below, 0, "settled never went back, and reached UIDNEXT");
	is_int(x.outside, 0, "nothing was ever lost between settled and ranges");
	is_int(incomplete, 0, "each whole run was complete under its limits");
}

int
main(void)
{
	uint64_t seed;

	for (seed = 1; seed <= 40; seed++)
		test_box(seed);
	return done_testing();
}
