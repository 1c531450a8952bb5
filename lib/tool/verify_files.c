/* verify_files: looks for the files of many rows in one pass over the Maildir, and compares them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "tool/rebuild.h"
#include "tool/verify_int.h"

#define PASSES 3 /* a reader renames while we look: again */

static int
want_cmp(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->folder_id != y->folder_id)
		return x->folder_id < y->folder_id ? -1 : 1;
	if (x->uidvalidity != y->uidvalidity)
		return x->uidvalidity < y->uidvalidity ? -1 : 1;
	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int
alias_cmp(const void *a, const void *b)
{
	const struct alias *x = a, *y = b;

	return strcmp(x->hash, y->hash);
}

int
verify_want(struct verify *v, const struct place *p, const struct state_msg *m, bool gone)
{
	struct want *w;

	if (v->want == NULL)
		v->want = xreallocarray(NULL, VERIFY_WANT, sizeof *v->want);
	w = &v->want[v->nwant++];
	*w = (struct want){ .folder_id = p->gen.folder_id,
		.uidvalidity = p->gen.uidvalidity,
		.uid = m->uid,
		.place = (uint32_t)(p - v->place),
		.gone = gone,
		.date = m->date,
		.bytes = m->bytes };
	memcpy(w->sha256, m->sha256, sizeof w->sha256);
	return v->nwant < VERIFY_WANT ? 0 : verify_files(v);
}

static struct want *
find_want(const struct verify *v, const struct maildir_name *n)
{
	struct alias key, *a;
	struct want w = { .uidvalidity = n->uidvalidity, .uid = n->uid };

	if (v->nalias == 0 || strcmp(n->host, v->host) != 0)
		return NULL;
	memcpy(key.hash, n->folder, sizeof key.hash);
	if ((a = bsearch(&key, v->alias, v->nalias, sizeof key, alias_cmp)) == NULL)
		return NULL;
	w.folder_id = a->folder_id;
	return bsearch(&w, v->want, v->nwant, sizeof w, want_cmp);
}

/* Of several files of one message one that is as it was is enough. */
static int
compare(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	struct verify *v = arg;
	struct want *w = find_want(v, n);
	unsigned char sha256[32];
	char digits[65];
	uint64_t bytes = 0;
	int rc;

	(void)subdir;
	if (*v->stop)
		return err_sys(v->err, ERR_AGAIN, STAGE_NONE, EINTR, NULL, "told to stop");
	if (w == NULL || (w->found && w->why == NULL))
		return 0;
	rc = rebuild_digest(path, sha256, &bytes);
	if (rc == -1)
		return err_sys(v->err, err_kind_of_errno(errno), STAGE_FILE, errno, path, "cannot read it");
	if (rc == 0) {
		v->raced = true;
		return 0;
	}
	v->compared++;
	progress_add(1, bytes);
	w->found = true;
	free(w->why);
	w->why = NULL;
	if (bytes != w->bytes) {
		w->why = xasprintf("%" PRIu64 " bytes instead of %" PRIu64, bytes, w->bytes);
	} else if (state_digest_known(w->sha256) && memcmp(w->sha256, sha256, sizeof sha256) != 0) {
		hex(digits, sha256, sizeof sha256);
		w->why = xasprintf("SHA-256 %s", digits);
	}
	return 0;
}

static bool
in_stage(const struct verify *v, const struct want *w)
{
	size_t i;

	for (i = 0; i < v->nplaced; i++)
		if (v->pending[i].gen == v->place[w->place].gen.id && v->pending[i].uid == w->uid)
			return true;
	return false;
}

static int
tell(struct verify *v, const struct want *w)
{
	const struct place *p = &v->place[w->place];

	if (w->why != NULL && verify_tell(v, p, w->uid, w->date, ALTERED, w->why) == -1)
		return -1;
	if (w->gone)
		return verify_tell(v, p, w->uid, w->date, GONE,
		    w->found ? "its file is here" : "no file is here");
	if (w->found || in_stage(v, w))
		return 0;
	return v->keeps ? verify_tell(v, p, w->uid, w->date, MISSING, "no file in new or cur")
			: verify_tell(v, p, w->uid, w->date, CONSUMED, "no file in new or cur");
}

int
verify_files(struct verify *v)
{
	size_t i;
	int pass, rc = 0;

	if (v->nwant == 0)
		return 0;
	qsort(v->want, v->nwant, sizeof *v->want, want_cmp);
	qsort(v->alias, v->nalias, sizeof *v->alias, alias_cmp);
	for (pass = 0; pass < PASSES && rc == 0; pass++) {
		v->raced = false;
		rc = maildir_each(v->store.md, compare, v, v->err);
		if (!v->raced)
			break;
	}
	for (i = 0; i < v->nwant; i++) {
		if (rc == 0)
			rc = tell(v, &v->want[i]);
		free(v->want[i].why);
	}
	v->nwant = 0;
	return rc;
}
