/* adopt: who is who after UIDVALIDITY has changed. */
#include <stdint.h>

#include "base/util.h"
#include "crew/wire.h"
#include "mail/adopt.h"
#include "t.h"

#define OLD 7 /* the generation before */

static void
digest(unsigned char sha[32], uint32_t content)
{
	memset(sha, 0, 32);
	memcpy(sha + 3, &content, sizeof content);
	sha[31] = 1;
}

static struct state_msg
message(uint32_t uid, int64_t date, uint64_t msgid, uint32_t content)
{
	struct state_msg m = { .uid = uid, .date = date, .msgid = msgid, .bytes = 100 };

	if (content != 0)
		digest(m.sha256, content);
	return m;
}

static void
old(struct adopt *a, uint32_t uid, int64_t date, uint64_t msgid, uint32_t content)
{
	struct state_msg m = message(uid, date, msgid, content);

	adopt_old(a, OLD, &m);
}

static int
pair_text(const struct adopt_of *old_one, uint32_t uid, int64_t date, void *arg)
{
	str_addf(arg, "%u=%u@%lld ", old_one->uid, uid, (long long)date);
	return 0;
}

static int
stop(const struct adopt_of *old_one, uint32_t uid, int64_t date, void *arg)
{
	(void)old_one;
	(void)uid;
	(void)date;
	++*(int *)arg;
	return -1;
}

static void
pairs(const struct adopt *a, const char *want, const char *name)
{
	struct str s = STR_INIT;

	str_adds(&s, "");
	str_add(&s, "", 0);
	adopt_each(a, pair_text, &s);
	is_str(s.s, want, "%s", name);
	str_release(&s);
}

static int
by_digest(struct adopt *a, uint32_t uid, uint32_t content, uint64_t bytes, uint32_t *olduid)
{
	struct adopt_of of = { 0, 0 };
	unsigned char sha[32];
	int n;

	digest(sha, content);
	n = adopt_by_digest(a, uid, sha, bytes, &of);

	*olduid = of.uid;
	return n;
}

static void
test_empty(void)
{
	struct adopt *a = adopt_begin();
	uint32_t o;

	adopt_ready(a);
	pairs(a, "", "nothing");
	is_int(by_digest(a, 1, 1, 100, &o), 0, "no content either");
	adopt_free(a);
	adopt_free(NULL);
}

static void
test_pairs(void)
{
	struct adopt *a = adopt_begin();
	uint32_t o;
	int n = 0;

	old(a, 1, 1000, 0xa, 1);
	old(a, 2, 1000, 0xb, 2);
	old(a, 3, 2000, 0xa, 3); /* the same Message-ID, another date */
	old(a, 4, 3000, 0xd, 4); /* two of a kind */
	old(a, 5, 3000, 0xd, 5);
	old(a, 6, 4000, 0, 6);	      /* no Message-ID */
	old(a, 7, DATE_NONE, 0xf, 7); /* no date */
	old(a, 8, 5000, 0x10, 8);     /* its date will have changed */
	old(a, 9, 6000, 0x11, 9);     /* no longer there */
	old(a, 10, 7000, 0x12, 10);   /* one old, two new */
	adopt_row(a, 101, 7000, 0x12);
	adopt_row(a, 102, 7000, 0x12);
	adopt_row(a, 103, 5001, 0x10);
	adopt_row(a, 104, DATE_NONE, 0xf);
	adopt_row(a, 105, 4000, 0);
	adopt_row(a, 106, 3000, 0xd);
	adopt_row(a, 107, 3000, 0xd);
	adopt_row(a, 108, 2000, 0xa);
	adopt_row(a, 109, 1000, 0xb);
	adopt_row(a, 110, 1000, 0xa);
	adopt_row(a, 111, 9000, 0x99);	 /* new */
	adopt_row(a, 110, DATE_NONE, 0); /* listed again, saying less */
	adopt_ready(a);
	pairs(a, "3=108@2000 2=109@1000 1=110@1000 ", "one to one, by date and Message-ID");
	is_int(adopt_each(a, stop, &n), -1, "stopped by the callback");
	is_int(n, 1, "at once");

	is_int(by_digest(a, 106, 5, 100, &o), 1, "two of a kind: by content");
	is_int(o, 5, "the right one");
	is_int(by_digest(a, 107, 5, 100, &o), 0, "used once");
	is_int(by_digest(a, 107, 4, 101, &o), 0, "the size counts");
	is_int(by_digest(a, 107, 4, 100, &o), 1, "the other");
	is_int(o, 4, "is the other");
	is_int(by_digest(a, 105, 6, 100, &o), 1, "no Message-ID");
	is_int(by_digest(a, 104, 7, 100, &o), 1, "no date");
	is_int(by_digest(a, 103, 8, 100, &o), 1, "another date");
	is_int(by_digest(a, 102, 10, 100, &o), 1, "one old for two new ones");
	is_int(by_digest(a, 101, 10, 100, &o), 0, "once");
	is_int(by_digest(a, 111, 4711, 100, &o), 0, "a new one is new");
	is_int(by_digest(a, 4242, 9, 100, &o), 1, "not listed, but content is content");
	is_int(by_digest(a, 4243, 9, 100, &o), 0, "once, too");
	is_int(by_digest(a, 4244, 1, 100, &o), 0, "a paired one is not used again");
	adopt_free(a);
}

