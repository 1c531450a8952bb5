/* cache: see cache.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cachedir.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/util.h"
#include "cache.h"
#include "json.h"
#include "reply.h"

#define FILE_MAX (256 * 1024)
#define VERSION 1
#define NAME_SIZE 80

struct cache {
	int dirfd, lockfd;
	char name[NAME_SIZE], lock[NAME_SIZE];
};

/* Hosts, tenants and client ids are the same in any case; a scope need not be. */
static void
add_key(struct str *s, const char *v, bool fold)
{
	for (; *v != '\0'; v++)
		str_addc(s, fold && *v >= 'A' && *v <= 'Z' ? (char)(*v - 'A' + 'a') : *v);
	str_addc(s, '\0');
}

static void
make_names(struct cache *c, const struct options *o, const unsigned char fingerprint[32])
{
	unsigned char md[SHA256_SIZE];
	struct str key = STR_INIT;
	char digits[2 * SHA256_SIZE + 1];

	add_key(&key, o->authority, true);
	add_key(&key, o->tenant, true);
	add_key(&key, o->client_id, true);
	add_key(&key, o->scope, false);
	str_add(&key, fingerprint, 32);
	sha256_of(md, key.s, key.len);
	str_release(&key);
	hex(digits, md, SHA256_SIZE);
	snprintf(c->name, sizeof c->name, "%s.json", digits);
	snprintf(c->lock, sizeof c->lock, "%s.lock", digits);
}

int
cache_open(struct cache **cp, const struct options *o, const unsigned char fingerprint[32], struct err *err)
{
	struct cache *c = xcalloc(1, sizeof *c);

	c->lockfd = -1;
	c->dirfd = cachedir_open(o->cache_dir, err);
	if (c->dirfd == -1) {
		free(c);
		return -1;
	}
	make_names(c, o, fingerprint);
	*cp = c;
	return 0;
}

void
cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	cache_unlock(c);
	close(c->dirfd);
	free(c);
}

static int64_t
time_of(const json_t *j, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(j, name));

	return n > 0 ? n : 0;
}

static const char *
text_of(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s != NULL ? s : "";
}

/* Kinds and stages are written as the exit status and the name: these do not change. */
static void
err_load(struct err *e, const json_t *j)
{
	json_int_t status = json_integer_value(json_object_get(j, "status"));
	enum err_kind kind = ERR_INTERNAL;
	enum err_stage stage = STAGE_TOKEN;

	for (enum err_kind k = ERR_CONFIG; k < ERR_KINDS; k++)
		if (err_status(k) == status)
			kind = k;
	for (enum err_stage s = STAGE_NONE; s < STAGES; s++)
		if (strcmp(err_stage_name(s), text_of(j, "stage")) == 0)
			stage = s;
	err_set(e, kind, stage, text_of(j, "subject"), "%s", text_of(j, "text"));
}

static json_t *
err_dump(const struct err *e)
{
	return json_pack("{s:i, s:s, s:s, s:s}", "status", err_status(e->kind), "stage",
	    err_stage_name(e->stage), "subject", e->subject, "text", e->text);
}

static int
load(struct cache_entry *e, const json_t *j)
{
	const json_t *v;

	if (json_integer_value(json_object_get(j, "version")) != VERSION)
		return -1;
	e->cached_at = time_of(j, "cached_at");
	e->expires_on = time_of(j, "expires_on");
	e->refresh_on = time_of(j, "refresh_on");
	e->refused_at = time_of(j, "refused_at");
	if (*text_of(j, "access_token") != '\0')
		secret_adds(&e->token, text_of(j, "access_token"));
	if ((v = json_object_get(j, "later")) != NULL) {
		e->later_at = time_of(v, "noted_at");
		e->later_until = time_of(v, "until");
		err_load(&e->later, v);
	}
	if ((v = json_object_get(j, "failure")) != NULL) {
		e->failed = (uint64_t)time_of(v, "id");
		err_load(&e->failure, v);
	}
	return 0;
}

int
cache_read(struct cache *c, struct cache_entry *e, struct err *err)
{
	struct secret text = SECRET_INIT;
	json_t *j = NULL;
	int r;

	cache_entry_release(e);
	json_cleansing();
	r = cachedir_read(c->dirfd, c->name, FILE_MAX, &text, err);
	if (r == 1) {
		j = text.len > 0 ? json_loadb(text.s, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
		if (load(e, j) == -1)
			r = err_set(err, ERR_IO, STAGE_FILE, c->name,
			    "the cached file is not used: "
			    "not understood");
	}
	json_decref(j);
	secret_release(&text);
	return r;
}

static void
set_time(json_t *j, const char *name, int64_t t)
{
	if (t != 0)
		json_object_set_new(j, name, json_integer(t));
}

static char *
dump(const struct cache_entry *e)
{
	json_t *j = json_object(), *v;
	char *text;

	json_object_set_new(j, "version", json_integer(VERSION));
	if (e->token.len > 0)
		json_object_set_new(j, "access_token", json_stringn(e->token.s, e->token.len));
	set_time(j, "cached_at", e->cached_at);
	set_time(j, "expires_on", e->expires_on);
	set_time(j, "refresh_on", e->refresh_on);
	set_time(j, "refused_at", e->refused_at);
	if (e->later_until != 0) {
		v = err_dump(&e->later);
		set_time(v, "noted_at", e->later_at);
		set_time(v, "until", e->later_until);
		json_object_set_new(j, "later", v);
	}
	if (e->failed != 0) {
		v = err_dump(&e->failure);
		json_object_set_new(v, "id", json_integer((json_int_t)e->failed));
		json_object_set_new(j, "failure", v);
	}
	text = json_dumps(j, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	json_decref(j);
	if (text == NULL)
		util_no_memory();
	return text;
}

int
cache_write(struct cache *c, const struct cache_entry *e, struct err *err)
{
	char *text;
	int r;

	json_cleansing();
	text = dump(e);
	r = file_replace(c->dirfd, c->name, text, strlen(text), err);
	secret_free_string(text);
	return r;
}

void
cache_entry_release(struct cache_entry *e)
{
	secret_release(&e->token);
	*e = (struct cache_entry)CACHE_ENTRY_INIT;
}

int
cache_lock(struct cache *c, int wait_ms, struct err *err)
{
	int fd = file_lock(c->dirfd, c->lock, wait_ms, err);

	if (fd < 0)
		return fd;
	cache_unlock(c);
	c->lockfd = fd;
	file_replace_tidy(c->dirfd, c->name);
	return 0;
}

void
cache_unlock(struct cache *c)
{
	if (c->lockfd != -1)
		close(c->lockfd);
	c->lockfd = -1;
}

bool
cache_usable(const struct cache_entry *e, int64_t now, unsigned min_valid)
{
	return e->token.len > 0 && e->cached_at <= now && e->expires_on > now &&
	    e->expires_on - now >= min_valid && e->expires_on - e->cached_at <= REPLY_EXPIRES_MAX;
}

bool
cache_refresh_due(const struct cache_entry *e, int64_t now)
{
	return e->refresh_on != 0 && now >= e->refresh_on;
}

unsigned
cache_later(struct cache_entry *e, int64_t now, bool *changed)
{
	int64_t length = e->later_until - e->later_at;

	*changed = false;
	if (e->later_until == 0 || length <= 0)
		return 0;
	if (length > CACHE_LATER_MAX)
		length = CACHE_LATER_MAX;
	if (e->later_at > now) {
		e->later_at = now;
		*changed = true;
	}
	e->later_until = e->later_at + length;
	return e->later_until > now ? (unsigned)(e->later_until - now) : 0;
}
