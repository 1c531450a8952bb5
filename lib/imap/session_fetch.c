/* FETCH and SEARCH responses: rows, headers, messages and UIDs out of what libetpan found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/header.h"
#include "imap/session_priv.h"

#define FIELD_MAX 2000 /* bytes of a decoded field */

enum { NO_DATE = 1, NO_FLAGS = 2 };

/* --- whose answer is it? --- */

static bool
asked(const struct job *job, uint32_t uid)
{
	size_t lo = 0, hi = job->j.nrange, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (job->j.range[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < job->j.nrange && job->j.range[lo].lo <= uid;
}

struct job *
job_asking(struct session *s, uint32_t uid, bool body)
{
	struct job *job;

	if (uid == 0)
		return NULL;
	for (job = s->jobs; job != NULL; job = job->next)
		if (job->j.kind == JOB_FETCH && job->cmds > 0 && ((job->j.ask & ASK_BODY) != 0) == body &&
		    asked(job, uid))
			return job;
	return NULL;
}

bool
jobs_want_bodies(const struct session *s)
{
	const struct job *job;

	for (job = s->jobs; job != NULL; job = job->next)
		if (job->j.kind == JOB_FETCH && job->cmds > 0 && !job->opening && (job->j.ask & ASK_BODY))
			return true;
	return false;
}

/* --- rows and UIDs, gathered --- */

void
rows_flush(struct session *s)
{
	if (s->nrow > 0)
		s->ops.rows(s->arg, s->row_job->j.id, s->rows, s->nrow);
	s->nrow = 0;
}

static void
row_add(struct session *s, struct job *job, const struct session_row *row)
{
	if (s->nrow == SESSION_ROWS || (s->nrow > 0 && s->row_job != job))
		rows_flush(s);
	s->row_job = job;
	s->rows[s->nrow++] = *row;
}

void
uids_flush(struct session *s)
{
	if (s->nuid > 0)
		s->ops.uids(s->arg, s->uid_job, s->uids, s->nuid);
	s->nuid = 0;
}

void
uid_add(void *session, uint32_t uid)
{
	struct session *s = session;
	struct job *job = job_of(s, CMD_SEARCH);

	if (job == NULL || uid == 0)
		return;
	if (s->nuid == sizeof s->uids / sizeof s->uids[0] || (s->nuid > 0 && s->uid_job != job->j.id))
		uids_flush(s);
	s->uid_job = job->j.id;
	s->uids[s->nuid++] = uid;
}

/* --- responses --- */

/* Where the value of item begins in a FETCH response, NULL if it is not there. */
static const char *
find_item(const char *p, const char *item)
{
	const char *at = p;
	size_t n = strlen(item);

	while ((at = strcasestr(at, item)) != NULL) {
		if (at > p && (at[-1] == '(' || at[-1] == ' ') && at[n] == ' ')
			return at + n + 1;
		at += n;
	}
	return NULL;
}

/* How long the value at p is: a quoted string, a list, or an atom. */
static size_t
value_len(const char *p)
{
	const char *end;

	if (*p == '"') {
		for (end = p + 1; *end != '\0' && *end != '"'; end++)
			if (*end == '\\' && end[1] != '\0')
				end++;
		return (size_t)(end - p) + (*end == '"');
	}
	if (*p == '(') {
		end = strchr(p, ')');
		return end != NULL ? (size_t)(end - p) + 1 : strlen(p);
	}
	return strcspn(p, " )\r\n");
}

/* The response with the value of item replaced. */
static void
replace_item(struct str *r, const char *item, const char *value)
{
	struct str out = STR_INIT;
	const char *at = find_item(r->s, item);
	size_t skip;

	if (at == NULL)
		return;
	skip = value_len(at);
	str_add(&out, r->s, (size_t)(at - r->s));
	str_adds(&out, value);
	str_add(&out, at + skip, r->len - (size_t)(at + skip - r->s));
	str_release(r);
	*r = out;
}

/*
 * libetpan gives up on "INTERNALDATE NIL", on a date it cannot read and on
 * keywords with braces; the message is none the worse for it.
 */
static int
parse_leniently(struct session *s, const char *p, size_t n, struct fetched *f)
{
	struct str copy;
	int r, without;

	r = parse_fetch(s->parser, p, n, f);
	for (without = NO_DATE; r == -1 && without <= (NO_DATE | NO_FLAGS); without++) {
		copy = (struct str)STR_INIT;
		str_add(&copy, p, n);
		if (without & NO_DATE)
			replace_item(&copy, "INTERNALDATE", "\" 1-Jan-1970 00:00:00 +0000\"");
		if (without & NO_FLAGS)
			replace_item(&copy, "FLAGS", "()");
		r = parse_fetch(s->parser, copy.s, copy.len, f);
		if (without & NO_DATE)
			f->row.date = DATE_NONE;
		str_release(&copy);
	}
	return r;
}

/* The slot that was taken for this response goes back. */
static void
give_back(struct session *s)
{
	struct body *b = &s->body;

	if (b->taken && body_undo(b) == 0)
		s->ops.unslot(s->arg, b->fd, b->slot);
	b->taken = b->whole = false;
}

/* A body that came as a quoted string. */
static int
quoted_body(struct session *s, const struct fetched *f)
{
	if (s->body.taken && body_add(&s->body, f->data, f->data_len) == 0 && body_end(&s->body) == 0)
		return 0;
	return session_over(s, err_kind_of_errno(errno), STAGE_FILE, LOST_OTHER, "cannot write a message: %s",
	    strerror(errno));
}

/*
 * A response that is about to be used and has a quoted body needs a slot first.
 * True: none is there, wait.
 */
bool
fetch_needs_slot(struct session *s)
{
	const char *at;
	uint32_t number;
	int fd;

	if (s->in.bodies > 0 || s->body.taken || !jobs_want_bodies(s))
		return false;
	at = find_item(s->in.resp.s, "BODY[]");
	if (at == NULL || *at != '"')
		return false;
	s->wants_slot = s->ops.slot(s->arg, &fd, &number) == 0;
	if (!s->wants_slot)
		body_begin(&s->body, fd, number);
	return s->wants_slot;
}

static void
message(struct session *s, const struct fetched *f)
{
	struct job *job = job_asking(s, f->row.uid, true);
	struct body *b = &s->body;
	struct session_message m = { .row = f->row, .slot = b->slot, .bytes = b->bytes };

	if (job == NULL) {
		give_back(s);
		return;
	}
	m.substitute = quirk_substitute_is(&b->substitute);
	m.row.msgid = b->msgid;
	memcpy(m.sha256, b->sha256, sizeof m.sha256);
	b->taken = b->whole = false;
	s->ops.message(s->arg, job->j.id, b->fd, &m);
}

static void
header(struct session *s, struct job *job, const struct fetched *f)
{
	struct str raw = STR_INIT, from = STR_INIT, subject = STR_INIT;

	if (header_field(&raw, f->block, f->block_len, "From", LITERAL_KEEP) == 1)
		header_decode(&from, raw.s, raw.len, FIELD_MAX / 2);
	str_clear(&raw);
	if (header_field(&raw, f->block, f->block_len, "Subject", LITERAL_KEEP) == 1)
		header_decode(&subject, raw.s, raw.len, FIELD_MAX);
	s->ops.header(s->arg, job->j.id, &f->row, from.s != NULL ? from.s : "",
	    subject.s != NULL ? subject.s : "");
	str_release(&raw);
	str_release(&from);
	str_release(&subject);
}

/* Has the response what the job asked for?  Flags that changed meanwhile come alone, also with a UID. */
static bool
answers(const struct job *job, const struct fetched *f)
{
	uint32_t ask = job->j.ask;

	if ((ask & ASK_SIZE) && !f->has_size)
		return false;
	if ((ask & (ASK_MSGID | ASK_HEADER)) && !f->header)
		return false;
	return (ask & ASK_DATE) == 0 || f->has_date || f->has_size || f->has_flags;
}

int
fetch_response(struct session *s, const char *p, size_t n)
{
	struct fetched f;
	struct job *job;

	if (parse_leniently(s, p, n, &f) != 1) {
		give_back(s);
		return 0;
	}
	if (s->in.bodies == 0 && f.body && s->body.taken && quoted_body(s, &f) == -1)
		return -1;
	if (s->body.whole) {
		message(s, &f);
		return 0;
	}
	give_back(s);
	job = job_asking(s, f.row.uid, false);
	if (job == NULL || !answers(job, &f))
		return 0;
	if (f.header && (job->j.ask & ASK_MSGID) && f.block != NULL)
		f.row.msgid = header_msgid(f.block, f.block_len);
	if (job->j.ask & ASK_HEADER)
		header(s, job, &f);
	else
		row_add(s, job, &f.row);
	return 0;
}
