/*
 * alloc: makes one allocation of ours fail.  Linked into the programs with
 * ld --wrap (see the script alloc), so the libraries' own are not touched.
 *
 * A program that finds ./alloc.NAME (two 64-bit numbers: which one is to fail,
 * 0 for none, and a count) renames it to ./alloc.NAME.used, so that only the
 * first msworker of a run takes it, and counts there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t none[2], *plan = none;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_reallocarray(void *, size_t, size_t);
char *__real_realpath(const char *, char *);
DIR *__real_opendir(const char *);
DIR *__real_fdopendir(int);
int __real___vasprintf_chk(char **, int, const char *, va_list);

static void __attribute__((constructor)) find_plan(void)
{
	char from[64], to[80];
	void *p;
	int fd;

	snprintf(from, sizeof from, "alloc.%s", program_invocation_short_name);
	snprintf(to, sizeof to, "%s.used", from);
	if ((fd = open(from, O_RDWR | O_CLOEXEC)) == -1)
		return;
	p = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED && rename(from, to) == 0)
		plan = p;
	close(fd);
}

static int
fails(void)
{
	if (++plan[1] != plan[0])
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_realpath(const char *path, char *buf)
{
	return fails() ? NULL : __real_realpath(path, buf);
}

DIR *
__wrap_opendir(const char *path)
{
	return fails() ? NULL : __real_opendir(path);
}

DIR *
__wrap_fdopendir(int fd)
{
	return fails() ? NULL : __real_fdopendir(fd);
}

int
__wrap___vasprintf_chk(char **s, int flag, const char *fmt, va_list ap)
{
	return fails() ? -1 : __real___vasprintf_chk(s, flag, fmt, ap);
}
