/*
 * LOOK: the state of the wanted folders.  One plain name: EXAMINE, which leaves
 * the folder open for what follows.  Otherwise LIST "" "*", compared here (the
 * patterns know attributes and UTF-8, LIST does not), then STATUS of each.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/folder.h"
#include "imap/session_priv.h"

enum phase { LOOK_START, LOOK_ASKED, LOOK_STATUS };

void
look_free(struct job *job)
{
	size_t i;

	for (i = 0; i < job->nfolder; i++) {
		free(job->folders[i].raw);
		free(job->folders[i].text);
	}
	free(job->folders);
}

static struct look_folder *
add_folder(struct job *job, const char *raw)
{
	struct look_folder *f;

	if ((job->nfolder & (job->nfolder + 1)) == 0) /* room for 2^k - 1 */
		job->folders = xreallocarray(job->folders, 2 * job->nfolder + 1, sizeof *f);
	f = &job->folders[job->nfolder++];
	memset(f, 0, sizeof *f);
	f->raw = xstrdup(raw);
	return f;
}

static void
report(struct session *s, const struct job *job, struct look_folder *f)
{
	f->ready = false;
	f->st.attrs = f->attrs;
	f->st.delimiter = f->delimiter;
	f->st.raw = f->raw;
	f->st.text = f->text != NULL ? f->text : "";
	s->ops.folder(s->arg, job->j.id, &f->st);
}

/* What is known of a folder: reported, or kept while nobody has asked for it. */
static void
emit(struct session *s, const struct job *job, struct look_folder *f, enum session_folder_state state,
    const char *text)
{
	f->st.state = state;
	f->ready = true;
	if (*text != '\0')
		f->text = xstrdup(text);
	if (!job->expected && !job->dropped)
		report(s, job, f);
}

bool
look_adopt(struct session *s, struct job *job, const struct session_job *from)
{
	size_t i;

	job->expected = false;
	if (from->kind != JOB_LOOK || from->no_status != job->j.no_status || from->skip != job->j.skip ||
	    from->npattern != job->j.npattern || from->nexclude != job->j.nexclude ||
	    from->patterns_len != job->j.patterns_len ||
	    memcmp(from->patterns, job->j.patterns, from->patterns_len) != 0) {
		job->dropped = job->issued = true;
		return false;
	}
	job->j.id = from->id;
	for (i = 0; i < job->nfolder; i++)
		if (job->folders[i].ready)
			report(s, job, &job->folders[i]);
	return true;
}

static const char *
pattern(const struct job *job, unsigned i)
{
	const char *p = job->j.patterns;

	while (i-- > 0)
		p += strlen(p) + 1;
	return p;
}

static bool
single(const struct job *job)
{
	return job->j.npattern == 1 && job->j.nexclude == 0 && !folder_is_pattern(job->j.patterns);
}

static bool
wanted(const struct job *job, const char *name, char delimiter, uint32_t attrs)
{
	const char *p = job->j.patterns;
	bool yes = false;
	unsigned i;

	for (i = 0; i < job->j.npattern + job->j.nexclude; i++, p += strlen(p) + 1) {
		if (i < job->j.npattern)
			yes = yes || folder_match(p, name, delimiter, attrs);
		else if (folder_match(p, name, delimiter, attrs))
			return false;
	}
	return yes;
}

/* A name that cannot be sent is a folder that cannot be there. */
static bool
raw_of(struct session *s, struct job *job, const char *name, struct str *raw)
{
	if (strcasecmp(name, "INBOX") == 0)
		name = "INBOX";
	if (folder_raw(raw, name) == 0)
		return true;
	emit(s, job, add_folder(job, *name != '\0' ? name : "?"), FOLDER_GONE, "the name is not valid UTF-8");
	return false;
}

static bool
begin_single(struct session *s, struct job *job)
{
	struct str raw = STR_INIT;

	if (job->j.no_status ? !session_may_send(s, strlen(job->j.patterns) * 3) : !job_may_open(s))
		return false;
	job->phase = LOOK_ASKED;
	if (!raw_of(s, job, job->j.patterns, &raw)) {
		job->issued = true;
	} else if (job->j.no_status) {
		session_command(s, CMD_LIST, job, "LIST \"\" %", raw.s);
	} else {
		add_folder(job, raw.s);
		job_open(s, job, raw.s, false);
	}
	str_release(&raw);
	return true;
}

static bool
begin_list(struct session *s, struct job *job)
{
	if (!session_may_send(s, 32))
		return false;
	job->phase = LOOK_ASKED;
	session_command(s, CMD_LIST, job, "LIST \"\" \"*\"", NULL);
	return true;
}

