/* adopt: see adopt.h. */
#include "mail/adopt.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "crew/wire.h"

struct old {
	int64_t date;
	uint64_t msgid, bytes;
	struct adopt_of of;
	bool claimed, digest;
	unsigned char sha256[32];
};

struct row {
	int64_t date;
	uint64_t msgid;
	uint32_t uid;
	bool paired;
	struct adopt_of of; /* if it is paired */
};

struct adopt {
	struct old *old; /* by date, msgid, generation, uid once ready */
	size_t nold, capold;
	struct old *same; /* by uid once ready */
	size_t nsame, capsame;
	struct row *row; /* by uid once ready */
	size_t nrow, caprow;
	size_t *bysha; /* indices of old ones with a digest, by digest, date, uid */
	size_t nsha;
};

struct adopt *
adopt_begin(void)
{
	return xcalloc(1, sizeof(struct adopt));
}

void
adopt_free(struct adopt *a)
{
	if (a == NULL)
		return;
	free(a->old);
	free(a->same);
	free(a->row);
	free(a->bysha);
	free(a);
}

static void
add(struct old **list, size_t *n, size_t *cap, int64_t gen, const struct state_msg *m)
{
	struct old *o;

	if (*n == *cap) {
		*cap = *cap == 0 ? 256 : *cap * 2;
		*list = xreallocarray(*list, *cap, sizeof **list);
	}
	o = &(*list)[(*n)++];
	*o = (struct old){ .date = m->date, .msgid = m->msgid, .bytes = m->bytes, .of = { gen, m->uid } };
	memcpy(o->sha256, m->sha256, sizeof o->sha256);
	o->digest = state_digest_known(o->sha256);
}

void
adopt_old(struct adopt *a, int64_t gen, const struct state_msg *m)
{
	add(&a->old, &a->nold, &a->capold, gen, m);
}

void
adopt_same(struct adopt *a, int64_t gen, const struct state_msg *m)
{
	add(&a->same, &a->nsame, &a->capsame, gen, m);
}

void
adopt_row(struct adopt *a, uint32_t uid, int64_t date, uint64_t msgid)
{
	if (a->nrow == a->caprow) {
		a->caprow = a->caprow == 0 ? 256 : a->caprow * 2;
		a->row = xreallocarray(a->row, a->caprow, sizeof *a->row);
	}
	a->row[a->nrow++] = (struct row){ .date = date, .msgid = msgid, .uid = uid };
}

static int
key_cmp(int64_t date1, uint64_t id1, int64_t date2, uint64_t id2)
{
	if (date1 != date2)
		return date1 < date2 ? -1 : 1;
	return id1 < id2 ? -1 : id1 > id2;
}

static int
old_cmp(const void *a, const void *b)
{
	const struct old *x = a, *y = b;
	int c = key_cmp(x->date, x->msgid, y->date, y->msgid);

	if (c != 0)
		return c;
	if (x->of.gen != y->of.gen)
		return x->of.gen < y->of.gen ? -1 : 1;
	return x->of.uid < y->of.uid ? -1 : x->of.uid > y->of.uid;
}

static int
same_cmp(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	return x->of.uid < y->of.uid ? -1 : x->of.uid > y->of.uid;
}

/* Those that have their pair come last. */
static int
row_key_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = key_cmp(x->date, x->msgid, y->date, y->msgid);

	if (x->paired != y->paired)
		return x->paired ? 1 : -1;
	return c != 0 ? c : x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int
row_uid_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	/* Of a message listed twice the one that says more is kept. */
	if ((x->msgid == 0) != (y->msgid == 0))
		return x->msgid == 0 ? 1 : -1;
	return (x->date == DATE_NONE) - (y->date == DATE_NONE);
}

static int
sha_cmp(const void *a, const void *b, void *arg)
{
	const struct old *old = arg, *x = &old[*(const size_t *)a], *y = &old[*(const size_t *)b];
	int c = memcmp(x->sha256, y->sha256, sizeof x->sha256);

	return c != 0 ? c : old_cmp(x, y);
}

static void
rows_unique(struct adopt *a)
{
	size_t i, n = 0;

	if (a->nrow == 0)
		return;
	qsort(a->row, a->nrow, sizeof *a->row, row_uid_cmp);
	for (i = 1; i < a->nrow; i++)
		if (a->row[i].uid != a->row[n].uid)
			a->row[++n] = a->row[i];
	a->nrow = n + 1;
}

static void
index_digests(struct adopt *a)
{
	size_t i;

	a->bysha = xcalloc(a->nold == 0 ? 1 : a->nold, sizeof *a->bysha);
	for (i = 0; i < a->nold; i++)
		if (a->old[i].digest)
			a->bysha[a->nsha++] = i;
	if (a->nsha > 1)
		qsort_r(a->bysha, a->nsha, sizeof *a->bysha, sha_cmp, a->old);
}

static void
pair(struct row *r, struct old *o)
{
	r->paired = true;
	r->of = o->of;
	o->claimed = true;
}

/*
 * One key: old[i…i+nold) and row[j…j+nrow).  Exactly one of each is a pair.
 * Where no old one has a digest, fetching would not tell more: they are used up
 * in order, though not for a message without date that could be any.
 */
static void
pair_key(struct old *o, size_t nold, struct row *r, size_t nrow)
{
	bool blind = true;
	size_t i;

	if (r->date == DATE_NONE)
		return;
	if (nold == 1 && nrow == 1 && r->msgid != 0) {
		pair(r, o);
		return;
	}
	for (i = 0; i < nold; i++)
		blind = blind && !o[i].digest;
	for (i = 0; blind && i < nold && i < nrow; i++)
		pair(&r[i], &o[i]);
}

