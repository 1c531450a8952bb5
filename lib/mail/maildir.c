/*
 * maildir: opens and makes a Maildir, its lock and its id.
 *
 * Nothing of ours is reached through a symbolic link: tmp, new, cur, the stage,
 * the lock and the id could be planted by whoever may write to the Maildir.
 * MAILDIR itself may be one.
 */
#include "mail/maildir.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/maildir_int.h"

#define LOCK ".mstools.lock"
#define ID ".mstools.id"

const char *const maildir_part[2] = { "new", "cur" };
static const char *const parts[] = { "tmp", "new", "cur" };

int
maildir_fail(const struct maildir *md, int errnum, const char *what, const char *name, struct err *err)
{
	return err_sys(err, err_kind_of_errno(errnum), STAGE_FILE, errnum, md->path, "%s %s", what, name);
}

int
maildir_opendir(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
maildir_mkdir(int dir, const char *name)
{
	if (mkdirat(dir, name, 0700) == 0)
		return 1;
	return errno == EEXIST ? 0 : -1;
}

bool
maildir_is_sub(const char *name)
{
	return name[0] == '.' && name[1] != '\0' && name[1] != '.' && strncmp(name, ".mstools.", 9) != 0;
}

/* ---- open ---- */

/* Which of tmp, new and cur are there: a bit each; -1 when one is something else. */
static int
parts_there(const struct maildir *md, struct err *err)
{
	struct stat sb;
	size_t i;
	int there = 0;

	for (i = 0; i < 3; i++) {
		if (fstatat(md->fd, parts[i], &sb, AT_SYMLINK_NOFOLLOW) == -1) {
			if (errno == ENOENT)
				continue;
			return maildir_fail(md, errno, "cannot look at", parts[i], err);
		}
		if (!S_ISDIR(sb.st_mode))
			return err_set(err, ERR_CREATE, STAGE_FILE, md->path,
			    "is no Maildir: %s is no directory", parts[i]);
		there |= 1 << i;
	}
	return there;
}

/* May a Maildir that is being made, of which `there` parts exist, hold this name? */
static bool
belongs(const char *name, int there)
{
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcmp(name, parts[i]) == 0)
			return true;
	/* "..mstools.id.…": a temporary of file_replace */
	if (strncmp(name, ".mstools.", 9) == 0 || strncmp(name, "..mstools.", 10) == 0)
		return true;
	return there != 0 && name[0] == '.';
}

/* A directory without all three parts: empty, or a Maildir half made; else it is somebody's. */
static int
may_be_made(const struct maildir *md, int there, struct err *err)
{
	int fd = openat(md->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return maildir_fail(md, errno, "cannot read", "the directory", err);
	}
	/* Two of the three say enough. */
	errno = 0;
	if ((there & (there - 1)) == 0)
		while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			    !belongs(e->d_name, there))
				rc = err_set(err, ERR_CREATE, STAGE_FILE, md->path,
				    "is not empty and no Maildir (there is no tmp, new, cur)");
	if (rc == 0 && errno != 0)
		rc = maildir_fail(md, errno, "cannot read", "the directory", err);
	closedir(d);
	return rc;
}

static int
make_parts(const struct maildir *md, struct err *err)
{
	size_t i;

	for (i = 0; i < 3; i++)
		if (maildir_mkdir(md->fd, parts[i]) == -1)
			return maildir_fail(md, errno, "cannot create", parts[i], err);
	return 0;
}

