/* plan: limits, ranges, batches, suspects; and whole mailboxes over many runs. */
#include <stdint.h>

#include "base/util.h"
#include "mail/plan.h"
#include "t.h"

static const struct plan_params NOLIMIT = { .settled = 1, .uidnext = 1, .since = INT64_MIN, .before = INT64_MAX };

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

/* A plan of rows lo…hi, size bytes each, date = uid. */
static struct plan *
simple(const struct plan_params *par, uint32_t lo, uint32_t hi, uint64_t size)
{
	struct plan *p = plan_new(par);
	const struct wire_range *r;
	uint32_t uid;

	plan_look(p, &r);
	for (uid = lo; uid <= hi; uid++)
		plan_row(p, uid, uid, size);
	plan_ready(p);
	return p;
}

static const char *
set_text(const struct wire_range *r, size_t n)
{
	static struct str s;
	size_t i;

	str_clear(&s);
	for (i = 0; i < n; i++)
		str_addf(&s, r[i].lo == r[i].hi ? "%s%u" : "%s%u:%u", i > 0 ? "," : "", r[i].lo, r[i].hi);
	return s.s == NULL ? "" : s.s;
}

static int
skip_text(const struct state_skip *k, void *arg)
{
	static const char *const name[] = { "since", "before", "size" };
	struct str *s = arg;

	str_addf(s, "%s%u:%u %s %lld", s->len > 0 ? "; " : "", k->lo, k->hi, name[k->limit], (long long)k->value);
	return 0;
}

static const char *
skips_text(const struct plan *p)
{
	static struct str s;

	str_clear(&s);
	str_adds(&s, "");
	plan_skips(p, skip_text, &s);
	return s.s == NULL ? "" : s.s;
}

static void
test_nothing(void)
{
	struct plan_params par = params(42, 42);
	struct plan *p = plan_new(&par);
	const struct wire_range *r;
	struct plan_batch b;

	is_int(plan_look(p, &r), 0, "UIDNEXT as settled: nothing to look at");
	ok(plan_small(p), "nothing is small");
	plan_ready(p);
	is_int(plan_next(p, &b), -1, "no batch");
	is_int(plan_settled(p), 42, "settled stays");
	is_int(plan_left(p), 0, "nothing left");
	ok(!plan_skips_changed(p), "no ranges, no change");
	plan_free(p);
	plan_free(NULL);

	par = params(42, 7);
	p = plan_new(&par);
	is_int(plan_look(p, &r), 0, "UIDNEXT below settled: nothing to look at");
	plan_ready(p);
	is_int(plan_settled(p), 42, "settled does not go back");
	plan_free(p);
}

static void
test_assume(void)
{
	struct plan_params par = params(10, 15);
	struct plan *p = plan_new(&par);
	const struct wire_range *r;
	const uint32_t *uids;
	struct plan_batch b;

	is_int(plan_look(p, &r), 1, "one range");
	is_str(set_text(r, 1), "10:14", "settled:UIDNEXT-1");
	plan_known(p, 12);
	ok(plan_small(p), "few");
	plan_assume(p);
	plan_ready(p);
	is_int(plan_next(p, &b), 1, "a batch");
	is_str(set_text(b.range, b.nrange), "10:11,13:14", "of all but the known one");
	is_int(plan_next(p, &b), 0, "then none for now");
	is_int(plan_came(p, 12), 0, "a known one is dropped");
	is_int(plan_came(p, 14), 1, "one that was asked for is kept");
	is_int(plan_came(p, 14), 0, "but once");
	is_int(plan_came(p, 99), 0, "one not asked for is dropped");
	is_int(plan_done(p, 14), 10, "settled stays below what is outstanding");
	is_int(plan_missing(p, b.id, &uids), 0, "an unknown batch misses nothing");
	is_int(plan_done(p, 10), 11, "settled advances");
	is_int(plan_done(p, 99), 11, "an unknown UID changes nothing");
	is_int(plan_done(p, 13), 11, "out of order");
	is_int(plan_next(p, &b), 0, "one is out");
	is_int(plan_done(p, 11), 15, "the last one: UIDNEXT");
	is_int(plan_next(p, &b), -1, "the end");
	plan_free(p);

	par = params(1, 1 + PLAN_SMALL_UIDS + 1);
	p = plan_new(&par);
	plan_look(p, &r);
	ok(!plan_small(p), "more than few");
	plan_free(p);
	par = params(1, 10);
	par.max = 5;
	p = plan_new(&par);
	plan_look(p, &r);
	ok(!plan_small(p), "more than --max");
	plan_free(p);
	par.max = 0;
	par.since = 0;
	p = plan_new(&par);
	plan_look(p, &r);
	ok(!plan_small(p), "a date limit needs dates");
	plan_free(p);
}

