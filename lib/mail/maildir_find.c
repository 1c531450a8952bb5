/* maildir_find: looks for files of ours among what readers have made of new/ and cur/. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/maildir_int.h"

/* Opens dir/name (already checked to be no link) for reading its entries.  NULL with errno. */
static DIR *
open_list(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL && fd != -1)
		close(fd);
	return d;
}

/* ---- every file of ours ---- */

struct walk {
	struct maildir *md;
	int (*cb)(const char *, const char *, const struct maildir_name *, void *);
	void *arg;
	struct err *err;
};

/* new or cur of a subfolder. */
static int
walk_part(struct walk *w, int dir, const char *subdir, const char *part)
{
	struct maildir_name name;
	struct str path = STR_INIT;
	struct dirent *e;
	DIR *d = open_list(dir);
	int rc = 0;

	if (d == NULL)
		return maildir_fail(w->md, errno, "cannot read", part, w->err);
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (maildir_name_parse(e->d_name, &name) == -1)
			continue;
		str_clear(&path);
		str_addf(&path, "%s/%s%s%s/%s", w->md->path, subdir, *subdir == '\0' ? "" : "/", part,
		    e->d_name);
		rc = w->cb(subdir, path.s, &name, w->arg);
	}
	if (rc == 0 && errno != 0)
		rc = maildir_fail(w->md, errno, "cannot read", part, w->err);
	closedir(d);
	str_release(&path);
	return rc;
}

/* 0, -1, or what the callback said. */
static int
walk_box(struct walk *w, int root, const char *subdir)
{
	int i, fd, rc = 0;

	for (i = 0; i < 2 && rc == 0; i++) {
		fd = maildir_opendir(root, maildir_part[i]);
		if (fd == -1 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue; /* a subfolder that is no Maildir */
		if (fd == -1)
			return maildir_fail(w->md, errno, "cannot open", maildir_part[i], w->err);
		rc = walk_part(w, fd, subdir, maildir_part[i]);
		close(fd);
	}
	return rc;
}

/* The names of subfolders. */
static int
list_subs(struct maildir *md, struct strlist *subs, struct err *err)
{
	DIR *d = open_list(md->fd);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return maildir_fail(md, errno, "cannot read", "the directory", err);
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0)
		if (maildir_is_sub(e->d_name))
			strlist_add(subs, e->d_name);
	if (errno != 0)
		rc = maildir_fail(md, errno, "cannot read", "the directory", err);
	closedir(d);
	return rc;
}

static int
walk_all(struct walk *w)
{
	struct strlist subs = { NULL, 0 };
	size_t i;
	int fd, rc;

	rc = walk_box(w, w->md->fd, "");
	if (rc == 0)
		rc = list_subs(w->md, &subs, w->err);
	for (i = 0; i < subs.n && rc == 0; i++) {
		fd = maildir_opendir(w->md->fd, subs.v[i]);
		if (fd == -1)
			continue; /* a file, a link, or gone since */
		rc = walk_box(w, fd, subs.v[i]);
		close(fd);
	}
	strlist_release(&subs);
	return rc;
}

int
maildir_each(struct maildir *md, int (*cb)(const char *, const char *, const struct maildir_name *, void *),
    void *arg, struct err *err)
{
	struct walk w = { md, cb, arg, err };

	return walk_all(&w);
}

static int
found_one(const char *subdir, const char *path, const struct maildir_name *name, void *arg)
{
	(void)subdir;
	(void)path;
	(void)name;
	(void)arg;
	return 1;
}

int
maildir_has_ours(struct maildir *md, struct err *err)
{
	return maildir_each(md, found_one, NULL, err);
}

/* ---- one file ---- */

void
maildir_index_clear(struct curindex *x)
{
	size_t i;

	for (i = 0; i < x->n; i++)
		free(x->name[i]);
	free(x->name);
	free(x->subdir);
	memset(x, 0, sizeof *x);
}

/* By the part before ":". */
static int
base_cmp(const char *a, const char *b)
{
	size_t la = strcspn(a, ":"), lb = strcspn(b, ":");
	int c = memcmp(a, b, la < lb ? la : lb);

	return c != 0 ? c : la < lb ? -1 : la > lb;
}

static int
name_cmp(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return base_cmp(*x, *y);
}

