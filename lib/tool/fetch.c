/* fetch: the order of a run; see run.h for its parts. */
#include "tool/fetch.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/progress.h"
#include "tool/run.h"

#define DESCRIPTORS 4096	/* enough for 16 connections and two groups */
#define SERIAL_SECS (7 * 86400) /* so long a server is remembered that cannot take two commands at once */

void
run_error(struct run *r, const struct err *e)
{
	struct err kept = *r->err;

	if (e->kind == ERR_NONE)
		return;
	err_merge(&kept, e);
	if (r->err->kind != ERR_NONE)
		log_err(kept.kind == r->err->kind && strcmp(kept.text, r->err->text) == 0 ? e : r->err);
	*r->err = kept;
}

void
run_fatal(struct run *r, const struct err *e)
{
	run_error(r, e);
	r->over = true;
}

/* A fact about this user at this host that the state keeps: key of at most 64 bytes. */
static void
note_key(char key[48], const char *what, const struct run *r)
{
	char hash[17];

	maildir_folder_hash(hash, r->store.user, r->store.host);
	snprintf(key, 48, "%s:%s", what, hash);
}

/* Has a server been seen to stumble over two commands at a time within the last week? */
static int
recall_serial(struct run *r, struct err *err)
{
	int64_t until;
	char key[48];
	int n;

	if (r->store.state == NULL)
		return 0;
	note_key(key, "serial", r);
	if ((n = state_note_get(r->store.state, key, &until, err)) == 1 && until > time(NULL))
		link_set_serial(r->link);
	return n == -1 ? -1 : 0;
}

static void
note_serial(struct run *r, bool before)
{
	struct err e = ERR_INIT;
	char key[48];

	if (before || !link_serial(r->link) || r->o->dry_run)
		return;
	log_v(1, "the server does not take two commands at a time; remembered for a week");
	note_key(key, "serial", r);
	if (state_note_set(r->store.state, key, time(NULL) + SERIAL_SECS, &e) == -1)
		run_error(r, &e);
}

/* What is complete is committed every so often, and at the end whatever the end is. */
static void
commit_if_due(struct run *r)
{
	struct err e = ERR_INIT;

	if (commit_step(r->commit, &e) == -1)
		run_fatal(r, &e);
}

static void
work(struct run *r)
{
	struct link_event ev;
	struct err e = ERR_INIT;
	int n;

	while (!r->over && !*r->stop) {
		task_lanes(r); /* first: what is worth several connections is not all given to one */
		task_feed(r);
		if (r->over || task_idle(r))
			break;
		link_watch(r->link, 1, commit_fd(r->commit));
		if ((n = link_next(r->link, commit_due(r->commit), &ev, &e)) == -1) {
			run_fatal(r, &e);
			break;
		}
		if (n == 1)
			deliver_event(r, &ev);
		commit_if_due(r);
	}
}

static int
connect_and_work(struct run *r, struct err *err)
{
	bool before;

	if (link_open(r->link, err) == -1 || recall_serial(r, err) == -1)
		return -1;
	before = link_serial(r->link);
	work(r);
	note_serial(r, before);
	return 0;
}

/* --dry-run: a line for each folder that has something new; no receipt, and msmark takes it for none. */
static int
tell(struct run *r, struct err *err)
{
	struct str line = STR_INIT;
	struct box *b;
	size_t i;
	int rc = 0;

	for (i = 0; i < r->nbox && rc == 0; i++) {
		b = r->box[i];
		if (b->new_messages == 0)
			continue;
		str_clear(&line);
		if (r->o->json) {
			str_adds(&line, "{\"user\":");
			json_add(&line, r->store.user);
			str_adds(&line, ",\"folder\":");
			json_add(&line, b->name);
			str_addf(&line, ",\"uidvalidity\":%u,\"messages\":%llu,\"bytes\":%llu}\n",
			    b->uidvalidity, (unsigned long long)b->new_messages,
			    (unsigned long long)b->new_bytes);
		} else {
			tsv_add(&line, r->store.user);
			str_addc(&line, '\t');
			tsv_add(&line, b->name);
			str_addf(&line, "\t%u\t-\t%llu\t%llu\n", b->uidvalidity,
			    (unsigned long long)b->new_messages, (unsigned long long)b->new_bytes);
		}
		rc = ledger_line(r->out, line.s, line.len, err);
	}
	str_release(&line);
	return rc == -1 ? -1 : ledger_flush(r->out, err);
}

static enum store_mode
mode_of(const struct options *o)
{
	if (o->dry_run)
		return STORE_LOOK;
	return o->baseline ? STORE_BASELINE : STORE_RUN;
}

static enum receipt_format
format_of(const struct options *o)
{
	if (o->null && !o->dry_run)
		return RECEIPT_PATH0;
	return o->json ? RECEIPT_JSON : RECEIPT_TSV;
}

/* Where bodies go that are not for a Maildir. */
static char *
spill_dir(const struct options *o)
{
	const char *slash = o->state == NULL ? NULL : strrchr(o->state, '/');

	if (slash == NULL)
		return xstrdup(".");
	return slash == o->state ? xstrdup("/") : xstrndup(o->state, (size_t)(slash - o->state));
}

