/*
 * maildir_place: the stage, and the way from it to new/ and cur/.
 *
 * Files leave the stage by rename only, and only we take them out: "not in the
 * stage" means "it was placed", whatever a reader has done with it since.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/maildir_int.h"

#define STAGE "mstools"
#define BOXES_MAX 64 /* subfolders whose descriptors are kept */

/* ---- the stage ---- */

static void
slot_name(char dst[16], uint32_t slot)
{
	snprintf(dst, 16, "s%lu", (unsigned long)slot);
}

int
maildir_stage_open(struct maildir *md, struct err *err)
{
	struct stat sb;
	int made;

	if (md->stage != -1)
		return 1;
	made = maildir_mkdir(md->tmp, STAGE);
	if (made == -1)
		return maildir_fail(md, errno, "cannot create", "tmp/" STAGE, err);
	md->stage = maildir_opendir(md->tmp, STAGE);
	if (md->stage == -1)
		return err_sys(err,
		    errno == ENOTDIR || errno == ELOOP ? ERR_CREATE : err_kind_of_errno(errno), STAGE_FILE,
		    errno, md->path, "cannot open tmp/" STAGE);
	if (fstat(md->stage, &sb) == -1 || sb.st_uid != geteuid() || (sb.st_mode & 022) != 0) {
		close(md->stage);
		md->stage = -1;
		return err_set(err, ERR_CREATE, STAGE_FILE, md->path, "others may write to tmp/" STAGE);
	}
	if (made == 1 && (dir_sync(md->tmp) == -1 || dir_sync(md->fd) == -1))
		return maildir_fail(md, errno, "cannot make durable", "tmp/" STAGE, err);
	return made == 0;
}

int
maildir_stage_create(struct maildir *md, uint32_t slot, struct err *err)
{
	char name[16];
	int fd;

	slot_name(name, slot);
	fd = openat(md->stage, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		maildir_fail(md, errno, "cannot create tmp/" STAGE "/", name, err);
	return fd;
}

int
maildir_stage_unlink(struct maildir *md, uint32_t slot)
{
	char name[16];

	slot_name(name, slot);
	return unlinkat(md->stage, name, 0);
}

void
maildir_stage_path(struct str *path, const struct maildir *md, uint32_t slot)
{
	char name[16];

	slot_name(name, slot);
	str_addf(path, "%s/tmp/mstools/%s", md->path, name);
}

int
maildir_stage_fd(const struct maildir *md)
{
	return md->stage;
}

/* "s" and a number as slot_name writes it. */
static int
slot_parse(const char *name, uint32_t *slot)
{
	char again[16];
	uint64_t n;

	if (name[0] != 's' || parse_u64(name + 1, 0, UINT32_MAX, &n) == -1)
		return -1;
	slot_name(again, (uint32_t)n);
	*slot = (uint32_t)n;
	return strcmp(name, again) == 0 ? 0 : -1;
}

/* All first, then the callbacks: these unlink and rename. */
static int
slots_read(struct maildir *md, uint32_t **slots, size_t *n, struct err *err)
{
	int fd = openat(md->stage, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t cap = 0;
	uint32_t slot;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return maildir_fail(md, errno, "cannot read", "tmp/" STAGE, err);
	}
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
		if (slot_parse(e->d_name, &slot) == -1)
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			*slots = xreallocarray(*slots, cap, sizeof **slots);
		}
		(*slots)[(*n)++] = slot;
	}
	if (errno != 0) {
		maildir_fail(md, errno, "cannot read", "tmp/" STAGE, err);
		closedir(d);
		return -1;
	}
	closedir(d);
	return 0;
}

int
maildir_stage_each(struct maildir *md, int (*cb)(uint32_t, void *), void *arg, struct err *err)
{
	uint32_t *slots = NULL;
	size_t i, n = 0;
	int rc = slots_read(md, &slots, &n, err);

	for (i = 0; i < n && rc == 0; i++)
		rc = cb(slots[i], arg);
	free(slots);
	return rc;
}

/* ---- subfolders ---- */

/* The Maildir++ marker. */
static int
make_marker(int dir)
{
	int fd = openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd == -1 ? -1 : close(fd);
}

