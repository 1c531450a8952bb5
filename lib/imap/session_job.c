/*
 * Jobs: what the caller wants, as commands.  They start in the order in which
 * they came; commands of several may be in flight, but never while a folder is
 * being opened, and MOVE, COPY, EXPUNGE and CREATE are alone, so that a lost
 * answer leaves one question.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/session_priv.h"

#define OPEN_LINE 1100 /* of EXAMINE or SELECT at most */

static char *
copy_string(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void *
copy_bytes(const void *p, size_t n)
{
	void *c = xmalloc(n > 0 ? n : 1);

	if (n > 0)
		memcpy(c, p, n);
	return c;
}

static int
by_lo(const void *a, const void *b)
{
	const struct session_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* In order and without overlaps, so that a UID is found by halving. */
static struct session_range *
copy_ranges(const struct session_range *from, uint32_t *n)
{
	struct session_range *r = copy_bytes(from, *n * sizeof *r);
	uint32_t i, k = 0;

	qsort(r, *n, sizeof *r, by_lo);
	for (i = 1; i < *n; i++) {
		if (r[i].lo > r[k].hi)
			r[++k] = r[i];
		else if (r[i].hi > r[k].hi)
			r[k].hi = r[i].hi;
	}
	*n = *n > 0 ? k + 1 : 0;
	return r;
}

static struct job *
add_job(struct session *s, const struct session_job *from)
{
	struct job *job = xcalloc(1, sizeof *job), **last;

	job->j = *from;
	job->j.folder = copy_string(from->folder);
	job->j.target = copy_string(from->target);
	job->j.criteria = copy_string(from->criteria);
	job->j.range = copy_ranges(from->range, &job->j.nrange);
	job->j.patterns = copy_bytes(from->patterns, from->patterns_len);
	for (last = &s->jobs; *last != NULL; last = &(*last)->next)
		;
	*last = job;
	return job;
}

void
session_expect(struct session *s, const struct session_job *look)
{
	add_job(s, look)->expected = true;
}

void
session_job(struct session *s, const struct session_job *from)
{
	struct job *first = s->jobs;

	if (first == NULL || !first->expected || !look_adopt(s, first, from))
		add_job(s, from);
	jobs_pump(s);
}

static void
free_const(const void *p)
{
	union {
		const void *c;
		void *v;
	} u = { .c = p };

	free(u.v);
}

static void
job_free(struct job *job)
{
	look_free(job);
	free_const(job->j.folder);
	free_const(job->j.target);
	free_const(job->j.criteria);
	free_const(job->j.range);
	free_const(job->j.patterns);
	free(job->text);
	free(job);
}

void
jobs_free(struct session *s)
{
	struct job *job;

	while ((job = s->jobs) != NULL) {
		s->jobs = job->next;
		job_free(job);
	}
}

/* The first thing that went wrong stands; nothing more of the job is sent unless go_on. */
static void
note(struct job *job, enum session_result r, const char *text, bool go_on)
{
	if (!go_on)
		job->issued = true;
	if (job->result != DONE_OK)
		return;
	job->result = r;
	free(job->text);
	job->text = xstrdup(text);
}

void
job_fail(struct job *job, enum session_result r, const char *text)
{
	note(job, r, text, false);
}

static void
report(struct session *s, const struct job *job)
{
	struct session_done d = {
		.result = job->result,
		.uidvalidity = s->open != NULL ? s->sel.uidvalidity : 0,
		.permanent = s->sel.permanent,
		.throttle_ms = job->throttle_ms,
		.copy_uidvalidity = job->copy_uidvalidity,
		.text = job->text != NULL ? job->text : "",
	};

	rows_flush(s);
	uids_flush(s);
	s->ops.done(s->arg, job->j.id, &d);
}

/* Reports and forgets the jobs that are over. */
static void
sweep(struct session *s)
{
	struct job **p = &s->jobs, *job;

	while ((job = *p) != NULL) {
		if (!job->issued || job->cmds > 0 || job->expected) {
			p = &job->next;
			continue;
		}
		if (!job->dropped)
			report(s, job);
		*p = job->next;
		job_free(job);
	}
}

struct job *
job_of(const struct session *s, enum cmd_kind kind)
{
	unsigned i;

	for (i = 0; i < s->ncmd; i++)
		if (s->cmd[i].kind == kind)
			return s->cmd[i].job;
	return NULL;
}

/* --- opening a folder --- */

static bool
needs_write(const struct job *job)
{
	return job->j.kind == JOB_STORE || job->j.kind == JOB_MOVE ||
	    (job->j.kind == JOB_FETCH && job->j.write);
}

static bool
is_open(const struct session *s, const struct job *job)
{
	/* Exactly: a name that differs in case costs a command, not a mistake. */
	return s->open != NULL && strcmp(s->open, job->j.folder) == 0 && (s->open_write || !needs_write(job));
}

void
job_open(struct session *s, struct job *job, const char *raw, bool writable)
{
	free(s->open);
	s->open = NULL;
	memset(&s->sel, 0, sizeof s->sel);
	s->open_write = writable;
	job->opening = true;
	session_command(s, CMD_OPEN, job, writable ? "SELECT %" : "EXAMINE %", raw);
}

/* Does a command in flight mean the folder that is open now? */
static bool
folder_in_use(const struct session *s)
{
	unsigned i;

	for (i = 0; i < s->ncmd; i++)
		if (s->cmd[i].kind != CMD_CAPABILITY && s->cmd[i].kind != CMD_LIST &&
		    s->cmd[i].kind != CMD_STATUS)
			return true;
	return false;
}

bool
job_may_open(const struct session *s)
{
	return session_may_send(s, OPEN_LINE) && !folder_in_use(s);
}

static void
check_opened(struct session *s, struct job *job)
{
	if (job->j.uidvalidity != 0 && job->j.uidvalidity != s->sel.uidvalidity)
		job_fail(job, DONE_STALE, "UIDVALIDITY has changed");
	else if ((job->j.kind == JOB_STORE || job->j.kind == JOB_MOVE) && s->sel.read_only)
		job_fail(job, DONE_READONLY, "the folder is read-only");
	else if (job->j.kind == JOB_STORE && ((job->j.add | job->j.remove) & ~s->sel.permanent) != 0)
		job_fail(job, DONE_FLAG, "the folder does not keep such a flag");
}

static void
opened(struct session *s, struct job *job, const char *raw, enum session_result r, const char *text)
{
	job->opening = false;
	if (r == DONE_OK) {
		parse_code(text, &s->sel);
		if (!s->sel.has_permanent)
			s->sel.permanent = MF_ALL; /* RFC 3501 7.1: then all can be changed */
		s->open = xstrdup(raw);
	}
	if (job->j.kind == JOB_LOOK)
		look_opened(s, job, r, text);
	else if (r == DONE_NO)
		job_fail(job, DONE_GONE, text);
	else if (r == DONE_BAD)
		job_fail(job, DONE_BAD, text);
}

/* --- lines with UIDs --- */

/* The next UIDs of the job, as many as fit in room bytes (at least one); advances it. */
static void
add_uids(struct str *out, struct job *job, size_t room)
{
	size_t end = out->len + room;
	const char *comma = "";
	char item[32];

	for (; job->range < job->j.nrange; job->range++, comma = ",") {
		const struct session_range *r = &job->j.range[job->range];

		if (r->lo == r->hi)
			snprintf(item, sizeof item, "%s%u", comma, r->lo);
		else
			snprintf(item, sizeof item, "%s%u:%u", comma, r->lo, r->hi);
		if (*comma != '\0' && out->len + strlen(item) > end)
			return;
		str_adds(out, item);
	}
}

static void
fetch_items(struct str *out, uint32_t ask)
{
	str_adds(out, " (UID");
	if (ask & ASK_FLAGS)
		str_adds(out, " FLAGS");
	if (ask & ASK_DATE)
		str_adds(out, " INTERNALDATE");
	if (ask & ASK_SIZE)
		str_adds(out, " RFC822.SIZE");
	if (ask & (ASK_MSGID | ASK_HEADER))
		str_addf(out, " BODY.PEEK[HEADER.FIELDS (%s%s%s)]",
		    (ask & ASK_HEADER) ? "FROM SUBJECT DATE" : "",
		    (ask & ASK_HEADER) && (ask & ASK_MSGID) ? " " : "",
		    (ask & ASK_MSGID) ? "MESSAGE-ID" : "");
	if (ask & ASK_BODY)
		str_adds(out, " BODY.PEEK[]");
	str_addc(out, ')');
}

static void
behind_uids(struct str *out, const struct job *job)
{
	bool removing = job->phase == 1;

	if (job->j.kind == JOB_FETCH) {
		fetch_items(out, job->j.ask);
	} else if (job->j.kind == JOB_STORE) {
		str_adds(out, removing ? " -FLAGS.SILENT (" : " +FLAGS.SILENT (");
		flags_add(out, removing ? job->j.remove : job->j.add);
		str_addc(out, ')');
	} else if (job->j.how != MOVE_EXPUNGE) {
		str_adds(out, " %");
	}
}

static const char *
verb(const struct job *job)
{
	if (job->j.kind == JOB_FETCH)
		return "UID FETCH ";
	if (job->j.kind == JOB_STORE)
		return "UID STORE ";
	if (job->j.how == MOVE_MOVE)
		return "UID MOVE ";
	return job->j.how == MOVE_COPY ? "UID COPY " : "UID EXPUNGE ";
}

/* Has the job no more UIDs?  STORE goes through them twice if it both adds and removes. */
static bool
exhausted(struct job *job)
{
	if (job->j.kind == JOB_STORE && job->phase == 0 && (job->range == job->j.nrange || job->j.add == 0)) {
		job->phase = 1;
		job->range = 0;
	}
	if (job->j.kind == JOB_STORE && job->phase == 1 && job->j.remove == 0)
		return true;
	return job->range >= job->j.nrange;
}

static enum cmd_kind
uid_cmd(const struct job *job)
{
	if (job->j.kind == JOB_FETCH)
		return CMD_FETCH;
	return job->j.kind == JOB_STORE ? CMD_STORE : CMD_MOVE;
}

/* Sends the next command of a job with UIDs, if it may go now. */
static bool
uid_command(struct session *s, struct job *job)
{
	struct str behind = STR_INIT, line = STR_INIT;
	uint32_t range = job->range;
	size_t name = job->j.target != NULL ? strlen(job->j.target) + 16 : 0;
	bool sent = false;

	if (job->j.kind == JOB_MOVE && s->ncmd > 0)
		return false;
	behind_uids(&behind, job);
	str_adds(&line, verb(job));
	add_uids(&line, job, SESSION_LINE_MAX - 64 - behind.len - name);
	str_add(&line, behind.s != NULL ? behind.s : "", behind.len);
	if (session_may_send(s, line.len + 16)) {
		session_command(s, uid_cmd(job), job, line.s, job->j.target);
		job->issued = exhausted(job);
		sent = true;
	} else {
		job->range = range;
	}
	str_release(&behind);
	str_release(&line);
	return sent;
}

static bool
search_command(struct session *s, struct job *job)
{
	struct str line = STR_INIT;
	bool sent = false;

	str_addf(&line, "UID SEARCH %s", job->j.criteria);
	if (session_may_send(s, line.len + 16)) {
		session_command(s, CMD_SEARCH, job, line.s, NULL);
		job->issued = sent = true;
	}
	str_release(&line);
	return sent;
}

/* --- the pump --- */

/* Does what can be done for one job now; true if something was. */
static bool
step(struct session *s, struct job *job)
{
	if (job->opening || job_of(s, CMD_OPEN) != NULL)
		return false;
	if (job->j.kind == JOB_LOOK)
		return look_pump(s, job);
	if (job->j.kind == JOB_CREATE) {
		if (s->ncmd > 0 || !session_may_send(s, 0))
			return false;
		session_command(s, CMD_CREATE, job, "CREATE %", job->j.folder);
		job->issued = true;
		return true;
	}
	if (!is_open(s, job)) {
		if (!job_may_open(s))
			return false;
		job_open(s, job, job->j.folder, needs_write(job));
		return true;
	}
	check_opened(s, job);
	if (job->issued)
		return true;
	if (job->j.kind == JOB_SEARCH)
		return search_command(s, job);
	if (exhausted(job))
		return job->issued = true;
	return uid_command(s, job);
}

void
jobs_pump(struct session *s)
{
	struct job *job;

	do {
		sweep(s);
		for (job = s->jobs; job != NULL && job->issued; job = job->next)
			;
	} while (s->state == S_ON && job != NULL && step(s, job));
	sweep(s);
}

/* --- answers --- */

int
job_answer(struct session *s, struct cmd *c, enum session_result r, const char *text)
{
	struct job *job = c->job;
	enum quirk_text q = r != DONE_OK ? quirk_text(text) : QUIRK_NONE;
	uint64_t copied;

	if (q == QUIRK_NOT_CONNECTED || q == QUIRK_EXPIRED)
		return session_grave(s, text);
	if (q == QUIRK_THROTTLED)
		job->throttle_ms = quirk_throttle_ms(text);
	if (c->kind == CMD_MOVE)
		quirk_copyuid(text, &job->copy_uidvalidity, &copied);
	if (q == QUIRK_THROTTLED)
		note(job, r, text, false);
	else if (c->kind == CMD_OPEN)
		opened(s, job, job->j.kind == JOB_LOOK ? job->folders[0].raw : job->j.folder, r, text);
	else if (job->j.kind == JOB_LOOK)
		look_answer(s, c, r, text);
	else if (r != DONE_OK)
		note(job, r, text, job->j.kind == JOB_FETCH && r == DONE_NO);
	sweep(s);
	return q == QUIRK_THROTTLED ? session_grave(s, text) : 0;
}

void
job_untagged(struct session *s, const char *line)
{
	struct job *job = job_of(s, CMD_MOVE);
	uint64_t copied;

	if (job != NULL && quirk_copyuid(line, &job->copy_uidvalidity, &copied) == 1)
		return;
	if (job_of(s, CMD_OPEN) == NULL)
		return;
	if (strncasecmp(line, "* OK ", 5) == 0)
		parse_code(line + 5, &s->sel);
	else if (line[0] == '*' && line[1] == ' ')
		parse_exists(line, &s->sel);
}
