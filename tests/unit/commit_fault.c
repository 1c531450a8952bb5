/*
 * commit_fault: a whole run of state, Maildir and group commit, in which each
 * system call and each statement fails in turn, before or after it has done its
 * work; then a run in which none does.  Every message is in the Maildir once,
 * whole, and its receipt was written; nothing is pending, owed, or left behind.
 */
#include "faults.h"

#include <poll.h>

#include "base/file.h"
#include "base/util.h"
#include "crew/wire.h"
#include "t.h"
#include "tool/commit.h"
#include "tool/durable.h"
#include "tool/ledger.h"
#include "tool/place.h"

#define USER "box@contoso.example"
#define HOST "imap.example"
#define FIRST 5			       /* UIDs of the first group: 1 adopted, 2 piped, three files */
#define LAST (FIRST + DURABLE_FEW + 3) /* the second, with a thread of its own */

static char *path, *db, *receipts;
static uint32_t slot;
static struct err why; /* the last run's error */

struct run {
	struct maildir *md;
	struct state *st;
	struct ledger *out;
	struct commit *c;
	struct commit_box box;
	struct state_gen gen;
	int fd;
	struct err err;
};

static int
open_run(struct run *r)
{
	*r = (struct run){ .box = { USER, HOST, "INBOX", 14, 0, "" }, .err = ERR_INIT };
	r->fd = open(receipts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (r->fd == -1)
		return err_set(&r->err, ERR_IO, STAGE_FILE, NULL, "no receipts");
	if (maildir_open(&r->md, path, MAILDIR_CREATE, &r->err) == -1 ||
	    state_open(&r->st, db, STATE_CREATE, &r->err) == -1)
		return -1;
	r->out = ledger_new(r->fd, RECEIPT_TSV, false);
	r->c = commit_new(r->st, r->md, r->out);
	return 0;
}

static void
close_run(struct run *r)
{
	commit_free(r->c);
	ledger_free(r->out);
	state_close(r->st);
	if (r->md != NULL)
		maildir_close(r->md);
	if (r->fd != -1)
		close(r->fd);
}

/* The generation to fetch, and the older one that message 1 comes from. */
static int
generations(struct run *r, struct state_gen *old)
{
	struct state_msg m = { .uid = 9, .date = 1700000001, .how = HOW_FILE };
	int rc = state_gen_exact(r->st, USER, HOST, "INBOX", 13, old, &r->err);

	if (rc == -1 || (rc == 0 && state_gen_new(r->st, USER, HOST, "INBOX", 13, old, &r->err) == -1) ||
	    state_msg_restore(r->st, old->id, &m, &r->err) == -1)
		return -1;
	rc = state_gen_exact(r->st, USER, HOST, "INBOX", 14, &r->gen, &r->err);
	if (rc == 0)
		rc = state_gen_new(r->st, USER, HOST, "INBOX", 14, &r->gen, &r->err);
	r->box.gen = r->gen.id;
	return rc == -1 ? -1 : 0;
}

static size_t
text(char *buf, size_t size, uint32_t uid)
{
	return (size_t)snprintf(buf, size, "Subject: %u\n\nbody\n", uid);
}

static int
add(struct run *r, uint32_t uid)
{
	struct state_msg m = { .uid = uid, .date = 1700000000 + uid, .slot = ++slot, .how = HOW_FILE };
	char buf[64];
	int fd = -1;

	m.bytes = text(buf, sizeof buf, uid);
	if (uid == 2)
		m.how = HOW_PIPE;
	else if ((fd = maildir_stage_create(r->md, slot, &r->err)) == -1)
		return -1;
	else if (write_all(fd, buf, m.bytes) == -1) {
		close(fd);
		maildir_stage_unlink(r->md, slot);
		return err_set(&r->err, ERR_IO, STAGE_FILE, NULL, "no body");
	}
	return commit_add(r->c, &r->box, &m, fd, &r->err);
}

/* Adds what of lo to hi the state does not have, and settles it. */
static int
fetch(struct run *r, const struct state_gen *old, uint32_t lo, uint32_t hi)
{
	int rc = 0;

	for (uint32_t uid = lo; uid <= hi && rc == 0; uid++) {
		if ((rc = state_msg_find(r->st, r->gen.id, uid, NULL, &r->err)) != 0) {
			rc = rc == 1 ? 0 : -1;
			continue;
		}
		if (uid == 1)
			commit_adopt(r->c, &r->box, 1, 1700000001, old->id, 9);
		else
			rc = add(r, uid);
	}
	if (rc == 0)
		commit_settle(r->c, r->gen.id, hi + 1, LAST + 1);
	return rc;
}

/* As a run's loop does, but that nothing is waited for that is not under way. */
static int
steps(struct run *r)
{
	struct pollfd p = { .events = POLLIN };
	int rc;

	clock_skip += COMMIT_MS;
	while ((rc = commit_step(r->c, &r->err)) == 0 && commit_fd(r->c) != -1) {
		p.fd = commit_fd(r->c);
		if (poll(&p, 1, 200) ==
		    0) /* the thread could not say so, or takes long: the end waits for it */
			break;
	}
	return rc;
}

/* A run; 0: it came to its end without an error. */
static int
run(void)
{
	struct state_gen old;
	struct run r;
	int rc = -1;

	if (open_run(&r) == 0 && commit_recover(r.c, USER, HOST, &r.err) == 0 && generations(&r, &old) == 0 &&
	    fetch(&r, &old, 1, FIRST) == 0) {
		rc = commit_group(r.c, &r.err);
		if (rc == 0)
			rc = fetch(&r, &old, FIRST + 1, LAST);
		if (rc == 0)
			rc = steps(&r);
		if (commit_finish(r.c, &r.err) == -1)
			rc = -1;
	}
	if (rc == -1 && r.err.kind == ERR_NONE)
		ok(false, "%s failed: the error says why", fault_name);
	why = r.err;
	close_run(&r);
	return rc;
}

struct seen {
	int file[LAST + 1], receipt[LAST + 1], wrong;
};

static int
see_file(const char *subdir, const char *name, const struct maildir_name *n, void *arg)
{
	struct seen *s = arg;
	struct str got = STR_INIT;
	char want[64];
	struct stat st;
	size_t len = n->uid <= LAST ? text(want, sizeof want, n->uid) : 0;

	if (n->uid < 3 || n->uid > LAST || *subdir != '\0' || file_read(name, 1000, &got, NULL) == -1 ||
	    got.len != len || memcmp(got.s, want, len) != 0 || stat(name, &st) == -1 ||
	    st.st_mtime != 1700000000 + (time_t)n->uid)
		s->wrong++;
	else
		s->file[n->uid]++;
	str_release(&got);
	return 0;
}

static void
see_receipts(struct seen *s)
{
	FILE *f = fopen(receipts, "r");
	char line[2000];
	struct receipt_line l;
	struct err err = ERR_INIT;

	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (receipt_parse(line, strcspn(line, "\n"), &l, &err) == -1 || l.uid < 2 || l.uid > LAST)
			s->wrong++;
		else
			s->receipt[l.uid]++;
	}
	if (f != NULL)
		fclose(f);
}

