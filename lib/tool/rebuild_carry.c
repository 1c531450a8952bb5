/* rebuild_carry: what a new state takes over from the old one: all of the other mailboxes, and receipts that are owed. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "mail/maildir.h"
#include "tool/place.h"
#include "tool/rebuild_int.h"

void
rebuild_names(char **user, char **host, const struct options *o)
{
	struct maildir_name n = { .uidvalidity = 1, .uid = 1 }, parsed;
	char name[400], *p;

	*user = xstrdup(o->user);
	for (p = *user; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	memset(n.folder, '0', sizeof n.folder - 1);
	strncpy(n.host, o->host, sizeof n.host - 1);
	maildir_name(name, &n);
	*host = xstrdup(maildir_name_parse(name, &parsed) == 0 ? parsed.host : o->host);
}

struct row {
	int64_t gen;
	uint32_t uid;
};

struct carry {
	struct state *old, *fresh;
	struct maildir *md;
	struct row
	    *pending; /* rows of old whose message may still be in the stage: these are fetched again */
	size_t npending;
	const char *user, *host; /* not of these */
	int64_t from, gen;	 /* the generation that is copied: in old, and in fresh */
	struct err *err;
};

/* A message that the old state has committed and no run has been seen to place: is there a file? */
static int
note_pending(const struct state_row *row, void *arg)
{
	struct carry *c = arg;
	const struct place_id id = { .user = row->user,
		.host = row->host,
		.folder = row->folder,
		.uidvalidity = row->uidvalidity,
		.subdir = "" };
	struct str path = STR_INIT;
	char name[PLACE_NAME];
	int n = 0;

	place_name(name, &id, &row->msg);
	if (row->msg.how == HOW_FILE && (n = maildir_find(c->md, "", name, &path, c->err)) == 0) {
		c->pending = xreallocarray(c->pending, c->npending + 1, sizeof *c->pending);
		c->pending[c->npending++] = (struct row){ row->gen, row->msg.uid };
	}
	str_release(&path);
	return n == -1 ? -1 : 0;
}

static bool
is_pending(const struct carry *c, uint32_t uid)
{
	size_t i;

	for (i = 0; i < c->npending; i++)
		if (c->pending[i].gen == c->from && c->pending[i].uid == uid)
			return true;
	return false;
}

/* settled must not have passed one that is to be fetched again. */
static uint32_t
settled_of(const struct carry *c, const struct state_gen *g)
{
	uint32_t settled = g->settled;
	size_t i;

	for (i = 0; i < c->npending; i++)
		if (c->pending[i].gen == g->id && c->pending[i].uid < settled)
			settled = c->pending[i].uid;
	return settled;
}

static int
copy_message(const struct state_msg *m, void *arg)
{
	struct carry *c = arg;

	if (is_pending(c, m->uid))
		return 0;
	return state_msg_restore(c->fresh, c->gen, m, c->err) == -1 ? -1 : 0;
}

static int
copy_skip(const struct state_skip *s, void *arg)
{
	struct carry *c = arg;

	return state_skip_add(c->fresh, c->gen, s, c->err);
}

static int
copy_poison(const struct state_poison *p, void *arg)
{
	struct carry *c = arg;

	return state_poison_put(c->fresh, c->gen, p, c->err);
}

static int
copy_generation(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	struct carry *c = arg;
	struct state_gen n;

	if (strcasecmp(user, c->user) == 0 && strcasecmp(host, c->host) == 0)
		return 0;
	if (state_gen_new(c->fresh, user, host, folder, g->uidvalidity, &n, c->err) == -1 ||
	    state_settle(c->fresh, n.id, settled_of(c, g), g->uidnext, c->err) == -1)
		return -1;
	c->gen = n.id;
	c->from = g->id;
	return state_msg_each(c->old, g->id, 1, UINT32_MAX, copy_message, c, c->err) == -1 ||
		state_skip_each(c->old, g->id, copy_skip, c, c->err) == -1 ||
		state_poison_each(c->old, g->id, copy_poison, c, c->err) == -1
	    ? -1
	    : 0;
}

int
rebuild_carry(struct state *old, struct state *fresh, struct maildir *md, const char *user, const char *host,
    struct err *err)
{
	struct carry c = { .old = old, .fresh = fresh, .md = md, .user = user, .host = host, .err = err };
	int rc = state_pending_each(old, note_pending, &c, err);

	if (rc == 0)
		rc = state_gen_every(old, copy_generation, &c, err);
	free(c.pending);
	return rc;
}

struct owing {
	struct state *fresh;
	struct err *err;
};

static int
owe_again(const struct state_row *row, void *arg)
{
	struct owing *o = arg;
	struct state_gen g;
	int n = state_gen_exact(o->fresh, row->user, row->host, row->folder, row->uidvalidity, &g, o->err);

	if (n == 1)
		n = state_msg_find(o->fresh, g.id, row->msg.uid, NULL, o->err);
	if (n == 1)
		n = state_owe(o->fresh, g.id, row->msg.uid, o->err);
	return n == -1 ? -1 : 0;
}

int
rebuild_owe(struct state *old, struct state *fresh, struct err *err)
{
	struct owing o = { fresh, err };

	return state_owed_every(old, owe_again, &o, err);
}
