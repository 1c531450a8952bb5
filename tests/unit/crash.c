/*
 * crash: the group commit on state and maildir alone, killed after each of its
 * steps; then recovery, and the rest.  Every message is in the Maildir once,
 * and every receipt is owed or was paid.
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdint.h>

#include "base/util.h"
#include "mail/maildir.h"
#include "mail/state.h"
#include "t.h"

#define MESSAGES 6
#define GROUP 3
#define USER "a@b"
#define HOST "h.example"

static struct err err;
static char *box, *db, *receipts;
static long countdown; /* steps until the process kills itself; 0: never */

static void
step(void)
{
	if (countdown > 0 && --countdown == 0)
		kill(getpid(), SIGKILL);
}

static void
must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: %s: %s\n", what, err.subject, err.text);
		_exit(9);
	}
	step();
}

static void
target(struct maildir_target *t, char name[400], uint32_t uid)
{
	struct maildir_name n = { .date = 1700000000 + uid,
		.uidvalidity = 7,
		.uid = uid,
		.bytes = 5,
		.host = HOST };

	maildir_folder_hash(n.folder, USER, "INBOX");
	maildir_name(name, &n);
	*t = (struct maildir_target){ .subdir = uid % 3 == 0 ? ".Sub" : "", .name = name, .info = "" };
}

/* "uid\n", flushed like a receipt. */
static void
pay(uint32_t uid)
{
	FILE *f = fopen(receipts, "a");

	if (f == NULL || fprintf(f, "%u\n", uid) < 0 || fclose(f) != 0)
		_exit(8);
	step();
}

struct run {
	struct state *st;
	struct maildir *md;
};

static int
recover_row(const struct state_row *row, void *arg)
{
	struct run *r = arg;
	struct maildir_target t;
	char name[400];

	target(&t, name, row->msg.uid);
	return maildir_place(r->md, row->msg.slot, &t, &err) == -1 ? -1 : 0;
}

static int
pay_row(const struct state_row *row, void *arg)
{
	(void)arg;
	pay(row->msg.uid);
	return 0;
}

static int
unlink_slot(uint32_t slot, void *arg)
{
	struct run *r = arg;

	return maildir_stage_unlink(r->md, slot);
}

static void
recover(struct run *r)
{
	must(maildir_stage_open(r->md, &err), "stage");
	must(state_pending_each(r->st, recover_row, r, &err), "pending");
	must(maildir_sync(r->md, &err), "sync");
	must(maildir_stage_each(r->md, unlink_slot, r, &err), "clean");
	must(state_finish(r->st, false, &err), "finish");
	must(state_debt_each(r->st, USER, HOST, pay_row, r, &err), "debt");
	must(state_finish(r->st, true, &err), "finish");
}

static void
stage(struct run *r, uint32_t uid)
{
	int fd = maildir_stage_create(r->md, uid, &err);

	must(fd, "create");
	if (write(fd, "hello", 5) != 5 || close(fd) != 0)
		_exit(7);
	step();
}

static void
record(struct run *r, const struct state_gen *g, uint32_t first, bool later)
{
	struct state_msg m = { .bytes = 5, .how = HOW_FILE };
	uint32_t uid;

	must(state_begin(r->st, &err), "begin");
	for (uid = first; uid < first + GROUP; uid++) {
		m.uid = uid;
		m.date = 1700000000 + uid;
		m.slot = uid;
		memset(m.sha256, 1, sizeof m.sha256);
		must(state_msg_add(r->st, g->id, &m, &err), "add");
	}
	if (later) {
		must(state_delivered(r->st, &err), "delivered");
		must(state_paid(r->st, &err), "paid");
	}
	must(state_settle(r->st, g->id, first + GROUP, MESSAGES + 1, &err), "settle");
	must(state_commit(r->st, &err), "commit");
}

