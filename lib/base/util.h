/*
 * util: checked memory, growing strings, small parsers.
 *
 * Memory: xmalloc and friends never return NULL.  When memory runs out they
 * call the handler set by util_oom (default: one line on stderr, _exit(71)).
 * A handler must not return.  tests/fault makes each allocation fail in turn.
 */
#ifndef MSTOOLS_UTIL_H
#define MSTOOLS_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

void *xmalloc(size_t);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *, size_t n, size_t size); /* overflow checked */
char *xstrdup(const char *);
char *xstrndup(const char *, size_t);
char *xasprintf(const char *, ...) __attribute__((format(printf, 1, 2)));
void util_oom(void (*handler)(void));
/* What the above call when memory runs out; for other allocators (secret). */
void util_no_memory(void) __attribute__((noreturn));

/* A growing string; s is NULL until something was added, then always NUL-terminated. */
struct str {
	char *s; /* owned */
	size_t len, cap;
};
#define STR_INIT \
	{ \
		NULL, 0, 0 \
	}
void str_add(struct str *, const void *, size_t);
void str_adds(struct str *, const char *);
void str_addc(struct str *, char);
void str_addf(struct str *, const char *, ...) __attribute__((format(printf, 2, 3)));
void str_clear(struct str *);	/* len = 0, memory kept */
void str_release(struct str *); /* memory freed, back to STR_INIT */

/* A list of strings, all owned. */
struct strlist {
	char **v;
	size_t n;
};
void strlist_add(struct strlist *, const char *);
void strlist_release(struct strlist *);

/* Decimal, no sign, no blanks; 0 and *out, or -1 (bad, or outside [min, max]). */
int parse_u64(const char *, uint64_t min, uint64_t max, uint64_t *out);
/* "90", "90s", "5m", "2h", "30d", "2w" → seconds; -1 if malformed. */
int parse_duration(const char *, uint64_t *secs);
/* "10", "10k", "10M", "2G" (powers of 1024) → bytes; -1 if malformed. */
int parse_size(const char *, uint64_t *bytes);
/* "2026-01-31" (midnight, local zone) or "30d" (that long before now); -1 if malformed. */
int parse_date(const char *, time_t now, time_t *out);

/* ISO 8601 UTC, "2026-01-31T12:00:00Z"; buf of at least 32 bytes.  "-" for years beyond four digits. */
char *iso_time(char buf[32], int64_t t);

void hex(char *dst, const unsigned char *src, size_t n);  /* lower case, NUL-terminated: 2n+1 bytes */
int unhex(unsigned char *dst, const char *src, size_t n); /* 2n digits → n bytes; -1 if not hex */

/* base64 (RFC 4648 §4) and base64url without padding (§5).  Result is malloc'd and NUL-terminated. */
char *base64(const void *, size_t, size_t *outlen);
char *base64url(const void *, size_t);
/* Decodes either alphabet, padding optional.  NULL if malformed. */
unsigned char *unbase64(const char *, size_t, size_t *outlen);

int64_t now_ms(void); /* CLOCK_MONOTONIC, milliseconds */

#endif
