/*
 * state_file: the state as a file: what may be opened, what is made, what is
 * put aside.  Nothing is reached through a symbolic link but the directory.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "mail/state_int.h"

#define MAGIC "SQLite format 3" /* with its NUL: the first 16 bytes */

/* The directory of path, opened; *name (malloc'd) is the last part. */
int
state_file_dir(const char *path, char **name, struct err *err)
{
	char *copy = xstrdup(path), *copy2 = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		err_sys(err, errno == ENOENT ? ERR_CREATE : err_kind_of_errno(errno), STAGE_FILE, errno, path,
		    "cannot open the directory of the state");
	*name = xstrdup(basename(copy2));
	free(copy);
	free(copy2);
	return fd;
}

int
state_not_ours(const char *path, const char *why, struct err *err)
{
	return err_set(err, ERR_CONFIG, STAGE_FILE, path, "is not a state of mstools: %s", why);
}

/* What is at dir/name?  1 a database by its first bytes, 0 nothing or an empty file, -1 err. */
int
state_file_probe(int dir, const char *name, const char *path, bool *exists, struct err *err)
{
	char head[16];
	struct stat sb;
	ssize_t n;
	int fd;

	*exists = false;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 && errno == ELOOP)
		return state_not_ours(path, "it is a symbolic link", err);
	if (fd == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, path,
		    "cannot open the state");
	*exists = true;
	if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
		close(fd);
		return state_not_ours(path, "it is no regular file", err);
	}
	do
		n = pread(fd, head, sizeof head, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		err_sys(err, ERR_IO, STAGE_FILE, errno, path, "cannot read the state");
	close(fd);
	if (n <= 0)
		return (int)n;
	if ((size_t)n < sizeof head || memcmp(head, MAGIC, sizeof head) != 0)
		return state_not_ours(path, "it is no database", err);
	return 1;
}

/* The -wal and -journal that SQLite would open and empty must be what it made: with a second name, one is any file. */
int
state_file_beside(int dir, const char *name, const char *path, struct err *err)
{
	static const char *const suffix[] = { "-wal", "-journal", "-shm" };
	struct stat sb;
	char *other;
	size_t i;
	int rc;

	for (i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		other = xasprintf("%s%s", name, suffix[i]);
		rc = fstatat(dir, other, &sb, AT_SYMLINK_NOFOLLOW);
		free(other);
		if (rc == 0 && !S_ISREG(sb.st_mode))
			return err_set(err, ERR_CONFIG, STAGE_FILE, path,
			    "the file beside it with %s in its name is no regular file", suffix[i]);
		if (rc == 0 && sb.st_nlink != 1)
			return err_set(err, ERR_CONFIG, STAGE_FILE, path,
			    "the file beside it with %s in its name has more than one name (hard links)",
			    suffix[i]);
	}
	return 0;
}

/* An empty file, durable by name: SQLite takes it for a new database, and its -wal gets the same mode. */
int
state_file_make(int dir, const char *name, const char *path, struct err *err)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), e;

	if (fd == -1)
		return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_IO : ERR_CREATE, STAGE_FILE,
		    errno, path, "cannot create the state");
	if (fchmod(fd, 0600) == -1 || dir_sync(dir) == -1) {
		e = errno;
		close(fd);
		return err_sys(err, err_kind_of_errno(e), STAGE_FILE, e, path, "cannot create the state");
	}
	close(fd);
	return 0;
}

/* Moves dir/name+suffix to dir/name.old+suffix.  1, 0 there is none, -1. */
static int
retire_one(int dir, const char *name, const char *suffix, const char *path, struct err *err)
{
	char *from = xasprintf("%s%s", name, suffix), *to = xasprintf("%s.old%s", name, suffix);
	int rc = 1;

	if (renameat(dir, from, dir, to) == -1) {
		rc = errno == ENOENT ? 0 : -1;
		if (rc == 0 && unlinkat(dir, to, 0) == -1 && errno != ENOENT)
			rc = -1;
	}
	if (rc == -1)
		err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, path, "cannot put the state aside");
	free(from);
	free(to);
	return rc;
}

int
state_retire(const char *path, struct err *err)
{
	static const char *const suffix[] = { "-wal", "-journal", "-shm" };
	char *name = NULL;
	int dir = state_file_dir(path, &name, err), rc = -1;
	size_t i;

	if (dir == -1)
		goto out;
	/* The database first: a -wal without one means nothing. */
	rc = retire_one(dir, name, "", path, err);
	for (i = 0; i < sizeof suffix / sizeof *suffix && rc == 1; i++)
		if (retire_one(dir, name, suffix[i], path, err) == -1)
			rc = -1;
	if (rc == 1 && dir_sync(dir) == -1)
		rc = err_sys(err, ERR_IO, STAGE_FILE, errno, path, "cannot put the state aside");
out:
	if (dir != -1)
		close(dir);
	free(name);
	return rc;
}