static int
count_slot(uint32_t n, void *arg)
{
	(void)n;
	++*(int *)arg;
	return 0;
}

static int
count_row(const struct state_row *row, void *arg)
{
	(void)row;
	++*(int *)arg;
	return 0;
}

/* After a whole run: how many things are not as they should be? */
static int
faults(void)
{
	struct seen s = { .wrong = 0 };
	struct run r;
	int n = 0;

	if (open_run(&r) == -1 || maildir_each(r.md, see_file, &s, &r.err) == -1 ||
	    maildir_stage_open(r.md, &r.err) != 1 || maildir_stage_each(r.md, count_slot, &n, &r.err) == -1 ||
	    state_pending_each(r.st, count_row, &n, &r.err) == -1 ||
	    state_debt_each(r.st, USER, HOST, count_row, &n, &r.err) == -1 ||
	    state_gen_exact(r.st, USER, HOST, "INBOX", 14, &r.gen, &r.err) != 1) {
		note("it cannot be looked at: %s: %s", r.err.subject, r.err.text);
		close_run(&r);
		return 1000;
	}
	s.wrong += n + (r.gen.settled != LAST + 1);
	see_receipts(&s);
	for (uint32_t uid = 1; uid <= LAST; uid++) {
		s.wrong += s.file[uid] != (uid > 2);
		s.wrong += (s.receipt[uid] > 0) != (uid > 1);
		s.wrong += state_msg_find(r.st, r.gen.id, uid, NULL, &r.err) != 1;
	}
	close_run(&r);
	return s.wrong;
}

static void
new_box(int n)
{
	free(path);
	free(db);
	free(receipts);
	path = xasprintf("%s/m%d", t_tmpdir(), n);
	db = xasprintf("%s/.mstools.db", path);
	receipts = xasprintf("%s/r%d", t_tmpdir(), n);
}

static const char *const how_name[] = { "", ", their work done", ", and all that follow" };

/* What an earlier run was stopped by. */
static const struct earlier {
	const char *call, *name;
	int n;
	bool lost; /* and then the stage was removed */
} stopped[] = {
	{ NULL, "", 0, false },
	{ "renameat2", ", after one that did not place all", 2, false },
	{ "fdatasync", ", after one that did not write its receipts", 4, false },
	{ "renameat2", ", after one that did not place all, and whose stage is gone", 2, true },
};