static void
test_same_content(void)
{
	struct adopt *a = adopt_begin();
	uint32_t o;

	old(a, 1, 1000, 0, 5);
	old(a, 2, 2000, 0, 5);
	old(a, 3, 3000, 0, 5);
	adopt_row(a, 11, 3000, 0);
	adopt_row(a, 12, 2000, 0);
	adopt_row(a, 13, 9000, 0);
	adopt_ready(a);
	is_int(by_digest(a, 12, 5, 100, &o), 1, "the same content");
	is_int(o, 2, "the same date first");
	is_int(by_digest(a, 13, 5, 100, &o), 1, "else any");
	is_int(o, 1, "the oldest");
	is_int(by_digest(a, 11, 5, 100, &o), 1, "the last");
	is_int(o, 3, "is left");
	adopt_free(a);
}

/* Baselined rows have no digest. */
static void
test_blind(void)
{
	struct adopt *a = adopt_begin();
	uint32_t o;

	old(a, 1, 1000, 0xa, 0);
	old(a, 2, 1000, 0xa, 0);
	old(a, 3, 2000, 0, 0);
	old(a, 4, 3000, 0xc, 0);
	old(a, 5, 3000, 0xc, 55);
	adopt_row(a, 11, 1000, 0xa);
	adopt_row(a, 12, 1000, 0xa);
	adopt_row(a, 13, 1000, 0xa);
	adopt_row(a, 14, 2000, 0);
	adopt_row(a, 15, 3000, 0xc);
	adopt_row(a, 16, 3000, 0xc);
	adopt_row(a, 17, 3000, 0xc);
	adopt_ready(a);
	pairs(a, "1=11@1000 2=12@1000 3=14@2000 ", "used up one by one where there is no content to compare");
	is_int(by_digest(a, 13, 7, 100, &o), 0, "one more is new");
	is_int(by_digest(a, 15, 55, 100, &o), 1, "content first");
	is_int(o, 5, "where there is some");
	is_int(by_digest(a, 16, 56, 100, &o), 1, "then the one without");
	is_int(o, 4, "of the same key");
	is_int(by_digest(a, 17, 57, 100, &o), 0, "and no more");
	adopt_free(a);
}

static uint64_t rng = 88172645463325252ULL;

static uint32_t
rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

#define N 5000
static int
took(const struct adopt_of *old_one, uint32_t uid, int64_t date, void *arg)
{
	uint32_t *of = arg;

	(void)date;
	of[uid] = old_one->uid;
	return 0;
}

/*
 * 5,000 messages get new UIDs in another order: a few without Message-ID, a few
 * copies, many within one second.  All are found, one to one, and hardly any is
 * fetched.
 */
