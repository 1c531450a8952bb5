/* opt_value: from text to the fields of struct options, with messages that name the option. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "optdef.h"

static int bad(const struct optdef *, const char *, const struct opt_source *, struct err *, const char *,
    ...) __attribute__((format(printf, 5, 6)));

/* "--port: '0' is not …" on the command line, "port: …" in a file. */
static int
bad(const struct optdef *d, const char *value, const struct opt_source *src, struct err *err, const char *fmt,
    ...)
{
	struct str text = STR_INIT;
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	str_addf(&text, "%s%s: '%.200s' %s", src->kind == ERR_USAGE ? "--" : "", d->name, value, what);
	err_set(err, src->kind, STAGE_CONFIG, src->subject, "%s", text.s);
	str_release(&text);
	return -1;
}

static int
set_string(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
	return 0;
}

static bool
has_blank(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

static int
set_user(char **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	if (*value == '\0' || has_blank(value))
		return bad(d, value, src, err, "is not the address of a mailbox");
	set_string(field, value);
	for (char *p = *field; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return 0;
}

static int
set_host(char **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	if (*value == '\0' || *value == '-' || strlen(value) > 255 || has_blank(value) ||
	    strpbrk(value, "/\\@'\"") != NULL)
		return bad(d, value, src, err, "is not a host name");
	return set_string(field, value);
}

static int
set_url(char **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	size_t n;

	if (strncasecmp(value, "https://", 8) != 0 || value[8] == '\0' || value[8] == '/' ||
	    has_blank(value) || strpbrk(value, "?#") != NULL)
		return bad(d, value, src, err, "is not an https:// URL");
	set_string(field, value);
	for (n = strlen(*field); (*field)[n - 1] == '/'; n--)
		(*field)[n - 1] = '\0';
	return 0;
}

/* A shell has expanded what stands on the command line; what stands in a file it never sees. */
static int
set_path(char **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	const char *home;

	if (src->kind != ERR_CONFIG || value[0] != '~')
		return set_string(field, value);
	if (value[1] != '/' && value[1] != '\0')
		return bad(d, value, src, err, "cannot be expanded: only ~/ can");
	home = getenv("HOME");
	if (home == NULL || *home == '\0')
		return bad(d, value, src, err, "cannot be expanded: HOME is not set");
	free(*field);
	*field = xasprintf("%s%s", home, value + 1);
	return 0;
}

static int
set_number(void *field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	uint64_t n, max = d->max;

	if (d->type == OT_UINT && max > UINT32_MAX)
		max = UINT32_MAX;
	if (parse_u64(value, d->min, max, &n) == -1) {
		if (max > UINT32_MAX)
			return bad(d, value, src, err, "is not a number of at least %llu",
			    (unsigned long long)d->min);
		return bad(d, value, src, err, "is not a number from %llu to %llu",
		    (unsigned long long)d->min, (unsigned long long)max);
	}
	if (d->type == OT_UINT)
		*(unsigned *)field = (unsigned)n;
	else
		*(uint64_t *)field = n;
	return 0;
}

static int
set_duration(void *field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	uint64_t n;

	if (parse_duration(value, &n) == -1)
		return bad(d, value, src, err, "is not a duration (seconds, or as in 5m, 2h, 30d)");
	if (n < d->min || n > d->max)
		return bad(d, value, src, err, "is not from %llu to %llu seconds", (unsigned long long)d->min,
		    (unsigned long long)d->max);
	if (d->type == OT_SECS)
		*(unsigned *)field = (unsigned)n;
	else
		*(uint64_t *)field = n;
	return 0;
}

static int
set_size(uint64_t *field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	uint64_t n;

	if (parse_size(value, &n) == -1 || n < d->min)
		return bad(d, value, src, err, "is not a size (bytes, or as in 10k, 10M, 2G)");
	*field = n;
	return 0;
}

static int
set_date(struct options *o, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	time_t t;

	if (parse_date(value, time(NULL), &t) == -1)
		return bad(d, value, src, err, "is not a date (2026-01-31, or 30d for so long ago)");
	*(time_t *)((char *)o + d->off) = t;
	*(bool *)((char *)o + d->has) = true;
	return 0;
}

/* The value of a switch: none on the command line, yes or no in a file.  1, 0, or -1. */
static int
truth(const struct optdef *d, const char *value, const struct opt_source *src, struct err *err)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	if (value == NULL)
		return 1;
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
		if (strcasecmp(value, yes[i]) == 0)
			return 1;
		if (strcasecmp(value, no[i]) == 0)
			return 0;
	}
	return bad(d, value, src, err, "is neither true nor false");
}

static int
set_switch(void *field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	int on = truth(d, value, src, err), family;

	if (on == -1)
		return -1;
	switch (d->type) {
	case OT_BOOL:
		*(bool *)field = on == 1;
		break;
	case OT_COUNT:
		*(int *)field = on == 1 ? *(int *)field + 1 : 0;
		break;
	default:
		family = d->type == OT_IPV4 ? 4 : 6;
		if (on == 1)
			*(int *)field = family;
		else if (*(int *)field == family)
			*(int *)field = 0;
		break;
	}
	return 0;
}

static int
set_cloud(const struct cloud **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	*field = cloud_find(value);
	if (*field == NULL)
		return bad(d, value, src, err, "is not one of global, gcc-high, dod, china");
	return 0;
}

