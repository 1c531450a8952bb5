/* state_msg: the rows of messages, and of those what is pending or owed. */
#include <string.h>

#include "mail/state_int.h"

/* marks: how in bits 0…2, claimed in bit 3, flags above. */
#define MARK_HOW 7
#define MARK_CLAIMED 8
#define MARK_FLAGS 4 /* shift */

static int64_t
marks_of(const struct state_msg *m)
{
	return (int64_t)m->how | (int64_t)m->flags << MARK_FLAGS;
}

bool
state_digest_known(const unsigned char sha256[32])
{
	static const unsigned char none[32];

	return memcmp(sha256, none, sizeof none) != 0;
}

void
state_msg_read(sqlite3_stmt *s, int c, struct state_msg *m)
{
	const void *sha;
	int64_t marks;

	memset(m, 0, sizeof *m);
	m->uid = (uint32_t)sqlite3_column_int64(s, c);
	m->date = sqlite3_column_int64(s, c + 1);
	m->bytes = (uint64_t)sqlite3_column_int64(s, c + 2);
	sha = sqlite3_column_blob(s, c + 3);
	if (sha != NULL && sqlite3_column_bytes(s, c + 3) == sizeof m->sha256)
		memcpy(m->sha256, sha, sizeof m->sha256);
	m->msgid = (uint64_t)sqlite3_column_int64(s, c + 4);
	marks = sqlite3_column_int64(s, c + 5);
	m->how = marks & MARK_HOW;
	m->claimed = (marks & MARK_CLAIMED) != 0;
	m->flags = (uint32_t)(marks >> MARK_FLAGS);
}

static void
msg_bind(sqlite3_stmt *s, int64_t gen, const struct state_msg *m)
{
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, m->uid);
	sqlite3_bind_int64(s, 3, m->date);
	sqlite3_bind_int64(s, 4, (int64_t)m->bytes);
	if (state_digest_known(m->sha256))
		sqlite3_bind_blob(s, 5, m->sha256, sizeof m->sha256, SQLITE_STATIC);
	sqlite3_bind_int64(s, 6, (int64_t)m->msgid);
	sqlite3_bind_int64(s, 7, marks_of(m));
}

int
state_msg_find(struct state *st, int64_t gen, uint32_t uid, struct state_msg *m, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_MSG_FIND, err);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, uid);
	rc = state_step(st, s, err);
	if (rc == 1) {
		if (m != NULL)
			state_msg_read(s, 0, m);
		sqlite3_reset(s);
	}
	return rc;
}

/* Calls cb for each row of s. */
static int
msg_loop(struct state *st, sqlite3_stmt *s, int (*cb)(const struct state_msg *, void *), void *arg,
    struct err *err)
{
	struct state_msg m;
	int rc;

	while ((rc = state_step(st, s, err)) == 1) {
		state_msg_read(s, 0, &m);
		if ((rc = cb(&m, arg)) != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

int
state_msg_each(struct state *st, int64_t gen, uint32_t lo, uint32_t hi,
    int (*cb)(const struct state_msg *, void *), void *arg, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st,
	    "SELECT " STATE_MSG_COLUMNS " FROM message m "
	    "WHERE m.gen = ?1 AND m.uid BETWEEN ?2 AND ?3 ORDER BY m.uid",
	    err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, lo);
	sqlite3_bind_int64(s, 3, hi);
	return msg_loop(st, s, cb, arg, err);
}

int
state_unclaimed_each(struct state *st, int64_t gen, int (*cb)(const struct state_msg *, void *), void *arg,
    struct err *err)
{
	sqlite3_stmt *s = state_prepare(st,
	    "SELECT " STATE_MSG_COLUMNS " FROM message m "
	    "WHERE m.gen = ?1 AND m.marks & ?2 = 0 ORDER BY m.uid",
	    err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, MARK_CLAIMED);
	return msg_loop(st, s, cb, arg, err);
}

static int
owe(struct state *st, int64_t gen, uint32_t uid, int64_t group, uint32_t slot, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_OWED_ADD, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, uid);
	sqlite3_bind_int64(s, 3, group);
	sqlite3_bind_int64(s, 4, slot);
	return state_exec(st, s, err);
}

/* To the last group that is delivered, whichever that is. */
int
state_owe(struct state *st, int64_t gen, uint32_t uid, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, owe(st, gen, uid, st->delivered, 0, err), err);
}

int
state_msg_add(struct state *st, int64_t gen, const struct state_msg *m, struct err *err)
{
	sqlite3_stmt *s;

	if (!st->open)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path, "a message outside a transaction");
	if ((s = state_stmt(st, SQL_MSG_ADD, err)) == NULL)
		return -1;
	msg_bind(s, gen, m);
	if (state_exec(st, s, err) == -1)
		return -1;
	if (m->how == HOW_BASELINE || m->how == HOW_ADOPTED)
		return 0;
	st->used = true;
	return owe(st, gen, m->uid, st->group + 1, m->slot, err);
}

int
state_msg_restore(struct state *st, int64_t gen, const struct state_msg *m, struct err *err)
{
	sqlite3_stmt *s;
	bool mine;
	int rc = -1;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if ((s = state_stmt(st, SQL_MSG_RESTORE, err)) != NULL) {
		msg_bind(s, gen, m);
		rc = state_exec(st, s, err);
		if (rc == 0)
			rc = sqlite3_changes(st->db) > 0;
	}
	return state_auto_end(st, mine, rc, err);
}

