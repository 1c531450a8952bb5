/*
 * state_broken: opening and making a state while each call to the system fails
 * in turn; a log that cannot be written back, no memory, callbacks that stop.
 */
#include "faults.h"

#include <sys/wait.h>

#include "state_model.h"

/* What a process that was killed leaves: the last note is in the -wal alone. */
static void
killed_with_wal(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		st = open_state(path);
		state_note_set(st, "k", 44, &err);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

enum start { NOTHING, SOUND, LEFTOVER, READ_ONLY, RETIRE };

static void
prepare(enum start how)
{
	static const char *const suffix[] = { "-wal", "-shm", "-journal", ".old", ".old-wal", "" };

	for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		char *name = xasprintf("%s%s", path, suffix[i]);

		unlink(name);
		free(name);
	}
	if (how != NOTHING)
		copy_model();
	if (how == LEFTOVER)
		killed_with_wal();
}

/* One point: is there an n-th call?  What the model says must be there in the end, whatever happened. */
static bool
open_point(enum start how, int n, int *bad)
{
	int64_t v = 0;
	bool fired;
	int rc;

	prepare(how);
	st = NULL;
	err_clear(&err);
	fault_at(n, SOON);
	if (how == RETIRE)
		rc = state_retire(path, &err);
	else
		rc = state_open(&st, path, how == READ_ONLY ? STATE_READONLY : STATE_CREATE, &err);
	fired = fault_off();
	if (rc != 1 && (rc == 0 || err.kind == ERR_NONE || st != NULL)) {
		note("%s, call %d: %d, no error", fault_name, n, rc);
		++*bad;
	}
	state_close(st);
	if (how == RETIRE) {
		char *old = xasprintf("%s.old", path);

		if (access(path, F_OK) == -1 && rename(old, path) == -1)
			++*bad;
		free(old);
	}
	st = open_state(path);
	if (how != NOTHING && (state_note_get(st, "k", &v, &err) != 1 || v != (how == LEFTOVER ? 44 : 4))) {
		note("%s, call %d: the note is %lld", fault_name, n, (long long)v);
		++*bad;
	}
	state_close(st);
	return fired;
}

static void
opening(enum start how, const char *name)
{
	int n, bad = 0;

	for (n = 1; open_point(how, n, &bad); n++)
		;
	ok(n > 2, "%s: %d calls fail in turn", name, n - 1);
	is_int(bad, 0, "it is said, and nothing is lost");
}

/* What stands in the way of opening one to look at. */
static void
reading_only(void)
{
	struct state_msg m = msg(1);

	prepare(LEFTOVER);
	fault_only = "faccessat"; /* root may write whatever the mode is */
	fault_at(1, SOON);
	is_int(state_open(&st, path, STATE_READONLY, &err), -1, "not while a -wal is left over");
	ok(fault_off() && err.kind == ERR_IO, "which says so");
	prepare(SOUND);
	fault_at(1, SOON);
	is_int(state_open(&st, path, STATE_READONLY, &err), 1, "a sound one can be looked at");
	ok(fault_off(), "that cannot be written");
	fault_only = NULL;
	is_int(state_begin(st, &err), -1, "which nobody tries");
	is_int(state_msg_restore(st, inbox, &m, &err), -1, "in any way");
	state_close(st);
}

/* A log that cannot be written back: what was committed stands, and the next transaction is refused. */
static void
sick(void)
{
	int64_t v = 0, i;

	prepare(SOUND);
	st = open_state(path);
	fault_only = "sqlite3_wal_checkpoint_v2";
	fault_at(1, SOON);
	for (i = 0; i < 5000 && !fault_fired; i++)
		if (state_note_set(st, "k", i, &err) == -1)
			break;
	ok(fault_off(), "after %lld transactions", (long long)i);
	fault_only = NULL;
	err_clear(&err);
	is_int(state_note_set(st, "k", -1, &err), -1, "no more");
	is_int(err.kind, ERR_IO, "74");
	state_close(st);
	st = open_state(path);
	is_int(state_note_get(st, "k", &v, &err), 1, "the last one");
	is_int(v, i - 1, "stands");
	state_close(st);
}

static int stopped;

static int
stop_msg(const struct state_msg *m, void *arg)
{
	(void)m, (void)arg;
	stopped++;
	return -1;
}

static int
stop_skip(const struct state_skip *s, void *arg)
{
	(void)s, (void)arg;
	stopped++;
	return -1;
}

static int
stop_poison(const struct state_poison *p, void *arg)
{
	(void)p, (void)arg;
	stopped++;
	return -1;
}

static int
stop_name(int64_t folder, const char *name, void *arg)
{
	(void)folder, (void)name, (void)arg;
	stopped++;
	return -1;
}

static int
stop_row(const struct state_row *r, void *arg)
{
	(void)r, (void)arg;
	stopped++;
	return -1;
}

static int
stop_gen(const char *folder, const struct state_gen *g, void *arg)
{
	(void)folder, (void)g, (void)arg;
	stopped++;
	return -1;
}

/* No memory for a text: the program ends, nothing is taken for empty. */
static void
no_memory(void)
{
	struct state_gen g;
	int status = 0;
	pid_t pid;

	prepare(SOUND);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		st = open_state(path);
		fault_only = "sqlite3_column_text";
		fault_at(1, SOON);
		state_gen_find(st, USER, HOST, "INBOX", &g, &err);
		state_gen_each(st, USER, HOST, stop_gen, NULL, &err);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 71, "no memory: 71");
}

/* SQLite has none: that is no fault of the disk, and the state is as it was. */
static void
no_memory_for_sqlite(void)
{
	int64_t v = 0;

	prepare(SOUND);
	st = open_state(path);
	err_clear(&err);
	sqlite3_hard_heap_limit64(1);
	is_int(state_note_set(st, "k", 9, &err), -1, "no memory for SQLite");
	sqlite3_hard_heap_limit64(0);
	is_int(err.kind, ERR_OS, "71");
	state_close(st);
	st = open_state(path);
	ok(state_note_get(st, "k", &v, &err) == 1 && v == 4, "nothing was changed");
	state_close(st);
}

static void
stopping(void)
{
	prepare(SOUND);
	st = open_state(path);
	ok(state_msg_each(st, inbox, 1, 100, stop_msg, NULL, &err) == -1 && stopped == 1, "messages");
	ok(state_skip_each(st, inbox, stop_skip, NULL, &err) == -1 && stopped == 2, "skips");
	ok(state_poison_each(st, inbox, stop_poison, NULL, &err) == -1 && stopped == 3, "poison");
	ok(state_name_each(st, USER, HOST, stop_name, NULL, &err) == -1 && stopped == 4, "names");
	ok(state_pending_each(st, stop_row, NULL, &err) == -1 && stopped == 5, "pending rows");
	ok(state_debt_each(st, USER, HOST, stop_row, NULL, &err) == -1 && stopped == 6, "debts");
	ok(state_gen_each(st, USER, HOST, stop_gen, NULL, &err) == -1 && stopped == 7, "generations");
	state_close(st);
}

int
main(void)
{
	make_model();
	opening(NOTHING, "making one");
	opening(SOUND, "opening one");
	opening(LEFTOVER, "recovering one");
	opening(READ_ONLY, "looking at one");
	opening(RETIRE, "putting one aside");
	reading_only();
	sick();
	no_memory();
	no_memory_for_sqlite();
	stopping();
	free(path);
	free(model);
	return done_testing();
}
