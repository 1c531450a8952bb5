/*
 * state_fault: each write, sync and truncation of the database fails in turn.
 * Whatever happens, what was committed is there afterwards, what was not
 * committed is there wholly or not at all, and the handle knew which.
 *
 * The faults come from an SQLite VFS of the test's own, laid over the default.
 */
#include <sqlite3.h>
#include <stdint.h>

#include "base/util.h"
#include "mail/state.h"
#include "t.h"

/* ---- the VFS ---- */

static int countdown; /* operations until one fails; 0: never */
static bool stay;     /* everything fails from then on */
static bool fired;
static sqlite3_vfs *real, faulty;

struct file {
	sqlite3_file base;
	sqlite3_file *real;
};
static sqlite3_io_methods methods;

static bool
fails(void)
{
	if (fired)
		return stay;
	if (countdown == 0 || --countdown > 0)
		return false;
	fired = true;
	return true;
}

#define REAL(f) (((struct file *)(f))->real)
#define CALL(f, m, ...) REAL(f)->pMethods->m(REAL(f), ##__VA_ARGS__)

static int
f_close(sqlite3_file *f)
{
	int rc = CALL(f, xClose);

	sqlite3_free(REAL(f));
	return rc;
}

static int
f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return CALL(f, xRead, p, n, at);
}

/* Half of it reaches the disk. */
static int
f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (!fails())
		return CALL(f, xWrite, p, n, at);
	if (!stay)
		CALL(f, xWrite, p, n / 2, at);
	return stay ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int
f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails() ? SQLITE_IOERR_TRUNCATE : CALL(f, xTruncate, size);
}

static int
f_sync(sqlite3_file *f, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : CALL(f, xSync, flags);
}

static int
f_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return CALL(f, xFileSize, n);
}

static int
f_lock(sqlite3_file *f, int l)
{
	return CALL(f, xLock, l);
}

static int
f_unlock(sqlite3_file *f, int l)
{
	return CALL(f, xUnlock, l);
}

static int
f_reserved(sqlite3_file *f, int *out)
{
	return CALL(f, xCheckReservedLock, out);
}

static int
f_control(sqlite3_file *f, int op, void *arg)
{
	return CALL(f, xFileControl, op, arg);
}

static int
f_sector(sqlite3_file *f)
{
	return CALL(f, xSectorSize);
}

static int
f_device(sqlite3_file *f)
{
	return CALL(f, xDeviceCharacteristics);
}

static int
f_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *me = (struct file *)f;
	int rc;

	(void)v;
	me->base.pMethods = NULL;
	me->real = sqlite3_malloc(real->szOsFile);
	if (me->real == NULL)
		return SQLITE_NOMEM;
	memset(me->real, 0, (size_t)real->szOsFile);
	rc = real->xOpen(real, name, me->real, flags, out);
	if (rc != SQLITE_OK) {
		sqlite3_free(me->real);
		return rc;
	}
	me->base.pMethods = &methods;
	return SQLITE_OK;
}

static void
vfs_make(void)
{
	real = sqlite3_vfs_find(NULL);
	faulty = *real;
	faulty.zName = "faulty";
	faulty.szOsFile = sizeof(struct file);
	faulty.xOpen = f_open;
	methods = (sqlite3_io_methods){ .iVersion = 1,
		.xClose = f_close,
		.xRead = f_read,
		.xWrite = f_write,
		.xTruncate = f_truncate,
		.xSync = f_sync,
		.xFileSize = f_size,
		.xLock = f_lock,
		.xUnlock = f_unlock,
		.xCheckReservedLock = f_reserved,
		.xFileControl = f_control,
		.xSectorSize = f_sector,
		.xDeviceCharacteristics = f_device };
	sqlite3_vfs_register(&faulty, 1);
}

/* ---- the run ---- */

#define GROUPS 3
#define SIZE 60 /* messages: some pages, so that a transaction has many writes */

static struct err err;
static char *path;

/* What the run knows of itself. */
struct known {
	int committed; /* groups that were reported as committed */
	bool unknown;  /* the one after these */
	bool opened;
};

static int
add_group(struct state *st, int64_t gen, uint32_t n)
{
	struct state_msg m = { .date = 1700000000, .bytes = 1000 };
	uint32_t i;

	for (i = 0; i < SIZE; i++) {
		m.uid = n * SIZE + i + 1;
		memset(m.sha256, (int)(m.uid % 255) + 1, sizeof m.sha256);
		if (state_msg_add(st, gen, &m, &err) == -1)
			return -1;
	}
	if (state_settle(st, gen, (n + 1) * SIZE + 1, (n + 1) * SIZE + 1, &err) == -1)
		return -1;
	return state_delivered(st, &err) == -1 || state_paid(st, &err) == -1 ? -1 : 0;
}

