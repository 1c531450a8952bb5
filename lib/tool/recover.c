#include "tool/recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "tool/place.h"
#include "tool/rebuild.h"

struct recovery {
	struct state *state;
	struct maildir *md;
	struct ledger *out;
	struct err *err;
	bool stage_was_there;
	int64_t self; /* of the Maildir that the pending rows are of; 0 not known */
	size_t pending, owed;
	struct str subdir, path; /* scratch */
};

static struct place_id
id_of(const struct recovery *r, const struct state_row *row)
{
	return (struct place_id){ row->user, row->host, row->folder, row->uidvalidity, r->subdir.s };
}

/*
 * Several Maildirs may share a state.  Only the stage of the one that was being
 * filled tells anything: what another's lacks has not been placed.
 */
#define NOTE_SELF "maildir"

static bool
is_another(const struct recovery *r)
{
	return r->self != 0 && maildir_self(r->md) != 0 && r->self != maildir_self(r->md);
}

static int
note_self(struct recovery *r)
{
	if (r->md == NULL || maildir_self(r->md) == 0 || r->self == maildir_self(r->md))
		return 0;
	return state_note_set(r->state, NOTE_SELF, maildir_self(r->md), r->err);
}

/* Its row goes, and its UID, which settled has passed, is among the retries from now on.  0 or -1. */
static int
retry(struct recovery *r, const struct state_row *row, const char *why)
{
	struct state_poison p = { .uid = row->msg.uid, .first = time(NULL), .reported = true };

	snprintf(p.reason, sizeof p.reason, "%s", why);
	log_warn("%s: message %u of %s: %s; it is fetched again", maildir_path(r->md), row->msg.uid,
	    row->folder, why);
	/* In this order: with both, it would be looked for again; with neither, never. */
	if (state_poison_put(r->state, row->gen, &p, r->err) == -1)
		return -1;
	return state_msg_delete(r->state, row->gen, row->msg.uid, r->err);
}

/* The stage was lost, and with it perhaps this message, if it is not in the Maildir either. */
static int
look_or_retry(struct recovery *r, const struct state_row *row, const struct place_id *id)
{
	char name[PLACE_NAME];
	int n;

	place_name(name, id, &row->msg);
	str_clear(&r->path);
	if ((n = maildir_find(r->md, id->subdir, name, &r->path, r->err)) != 0)
		return n == 1 ? 0 : -1;
	return retry(r, row, "its staged file was lost before it was delivered");
}

/*
 * It was made durable before its row was; a disk that says so and has not done it
 * leaves a file that is short, or full of zeros.  1 it is whole, or not there; 0; -1.
 */
static int
is_whole(struct recovery *r, const struct state_msg *m)
{
	unsigned char sha256[sizeof m->sha256];
	uint64_t bytes = 0;
	int rc;

	str_clear(&r->path);
	maildir_stage_path(&r->path, r->md, m->slot);
	if ((rc = rebuild_digest(r->path.s, sha256, &bytes)) == 0)
		return 1;
	if (rc == -1)
		return err_sys(r->err, err_kind_of_errno(errno), STAGE_FILE, errno, r->path.s,
		    "cannot read it");
	return bytes == m->bytes &&
	    (!state_digest_known(m->sha256) || memcmp(m->sha256, sha256, sizeof sha256) == 0);
}

static int
settle_pending(const struct state_row *row, void *arg)
{
	struct recovery *r = arg;
	struct place_id id;
	int n;

	r->pending++;
	if (row->msg.how != HOW_FILE)
		return 0;
	if (r->md == NULL || is_another(r))
		return err_set(r->err, ERR_CONFIG, STAGE_FILE, NULL,
		    "the state has messages that are not in their Maildir yet: "
		    "run once more with the MAILDIR of the last run");
	if (place_subdir(&r->subdir, r->state, row->user, row->folder, r->err) == -1)
		return -1;
	id = id_of(r, row);
	if (!r->stage_was_there)
		return look_or_retry(r, row, &id);
	if ((n = is_whole(r, &row->msg)) != 1)
		return n == 0 ? retry(r, row, "its staged file is not what was written") : -1;
	switch (place_file(r->md, &id, &row->msg, r->err)) {
	case -1:
		return -1;
	case -2: /* nobody but us takes files out of the stage: it was placed */
		return 0;
	default:
		log_v(1, "recovered message %u of %s", row->msg.uid, row->folder);
		return 0;
	}
}

