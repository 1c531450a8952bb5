/* mark_result: the result lines, and what they add up to. */
#include <stdio.h>
#include <string.h>

#include "base/progress.h"
#include "mail/receipt.h"
#include "tool/mark_int.h"

static const char *const word_name[] = {
	[MARK_DONE] = "done",
	[MARK_GONE] = "gone",
	[MARK_REFUSED] = "refused",
	[MARK_UNKNOWN] = "unknown",
};
_Static_assert(sizeof word_name / sizeof word_name[0] == MARK_WORDS, "a name for every word");

/* As in receipts: "-" (JSON: null) for what cannot be written. */
static const char *
date_of(char buf[32], int64_t date)
{
	if (date == DATE_NONE || strlen(iso_time(buf, date)) != sizeof "0000-00-00T00:00:00Z" - 1)
		return "-";
	return buf;
}

static void
format(struct str *s, const struct mark_group *g, const struct mark_item *it, const char *word,
    const char *detail)
{
	char buf[32];

	tsv_add(s, g->user);
	str_addc(s, '\t');
	tsv_add(s, g->folder != NULL ? g->folder : "-");
	str_addf(s, "\t%u\t%u\t%s\t%s\t", g->uidvalidity, it->uid, date_of(buf, it->date), word);
	tsv_add(s, detail);
	str_addc(s, '\n');
}

static void
format_json(struct str *s, const struct mark_group *g, const struct mark_item *it, const char *word,
    const char *detail)
{
	char buf[32];
	const char *date = date_of(buf, it->date);

	str_adds(s, "{\"user\":");
	json_add(s, g->user);
	str_adds(s, ",\"folder\":");
	json_add(s, g->folder != NULL ? g->folder : "-");
	str_addf(s, ",\"uidvalidity\":%u,\"uid\":%u,\"date\":", g->uidvalidity, it->uid);
	if (*date == '-')
		str_adds(s, "null");
	else
		json_add(s, date);
	str_addf(s, ",\"result\":\"%s\",\"detail\":", word);
	json_add(s, detail);
	str_adds(s, "}\n");
}

void
mark_result(struct mark *m, const struct mark_group *g, struct mark_item *it, enum mark_word w,
    const char *detail)
{
	struct str line = STR_INIT;

	it->state = w == MARK_DONE ? ITEM_DONE : ITEM_SETTLED;
	m->count[w]++;
	if (m->first[w].kind == ERR_NONE)
		err_set(&m->first[w], ERR_DATA, STAGE_MARK, g->folder != NULL ? g->folder : g->user,
		    "UID %u: %s", it->uid, detail);
	progress_add(1, 0);
	if (m->o->quiet && w == MARK_DONE)
		return;
	(m->o->json ? format_json : format)(&line, g, it, word_name[w], detail);
	if (m->output.kind == ERR_NONE)
		(void)ledger_line(m->out, line.s, line.len, &m->output);
	str_release(&line);
}

void
mark_refuse_group(struct mark *m, const struct mark_group *g, const char *detail)
{
	size_t i;

	for (i = g->first; i < g->first + g->n; i++)
		if (m->in.item[i].state < ITEM_DONE)
			mark_result(m, g, &m->in.item[i], MARK_REFUSED, detail);
}

void
mark_refuse_told(struct mark *m, const struct mark_group *g, const char *detail)
{
	uint64_t before = m->count[MARK_REFUSED];
	struct err first = m->first[MARK_REFUSED];

	mark_refuse_group(m, g, detail);
	m->told += m->count[MARK_REFUSED] - before;
	m->first[MARK_REFUSED] = first;
}
