/* commit: the group commit on a real Maildir and state, and recovery from each step that it may have stopped after. */
#include "tool/commit.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <sqlite3.h>

#include "base/file.h"
#include "crew/wire.h"
#include "t.h"
#include "tool/ledger.h"
#include "tool/place.h"

#define USER "box@contoso.example"
#define HOST "imap.example"

static char *md_path, *receipts;
static struct maildir *md;
static struct state *st;
static struct ledger *out;
static struct commit *c;
static struct state_gen gen;
static struct commit_box box = { USER, HOST, "INBOX", 14, 0, "" };
static struct err e;

static int
read_file(const char *path, struct str *s)
{
	str_clear(s);
	return file_read(path, 1 << 20, s, NULL);
}

/* Opens everything, as a run does; recovers, if asked to. */
static void
open_all(bool recover)
{
	char *db = xasprintf("%s/.mstools.db", md_path);
	int fd;

	e = (struct err)ERR_INIT;
	maildir_open(&md, md_path, MAILDIR_CREATE, &e);
	state_open(&st, db, STATE_CREATE, &e);
	free(db);
	if (state_gen_find(st, USER, HOST, "INBOX", &gen, &e) == 0)
		state_gen_new(st, USER, HOST, "INBOX", 14, &gen, &e);
	box.gen = gen.id;
	fd = open(receipts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	out = ledger_new(fd, RECEIPT_TSV, false);
	c = commit_new(st, md, out);
	if (recover)
		is_int(commit_recover(c, USER, HOST, &e), 0, "recovery: %s", e.text);
}

static void
close_all(void)
{
	commit_free(c);
	ledger_free(out);
	state_close(st);
	maildir_close(md);
}

static void
begin_test(const char *name)
{
	note("%s", name);
	free(md_path);
	free(receipts);
	md_path = xasprintf("%s/%s", t_tmpdir(), name);
	receipts = xasprintf("%s/%s.receipts", t_tmpdir(), name);
}

/* A message in the stage: its row; *fd is its file. */
static struct state_msg
stage(uint32_t uid, uint32_t slot, int *fd)
{
	struct state_msg m = { .uid = uid, .date = 1700000000 + uid, .slot = slot, .how = HOW_FILE };
	char *text = xasprintf("Subject: %u\n\n", uid);

	*fd = maildir_stage_create(md, slot, &e);
	if (*fd == -1 || write_all(*fd, text, strlen(text)) != 0)
		ok(false, "message %u is staged", uid);
	m.bytes = strlen(text);
	free(text);
	return m;
}

static void
add(uint32_t uid, uint32_t slot)
{
	int fd;
	struct state_msg m = stage(uid, slot, &fd);

	if (commit_add(c, &box, &m, fd, &e) != 0)
		ok(false, "message %u is added", uid);
}

/* Steps 1 and 2 alone; digest is each byte of the SHA-256, 0 not known. */
static void
record_digest(uint32_t uid, uint32_t slot, int digest)
{
	int fd;
	struct state_msg m = stage(uid, slot, &fd);
	struct timespec ts[2] = { { .tv_sec = (time_t)m.date }, { .tv_sec = (time_t)m.date } };

	memset(m.sha256, digest, sizeof m.sha256);
	futimens(fd, ts);
	close(fd);
	state_begin(st, &e);
	state_msg_add(st, gen.id, &m, &e);
	is_int(state_commit(st, &e), STATE_OK, "message %u is recorded", uid);
}

static void
record(uint32_t uid, uint32_t slot)
{
	record_digest(uid, slot, 0);
}

static char *
target(uint32_t uid)
{
	struct place_id id = { USER, HOST, "INBOX", 14, "" };
	struct state_msg m = { .uid = uid, .date = 1700000000 + uid };
	struct str path = STR_INIT;

	m.bytes = (uint64_t)snprintf(NULL, 0, "Subject: %u\n\n", uid);
	place_path(&path, md, &id, &m);
	return path.s;
}

static bool
placed(uint32_t uid)
{
	char *path = target(uid);
	struct stat s;
	bool there = stat(path, &s) == 0 && s.st_mtime == (time_t)(1700000000 + uid);

	free(path);
	return there;
}

static int
count_slot(uint32_t slot, void *n)
{
	(void)slot;
	++*(int *)n;
	return 0;
}

static int
staged(void)
{
	int n = 0;

	maildir_stage_each(md, count_slot, &n, &e);
	return n;
}

static int
lines(void)
{
	struct str s = STR_INIT;
	int n = 0;
	size_t i;

	if (read_file(receipts, &s) == 0)
		for (i = 0; i < s.len; i++)
			n += s.s[i] == '\n';
	str_release(&s);
	return n;
}

static int
count_row(const struct state_row *row, void *n)
{
	(void)row;
	++*(int *)n;
	return 0;
}

static int
pending(void)
{
	int n = 0;

	state_pending_each(st, count_row, &n, &e);
	return n;
}

/* Receipts that are owed. */
static int
owed(void)
{
	int n = 0;

	return state_debt_each(st, USER, HOST, count_row, &n, &e) == 0 ? n : -1;
}

static void
test_group(void)
{
	begin_test("group");
	open_all(true);
	is_int(commit_due(c), -1, "nothing in hand, nothing due");
	add(1, 0);
	add(2, 1);
	commit_settle(c, gen.id, 3, 9);
	ok(commit_due(c) >= 0 && commit_due(c) <= COMMIT_MS, "a group is due soon");
	is_int(commit_group(c, &e), 0, "a group");
	ok(placed(1) && placed(2), "is placed, with its times");
	is_int(lines(), 2, "with receipts");
	is_int(pending(), 2, "pending until the next transaction");
	add(3, 2);
	is_int(commit_group(c, &e), 0, "the next group");
	is_int(pending(), 1, "says that the first was placed");
	is_int(commit_finish(c, &e), 0, "the run ends");
	is_int(pending(), 0, "nothing is pending");
	is_int(owed(), 0, "nothing is owed");
	is_int(staged(), 0, "the stage is empty");
	state_gen_find(st, USER, HOST, "INBOX", &gen, &e);
	is_int(gen.settled, 3, "settled is stored with the group");
	is_int(gen.uidnext, 9, "so is UIDNEXT");
	add(4, 3);
	close_all();
	open_all(true);
	ok(!placed(4) && staged() == 0, "a message that was not committed leaves nothing behind");
	is_int(lines(), 3, "no receipt comes twice");
	close_all();
}

/* Goes on until nothing is in hand, as a run's loop does. */
static int
steps(void)
{
	struct pollfd p = { .events = POLLIN };
	int rc = 0;

	while (rc == 0 && (commit_due(c) != -1 || commit_fd(c) != -1)) {
		p.fd = commit_fd(c);
		poll(&p, 1, commit_due(c));
		rc = commit_step(c, &e);
	}
	return rc;
}

static void
test_thread(void)
{
	struct pollfd p = { .events = POLLIN };
	uint32_t uid;

	begin_test("thread");
	open_all(true);
	for (uid = 1; uid <= COMMIT_MESSAGES; uid++)
		add(uid, uid);
	is_int(commit_due(c), 0, "a full group is due now");
	is_int(commit_step(c, &e), 0, "its first step begins");
	p.fd = commit_fd(c);
	ok(p.fd != -1, "in a thread");
	add(1100, 1100);
	is_int(commit_due(c), -1, "the next group waits for it");
	ok(poll(&p, 1, 60000) == 1, "it ends");
	is_int(commit_step(c, &e), 0, "then the others follow");
	is_int(lines(), COMMIT_MESSAGES, "to the last, the receipts");
	ok(!placed(1100), "but for what came meanwhile");
	is_int(steps(), 0, "which is the next group");
	ok(placed(1100), "and follows");
	for (uid = 1501; uid <= 1520; uid++)
		add(uid, uid);
	is_int(steps(), 0, "a smaller group, when its time has come");
	for (uid = 2001; uid <= 2020; uid++)
		add(uid, uid);
	is_int(commit_finish(c, &e), 0, "and one at the end");
	is_int(lines(), COMMIT_MESSAGES + 41, "each has its receipt");
	is_int(staged(), 0, "the stage is empty");
	close_all();
	open_all(true);
	is_int(lines(), COMMIT_MESSAGES + 41, "nothing is left to be done");
	for (uid = 3001; uid <= 3300; uid++)
		add(uid, uid);
	commit_step(c, &e);
	close_all();
	open_all(true);
	is_int(staged(), 0, "given up while the thread was at work: nothing is left behind");
	ok(!placed(3001), "and nothing delivered");
	close_all();
}

static void
test_recovery(void)
{
	char *path;
	int fd;

	begin_test("recovery");
	open_all(true);
	record(1, 0);
	record(2, 1);
	stage(3, 2, &fd);
	close(fd);
	maildir_stage_unlink(md, 1); /* as if it had been placed, and read by somebody */
	close_all();
	open_all(true);
	ok(placed(1), "recorded and not placed: placed now");
	ok(!placed(2), "recorded and not in the stage: was placed");
	is_int(staged(), 0, "staged and not recorded: removed");
	is_int(lines(), 2, "both receipts are paid");
	is_int(pending(), 0, "nothing is pending");
	close_all();
	open_all(true);
	is_int(lines(), 2, "and they are paid once");

	record(5, 0);
	path = target(5);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	close_all();
	open_all(false);
	is_int(commit_recover(c, USER, HOST, &e), -1, "another file of that name");
	is_int(e.kind, ERR_INTERNAL, "is a fault");
	is_int(staged(), 1, "and both stay");
	unlink(path);
	free(path);
	close_all();
	open_all(true);
	ok(placed(5), "when it is out of the way, all goes well");
	close_all();
}

static int
find_poison(const struct state_poison *p, void *arg)
{
	*(struct state_poison *)arg = *p;
	return 0;
}

static void
test_lost_stage(void)
{
	struct state_poison p = { .uid = 0 };
	char *from, *to, *path;

	begin_test("lost");
	open_all(true);
	record(1, 0);
	record(2, 1);
	from = xasprintf("%s/tmp/mstools/s0", md_path);
	to = target(1);
	ok(rename(from, to) == 0, "one was placed");
	free(from);
	free(to);
	maildir_stage_unlink(md, 1);
	path = xasprintf("%s/tmp/mstools", md_path);
	ok(rmdir(path) == 0, "then the whole stage was lost");
	free(path);
	close_all();
	open_all(true);
	is_int(pending(), 0, "nothing is pending");
	is_int(state_msg_find(st, gen.id, 1, NULL, &e), 1, "what is in the Maildir was delivered");
	is_int(state_msg_find(st, gen.id, 2, NULL, &e), 0, "what is in neither was not");
	state_poison_each(st, gen.id, find_poison, &p, &e);
	is_int(p.uid, 2, "it is tried again");
	ok(p.next <= time(NULL), "at once");
	is_int(lines(), 1, "and has no receipt yet");
	close_all();
}

static int
count_poison(const struct state_poison *p, void *arg)
{
	*(int *)arg += p->next <= time(NULL);
	return 0;
}

static void
test_damaged_stage(void)
{
	struct str path = STR_INIT;
	int due = 0;

	begin_test("damaged");
	open_all(true);
	record(1, 0);
	record(2, 1);
	record_digest(3, 2, 0x11);
	maildir_stage_path(&path, md, 1);
	ok(truncate(path.s, 3) == 0, "a disk that did not do what it said");
	close_all();
	open_all(true);
	is_int(pending(), 0, "nothing is pending");
	ok(placed(1), "what is whole is placed");
	is_int(state_msg_find(st, gen.id, 2, NULL, &e), 0, "what is cut is not");
	is_int(state_msg_find(st, gen.id, 3, NULL, &e), 0, "nor what has another content");
	ok(!placed(2) && !placed(3), "neither is in the Maildir");
	ok(access(path.s, F_OK) == -1, "nor in the stage");
	state_poison_each(st, gen.id, count_poison, &due, &e);
	is_int(due, 2, "both are tried again at once");
	is_int(lines(), 1, "and have no receipts yet");
	close_all();
	str_release(&path);
}

/* ---- killed while a lost stage is dealt with ---- */

static int commits; /* until the process kills itself at one; 0: never */

static int
on_commit(void *arg)
{
	(void)arg;
	if (commits > 0 && --commits == 0)
		kill(getpid(), SIGKILL);
	return 0;
}

static int
hook(sqlite3 *db, char **msg, const struct sqlite3_api_routines *api)
{
	(void)msg;
	(void)api;
	sqlite3_commit_hook(db, on_commit, NULL);
	return SQLITE_OK;
}

static void
lose_stage(void)
{
	char *path = xasprintf("%s/tmp/mstools", md_path);

	maildir_stage_unlink(md, 0);
	ok(rmdir(path) == 0, "the stage is lost");
	free(path);
}

static void
test_killed_over_lost_stage(void)
{
	struct state_poison p;
	char name[20];
	int n, status;
	pid_t pid;

	sqlite3_auto_extension((void (*)(void))hook);
	for (n = 1; n <= 3; n++) {
		snprintf(name, sizeof name, "killed%d", n);
		begin_test(name);
		open_all(true);
		record(1, 0);
		lose_stage();
		close_all();
		if ((pid = fork()) == 0) {
			commits = n;
			open_all(false);
			(void)commit_recover(c, USER, HOST, &e);
			_exit(0);
		}
		ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "recovery killed at COMMIT %d", n);
		open_all(true);
		p.uid = 0;
		state_poison_each(st, gen.id, find_poison, &p, &e);
		is_int(p.uid, 1, "what is nowhere is tried again all the same");
		is_int(state_msg_find(st, gen.id, 1, NULL, &e), 0, "and not taken for delivered");
		close_all();
	}
	sqlite3_cancel_auto_extension((void (*)(void))hook);
}

