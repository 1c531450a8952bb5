#include "tool/rebuild.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/util.h"
#include "mail/maildir.h"
#include "mail/state.h"
#include "tool/audit.h"
#include "tool/rebuild_int.h"

#define TOLD 20		 /* groups of files that fit no folder: so many are named one by one */
#define TRANSACTION 2000 /* files recorded in one */

/* --- which files there are --- */

/* Files of one folder and UIDVALIDITY. */
struct group {
	char hash[17];
	uint32_t uidvalidity;
	bool foreign; /* another host's */
	uint64_t files;
	char *folder; /* owned; NULL: fits none */
	bool current; /* the UIDVALIDITY that the folder has now */
	bool gone;    /* the server has no such folder; the old state knew it */
	int64_t gen;
};

struct rebuild {
	const struct options *o;
	const volatile sig_atomic_t *stop;
	struct audit *audit;
	struct maildir *md;
	struct state *state; /* the new one */
	struct state *old;   /* NULL: it cannot be read */
	char *path, *fresh;  /* of the state, and of the new one until it is whole; owned */
	char *user, *host;   /* as names spell them; owned */
	struct group *group; /* sorted */
	size_t ngroup;
	uint64_t files, recorded, twice;
	unsigned open; /* files recorded in the open transaction */
	struct err *err;
};

static int
group_cmp(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int c = strcmp(x->hash, y->hash);

	if (c == 0)
		c = (x->foreign > y->foreign) - (x->foreign < y->foreign);
	return c != 0 ? c : (x->uidvalidity > y->uidvalidity) - (x->uidvalidity < y->uidvalidity);
}

static struct group
key_of(const struct rebuild *r, const struct maildir_name *n)
{
	struct group k = { .uidvalidity = n->uidvalidity, .foreign = strcmp(n->host, r->host) != 0 };

	memcpy(k.hash, n->folder, sizeof k.hash);
	return k;
}

static int
count_file(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	struct rebuild *r = arg;
	struct group k = key_of(r, n), *g;
	size_t i;

	(void)subdir;
	(void)path;
	r->files++;
	g = r->ngroup == 0 ? NULL : bsearch(&k, r->group, r->ngroup, sizeof k, group_cmp);
	if (g == NULL) {
		r->group = xreallocarray(r->group, r->ngroup + 1, sizeof k);
		for (i = r->ngroup; i > 0 && group_cmp(&r->group[i - 1], &k) > 0; i--)
			r->group[i] = r->group[i - 1];
		r->group[i] = k;
		g = &r->group[i];
		r->ngroup++;
	}
	g->files++;
	return 0;
}

static void
match(struct rebuild *r, const struct audit_folder *f)
{
	char hash[17];
	size_t i;

	maildir_folder_hash(hash, r->user, f->name);
	for (i = 0; i < r->ngroup; i++)
		if (!r->group[i].foreign && strcmp(r->group[i].hash, hash) == 0) {
			r->group[i].folder = xstrdup(f->name);
			r->group[i].current = f->counted && f->uidvalidity == r->group[i].uidvalidity;
		}
}

/* A folder that was renamed has the files of its former name: the old state has it, and a run finds out what became of it. */
static int
match_gone(int64_t folder, const char *name, void *arg)
{
	struct rebuild *r = arg;
	char hash[17];
	size_t i;

	(void)folder;
	maildir_folder_hash(hash, r->user, name);
	for (i = 0; i < r->ngroup; i++) {
		struct group *g = &r->group[i];

		if (g->foreign || g->folder != NULL || strcmp(g->hash, hash) != 0)
			continue;
		g->folder = xstrdup(name);
		g->gone = true;
	}
	return 0;
}

/* What fits no folder is told; nothing that fits at all is an error. */
static int
tell_unmatched(struct rebuild *r, struct err *err)
{
	uint64_t files = 0;
	unsigned groups = 0;
	size_t i;

	for (i = 0; i < r->ngroup; i++) {
		const struct group *g = &r->group[i];

		if (g->folder != NULL)
			continue;
		files += g->files;
		if (++groups <= TOLD)
			log_warn("%s: %llu files (folder %s, UIDVALIDITY %u) are left as they are: %s",
			    maildir_path(r->md), (unsigned long long)g->files, g->hash, g->uidvalidity,
			    g->foreign
				? "they come from another host"
				: "no folder of this mailbox fits; another mailbox's, or the folder is gone");
	}
	if (groups > TOLD)
		log_warn("%s: so are more, %llu files in all", maildir_path(r->md),
		    (unsigned long long)files);
	if (r->files == 0)
		return err_set(err, ERR_CONFIG, STAGE_FILE, maildir_path(r->md),
		    "--rebuild finds no file of msfetch's in it; if they were consumed, choose --baseline");
	if (files == r->files)
		return err_set(err, ERR_CONFIG, STAGE_FILE, maildir_path(r->md),
		    "none of its files is from a folder of %s at %s", r->user, r->o->host);
	return 0;
}

