/* state_open: opening, every refusal, killed and full, and the size of it all. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>

#include "state_kit.h"

static void
test_open(void)
{
	char *path = path_of("open.db"), id[33];
	struct state *st;
	struct stat sb;

	is_int(state_open(&st, path, 0, &err), 0, "there is none");
	ok(st == NULL, "so no handle");
	is_int(state_open(&st, path, STATE_READONLY | STATE_CREATE, &err), 0, "reading does not make one");
	ok(access(path, F_OK) == -1, "no file either");
	umask(0);
	st = open_state(path);
	is_int(strlen(state_id(st)), 32, "an id");
	snprintf(id, sizeof id, "%s", state_id(st));
	ok(stat(path, &sb) == 0 && (sb.st_mode & 07777) == 0600, "mode 0600 whatever the umask");
	umask(022);
	state_close(st);
	char *wal = xasprintf("%s-wal", path);
	ok(access(wal, F_OK) == -1, "closing leaves no log");
	st = open_state(path);
	is_str(state_id(st), id, "the id stays");
	state_close(st);
	is_int(state_open(&st, path, STATE_READONLY, &err), 1, "for reading");
	is_int(state_begin(st, &err), -1, "no transaction then");
	is_int(state_note_set(st, "x", 1, &err), -1, "no write");
	state_close(st);
	state_close(NULL);
	is_int(state_retire(path, &err), 1, "put aside");
	is_int(state_open(&st, path, 0, &err), 0, "none any more");
	is_int(state_retire(path, &err), 0, "nothing to put aside");
	st = open_state(path);
	ok(strcmp(state_id(st), id) != 0, "a new one has a new id");
	state_close(st);
	is_int(state_retire(path, &err), 1, "put aside over the former");
	free(wal);
	free(path);
}

/* Runs one statement in the database, behind our back. */
static void
meddle(const char *path, const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		printf("Bail out! %s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void
refuses(const char *path, enum err_kind kind, const char *text, const char *name)
{
	struct state *st;

	err_clear(&err);
	is_int(state_open(&st, path, STATE_CREATE, &err), -1, "%s: refused", name);
	is_int(err.kind, kind, "%s: kind", name);
	ok(strstr(err.text, text) != NULL, "%s: %s", name, err.text);
	ok(st == NULL, "%s: no handle", name);
}

static void
test_refusals(void)
{
	char *path = path_of("bad.db"), *other = path_of("other"), *deep = path_of("no/such/dir.db"), *wal;
	struct state *st;

	refuses(deep, ERR_CREATE, "directory", "no directory");
	write_file(path, "hello, this is not a database at all", 36);
	refuses(path, ERR_CONFIG, "not a state", "a text");
	write_file(path, "SQLite", 6);
	refuses(path, ERR_CONFIG, "not a state", "a short file");
	unlink(path);
	mkdir(path, 0700);
	refuses(path, ERR_CONFIG, "regular", "a directory");
	rmdir(path);
	write_file(other, "", 0);
	plant(other, path);
	refuses(path, ERR_CONFIG, "symbolic link", "a symbolic link");
	unlink(path);
	mkfifo(path, 0600);
	refuses(path, ERR_CONFIG, "regular", "a FIFO");
	unlink(path);
	wal = xasprintf("%s-wal", path);
	plant(other, wal);
	refuses(path, ERR_CONFIG, "-wal", "a symbolic link as log");
	unlink(wal);
	ok(link(other, wal) == 0, "a second name");
	refuses(path, ERR_CONFIG, "hard links", "another file as log");
	unlink(wal);
	free(wal);
	unlink(path);

	meddle(path, "CREATE TABLE t (x)");
	refuses(path, ERR_CONFIG, "another program", "another program's database");
	unlink(path);
	state_close(open_state(path));
	meddle(path,
	    "CREATE TABLE former (mailbox INTEGER NOT NULL, name TEXT NOT NULL, folder INTEGER NOT NULL, "
	    "PRIMARY KEY (mailbox, name, folder)) WITHOUT ROWID");
	is_int(state_open(&st, path, 0, &err), 1, "a table that there was once");
	state_close(st);
	meddle(path, "PRAGMA user_version = 2");
	refuses(path, ERR_CONFIG, "newer", "a newer schema");
	meddle(path, "PRAGMA user_version = 0");
	refuses(path, ERR_IO, "damaged", "no version");
	meddle(path, "PRAGMA user_version = 1; DROP TABLE owed");
	refuses(path, ERR_IO, "damaged", "a missing table");
	meddle(path, "CREATE TABLE owed (x)");
	refuses(path, ERR_IO, "damaged", "an altered table");
	unlink(path);
	state_close(open_state(path));
	meddle(path, "DELETE FROM run");
	refuses(path, ERR_IO, "damaged", "no identity");
	unlink(path);

	/* An empty file, and a database without a table: a run was killed while it made them. */
	write_file(path, "", 0);
	is_int(state_open(&st, path, 0, &err), 0, "an empty file is none");
	st = open_state(path);
	ok(st != NULL, "and is made one");
	state_close(st);
	unlink(path);
	meddle(path, "PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t");
	is_int(state_open(&st, path, 0, &err), 0, "a blank database is none");
	st = open_state(path);
	ok(st != NULL, "and is made one");
	state_close(st);
	free(path);
	free(other);
	free(deep);
}

static void
damage(const char *path, off_t at, size_t n)
{
	int fd = open(path, O_WRONLY);

	while (n-- > 0)
		if (pwrite(fd, "\xa5", 1, at++) != 1)
			break;
	close(fd);
}

static void
test_damage(void)
{
	char *path = path_of("damaged.db");
	struct state_gen g;
	struct state *st = open_state(path);
	struct stat sb;

	state_gen_new(st, USER, HOST, "INBOX", 1, &g, &err);
	group(st, g.id, 1, 2000);
	is_int(state_commit(st, &err), STATE_OK, "a state of some pages");
	state_close(st);
	stat(path, &sb);
	cut(path, sb.st_size / 2);
	err_clear(&err);
	is_int(state_open(&st, path, 0, &err), -1, "half a state");
	is_int(err.kind, ERR_IO, "is an I/O error");
	ok(strstr(err.text, "--rebuild") != NULL, "with what to do: %s", err.text);
	cut(path, sb.st_size);
	damage(path, 100, 3000);
	err_clear(&err);
	is_int(state_open(&st, path, 0, &err), -1, "a damaged first page");
	is_int(err.kind, ERR_IO, "is an I/O error");
	ok(strstr(err.text, "damaged") != NULL, "%s", err.text);
	free(path);
}

static int
on_gen(const char *folder, const struct state_gen *g, void *arg)
{
	(void)folder;
	(void)g;
	(void)arg;
	return 0;
}

static int
on_gen_of(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	(void)user;
	(void)host;
	return on_gen(folder, g, arg);
}

static int
on_name(int64_t id, const char *name, void *arg)
{
	(void)id;
	(void)name;
	(void)arg;
	return 0;
}

static int
on_poison(const struct state_poison *p, void *arg)
{
	(void)p;
	(void)arg;
	return 0;
}

static int
on_row(const struct state_row *row, void *arg)
{
	(void)row;
	(void)arg;
	return 0;
}

/* A text that is NULL, which the schema forbids: each loop says so, and none goes on with it. */
static void
test_missing_text(void)
{
	char *path = path_of("missing.db");
	struct state_poison p = { .uid = 3, .reason = "no data" };
	struct state *st = open_state(path);
	struct state_gen g;

	state_begin(st, &err);
	state_gen_new(st, USER, HOST, "INBOX", 1, &g, &err);
	state_poison_put(st, g.id, &p, &err);
	is_int(state_commit(st, &err), STATE_OK, "a state");
	group(st, g.id, 1, 2);
	is_int(state_commit(st, &err), STATE_OK, "with something pending");
	state_close(st);
	meddle(path,
	    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = "
	    "replace(replace(sql, 'name TEXT NOT NULL', 'name TEXT'), 'reason TEXT NOT NULL', 'reason TEXT')");
	meddle(path, "UPDATE folder SET name = NULL; UPDATE poison SET reason = NULL");
	meddle(path,
	    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = replace(sql, 'name TEXT,', "
	    "'name TEXT NOT NULL,') WHERE name = 'folder'; UPDATE sqlite_master SET sql = "
	    "replace(sql, 'reason TEXT', 'reason TEXT NOT NULL') WHERE name = 'poison'; "
	    "UPDATE sqlite_master SET sql = replace(sql, 'name TEXT PRIMARY', 'name TEXT NOT NULL PRIMARY')");
	st = open_state(path);
	err_clear(&err);
	is_int(state_gen_each(st, USER, HOST, on_gen, NULL, &err), -1, "a name is missing: generations");
	is_int(err.kind, ERR_IO, "is an I/O error");
	ok(strstr(err.text, "damaged") != NULL, "%s", err.text);
	is_int(state_gen_every(st, on_gen_of, NULL, &err), -1, "all generations");
	is_int(state_name_each(st, USER, HOST, on_name, NULL, &err), -1, "names");
	is_int(state_poison_each(st, g.id, on_poison, NULL, &err), -1, "quarantine");
	is_int(state_pending_each(st, on_row, NULL, &err), -1, "what is pending");
	state_close(st);
	free(path);
}

/* A process that is killed within a transaction, or after one. */
static void
test_killed(void)
{
	static char *path, *wal;
	static struct state *st;
	struct state_gen g;
	struct stat sb;
	int status;
	pid_t pid;

	path = path_of("killed.db");
	wal = xasprintf("%s-wal", path);
	st = open_state(path);
	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	state_close(st);
	pid = fork();
	if (pid == 0) {
		st = open_state(path);
		group(st, g.id, 1, 100);
		if (state_commit(st, &err) != STATE_OK)
			_exit(1);
		group(st, g.id, 101, 200);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "killed");
	ok(stat(wal, &sb) == 0 && sb.st_size > 0, "it leaves a log");
	st = open_state(path);
	ok(stat(wal, &sb) == -1 || sb.st_size == 0, "which opening empties");
	is_int(pending(st), 100, "what was committed is there, the rest is not");
	state_close(st);
	st = open_state(path);
	is_int(pending(st), 100, "also after that");
	state_close(st);

	/* A log whose database was put aside belongs to nothing. */
	pid = fork();
	if (pid == 0) {
		st = open_state(path);
		group(st, g.id, 101, 200);
		if (state_commit(st, &err) != STATE_OK)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	unlink(path);
	st = open_state(path);
	is_int(pending(st), 0, "a log without its database is nothing");
	state_close(st);
	free(path);
	free(wal);
}

/* Holds the state until the pipe `until` is closed. */
static int
hold(const char *path, int ready, int until)
{
	struct state *st = open_state(path);
	char c = 'x';

	if (st == NULL || write(ready, &c, 1) != 1)
		return 1;
	while (read(until, &c, 1) > 0)
		;
	state_close(st);
	return 0;
}

static void
test_busy(void)
{
	char *path = path_of("busy.db"), c;
	int ready[2], until[2], status;
	struct state *st;
	pid_t pid;

	state_close(open_state(path));
	if (pipe(ready) == -1 || pipe(until) == -1)
		printf("Bail out! no pipe\n");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		close(until[1]);
		status = hold(path, ready[1], until[0]);
		free(path);
		_exit(status);
	}
	close(ready[1]);
	close(until[0]);
	is_int(read(ready[0], &c, 1), 1, "another process has it");
	err_clear(&err);
	is_int(state_open(&st, path, 0, &err), -1, "nobody else gets in");
	is_int(err.kind, ERR_AGAIN, "but may try later: %s", err.text);
	close(ready[0]);
	close(until[1]);
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it has gone");
	is_int(state_open(&st, path, 0, &err), 1, "now");
	state_close(st);
	free(path);
}

/* A disk that is full: RLIMIT_FSIZE gives EFBIG, which SQLite reports as an I/O error. */
static void
test_full(void)
{
	static struct state *st;
	static char *path;
	struct rlimit rl = { 200000, RLIM_INFINITY };
	struct state_gen g;
	enum state_result r = STATE_OK;
	int status, n = 0;
	uint32_t uid;
	pid_t pid;

	path = path_of("full.db");
	st = open_state(path);
	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	state_close(st);
	pid = fork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &rl);
		st = open_state(path);
		for (uid = 1; uid < 100000 && r == STATE_OK; uid += 100) {
			if (group(st, g.id, uid, uid + 99) == -1)
				_exit(2);
			r = state_commit(st, &err);
		}
		if (r != STATE_UNKNOWN || err.kind != ERR_IO)
			_exit(3);
		if (state_begin(st, &err) != -1 || err.kind != ERR_IO ||
		    state_note_set(st, "x", 1, &err) != -1 || state_msg_find(st, g.id, 1, NULL, &err) != -1 ||
		    pending(st) != -1)
			_exit(4);
		state_close(st);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "a commit that fails is unknown, and the end of the handle (%d)", WEXITSTATUS(status));
	st = open_state(path);
	n = pending(st);
	ok(n > 0 && n % 100 == 0, "the next run finds whole groups (%d)", n);
	state_close(st);
	free(path);
}

static void
test_size(void)
{
	char *path = path_of("size.db");
	struct state *st = open_state(path);
	struct state_gen g;
	struct stat before, after;
	uint32_t uid;
	double each;

	state_gen_new(st, USER, HOST, "INBOX", 1234567, &g, &err);
	state_close(st);
	stat(path, &before);
	st = open_state(path);
	for (uid = 100000; uid < 120000; uid += 200) {
		group(st, g.id, uid, uid + 199);
		state_delivered(st, &err);
		state_paid(st, &err);
		state_settle(st, g.id, uid + 200, uid + 200, &err);
		if (state_commit(st, &err) != STATE_OK)
			break;
	}
	is_int(uid, 120000, "20,000 rows");
	is_int(state_finish(st, true, &err), STATE_OK, "finished");
	state_close(st);
	stat(path, &after);
	each = (double)(after.st_size - before.st_size) / 20000;
	ok(each <= 100, "%.1f bytes a message", each);
	free(path);
}

int
main(void)
{
	test_open();
	test_refusals();
	test_damage();
	test_missing_text();
	test_killed();
	test_busy();
	test_full();
	test_size();
	return done_testing();
}