static bool
next_status(struct session *s, struct job *job)
{
	struct look_folder *f;

	if (job->expected)
		return false; /* LIST was guesswork enough */
	if (job->next_folder == job->nfolder)
		return job->issued = true;
	f = &job->folders[job->next_folder];
	if (f->text != NULL) {
		job->next_folder++; /* it is settled already */
		return true;
	}
	if (f->attrs & (FA_NOSELECT | FA_NONEXISTENT)) {
		emit(s, job, f, FOLDER_NOSELECT, "");
	} else if (job->j.no_status) {
		emit(s, job, f, FOLDER_LISTED, "");
	} else {
		if (!session_may_send(s, strlen(f->raw) + 80))
			return false;
		session_command(s, CMD_STATUS, job, "STATUS % (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)", f->raw)
		    ->folder = job->next_folder;
	}
	job->next_folder++;
	return true;
}

bool
look_pump(struct session *s, struct job *job)
{
	if (job->phase == LOOK_START)
		return single(job) ? begin_single(s, job) : begin_list(s, job);
	return job->phase == LOOK_STATUS && next_status(s, job);
}

void
look_listed(struct session *s, const struct listed *l)
{
	struct job *job = job_of(s, CMD_LIST);
	struct look_folder *f;
	struct str name = STR_INIT;

	if (job == NULL || job->nfolder >= FOLDERS_LIMIT || *l->raw == '\0')
		return;
	folder_name(&name, l->raw, l->delimiter);
	if (single(job) || wanted(job, name.s, l->delimiter, l->attrs)) {
		f = add_folder(job, l->raw);
		f->delimiter = l->delimiter;
		f->attrs = l->attrs;
	}
	str_release(&name);
}

/* Plain names that LIST did not give are asked for all the same: INBOX need not be listed. */
static void
add_unlisted(struct session *s, struct job *job)
{
	size_t listed = job->nfolder, k;
	struct str name = STR_INIT, raw = STR_INIT;
	const char *p;
	bool found;
	unsigned i;

	for (i = 0; i < job->j.npattern; i++) {
		p = pattern(job, i);
		if (folder_is_pattern(p))
			continue;
		for (k = 0, found = false; k < listed && !found; k++) {
			str_clear(&name);
			folder_name(&name, job->folders[k].raw, job->folders[k].delimiter);
			found = folder_match(p, name.s, job->folders[k].delimiter, job->folders[k].attrs);
		}
		str_clear(&raw);
		if (!found && wanted(job, p, 0, 0) && raw_of(s, job, p, &raw))
			add_folder(job, raw.s);
	}
	str_release(&name);
	str_release(&raw);
}

static int
fits(const struct session *s, unsigned i, const char *raw)
{
	const struct cmd *c = &s->cmd[i];
	const struct look_folder *f = &c->job->folders[c->folder];

	if (strcmp(f->raw, raw) == 0)
		return 2;
	return folder_same(f->raw, raw, f->delimiter) ? 1 : 0;
}

/* To which STATUS in flight does an answer belong?  By name, since servers may work on several at once. */
void
look_status(struct session *s, const struct status *st)
{
	int best = -1, fit = -1;
	struct look_folder *f;
	unsigned i;

	for (i = 0; i < s->ncmd; i++)
		if (s->cmd[i].kind == CMD_STATUS && fits(s, i, st->raw) > fit) {
			best = (int)i;
			fit = fits(s, i, st->raw);
		}
	if (best == -1 || !st->has_uidnext || !st->has_uidvalidity)
		return;
	f = &s->cmd[best].job->folders[s->cmd[best].folder];
	f->answered = true;
	f->st.uidvalidity = st->uidvalidity;
	f->st.uidnext = st->uidnext;
	f->st.messages = st->messages;
	f->st.unseen = st->unseen;
}

void
look_answer(struct session *s, struct cmd *c, enum session_result r, const char *text)
{
	struct job *job = c->job;
	struct look_folder *f;

	if (c->kind == CMD_LIST && r != DONE_OK) {
		job_fail(job, r, text);
	} else if (c->kind == CMD_LIST) {
		job->phase = LOOK_STATUS;
		if (!single(job))
			add_unlisted(s, job);
		job->next_folder = job->j.skip < job->nfolder ? job->j.skip : job->nfolder;
	} else {
		f = &job->folders[c->folder];
		if (r == DONE_OK && f->answered)
			emit(s, job, f, FOLDER_OK, "");
		else
			emit(s, job, f, FOLDER_GONE, r == DONE_OK ? "no STATUS was given" : text);
	}
}

void
look_opened(struct session *s, struct job *job, enum session_result r, const char *text)
{
	struct look_folder *f = &job->folders[0];

	if (r == DONE_BAD) {
		job_fail(job, r, text);
		return;
	}
	if (r == DONE_OK && s->sel.uidnext == 0) {
		job->phase = LOOK_STATUS; /* RFC 3501 6.3.1: then ask */
		return;
	}
	f->st.uidvalidity = s->sel.uidvalidity;
	f->st.uidnext = s->sel.uidnext;
	f->st.messages = s->sel.exists;
	emit(s, job, f, r == DONE_OK ? FOLDER_OK : FOLDER_GONE, r == DONE_OK ? "" : text);
	job->issued = true;
}
