/*
 * state_open: opens, makes and closes the database.
 *
 * - locking_mode is EXCLUSIVE before the first access, so there is no -shm file
 *   and nobody else in it.
 * - What a killed run left in the -wal is copied into the database and the -wal
 *   emptied before anything is read: a page that a failed fsync left in memory
 *   alone is written again that way.
 * - Nothing here reads more than the schema and one row.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "mail/state_int.h"

static const char WHATTODO[] =
    "keep a copy, then choose --rebuild (the files are there) or --baseline (they were consumed)";

static int
simple_exec(struct state *st, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(st->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : state_err(st, rc, "cannot set up the state", err);
}

/* The first column of the first row as a number.  1, 0 no row, -1. */
static int
simple_number(struct state *st, const char *sql, int64_t *n, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st, sql, err);
	int rc;

	if (s == NULL)
		return -1;
	rc = state_step(st, s, err);
	if (rc == 1)
		*n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc;
}

static int
note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct state *st = arg;

	(void)db;
	(void)name;
	st->wal_pages = pages;
	return SQLITE_OK;
}

/* Opens the handle and takes the file for itself. */
static int
connect_db(struct state *st, const char *uri, int flags, struct err *err)
{
	int rc;

	rc = sqlite3_open_v2(uri, &st->db,
	    flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (rc != SQLITE_OK)
		return state_err(st, rc, "cannot open the state", err);
	sqlite3_extended_result_codes(st->db, 1);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Checkpoints are ours: the automatic one swallows its errors. */
	sqlite3_wal_autocheckpoint(st->db, 0);
	sqlite3_wal_hook(st->db, note_wal, st);
	return simple_exec(st,
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; "
	    "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON",
	    err);
}

static int
journal_wal(struct state *st, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st, "PRAGMA journal_mode = WAL", err);
	const unsigned char *mode;
	int rc = -1;

	if (s == NULL)
		return -1;
	if (state_step(st, s, err) == 1) {
		mode = sqlite3_column_text(s, 0);
		rc = mode != NULL && strcmp((const char *)mode, "wal") == 0
		    ? 0
		    : err_set(err, ERR_IO, STAGE_FILE, st->path,
			  "the file system does not let the state have a write-ahead log");
	}
	sqlite3_finalize(s);
	return rc;
}

static int
checkpoint(struct state *st, struct err *err)
{
	int rc = sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return rc == SQLITE_OK ? 0 : state_err(st, rc, "cannot write back what the last run left", err);
}

/* Is there nothing in it at all?  Then it was made by a run that was killed before it came further. */
static int
is_blank(struct state *st, struct err *err)
{
	int64_t n = 0;

	if (simple_number(st, "SELECT count(*) FROM sqlite_schema", &n, err) == -1)
		return -1;
	return n == 0;
}

static int
make_schema(struct state *st, struct err *err)
{
	unsigned char id[16];
	struct str s = STR_INIT;
	char idhex[33];
	size_t i;
	int rc;

	if (random_bytes(id, sizeof id) == -1)
		return err_sys(err, ERR_OS, STAGE_FILE, errno, st->path, "no random numbers");
	hex(idhex, id, sizeof id);
	str_addf(&s, "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; ",
	    STATE_APPLICATION, STATE_SCHEMA);
	for (i = 0; i < state_nschema; i++)
		str_addf(&s, "%s; ", state_schema[i].sql);
	str_addf(&s, "INSERT INTO run (one, id, grp, delivered) VALUES (0, x'%s', 0, 0); COMMIT", idhex);
	rc = simple_exec(st, s.s, err);
	str_release(&s);
	return rc;
}

static int
damaged(struct state *st, const char *how, struct err *err)
{
	return err_set(err, ERR_IO, STAGE_FILE, st->path, "the state is damaged (%s); %s", how, WHATTODO);
}

static int
check_schema(struct state *st, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st, "SELECT sql FROM sqlite_schema WHERE name = ?1", err);
	const unsigned char *sql;
	size_t i;
	int rc = s == NULL ? -1 : 0;

	for (i = 0; i < state_nschema && rc == 0; i++) {
		sqlite3_reset(s);
		sqlite3_bind_text(s, 1, state_schema[i].name, -1, SQLITE_STATIC);
		rc = state_step(st, s, err);
		if (rc == -1)
			break;
		sql = rc == 1 ? sqlite3_column_text(s, 0) : NULL;
		rc = 0;
		if (sql == NULL || strcmp((const char *)sql, state_schema[i].sql) != 0)
			rc = damaged(st, "its tables are not as they should be", err);
	}
	sqlite3_finalize(s);
	return rc;
}

static int
check_version(struct state *st, struct err *err)
{
	int64_t app = 0, version = 0;

	if (simple_number(st, "PRAGMA application_id", &app, err) == -1 ||
	    simple_number(st, "PRAGMA user_version", &version, err) == -1)
		return -1;
	if (app != STATE_APPLICATION)
		return state_not_ours(st->path, "it is another program's database", err);
	if (version > STATE_SCHEMA)
		return err_set(err, ERR_CONFIG, STAGE_FILE, st->path,
		    "the state was written by a newer mstools (schema %lld, this one knows %d): use that one",
		    (long long)version, STATE_SCHEMA);
	if (version != STATE_SCHEMA)
		return damaged(st, "its version is missing", err);
	return 0;
}