/* Makes what is missing of subdir, opened as dir. */
static int
sub_make(const struct maildir *md, int dir)
{
	static const char *const parts[] = { "tmp", "new", "cur" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (maildir_mkdir(dir, parts[i]) == -1)
			return -1;
	return make_marker(dir) == -1 || dir_sync(dir) == -1 || dir_sync(md->fd) == -1 ? -1 : 0;
}

/* Opens new and cur of a subfolder.  0; -1 errno (ENOENT: it is not there, or not whole). */
static int
sub_open(const struct maildir *md, const char *subdir, bool create, int fd[2])
{
	int dir = -1, e;

	fd[0] = fd[1] = -1;
	if (create && maildir_mkdir(md->fd, subdir) == -1)
		return -1;
	dir = maildir_opendir(md->fd, subdir);
	if (dir == -1 || (create && sub_make(md, dir) == -1))
		goto fail;
	if ((fd[BOX_NEW] = maildir_opendir(dir, "new")) == -1 ||
	    (fd[BOX_CUR] = maildir_opendir(dir, "cur")) == -1)
		goto fail;
	close(dir);
	return 0;
fail:
	e = errno;
	if (dir != -1)
		close(dir);
	if (fd[BOX_NEW] != -1)
		close(fd[BOX_NEW]);
	errno = e;
	return -1;
}

static int
box_open(const struct maildir *md, struct mbox *b, bool create, struct err *err)
{
	int i;

	if (*b->subdir != '\0') {
		if (sub_open(md, b->subdir, create, b->fd) == 0)
			return 0;
		if (errno == ENOENT && !create)
			return -1;
		return err_sys(err,
		    errno == ENOTDIR || errno == ELOOP ? ERR_CREATE : err_kind_of_errno(errno), STAGE_FILE,
		    errno, md->path, "cannot %s the subfolder %s", create ? "make" : "open", b->subdir);
	}
	for (i = 0; i < 2; i++) {
		b->fd[i] = maildir_opendir(md->fd, maildir_part[i]);
		if (b->fd[i] == -1)
			return maildir_fail(md, errno, "cannot open", maildir_part[i], err);
	}
	return 0;
}

static void
boxes_drop(struct maildir *md)
{
	size_t i;

	for (i = 0; i < md->nmbox; i++) {
		close(md->mbox[i].fd[BOX_NEW]);
		close(md->mbox[i].fd[BOX_CUR]);
		free(md->mbox[i].subdir);
	}
	md->nmbox = 0;
}

struct mbox *
maildir_box(struct maildir *md, const char *subdir, bool create, struct err *err)
{
	struct mbox b = { .fd = { -1, -1 } };
	size_t i;

	for (i = 0; i < md->nmbox; i++)
		if (strcmp(md->mbox[i].subdir, subdir) == 0)
			return &md->mbox[i];
	if (md->nmbox >= BOXES_MAX) {
		if (maildir_sync(md, err) == -1)
			return NULL;
		boxes_drop(md);
	}
	b.subdir = xstrdup(subdir);
	if (box_open(md, &b, create, err) == -1) {
		if (b.fd[BOX_NEW] != -1)
			close(b.fd[BOX_NEW]);
		free(b.subdir);
		return NULL;
	}
	if (md->nmbox == md->capmbox) {
		md->capmbox = md->capmbox == 0 ? 8 : md->capmbox * 2;
		md->mbox = xreallocarray(md->mbox, md->capmbox, sizeof *md->mbox);
	}
	md->mbox[md->nmbox] = b;
	return &md->mbox[md->nmbox++];
}

static int
sync_stage(struct maildir *md, struct err *err)
{
	if (md->stage_dirty && dir_sync(md->stage) == -1)
		return maildir_fail(md, errno, "cannot make durable", "tmp/" STAGE, err);
	md->stage_dirty = false;
	return 0;
}

/*
 * The target of a rename first, then its source: where the disk may see one
 * without the other, the message is rather there twice than not at all.
 *
 * But on Btrfs source first.  There an fsync of the target alone goes to the log
 * tree, and when the log is replayed after a power cut the file has both names:
 * a reader that takes it from new/ before the next run has looked sees it again.
 * The source commits the whole transaction, so both names change at once.
 */
int
maildir_sync(struct maildir *md, struct err *err)
{
	struct statfs fs;
	struct mbox *b;
	size_t i;
	int k;

	if (md->stage_dirty && fstatfs(md->stage, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC &&
	    sync_stage(md, err) == -1)
		return -1;
	for (i = 0; i < md->nmbox; i++) {
		b = &md->mbox[i];
		for (k = 0; k < 2; k++) {
			if (b->dirty[k] && dir_sync(b->fd[k]) == -1)
				return maildir_fail(md, errno, "cannot make durable", maildir_part[k], err);
			b->dirty[k] = false;
		}
	}
	return sync_stage(md, err);
}

/* ---- placing ---- */

static ssize_t
read_full(int fd, char *buf, size_t n)
{
	size_t got = 0;
	ssize_t k;

	while (got < n) {
		k = read(fd, buf + got, n - got);
		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1)
			return -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

/* 1 the same bytes, 0 not, -1 errno. */
static int
same_content(int a, int b)
{
	char *buf = xmalloc(2 * 65536);
	ssize_t na, nb;
	int rc;

	do {
		na = read_full(a, buf, 65536);
		nb = read_full(b, buf + 65536, 65536);
		rc = na == -1 || nb == -1 ? -1 : na == nb && memcmp(buf, buf + 65536, (size_t)na) == 0;
	} while (rc == 1 && na == 65536);
	free(buf);
	return rc;
}

static int
same_file(int stage, const char *src, int dir, const char *dst)
{
	struct stat sa, sb;
	int a = -1, b = -1, rc = -1, e;

	a = openat(stage, src, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (a != -1)
		b = openat(dir, dst, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (b != -1 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0)
		rc = S_ISREG(sb.st_mode) && sa.st_size == sb.st_size ? same_content(a, b) : 0;
	else if (b == -1 && errno == ELOOP)
		rc = 0;
	e = errno;
	if (a != -1)
		close(a);
	if (b != -1)
		close(b);
	errno = e;
	return rc;
}

/* The name exists already. */
static int
place_existing(struct maildir *md, const char *src, int dir, const char *dst, struct err *err)
{
	switch (same_file(md->stage, src, dir, dst)) {
	case 1:
		if (unlinkat(md->stage, src, 0) == -1)
			return maildir_fail(md, errno, "cannot remove the staged copy of", dst, err);
		return PLACED_ALREADY;
	case 0:
		return err_set(err, ERR_INTERNAL, STAGE_FILE, md->path,
		    "there is another file by the name of %s; the new one stays in tmp/" STAGE "/%s", dst,
		    src);
	default:
		return maildir_fail(md, errno, "cannot compare with", dst, err);
	}
}

/* For file systems that do not know RENAME_NOREPLACE: we hold the lock. */
static int
place_look(struct maildir *md, const char *src, int dir, const char *dst)
{
	struct stat sb;

	if (fstatat(dir, dst, &sb, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno != ENOENT ? -1 : renameat(md->stage, src, dir, dst);
}

static int
place_errno(struct maildir *md, const char *src, int dir, const char *dst, struct err *err)
{
	struct stat sb;
	int e = errno;

	if (e == EEXIST)
		return place_existing(md, src, dir, dst, err);
	if (e == ENOENT && fstatat(md->stage, src, &sb, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
		return -2;
	return maildir_fail(md, e, "cannot place", dst, err);
}

int
maildir_place(struct maildir *md, uint32_t slot, const struct maildir_target *t, struct err *err)
{
	struct mbox *b = maildir_box(md, t->subdir, true, err);
	int which = t->cur ? BOX_CUR : BOX_NEW, rc;
	char src[16], dst[512];

	if (b == NULL)
		return -1;
	slot_name(src, slot);
	if (snprintf(dst, sizeof dst, "%s%s", t->name, t->cur ? t->info : "") >= (int)sizeof dst)
		return err_set(err, ERR_INTERNAL, STAGE_FILE, md->path, "a file name is too long");
	rc = renameat2(md->stage, src, b->fd[which], dst, RENAME_NOREPLACE);
	if (rc == -1 && (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP))
		rc = place_look(md, src, b->fd[which], dst);
	if (rc == -1)
		rc = place_errno(md, src, b->fd[which], dst, err);
	if (rc >= 0) {
		b->dirty[which] = true;
		md->stage_dirty = true;
	}
	return rc;
}