static void
place(struct run *r, uint32_t first)
{
	struct maildir_target t;
	char name[400];
	uint32_t uid;

	for (uid = first; uid < first + GROUP; uid++) {
		target(&t, name, uid);
		must(maildir_place(r->md, uid, &t, &err), "place");
	}
	must(maildir_sync(r->md, &err), "sync");
	for (uid = first; uid < first + GROUP; uid++)
		pay(uid);
}

/* One run, from lock to close. */
static void
run(void)
{
	struct state_gen g;
	struct run r;
	uint32_t first;
	bool later = false;
	int n;

	must(maildir_open(&r.md, box, MAILDIR_CREATE, &err), "maildir");
	must(maildir_lock(r.md, 0, NULL, &err), "lock");
	must(state_open(&r.st, db, STATE_CREATE, &err), "state");
	must(maildir_id_write(r.md, state_id(r.st), &err), "id");
	recover(&r);
	n = state_gen_find(r.st, USER, HOST, "INBOX", &g, &err);
	must(n, "find");
	if (n == 0)
		must(state_gen_new(r.st, USER, HOST, "INBOX", 7, &g, &err), "new");
	for (first = g.settled; first <= MESSAGES; first += GROUP) {
		for (n = 0; n < GROUP; n++)
			stage(&r, first + (uint32_t)n);
		record(&r, &g, first, later);
		place(&r, first);
		later = true;
	}
	must(state_finish(r.st, true, &err), "finish");
	state_close(r.st);
	maildir_close(r.md);
}

/* In a child of its own.  Did it come to its end?  1, 0 killed, -1 it failed. */
static int
run_child(long steps)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		countdown = steps;
		run();
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : -1;
}

static int
seen_file(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	int *seen = arg;

	(void)path;
	if (n->uid <= MESSAGES && (n->uid % 3 == 0) == (strcmp(subdir, ".Sub") == 0))
		seen[n->uid]++;
	return 0;
}

static int
seen_slot(uint32_t slot, void *arg)
{
	(void)slot;
	++*(int *)arg;
	return 0;
}

/* After a whole run: how many things are wrong? */
static int
faults(void)
{
	int file[MESSAGES + 1] = { 0 }, paid[MESSAGES + 1] = { 0 }, staged = 0, wrong = 0;
	struct maildir *md;
	unsigned uid;
	FILE *f;

	if (maildir_open(&md, box, 0, &err) == -1)
		return 100;
	wrong += maildir_each(md, seen_file, file, &err) != 0;
	wrong += maildir_stage_open(md, &err) != 1 || maildir_stage_each(md, seen_slot, &staged, &err) != 0 ||
	    staged != 0;
	maildir_close(md);
	f = fopen(receipts, "r");
	while (f != NULL && fscanf(f, "%u", &uid) == 1)
		if (uid <= MESSAGES)
			paid[uid]++;
	if (f != NULL)
		fclose(f);
	for (uid = 1; uid <= MESSAGES; uid++)
		wrong += file[uid] != 1 || paid[uid] < 1;
	return wrong;
}

int
main(void)
{
	long at;
	int rc, wrong = 0, killed = 0, bad = 0;

	/* Killing loses no page: memory does, and does not wait for a disk. */
	if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	for (at = 1;; at++) {
		box = xasprintf("%s/m%ld", t_tmpdir(), at);
		db = xasprintf("%s/.mstools.db", box);
		receipts = xasprintf("%s/r%ld", t_tmpdir(), at);
		rc = run_child(at);
		if (rc == 0) {
			killed++;
			/* Killed again within recovery, at some place that differs each time. */
			if (run_child(1 + at % 17) == -1 || run_child(0) != 1)
				bad++;
		}
		wrong += faults();
		free(box);
		free(db);
		free(receipts);
		if (rc != 0)
			break;
	}
	is_int(rc, 1, "undisturbed, it comes to its end");
	ok(killed > 40, "killed after each of %d steps", killed);
	is_int(bad, 0, "the next run comes to its end");
	is_int(wrong, 0, "each message is there once, and has its receipt");
	return done_testing();
}