/* Whatever is still in the stage has no row. */
static int
remove_staged(uint32_t slot, void *arg)
{
	const struct recovery *r = arg;

	log_v(2, "removing the unfinished staged file s%u", slot);
	(void)maildir_stage_unlink(r->md, slot);
	return 0;
}

/* Where the file is; where it was put if a reader has taken it since. */
static int
find_path(struct recovery *r, const struct state_row *row, const struct place_id *id)
{
	char name[PLACE_NAME];

	str_clear(&r->path);
	if (row->msg.how != HOW_FILE || r->md == NULL) {
		str_adds(&r->path, "-");
		return 0;
	}
	place_name(name, id, &row->msg);
	switch (maildir_find(r->md, id->subdir, name, &r->path, r->err)) {
	case -1:
		return -1;
	case 0:
		place_path(&r->path, r->md, id, &row->msg);
	}
	return 0;
}

static int
pay(const struct state_row *row, void *arg)
{
	struct recovery *r = arg;
	struct place_id id;

	r->owed++;
	if (place_subdir(&r->subdir, r->state, row->user, row->folder, r->err) == -1)
		return -1;
	id = id_of(r, row);
	if (find_path(r, row, &id) == -1)
		return -1;
	return place_receipt(r->out, &id, &row->msg, r->path.s, r->err);
}

static int
note(struct recovery *r, bool paid)
{
	return state_finish(r->state, paid, r->err) == STATE_OK ? 0 : -1;
}

/*
 * A stage that is missing is made only after the pending rows have been dealt
 * with: while it is missing, a crash in here changes nothing.
 */
static int
recover_pending(struct recovery *r)
{
	if (r->md != NULL)
		r->stage_was_there = faccessat(maildir_fd(r->md), "tmp/mstools", F_OK, 0) == 0;
	if (r->md != NULL && !r->stage_was_there && errno != ENOENT)
		return err_sys(r->err, ERR_IO, STAGE_FILE, errno, maildir_path(r->md),
		    "cannot look for the stage");
	if (r->md != NULL && r->stage_was_there && maildir_stage_open(r->md, r->err) == -1)
		return -1;
	if (state_note_get(r->state, NOTE_SELF, &r->self, r->err) == -1 ||
	    state_pending_each(r->state, settle_pending, r, r->err) == -1)
		return -1;
	if (r->md != NULL && r->stage_was_there &&
	    (maildir_sync(r->md, r->err) == -1 || maildir_stage_each(r->md, remove_staged, r, r->err) == -1))
		return -1;
	if ((r->pending > 0 && note(r, false) == -1) || note_self(r) == -1)
		return -1;
	return r->md != NULL && !r->stage_was_there ? maildir_stage_open(r->md, r->err) : 0;
}

static int
pay_debts(struct recovery *r, const char *user, const char *host)
{
	if (state_debt_each(r->state, user, host, pay, r, r->err) == -1 || ledger_flush(r->out, r->err) == -1)
		return -1;
	return r->owed == 0 ? 0 : note(r, true);
}

int
recover(struct state *st, struct maildir *md, struct ledger *out, const char *user, const char *host,
    struct err *err)
{
	struct recovery r = { .state = st, .md = md, .out = out, .err = err };
	int rc;

	rc = recover_pending(&r) == -1 || pay_debts(&r, user, host) == -1 ? -1 : 0;
	str_release(&r.subdir);
	str_release(&r.path);
	return rc;
}
