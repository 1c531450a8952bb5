#include "tool/durable.h"

#include <sys/utsname.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

/* linux/magic.h has neither of these two. */
#define MAGIC_XFS 0x58465342
#define MAGIC_F2FS 0xf2f52010

static bool
kernel_reports(void)
{
	struct utsname u;
	int major, minor;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	    (major > 5 || (major == 5 && minor >= 8));
}

enum durable_way
durable_way(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return DURABLE_EACH;
	switch ((unsigned long)fs.f_type & 0xffffffff) {
	case EXT4_SUPER_MAGIC:
		return kernel_reports() ? DURABLE_SYNCFS_FLUSH : DURABLE_EACH;
	case MAGIC_XFS:
	case BTRFS_SUPER_MAGIC:
	case MAGIC_F2FS:
	case TMPFS_MAGIC:
		return kernel_reports() ? DURABLE_SYNCFS : DURABLE_EACH;
	default:
		return DURABLE_EACH;
	}
}

static int
failed(const char *call, struct err *err)
{
	return err_sys(err, ERR_IO, STAGE_FILE, errno, NULL, "cannot make the messages durable: %s", call);
}

int
durable_files(const int *fds, size_t n, int dirfd, enum durable_way way, struct err *err)
{
	size_t i;

	if (way != DURABLE_EACH && n > DURABLE_FEW) {
		if (syncfs(dirfd) == -1)
			return failed("syncfs", err);
		if (way == DURABLE_SYNCFS)
			return 0;
	} else {
		for (i = 0; i < n && n > 1; i++) /* a hint: errors show below */
			(void)sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
		for (i = 0; i < n; i++)
			if (fdatasync(fds[i]) == -1)
				return failed("fdatasync", err);
	}
	if (n > 0 && dir_sync(dirfd) == -1)
		return failed("fsync of the stage", err);
	return 0;
}

static void *
run(void *arg)
{
	struct durable_job *j = arg;
	uint64_t one = 1;

	j->rc = durable_files(j->fds, j->n, j->dirfd, j->way, &j->err);
	(void)!write(j->event, &one, sizeof one);
	return NULL;
}

int
durable_start(struct durable_job *j)
{
	sigset_t all, old;
	int rc;

	j->err = (struct err)ERR_INIT;
	/* Signals are for the thread that waits in poll. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&j->thread, NULL, run, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0 ? 0 : -1;
}

int
durable_join(struct durable_job *j, struct err *err)
{
	uint64_t n;

	pthread_join(j->thread, NULL);
	(void)!read(j->event, &n, sizeof n);
	if (j->rc == -1)
		*err = j->err;
	return j->rc;
}
