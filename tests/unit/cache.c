/* Unit test of lib/entra/cache. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entra/cache.h"
#include "t.h"

#define NOW 1700000000

static struct err err;
static char dir[4200];
static char tenant[] = "T", client[] = "C", scope[] = "S", authority[] = "https://a";
static const unsigned char fp[32] = { 1 }, fp2[32] = { 2 };

static struct cache *
open_as(const char *t, const char *c, const char *s, const char *a, const unsigned char *f)
{
	struct options o = { .cache_dir = dir };
	struct cache *k = NULL;
	char buf[4][100];

	o.tenant = strcpy(buf[0], t);
	o.client_id = strcpy(buf[1], c);
	o.scope = strcpy(buf[2], s);
	o.authority = strcpy(buf[3], a);
	err_clear(&err);
	return cache_open(&k, &o, f, &err) == 0 ? k : NULL;
}

static struct cache *
open_cache(void)
{
	return open_as(tenant, client, scope, authority, fp);
}

static void
round_trip(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT, f = CACHE_ENTRY_INIT;
	struct cache *c = open_cache();

	is_int(cache_read(c, &f, &err), 0, "nothing there");
	secret_adds(&e.token, "tok.en");
	e.cached_at = NOW;
	e.expires_on = NOW + 3600;
	e.refresh_on = NOW + 1800;
	e.refused_at = NOW - 5;
	e.later_at = NOW - 3;
	e.later_until = NOW + 60;
	err_set(&e.later, ERR_AGAIN, STAGE_TOKEN, "host", "too many \"requests\" \xc3\xa9");
	e.failed = 1234567890123456;
	err_set(&e.failure, ERR_CONFIG, STAGE_CREDENTIAL, NULL, "no");
	is_int(cache_write(c, &e, &err), 0, "written");
	is_int(cache_read(c, &f, &err), 1, "read");
	is_str(f.token.s, "tok.en", "the token");
	ok(f.cached_at == e.cached_at && f.expires_on == e.expires_on && f.refresh_on == e.refresh_on &&
		f.refused_at == e.refused_at && f.later_at == e.later_at && f.later_until == e.later_until,
	    "the times");
	ok(f.later.kind == ERR_AGAIN && f.later.stage == STAGE_TOKEN, "what the server said, its kind");
	is_str(f.later.text, e.later.text, "its text");
	is_str(f.later.subject, "host", "its subject");
	ok(f.failed == e.failed && f.failure.kind == ERR_CONFIG && f.failure.stage == STAGE_CREDENTIAL,
	    "the failure");
	cache_entry_release(&e);
	is_int(cache_write(c, &e, &err), 0, "an empty one");
	is_int(cache_read(c, &f, &err), 1, "is read, too");
	ok(f.token.len == 0 && f.failed == 0 && f.later_until == 0, "and empty");
	cache_entry_release(&f);
	cache_free(c);
}

static void
keys(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c = open_cache();

	secret_adds(&e.token, "mine");
	cache_write(c, &e, &err);
	cache_free(c);
#define OTHER(want, name, ...) \
	do { \
		c = open_as(__VA_ARGS__); \
		is_int(cache_read(c, &e, &err), want, name); \
		cache_free(c); \
	} while (0)
	OTHER(1, "the same key", "T", "C", "S", "https://a", fp);
	OTHER(1, "in another case", "t", "c", "S", "HTTPS://A", fp);
	OTHER(0, "another tenant", "T2", "C", "S", "https://a", fp);
	OTHER(0, "another client", "T", "C2", "S", "https://a", fp);
	OTHER(0, "another scope", "T", "C", "s", "https://a", fp);
	OTHER(0, "another authority", "T", "C", "S", "https://b", fp);
	OTHER(0, "another credential", "T", "C", "S", "https://a", fp2);
	OTHER(0, "no two keys run together", "TC", "", "S", "https://a", fp);
#undef OTHER
	cache_entry_release(&e);
}

/* The one cache file with a token in it. */
static char *
file_name(void)
{
	static char path[8600];
	struct dirent *d;
	DIR *h = opendir(dir);

	path[0] = '\0';
	while (h != NULL && (d = readdir(h)) != NULL)
		if (strstr(d->d_name, ".json") != NULL)
			snprintf(path, sizeof path, "%s/%s", dir, d->d_name);
	if (h != NULL)
		closedir(h);
	return path;
}

static void
damage(const char *text, const char *name)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c = open_cache();
	FILE *f = fopen(file_name(), "w");

	fputs(text, f);
	fclose(f);
	is_int(cache_read(c, &e, &err), -1, "%s", name);
	ok(e.token.len == 0, "gives no token");
	cache_entry_release(&e);
	cache_free(c);
}

static void
untrusted(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c = open_cache();
	struct stat st;
	char *p = file_name(), other[8700];

	ok(stat(p, &st) == 0 && (st.st_mode & 0777) == 0600, "a cache file is 0600");
	ok(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700, "in a directory of 0700");
	damage("", "an empty file");
	damage("{\"version\":1,\"access_token\":\"to", "a torn one");
	damage("{\"version\":2,\"access_token\":\"tok\"}", "one of a later version");
	damage("[1]", "no object");
	secret_adds(&e.token, "tok");
	is_int(cache_write(c, &e, &err), 0, "a new one takes its place");
	is_int(cache_read(c, &e, &err), 1, "and is good");
	chmod(p, 0640);
	is_int(cache_read(c, &e, &err), -1, "not if others can read it");
	chmod(p, 0600);
	snprintf(other, sizeof other, "%s/other", dir);
	ok(link(p, other) == 0, "a second name");
	is_int(cache_read(c, &e, &err), -1, "not then");
	ok(unlink(p) == 0 && symlink(other, p) == 0, "a symbolic link");
	is_int(cache_read(c, &e, &err), -1, "not then");
	is_int(cache_write(c, &e, &err), 0, "it is replaced");
	ok(lstat(p, &st) == 0 && S_ISREG(st.st_mode), "by a file");
	unlink(other);
	cache_entry_release(&e);
	cache_free(c);
}