static void
test_limits(void)
{
	struct plan_params par = params(1, 101);
	struct plan *p;
	uint64_t n, bytes;

	par.since = 11;
	par.before = 91;
	p = simple(&par, 1, 100, 10);
	plan_total(p, &n, &bytes);
	is_int(n, 80, "since and before: messages");
	is_int(bytes, 800, "bytes");
	is_str(skips_text(p), "1:10 since 10; 91:100 before 91", "ranges with their thresholds");
	ok(plan_skips_changed(p), "which are new");
	is_int(plan_settled(p), 11, "what is left out counts as settled");
	plan_free(p);

	par = params(1, 101);
	par.max_size = 5;
	p = simple(&par, 1, 100, 10);
	plan_total(p, &n, &bytes);
	is_int(n, 0, "all too large");
	is_str(skips_text(p), "1:100 size 10", "one range");
	is_int(plan_settled(p), 101, "settled");
	plan_free(p);

	par = params(1, 101);
	par.max = 7;
	p = simple(&par, 1, 100, 10);
	plan_total(p, &n, &bytes);
	is_int(n, 7, "max");
	ok(plan_cut(p), "is a cut");
	is_int(plan_settled(p), 1, "settled");
	for (n = 1; n <= 7; n++)
		plan_done(p, (uint32_t)n);
	is_int(plan_settled(p), 8, "settled ends at the first that was left");
	is_str(skips_text(p), "", "which is in no range");
	plan_free(p);

	par.max = 0;
	par.max_bytes = 25;
	p = simple(&par, 1, 100, 10);
	plan_total(p, &n, &bytes);
	is_int(n, 2, "max-bytes");
	plan_free(p);
	p = simple(&par, 1, 100, 1000);
	plan_total(p, &n, &bytes);
	is_int(n, 1, "max-bytes takes the first whatever its size");
	plan_free(p);
}

static void
test_no_date(void)
{
	struct plan_params par = params(1, 4);
	struct plan *p;
	uint64_t n, bytes;

	par.since = 100;
	par.before = 200;
	p = plan_new(&par);
	plan_row(p, 1, DATE_NONE, 0);
	plan_row(p, 2, 50, 0);
	plan_row(p, 3, DATE_NONE, 0);
	plan_row(p, 3, 50, 0);
	plan_row(p, 4, 150, 0);
	plan_row(p, 0, 150, 0);
	plan_ready(p);
	plan_total(p, &n, &bytes);
	is_int(n, 1, "without a date it passes; listed twice, the date counts; outside is ignored");
	is_str(skips_text(p), "2:3 since 50", "the others do not pass");
	plan_free(p);
}

