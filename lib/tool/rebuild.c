/*
 * rebuild: --rebuild, the state again from the names of the files.
 *
 * A name has everything but the folder's name and the user's, of which it has
 * the hash: so the server is asked for its folders, and each name is tried.
 * The new state is made beside its place, in one transaction, and put there
 * when it is whole; a crash before leaves a Maildir without its state, and the
 * choice is the same again.
 *
 * What has no file any more is not known to the new state, and is fetched
 * again, unless --baseline says otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "tool/digest.h"
#include "tool/run.h"

/* A generation that files were found of. */
struct found {
	const struct box *box;		/* its folder */
	uint32_t uidvalidity;
	int64_t	 gen;
};

struct rebuild {
	struct run *r;
	struct err *err;
	char	(*hash)[17];		/* owned: of each box */
	struct found *found;		/* owned */
	size_t	 nfound;
	uint64_t messages, foreign, doubled;
};

static const struct box *
box_of(const struct rebuild *rb, const char *hash)
{
	size_t i;

	for (i = 0; i < rb->r->nbox; i++)
		if (strcmp(rb->hash[i], hash) == 0)
			return rb->r->box[i];
	return NULL;
}

/* First the generations, so that the one that the server has now is the newest of its folder. */
static int
note_generation(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	struct rebuild *rb = arg;
	const struct box *b = box_of(rb, n->folder);
	size_t i;

	(void)path;
	if (b == NULL) {
		rb->foreign++;
		return 0;
	}
	for (i = 0; i < rb->nfound; i++)
		if (rb->found[i].box == b && rb->found[i].uidvalidity == n->uidvalidity)
			return 0;
	rb->found = xreallocarray(rb->found, rb->nfound + 1, sizeof *rb->found);
	rb->found[rb->nfound++] = (struct found){ .box = b, .uidvalidity = n->uidvalidity };
	return place_note(rb->r->store.state, rb->r->store.user, b->name,
	    *subdir == '\0' ? -1 : (unsigned char)b->delimiter, rb->err);
}

static int
make_generations(struct rebuild *rb, bool present)
{
	struct store *s = &rb->r->store;
	struct state_gen g;
	struct found *f;

	for (f = rb->found; f < rb->found + rb->nfound; f++) {
		if ((f->uidvalidity == f->box->uidvalidity) != present)
			continue;
		if (state_gen_new(s->state, s->user, s->host, f->box->name, f->uidvalidity, &g, rb->err) == -1)
			return -1;
		f->gen = g.id;
	}
	return 0;
}

static int
restore(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	struct state_msg m = { .uid = n->uid, .date = n->date == 0 ? DATE_NONE : n->date, .how = HOW_FILE };
	struct rebuild *rb = arg;
	const struct box *b = box_of(rb, n->folder);
	struct found *f;
	int rc;

	(void)subdir;
	if (b == NULL)
		return 0;
	for (f = rb->found; f->box != b || f->uidvalidity != n->uidvalidity; f++)
		;
	if ((rc = digest_file(path, &m, rb->err)) != 1)
		return rc;
	m.bytes = n->bytes;	/* what was delivered: the name goes by it */
	m.flags = 0;
	if ((rc = state_msg_restore(rb->r->store.state, f->gen, &m, rb->err)) == -1)
		return -1;
	rb->messages += rc == 1;
	rb->doubled += rc == 0;
	return 0;
}

static int
fill(struct rebuild *rb)
{
	struct store *s = &rb->r->store;

	if (state_begin(s->state, rb->err) == -1)
		return -1;
	if (maildir_each(s->md, note_generation, rb, rb->err) == -1 || make_generations(rb, false) == -1 ||
	    make_generations(rb, true) == -1 || maildir_each(s->md, restore, rb, rb->err) == -1) {
		state_rollback(s->state);
		return -1;
	}
	return state_commit(s->state, rb->err) == STATE_OK ? 0 : -1;
}

int
rebuild_run(struct run *r, struct err *err)
{
	struct rebuild rb = { .r = r, .err = err };
	int rc;
	size_t i;

	rb.hash = xcalloc(r->nbox + 1, sizeof *rb.hash);
	for (i = 0; i < r->nbox; i++)
		maildir_folder_hash(rb.hash[i], r->store.user, r->box[i]->name);
	if ((rc = fill(&rb)) == 0)
		rc = store_replace(&r->store, err);
	free(rb.hash);
	free(rb.found);
	if (rc == -1)
		return -1;
	log_v(1, "%llu messages are known again", (unsigned long long)rb.messages);
	if (rb.foreign > 0)
		log_warn("%s: %llu files belong to another mailbox, or to folders that the server does not have; "
		    "they are left out", maildir_path(r->store.md), (unsigned long long)rb.foreign);
	return 0;
}