/* --- the new state --- */

static int
is_adopted(const struct state_msg *m, void *arg)
{
	(void)arg;
	return m->how == HOW_ADOPTED ? 2 : 0;
}

/* The files of g's folder under its former name, if the old state had taken over messages of that one.  1, 0, -1. */
static int
former_of(const struct rebuild *r, const struct group *g, struct state_gen *former, struct err *err)
{
	struct state_gen old;
	size_t i;
	int n;

	for (i = 0; i < r->ngroup; i++)
		if (r->group[i].gone && r->group[i].uidvalidity == g->uidvalidity)
			break;
	if (i == r->ngroup)
		return 0;
	n = state_gen_exact(r->old, r->user, r->o->host, g->folder, g->uidvalidity, &old, err);
	if (n == 1)
		n = state_msg_each(r->old, old.id, 1, UINT32_MAX, is_adopted, NULL, err);
	former->id = r->group[i].gen;
	return n == 2 ? 1 : n;
}

static int
make_generation(struct rebuild *r, struct group *g, struct err *err)
{
	struct state_gen gen, before;
	int n = state_gen_find(r->state, r->user, r->o->host, g->folder, &before, err);

	if (n == 0 && g->current)
		n = former_of(r, g, &before, err);
	if (n == -1 ||
	    state_gen_new(r->state, r->user, r->o->host, g->folder, g->uidvalidity, &gen, err) == -1 ||
	    (n == 1 && state_gen_adopt(r->state, gen.id, before.id, err) == -1) ||
	    (g->gone && state_gen_vanished(r->state, gen.id, true, err) == -1))
		return -1;
	g->gen = gen.id;
	return 0;
}

/* One for each group; that which the server has now comes last, so that it is the folder's newest. */
static int
make_generations(struct rebuild *r, struct err *err)
{
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < r->ngroup; i++)
			if (r->group[i].folder != NULL && r->group[i].current == (pass == 1) &&
			    make_generation(r, &r->group[i], err) == -1)
				return -1;
	return 0;
}

static int
commit(struct rebuild *r, bool more)
{
	if (state_commit(r->state, r->err) != STATE_OK)
		return -1;
	r->open = 0;
	return more ? state_begin(r->state, r->err) : 0;
}

static int
record_file(const char *subdir, const char *path, const struct maildir_name *n, void *arg)
{
	struct rebuild *r = arg;
	struct group k = key_of(r, n), *g = bsearch(&k, r->group, r->ngroup, sizeof k, group_cmp);
	struct state_msg m = { .uid = n->uid,
		.date = n->date,
		.bytes = n->bytes,
		.flags = n->flags,
		.how = HOW_FILE };
	uint64_t bytes;
	int rc;

	(void)subdir;
	if (*r->stop)
		return err_sys(r->err, ERR_AGAIN, STAGE_NONE, EINTR, NULL, "told to stop");
	if (g == NULL || g->folder == NULL)
		return 0;
	rc = rebuild_read(path, m.sha256, &bytes, &m.msgid);
	if (rc == -1)
		return err_sys(r->err, err_kind_of_errno(errno), STAGE_FILE, errno, path, "cannot read it");
	/* Moved from new to cur by a reader since the directory was listed: it is there, and may be met again. */
	if (rc == 0)
		memset(m.sha256, 0, sizeof m.sha256);
	else if (bytes != n->bytes)
		log_warn("%s: it has %llu bytes, and was delivered with %llu", path,
		    (unsigned long long)bytes, (unsigned long long)n->bytes);
	rc = state_msg_restore(r->state, g->gen, &m, r->err);
	if (rc == -1)
		return -1;
	r->recorded += rc == 1;
	r->twice += rc == 0;
	progress_add(1, n->bytes);
	return ++r->open >= TRANSACTION ? commit(r, true) : 0;
}

static void
open_old(struct rebuild *r)
{
	struct err e = ERR_INIT;
	char *path = xasprintf("%s%s", r->path, access(r->path, F_OK) == 0 ? "" : ".old");

	if (state_open(&r->old, path, STATE_READONLY, &e) == -1)
		log_warn("%s: the old state is not looked at: %s", path, e.text);
	free(path);
}

static int
fill(struct rebuild *r, struct err *err)
{
	r->err = err;
	if (state_begin(r->state, err) == -1)
		return -1;
	if ((r->old != NULL && rebuild_carry(r->old, r->state, r->md, r->user, r->o->host, err) == -1) ||
	    make_generations(r, err) == -1 || maildir_each(r->md, record_file, r, err) == -1 ||
	    (r->old != NULL && rebuild_owe(r->old, r->state, err) == -1) || commit(r, false) == -1) {
		state_rollback(r->state);
		return -1;
	}
	state_close(r->old);
	r->old = NULL;
	return 0;
}

/* --- putting it in its place --- */