static void
test_wake(void)
{
	static const struct state_skip old[] = {
		{ 1, 10, LIMIT_SINCE, 10 }, { 11, 20, LIMIT_SIZE, 5000 }, { 21, 40, LIMIT_BEFORE, 21 }
	};
	struct plan_params par = params(50, 60);
	const struct wire_range *r;
	struct plan_batch b;
	struct plan *p;
	size_t i, n;

	par.since = 11;
	par.before = 20;
	par.max_size = 4999;
	p = plan_new(&par);
	for (i = 0; i < 3; i++)
		plan_skip(p, &old[i]);
	n = plan_look(p, &r);
	is_str(set_text(r, n), "50:59", "nothing wakes");
	plan_ready(p);
	is_str(skips_text(p), "1:10 since 10; 21:40 before 21; 11:20 size 5000", "all stay");
	ok(!plan_skips_changed(p), "unchanged");
	plan_free(p);

	par.since = 5;
	par.before = 30;
	par.max = 3;
	p = plan_new(&par);
	for (i = 0; i < 3; i++)
		plan_skip(p, &old[i]);
	n = plan_look(p, &r);
	is_str(set_text(r, n), "1:10,21:40,50:59", "two wake");
	for (i = 1; i <= 59; i++)
		plan_row(p, (uint32_t)i, (int64_t)i, 1);
	plan_known(p, 6);
	plan_ready(p);
	is_str(skips_text(p), "1:10 since 10; 21:40 before 21; 50:59 before 50; 11:20 size 5000",
	    "what max leaves stays in a range that wakes");
	is_int(plan_next(p, &b), 1, "a batch");
	is_str(set_text(b.range, b.nrange), "5,7:8", "oldest first");
	is_int(plan_done(p, 7), 60, "settled does not depend on what is below it, nor on what a limit leaves out");
	plan_free(p);

	par.max = 0;
	p = plan_new(&par);
	for (i = 0; i < 3; i++)
		plan_skip(p, &old[i]);
	for (i = 1; i <= 59; i++)
		plan_row(p, (uint32_t)i, (int64_t)i, 1);
	plan_known(p, 6);
	plan_ready(p);
	is_str(skips_text(p), "1:4 since 4; 5:5 since 5; 7:10 since 10; 21:29 before 21; 30:40 before 30; "
	    "50:59 before 50; 11:20 size 5000", "what is chosen below settled stays in a range until it is done");
	for (i = 5; i <= 9; i++)
		plan_done(p, (uint32_t)i);
	for (i = 21; i <= 28; i++)
		plan_done(p, (uint32_t)i);
	is_str(skips_text(p), "1:4 since 4; 10:10 since 10; 29:29 before 29; 30:40 before 30; "
	    "50:59 before 50; 11:20 size 5000", "and no longer");
	plan_free(p);
}

static void
test_straddle(void)
{
	static const struct state_skip old[] = { { 5, 15, LIMIT_SIZE, 100 }, { 18, 19, LIMIT_SIZE, 100 },
	    { 0, 3, LIMIT_SIZE, 1 }, { 9, 3, LIMIT_SIZE, 1 } };
	struct plan_params par = params(10, 20);
	const struct wire_range *r;
	struct plan *p;
	size_t i, n;

	par.max_size = 50;
	p = plan_new(&par);
	for (i = 0; i < 4; i++)
		plan_skip(p, &old[i]);
	n = plan_look(p, &r);
	is_str(set_text(r, n), "10:19", "a range above settled is looked at anyway; nonsense is ignored");
	for (i = 1; i <= 19; i++)
		plan_row(p, (uint32_t)i, 0, i >= 14 ? 100 : 1);
	plan_ready(p);
	is_str(skips_text(p), "5:9 size 100; 14:19 size 100", "and made anew");
	plan_free(p);
}

static void
test_batches(void)
{
	struct plan_params par = params(1, 2001);
	struct plan *p = simple(&par, 1, 2000, 100);
	struct plan_batch b;
	uint32_t want[] = { 8, 16, 32, 64, 128, 200, 200, 200 }, total = 0;
	size_t i;

	for (i = 0; i < sizeof want / sizeof *want; i++) {
		is_int(plan_next(p, &b), 1, "batch %zu", i);
		is_int(b.count, want[i], "grows");
		is_int(b.nrange, 1, "one range");
		total += b.count;
	}
	while (plan_next(p, &b) == 1)
		total += b.count;
	is_int(total, 2000, "all are handed out");
	plan_free(p);

	p = simple(&par, 1, 20, 10U << 20);
	is_int(plan_next(p, &b), 1, "large messages");
	is_int(b.count, 1, "travel alone");
	plan_free(p);

	p = simple(&par, 1, 400, 1000);
	plan_workers(p, 4);
	for (total = 0, i = 0; plan_next(p, &b) == 1; i++)
		total += b.count;
	is_int(total, 400, "four workers: all");
	ok(b.count <= 4, "the last batch is small");
	ok(i > 12, "and there are many");
	is_int(plan_worth(p, 16), 1, "nothing left is worth no connection more");
	plan_free(p);
	p = simple(&par, 1, 2000, 1000);
	is_int(plan_worth(p, 16), 4, "2000 messages are worth four");
	is_int(plan_worth(p, 2), 2, "within the limit");
	plan_free(p);
}

