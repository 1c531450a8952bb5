/* mark_input: from lines to items, by group and UID. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "entra/linebuf.h"
#include "mail/maildir.h"
#include "mail/receipt.h"
#include "tool/mark_int.h"

#define WARNINGS 20 /* lines that are told one by one */

/* --- groups --- */

static uint32_t
hash(const char *user, const char *folder, uint32_t uidvalidity)
{
	uint32_t h = 2166136261u ^ uidvalidity; /* FNV-1a */

	for (; *user != '\0'; user++)
		h = (h ^ (unsigned char)(*user | 0x20)) * 16777619u;
	for (; *folder != '\0'; folder++)
		h = (h ^ (unsigned char)*folder) * 16777619u;
	return h;
}

static const char *
key(const struct mark_group *g)
{
	return g->folder != NULL ? g->folder : g->hash;
}

static uint32_t *
find(struct mark_input *in, const char *user, const char *folder, bool hashed, uint32_t uidvalidity)
{
	uint32_t i = hash(user, folder, uidvalidity) & (in->nslot - 1);
	const struct mark_group *g;

	for (; in->slot[i] != 0; i = (i + 1) & (in->nslot - 1)) {
		g = &in->group[in->slot[i] - 1];
		if (g->uidvalidity == uidvalidity && hashed == (g->folder == NULL) &&
		    strcmp(key(g), folder) == 0 && strcasecmp(g->user, user) == 0)
			break;
	}
	return &in->slot[i];
}

static void
grow(struct mark_input *in)
{
	uint32_t i;

	in->nslot = in->nslot == 0 ? 64 : 2 * in->nslot;
	free(in->slot);
	in->slot = xcalloc(in->nslot, sizeof *in->slot);
	for (i = 0; i < in->ngroup; i++) {
		const struct mark_group *g = &in->group[i];

		*find(in, g->user, key(g), g->folder == NULL, g->uidvalidity) = i + 1;
	}
}

/* The group's index.  hashed: folder is a hash of its name. */
static uint32_t
group_of(struct mark_input *in, const char *user, const char *folder, bool hashed, uint32_t uidvalidity)
{
	struct mark_group *g;
	uint32_t *slot;

	if (2 * (in->ngroup + 1) > in->nslot)
		grow(in);
	slot = find(in, user, folder, hashed, uidvalidity);
	if (*slot != 0)
		return *slot - 1;
	in->group = xreallocarray(in->group, in->ngroup + 1, sizeof *in->group);
	g = &in->group[in->ngroup];
	memset(g, 0, sizeof *g);
	g->user = xstrdup(user);
	g->uidvalidity = uidvalidity;
	if (hashed)
		memcpy(g->hash, folder, sizeof g->hash);
	else
		g->folder = xstrdup(folder);
	*slot = ++in->ngroup;
	return in->ngroup - 1;
}

static void
add(struct mark_input *in, uint32_t group, uint32_t uid, int64_t date)
{
	if (in->nitem == in->cap) {
		in->cap = 2 * in->cap + 256;
		in->item = xreallocarray(in->item, in->cap, sizeof *in->item);
	}
	in->item[in->nitem++] = (struct mark_item){ .group = group, .uid = uid, .date = date };
}

/* --- lines --- */

static int
add_path(const struct options *o, struct mark_input *in, const char *path, struct err *err)
{
	const char *base = strrchr(path, '/');
	struct maildir_name name;

	if (maildir_name_parse(base != NULL ? base + 1 : path, &name) == -1)
		return err_set(err, ERR_DATA, STAGE_STDIN, NULL, "not the name of a delivered message");
	if (o->user == NULL)
		return err_set(err, ERR_DATA, STAGE_STDIN, NULL,
		    "a path does not say whose message it is: give -u MAILBOX");
	add(in, group_of(in, o->user, name.folder, true, name.uidvalidity), name.uid,
	    name.date != 0 ? name.date : DATE_NONE);
	return 0;
}

static int
add_line(const struct options *o, struct mark_input *in, char *line, size_t len, struct err *err)
{
	struct receipt_line r;

	if (o->null)
		return len > 0 ? add_path(o, in, line, err) : 0;
	if (receipt_parse(line, len, &r, err) == -1)
		return -1;
	if (r.kind == LINE_PATH)
		return add_path(o, in, r.path, err);
	if (r.kind == LINE_RECEIPT)
		add(in, group_of(in, r.user, r.folder, false, r.uidvalidity), r.uid,
		    r.has_date ? r.date : DATE_NONE);
	return 0;
}

