/* cache_fault: the token cache when the system or memory fails it: no token that is none, no damage. */
#include "faults.h"

#include <sys/wait.h>

#include <jansson.h>

#include "entra/cache.h"
#include "t.h"

NAMED(char *, json_dumps, NULL, (const json_t *j, size_t flags), (j, flags))

static char dir[4200];
static char tenant[] = "T", client[] = "C", scope[] = "S", authority[] = "https://a";
static const unsigned char fp[32] = { 1 };
static struct err err;

static int
open_cache(struct cache **c)
{
	struct options o = { .cache_dir = dir,
		.tenant = tenant,
		.client_id = client,
		.scope = scope,
		.authority = authority };

	*c = NULL;
	err_clear(&err);
	return cache_open(c, &o, fp, &err);
}

/* Reads and writes under the lock, as token does.  -1: something failed, and *c is to be freed. */
static int
use(struct cache **c, struct cache_entry *e, const char *token)
{
	if (open_cache(c) == -1 || cache_lock(*c, 0, &err) != 0 || cache_read(*c, e, &err) == -1)
		return -1;
	secret_release(&e->token);
	secret_adds(&e->token, token);
	return cache_write(*c, e, &err);
}

/* The token that is there: the old one, the new one (2), or neither (0). */
static int
there(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c;
	int which = 0;

	if (open_cache(&c) == 0 && cache_read(c, &e, &err) == 1 && e.token.len > 0)
		which = strcmp(e.token.s, "old") == 0 ? 1 : strcmp(e.token.s, "new") == 0 ? 2 : 0;
	cache_entry_release(&e);
	cache_free(c);
	return which;
}

static void
sweep(enum fault_how how, const char *name)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c;
	bool fired = true;
	int n, rc, bad = 0;

	for (n = 1; fired; n++) {
		if (use(&c, &e, "old") == -1)
			bad++;
		cache_entry_release(&e);
		cache_free(c);
		fault_at(n, how);
		rc = use(&c, &e, "new");
		fired = fault_off();
		if (rc == -1 && err.kind == ERR_NONE)
			bad++;
		cache_entry_release(&e);
		cache_free(c);
		rc = rc == 0 ? there() != 2 : there() == 0;
		if (rc != 0)
			note("%s, call %d", fault_name, n);
		bad += rc;
	}
	ok(n > 8, "%d calls fail in turn%s", n - 2, name);
	is_int(bad, 0, "and the token is the old one or the new one");
}

static void
no_memory(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		fault_only = "json_dumps";
		fault_at(1, SOON);
		use(&c, &e, "new");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 71, "no memory: 71");
	is_int(there(), 1, "and the file is as it was");
}

int
main(void)
{
	struct cache_entry e = CACHE_ENTRY_INIT;
	struct cache *c;

	snprintf(dir, sizeof dir, "%s/cache", t_tmpdir());
	sweep(SOON, "");
	sweep(LATE, ", their work done");
	sweep(STAY, ", and all that follow");
	is_int(use(&c, &e, "old"), 0, "it still works");
	cache_entry_release(&e);
	cache_free(c);
	no_memory();
	return done_testing();
}
