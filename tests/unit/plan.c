/* plan: limits, ranges, batches, suspects. */
#include <stdint.h>

#include "base/util.h"
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

	str_addf(s, "%s%u:%u %s %lld", s->len > 0 ? "; " : "", k->lo, k->hi, name[k->limit],
	    (long long)k->value);
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
	is_int(plan_came(p, 12, 1000), 0, "a known one is dropped");
	is_int(plan_came(p, 14, 1000), 1, "one that was asked for is kept");
	is_int(plan_came(p, 14, 1000), 0, "but once");
	is_int(plan_came(p, 99, 1000), 0, "one not asked for is dropped");
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

	par = params(1, 1 + PLAN_SMALL_UIDS + PLAN_BATCH_MESSAGES + 10);
	par.dense = true;
	p = plan_new(&par);
	plan_look(p, &r);
	ok(plan_small(p), "many, and no gap");
	plan_assume(p);
	plan_ready(p);
	is_int(plan_next(p, &b), 1, "a batch");
	is_int((int)b.count, PLAN_SMALL_UIDS, "the first is small");
	is_int(plan_next(p, &b), 1, "another");
	is_int((int)b.count, PLAN_BATCH_MESSAGES, "the second is not");
	is_str(set_text(b.range, b.nrange), "65:2064", "it goes on");
	plan_back(p, b.id, false);
	is_int(plan_next(p, &b), 1, "after a loss");
	is_int((int)b.count, PLAN_SMALL_UIDS, "small again");
	is_int(plan_came(p, 1, 1 << 20), 1, "a large one");
	is_int(plan_next(p, &b), 1, "the next");
	is_int((int)b.count, 16, "has as many as would be PLAN_BATCH_BYTES");
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
	static const struct state_skip old[] = { { 1, 10, LIMIT_SINCE, 10 }, { 11, 20, LIMIT_SIZE, 5000 },
		{ 21, 40, LIMIT_BEFORE, 21 } };
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
	is_int(plan_done(p, 7), 60,
	    "settled does not depend on what is below it, nor on what a limit leaves out");
	plan_free(p);

	par.max = 0;
	p = plan_new(&par);
	for (i = 0; i < 3; i++)
		plan_skip(p, &old[i]);
	for (i = 1; i <= 59; i++)
		plan_row(p, (uint32_t)i, (int64_t)i, 1);
	plan_known(p, 6);
	plan_ready(p);
	is_str(skips_text(p),
	    "1:4 since 4; 5:5 since 5; 7:10 since 10; 21:29 before 21; 30:40 before 30; "
	    "50:59 before 50; 11:20 size 5000",
	    "what is chosen below settled stays in a range until it is done");
	for (i = 5; i <= 9; i++)
		plan_done(p, (uint32_t)i);
	for (i = 21; i <= 28; i++)
		plan_done(p, (uint32_t)i);
	is_str(skips_text(p),
	    "1:4 since 4; 10:10 since 10; 29:29 before 29; 30:40 before 30; "
	    "50:59 before 50; 11:20 size 5000",
	    "and no longer");
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
	struct plan_params par = params(1, 5001);
	struct plan *p = simple(&par, 1, 5000, 100);
	struct plan_batch b;
	uint32_t want[] = { 32, 2000, 2000, 968 }, total = 0;
	size_t i;

	for (i = 0; i < sizeof want / sizeof *want; i++) {
		is_int(plan_next(p, &b), 1, "batch %zu", i);
		is_int(b.count, want[i], "of %u", want[i]);
		is_int(b.nrange, 1, "one range");
		total += b.count;
	}
	while (plan_next(p, &b) == 1)
		total += b.count;
	is_int(total, 5000, "all are handed out");
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
	is_int(plan_worth(p, 16), 8, "2000 messages are worth eight");
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
	is_str(set_text(b.range, b.nrange), "10:20,30,50,60",
	    "ranges run over UIDs that do not exist, over no others");
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
	is_int(plan_came(p, 13, 1000), 1, "a retry comes");
	for (uid = 10; uid < 20; uid++)
		plan_done(p, uid);
	is_int(plan_settled(p), 20, "quarantined ones do not hold settled back");
	is_int(plan_next(p, &c), -1, "the end");
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
				plan_came(p, copy[i], 1000);
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

static void
test_await(void)
{
	struct plan_params par = params(1, 4);
	struct plan *p = simple(&par, 1, 3, 100);
	struct plan_batch b;

	is_int(plan_next(p, &b), 1, "a batch");
	plan_came(p, 1, 100);
	plan_done(p, 1);
	plan_leave(p, 2);
	is_int(plan_came(p, 2, 100), 0, "what was left is not kept");
	plan_await(p, 2);
	plan_await(p, 1);
	is_int(plan_next(p, &b), 0, "what is asked for once more is in no batch");
	is_int(plan_came(p, 2, 100), 1, "and is kept");
	is_int(plan_came(p, 2, 100), 0, "once");
	is_int(plan_came(p, 1, 100), 0, "what was done is not");
	is_int(plan_done(p, 2), 3, "settled goes on");
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
					plan_came(p, copy[i], 1000);
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
			plan_came(p, copy[i], 1000);
			last = plan_done(p, copy[i]);
		}
	}
	is_int(last, 300001, "settled at the end");
	plan_free(p);
}

int
main(void)
{
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
	test_await();
	test_suspects_blind();
	test_large();
	return done_testing();
}
