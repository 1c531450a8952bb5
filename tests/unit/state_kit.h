/* state_kit: what the tests of the state share; everything is static, as in t.h. */
#ifndef MSTOOLS_STATE_KIT_H
#define MSTOOLS_STATE_KIT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "mail/state.h"
#include "t.h"

#define USER "Alice@Example.com"
#define HOST "outlook.office365.com"

static struct err err;

static char *path_of(const char *name) T_UNUSED;
static struct state *open_state(const char *path) T_UNUSED;
static struct state_msg msg(uint32_t uid) T_UNUSED;
static bool same_msg(const struct state_msg *a, const struct state_msg *b) T_UNUSED;
static void write_file(const char *path, const char *data, size_t n) T_UNUSED;
static void plant(const char *target, const char *path) T_UNUSED;
static void cut(const char *path, off_t size) T_UNUSED;
static int count_row(const struct state_row *r, void *arg) T_UNUSED;
static int count_msg(const struct state_msg *m, void *arg) T_UNUSED;
static int pending(struct state *st) T_UNUSED;
static int debt(struct state *st, const char *user) T_UNUSED;
static int group(struct state *st, int64_t gen, uint32_t lo, uint32_t hi) T_UNUSED;

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", t_tmpdir(), name);
}

static struct state *
open_state(const char *path)
{
	struct state *st = NULL;

	err_clear(&err);
	if (state_open(&st, path, STATE_CREATE, &err) != 1)
		printf("Bail out! cannot open the state: %s: %s\n", err.subject, err.text);
	return st;
}

static struct state_msg
msg(uint32_t uid)
{
	struct state_msg m = { .uid = uid,
		.date = 1700000000 + uid,
		.bytes = 1000 + uid,
		.msgid = 0xfedcba9876543210ULL + uid,
		.slot = uid + 7,
		.flags = uid % 64,
		.how = HOW_FILE };
	size_t i;

	for (i = 0; i < sizeof m.sha256; i++)
		m.sha256[i] = (unsigned char)(uid * 31 + i * 7 + 1);
	return m;
}

static bool
same_msg(const struct state_msg *a, const struct state_msg *b)
{
	return a->uid == b->uid && a->date == b->date && a->bytes == b->bytes && a->msgid == b->msgid &&
	    a->flags == b->flags && a->how == b->how && memcmp(a->sha256, b->sha256, 32) == 0;
}

static void
write_file(const char *path, const char *data, size_t n)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(data, 1, n, f) != n || fclose(f) != 0)
		printf("Bail out! cannot write %s\n", path);
}

static void
plant(const char *target, const char *path)
{
	if (symlink(target, path) == -1)
		printf("Bail out! cannot link %s\n", path);
}

static void
cut(const char *path, off_t size)
{
	if (truncate(path, size) == -1)
		printf("Bail out! cannot truncate %s\n", path);
}

static int
count_row(const struct state_row *r, void *arg)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

static int
count_msg(const struct state_msg *m, void *arg)
{
	(void)m;
	++*(int *)arg;
	return 0;
}

static int
pending(struct state *st)
{
	int n = 0;

	return state_pending_each(st, count_row, &n, &err) == 0 ? n : -1;
}

static int
debt(struct state *st, const char *user)
{
	int n = 0;

	return state_debt_each(st, user, HOST, count_row, &n, &err) == 0 ? n : -1;
}

static int
group(struct state *st, int64_t gen, uint32_t lo, uint32_t hi)
{
	struct state_msg m;

	if (state_begin(st, &err) == -1)
		return -1;
	for (; lo <= hi; lo++) {
		m = msg(lo);
		if (state_msg_add(st, gen, &m, &err) == -1)
			return -1;
	}
	return 0;
}

#endif