static void
test_many(void)
{
	static uint64_t msgid[N + 1];
	static int64_t date[N + 1];
	static uint32_t content[N + 1], perm[N + 1], of[N + 1], used[N + 1];
	struct adopt *a = adopt_begin();
	uint32_t i, j, t, o, fetched = 0, wrong = 0, left = 0;

	for (i = 1; i <= N; i++) {
		msgid[i] = rnd(500) == 0 ? 0 : (uint64_t)rnd(UINT32_MAX) << 32 | i;
		date[i] = 1700000000 + rnd(N / 4);
		content[i] = i;
		perm[i] = i;
		if (i > 10 && rnd(500) == 0) {
			msgid[i] = msgid[i - 5];
			date[i] = date[i - 5];
			content[i] = content[i - 5 * rnd(2)];
		}
	}
	for (i = N; i > 1; i--) {
		j = 1 + rnd(i);
		t = perm[i];
		perm[i] = perm[j];
		perm[j] = t;
	}
	for (i = 1; i <= N; i++) {
		old(a, i, date[i], msgid[i], content[i]);
		adopt_row(a, i, date[perm[i]], msgid[perm[i]]);
	}
	adopt_ready(a);
	adopt_each(a, took, of);
	for (i = 1; i <= N; i++) {
		if (of[i] == 0) {
			fetched++;
			if (by_digest(a, i, content[perm[i]], 100, &o) == 1)
				of[i] = o;
		}
		if (of[i] == 0 || content[of[i]] != content[perm[i]] || used[of[i]]++ != 0)
			wrong++;
	}
	is_int(wrong, 0, "each of 5,000 is found, once, with the right content");
	ok(fetched * 100 <= N, "%u of them had to be fetched", fetched);
	for (i = 1; i <= N; i++)
		if (by_digest(a, N + i, content[i], 100, &o) == 1)
			left++;
	is_int(left, 0, "no old one is left");
	adopt_free(a);
}

/* Generations have their own UIDs. */
static void
test_generations(void)
{
	struct adopt *a = adopt_begin();
	struct state_msg m = { .uid = 1, .date = 1000, .bytes = 100 };
	struct adopt_of first, second, none;

	digest(m.sha256, 5);
	adopt_old(a, OLD, &m);
	adopt_old(a, OLD + 1, &m);
	adopt_ready(a);
	is_int(adopt_by_digest(a, 21, m.sha256, 100, &first), 1, "one of two generations");
	is_int(adopt_by_digest(a, 22, m.sha256, 100, &second), 1, "and the other");
	ok(first.uid == 1 && second.uid == 1 && first.gen + second.gen == 2 * OLD + 1, "each is itself");
	is_int(adopt_by_digest(a, 23, m.sha256, 100, &none), 0, "once");
	adopt_free(a);
}

/* Of a folder that may be this one under another name: the same UID or none. */
static void
same(struct adopt *a, uint32_t uid, int64_t date, uint64_t msgid, uint32_t content)
{
	struct state_msg m = message(uid, date, msgid, content);

	adopt_same(a, OLD, &m);
}

static void
test_same(void)
{
	struct adopt *a = adopt_begin();
	uint32_t o;

	same(a, 8, 1000, 8, 88);
	same(a, 2, 1000, 2, 1); /* twins */
	same(a, 3, 1000, 2, 1);
	same(a, 4, 1000, 4, 2);	 /* another date */
	same(a, 5, 1000, 0, 3);	 /* no Message-ID */
	same(a, 6, 1000, 0, 0);	 /* --baseline */
	same(a, 7, 1000, 0, 77); /* no date */
	old(a, 30, 1000, 2, 1);	 /* of the generation before, a third twin */
	adopt_row(a, 3, 1000, 2);
	adopt_row(a, 2, 1000, 2);
	adopt_row(a, 4, 2000, 4);
	adopt_row(a, 5, 1000, 0);
	adopt_row(a, 6, 1000, 0);
	adopt_row(a, 7, DATE_NONE, 0);
	adopt_row(a, 9, 1000, 8);
	adopt_row(a, 20, 1000, 2);
	adopt_ready(a);
	pairs(a, "2=2@1000 3=3@1000 6=6@1000 30=20@1000 ", "the same UID, date and Message-ID");
	is_int(by_digest(a, 4, 2, 100, &o), 1, "another date: by its content");
	is_int(by_digest(a, 5, 3, 100, &o), 1, "no Message-ID: likewise");
	is_int(by_digest(a, 5, 3, 100, &o), 0, "once");
	is_int(by_digest(a, 6, 3, 100, &o), 0, "a pair is used up");
	is_int(by_digest(a, 7, 77, 101, &o), 0, "another size");
	is_int(by_digest(a, 7, 77, 100, &o), 1, "no date");
	is_int(o, 7, "that one");
	is_int(by_digest(a, 9, 88, 100, &o), 0, "another UID is another message");
	adopt_free(a);
}

int
main(void)
{
	test_empty();
	test_pairs();
	test_same_content();
	test_blind();
	test_many();
	test_generations();
	test_same();
	return done_testing();
}