/* Nothing has been renamed into cur/ since the index was read. */
static bool
index_current(const struct curindex *x, int cur)
{
	struct stat sb;

	return x->settled && fstat(cur, &sb) == 0 && sb.st_mtim.tv_sec == x->mtime.tv_sec &&
	    sb.st_mtim.tv_nsec == x->mtime.tv_nsec;
}

static void
index_stamp(struct curindex *x, int cur)
{
	struct stat sb;

	/* File systems stamp in ticks, some in seconds: a change just now might leave the same stamp. */
	if (fstat(cur, &sb) == 0) {
		x->mtime = sb.st_mtim;
		x->settled = time(NULL) - sb.st_mtim.tv_sec > 2;
	}
}

static int
index_read(struct maildir *md, int cur, const char *subdir, struct err *err)
{
	struct curindex *x = &md->index;
	struct maildir_name name;
	DIR *d = open_list(cur);
	struct dirent *e;
	int rc = 0;

	maildir_index_clear(x);
	index_stamp(x, cur);
	if (d == NULL)
		return maildir_fail(md, errno, "cannot read", "cur", err);
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
		if (maildir_name_parse(e->d_name, &name) == -1)
			continue;
		if (x->n == x->cap) {
			x->cap = x->cap == 0 ? 64 : x->cap * 2;
			x->name = xreallocarray(x->name, x->cap, sizeof *x->name);
		}
		x->name[x->n++] = xstrdup(e->d_name);
	}
	if (errno != 0)
		rc = maildir_fail(md, errno, "cannot read", "cur", err);
	closedir(d);
	if (x->n > 1)
		qsort(x->name, x->n, sizeof *x->name, name_cmp);
	x->subdir = xstrdup(subdir);
	return rc;
}

/* The full name in the index, or NULL. */
static const char *
index_find(const struct curindex *x, const char *name)
{
	char **hit = x->n == 0 ? NULL : bsearch(&name, x->name, x->n, sizeof *x->name, name_cmp);

	return hit == NULL ? NULL : *hit;
}

static bool
is_there(int dir, const char *name)
{
	struct stat sb;

	return fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The letters that readers give most, before cur/ is read at all. */
static const char *
find_common(int cur, const char *name, char full[512])
{
	static const char *const info[] = { "", ":2,", ":2,S", ":2,RS", ":2,FS", ":2,FRS", ":2,ST", ":2,T",
		":2,F", ":2,R" };
	size_t i;

	for (i = 0; i < sizeof info / sizeof *info; i++) {
		snprintf(full, 512, "%s%s", name, info[i]);
		if (is_there(cur, full))
			return full;
	}
	return NULL;
}

/* 1 with *hit (foreign), 0, -1. */
static int
find_cur(struct maildir *md, int cur, const char *subdir, const char *name, char full[512], const char **hit,
    struct err *err)
{
	*hit = find_common(cur, name, full);
	if (*hit != NULL)
		return 1;
	if (md->index.subdir != NULL && strcmp(md->index.subdir, subdir) == 0) {
		/* Readers rename while we look. */
		*hit = index_find(&md->index, name);
		if (*hit != NULL && is_there(cur, *hit))
			return 1;
		if (*hit == NULL && index_current(&md->index, cur))
			return 0;
	}
	if (index_read(md, cur, subdir, err) == -1)
		return -1;
	*hit = index_find(&md->index, name);
	return *hit != NULL;
}

int
maildir_find(struct maildir *md, const char *subdir, const char *name, struct str *path, struct err *err)
{
	struct err e = ERR_INIT;
	struct mbox *b = maildir_box(md, subdir, false, &e);
	const char *hit = name, *part = "new";
	char full[512];
	int rc;

	str_clear(path);
	if (b == NULL) {
		if (e.kind == ERR_NONE)
			return 0;
		*err = e;
		return -1;
	}
	if (!is_there(b->fd[BOX_NEW], name)) {
		part = "cur";
		rc = find_cur(md, b->fd[BOX_CUR], subdir, name, full, &hit, err);
		if (rc != 1)
			return rc;
	}
	str_addf(path, "%s/%s%s%s/%s", md->path, subdir, *subdir == '\0' ? "" : "/", part, hit);
	return 1;
}
