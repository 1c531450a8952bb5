/* state_skip: what limits left out, what is quarantined, and small facts. */
#include <stdio.h>
#include <string.h>

#include "mail/state_int.h"

#define HOUR 3600
#define DAY (24 * HOUR)

static int
skip_add(struct state *st, int64_t gen, const struct state_skip *k, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_SKIP_ADD, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, k->limit);
	sqlite3_bind_int64(s, 3, k->lo);
	sqlite3_bind_int64(s, 4, k->hi);
	sqlite3_bind_int64(s, 5, k->value);
	return state_exec(st, s, err);
}

int
state_skip_add(struct state *st, int64_t gen, const struct state_skip *k, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, skip_add(st, gen, k, err), err);
}

int
state_skip_each(struct state *st, int64_t gen, int (*cb)(const struct state_skip *, void *), void *arg,
    struct err *err)
{
	sqlite3_stmt *s = state_prepare(st,
	    "SELECT lo, hi, lim, value FROM skip WHERE gen = ?1 "
	    "ORDER BY +lim, +lo",
	    err);
	struct state_skip k;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	while ((rc = state_step(st, s, err)) == 1) {
		k.lo = (uint32_t)sqlite3_column_int64(s, 0);
		k.hi = (uint32_t)sqlite3_column_int64(s, 1);
		k.limit = (enum state_limit)sqlite3_column_int(s, 2);
		k.value = sqlite3_column_int64(s, 3);
		if ((rc = cb(&k, arg)) != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

int
state_skip_clear(struct state *st, int64_t gen, enum state_limit limit, struct err *err)
{
	sqlite3_stmt *s;
	bool mine;
	int rc = -1;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if ((s = state_stmt(st, limit == LIMITS ? SQL_SKIP_DROP : SQL_SKIP_CLEAR, err)) != NULL) {
		sqlite3_bind_int64(s, 1, gen);
		if (limit != LIMITS)
			sqlite3_bind_int64(s, 2, limit);
		rc = state_exec(st, s, err);
	}
	return state_auto_end(st, mine, rc, err);
}

static int
poison_put(struct state *st, int64_t gen, const struct state_poison *p, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_POISON_PUT, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, p->uid);
	sqlite3_bind_int64(s, 3, p->first);
	sqlite3_bind_int64(s, 4, p->next);
	sqlite3_bind_int64(s, 5, p->tries);
	sqlite3_bind_int64(s, 6, p->reported);
	sqlite3_bind_text(s, 7, p->reason, (int)strnlen(p->reason, sizeof p->reason), SQLITE_STATIC);
	return state_exec(st, s, err);
}

int
state_poison_put(struct state *st, int64_t gen, const struct state_poison *p, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, poison_put(st, gen, p, err), err);
}

int
state_poison_delete(struct state *st, int64_t gen, uint32_t uid, struct err *err)
{
	sqlite3_stmt *s;
	bool mine;
	int rc = -1;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if ((s = state_stmt(st, SQL_POISON_DELETE, err)) != NULL) {
		sqlite3_bind_int64(s, 1, gen);
		sqlite3_bind_int64(s, 2, uid);
		rc = state_exec(st, s, err);
	}
	return state_auto_end(st, mine, rc, err);
}

int
state_poison_each(struct state *st, int64_t gen, int (*cb)(const struct state_poison *, void *), void *arg,
    struct err *err)
{
	sqlite3_stmt *s = state_prepare(st,
	    "SELECT uid, first, next, tries, reported, reason FROM poison "
	    "WHERE gen = ?1 ORDER BY +uid",
	    err);
	struct state_poison p;
	const char *reason;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	while ((rc = state_step(st, s, err)) == 1) {
		memset(&p, 0, sizeof p);
		p.uid = (uint32_t)sqlite3_column_int64(s, 0);
		p.first = sqlite3_column_int64(s, 1);
		p.next = sqlite3_column_int64(s, 2);
		p.tries = (uint32_t)sqlite3_column_int64(s, 3);
		p.reported = sqlite3_column_int(s, 4) != 0;
		rc = -1;
		if ((reason = state_text(st, s, 5, err)) != NULL) {
			snprintf(p.reason, sizeof p.reason, "%s", reason);
			rc = cb(&p, arg);
		}
		if (rc != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

int64_t
state_poison_schedule(uint32_t tries, int64_t now)
{
	static const int64_t wait[] = { HOUR, 4 * HOUR, DAY, 3 * DAY, 7 * DAY };
	size_t n = sizeof wait / sizeof *wait, i = tries == 0 ? 0 : tries - 1;

	return now + wait[i < n ? i : n - 1];
}

int
state_note_set(struct state *st, const char *key, int64_t value, struct err *err)
{
	sqlite3_stmt *s;
	bool mine;
	int rc = -1;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if ((s = state_stmt(st, SQL_NOTE_SET, err)) != NULL) {
		sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 2, value);
		rc = state_exec(st, s, err);
	}
	return state_auto_end(st, mine, rc, err);
}

int
state_note_get(struct state *st, const char *key, int64_t *value, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_NOTE_GET, err);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
	rc = state_step(st, s, err);
	if (rc == 1) {
		*value = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return rc;
}