/* What a lock of another process says.  Not inlined, for valgrind to see our own cache from the child. */
static int __attribute__((noinline)) lock_as_other(int wait_ms)
{
	struct cache *c;
	int status = -1, r;
	pid_t pid = fork();

	if (pid == 0) {
		c = open_cache();
		r = cache_lock(c, wait_ms, &err);
		cache_free(c);
		_exit(-r);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000;
}

static void
locks(void)
{
	struct cache *a = open_cache();

	is_int(cache_lock(a, -1, &err), 0, "a lock");
	is_int(lock_as_other(0), -2, "keeps others out");
	cache_unlock(a);
	is_int(lock_as_other(10000), 0, "until it is opened, or its process has gone");
	is_int(cache_lock(a, 0, &err), 0, "so it can be had again");
	cache_free(a);
}

/* A file of the cache directory; made if there is none.  Is it there? */
static bool
leftover(const char *name, bool make)
{
	char path[9000];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (make)
		close(open(path, O_WRONLY | O_CREAT, 0600));
	return lstat(path, &st) == 0;
}

/* What processes that were killed while they wrote the token have left. */
static void
leftovers(void)
{
	const char *json = strrchr(file_name(), '/') + 1;
	char mine[300], longer[310], shorter[300], target[9000], link[9000];
	char others[] = ".0123.json.0123456789abcdef";
	struct cache *c = open_cache();
	struct cache_entry e = CACHE_ENTRY_INIT;

	snprintf(mine, sizeof mine, ".%s.0123456789abcdef", json);
	snprintf(longer, sizeof longer, "%s0", mine);
	snprintf(shorter, sizeof shorter, ".%s.0123456789abcdeg", json);
	ok(leftover(mine, true) && leftover(longer, true) && leftover(shorter, true) &&
		leftover(others, true),
	    "files in the cache directory");
	snprintf(target, sizeof target, "%s/target", t_tmpdir());
	snprintf(link, sizeof link, "%s/.%s.fedcba9876543210", dir, json);
	close(open(target, O_WRONLY | O_CREAT, 0600));
	ok(symlink(target, link) == 0, "a symbolic link");
	is_int(cache_read(c, &e, &err), 1, "reading");
	ok(leftover(mine, false), "removes nothing");
	is_int(cache_lock(c, 0, &err), 0, "the lock");
	ok(!leftover(mine, false), "removes what a killed one has left");
	ok(leftover(longer, false) && leftover(shorter, false) && leftover(others, false),
	    "but nothing of another name");
	ok(access(link, F_OK) == -1 && access(target, F_OK) == 0, "a link goes, not what it leads to");
	is_int(cache_read(c, &e, &err), 1, "the token is there");
	cache_entry_release(&e);
	cache_free(c);
}

static void
ages(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	bool changed;

	ok(!cache_usable(&e, NOW, 0), "no token is not usable");
	secret_adds(&e.token, "tok");
	e.cached_at = NOW;
	e.expires_on = NOW + 1000;
	ok(cache_usable(&e, NOW + 700, 300), "300 seconds left are enough");
	ok(!cache_usable(&e, NOW + 701, 300), "299 are not");
	ok(cache_usable(&e, NOW + 999, 0), "to the last second, if that is wanted");
	ok(!cache_usable(&e, NOW + 1000, 0), "but not longer");
	ok(!cache_usable(&e, NOW - 1, 300), "not if it comes from the future");
	e.expires_on = NOW + 10000000;
	ok(!cache_usable(&e, NOW, 300), "nor if it lives for ever");
	ok(!cache_refresh_due(&e, NOW), "no refresh time, no refresh");
	e.refresh_on = NOW + 5;
	ok(!cache_refresh_due(&e, NOW + 4), "not yet");
	ok(cache_refresh_due(&e, NOW + 5), "now");

	is_int(cache_later(&e, NOW, &changed), 0, "nobody said later");
	e.later_at = NOW;
	e.later_until = NOW + 60;
	is_int(cache_later(&e, NOW + 10, &changed), 50, "later");
	ok(!changed, "as noted");
	is_int(cache_later(&e, NOW + 60, &changed), 0, "is over");
	is_int(cache_later(&e, NOW - 500, &changed), 60,
	    "a clock that was set back: its own length from now");
	ok(changed && e.later_at == NOW - 500, "which is noted");
	is_int(cache_later(&e, NOW - 441, &changed), 1, "and ends");
	e.later_at = NOW;
	e.later_until = NOW + 100000;
	is_int(cache_later(&e, NOW, &changed), CACHE_LATER_MAX, "an hour at most");
	cache_entry_release(&e);
}

int
main(void)
{
	snprintf(dir, sizeof dir, "%s/cache", t_tmpdir());
	round_trip();
	keys();
	untrusted();
	locks();
	leftovers();
	ages();
	return done_testing();
}
