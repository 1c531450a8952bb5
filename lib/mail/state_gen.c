/* state_gen: users, folders, generations. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "mail/state_int.h"

static void
gen_read(sqlite3_stmt *s, int first, struct state_gen *g)
{
	g->id = sqlite3_column_int64(s, first);
	g->folder_id = sqlite3_column_int64(s, first + 1);
	g->uidvalidity = (uint32_t)sqlite3_column_int64(s, first + 2);
	g->settled = (uint32_t)sqlite3_column_int64(s, first + 3);
	g->uidnext = (uint32_t)sqlite3_column_int64(s, first + 4);
	g->vanished = sqlite3_column_int(s, first + 5) != 0;
	g->adopt_from = sqlite3_column_int64(s, first + 6);
}

#define GEN_COLUMNS "g.id, g.folder, g.uidvalidity, g.settled, g.uidnext, g.vanished, g.adopt"

static void
remember(char **to, const char *s)
{
	char *old = *to;

	if (old == s || (old != NULL && strcmp(old, s) == 0))
		return;
	*to = xstrdup(s);
	free(old);
}

int
state_mailbox(struct state *st, const char *user, const char *host, int64_t *id, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_MAILBOX_FIND, err);
	int rc;

	*id = 0;
	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, user, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, host, -1, SQLITE_STATIC);
	rc = state_step(st, s, err);
	if (rc == 1) {
		*id = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	remember(&st->user, user);
	remember(&st->host, host);
	return rc == -1 ? -1 : 0;
}

/* Runs an INSERT of an id and a name (or two names) and gives the new key. */
static int
insert_key(struct state *st, sqlite3_stmt *s, int64_t *id, struct err *err)
{
	if (state_exec(st, s, err) == -1)
		return -1;
	*id = sqlite3_last_insert_rowid(st->db);
	return 0;
}

static int
mailbox_make(struct state *st, const char *user, const char *host, int64_t *id, struct err *err)
{
	sqlite3_stmt *s;

	if (state_mailbox(st, user, host, id, err) == -1)
		return -1;
	if (*id != 0)
		return 0;
	if ((s = state_stmt(st, SQL_MAILBOX_ADD, err)) == NULL)
		return -1;
	sqlite3_bind_text(s, 1, user, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, host, -1, SQLITE_STATIC);
	return insert_key(st, s, id, err);
}

/* 1 found, 0 none, -1. */
static int
folder_find(struct state *st, int64_t mailbox, const char *name, int64_t *id, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_FOLDER_FIND, err);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, mailbox);
	sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
	rc = state_step(st, s, err);
	if (rc == 1) {
		*id = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return rc;
}

static int
folder_make(struct state *st, int64_t mailbox, const char *name, int64_t *id, struct err *err)
{
	sqlite3_stmt *s;
	int rc = folder_find(st, mailbox, name, id, err);

	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if ((s = state_stmt(st, SQL_FOLDER_ADD, err)) == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, mailbox);
	sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
	return insert_key(st, s, id, err);
}

/* The one generation that s finds.  1, 0, -1. */
static int
gen_one(struct state *st, sqlite3_stmt *s, struct state_gen *g, struct err *err)
{
	int rc = state_step(st, s, err);

	if (rc == 1) {
		gen_read(s, 0, g);
		sqlite3_reset(s);
	}
	return rc;
}

static int
gen_find(struct state *st, enum state_sql which, const char *user, const char *host, const char *folder,
    uint32_t uidvalidity, struct state_gen *g, struct err *err)
{
	sqlite3_stmt *s;
	int64_t mailbox;

	if (state_mailbox(st, user, host, &mailbox, err) == -1 || (s = state_stmt(st, which, err)) == NULL)
		return -1;
	sqlite3_bind_text(s, 1, user, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, host, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 3, folder, -1, SQLITE_STATIC);
	if (which == SQL_GEN_EXACT)
		sqlite3_bind_int64(s, 4, uidvalidity);
	return gen_one(st, s, g, err);
}

int
state_gen_find(struct state *st, const char *user, const char *host, const char *folder, struct state_gen *g,
    struct err *err)
{
	return gen_find(st, SQL_GEN_NEWEST, user, host, folder, 0, g, err);
}

int
state_gen_exact(struct state *st, const char *user, const char *host, const char *folder,
    uint32_t uidvalidity, struct state_gen *g, struct err *err)
{
	return gen_find(st, SQL_GEN_EXACT, user, host, folder, uidvalidity, g, err);
}

int
state_gen_get(struct state *st, int64_t gen, struct state_gen *g, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_GEN_GET, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, gen);
	return gen_one(st, s, g, err);
}

static int
gen_add(struct state *st, int64_t folder, uint32_t uidvalidity, struct state_gen *g, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, SQL_GEN_ADD, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, folder);
	sqlite3_bind_int64(s, 2, uidvalidity);
	memset(g, 0, sizeof *g);
	g->folder_id = folder;
	g->uidvalidity = uidvalidity;
	g->settled = g->uidnext = 1;
	return insert_key(st, s, &g->id, err);
}

int
state_gen_new(struct state *st, const char *user, const char *host, const char *folder, uint32_t uidvalidity,
    struct state_gen *g, struct err *err)
{
	int64_t mailbox, id;
	bool mine;
	int rc = 0;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if (mailbox_make(st, user, host, &mailbox, err) == -1 ||
	    folder_make(st, mailbox, folder, &id, err) == -1 || gen_add(st, id, uidvalidity, g, err) == -1)
		rc = -1;
	return state_auto_end(st, mine, rc, err);
}