struct owner {
	const struct run *r;
	struct err *err;
};

static int
is_other(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	const struct owner *o = arg;

	(void)host;
	(void)folder;
	(void)g;
	if (strcmp(user, o->r->store.user) == 0)
		return 0;
	return err_set(o->err, ERR_CONFIG, STAGE_FILE, maildir_path(o->r->store.md),
	    "it holds mail of %s already: with --tree each mailbox needs a Maildir of its own", user);
}

/* INBOX is the root of a tree: two mailboxes in it could not be told apart. */
static int
check_tree(struct run *r, struct err *err)
{
	struct owner o = { r, err };

	if (!r->o->tree || r->store.md == NULL || r->store.state == NULL)
		return 0;
	return state_gen_every(r->store.state, is_other, &o, err);
}

/* A slot on its way, and a file not synced yet, each need one. */
static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1 || l.rlim_cur >= DESCRIPTORS)
		return;
	l.rlim_cur = l.rlim_max == RLIM_INFINITY || l.rlim_max > DESCRIPTORS ? DESCRIPTORS : l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static int
begin(struct run *r, struct err *err)
{
	char *dir;

	raise_descriptors();
	r->out = ledger_new(STDOUT_FILENO, format_of(r->o), r->o->quiet);
	ledger_set_stop(r->out, r->stop);
	r->link = link_prepare(r->o, r->o->user, r->source);
	if (store_open(&r->store, r->o, mode_of(r->o), err) == -1 || check_tree(r, err) == -1)
		return -1;
	r->commit = commit_new(r->store.state, r->store.md, r->out);
	dir = spill_dir(r->o);
	r->slots = slots_new(r->store.md, dir);
	free(dir);
	commit_on_free(r->commit, slots_release, r->slots);
	r->max_left = r->o->max;
	r->bytes_left = r->o->max_bytes;
	r->packet = xcalloc(1, WIRE_MAX);
	r->queue_tail = &r->queue;
	if (r->o->dry_run)
		return 0;
	return commit_recover(r->commit, r->store.user, r->store.host, err);
}

static void
end(struct run *r)
{
	size_t i, k;

	link_close(r->link);
	for (i = 0; i < LINK_LANES; i++)
		for (k = 0; k < r->lane[i].ntask; k++)
			task_free(r->lane[i].task[k]);
	while (r->queue != NULL) {
		struct task *t = r->queue;

		r->queue = t->next;
		task_free(t);
	}
	poison_free(r);
	filter_free(r);
	for (i = 0; i < r->nbox; i++)
		box_free(r->box[i]);
	free(r->box);
	free(r->name);
	strlist_release(&r->unusable);
	slots_free(r->slots);
	commit_free(r->commit);
	ledger_free(r->out);
	free(r->packet);
	store_close(&r->store);
}

/*
 * --grace: a trouble that passes by itself is told only once it has lasted so
 * long.  The state remembers when it began; where the lock is what is missing,
 * the lock file does.
 */
static void
grace(struct run *r)
{
	bool passing = r->err->kind == ERR_AGAIN || r->err->kind == ERR_UNAVAIL;
	int64_t now = time(NULL), since = 0;
	struct err e = ERR_INIT;
	char key[48];

	if (r->o->grace == 0)
		return;
	if (passing && r->store.busy_since != 0) {
		r->report->silent = now - r->store.busy_since < (int64_t)r->o->grace;
		return;
	}
	if (r->store.state == NULL || r->o->dry_run)
		return;
	note_key(key, "grace", r);
	if (state_note_get(r->store.state, key, &since, &e) == -1)
		return;
	if (passing && (since <= 0 || since > now)) {
		since = now;
		(void)state_note_set(r->store.state, key, since, &e);
	} else if (!passing && since != 0) {
		(void)state_note_set(r->store.state, key, 0, &e);
	}
	r->report->silent = passing && now - since < (int64_t)r->o->grace;
}

int
fetch_run(const struct options *o, struct source *source, const volatile sig_atomic_t *stop,
    struct fetch_report *report, struct err *err)
{
	struct run r = { .o = o,
		.source = source,
		.stop = stop,
		.report = report,
		.err = err,
		.store = STORE_INIT };
	struct err e = ERR_INIT;

	memset(report, 0, sizeof *report);
	progress_init(!o->quiet && !o->no_progress);
	if (begin(&r, &e) == -1 || connect_and_work(&r, &e) == -1)
		run_error(&r, &e);
	e = (struct err)ERR_INIT;
	if (r.commit != NULL && !o->dry_run && commit_finish(r.commit, &e) == -1)
		run_error(&r, &e);
	if (!o->dry_run && err->kind == ERR_NONE && takeover_end(&r, &e) == -1)
		run_error(&r, &e);
	filter_tell(&r);
	if (o->dry_run && err->kind == ERR_NONE && tell(&r, &e) == -1)
		run_error(&r, &e);
	progress_end();
	grace(&r);
	if (err->stage == STAGE_FOLDER || err->stage == STAGE_FETCH)
		snprintf(report->folder, sizeof report->folder, "%s", err->subject);
	end(&r);
	return err->kind == ERR_NONE ? 0 : -1;
}