/* ---- two Maildirs, one state ---- */

static void
open_shared(const char *path)
{
	char *db = xasprintf("%s/shared.db", t_tmpdir());
	int fd;

	e = (struct err)ERR_INIT;
	maildir_open(&md, path, MAILDIR_CREATE, &e);
	state_open(&st, db, STATE_CREATE, &e);
	free(db);
	is_int(maildir_id_write(md, state_id(st), &e), 0, "%s belongs to the state", strrchr(path, '/') + 1);
	if (state_gen_find(st, USER, HOST, "INBOX", &gen, &e) == 0)
		state_gen_new(st, USER, HOST, "INBOX", 14, &gen, &e);
	fd = open(receipts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	out = ledger_new(fd, RECEIPT_TSV, false);
	c = commit_new(st, md, out);
}

static void
test_shared_state(void)
{
	char *other;
	int fd;

	begin_test("one");
	other = xasprintf("%s/two", t_tmpdir());
	open_shared(other);
	is_int(commit_recover(c, USER, HOST, &e), 0, "a run with the other one");
	stage(7, 0, &fd);
	close(fd);
	close_all();
	open_shared(md_path);
	is_int(commit_recover(c, USER, HOST, &e), 0, "a run with the one");
	record(1, 0);
	record(2, 1);
	close_all();
	open_shared(other);
	is_int(commit_recover(c, USER, HOST, &e), -1, "pending there: the other one's stage tells nothing");
	is_int(e.kind, ERR_CONFIG, "78");
	is_int(pending(), 2, "and they stay pending");
	close_all();
	open_shared(md_path);
	is_int(commit_recover(c, USER, HOST, &e), 0, "with the one again");
	ok(placed(1) && placed(2), "they are placed");
	close_all();
	open_shared(other);
	is_int(commit_recover(c, USER, HOST, &e), 0, "then the other one is welcome");
	is_int(staged(), 0, "and its stage empty");
	close_all();
	free(other);
}

static void
test_receipts(void)
{
	struct ledger *broken;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	begin_test("receipts");
	open_all(true);
	broken = ledger_new(fd, RECEIPT_TSV, false);
	commit_free(c);
	c = commit_new(st, md, broken);
	commit_recover(c, USER, HOST, &e);
	add(1, 0);
	is_int(commit_group(c, &e), -1, "receipts that cannot be written");
	is_int(e.kind, ERR_IO, "74");
	ok(placed(1), "the message is delivered");
	add(2, 1);
	is_int(commit_finish(c, &e), 0, "what is in hand is committed");
	ok(placed(2), "and placed");
	is_int(owed(), 2, "the receipts are owed");
	ledger_free(broken);
	close(fd);
	close_all();
	open_all(true);
	is_int(lines(), 2, "the next run pays");
	is_int(owed(), 0, "the debt");
	close_all();
}

static void
test_places(void)
{
	struct str dir = STR_INIT;

	begin_test("places");
	open_all(true);
	is_int(place_note(st, USER, "A/B", '/', &e), 0, "a folder goes to a tree");
	is_int(place_subdir(&dir, st, USER, "A/B", &e), 0, "its place");
	is_str(dir.s, ".A.B", "is known from the state");
	is_int(place_note(st, USER, "A/B", -1, &e), 0, "no longer");
	place_subdir(&dir, st, USER, "A/B", &e);
	is_str(dir.s, "", "then it is the Maildir itself");
	place_subdir_of(&dir, "INBOX", '/', &e);
	is_str(dir.s, "", "as for INBOX");
	place_subdir_of(&dir, "a.b/\xc3\x9c", '/', &e);
	is_str(dir.s, ".a\\2eb.&ANw-", "modified UTF-7, and a literal dot escaped");
	str_release(&dir);
	close_all();
}

int
main(void)
{
	test_group();
	test_thread();
	test_recovery();
	test_lost_stage();
	test_damaged_stage();
	test_killed_over_lost_stage();
	test_shared_state();
	test_receipts();
	test_places();
	free(md_path);
	free(receipts);
	return done_testing();
}