static int
load_run(struct state *st, struct err *err)
{
	sqlite3_stmt *s = state_prepare(st, "SELECT id, grp, delivered FROM run WHERE one = 0", err);
	int rc = s == NULL ? -1 : state_step(st, s, err);

	if (rc == 1 && sqlite3_column_bytes(s, 0) == 16) {
		hex(st->id, sqlite3_column_blob(s, 0), 16);
		st->group = sqlite3_column_int64(s, 1);
		st->delivered = st->new_delivered = sqlite3_column_int64(s, 2);
		rc = 0;
	} else if (rc != -1) {
		rc = damaged(st, "its identity is missing", err);
	}
	sqlite3_finalize(s);
	return rc;
}

/* With the handle open: recovers, makes or checks.  1, 0 (blank, and not to be made), -1. */
static int
bring_up(struct state *st, int flags, struct err *err)
{
	int blank;

	/* The first read opens the -wal: before it, SQLite sees nothing to write back. */
	if (is_blank(st, err) == -1 || (!st->readonly && checkpoint(st, err) == -1))
		return -1;
	blank = is_blank(st, err);
	if (blank == -1 || (blank == 1 && !(flags & STATE_CREATE)))
		return blank == -1 ? -1 : 0;
	if (blank == 0 && check_version(st, err) == -1)
		return -1;
	if (!st->readonly && journal_wal(st, err) == -1)
		return -1;
	if (blank == 1 && make_schema(st, err) == -1)
		return -1;
	if (check_schema(st, err) == -1 || load_run(st, err) == -1)
		return -1;
	if (flags & STATE_READONLY) {
		st->readonly = true;
		return simple_exec(st, "PRAGMA query_only = ON", err) == -1 ? -1 : 1;
	}
	return 1;
}

/* "file:…?immutable=1" for a path on a read-only file system. */
static char *
immutable_uri(const char *path)
{
	struct str s = STR_INIT;
	const unsigned char *p;

	str_adds(&s, "file:");
	for (p = (const unsigned char *)path; *p != '\0'; p++) {
		if (*p == '?' || *p == '#' || *p == '%' || *p < 0x21)
			str_addf(&s, "%%%02x", *p);
		else
			str_addc(&s, (char)*p);
	}
	str_adds(&s, "?immutable=1");
	return s.s;
}

/* A state that cannot be written may be read when no -wal is left that would have to be copied first. */
static int
connect_readonly(struct state *st, int dir, const char *name, const char *real, struct err *err)
{
	char *other = xasprintf("%s-wal", name), *uri;
	struct stat sb;
	int rc = fstatat(dir, other, &sb, AT_SYMLINK_NOFOLLOW);

	free(other);
	if (rc == 0 && sb.st_size > 0)
		return err_set(err, ERR_IO, STAGE_FILE, st->path,
		    "the last run was interrupted, and what it left cannot be written back here");
	uri = immutable_uri(real);
	st->readonly = true;
	rc = connect_db(st, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
	free(uri);
	return rc;
}

/* The path with its directory resolved: SQLite refuses any symbolic link in it. */
static char *
real_path(const char *path, const char *name)
{
	char *copy = xstrdup(path), *dir = realpath(dirname(copy), NULL), *out;

	out = dir == NULL ? xstrdup(path) : xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	free(dir);
	free(copy);
	return out;
}

static int
open_existing(struct state *st, int dir, const char *name, const char *path, int flags, struct err *err)
{
	char *real = real_path(path, name);
	int rc;

	if ((flags & STATE_READONLY) && faccessat(dir, name, W_OK, AT_EACCESS) == -1)
		rc = connect_readonly(st, dir, name, real, err);
	else
		rc = connect_db(st, real, SQLITE_OPEN_READWRITE, err);
	free(real);
	return rc == -1 ? -1 : bring_up(st, flags, err);
}

int
state_open(struct state **stp, const char *path, int flags, struct err *err)
{
	struct state *st;
	char *name = NULL;
	bool exists;
	int dir, rc;

	*stp = NULL;
	if (flags & STATE_READONLY)
		flags &= ~STATE_CREATE;
	dir = state_file_dir(path, &name, err);
	rc = dir == -1 ? -1 : state_file_probe(dir, name, path, &exists, err);
	if (rc == -1 || (rc == 0 && !(flags & STATE_CREATE)))
		goto out;
	if (!exists && state_file_make(dir, name, path, err) == -1) {
		rc = -1;
		goto out;
	}
	st = xcalloc(1, sizeof *st);
	st->path = xstrdup(path);
	rc = state_file_beside(dir, name, path, err);
	if (rc == 0)
		rc = open_existing(st, dir, name, path, flags, err);
	if (rc == 1)
		*stp = st;
	else
		state_close(st);
out:
	if (dir != -1)
		close(dir);
	free(name);
	return rc;
}

void
state_close(struct state *st)
{
	size_t i;

	if (st == NULL)
		return;
	state_rollback(st);
	for (i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(st->stmt[i]);
	/* What a failed COMMIT wrote, or not, is the next run's to look at. */
	if (st->db != NULL && (st->unknown || st->sick))
		sqlite3_db_config(st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(st->db);
	free(st->user);
	free(st->host);
	free(st->path);
	free(st);
}

const char *
state_id(struct state *st)
{
	return st->id;
}
