/*
 * util: checked memory, growing strings, small parsers (see util.h).
 * Encodings are in encode.c.
 */
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "util.h"

static void (*oom_handler)(void);

void
util_oom(void (*handler)(void))
{
	oom_handler = handler;
}

void
util_no_memory(void)
{
	static char text[] = ": out of memory\n";
	char *name = program_invocation_short_name;
	struct iovec line[2] = { { name, strlen(name) }, { text, sizeof text - 1 } };

	if (oom_handler != NULL)
		oom_handler();
	if (writev(STDERR_FILENO, line, 2) == -1)
		_exit(EX_OSERR);
	_exit(EX_OSERR);
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		util_no_memory();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		util_no_memory();
	return p;
}

void *
xreallocarray(void *old, size_t n, size_t size)
{
	void *p;

	if (n == 0 || size == 0)
		n = size = 1;
	p = reallocarray(old, n, size);
	if (p == NULL)
		util_no_memory();
	return p;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n == -1)
		util_no_memory();
	return p;
}

/* Makes room for n more bytes and the NUL. */
static void
str_room(struct str *s, size_t n)
{
	size_t cap = s->cap > 0 ? s->cap : 64;

	if (n >= SIZE_MAX / 2 - s->len)
		util_no_memory();
	while (cap < s->len + n + 1)
		cap *= 2;
	if (cap > s->cap) {
		s->s = xreallocarray(s->s, cap, 1);
		s->cap = cap;
	}
}

void
str_add(struct str *s, const void *p, size_t n)
{
	str_room(s, n);
	if (n > 0)
		memcpy(s->s + s->len, p, n);
	s->len += n;
	s->s[s->len] = '\0';
}

void
str_adds(struct str *s, const char *p)
{
	str_add(s, p, strlen(p));
}

void
str_addc(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		util_no_memory();
	str_room(s, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(s->s + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

void
str_clear(struct str *s)
{
	s->len = 0;
	if (s->s != NULL)
		s->s[0] = '\0';
}

void
str_release(struct str *s)
{
	free(s->s);
	*s = (struct str)STR_INIT;
}

void
strlist_add(struct strlist *l, const char *s)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof *l->v);
	l->v[l->n++] = xstrdup(s);
}

void
strlist_release(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

/* Reads the digits at *s, at least one; *s is left behind them.  -1 on overflow or no digit. */
static int
digits(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	if (p == *s)
		return -1;
	*s = p;
	*out = v;
	return 0;
}

int
parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (digits(&s, &v) == -1 || *s != '\0' || v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

/* A number and, optionally, one letter of units (the list ends with letter 0). */
static int
parse_unit(const char *s, const struct unit *units, uint64_t *out)
{
	uint64_t v, factor = 1;

	if (digits(&s, &v) == -1)
		return -1;
	if (*s != '\0') {
		while (units->letter != '\0' && units->letter != *s)
			units++;
		if (units->letter == '\0' || s[1] != '\0')
			return -1;
		factor = units->factor;
	}
	if (__builtin_mul_overflow(v, factor, &v) || v > INT64_MAX)
		return -1;
	*out = v;
	return 0;
}

int
parse_duration(const char *s, uint64_t *secs)
{
	static const struct unit units[] = {
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
		{ 'w', 604800 },
		{ 0, 0 },
	};

	return parse_unit(s, units, secs);
}

int
parse_size(const char *s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ 'k', 1 << 10 },
		{ 'K', 1 << 10 },
		{ 'm', 1 << 20 },
		{ 'M', 1 << 20 },
		{ 'g', 1 << 30 },
		{ 'G', 1 << 30 },
		{ 0, 0 },
	};

	return parse_unit(s, units, bytes);
}

/* "YYYY-MM-DD" exactly, and a day that exists. */
static int
parse_day(const char *s, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = 0, m, d, leap;

	for (int i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? s[i] != '-' : s[i] < '0' || s[i] > '9')
			return -1;
	if (s[10] != '\0')
		return -1;
	for (int i = 0; i < 4; i++)
		y = y * 10 + (s[i] - '0');
	m = (s[5] - '0') * 10 + (s[6] - '0');
	d = (s[8] - '0') * 10 + (s[9] - '0');
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > days[m - 1] + (m == 2 && leap))
		return -1;
	memset(tm, 0, sizeof *tm);
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	tm->tm_isdst = -1;
	return 0;
}

int
parse_date(const char *s, time_t now, time_t *out)
{
	uint64_t ago;
	struct tm tm;
	time_t t;
	int day;

	if (parse_day(s, &tm) == 0) {
		day = tm.tm_mday;
		errno = 0;
		t = mktime(&tm);
		if (t == (time_t)-1 && errno != 0)
			return -1;
		/* Where the clock skips midnight mktime may land in the hour before: the day begins after it. */
		if (tm.tm_mday != day)
			t += 3600;
		*out = t;
		return 0;
	}
	/* A bare number would be seconds, which nobody means. */
	if (*s == '\0' || (s[strlen(s) - 1] >= '0' && s[strlen(s) - 1] <= '9') ||
	    parse_duration(s, &ago) == -1 || (now >= 0 && ago > (uint64_t)now))
		return -1;
	*out = now - (time_t)ago;
	return 0;
}

char *
iso_time(char buf[32], int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (gmtime_r(&tt, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900 ||
	    strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(buf, "-", 2);
	return buf;
}

int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