/* Runs a statement with gen and uid. */
static int
exec_msg(struct state *st, enum state_sql which, int64_t gen, uint32_t uid, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, which, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, uid);
	return state_exec(st, s, err);
}

int
state_msg_delete(struct state *st, int64_t gen, uint32_t uid, struct err *err)
{
	bool mine;
	int rc = 0;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if (exec_msg(st, SQL_OWED_DELETE, gen, uid, err) == -1 ||
	    exec_msg(st, SQL_MSG_DELETE, gen, uid, err) == -1)
		rc = -1;
	return state_auto_end(st, mine, rc, err);
}

static int
claim(struct state *st, int64_t gen, uint32_t uid, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_MSG_CLAIM, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	sqlite3_bind_int64(s, 2, uid);
	sqlite3_bind_int64(s, 3, MARK_CLAIMED);
	if (state_exec(st, s, err) == -1)
		return -1;
	if (sqlite3_changes(st->db) != 1) {
		st->spoilt = true;
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path,
		    "message %u cannot be adopted: unknown, or adopted already", uid);
	}
	return 0;
}

static int
adopt(struct state *st, int64_t oldgen, uint32_t olduid, int64_t gen, uint32_t uid, int64_t date,
    struct err *err)
{
	sqlite3_stmt *s;

	if (claim(st, oldgen, olduid, err) == -1 || (s = state_stmt(st, SQL_MSG_ADOPT, err)) == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, oldgen);
	sqlite3_bind_int64(s, 2, olduid);
	sqlite3_bind_int64(s, 3, gen);
	sqlite3_bind_int64(s, 4, uid);
	sqlite3_bind_int64(s, 5, date);
	sqlite3_bind_int64(s, 6, HOW_ADOPTED);
	return state_exec(st, s, err);
}

int
state_adopt(struct state *st, int64_t oldgen, uint32_t olduid, int64_t gen, uint32_t uid, int64_t date,
    struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, adopt(st, oldgen, olduid, gen, uid, date, err), err);
}

/* ---- pending and owed ---- */

#define ROW_COLUMNS "b.user, b.host, f.name, g.uidvalidity, o.gen, " STATE_MSG_COLUMNS ", o.slot"
#define ROW_FROM \
	"FROM owed o JOIN message m ON m.gen = o.gen AND m.uid = o.uid " \
	"JOIN generation g ON g.id = o.gen JOIN folder f ON f.id = g.folder JOIN mailbox b ON b.id = f.mailbox "

/* Sorted by expressions, so that all is read before the first callback, which may write. */
static int
row_loop(struct state *st, sqlite3_stmt *s, int (*cb)(const struct state_row *, void *), void *arg,
    struct err *err)
{
	struct state_row row;
	int rc;

	while ((rc = state_step(st, s, err)) == 1) {
		if ((row.user = state_text(st, s, 0, err)) == NULL ||
		    (row.host = state_text(st, s, 1, err)) == NULL ||
		    (row.folder = state_text(st, s, 2, err)) == NULL) {
			rc = -1;
			break;
		}
		row.uidvalidity = (uint32_t)sqlite3_column_int64(s, 3);
		row.gen = sqlite3_column_int64(s, 4);
		state_msg_read(s, 5, &row.msg);
		row.msg.slot = (uint32_t)sqlite3_column_int64(s, 11);
		if ((rc = cb(&row, arg)) != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

int
state_pending_each(struct state *st, int (*cb)(const struct state_row *, void *), void *arg, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st,
	    "SELECT " ROW_COLUMNS " " ROW_FROM "WHERE o.grp > ?1 ORDER BY +o.gen, +o.uid", err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, st->delivered);
	return row_loop(st, s, cb, arg, err);
}

int
state_owed_every(struct state *st, int (*cb)(const struct state_row *, void *), void *arg, struct err *err)
{
	sqlite3_stmt *s =
	    state_prepare(st, "SELECT " ROW_COLUMNS " " ROW_FROM "ORDER BY +o.grp, +o.gen, +o.uid", err);

	return s == NULL ? -1 : row_loop(st, s, cb, arg, err);
}

int
state_debt_each(struct state *st, const char *user, const char *host,
    int (*cb)(const struct state_row *, void *), void *arg, struct err *err)
{
	sqlite3_stmt *s;
	int64_t mailbox;

	if (state_mailbox(st, user, host, &mailbox, err) == -1)
		return -1;
	s = state_prepare(st,
	    "SELECT " ROW_COLUMNS " " ROW_FROM
	    "WHERE o.grp <= ?1 AND f.mailbox = ?2 ORDER BY +o.grp, +o.gen, +o.uid",
	    err);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, st->delivered);
	sqlite3_bind_int64(s, 2, mailbox);
	return row_loop(st, s, cb, arg, err);
}

static int
pay(struct state *st, struct err *err)
{
	sqlite3_stmt *s;
	int64_t mailbox;

	if (st->user == NULL)
		return 0;
	if (state_mailbox(st, st->user, st->host, &mailbox, err) == -1 ||
	    (s = state_stmt(st, SQL_OWED_PAY, err)) == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, mailbox);
	sqlite3_bind_int64(s, 2, st->new_delivered);
	return state_exec(st, s, err);
}

int
state_paid(struct state *st, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, pay(st, err), err);
}