static void
lose_stage(void)
{
	char *stage = xasprintf("%s/tmp/mstools", path);

	nftw(stage, t_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(stage);
}

/* One point: false when the run has no n-th call. */
static bool
point(int n, enum fault_how how, const struct earlier *earlier, int *bad)
{
	static int boxes;
	int have, rc;
	bool fired;

	new_box(boxes++);
	if (earlier->call != NULL) {
		fault_only = earlier->call;
		fault_at(earlier->n, SOON);
		(void)run();
		fault_only = NULL;
		if (earlier->lost)
			lose_stage();
	}
	fault_at(n, how);
	(void)run();
	fired = fault_off();
	rc = run();
	have = faults();
	if (rc == -1 || have != 0) {
		note("%s, call %d%s: %d things wrong, %s", fault_name, n, how_name[how], have, why.text);
		++*bad;
	}
	nftw(path, t_remove, 16, FTW_DEPTH | FTW_PHYS);
	unlink(receipts);
	return fired;
}

static void
sweep(enum fault_how how, const struct earlier *earlier)
{
	int n = 1, bad = 0, said = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (earlier->lost) /* which each run says, of each message */
		dup2(null, STDERR_FILENO);
	while (point(n, how, earlier, &bad))
		n++;
	dup2(said, STDERR_FILENO);
	close(said);
	close(null);
	ok(n > 100, "%d calls fail in turn%s%s", n - 1, how_name[how], earlier->name);
	is_int(bad, 0, "the next run makes good what is missing, once");
}

static void
count_free(uint32_t n, void *arg)
{
	(void)n;
	++*(int *)arg;
}

/* A staged file that somebody took: it is said, and nothing goes on. */
static void
taken(void)
{
	struct run r;
	struct state_gen old;
	int freed = 0;

	new_box(-2);
	is_int(open_run(&r), 0, "a run");
	is_int(commit_recover(r.c, USER, HOST, &r.err), 0, "recovers");
	is_int(generations(&r, &old), 0, "and looks");
	is_int(commit_finish(r.c, &r.err), 0, "with nothing in hand, its end is nothing");
	commit_on_free(r.c, count_free, &freed);
	is_int(add(&r, 3), 0, "a message");
	is_int(commit_group(r.c, &r.err), 0, "is committed");
	is_int(freed, 1, "and its slot is free");
	is_int(add(&r, 4), 0, "another");
	maildir_stage_unlink(r.md, slot);
	is_int(commit_group(r.c, &r.err), -1, "whose file somebody took");
	is_int(r.err.kind, ERR_INTERNAL, "is a fault");
	err_clear(&r.err);
	is_int(commit_step(r.c, &r.err), -1, "nothing goes on");
	is_int(r.err.kind, ERR_IO, "which is said");
	is_int(commit_group(r.c, &r.err), -1, "in any way");
	is_int(commit_finish(r.c, &r.err), 0, "and the end adds nothing");
	close_run(&r);
}

/* Given up while the disk is still at work: what it works on stays until it is done, and the next run goes on. */
static void
given_up(void)
{
	struct state_gen old;
	struct run r;

	new_box(-4);
	is_int(open_run(&r), 0, "a run");
	is_int(commit_recover(r.c, USER, HOST, &r.err), 0, "recovers");
	is_int(generations(&r, &old), 0, "looks");
	is_int(fetch(&r, &old, 1, LAST), 0, "fetches");
	clock_skip += COMMIT_MS;
	is_int(commit_step(r.c, &r.err), 0, "begins to commit");
	ok(commit_fd(r.c) != -1, "with a thread of its own");
	close_run(&r);
	is_int(run(), 0, "and is given up; the next one");
	is_int(faults(), 0, "brings all");
}

/* Pending files, and a run without their Maildir (--pipe). */
static void
no_maildir(void)
{
	struct run r;
	struct commit *c;

	new_box(-3);
	fault_only = "renameat2";
	fault_at(1, SOON);
	is_int(run(), -1, "a run that could not place its files");
	fault_only = NULL;
	fault_off();
	open_run(&r);
	c = commit_new(r.st, NULL, r.out);
	is_int(commit_recover(c, USER, HOST, &r.err), -1, "they cannot be recovered without their Maildir");
	is_int(r.err.kind, ERR_CONFIG, "78");
	commit_free(c);
	close_run(&r);
	is_int(run(), 0, "with it they can");
	is_int(faults(), 0, "and all is well");
}

int
main(void)
{
	/* What a failing call does to us is looked at, not what the disk does: memory is enough. */
	if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	new_box(-1);
	is_int(run(), 0, "an undisturbed run");
	is_int(faults(), 0, "delivers all");
	taken();
	given_up();
	no_maildir();
	for (size_t i = 0; i < sizeof stopped / sizeof *stopped; i++)
		sweep(SOON, &stopped[i]);
	sweep(LATE, &stopped[0]);
	sweep(STAY, &stopped[0]);
	free(path);
	free(db);
	free(receipts);
	return done_testing();
}