/* The first index in same whose UID is not below uid. */
static size_t
same_first(const struct adopt *a, uint32_t uid)
{
	size_t lo = 0, hi = a->nsame, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (a->same[mid].of.uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
pair_same(struct adopt *a)
{
	struct row *r;
	struct old *o;
	size_t i, j;

	for (i = 0; i < a->nrow; i++) {
		r = &a->row[i];
		for (j = same_first(a, r->uid); j < a->nsame && a->same[j].of.uid == r->uid; j++) {
			o = &a->same[j];
			if (r->paired || r->date == DATE_NONE || (r->msgid == 0 && o->digest) ||
			    key_cmp(o->date, o->msgid, r->date, r->msgid) != 0)
				continue;
			pair(r, o);
		}
	}
}

static void
pair_all(struct adopt *a)
{
	size_t i = 0, j = 0, n = 0, nold, nrow;
	struct old *o;
	struct row *r;
	int c;

	while (n < a->nrow && !a->row[n].paired)
		n++;
	while (i < a->nold && j < n) {
		o = &a->old[i];
		r = &a->row[j];
		c = key_cmp(o->date, o->msgid, r->date, r->msgid);
		if (c < 0) {
			i++;
			continue;
		}
		if (c > 0) {
			j++;
			continue;
		}
		for (nold = 1;
		     i + nold < a->nold && key_cmp(o->date, o->msgid, o[nold].date, o[nold].msgid) == 0;
		     nold++)
			;
		for (nrow = 1; j + nrow < n && key_cmp(r->date, r->msgid, r[nrow].date, r[nrow].msgid) == 0;
		     nrow++)
			;
		pair_key(o, nold, r, nrow);
		i += nold;
		j += nrow;
	}
}

void
adopt_ready(struct adopt *a)
{
	rows_unique(a);
	if (a->nsame > 1)
		qsort(a->same, a->nsame, sizeof *a->same, same_cmp);
	pair_same(a);
	if (a->nrow > 1)
		qsort(a->row, a->nrow, sizeof *a->row, row_key_cmp);
	if (a->nold > 1)
		qsort(a->old, a->nold, sizeof *a->old, old_cmp);
	pair_all(a);
	if (a->nrow > 1)
		qsort(a->row, a->nrow, sizeof *a->row, row_uid_cmp);
	index_digests(a);
}

int
adopt_each(const struct adopt *a, int (*cb)(const struct adopt_of *, uint32_t, int64_t, void *), void *arg)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < a->nrow && rc == 0; i++)
		if (a->row[i].paired)
			rc = cb(&a->row[i].of, a->row[i].uid, a->row[i].date, arg);
	return rc;
}

static struct row *
row_find(struct adopt *a, uint32_t uid)
{
	size_t lo = 0, hi = a->nrow, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (a->row[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->nrow && a->row[lo].uid == uid ? &a->row[lo] : NULL;
}

/* The first index in bysha whose digest is not below sha256. */
static size_t
sha_first(const struct adopt *a, const unsigned char sha256[32])
{
	size_t lo = 0, hi = a->nsha, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (memcmp(a->old[a->bysha[mid]].sha256, sha256, 32) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The unclaimed one with that UID and this content. */
static struct old *
same_content(struct adopt *a, uint32_t uid, const unsigned char sha256[32], uint64_t bytes)
{
	struct old *o;
	size_t i;

	for (i = same_first(a, uid); i < a->nsame && a->same[i].of.uid == uid; i++) {
		o = &a->same[i];
		if (!o->claimed && o->digest && o->bytes == bytes && memcmp(o->sha256, sha256, 32) == 0)
			return o;
	}
	return NULL;
}

/* An unclaimed old one of this content; one of the same date rather than another. */
static struct old *
by_content(struct adopt *a, int64_t date, const unsigned char sha256[32], uint64_t bytes)
{
	struct old *o, *found = NULL;
	size_t i;

	for (i = sha_first(a, sha256); i < a->nsha; i++) {
		o = &a->old[a->bysha[i]];
		if (memcmp(o->sha256, sha256, 32) != 0)
			break;
		if (o->claimed || o->bytes != bytes)
			continue;
		if (o->date == date)
			return o;
		if (found == NULL)
			found = o;
	}
	return found;
}

/* An unclaimed old one of which only date and Message-ID are known. */
static struct old *
by_key(struct adopt *a, const struct row *r)
{
	size_t lo = 0, hi = a->nold, mid;

	if (r == NULL || r->date == DATE_NONE)
		return NULL;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (key_cmp(a->old[mid].date, a->old[mid].msgid, r->date, r->msgid) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < a->nold && key_cmp(a->old[lo].date, a->old[lo].msgid, r->date, r->msgid) == 0; lo++)
		if (!a->old[lo].claimed && !a->old[lo].digest)
			return &a->old[lo];
	return NULL;
}

int
adopt_by_digest(struct adopt *a, uint32_t uid, const unsigned char sha256[32], uint64_t bytes,
    struct adopt_of *old)
{
	struct row *r = row_find(a, uid);
	struct old *o = same_content(a, uid, sha256, bytes);

	if (o == NULL)
		o = by_content(a, r != NULL ? r->date : DATE_NONE, sha256, bytes);
	if (o == NULL)
		o = by_key(a, r);
	if (o == NULL)
		return 0;
	o->claimed = true;
	*old = o->of;
	return 1;
}
