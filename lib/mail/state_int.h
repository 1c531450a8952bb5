/* state_int: what the state_*.c files share; for nobody else. */
#ifndef MSTOOLS_STATE_INT_H
#define MSTOOLS_STATE_INT_H

#include <sqlite3.h>

#include "mail/state.h"

/* Statements that are prepared once and kept; state_sql.c has their text. */
enum state_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_RUN_SET,
	SQL_MAILBOX_FIND,
	SQL_MAILBOX_ADD,
	SQL_FOLDER_FIND,
	SQL_FOLDER_ADD,
	SQL_GEN_NEWEST,
	SQL_GEN_EXACT,
	SQL_GEN_GET,
	SQL_GEN_ADD,
	SQL_GEN_SETTLE,
	SQL_GEN_VANISHED,
	SQL_GEN_ADOPT,
	SQL_MSG_FIND,
	SQL_MSG_ADD,
	SQL_MSG_RESTORE,
	SQL_MSG_DELETE,
	SQL_MSG_CLAIM,
	SQL_MSG_ADOPT,
	SQL_OWED_ADD,
	SQL_OWED_DELETE,
	SQL_OWED_PAY,
	SQL_SKIP_ADD,
	SQL_SKIP_CLEAR,
	SQL_SKIP_DROP,
	SQL_POISON_PUT,
	SQL_POISON_DELETE,
	SQL_POISON_DROP,
	SQL_NOTE_SET,
	SQL_NOTE_GET,
	SQL_COUNT
};

struct state {
	sqlite3 *db;
	sqlite3_stmt *stmt[SQL_COUNT]; /* prepared when first used */
	char *path;		       /* owned; names the state in errors */
	char id[33];
	bool readonly;
	bool unknown;	       /* a COMMIT failed: nothing works any more */
	bool sick;	       /* a checkpoint failed: no further transaction */
	bool open;	       /* between state_begin and its end */
	bool spoilt;	       /* a step of the open transaction failed: it cannot be committed */
	bool used;	       /* the open transaction added to its group */
	int64_t group;	       /* last committed */
	int64_t delivered;     /* groups up to it are placed, committed */
	int64_t new_delivered; /* the same as of the open transaction */
	char *user, *host;     /* of this run, owned; NULL before they were given */
	int wal_pages;	       /* in the write-ahead log after the last commit */
};

/* The text of a statement, and of the schema's objects. */
const char *state_sql(enum state_sql);
struct state_object {
	const char *name, *sql;
};
extern const struct state_object state_schema[];
extern const size_t state_nschema;
#define STATE_APPLICATION 0x6d73746c /* "mstl" */

/* Sets err from an SQLite result; what: "cannot …".  Returns -1. */
int state_err(struct state *, int rc, const char *what, struct err *);
/* Is the state to be used at all?  0, or -1 with err set. */
int state_usable(struct state *, struct err *);

/* The kept statement, reset and without bindings; NULL with err set. */
sqlite3_stmt *state_stmt(struct state *, enum state_sql, struct err *);
/* A statement of the caller's own, for loops whose body may use the state; NULL with err set. */
sqlite3_stmt *state_prepare(struct state *, const char *sql, struct err *);
/* 1 a row, 0 done (and reset), -1 err (and reset). */
int state_step(struct state *, sqlite3_stmt *, struct err *);
/* The column's text, foreign.  NULL with err set: the file is damaged, since the schema has no text that may be NULL. */
const char *state_text(struct state *, sqlite3_stmt *, int column, struct err *);
/* Runs a statement that gives no rows.  0, -1. */
int state_exec(struct state *, sqlite3_stmt *, struct err *);

/*
 * A write outside a transaction is one of its own:
 *	if (state_auto_begin(st, &mine, err) == -1) return -1;
 *	rc = …; return state_auto_end(st, mine, rc, err);
 */
int state_auto_begin(struct state *, bool *mine, struct err *);
int state_auto_end(struct state *, bool mine, int rc, struct err *);

/* The key of user and host, 0 if there is none; remembers it as this run's.  0, -1. */
int state_mailbox(struct state *, const char *user, const char *host, int64_t *id, struct err *);

/* Reads a message from seven columns: uid date bytes sha256 msgid marks slot. */
#define STATE_MSG_COLUMNS "m.uid, m.date, m.bytes, m.sha256, m.msgid, m.marks"
void state_msg_read(sqlite3_stmt *, int first, struct state_msg *);

/* state_file.c.  The directory of path, opened; *name (malloc'd) is the last part.  -1 err. */
int state_file_dir(const char *path, char **name, struct err *);
/* What is at dir/name?  1 a database by its first bytes, 0 nothing or an empty file, -1 err. */
int state_file_probe(int dir, const char *name, const char *path, bool *exists, struct err *);
/* The -wal and -journal that SQLite would open must be what it made.  0, -1 err. */
int state_file_beside(int dir, const char *name, const char *path, struct err *);
/* Makes an empty file, durable by name.  0, -1 err. */
int state_file_make(int dir, const char *name, const char *path, struct err *);
/* Sets err: path "is not a state of mstools: why".  Returns -1. */
int state_not_ours(const char *path, const char *why, struct err *);

#endif
