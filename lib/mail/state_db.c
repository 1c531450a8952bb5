/*
 * state_db: SQLite's results made into ours, statements, transactions.
 *
 * - A step that fails spoils the open transaction: SQLite may have rolled it
 *   back by itself, and what follows must not be committed on its own.
 * - A COMMIT that fails leaves it unknown whether it happened (its pages may
 *   reach the disk later): the handle is dead from then on.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "mail/state_int.h"

#define CHECKPOINT_PAGES 1000 /* 4 MB of log */

static enum err_kind
kind_of(int rc, int sys)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
		return rc == SQLITE_IOERR_NOMEM ? ERR_OS : ERR_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_IO;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return sys != 0 ? err_kind_of_errno(sys) : ERR_CREATE;
	case SQLITE_NOMEM:
		return ERR_OS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_AGAIN;
	default:
		return ERR_INTERNAL;
	}
}

static const char *
hint_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; the state is damaged: keep a copy, then choose --rebuild (the files are there) "
		       "or --baseline (they were consumed)";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "; another program has the state open";
	default:
		return "";
	}
}

int
state_err(struct state *st, int rc, const char *what, struct err *err)
{
	int sys = st->db != NULL ? sqlite3_system_errno(st->db) : 0;
	const char *msg = st->db != NULL ? sqlite3_errmsg(st->db) : sqlite3_errstr(rc);
	enum err_kind kind;

	switch (rc & 0xff) {
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_FULL:
		break;
	default:
		sys = 0; /* it is of some earlier call */
	}
	if (st->open)
		st->spoilt = true;
	kind = kind_of(rc, sys);
	if (sys != 0)
		return err_sys(err, kind, STAGE_FILE, sys, st->path, "%s: %s%s", what, msg, hint_of(rc));
	return err_set(err, kind, STAGE_FILE, st->path, "%s: %s%s", what, msg, hint_of(rc));
}

int
state_usable(struct state *st, struct err *err)
{
	if (st->unknown)
		return err_set(err, ERR_IO, STAGE_FILE, st->path,
		    "whether the last transaction was stored is unknown; the next run will see");
	return 0;
}

sqlite3_stmt *
state_prepare(struct state *st, const char *sql, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (state_usable(st, err) == -1)
		return NULL;
	rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);
	if (rc != SQLITE_OK) {
		state_err(st, rc, "cannot read the state", err);
		return NULL;
	}
	return s;
}

sqlite3_stmt *
state_stmt(struct state *st, enum state_sql i, struct err *err)
{
	int rc;

	if (state_usable(st, err) == -1)
		return NULL;
	if (st->stmt[i] == NULL) {
		rc = sqlite3_prepare_v3(st->db, state_sql(i), -1, SQLITE_PREPARE_PERSISTENT, &st->stmt[i],
		    NULL);
		if (rc != SQLITE_OK) {
			state_err(st, rc, "cannot use the state", err);
			return NULL;
		}
	}
	sqlite3_reset(st->stmt[i]);
	sqlite3_clear_bindings(st->stmt[i]);
	return st->stmt[i];
}

int
state_step(struct state *st, sqlite3_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		state_err(st, rc,
		    sqlite3_stmt_readonly(s) ? "cannot read the state" : "cannot write the state", err);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int
state_exec(struct state *st, sqlite3_stmt *s, struct err *err)
{
	/* SQLite may have rolled it back by itself: then this would be stored alone, at once. */
	if (st->open && st->spoilt)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path, "the transaction has failed already");
	return state_step(st, s, err);
}

const char *
state_text(struct state *st, sqlite3_stmt *s, int column, struct err *err)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	if (text == NULL && sqlite3_column_type(s, column) != SQLITE_NULL)
		util_no_memory();
	if (text == NULL)
		err_set(err, ERR_IO, STAGE_FILE, st->path, "cannot read the state: a name is missing%s",
		    hint_of(SQLITE_CORRUPT));
	return (const char *)text;
}

