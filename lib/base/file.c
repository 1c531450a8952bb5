/* file: see file.h. */
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

#define LOCK_POLL_MS 50

int
random_bytes(void *out, size_t n)
{
	ssize_t k;

	do
		k = getrandom(out, n, 0);
	while (k == -1 && errno == EINTR);
	return k == (ssize_t)n ? 0 : -1;
}

int
write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	ssize_t k;

	while (n > 0) {
		k = write(fd, p, n);
		if (k == -1 && errno == EINTR)
			continue;
		if (k == 0)
			errno = ENOSPC;
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int
file_open(const char *path)
{
	int fd;

	do
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	while (fd == -1 && errno == EINTR);
	return fd;
}

/* A FIFO that nobody has opened for writing yet is not at its end for poll(2), though it is for read(2). */
ssize_t
file_get(int fd, void *buf, size_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t end = now_ms() + FILE_WAIT_MS, left;
	ssize_t k;

	do {
		left = end - now_ms();
		if (poll(&pfd, 1, left > 0 ? (int)left : 0) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		k = read(fd, buf, n);
	} while (k == -1 && (errno == EINTR || errno == EAGAIN));
	return k;
}

/* file_get of what is allowed: *max gets less; EFBIG. */
static ssize_t
get_some(int fd, void *buf, size_t n, size_t *max)
{
	ssize_t k = file_get(fd, buf, n);

	if (k > 0 && (size_t)k > *max) {
		errno = EFBIG;
		return -1;
	}
	if (k > 0)
		*max -= (size_t)k;
	return k;
}

int
read_all(int fd, size_t max, struct str *out)
{
	char buf[16384];
	ssize_t k;

	while ((k = get_some(fd, buf, sizeof buf, &max)) > 0)
		str_add(out, buf, (size_t)k);
	return (int)k;
}

int
read_all_secret(int fd, size_t max, struct secret *out)
{
	char buf[16384];
	ssize_t k;

	while ((k = get_some(fd, buf, sizeof buf, &max)) > 0)
		secret_add(out, buf, (size_t)k);
	explicit_bzero(buf, sizeof buf);
	return (int)k;
}

int
file_read(const char *path, size_t max, struct str *out, struct err *err)
{
	int fd = file_open(path), saved;

	if (fd == -1)
		return err_sys(err, errno == ENOENT ? ERR_NOENT : err_kind_unless_out(errno, ERR_IO),
		    STAGE_FILE, errno, path, "cannot open");
	if (read_all(fd, max, out) == -1) {
		saved = errno;
		close(fd);
		return err_sys(err, ERR_IO, STAGE_FILE, saved, path, "cannot read");
	}
	close(fd);
	return 0;
}

/* A name in the same directory that nobody else uses: ".<name>.<16 hex>". */
static int
temp_name(const char *name, char out[NAME_MAX + 1])
{
	unsigned char r[8];
	char digits[17];
	int n;

	if (random_bytes(r, sizeof r) == -1)
		return -1;
	hex(digits, r, sizeof r);
	n = snprintf(out, NAME_MAX + 1, ".%s.%s", name, digits);
	if (n < 0 || n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
file_replace(int dirfd, const char *name, const void *data, size_t n, struct err *err)
{
	char temp[NAME_MAX + 1];
	const char *what = "cannot create";
	int fd = -1, saved;

	if (temp_name(name, temp) == -1 ||
	    (fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, name, "%s", what);
	what = "cannot write";
	if (write_all(fd, data, n) == -1 || fsync(fd) == -1)
		goto fail;
	saved = fd;
	fd = -1;
	if (close(saved) == -1)
		goto fail;
	what = "cannot replace";
	if (renameat(dirfd, temp, dirfd, name) == -1)
		goto fail;
	if (dir_sync(dirfd) == -1) /* the new file is in place: nothing to remove */
		return err_sys(err, ERR_IO, STAGE_FILE, errno, name, "cannot make it durable");
	return 0;
fail:
	saved = errno;
	if (fd != -1)
		close(fd);
	unlinkat(dirfd, temp, 0);
	return err_sys(err, err_kind_of_errno(saved), STAGE_FILE, saved, name, "%s", what);
}

static bool
is_temp_of(const char *name, const char *temp)
{
	size_t n = strlen(name);

	return temp[0] == '.' && strncmp(temp + 1, name, n) == 0 && temp[n + 1] == '.' &&
	    strspn(temp + n + 2, "0123456789abcdef") == 16 && temp[n + 18] == '\0';
}

void
file_replace_tidy(int dirfd, const char *name)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (is_temp_of(name, e->d_name))
			unlinkat(dirfd, e->d_name, 0);
	closedir(d);
}

int
dir_sync(int dirfd)
{
	int r;

	do
		r = fsync(dirfd);
	while (r == -1 && errno == EINTR);
	return r == -1 && errno != EINVAL ? -1 : 0;
}

int
mkdir_parents(const char *path, struct err *err)
{
	char *copy = xstrdup(path), *p = copy;
	struct stat st;
	char c;
	int r;

	if (*p == '\0') {
		free(copy);
		return err_set(err, ERR_CREATE, STAGE_FILE, path, "an empty name");
	}
	do {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		c = *p;
		*p = '\0';
		r = mkdir(copy, 0700);
		/* Only the last one has to be a directory here: the mkdir after any other will tell. */
		if (r == -1 && errno == EEXIST && (c != '\0' || stat(copy, &st) == 0)) {
			if (c != '\0' || S_ISDIR(st.st_mode))
				r = 0;
			else
				errno = ENOTDIR;
		}
		if (r == -1)
			err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, copy,
			    "cannot make the directory");
		*p = c;
	} while (r == 0 && c != '\0');
	free(copy);
	return r;
}

char *
path_absolute(const char *p)
{
	struct str out = STR_INIT;
	char *cwd = NULL;
	size_t n;

	if (*p != '/') {
		cwd = getcwd(NULL, 0);
		str_adds(&out, cwd != NULL ? cwd : ".");
		free(cwd);
	}
	if (out.len == 1 && out.s[0] == '/')
		str_clear(&out);
	for (; *p != '\0'; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && *p == '.'))
			continue;
		str_addc(&out, '/');
		str_add(&out, p, n);
	}
	if (out.len == 0)
		str_addc(&out, '/');
	return out.s;
}

/* flock with a limit.  0 locked, -2 held by another, -1 with errno. */
static int
lock_wait(int fd, int wait_ms)
{
	const struct timespec pause = { 0, LOCK_POLL_MS * 1000000L };
	int64_t end = now_ms() + wait_ms;

	while (flock(fd, wait_ms < 0 ? LOCK_EX : LOCK_EX | LOCK_NB) == -1) {
		if (errno == EINTR && wait_ms >= 0) /* not that it ever waited */
			continue;
		if (errno != EWOULDBLOCK)
			return -1;
		if (now_ms() >= end)
			return -2;
		if (nanosleep(&pause, NULL) == -1)
			return -1;
	}
	return 0;
}

int
file_lock(int dirfd, const char *name, int wait_ms, struct err *err)
{
	struct stat st, now;
	int fd, r;

again:
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, name,
		    "cannot open the lock file");
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		close(fd);
		return err_set(err, ERR_CREATE, STAGE_FILE, name,
		    "the lock file must be a regular file that belongs to user %ld", (long)geteuid());
	}
	r = lock_wait(fd, wait_ms);
	if (r == -1)
		err_sys(err, ERR_OS, STAGE_FILE, errno, name, "cannot lock");
	if (r != 0) {
		close(fd);
		return r;
	}
	/* Somebody who tidied up may have removed the name while we waited: then this lock is nobody's. */
	if (fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == -1 || now.st_ino != st.st_ino ||
	    now.st_dev != st.st_dev) {
		close(fd);
		goto again;
	}
	/* One that has a second name may be any file of ours, and the lock's holder writes to it. */
	if (now.st_nlink > 1 && unlinkat(dirfd, name, 0) == 0) {
		close(fd);
		goto again;
	}
	return fd;
}

int
file_check_secret(int fd, const char *path, struct err *err)
{
	struct stat st;
	mode_t bad;

	if (fstat(fd, &st) == -1)
		return err_sys(err, ERR_CONFIG, STAGE_CREDENTIAL, errno, path, "cannot look at it");
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, path, "neither a file nor a FIFO");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, path,
		    "belongs to user %ld, not to user %ld or root: chown %ld '%s'", (long)st.st_uid,
		    (long)geteuid(), (long)geteuid(), path);
	/* systemd: 0400 root:root with an ACL entry for the service's user, which shows as 0440. */
	bad = st.st_uid == 0 && st.st_gid == 0 ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
	if ((st.st_mode & bad) != 0)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, path,
		    "others can read it (mode %04o): chmod 600 '%s'", (unsigned)(st.st_mode & 07777), path);
	return 0;
}

int
file_open_secret(const char *path, struct err *err)
{
	int fd = file_open(path);

	if (fd == -1)
		return err_sys(err, err_kind_unless_out(errno, ERR_CONFIG), STAGE_CREDENTIAL, errno, path,
		    "cannot open");
	if (file_check_secret(fd, path, err) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}