static void
test_gaps(void)
{
	struct plan_params par = params(1, UINT32_MAX);
	struct plan *p = plan_new(&par);
	const struct wire_range *r;
	struct plan_batch b;
	struct wire_range *pack;
	uint32_t uids[] = { 1, 2, 3, 3, 7, 9, 10 }, i;
	size_t n;

	plan_look(p, &r);
	plan_row(p, 10, 0, 1);
	plan_row(p, 20, 0, 1);
	plan_row(p, 30, 0, 1);
	plan_row(p, 40, 0, 1);
	plan_row(p, 50, 0, 1);
	plan_row(p, 60, 0, 1);
	plan_known(p, 25);
	plan_known(p, 40);
	plan_poison(p, 55, false);
	plan_ready(p);
	plan_next(p, &b);
	is_str(set_text(b.range, b.nrange), "10:20,30,50,60", "ranges run over UIDs that do not exist, over no others");
	plan_free(p);

	pack = xcalloc(7, sizeof *pack);
	n = plan_pack(pack, uids, 7);
	is_str(set_text(pack, n), "1:3,7,9:10", "plan_pack");
	free(pack);
	pack = xcalloc(5000, sizeof *pack);
	for (i = 0; i < 5000; i++)
		pack[i].lo = pack[i].hi = 4000000000U + 2 * i;
	is_int(plan_split(pack, 5000), PLAN_SET_MAX / 11, "plan_split keeps a command short");
	is_int(plan_split(pack, 3), 3, "takes all when they fit");
	is_int(plan_split(pack, 0), 0, "and none of none");
	free(pack);
}

static void
test_poison(void)
{
	struct plan_params par = params(10, 20);
	struct plan *p = plan_new(&par);
	const struct wire_range *r;
	const uint32_t *uids;
	struct plan_batch b, c;
	uint32_t uid;

	plan_poison(p, 12, false);
	plan_poison(p, 5, true);
	plan_poison(p, 13, true);
	plan_look(p, &r);
	for (uid = 10; uid < 20; uid++)
		plan_row(p, uid, uid, 1);
	plan_ready(p);
	is_int(plan_left(p), 10, "eight common ones and two retries");
	plan_next(p, &b);
	is_str(set_text(b.range, b.nrange), "10:11,14:19", "quarantined ones are in no common batch");
	ok(!b.retry && !b.alone, "a common one");
	is_int(plan_next(p, &c), 1, "a retry");
	ok(c.retry && c.count == 1 && c.range[0].lo == 5, "alone, those that are due, in order");
	is_int(plan_missing(p, c.id, &uids), 1, "missing");
	is_int(uids[0], 5, "is that one");
	plan_back(p, c.id, false);
	is_int(plan_next(p, &c), 1, "given back, ");
	ok(c.retry && c.range[0].lo == 5, "it comes again");
	plan_back(p, c.id, true);
	is_int(plan_next(p, &c), 1, "given back as suspect,");
	ok(c.retry && c.range[0].lo == 13, "it does not");
	is_int(plan_came(p, 13), 1, "a retry comes");
	for (uid = 10; uid < 20; uid++)
		plan_done(p, uid);
	is_int(plan_settled(p), 20, "quarantined ones do not hold settled back");
	is_int(plan_next(p, &c), -1, "the end");
	is_int(plan_left(p), 0, "nothing left");
	plan_free(p);
}

/* Fetches with one worker that dies of each bad UID; returns the number of deaths. */
static unsigned
hunt(struct plan *p, const bool *bad, unsigned *alone)
{
	struct plan_batch b;
	unsigned deaths = 0;
	const uint32_t *uids;
	size_t i, n;
	bool dead;

	*alone = 0;
	while (plan_next(p, &b) == 1) {
		n = plan_missing(p, b.id, &uids);
		uint32_t *copy = xcalloc(n, sizeof *copy);
		memcpy(copy, uids, n * sizeof *copy);
		dead = false;
		for (i = 0; i < n && !dead; i++) {
			if (!bad[copy[i]])
				plan_came(p, copy[i]);
			else
				dead = true;
		}
		if (dead) {
			deaths++;
			if (b.alone) {
				(*alone)++;
				plan_done(p, b.range[0].lo);
			} else {
				plan_back(p, b.id, true);
			}
		}
		free(copy);
	}
	return deaths;
}

