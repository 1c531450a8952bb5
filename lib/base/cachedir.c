/* cachedir: see cachedir.h. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cachedir.h"
#include "file.h"

/* The home directory; NULL if nobody knows it. */
static const char *
home(void)
{
	const char *h = getenv("HOME");
	const struct passwd *pw;

	if (h != NULL && *h == '/')
		return h;
	pw = getpwuid(geteuid());
	return pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

char *
cachedir_path(const char *option)
{
	const char *s;

	if (option != NULL)
		return xstrdup(option);
	/* systemd.exec(5): several CacheDirectory= come separated by colons. */
	s = getenv("CACHE_DIRECTORY");
	if (s != NULL && *s == '/')
		return xstrndup(s, strcspn(s, ":"));
	/* A relative path is to be ignored (XDG Base Directory Specification). */
	s = getenv("XDG_CACHE_HOME");
	if (s != NULL && *s == '/')
		return xasprintf("%s/mstools", s);
	s = home();
	return s != NULL ? xasprintf("%s/.cache/mstools", s) : NULL;
}

int
cachedir_open(const char *option, struct err *err)
{
	char *path = cachedir_path(option);
	struct stat st;
	int fd = -1;

	if (path == NULL)
		return err_set(err, ERR_CREATE, STAGE_FILE, NULL,
		    "no place for the cache: neither --cache-dir nor a home directory");
	if (mkdir_parents(path, err) == -1)
		goto out;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		err_sys(err, ERR_CREATE, STAGE_FILE, errno, path, "cannot open the cache directory");
		goto bad;
	}
	if (st.st_uid != geteuid()) {
		err_set(err, ERR_CREATE, STAGE_FILE, path,
		    "the cache directory belongs to user %ld, not to user %ld", (long)st.st_uid,
		    (long)geteuid());
		goto bad;
	}
	/* That others may list it does not matter, and systemd makes $CACHE_DIRECTORY 0755 by default. */
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		err_set(err, ERR_CREATE, STAGE_FILE, path,
		    "others can write to the cache directory (mode %04o): chmod 700 '%s'",
		    (unsigned)(st.st_mode & 07777), path);
		goto bad;
	}
	goto out;
bad:
	if (fd != -1)
		close(fd);
	fd = -1;
out:
	free(path);
	return fd;
}

/* Why a file is not to be trusted; NULL if it is. */
static const char *
distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != geteuid())
		return "belongs to another user";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "open to others";
	if (st->st_nlink != 1)
		return "has more than one name (hard links)";
	return NULL;
}

int
cachedir_read(int dirfd, const char *name, size_t max, struct secret *out, struct err *err)
{
	const char *why;
	struct stat st;
	int fd, r = -1;

	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return err_sys(err, ERR_IO, STAGE_FILE, errno, name, "cannot open the cached file");
	if (fstat(fd, &st) == -1)
		err_sys(err, ERR_IO, STAGE_FILE, errno, name, "cannot look at the cached file");
	else if ((why = distrust(&st)) != NULL)
		err_set(err, ERR_IO, STAGE_FILE, name, "the cached file is not used: %s", why);
	else if (read_all_secret(fd, max, out) == -1)
		err_sys(err, ERR_IO, STAGE_FILE, errno, name, "cannot read the cached file");
	else
		r = 1;
	close(fd);
	return r;
}
