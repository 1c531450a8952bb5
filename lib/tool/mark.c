#include "tool/mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/progress.h"
#include "imap/folder.h"
#include "tool/mark_int.h"

void
mark_error(struct mark *m, const struct err *e)
{
	struct err kept = *m->err;

	err_merge(&kept, e);
	if (m->err->kind != ERR_NONE)
		log_err(kept.kind == m->err->kind && strcmp(kept.text, m->err->text) == 0 ? e : m->err);
	*m->err = kept;
}

/* --- what is refused without a connection --- */

/* The end of the groups of the user of first. */
static uint32_t
user_end(const struct mark_input *in, uint32_t first)
{
	uint32_t end = first + 1;

	while (end < in->ngroup && strcasecmp(in->group[end].user, in->group[first].user) == 0)
		end++;
	return end;
}

static bool
is_other(const struct mark *m, uint32_t group)
{
	return m->o->user != NULL && strcasecmp(m->o->user, m->in.group[group].user) != 0;
}

/* --- users --- */

/* Is this the failure of one mailbox alone, so that others may still be served? */
static bool
concerns_one(const struct err *e)
{
	switch (e->stage) {
	case STAGE_LOGIN:
	case STAGE_FIRST:
	case STAGE_FOLDER:
	case STAGE_FETCH:
	case STAGE_MARK:
		return e->sys == 0;
	default:
		return false;
	}
}

static void
untried(struct mark *m, uint32_t first, uint32_t end, const struct err *e)
{
	char detail[ERR_TEXT_MAX + 16];

	snprintf(detail, sizeof detail, "not tried: %s", e->text);
	for (; first < end; first++)
		mark_refuse_told(m, &m->in.group[first], detail);
}

static void
all_users(struct mark *m)
{
	uint32_t g, end;
	struct err e;

	for (g = 0; g < m->in.ngroup; g = end) {
		end = user_end(&m->in, g);
		e = (struct err)ERR_INIT;
		if (is_other(m, g)) {
			for (; g < end; g++)
				mark_refuse_group(m, &m->in.group[g],
				    "the receipt is of another mailbox than -u names");
			continue;
		}
		snprintf(m->report->user, sizeof m->report->user, "%s", m->in.group[g].user);
		if (visit_run(m, g, end, &e) == 0)
			continue;
		untried(m, g, end, &e);
		if (!*m->stop && m->output.kind == ERR_NONE)
			mark_error(m, &e);
		if (*m->stop || m->output.kind != ERR_NONE || !concerns_one(&e)) {
			untried(m, end, m->in.ngroup, &e);
			return;
		}
	}
}

/* --- the sum --- */

static void
sum_up(struct mark *m)
{
	uint64_t refused = m->count[MARK_REFUSED] - m->told, unknown = m->count[MARK_UNKNOWN];
	const struct err *first;
	struct err e = ERR_INIT;

	if (m->in.malformed > 0) {
		err_set(&e, ERR_DATA, STAGE_STDIN, NULL, "%lu line%s no receipt%s of a message",
		    m->in.malformed, m->in.malformed == 1 ? " is" : "s are", m->in.malformed == 1 ? "" : "s");
		mark_error(m, &e);
	}
	first = &m->first[MARK_REFUSED];
	if (refused > 0) {
		err_set(&e, ERR_DATA, STAGE_MARK, first->subject, "%llu of %zu refused; %s",
		    (unsigned long long)refused, m->in.nitem, first->text);
		mark_error(m, &e);
	}
	first = &m->first[MARK_UNKNOWN];
	if (unknown > 0) {
		err_set(&e, ERR_AGAIN, STAGE_MARK, first->subject, "unknown what became of %llu of %zu; %s",
		    (unsigned long long)unknown, m->in.nitem, first->text);
		mark_error(m, &e);
	}
	log_v(1, "%llu done, %llu gone, %llu refused, %llu unknown", (unsigned long long)m->count[MARK_DONE],
	    (unsigned long long)m->count[MARK_GONE], (unsigned long long)m->count[MARK_REFUSED],
	    (unsigned long long)unknown);
}

static int
check(const struct options *o, struct err *err)
{
	struct str raw = STR_INIT;
	int r = 0;

	if (o->move == NULL)
		return 0;
	if (strlen(o->move) >= WIRE_NAME / 4)
		r = err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "the name of --move is too long");
	else if (*o->move == '\\' && folder_attr(o->move) == 0)
		r = err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "--move '%s': no attribute of a folder",
		    o->move);
	else if (folder_raw(&raw, o->move) == -1)
		r = err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "the name of --move is %s",
		    *o->move ? "not UTF-8" : "empty");
	else if (strpbrk(o->move, "*%") != NULL)
		r = err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "--move names one folder: no * or %%");
	str_release(&raw);
	return r;
}

int
mark_run(const struct options *o, struct source *source, const volatile sig_atomic_t *stop,
    struct mark_report *report, struct err *err)
{
	struct mark m = { .o = o, .source = source, .stop = stop, .report = report, .err = err };
	const struct secret *token;

	memset(report, 0, sizeof *report);
	/* the token comes first on stdin, so it is taken first */
	if (check(o, err) == -1 || source_token(source, &token, err) == -1 ||
	    mark_read(o, source, &m.in, stop, err) == -1) {
		mark_input_release(&m.in);
		return -1;
	}
	m.out = ledger_new(STDOUT_FILENO, o->json ? RECEIPT_JSON : RECEIPT_TSV, false);
	ledger_set_stop(m.out, stop);
	progress_init(!o->quiet && !o->no_progress);
	progress_total(m.in.nitem, 0);
	all_users(&m);
	progress_end();
	if (m.output.kind == ERR_NONE)
		(void)ledger_flush(m.out, &m.output);
	if (m.output.kind != ERR_NONE)
		mark_error(&m, &m.output);
	sum_up(&m);
	ledger_free(m.out);
	mark_input_release(&m.in);
	return err->kind == ERR_NONE ? 0 : -1;
}
