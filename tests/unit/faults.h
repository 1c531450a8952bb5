/*
 * faults: calls of libc and SQLite that fail on demand.  A test that includes
 * this (first: it must be read before any header of libc) has them all; each
 * goes on to the real one unless its turn has come.  Only calls from our own
 * code count, not those of one library to another.
 *
 *	fault_at(n, how)	the n-th call from now fails with EIO (SQLITE_IOERR): before it has
 *				done anything; for renames and statements also when they have done
 *				their work (LATE); or so do all that follow (STAY)
 *	fault_only = "fsync"	only calls of that name count; NULL: all
 *	fault_off()		none fails any more; was there one that did?
 *	fault_name		the call that failed last
 *	clock_skip = 1000	milliseconds that the monotonic clock is ahead
 */
#ifndef MSTOOLS_FAULTS_H
#define MSTOOLS_FAULTS_H

#undef _FORTIFY_SOURCE

#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int fault_left;
static atomic_bool fault_fired;
enum fault_how { SOON, LATE, STAY, FAULT_HOWS };
static enum fault_how fault_how;
static const char *fault_only, *fault_name;
static long clock_skip;

static void fault_at(int, enum fault_how) __attribute__((unused));
static bool fault_off(void) __attribute__((unused));

extern const char __executable_start, etext;
int __openat_2(int, const char *, int);
int __open_2(const char *, int);

static void
fault_at(int n, enum fault_how how)
{
	fault_fired = false;
	fault_how = how;
	fault_left = n;
}

static bool
fault_off(void)
{
	fault_left = 0;
	return fault_fired;
}

/* What the libraries call among themselves is not meant: SQLite would not even look at it. */
static bool
fault_now(const char *name, const void *caller)
{
	if ((const char *)caller < &__executable_start || (const char *)caller >= &etext)
		return false;
	if (fault_left == 0 || (fault_only != NULL && strcmp(fault_only, name) != 0))
		return false;
	if (!(fault_fired && fault_how == STAY) && atomic_fetch_sub(&fault_left, 1) != 1)
		return false;
	if (fault_how == STAY)
		fault_left = 1;
	fault_name = name;
	fault_fired = true;
	errno = EIO;
	return true;
}

#define FAULT_REAL(name) (real != NULL ? real : (real = dlsym(RTLD_NEXT, #name)))

/* EARLY: it fails before it has done anything; EITHER: that, or after. */
#define EARLY(type, name, bad, params, args) \
	type name params \
	{ \
		static type(*real) params; \
\
		FAULT_REAL(name); \
		return fault_now(#name, __builtin_return_address(0)) ? (bad) : real args; \
	}
/* NAMED: that only if fault_only says so: the program ends with it. */
#define NAMED(type, name, bad, params, args) \
	type name params \
	{ \
		static type(*real) params; \
\
		FAULT_REAL(name); \
		return fault_only != NULL && fault_now(#name, __builtin_return_address(0)) ? (bad) \
											   : real args; \
	}
#define EITHER(name, bad, params, args) \
	int name params \
	{ \
		static int(*real) params; \
\
		FAULT_REAL(name); \
		if (!fault_now(#name, __builtin_return_address(0))) \
			return real args; \
		if (fault_how == LATE) \
			(void)real args; \
		errno = EIO; \
		return bad; \
	}

EARLY(int, fdatasync, -1, (int fd), (fd))
EARLY(int, fsync, -1, (int fd), (fd))
EARLY(int, syncfs, -1, (int fd), (fd))
EARLY(int, fstat, -1, (int fd, struct stat *st), (fd, st))
EARLY(int, fstatat, -1, (int d, const char *p, struct stat *st, int f), (d, p, st, f))
EARLY(int, faccessat, -1, (int d, const char *p, int m, int f), (d, p, m, f))
EARLY(int, fchmod, -1, (int fd, mode_t m), (fd, m))
EARLY(int, futimens, -1, (int fd, const struct timespec ts[2]), (fd, ts))
EARLY(int, ftruncate, -1, (int fd, off_t n), (fd, n))
EARLY(int, mkdir, -1, (const char *p, mode_t m), (p, m))
EARLY(int, mkdirat, -1, (int d, const char *p, mode_t m), (d, p, m))
EARLY(int, eventfd, -1, (unsigned n, int f), (n, f))
EARLY(ssize_t, read, -1, (int fd, void *p, size_t n), (fd, p, n))
EARLY(ssize_t, pread, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
EARLY(ssize_t, write, -1, (int fd, const void *p, size_t n), (fd, p, n))
EARLY(ssize_t, getrandom, -1, (void *p, size_t n, unsigned f), (p, n, f))
EARLY(DIR *, fdopendir, NULL, (int fd), (fd))
EARLY(struct dirent *, readdir, NULL, (DIR * d), (d))
EARLY(int, pthread_create, EAGAIN, (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg),
    (t, a, f, arg))
EITHER(unlinkat, -1, (int d, const char *p, int f), (d, p, f))
EITHER(renameat, -1, (int d, const char *p, int e, const char *q), (d, p, e, q))
EITHER(renameat2, -1, (int d, const char *p, int e, const char *q, unsigned f), (d, p, e, q, f))
EITHER(sqlite3_step, SQLITE_IOERR, (sqlite3_stmt * s), (s))
EARLY(int, sqlite3_open_v2, SQLITE_CANTOPEN, (const char *p, sqlite3 **db, int f, const char *vfs),
    (p, db, f, vfs))
EARLY(int, sqlite3_prepare_v2, SQLITE_IOERR,
    (sqlite3 * db, const char *q, int n, sqlite3_stmt **s, const char **t), (db, q, n, s, t))
EARLY(int, sqlite3_prepare_v3, SQLITE_IOERR,
    (sqlite3 * db, const char *q, int n, unsigned f, sqlite3_stmt **s, const char **t), (db, q, n, f, s, t))
NAMED(const unsigned char *, sqlite3_column_text, NULL, (sqlite3_stmt * s, int i), (s, i))
EARLY(int, sqlite3_wal_checkpoint_v2, SQLITE_IOERR, (sqlite3 * db, const char *n, int m, int *a, int *b),
    (db, n, m, a, b))

#define MODE(flags) \
	mode_t mode = 0; \
\
	if ((flags)&O_CREAT) { \
		va_list ap; \
\
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	}

int
openat(int d, const char *p, int flags, ...)
{
	static int (*real)(int, const char *, int, ...);
	MODE(flags)

	FAULT_REAL(openat);
	return fault_now("openat", __builtin_return_address(0)) ? -1 : real(d, p, flags, mode);
}

int
open(const char *p, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	MODE(flags)

	FAULT_REAL(open);
	return fault_now("open", __builtin_return_address(0)) ? -1 : real(p, flags, mode);
}

int
__openat_2(int d, const char *p, int flags)
{
	return openat(d, p, flags);
}

int
__open_2(const char *p, int flags)
{
	return open(p, flags);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	FAULT_REAL(clock_gettime);
	rc = real(clock, ts);
	if (rc == 0 && clock == CLOCK_MONOTONIC) {
		ts->tv_sec += clock_skip / 1000;
		ts->tv_nsec += clock_skip % 1000 * 1000000;
		ts->tv_sec += ts->tv_nsec / 1000000000;
		ts->tv_nsec %= 1000000000;
	}
	return rc;
}

#endif