/* ---- transactions ---- */

int
state_begin(struct state *st, struct err *err)
{
	sqlite3_stmt *s;

	if (st->readonly)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path, "the state is open for reading only");
	if (st->open)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path, "a transaction is open already");
	if (st->sick)
		return err_set(err, ERR_IO, STAGE_FILE, st->path,
		    "the log of the state could not be written back");
	s = state_stmt(st, SQL_BEGIN, err);
	if (s == NULL || state_exec(st, s, err) == -1)
		return -1;
	st->open = true;
	st->spoilt = false;
	st->used = false;
	st->new_delivered = st->delivered;
	return 0;
}

void
state_rollback(struct state *st)
{
	sqlite3_stmt *s;

	if (!st->open)
		return;
	st->open = false;
	st->new_delivered = st->delivered;
	/* SQLite may have done it by itself.  If it cannot be done, no COMMIT will ever be. */
	if (!st->unknown && sqlite3_get_autocommit(st->db) == 0) {
		s = state_stmt(st, SQL_ROLLBACK, NULL);
		if (s == NULL || state_step(st, s, NULL) == -1)
			st->unknown = true;
	}
}

/* The row of run, where it changes. */
static int
store_run(struct state *st, struct err *err)
{
	sqlite3_stmt *s;

	if (!st->used && st->new_delivered == st->delivered)
		return 0;
	s = state_stmt(st, SQL_RUN_SET, err);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, st->group + (st->used ? 1 : 0));
	sqlite3_bind_int64(s, 2, st->new_delivered);
	return state_exec(st, s, err);
}

/* The transaction stands; that the log cannot be written back concerns the next one. */
static void
write_back(struct state *st)
{
	if (st->wal_pages < CHECKPOINT_PAGES)
		return;
	st->wal_pages = 0;
	if (sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
		st->sick = true;
}

enum state_result
state_commit(struct state *st, struct err *err)
{
	sqlite3_stmt *s;
	int rc;

	if (!st->open || st->spoilt || sqlite3_get_autocommit(st->db) != 0) {
		err_set(err, ERR_INTERNAL, STAGE_FILE, st->path,
		    st->open ? "the transaction has failed already" : "no transaction is open");
		state_rollback(st);
		return STATE_FAILED;
	}
	if (store_run(st, err) == -1 || (s = state_stmt(st, SQL_COMMIT, err)) == NULL) {
		state_rollback(st);
		return STATE_FAILED;
	}
	rc = sqlite3_step(s);
	if (rc != SQLITE_DONE) {
		state_err(st, rc, "cannot tell whether the state was written", err);
		st->unknown = true;
		st->open = false;
		sqlite3_reset(s);
		return STATE_UNKNOWN;
	}
	sqlite3_reset(s);
	st->open = false;
	st->group += st->used;
	st->delivered = st->new_delivered;
	write_back(st);
	return STATE_OK;
}

int
state_auto_begin(struct state *st, bool *mine, struct err *err)
{
	*mine = !st->open;
	if (*mine)
		return state_begin(st, err);
	if (st->spoilt)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, st->path, "the transaction has failed already");
	return 0;
}

int
state_auto_end(struct state *st, bool mine, int rc, struct err *err)
{
	if (!mine)
		return rc;
	if (rc == -1) {
		state_rollback(st);
		return -1;
	}
	return state_commit(st, err) == STATE_OK ? rc : -1;
}

int
state_delivered(struct state *st, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	st->new_delivered = st->group;
	return state_auto_end(st, mine, 0, err);
}

enum state_result
state_finish(struct state *st, bool paid, struct err *err)
{
	if (state_begin(st, err) == -1)
		return STATE_FAILED;
	if (state_delivered(st, err) == -1 || (paid && state_paid(st, err) == -1)) {
		state_rollback(st);
		return STATE_FAILED;
	}
	return state_commit(st, err);
}