static void
test_suspects(void)
{
	struct plan_params par = params(1, 1001);
	bool bad[1001] = { false };
	struct plan *p = simple(&par, 1, 1000, 100);
	unsigned deaths, alone;
	uint32_t uid;

	bad[700] = true;
	deaths = hunt(p, bad, &alone);
	is_int(alone, 1, "one culprit is found alone");
	is_int(deaths, 2, "with two deaths when bodies come in order");
	for (uid = 1; uid <= 1000; uid++)
		if (uid != 700)
			plan_done(p, uid);
	is_int(plan_settled(p), 1001, "and everything else came");
	plan_free(p);

	p = simple(&par, 1, 1000, 100);
	bad[3] = bad[4] = bad[703] = true;
	hunt(p, bad, &alone);
	is_int(alone, 4, "four culprits");
	plan_free(p);
}

/* The worst case: nothing of a batch comes when one of it is bad. */
static void
test_suspects_blind(void)
{
	struct plan_params par = params(1, 129);
	uint32_t culprit, worst = 0, deaths, uid;
	struct plan_batch b;
	const uint32_t *uids;
	bool found = true;
	struct plan *p;
	size_t i, n;

	for (culprit = 1; culprit <= 128; culprit++) {
		p = simple(&par, 1, 128, 100);
		deaths = 0;
		while (plan_next(p, &b) == 1) {
			n = plan_missing(p, b.id, &uids);
			for (i = 0, uid = 0; i < n; i++)
				if (uids[i] == culprit)
					uid = culprit;
			if (uid == 0) {
				uint32_t *copy = xcalloc(n, sizeof *copy);
				memcpy(copy, uids, n * sizeof *copy);
				for (i = 0; i < n; i++)
					plan_came(p, copy[i]);
				free(copy);
				continue;
			}
			deaths++;
			if (b.alone)
				plan_done(p, culprit);
			else
				plan_back(p, b.id, true);
		}
		for (uid = 1; uid <= 128; uid++)
			plan_done(p, uid);
		found = found && plan_settled(p) == 129;
		if (deaths > worst)
			worst = deaths;
		plan_free(p);
	}
	ok(found, "each culprit is found");
	ok(worst <= 9, "in at most 9 deaths (%u)", worst);
}

static void
test_large(void)
{
	struct plan_params par = params(1, 300001);
	struct plan *p;
	struct plan_batch b;
	const uint32_t *uids;
	uint64_t n, bytes;
	uint32_t uid, last = 1;

	par.max_size = 150;
	p = plan_new(&par);
	for (uid = 300000; uid > 0; uid--)
		plan_row(p, uid, uid, uid % 2 ? 100 : 200);
	for (uid = 1; uid <= 100000; uid++)
		plan_known(p, uid);
	plan_ready(p);
	plan_total(p, &n, &bytes);
	is_int(n, 100000, "300,000 rows");
	while (plan_next(p, &b) == 1) {
		size_t i, k = plan_missing(p, b.id, &uids);
		uint32_t copy[PLAN_BATCH_MESSAGES];

		memcpy(copy, uids, k * sizeof *uids);
		for (i = 0; i < k; i++) {
			plan_came(p, copy[i]);
			last = plan_done(p, copy[i]);
		}
	}
	is_int(last, 300001, "settled at the end");
	plan_free(p);
}

/* ---- a mailbox over many runs: everything that may be fetched is, once ---- */

#define BOX 400
struct box {
	bool	 exists[BOX], known[BOX], poison[BOX], baselined[BOX];
	int64_t	 date[BOX];
	uint64_t size[BOX];
	uint32_t settled, uidnext;
	struct state_skip skip[BOX * 3];
	size_t	 nskip;
	struct state_skip newskip[BOX * 3];
	size_t	 nnew;
	unsigned twice, below, outside;		/* faults */
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
	bool	 retry;
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
		if (x->exists[f->uid[i]] && plan_came(p, f->uid[i]))
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
		if (x->exists[uid] && !x->known[uid] && !x->poison[uid] && !x->baselined[uid] && box_passes(x, uid, par))
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

	test_nothing();
	test_assume();
	test_limits();
	test_no_date();
	test_wake();
	test_straddle();
	test_batches();
	test_gaps();
	test_poison();
	test_suspects();
	test_suspects_blind();
	test_large();
	for (seed = 1; seed <= 40; seed++)
		test_box(seed);
	return done_testing();
}