static void
unlink_all(const char *path, bool log_only)
{
	static const char *const suffix[] = { "-wal", "-journal", "-shm", "" };
	char *p;
	size_t i;

	for (i = 0; i < sizeof suffix / sizeof suffix[0] - log_only; i++) {
		p = xasprintf("%s%s", path, suffix[i]);
		(void)unlink(p);
		free(p);
	}
}

static int
sync_dir_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".")
	    : slash == path	  ? xstrdup("/")
				  : xstrndup(path, (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fd == -1 ? -1 : dir_sync(fd);

	if (rc == -1)
		err_sys(err, ERR_IO, STAGE_FILE, errno, dir, "cannot make the directory durable");
	if (fd != -1)
		close(fd);
	free(dir);
	return rc;
}

/* The id before anything else: from here on a run without --rebuild is refused until the new state has its name. */
static int
swap(struct rebuild *r, struct err *err)
{
	char id[33];

	snprintf(id, sizeof id, "%s", state_id(r->state));
	state_close(r->state);
	r->state = NULL;
	if (maildir_id_write(r->md, id, err) == -1)
		return -1;
	/* Without one, STATE.old is that of a rebuild that was killed here, and worth keeping. */
	if (access(r->path, F_OK) == 0 && state_retire(r->path, err) == -1)
		return -1;
	/* A run killed while it put the old one aside may have left its -wal, which is not this one's. */
	unlink_all(r->path, true);
	if (sync_dir_of(r->path, err) == -1)
		return -1;
	if (rename(r->fresh, r->path) == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, r->path,
		    "cannot put the new state in place");
	return sync_dir_of(r->path, err);
}

static int
prepare(struct rebuild *r, int *lock, struct err *err)
{
	char *name;

	if (access(r->o->maildir, F_OK) == -1)
		return err_sys(err, ERR_NOENT, STAGE_FILE, errno, r->o->maildir, "no such Maildir");
	if (maildir_open(&r->md, r->o->maildir, 0, err) == -1 ||
	    maildir_lock(r->md, r->o->lock_wait, NULL, err) == -1)
		return -1;
	r->path =
	    r->o->state != NULL ? xstrdup(r->o->state) : xasprintf("%s/.mstools.db", maildir_path(r->md));
	r->fresh = xasprintf("%s.new", r->path);
	if (r->o->state == NULL)
		return 0;
	name = xasprintf("%s.lock", r->path);
	*lock = file_lock(AT_FDCWD, name, r->o->lock_wait > 86400 ? 86400000 : (int)(r->o->lock_wait * 1000),
	    err);
	if (*lock == -2)
		err_set(err, ERR_AGAIN, STAGE_FILE, name, "another run uses this state");
	free(name);
	return *lock < 0 ? -1 : 0;
}

static int
work(struct rebuild *r, struct err *err)
{
	size_t i;
	int rc;

	if (maildir_each(r->md, count_file, r, err) == -1 ||
	    (r->files > 0 && audit_look(r->audit, err) == -1))
		return -1;
	for (i = 0; i < r->audit->nfolder; i++)
		match(r, &r->audit->folder[i]);
	open_old(r);
	if (r->old != NULL && state_name_each(r->old, r->user, r->o->host, match_gone, r, err) == -1)
		return -1;
	if (tell_unmatched(r, err) == -1)
		return -1;
	progress_total(r->files, 0);
	unlink_all(r->fresh, false);
	if (state_open(&r->state, r->fresh, STATE_CREATE, err) == -1)
		return -1;
	rc = fill(r, err);
	if (rc == 0)
		rc = swap(r, err);
	state_close(r->state);
	if (rc == -1 && r->state != NULL)
		unlink_all(r->fresh, false);
	return rc;
}

int
rebuild_run(const struct options *o, struct source *source, const volatile sig_atomic_t *stop,
    struct fetch_report *report, struct err *err)
{
	struct rebuild r = { .o = o, .stop = stop };
	int lock = -1, rc;

	memset(report, 0, sizeof *report);
	progress_init(!o->quiet && !o->no_progress);
	r.audit = audit_new(o, source, stop);
	rebuild_names(&r.user, &r.host, o);
	rc = prepare(&r, &lock, err);
	if (rc == 0)
		rc = work(&r, err);
	progress_end();
	if (rc == 0)
		log_v(1, "%s: %llu files recorded, %llu of them twice, %llu left aside", r.path,
		    (unsigned long long)(r.recorded + r.twice), (unsigned long long)r.twice,
		    (unsigned long long)(r.files - r.recorded - r.twice));
	audit_free(r.audit);
	state_close(r.old);
	while (r.ngroup > 0)
		free(r.group[--r.ngroup].folder);
	free(r.group);
	if (lock >= 0)
		close(lock);
	if (r.md != NULL)
		maildir_close(r.md);
	free(r.path);
	free(r.fresh);
	free(r.user);
	free(r.host);
	return rc;
}