static void
malformed(struct mark_input *in, const char *file, unsigned long lineno, const struct err *e)
{
	if (++in->malformed <= WARNINGS)
		log_warn("%s%sline %lu: %s", file != NULL ? file : "", file != NULL ? ": " : "", lineno,
		    e->text);
	if (in->malformed == WARNINGS)
		log_warn("further lines of this kind are counted, not told");
}

static int
read_source(const struct options *o, struct source *source, struct mark_input *in, struct err *err)
{
	struct err e = ERR_INIT;
	char *line;
	size_t len;
	int r;

	for (;;) {
		err_clear(&e);
		r = source_line(source, &line, &len, &e);
		if (r == 0)
			return 0;
		if (r == -1 && e.kind != ERR_DATA) {
			*err = e;
			return -1;
		}
		if (r == -1 || add_line(o, in, line, len, &e) == -1)
			malformed(in, NULL, source_lineno(source), &e);
	}
}

static int
read_file(const struct options *o, const char *path, const volatile sig_atomic_t *stop, struct mark_input *in,
    struct err *err)
{
	struct linebuf l = LINEBUF_INIT(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), RECEIPT_LINE_MAX);
	struct err e = ERR_INIT;
	char *line;
	size_t len;
	int r;

	if (l.fd == -1)
		return err_sys(err, errno == ENOENT ? ERR_NOENT : ERR_IO, STAGE_FILE, errno, path,
		    "cannot open the receipts");
	l.end = o->null ? LINEBUF_NUL : LINEBUF_LF;
	l.stop = stop;
	for (;;) {
		err_clear(&e);
		r = linebuf_next(&l, -1, &line, &len, &e);
		if (r == 0 || (r == -1 && e.kind != ERR_DATA))
			break;
		if (r == -1 || add_line(o, in, line, len, &e) == -1)
			malformed(in, path, l.lineno, &e);
	}
	if (r == -1)
		err_sys(err, e.kind, STAGE_FILE, e.sys, path, "cannot read the receipts");
	linebuf_release(&l);
	close(l.fd);
	return r;
}

/* --- order --- */

static int
by_user(const void *a, const void *b)
{
	const struct mark_group *x = a, *y = b;
	int r = strcasecmp(x->user, y->user);

	return r != 0 ? r : (x->rank > y->rank) - (x->rank < y->rank);
}

static int
by_uid(const void *a, const void *b)
{
	const struct mark_item *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return (x->date > y->date) - (x->date < y->date);
}

/* Groups of one user together, and the items of each group in the order of their UIDs. */
static void
arrange(struct mark_input *in)
{
	uint32_t *place = xcalloc(in->ngroup + 1, sizeof *place), i;
	struct mark_group *g;
	size_t k;

	for (i = 0; i < in->ngroup; i++)
		in->group[i].rank = i;
	if (in->ngroup > 1)
		qsort(in->group, in->ngroup, sizeof *in->group, by_user);
	for (i = 0; i < in->ngroup; i++)
		place[in->group[i].rank] = i;
	for (k = 0; k < in->nitem; k++)
		in->item[k].group = place[in->item[k].group];
	if (in->nitem > 1)
		qsort(in->item, in->nitem, sizeof *in->item, by_uid);
	for (k = in->nitem; k > 0; k--) {
		g = &in->group[in->item[k - 1].group];
		g->first = k - 1;
		g->n++;
	}
	free(place);
}

int
mark_read(const struct options *o, struct source *source, struct mark_input *in,
    const volatile sig_atomic_t *stop, struct err *err)
{
	int i, r = 0;

	if (o->nargs == 0)
		r = read_source(o, source, in, err);
	for (i = 0; i < o->nargs && r == 0; i++)
		r = read_file(o, o->args[i], stop, in, err);
	free(in->slot);
	in->slot = NULL;
	if (r == 0)
		arrange(in);
	return r;
}

void
mark_input_release(struct mark_input *in)
{
	uint32_t i;

	for (i = 0; i < in->ngroup; i++) {
		free(in->group[i].user);
		free(in->group[i].folder);
		free(in->group[i].raw);
	}
	free(in->group);
	free(in->item);
	free(in->slot);
	memset(in, 0, sizeof *in);
}