/* Fetches on from where the state is, until something fails. */
static void
run(struct known *k)
{
	struct state *st;
	struct state_gen g;
	uint32_t n;
	int rc;

	memset(k, 0, sizeof *k);
	if (state_open(&st, path, STATE_CREATE, &err) != 1)
		return;
	k->opened = true;
	rc = state_gen_find(st, "a@b", "h", "INBOX", &g, &err);
	if (rc == 0)
		rc = state_gen_new(st, "a@b", "h", "INBOX", 1, &g, &err) == 0 ? 1 : -1;
	for (n = rc == 1 ? (g.settled - 1) / SIZE : GROUPS; n < GROUPS; n++) {
		if (state_begin(st, &err) == -1)
			break;
		if (add_group(st, g.id, n) == -1) {
			state_rollback(st);
			break;
		}
		rc = state_commit(st, &err);
		k->unknown = rc == STATE_UNKNOWN;
		if (rc != STATE_OK)
			break;
		k->committed = (int)n + 1;
	}
	if (k->committed == GROUPS && state_finish(st, true, &err) != STATE_OK)
		note("finish failed");
	state_close(st);
}

static int
count(const struct state_msg *m, void *arg)
{
	(void)m;
	++*(int *)arg;
	return 0;
}

/* Without faults: how many whole groups are there?  -1: it is not as it should be. */
static int
look(void)
{
	struct state *st;
	struct state_gen g;
	int n = 0, rc;

	countdown = 0;
	fired = false;
	if ((rc = state_open(&st, path, 0, &err)) != 1)
		return rc;
	rc = state_gen_find(st, "a@b", "h", "INBOX", &g, &err);
	if (rc == 1 && state_msg_each(st, g.id, 1, UINT32_MAX, count, &n, &err) == 0)
		rc = n % SIZE == 0 && g.settled == (uint32_t)n + 1 ? n / SIZE : -1;
	state_close(st);
	return rc;
}

static void
wipe(void)
{
	static const char *const suffix[] = { "", "-wal", "-journal", "-shm" };
	size_t i;

	for (i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		char *name = xasprintf("%s%s", path, suffix[i]);

		unlink(name);
		free(name);
	}
}

static void
test_each(bool staying)
{
	struct known k;
	int at, have, wrong = 0, points = 0, unknown = 0;

	for (at = 1;; at += at < 30 ? 1 : 2) {
		wipe();
		stay = staying;
		countdown = at;
		fired = false;
		run(&k);
		if (!fired)
			break;
		points++;
		unknown += k.unknown;
		have = look();
		if (have != k.committed && !(k.unknown && have == k.committed + 1)) {
			note("fault %d: %d groups reported, %d found%s", at, k.committed, have,
			    k.unknown ? ", one unknown" : "");
			wrong++;
		}
		/* The next run goes on to the end. */
		run(&k);
		if (look() != GROUPS) {
			note("fault %d: the next run does not come to its end", at);
			wrong++;
		}
	}
	ok(points > 20, "%d points of failure%s", points, staying ? ", and no cure" : "");
	ok(unknown > 0, "%d of them in a COMMIT", unknown);
	is_int(wrong, 0, "what was committed is there, and nothing by halves");
	wipe();
}

/* An fsync that fails at COMMIT: the handle is dead, and closing it decides nothing. */
static void
test_dead(void)
{
	struct state_gen g;
	struct state *st;
	int at;
	enum state_result r = STATE_OK;

	for (at = 1; at < 50 && r != STATE_UNKNOWN; at++) {
		wipe();
		countdown = 0;
		fired = false;
		if (state_open(&st, path, STATE_CREATE, &err) != 1)
			break;
		state_gen_new(st, "a@b", "h", "INBOX", 1, &g, &err);
		state_begin(st, &err);
		add_group(st, g.id, 0);
		countdown = at;
		err_clear(&err);
		r = state_commit(st, &err);
		countdown = 0;
		fired = false;
		if (r == STATE_UNKNOWN) {
			is_int(err.kind, ERR_IO, "unknown is an I/O error");
			is_int(state_begin(st, &err), -1, "no transaction any more");
			is_int(state_gen_find(st, "a@b", "h", "INBOX", &g, &err), -1, "no question either");
			is_int(state_finish(st, true, &err), STATE_FAILED, "no end");
			state_rollback(st);
		}
		state_close(st);
	}
	is_int(r, STATE_UNKNOWN, "a COMMIT that cannot be written is unknown");
	wipe();
}

int
main(void)
{
	/* The faults are ours: memory does, and does not wait for a disk. */
	if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	path = xasprintf("%s/fault.db", t_tmpdir());
	vfs_make();
	test_dead();
	test_each(false);
	test_each(true);
	free(path);
	return done_testing();
}