/* The directory and its name in its parent.  Once the id is there, this has been done before. */
static int
make_durable(const struct maildir *md, struct err *err)
{
	struct stat sb;
	int up, rc;

	if (fstatat(md->fd, ID, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (dir_sync(md->fd) == -1)
		return maildir_fail(md, errno, "cannot make durable", "the Maildir", err);
	/* A parent that may not be read cannot be synced; then it was not us who made the Maildir. */
	up = openat(md->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up == -1)
		return 0;
	rc = dir_sync(up);
	if (rc == -1)
		maildir_fail(md, errno, "cannot make durable", "the directory above", err);
	close(up);
	return rc;
}

static int
open_root(struct maildir *md, int flags, struct err *err)
{
	bool made = false;

	for (;;) {
		md->fd = open(md->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (md->fd != -1)
			return 0;
		if (errno == ENOTDIR)
			return err_set(err, ERR_CREATE, STAGE_FILE, md->path, "is no directory");
		if (errno != ENOENT || made)
			return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, md->path,
			    "cannot open the Maildir");
		if (!(flags & MAILDIR_CREATE))
			return err_set(err, ERR_NOENT, STAGE_FILE, md->path, "there is no such Maildir");
		if (mkdir(md->path, 0700) == -1 && errno != EEXIST)
			return err_sys(err,
			    errno == ENOENT || errno == ENOTDIR ? ERR_CREATE : err_kind_of_errno(errno),
			    STAGE_FILE, errno, md->path, "cannot create the Maildir");
		made = true;
	}
}

static int
open_parts(struct maildir *md, int flags, struct err *err)
{
	int there = parts_there(md, err);

	if (there == -1)
		return -1;
	if (there != 7) {
		if (!(flags & MAILDIR_CREATE))
			return err_set(err, ERR_CREATE, STAGE_FILE, md->path,
			    "is no Maildir: it lacks tmp, new or cur");
		if (may_be_made(md, there, err) == -1 || make_parts(md, err) == -1)
			return -1;
	}
	if ((flags & MAILDIR_CREATE) && make_durable(md, err) == -1)
		return -1;
	md->tmp = maildir_opendir(md->fd, "tmp");
	return md->tmp == -1 ? maildir_fail(md, errno, "cannot open", "tmp", err) : 0;
}

int
maildir_open(struct maildir **mdp, const char *path, int flags, struct err *err)
{
	struct maildir *md = xcalloc(1, sizeof *md);

	*mdp = NULL;
	md->path = path_absolute(path);
	md->fd = md->tmp = md->stage = md->lock = -1;
	if (open_root(md, flags, err) == -1 || open_parts(md, flags, err) == -1) {
		maildir_close(md);
		return -1;
	}
	*mdp = md;
	return 0;
}

void
maildir_close(struct maildir *md)
{
	int *fd[] = { &md->fd, &md->tmp, &md->stage, &md->lock };
	size_t i;

	for (i = 0; i < md->nmbox; i++) {
		close(md->mbox[i].fd[BOX_NEW]);
		close(md->mbox[i].fd[BOX_CUR]);
		free(md->mbox[i].subdir);
	}
	free(md->mbox);
	maildir_index_clear(&md->index);
	/* The lock last. */
	for (i = 0; i < sizeof fd / sizeof *fd; i++)
		if (*fd[i] != -1)
			close(*fd[i]);
	free(md->path);
	free(md);
}

const char *
maildir_path(const struct maildir *md)
{
	return md->path;
}

int
maildir_fd(const struct maildir *md)
{
	return md->fd;
}

/* ---- lock ---- */

/* Reads a small regular file of ours.  1 read, 0 none, -1 errno. */
static int
read_small(int dir, const char *name, char *buf, size_t size, time_t *mtime)
{
	struct stat sb;
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), e;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	do
		n = pread(fd, buf, size - 1, 0);
	while (n == -1 && errno == EINTR);
	e = errno;
	if (n != -1 && (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode))) {
		n = -1;
		e = EINVAL;
	}
	close(fd);
	errno = e;
	if (n == -1)
		return -1;
	buf[n] = '\0';
	if (mtime != NULL)
		*mtime = sb.st_mtime;
	return 1;
}

