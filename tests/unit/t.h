/*
 * t: TAP for the unit tests.  A test is a main that calls ok, is_str, is_int
 * and is_mem as often as it likes and ends with "return done_testing();".
 *
 *	ok(cond, "name %d", n)			true if cond holds
 *	is_str(got, want, "name")		equal strings; NULL equals NULL only
 *	is_int(got, want, "name")		equal numbers (as long long)
 *	is_mem(got, want, len, "name")		equal bytes
 *	note("text")				a comment line
 *	skip_all("reason")			ends the program: nothing to test here
 *	t_tmpdir()				a directory of this run's own, removed at exit
 *
 * Each returns whether it held, so that a test may stop where going on would
 * make no sense.  A test file is one program: everything here is static.
 */
#ifndef MSTOOLS_T_H
#define MSTOOLS_T_H

#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T_UNUSED __attribute__((unused))

static int t_run, t_bad;
static char t_dir[4096];
static pid_t t_dir_owner;

static bool t_result(bool, const char *, int, const char *, va_list) T_UNUSED
    __attribute__((format(printf, 4, 0)));
static bool t_ok(bool, const char *, int, const char *, ...) __attribute__((format(printf, 4, 5))) T_UNUSED;
static bool t_is_str(const char *, const char *, const char *, int, const char *, ...)
    __attribute__((format(printf, 5, 6))) T_UNUSED;
static bool t_is_int(long long, long long, const char *, int, const char *, ...)
    __attribute__((format(printf, 5, 6))) T_UNUSED;
static bool t_is_mem(const void *, const void *, size_t, const char *, int, const char *, ...)
    __attribute__((format(printf, 6, 7))) T_UNUSED;
static void note(const char *, ...) __attribute__((format(printf, 1, 2))) T_UNUSED;
static void skip_all(const char *) __attribute__((noreturn)) T_UNUSED;
static int done_testing(void) T_UNUSED;
static const char *t_tmpdir(void) T_UNUSED;

#define ok(cond, ...) t_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) t_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) t_is_int((long long)(got), (long long)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is_mem(got, want, len, ...) t_is_mem((got), (want), (len), __FILE__, __LINE__, __VA_ARGS__)

static bool
t_result(bool good, const char *file, int line, const char *fmt, va_list ap)
{
	printf("%sok %d - ", good ? "" : "not ", ++t_run);
	vprintf(fmt, ap);
	putchar('\n');
	if (!good) {
		t_bad++;
		printf("# at %s line %d\n", file, line);
	}
	fflush(stdout);
	return good;
}

#define T_RESULT(good, file, line, fmt) \
	do { \
		va_list ap; \
\
		va_start(ap, fmt); \
		t_result((good), (file), (line), (fmt), ap); \
		va_end(ap); \
	} while (0)

static bool
t_ok(bool good, const char *file, int line, const char *fmt, ...)
{
	T_RESULT(good, file, line, fmt);
	return good;
}

static bool
t_is_str(const char *got, const char *want, const char *file, int line, const char *fmt, ...)
{
	bool good = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

	T_RESULT(good, file, line, fmt);
	if (!good)
		printf("#  got: %s\n# want: %s\n", got ? got : "(null)", want ? want : "(null)");
	return good;
}

static bool
t_is_int(long long got, long long want, const char *file, int line, const char *fmt, ...)
{
	T_RESULT(got == want, file, line, fmt);
	if (got != want)
		printf("#  got: %lld\n# want: %lld\n", got, want);
	return got == want;
}

static bool
t_is_mem(const void *got, const void *want, size_t len, const char *file, int line, const char *fmt, ...)
{
	bool good = got != NULL && memcmp(got, want, len) == 0;

	T_RESULT(good, file, line, fmt);
	return good;
}

static void
note(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void
skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(0);
}

static int
done_testing(void)
{
	printf("1..%d\n", t_run);
	if (t_bad != 0)
		printf("# %d of %d failed\n", t_bad, t_run);
	fflush(stdout);
	return t_bad == 0 && t_run > 0 ? 0 : 1;
}

static int
t_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Only the process that made the directory removes it: children may exit(3) as they like. */
static void
t_cleanup(void)
{
	if (getpid() == t_dir_owner)
		nftw(t_dir, t_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *
t_tmpdir(void)
{
	const char *base = getenv("TMPDIR");

	if (t_dir_owner != 0)
		return t_dir;
	snprintf(t_dir, sizeof t_dir, "%s/mstools-test-XXXXXX", base && *base ? base : "/tmp");
	if (mkdtemp(t_dir) == NULL) {
		printf("Bail out! cannot make a directory in %s\n", base ? base : "/tmp");
		exit(1);
	}
	t_dir_owner = getpid();
	atexit(t_cleanup);
	return t_dir;
}

#endif
