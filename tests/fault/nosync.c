/*
 * nosync: fsync, fdatasync, syncfs and sync_file_range that say yes and do
 * nothing (LD_PRELOAD).
 * The control of tests/fault/power and errors-disk: a program without this or
 * that sync, or that does not hear of its failure, must be seen to lose something.
 *
 * NOSYNC says which:	all
 *			bodies	files that are no database, and whole file systems
 *			places	directories
 *			state	the database
 *			deaf	none: all are made, but never fail
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
left_out(int fd, int whole)
{
	const char *which = getenv("NOSYNC");
	char link[40], path[4096];
	struct stat st;
	const char *kind;
	ssize_t n;

	if (which == NULL)
		return 0;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (strstr(path, ".db") != NULL)
		kind = "state";
	else if (!whole && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		kind = "places";
	else
		kind = "bodies";
	return strcmp(which, "all") == 0 || strcmp(which, kind) == 0;
}

static int
answer(long rc)
{
	const char *which = getenv("NOSYNC");

	return which != NULL && strcmp(which, "deaf") == 0 ? 0 : (int)rc;
}

int
fsync(int fd)
{
	return left_out(fd, 0) ? 0 : answer(syscall(SYS_fsync, fd));
}

int
fdatasync(int fd)
{
	return left_out(fd, 0) ? 0 : answer(syscall(SYS_fdatasync, fd));
}

int
syncfs(int fd)
{
	return left_out(fd, 1) ? 0 : answer(syscall(SYS_syncfs, fd));
}

int
sync_file_range(int fd, off_t from, off_t n, unsigned flags)
{
	return left_out(fd, 0) ? 0 : answer(syscall(SYS_sync_file_range, fd, from, n, flags));
}