static int
set_alg(enum opt_alg *field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	if (strcasecmp(value, "PS256") == 0)
		*field = ALG_PS256;
	else if (strcasecmp(value, "RS256") == 0)
		*field = ALG_RS256;
	else
		return bad(d, value, src, err, "is neither PS256 nor RS256");
	return 0;
}

static int
set_day(char **field, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	time_t t;

	if (strlen(value) != 10 || value[4] != '-' || parse_date(value, 0, &t) == -1)
		return bad(d, value, src, err, "is not a day (YYYY-MM-DD)");
	return set_string(field, value);
}

int
opt_assign(struct options *o, const struct optdef *d, const char *value, const struct opt_source *src,
    struct err *err)
{
	const char *what = value != NULL ? opt_secret(value, !opt_may_be_long(d)) : NULL;
	void *field = (char *)o + d->off;

	if (what != NULL)
		return err_set(err, src->kind, STAGE_CONFIG, src->subject,
		    "%s: %s stands here: it is neither used nor shown", d->name, what);
	if (value != NULL && *value == '\0' && d->type != OT_PROXY)
		return bad(d, value, src, err, "is empty");
	switch (d->type) {
	case OT_BOOL:
	case OT_COUNT:
	case OT_IPV4:
	case OT_IPV6:
		return set_switch(field, d, value, src, err);
	case OT_STRING:
	case OT_COMMAND:
	case OT_PROXY:
		return set_string(field, value);
	case OT_USER:
		return set_user(field, d, value, src, err);
	case OT_HOST:
		return set_host(field, d, value, src, err);
	case OT_URL:
		return set_url(field, d, value, src, err);
	case OT_DAY:
		return set_day(field, d, value, src, err);
	case OT_FILE:
	case OT_DIR:
		return set_path(field, d, value, src, err);
	case OT_LIST:
		strlist_add(field, value);
		return 0;
	case OT_UINT:
	case OT_NUMBER:
		return set_number(field, d, value, src, err);
	case OT_SIZE:
		return set_size(field, d, value, src, err);
	case OT_SECS:
	case OT_DURATION:
		return set_duration(field, d, value, src, err);
	case OT_DATE:
		return set_date(o, d, value, src, err);
	case OT_CLOUD:
		return set_cloud(field, d, value, src, err);
	case OT_ALG:
		return set_alg(field, d, value, src, err);
	case OT_HELP:
	case OT_VERSION:
	case OT_SPEC:
		break;
	}
	return 0;
}

void
opt_unset(struct options *o, const struct optdef *d)
{
	void *field = (char *)o + d->off;

	switch (d->type) {
	case OT_BOOL:
		*(bool *)field = false;
		break;
	case OT_COUNT:
	case OT_IPV4:
	case OT_IPV6:
		*(int *)field = 0;
		break;
	case OT_STRING:
	case OT_USER:
	case OT_HOST:
	case OT_URL:
	case OT_DAY:
	case OT_PROXY:
	case OT_FILE:
	case OT_DIR:
	case OT_COMMAND:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case OT_LIST:
		strlist_release(field);
		break;
	case OT_UINT:
	case OT_SECS:
		*(unsigned *)field = 0;
		break;
	case OT_NUMBER:
	case OT_SIZE:
	case OT_DURATION:
		*(uint64_t *)field = 0;
		break;
	case OT_DATE:
		*(time_t *)field = 0;
		*(bool *)((char *)o + d->has) = false;
		break;
	case OT_CLOUD:
		*(const struct cloud **)field = NULL;
		break;
	case OT_ALG:
		*(enum opt_alg *)field = ALG_PS256;
		break;
	case OT_HELP:
	case OT_VERSION:
	case OT_SPEC:
		break;
	}
}

/* How far a is from b: single letters put in, left out or changed. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b), left, up;

	if (la >= 64 || lb >= 64)
		return 64;
	for (size_t i = 0; i <= lb; i++)
		row[i] = i;
	for (size_t i = 1; i <= la; i++) {
		left = row[0];
		row[0] = i;
		for (size_t k = 1; k <= lb; k++) {
			up = row[k];
			left += a[i - 1] != b[k - 1];
			if (row[k - 1] + 1 < left)
				left = row[k - 1] + 1;
			if (up + 1 < left)
				left = up + 1;
			row[k] = left;
			left = up;
		}
	}
	return row[lb];
}

const struct optdef *
opt_find_key(const char *name, const struct opt_source *src, struct err *err)
{
	const struct optdef *d, *near = NULL;
	size_t best = 3, dist;
	bool deed = false;

	for (d = opt_table; d < opt_table + opt_table_n; d++) {
		if (strcmp(d->name, name) == 0) {
			if (d->key)
				return d;
			deed = true;
		}
		if (!d->key)
			continue;
		dist = distance(name, d->name);
		/* A beginning counts: client-secret is what many will try. */
		if (dist < best ||
		    (near == NULL && strlen(name) > 4 && strncmp(name, d->name, strlen(name)) == 0)) {
			near = d;
			best = dist < best ? dist : best;
		}
	}
	if (deed)
		err_set(err, src->kind, STAGE_CONFIG, src->subject,
		    "'%.64s' belongs on the command line, not into the configuration", name);
	else if (near != NULL)
		err_set(err, src->kind, STAGE_CONFIG, src->subject, "unknown key '%.64s': did you mean '%s'?",
		    name, near->name);
	else
		err_set(err, src->kind, STAGE_CONFIG, src->subject, "unknown key '%.64s'", name);
	return NULL;
}
