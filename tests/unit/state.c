/* state: every function, every refusal, and its size. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>

#include "base/util.h"
#include "crew/wire.h"
#include "mail/state.h"
#include "t.h"

#define USER "Alice@Example.com"
#define HOST "outlook.office365.com"

static struct err err;

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", t_tmpdir(), name);
}

static struct state *
open_state(const char *path)
{
	struct state *st = NULL;

	err_clear(&err);
	if (state_open(&st, path, STATE_CREATE, &err) != 1)
		printf("Bail out! cannot open the state: %s: %s\n", err.subject, err.text);
	return st;
}

static struct state_msg
msg(uint32_t uid)
{
	struct state_msg m = { .uid = uid, .date = 1700000000 + uid, .bytes = 1000 + uid, .msgid = 0xfedcba9876543210ULL + uid,
	    .slot = uid + 7, .flags = uid % 64, .how = HOW_FILE };
	size_t i;

	for (i = 0; i < sizeof m.sha256; i++)
		m.sha256[i] = (unsigned char)(uid * 31 + i * 7 + 1);
	return m;
}

static bool
same_msg(const struct state_msg *a, const struct state_msg *b)
{
	return a->uid == b->uid && a->date == b->date && a->bytes == b->bytes && a->msgid == b->msgid &&
	    a->flags == b->flags && a->how == b->how && memcmp(a->sha256, b->sha256, 32) == 0;
}

static void
write_file(const char *path, const char *data, size_t n)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(data, 1, n, f) != n || fclose(f) != 0)
		printf("Bail out! cannot write %s\n", path);
}

static void
plant(const char *target, const char *path)
{
	if (symlink(target, path) == -1)
		printf("Bail out! cannot link %s\n", path);
}

static void
cut(const char *path, off_t size)
{
	if (truncate(path, size) == -1)
		printf("Bail out! cannot truncate %s\n", path);
}

static int
count_row(const struct state_row *r, void *arg)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

static int
count_msg(const struct state_msg *m, void *arg)
{
	(void)m;
	++*(int *)arg;
	return 0;
}

static int
pending(struct state *st)
{
	int n = 0;

	return state_pending_each(st, count_row, &n, &err) == 0 ? n : -1;
}

static int
debt(struct state *st, const char *user)
{
	int n = 0;

	return state_debt_each(st, user, HOST, count_row, &n, &err) == 0 ? n : -1;
}

static int
group(struct state *st, int64_t gen, uint32_t lo, uint32_t hi)
{
	struct state_msg m;

	if (state_begin(st, &err) == -1)
		return -1;
	for (; lo <= hi; lo++) {
		m = msg(lo);
		if (state_msg_add(st, gen, &m, &err) == -1)
			return -1;
	}
	return 0;
}

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
	free(wal);
	unlink(path);

	meddle(path, "CREATE TABLE t (x)");
	refuses(path, ERR_CONFIG, "another program", "another program's database");
	unlink(path);
	state_close(open_state(path));
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
gen_text(const char *folder, const struct state_gen *g, void *arg)
{
	str_addf(arg, "%s/%u ", folder, g->uidvalidity);
	return 0;
}

static int
every_text(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	(void)host;
	str_addf(arg, "%.5s:%s/%u ", user, folder, g->uidvalidity);
	return 0;
}

static int
name_text(int64_t id, const char *name, void *arg)
{
	(void)id;
	str_addf(arg, "%s ", name);
	return 0;
}

static int
stop_gen(const char *folder, const struct state_gen *g, void *arg)
{
	(void)folder;
	(void)g;
	++*(int *)arg;
	return -1;
}

static void
test_generations(void)
{
	char *path = path_of("gen.db");
	struct state *st = open_state(path);
	struct state_gen a, b, c, g;
	struct str s = STR_INIT;
	int n = 0;

	is_int(state_gen_find(st, USER, HOST, "INBOX", &g, &err), 0, "none yet");
	is_int(state_gen_new(st, USER, HOST, "INBOX", 14, &a, &err), 0, "new");
	is_int(a.settled, 1, "settled is 1");
	is_int(state_gen_find(st, "alice@example.COM", "OUTLOOK.office365.com", "INBOX", &g, &err), 1,
	    "found, whatever the case of user and host");
	ok(g.id == a.id && g.folder_id == a.folder_id && g.uidvalidity == 14 && g.settled == 1 && g.uidnext == 1 &&
	    !g.vanished && g.adopt_from == 0, "as it was made");
	is_int(state_gen_find(st, USER, HOST, "inbox", &g, &err), 0, "folders are told apart by case");
	is_int(state_settle(st, a.id, 100, 120, &err), 0, "settle");
	is_int(state_settle(st, a.id, 110, 90, &err), 0, "settle again");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.settled, 110, "settled");
	is_int(g.uidnext, 120, "the highest UIDNEXT stays");
	is_int(state_gen_new(st, USER, HOST, "INBOX", 15, &b, &err), 0, "another UIDVALIDITY");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.id, b.id, "the newest is found");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 14, &g, &err), 1, "the old one by its UIDVALIDITY");
	is_int(g.id, a.id, "it is that");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 16, &g, &err), 0, "no other");
	is_int(state_gen_vanished(st, b.id, true, &err), 0, "vanished");
	is_int(state_gen_adopt(st, b.id, a.id, &err), 0, "adopts");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	ok(g.vanished && g.adopt_from == a.id, "both are kept");

	state_gen_new(st, USER, HOST, "Zoo", 3, &c, &err);
	state_gen_new(st, USER, HOST, "Archive", 4, &g, &err);
	state_gen_new(st, "bob@example.com", HOST, "INBOX", 5, &g, &err);
	is_int(state_gen_each(st, USER, HOST, gen_text, &s, &err), 0, "each");
	is_str(s.s, "Archive/4 INBOX/15 Zoo/3 ", "current ones of this user, by name");
	is_int(state_gen_each(st, USER, HOST, stop_gen, &n, &err), -1, "the callback stops it");
	is_int(n, 1, "at once");
	is_int(state_gen_each(st, "carol@example.com", HOST, gen_text, &s, &err), 0, "an unknown user has none");

	is_int(state_folder_rename(st, c.folder_id, "Menagerie", &err), 0, "renamed");
	is_int(state_gen_find(st, USER, HOST, "Menagerie", &g, &err), 1, "found by its new name");
	is_int(g.id, c.id, "the same");
	is_int(state_gen_find(st, USER, HOST, "Zoo", &g, &err), 0, "and not by the old");
	is_int(state_folder_rename(st, c.folder_id, "INBOX", &err), 0, "renamed to one that there is");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.id, c.id, "its own generation is the current one");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 14, &g, &err), 1, "the others are older ones of it");
	is_int(state_folder_rename(st, c.folder_id, "INBOX", &err), 0, "renamed to its own name");
	is_int(state_folder_rename(st, 4711, "INBOX", &err), -1, "an unknown folder is an error");
	str_clear(&s);
	state_gen_every(st, every_text, &s, &err);
	is_str(s.s, "alice:Archive/4 alice:INBOX/14 alice:INBOX/15 alice:INBOX/3 bob@e:INBOX/5 ", "every generation");
	str_clear(&s);
	state_name_each(st, USER, HOST, name_text, &s, &err);
	is_str(s.s, "INBOX Menagerie Zoo Archive ", "present and former names");
	is_int(state_gen_new(st, USER, HOST, "INBOX", 3, &g, &err), 0, "the same UIDVALIDITY again");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 3, &b, &err), 1, "found");
	is_int(b.id, g.id, "the newer one");
	str_release(&s);
	state_close(st);
	free(path);
}

static void
test_messages(void)
{
	char *path = path_of("msg.db");
	struct state *st = open_state(path);
	struct state_msg m, k;
	struct state_gen g, h;
	int n = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	m = msg(5);
	is_int(state_msg_add(st, g.id, &m, &err), -1, "no message outside a transaction");
	is_int(group(st, g.id, 5, 9), 0, "a group");
	is_int(state_begin(st, &err), -1, "transactions do not nest");
	is_int(state_commit(st, &err), STATE_OK, "committed");
	is_int(state_msg_find(st, g.id, 7, &k, &err), 1, "found");
	m = msg(7);
	ok(same_msg(&m, &k) && !k.claimed, "as it was put");
	is_int(state_msg_find(st, g.id, 7, NULL, &err), 1, "only asked whether");
	is_int(state_msg_find(st, g.id, 10, &k, &err), 0, "unknown");
	is_int(state_msg_find(st, g.id + 1, 7, &k, &err), 0, "in another generation");
	is_int(state_msg_each(st, g.id, 6, 8, count_msg, &n, &err), 0, "each");
	is_int(n, 3, "within the bounds");

	m = msg(UINT32_MAX);
	m.date = INT64_MIN;
	m.bytes = INT64_MAX;
	m.msgid = UINT64_MAX;
	m.how = HOW_PIPE;
	m.flags = 63;
	state_begin(st, &err);
	is_int(state_msg_add(st, g.id, &m, &err), 0, "extremes");
	is_int(state_commit(st, &err), STATE_OK, "committed");
	state_msg_find(st, g.id, UINT32_MAX, &k, &err);
	ok(same_msg(&m, &k), "are kept");

	state_begin(st, &err);
	m = msg(7);
	is_int(state_msg_add(st, g.id, &m, &err), -1, "a known UID is a fault");
	is_int(err.kind, ERR_INTERNAL, "of ours");
	is_int(state_settle(st, g.id, 50, 50, &err), -1, "what follows in the transaction fails");
	is_int(state_commit(st, &err), STATE_FAILED, "so does its commit");
	state_gen_find(st, USER, HOST, "INBOX", &h, &err);
	is_int(h.settled, 1, "nothing of it stands");
	is_int(state_commit(st, &err), STATE_FAILED, "no commit without a transaction");
	state_rollback(st);

	is_int(state_msg_delete(st, g.id, 7, &err), 0, "deleted");
	is_int(state_msg_find(st, g.id, 7, NULL, &err), 0, "gone");
	is_int(state_msg_delete(st, g.id, 7, &err), 0, "deleting nothing is no error");
	m = msg(7);
	is_int(state_msg_restore(st, g.id, &m, &err), 1, "restored");
	m.bytes = 1;
	is_int(state_msg_restore(st, g.id, &m, &err), 0, "a known one stays");
	state_msg_find(st, g.id, 7, &k, &err);
	is_int(k.bytes, 1007, "as it was");
	memset(&m, 0, sizeof m);
	m.uid = 3;
	m.how = HOW_BASELINE;
	is_int(state_msg_restore(st, g.id, &m, &err), 1, "without digest");
	state_msg_find(st, g.id, 3, &k, &err);
	ok(same_msg(&m, &k), "is kept so");
	is_int(pending(st), 5, "pending: neither the restored nor the deleted");
	state_close(st);
	free(path);
}

static int
first_slot(const struct state_row *r, void *arg)
{
	struct state_row *out = arg;

	out->msg = r->msg;
	out->uidvalidity = r->uidvalidity;
	ok(strcmp(r->user, "alice@example.com") == 0 && strcmp(r->host, HOST) == 0 && strcmp(r->folder, "INBOX") == 0,
	    "whose it is");
	return -1;
}

static void
test_groups(void)
{
	char *path = path_of("group.db");
	struct state *st = open_state(path);
	struct state_gen g, h;
	struct state_row row;
	struct state_msg m;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	group(st, g.id, 1, 3);
	is_int(state_commit(st, &err), STATE_OK, "first group");
	is_int(pending(st), 3, "is pending");
	is_int(state_pending_each(st, first_slot, &row, &err), -1, "stopped by the callback");
	m = msg(1);
	ok(same_msg(&m, &row.msg) && row.msg.slot == 8 && row.uidvalidity == 14, "with its slot");
	is_int(debt(st, USER), 0, "no receipt is owed before it is placed");
	is_int(state_debt(st, USER, HOST, &err), 0, "none");

	group(st, g.id, 4, 5);
	state_delivered(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "second group, first delivered");
	is_int(pending(st), 2, "the second is pending");
	is_int(debt(st, USER), 3, "the first is owed");
	is_int(state_debt(st, USER, HOST, &err), 1, "a debt");
	is_int(state_debt(st, "bob@example.com", HOST, &err), 0, "not Bob's");

	group(st, g.id, 6, 6);
	state_delivered(st, &err);
	state_rollback(st);
	is_int(pending(st), 2, "a rolled back group changes nothing");
	is_int(state_msg_find(st, g.id, 6, NULL, &err), 0, "and its rows are gone");

	state_debt(st, USER, HOST, &err);
	group(st, g.id, 6, 6);
	state_delivered(st, &err);
	state_paid(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "third group, both delivered and paid");
	is_int(pending(st), 1, "the third is pending");
	is_int(debt(st, USER), 0, "nothing is owed");
	is_int(state_finish(st, false, &err), STATE_OK, "finish without paying");
	is_int(pending(st), 0, "nothing pending");
	is_int(debt(st, USER), 1, "one owed");
	is_int(state_gen_new(st, "bob@example.com", HOST, "INBOX", 1, &h, &err), 0, "Bob's turn");
	group(st, h.id, 1, 4);
	is_int(state_commit(st, &err), STATE_OK, "his group");
	is_int(state_finish(st, true, &err), STATE_OK, "delivered and paid");
	is_int(debt(st, "bob@example.com"), 0, "Bob owes nothing");
	is_int(debt(st, USER), 1, "Alice still does");
	is_int(state_finish(st, true, &err), STATE_OK, "paid");
	is_int(state_debt(st, USER, HOST, &err), 0, "no longer");

	group(st, g.id, 7, 8);
	state_paid(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "paid before it is delivered");
	is_int(pending(st), 2, "is not believed");
	state_close(st);
	st = open_state(path);
	is_int(pending(st), 2, "pending over runs");
	is_int(state_delivered(st, &err), 0, "delivered on its own");
	state_close(st);
	st = open_state(path);
	is_int(pending(st), 0, "nothing pending");
	is_int(debt(st, USER), 2, "owed");
	m = msg(9);
	m.how = HOW_ADOPTED;
	state_begin(st, &err);
	state_msg_add(st, g.id, &m, &err);
	is_int(state_commit(st, &err), STATE_OK, "an adopted one");
	is_int(pending(st), 0, "is never pending");
	state_close(st);
	free(path);
}

static int
delete_row(const struct state_row *r, void *arg)
{
	return state_msg_delete(arg, r->gen, r->msg.uid, &err) == 0 && state_note_set(arg, "seen", r->msg.uid, &err) == 0 ? 0 : -1;
}

static void
test_write_within(void)
{
	char *path = path_of("within.db");
	struct state *st = open_state(path);
	struct state_gen g;
	int64_t v = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	group(st, g.id, 1, 100);
	is_int(state_commit(st, &err), STATE_OK, "a group");
	is_int(state_pending_each(st, delete_row, st, &err), 0, "the callback deletes each row");
	is_int(pending(st), 0, "all are gone");
	state_note_get(st, "seen", &v, &err);
	is_int(v, 100, "to the last");
	state_close(st);
	free(path);
}

static int
skip_text(const struct state_skip *k, void *arg)
{
	str_addf(arg, "%u:%u/%d=%lld ", k->lo, k->hi, (int)k->limit, (long long)k->value);
	return 0;
}

static int
poison_text(const struct state_poison *p, void *arg)
{
	str_addf(arg, "%u %lld %lld %u %d %s;", p->uid, (long long)p->first, (long long)p->next, p->tries, p->reported, p->reason);
	return 0;
}

static void
test_skip_poison(void)
{
	static const struct state_skip skip[] = {
		{ 10, 20, LIMIT_SIZE, 1 << 30 }, { 1, 5, LIMIT_SINCE, INT64_MAX }, { 10, 12, LIMIT_BEFORE, INT64_MIN }
	};
	char *path = path_of("skip.db");
	struct state *st = open_state(path);
	struct state_poison p = { .uid = 9, .first = 100, .next = 200, .tries = 1, .reason = "NO Server Unavailable. 15" };
	struct state_gen g, h;
	struct str s = STR_INIT;
	int64_t next;
	size_t i;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	state_begin(st, &err);
	for (i = 0; i < 3; i++)
		is_int(state_skip_add(st, g.id, &skip[i], &err), 0, "skip %zu", i);
	is_int(state_commit(st, &err), STATE_OK, "committed");
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_str(s.s, "1:5/0=9223372036854775807 10:12/1=-9223372036854775808 10:20/2=1073741824 ", "kept");
	state_skip_clear(st, g.id, LIMIT_BEFORE, &err);
	str_clear(&s);
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_str(s.s, "1:5/0=9223372036854775807 10:20/2=1073741824 ", "one limit cleared");
	state_skip_clear(st, g.id, LIMITS, &err);
	str_clear(&s);
	str_adds(&s, "");
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_int(s.len, 0, "all cleared");

	state_poison_due(st, USER, HOST, &next, &err);
	ok(next == INT64_MAX, "no poison, nothing due");
	is_int(state_poison_put(st, g.id, &p, &err), 0, "quarantined");
	p.uid = 4;
	p.next = 150;
	state_poison_put(st, g.id, &p, &err);
	p.next = 300;
	p.tries = 2;
	p.reported = true;
	memset(p.reason, 'x', sizeof p.reason);
	state_poison_put(st, g.id, &p, &err);
	p.reason[255] = '\0';
	str_clear(&s);
	state_poison_each(st, g.id, poison_text, &s, &err);
	char *want = xasprintf("4 100 300 2 1 %s;9 100 200 1 0 NO Server Unavailable. 15;", p.reason);
	is_str(s.s, want, "replaced and kept");
	free(want);
	state_poison_due(st, USER, HOST, &next, &err);
	is_int(next, 200, "the first that is due");
	state_poison_due(st, "bob@example.com", HOST, &next, &err);
	ok(next == INT64_MAX, "none of Bob's");
	state_gen_find(st, USER, HOST, "INBOX", &h, &err);
	state_poison_delete(st, g.id, 9, &err);
	state_poison_due(st, USER, HOST, &next, &err);
	is_int(next, 300, "deleted");
	is_int(state_poison_schedule(1, 0), 3600, "first retry after an hour");
	is_int(state_poison_schedule(0, 0), 3600, "also of none");
	is_int(state_poison_schedule(2, 0), 4 * 3600, "then four");
	is_int(state_poison_schedule(5, 10), 10 + 7 * 86400, "then a week");
	is_int(state_poison_schedule(500, 0), 7 * 86400, "for ever");

	state_skip_add(st, g.id, &skip[0], &err);
	is_int(state_baseline(st, g.id, 77, &err), 0, "baseline");
	state_gen_find(st, USER, HOST, "INBOX", &h, &err);
	ok(h.settled == 77 && h.uidnext == 77, "settles all");
	str_clear(&s);
	str_adds(&s, "");
	state_skip_each(st, g.id, skip_text, &s, &err);
	state_poison_each(st, g.id, poison_text, &s, &err);
	is_int(s.len, 0, "and forgets ranges and poison");
	state_poison_put(st, g.id, &p, &err);
	state_gen_new(st, USER, HOST, "INBOX", 15, &h, &err);
	state_poison_due(st, USER, HOST, &next, &err);
	ok(next == INT64_MAX, "poison of a former generation is never due");
	str_release(&s);
	state_close(st);
	free(path);
}

static void
test_notes(void)
{
	char *path = path_of("note.db");
	struct state *st = open_state(path);
	int64_t v = 0;

	is_int(state_note_get(st, "a", &v, &err), 0, "no note");
	is_int(state_note_set(st, "a", INT64_MIN, &err), 0, "a note");
	is_int(state_note_get(st, "a", &v, &err), 1, "is there");
	ok(v == INT64_MIN, "as it was");
	state_note_set(st, "a", 5, &err);
	state_note_get(st, "a", &v, &err);
	is_int(v, 5, "replaced");
	state_close(st);
	free(path);
}

static void
test_adopt_prune(void)
{
	static const struct state_skip k = { 4, 5, LIMIT_SIZE, 9 };
	static const uint32_t alive[] = { 1, 8, 20 };
	char *path = path_of("adopt.db");
	struct state *st = open_state(path);
	struct state_gen a, b, g;
	struct state_msg m, old;
	uint64_t gone;
	int n = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &a, &err);
	group(st, a.id, 1, 10);
	is_int(state_commit(st, &err), STATE_OK, "ten");
	state_gen_new(st, USER, HOST, "INBOX", 15, &b, &err);
	state_gen_adopt(st, b.id, a.id, &err);
	is_int(state_adopt(st, a.id, 3, b.id, 1003, 42, &err), 0, "adopted");
	is_int(state_msg_find(st, b.id, 1003, &m, &err), 1, "known in the new generation");
	old = msg(3);
	ok(m.how == HOW_ADOPTED && m.date == 42 && m.bytes == old.bytes && m.msgid == old.msgid &&
	    memcmp(m.sha256, old.sha256, 32) == 0 && !m.claimed, "with size, digest and msgid");
	state_msg_find(st, a.id, 3, &m, &err);
	ok(m.claimed && same_msg(&m, &old), "the old one is claimed and otherwise as it was");
	is_int(state_adopt(st, a.id, 3, b.id, 1004, 42, &err), -1, "once");
	is_int(state_msg_find(st, b.id, 1004, &m, &err), 0, "no second time");
	is_int(state_adopt(st, a.id, 99, b.id, 1004, 42, &err), -1, "an unknown one");
	is_int(state_adopt(st, a.id, 4, b.id, 1003, 42, &err), -1, "to a known one");
	state_msg_find(st, a.id, 4, &m, &err);
	ok(!m.claimed, "and all of it is undone");
	state_unclaimed_each(st, a.id, count_msg, &n, &err);
	is_int(n, 9, "nine are unclaimed");

	state_finish(st, true, &err) == STATE_OK ? (void)0 : (void)ok(false, "finish");
	state_settle(st, a.id, 10, 11, &err);
	state_skip_add(st, a.id, &k, &err);
	is_int(state_prune(st, a.id, alive, 3, &gone, &err), 0, "prune");
	is_int(gone, 5, "below settled, not alive, not in a range");
	for (n = 1; n <= 10; n++)
		ok(state_msg_find(st, a.id, (uint32_t)n, NULL, &err) == (n == 1 || n == 4 || n == 5 || n == 8 || n == 10), "row %d", n);
	is_int(state_prune(st, a.id, NULL, 0, &gone, &err), 0, "nothing alive");
	is_int(gone, 2, "two more");
	is_int(state_gen_drop(st, a.id, &err), 0, "dropped");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 14, &g, &err), 0, "it is gone");
	is_int(state_msg_find(st, a.id, 10, NULL, &err), 0, "with its rows");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.adopt_from, 0, "nobody adopts from it");
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
		if (state_begin(st, &err) != -1 || err.kind != ERR_IO || state_note_set(st, "x", 1, &err) != -1 ||
		    state_msg_find(st, g.id, 1, NULL, &err) != -1 || pending(st) != -1)
			_exit(4);
		state_close(st);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a commit that fails is unknown, and the end of the handle (%d)",
	    WEXITSTATUS(status));
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
	test_generations();
	test_messages();
	test_groups();
	test_write_within();
	test_skip_poison();
	test_notes();
	test_adopt_prune();
	test_killed();
	test_busy();
	test_full();
	test_size();
	return done_testing();
}