static int
lock_held(const struct maildir *md, int64_t *since, struct err *err)
{
	char buf[80], when[32];
	time_t mtime = 0;
	long long start = 0;
	int pid = 0;

	buf[0] = '\0';
	read_small(md->fd, LOCK, buf, sizeof buf, &mtime);
	/* It may not have written itself down yet. */
	if (sscanf(buf, "%d %lld", &pid, &start) != 2) {
		pid = 0;
		start = mtime;
	}
	if (since != NULL)
		*since = start;
	iso_time(when, start);
	if (pid == 0)
		return err_set(err, ERR_AGAIN, STAGE_FILE, md->path, "another run has this Maildir, since %s",
		    when);
	return err_set(err, ERR_AGAIN, STAGE_FILE, md->path,
	    "another run (process %d) has this Maildir, since %s", pid, when);
}

/* The name of a file in the Maildir, which is err's subject, made one that can be found. */
static int
whole_name(const struct maildir *md, struct err *err)
{
	char *path;

	if (err == NULL)
		return -1;
	path = xasprintf("%s/%s", md->path, err->subject);
	err_printable(err->subject, sizeof err->subject, path, strlen(path));
	free(path);
	return -1;
}

int
maildir_lock(struct maildir *md, uint64_t wait_s, int64_t *since, struct err *err)
{
	char buf[80];
	int wait_ms = wait_s > INT_MAX / 1000 ? INT_MAX : (int)(wait_s * 1000), n;

	md->lock = file_lock(md->fd, LOCK, wait_ms, err);
	if (md->lock == -2) {
		md->lock = -1;
		return lock_held(md, since, err);
	}
	if (md->lock < 0)
		return whole_name(md, err);
	n = snprintf(buf, sizeof buf, "%d %lld\n", (int)getpid(), (long long)time(NULL));
	/* The flock is the lock; that the disk has no room for its owner's name is told by what needs room. */
	if (ftruncate(md->lock, 0) == -1 || pwrite(md->lock, buf, (size_t)n, 0) != n)
		return 0;
	return 0;
}

/* ---- id ---- */

/* "id", and since there may be several Maildirs to a state, "self" below it. */
static int
id_parse(struct maildir *md, const char *buf)
{
	unsigned char raw[16];
	size_t len = strlen(buf);

	memset(md->self, 0, sizeof md->self);
	if (len < 33 || buf[32] != '\n' || unhex(raw, buf, sizeof raw) == -1)
		return -1;
	if (len == 33)
		return 0;
	return len == 50 && buf[49] == '\n' ? unhex(md->self, buf + 33, sizeof md->self) : -1;
}

int
maildir_id_read(struct maildir *md, char id[33], struct err *err)
{
	char buf[64];
	int rc = read_small(md->fd, ID, buf, sizeof buf, NULL);

	id[0] = '\0';
	if (rc == -1)
		return err_sys(err, errno == ELOOP || errno == EINVAL ? ERR_CONFIG : err_kind_of_errno(errno),
		    STAGE_FILE, errno, md->path, "cannot read %s", ID);
	if (rc == 0)
		return 0;
	if (id_parse(md, buf) == -1)
		return err_set(err, ERR_CONFIG, STAGE_FILE, md->path,
		    "%s does not hold an id: choose --rebuild (the files are there) or --baseline (they were consumed)",
		    ID);
	memcpy(id, buf, 32);
	id[32] = '\0';
	return 1;
}

int64_t
maildir_self(const struct maildir *md)
{
	int64_t self;

	memcpy(&self, md->self, sizeof self);
	return self;
}

int
maildir_id_write(struct maildir *md, const char *id, struct err *err)
{
	char buf[51], old[33], self[17];
	struct err ignored = ERR_INIT;

	/* A run that finds it as it should be writes nothing. */
	if (maildir_id_read(md, old, &ignored) == 1 && strcmp(old, id) == 0 && maildir_self(md) != 0)
		return 0;
	if (maildir_self(md) == 0 && random_bytes(md->self, sizeof md->self) == -1)
		return err_sys(err, ERR_OS, STAGE_FILE, errno, md->path, "no random numbers");
	hex(self, md->self, sizeof md->self);
	snprintf(buf, sizeof buf, "%s\n%s\n", id, self);
	return file_replace(md->fd, ID, buf, strlen(buf), err) == -1 ? whole_name(md, err) : 0;
}