/* Statement with the mailbox as ?1, and a number as ?2 if it has one; finalized. */
static int
gen_loop(struct state *st, const char *user, const char *host, const char *sql, int64_t number,
    int (*cb)(const char *, const struct state_gen *, void *), void *arg, struct err *err)
{
	struct state_gen g;
	sqlite3_stmt *s;
	const char *name;
	int64_t mailbox;
	int rc;

	if (state_mailbox(st, user, host, &mailbox, err) == -1 || (s = state_prepare(st, sql, err)) == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, mailbox);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, number);
	while ((rc = state_step(st, s, err)) == 1) {
		gen_read(s, 1, &g);
		name = state_text(st, s, 0, err);
		if ((rc = name == NULL ? -1 : cb(name, &g, arg)) != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

#define GEN_LOOP \
	"SELECT f.name, " GEN_COLUMNS \
	" FROM folder f JOIN generation g ON g.folder = f.id WHERE f.mailbox = ?1 "

int
state_gen_each(struct state *st, const char *user, const char *host,
    int (*cb)(const char *, const struct state_gen *, void *), void *arg, struct err *err)
{
	return gen_loop(st, user, host,
	    GEN_LOOP "AND g.seq = (SELECT max(seq) FROM generation h WHERE h.folder = f.id) ORDER BY +f.name",
	    0, cb, arg, err);
}

int
state_gen_alike(struct state *st, const char *user, const char *host, uint32_t uidvalidity,
    int (*cb)(const char *, const struct state_gen *, void *), void *arg, struct err *err)
{
	return gen_loop(st, user, host, GEN_LOOP "AND g.uidvalidity = ?2 ORDER BY +f.name, +g.seq",
	    uidvalidity, cb, arg, err);
}

int
state_gen_every(struct state *st,
    int (*cb)(const char *, const char *, const char *, const struct state_gen *, void *), void *arg,
    struct err *err)
{
	const char *user, *host, *name;
	struct state_gen g;
	sqlite3_stmt *s;
	int rc;

	s = state_prepare(st,
	    "SELECT b.user, b.host, f.name, " GEN_COLUMNS " FROM mailbox b "
	    "JOIN folder f ON f.mailbox = b.id JOIN generation g ON g.folder = f.id "
	    "ORDER BY +b.user, +b.host, +f.name, +g.seq",
	    err);
	if (s == NULL)
		return -1;
	while ((rc = state_step(st, s, err)) == 1) {
		gen_read(s, 3, &g);
		rc = -1;
		if ((user = state_text(st, s, 0, err)) != NULL &&
		    (host = state_text(st, s, 1, err)) != NULL && (name = state_text(st, s, 2, err)) != NULL)
			rc = cb(user, host, name, &g, arg);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

int
state_name_each(struct state *st, const char *user, const char *host,
    int (*cb)(int64_t, const char *, void *), void *arg, struct err *err)
{
	sqlite3_stmt *s;
	const char *name;
	int64_t mailbox;
	int rc;

	if (state_mailbox(st, user, host, &mailbox, err) == -1)
		return -1;
	s = state_prepare(st, "SELECT id, name FROM folder WHERE mailbox = ?1 ORDER BY +id", err);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, mailbox);
	while ((rc = state_step(st, s, err)) == 1) {
		name = state_text(st, s, 1, err);
		if ((rc = name == NULL ? -1 : cb(sqlite3_column_int64(s, 0), name, arg)) != 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

/* Runs a statement with one number or two. */
static int
exec_ids(struct state *st, enum state_sql which, int64_t a, int64_t b, struct err *err)
{
	sqlite3_stmt *s = state_stmt(st, which, err);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, a);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, b);
	return state_exec(st, s, err);
}

int
state_gen_vanished(struct state *st, int64_t gen, bool vanished, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, exec_ids(st, SQL_GEN_VANISHED, gen, vanished, err), err);
}

int
state_gen_adopt(struct state *st, int64_t gen, int64_t from, struct err *err)
{
	bool mine;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	return state_auto_end(st, mine, exec_ids(st, SQL_GEN_ADOPT, gen, from, err), err);
}

int
state_settle(struct state *st, int64_t gen, uint32_t settled, uint32_t uidnext, struct err *err)
{
	sqlite3_stmt *s;
	bool mine;
	int rc = -1;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if ((s = state_stmt(st, SQL_GEN_SETTLE, err)) != NULL) {
		sqlite3_bind_int64(s, 1, gen);
		sqlite3_bind_int64(s, 2, settled);
		sqlite3_bind_int64(s, 3, uidnext);
		rc = state_exec(st, s, err);
	}
	return state_auto_end(st, mine, rc, err);
}

int
state_baseline(struct state *st, int64_t gen, uint32_t uidnext, struct err *err)
{
	bool mine;
	int rc = 0;

	if (state_auto_begin(st, &mine, err) == -1)
		return -1;
	if (exec_ids(st, SQL_SKIP_DROP, gen, 0, err) == -1 ||
	    exec_ids(st, SQL_POISON_DROP, gen, 0, err) == -1 ||
	    state_settle(st, gen, uidnext, uidnext, err) == -1)
		rc = -1;
	return state_auto_end(st, mine, rc, err);
}
