#include "tool/list_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "mail/receipt.h"
#include "tool/online.h"

/* --- lines --- */

void
list_begin(struct list *l)
{
	str_clear(&l->line);
	if (l->o->json)
		str_addc(&l->line, '{');
	list_string(l, "user", l->user);
}

static void
column(struct list *l, const char *name)
{
	bool first = l->line.len <= (l->o->json ? 1 : 0);

	if (!l->o->json) {
		if (!first)
			str_addc(&l->line, '\t');
		return;
	}
	if (!first)
		str_addc(&l->line, ',');
	str_addf(&l->line, "\"%s\":", name);
}

void
list_string(struct list *l, const char *name, const char *value)
{
	column(l, name);
	if (l->o->json)
		json_add(&l->line, value);
	else
		tsv_add(&l->line, value);
}

void
list_number(struct list *l, const char *name, uint64_t value)
{
	column(l, name);
	str_addf(&l->line, "%llu", (unsigned long long)value);
}

void
list_date(struct list *l, const char *name, int64_t date)
{
	char buf[32];

	if (date == DATE_NONE || strlen(iso_time(buf, date)) != sizeof "0000-00-00T00:00:00Z" - 1) {
		column(l, name);
		str_adds(&l->line, l->o->json ? "null" : "-");
		return;
	}
	list_string(l, name, buf);
}

void
list_flags(struct list *l, const char *name, uint32_t flags)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} known[] = {
		{ MF_SEEN, "\\Seen" },
		{ MF_ANSWERED, "\\Answered" },
		{ MF_FLAGGED, "\\Flagged" },
		{ MF_DELETED, "\\Deleted" },
		{ MF_DRAFT, "\\Draft" },
		{ MF_MDNSENT, "$MDNSent" },
	};
	struct str words = STR_INIT;
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (flags & known[i].bit)
			str_addf(&words, "%s%s", words.len > 0 ? " " : "", known[i].name);
	list_string(l, name, words.len > 0 ? words.s : "");
	str_release(&words);
}

void
list_none(struct list *l, const char *name)
{
	if (l->o->json)
		return;
	column(l, name);
	str_addc(&l->line, '-');
}

int
list_end(struct list *l, struct err *err)
{
	str_adds(&l->line, l->o->json ? "}\n" : "\n");
	return ledger_line(l->out, l->line.s, l->line.len, err);
}

/* --- asking --- */

void
list_look(struct list *l, const char *const *pattern, size_t n, bool all)
{
	struct wire_look *w = (void *)l->packet;
	size_t i, len = 0, k;

	memset(w, 0, sizeof *w);
	for (i = 0; i < n; i++) {
		k = strlen(pattern[i]) + 1;
		if (len + k > WIRE_PATTERNS - 1)
			break; /* list_run has checked that they fit */
		memcpy(w->patterns + len, pattern[i], k);
		len += k;
	}
	w->npattern = (uint16_t)i;
	if (all) { /* an exclusion that fits nothing: only a name that stands alone is opened */
		w->patterns[len++] = '\0';
		w->nexclude = 1;
	}
	w->len = (uint32_t)len;
	w->skip = link_look_skip(l->link);
	wire_head(&w->head, WIRE_LOOK, sizeof *w + len, ++l->last_id);
	link_send(l->link, l->lane, w);
}

/* --- the loop --- */

static int
event(struct list *l, const struct link_event *ev, struct err *err)
{
	switch (ev->type) {
	case LINK_UP:
		online_log(l->o, (const void *)ev->packet);
		l->job->up(l);
		break;
	case LINK_PACKET:
		return l->job->packet(l, ev->packet, err);
	case LINK_LOST:
		l->job->lost(l, ev->suspect);
		break;
	case LINK_GONE: /* the only lane is never given up without an error */
	case LINK_FD:
		break;
	}
	return 0;
}

static int
loop(struct list *l, struct err *err)
{
	struct link_event ev;
	int n;

	if ((l->lane = link_open(l->link, err)) == -1)
		return -1;
	while (!l->done && !*l->stop) {
		if ((n = link_next(l->link, -1, &ev, err)) == -1)
			return -1;
		if (n == 1 && event(l, &ev, err) == -1)
			return -1;
	}
	return 0;
}

static int
usage(struct err *err, const char *text)
{
	return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "%s", text);
}

static bool
printable_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static int
check(const struct options *o, struct err *err)
{
	const char *folder = o->nargs > 0 ? o->args[0] : NULL;
	size_t i, len = 0;

	if (folder != NULL && (strlen(folder) >= WIRE_NAME || strpbrk(folder, "*%") != NULL))
		return usage(err,
		    "FOLDER names one folder, or is an attribute such as '\\Sent'; -F takes patterns");
	for (i = 0; i < o->folder.n; i++)
		len += strlen(o->folder.v[i]) + 1;
	if (len >= WIRE_PATTERNS || o->folder.n > 1000)
		return usage(err, "more folder patterns than can be asked for");
	if (o->search == NULL)
		return 0;
	if (strlen(o->search) >= sizeof((struct wire_search *)NULL)->criteria)
		return usage(err, "the criteria of --search are too long");
	if (!printable_ascii(o->search))
		return usage(err,
		    "the criteria of --search must be printable ASCII (the server takes no other)");
	if (strchr(o->search, '{') != NULL)
		return usage(err, "the criteria of --search may not hold literals ({n}): use quoted strings");
	if (strncasecmp(o->search, "CHARSET", 7) == 0)
		return usage(err,
		    "the criteria of --search may not begin with CHARSET: the server takes ASCII only");
	return 0;
}

static char *
lower(const char *s)
{
	char *copy = xstrdup(s), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

int
list_run(const struct options *o, struct source *source, const volatile sig_atomic_t *stop,
    struct list_report *report, struct err *err)
{
	bool messages = o->nargs > 0;
	struct list *l;
	int r;

	memset(report, 0, sizeof *report);
	if (check(o, err) == -1)
		return -1;
	l = xcalloc(1, sizeof *l);
	l->o = o;
	l->stop = stop;
	l->report = report;
	l->job = messages ? &list_messages : &list_folders;
	l->work = messages ? list_messages_new() : list_folders_new();
	l->user = lower(o->user);
	l->out = ledger_new(STDOUT_FILENO, o->json ? RECEIPT_JSON : RECEIPT_TSV, false);
	ledger_set_stop(l->out, stop);
	progress_init(messages && !o->quiet && !o->no_progress);
	l->link = link_prepare(o, o->user, source);
	r = loop(l, err);
	progress_end();
	/* What was listed before a failure is good */
	if (ledger_flush(l->out, r == 0 ? err : NULL) == -1)
		r = -1;
	link_close(l->link);
	ledger_free(l->out);
	(messages ? list_messages_free : list_folders_free)(l->work);
	str_release(&l->line);
	free(l->user);
	free(l);
	return r;
}
