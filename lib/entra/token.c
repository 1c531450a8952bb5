/*
 * token: see token.h.
 *
 * - The cache is read without its lock; only who has to ask takes it, and then
 *   looks again: another one may have asked meanwhile, well or in vain.
 * - "In vain" is told by the failure's number: if it is not the one that was
 *   there before we waited, it is of an attempt that ended while we did.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "cache.h"
#include "claims.h"
#include "credential.h"
#include "request.h"
#include "token.h"

#define LOCK_WAIT_MS 180000 /* two requests with all their time limits */

struct get {
	const struct options *o; /* foreign */
	struct credential *cred; /* foreign */
	struct cache *cache;	 /* owned; NULL: none */
	struct cache_entry e;
	const char *refused; /* $MSTOOLS_REFUSED, or NULL */
	struct token *t;     /* where it goes */
};

void
token_release(struct token *t)
{
	secret_release(&t->value);
	*t = (struct token)TOKEN_INIT;
}

char *
token_url(const struct options *o)
{
	return xasprintf("%s/%s/oauth2/v2.0/token", o->authority, o->tenant);
}

/* The cached token is the one that was refused. */
static bool
is_refused(const struct get *g)
{
	char id[TOKEN_ID_SIZE];

	if (g->refused == NULL || g->e.token.len == 0)
		return false;
	token_id(id, g->e.token.s, g->e.token.len);
	return strcmp(id, g->refused) == 0;
}

static int
use_cached(struct get *g)
{
	secret_clear(&g->t->value);
	secret_add(&g->t->value, g->e.token.s, g->e.token.len);
	g->t->obtained = g->e.cached_at;
	g->t->expires_on = g->e.expires_on;
	g->t->refresh_on = g->e.refresh_on;
	g->t->from_cache = true;
	return 0;
}

static void
warn_expiry(const struct credential *c)
{
	int64_t end = credential_expires(c), now = time(NULL);
	const char *what = c->type == CREDENTIAL_CERT ? "the certificate" : "the client secret";

	if (end == 0 || end - now >= CREDENTIAL_WARN_SECS)
		return;
	if (end <= now)
		log_v(0, "%s: %s has expired", c->name, what);
	else
		log_v(0,
		    "%s: %s expires in %lld days; make a new one in the Entra admin center, under "
		    "App registrations, Certificates & secrets",
		    c->name, what, (long long)((end - now) / 86400));
}

/* False for a JWT without any permission: once an administrator consents, asking again brings a better one. */
static bool
worth_keeping(const struct token *t)
{
	struct claims c;
	bool good;

	good = claims_parse(t->value.s, t->value.len, &c) == 0 || claims_has_permission(&c);
	if (!good)
		log_v(0,
		    "the token holds no permission (neither roles nor scp), so Exchange will refuse "
		    "it: has an administrator consented to IMAP.AccessAsApp of Office 365 Exchange Online?");
	claims_release(&c);
	return good;
}

static void
store(struct get *g)
{
	struct err err = ERR_INIT;

	if (cache_write(g->cache, &g->e, &err) == -1)
		log_v(0, "the token is not cached: %s: %s", err.subject, err.text);
}

static void
note_success(struct get *g, bool was_refused)
{
	int64_t refused_at = was_refused ? g->t->obtained : g->e.refused_at;

	cache_entry_release(&g->e);
	secret_add(&g->e.token, g->t->value.s, g->t->value.len);
	g->e.cached_at = g->t->obtained;
	g->e.expires_on = g->t->expires_on;
	g->e.refresh_on = g->t->refresh_on;
	g->e.refused_at = refused_at;
	store(g);
}

/* The next failure's number: random, so that no two attempts share one; fits JSON's integers. */
static uint64_t
failure_number(void)
{
	uint64_t n = 0;

	if (random_bytes(&n, sizeof n) == -1)
		n = (uint64_t)now_ms();
	return (n >> 12) | 1;
}

static void
note_failure(struct get *g, const struct err *err, bool later, long retry_after)
{
	g->e.failed = failure_number();
	g->e.failure = *err;
	g->e.later_at = g->e.later_until = 0;
	if (later) {
		g->e.later = *err;
		g->e.later_at = time(NULL);
		g->e.later_until = g->e.later_at + (retry_after > 0 ? retry_after : CACHE_LATER_DEFAULT);
	}
	store(g);
}

static int
fetch(struct get *g, struct err *err)
{
	bool was_refused = g->cache != NULL && is_refused(g), later;
	long retry_after;

	if (request_token(g->o, g->cred, g->t, &later, &retry_after, err) == -1) {
		if (g->cache != NULL)
			note_failure(g, err, later, retry_after);
		return -1;
	}
	warn_expiry(g->cred);
	if (worth_keeping(g->t) && g->cache != NULL)
		note_success(g, was_refused);
	return 0;
}

static int
say_later(const struct get *g, unsigned secs, struct err *err)
{
	return err_set(err, ERR_AGAIN, g->e.later.stage, g->e.later.subject,
	    "%s; not asked again for another %u seconds", g->e.later.text, secs);
}

/* With the lock, the cache read again, and nothing usable in it: asks, if that may be. */
static int
ask(struct get *g, bool keep, struct err *err)
{
	struct err why = ERR_INIT;
	bool changed;
	unsigned secs = cache_later(&g->e, time(NULL), &changed);

	if (changed)
		store(g);
	if (secs > 0) {
		if (keep)
			return use_cached(g);
		return say_later(g, secs, err);
	}
	if (fetch(g, &why) == 0)
		return 0;
	if (keep) {
		log_v(1, "the token could not be renewed: %s: %s; the old one is still good", why.subject,
		    why.text);
		return use_cached(g);
	}
	*err = why;
	return -1;
}

static void
reread(struct get *g)
{
	struct err err = ERR_INIT;

	if (cache_read(g->cache, &g->e, &err) == -1)
		log_v(0, "%s: %s", err.subject, err.text);
}

/* A token that was refused is replaced once a minute; more often would only load the endpoint. */
static bool
replaced_just_now(const struct get *g, int64_t now)
{
	return g->e.refused_at != 0 && g->e.refused_at <= now && now - g->e.refused_at < CACHE_REFUSED_SECS;
}

/*
 * With the lock: keep says that the token read before was good, and only due
 * for a refresh; failed is the failure that was known then, before its token's
 * time.
 */
static int
locked(struct get *g, bool keep, uint64_t failed, int64_t before, struct err *err)
{
	int64_t now = time(NULL);
	bool usable;

	reread(g);
	usable = cache_usable(&g->e, now, g->o->min_valid);
	keep = keep && usable;
	if (usable && !is_refused(g) &&
	    (g->e.cached_at != before || (!g->o->force && !cache_refresh_due(&g->e, now))))
		return use_cached(g);
	if (g->e.failed != 0 && g->e.failed != failed) {
		if (keep)
			return use_cached(g);
		*err = g->e.failure;
		return -1;
	}
	if (usable && is_refused(g) && replaced_just_now(g, now)) {
		log_v(1, "the token that was refused is less than %d seconds old: no other one",
		    CACHE_REFUSED_SECS);
		return use_cached(g);
	}
	return ask(g, keep, err);
}

static int
with_cache(struct get *g, struct err *err)
{
	int64_t now = time(NULL), before;
	bool usable, keep;
	uint64_t failed;
	int r;

	if (cache_read(g->cache, &g->e, NULL) == -1)
		cache_entry_release(&g->e); /* warned about below, where it matters */
	usable = !g->o->force && !is_refused(g) && cache_usable(&g->e, now, g->o->min_valid);
	if (usable && !cache_refresh_due(&g->e, now))
		return use_cached(g);
	keep = usable;
	failed = g->e.failed;
	before = g->e.cached_at;
	r = cache_lock(g->cache, 0, err);
	if (r == -2 && !keep) {
		log_v(1, "another process is asking for this token: waiting for it");
		r = cache_lock(g->cache, LOCK_WAIT_MS, err);
	}
	if (r == 0)
		r = locked(g, keep, failed, before, err);
	else if (keep)
		r = use_cached(g); /* another one is refreshing it */
	else if (r == -2)
		r = err_set(err, ERR_AGAIN, STAGE_TOKEN, NULL,
		    "another mstoken has been asking for this token for %d seconds", LOCK_WAIT_MS / 1000);
	else {
		log_v(0, "going on without the cache: %s: %s", err->subject, err->text);
		cache_free(g->cache);
		g->cache = NULL;
		r = fetch(g, err);
	}
	return r;
}

/* Printable ASCII: what goes into a URL, a form and JSON without a second thought. */
static int
check_plain(const char *what, const char *s, const char *more, struct err *err)
{
	for (; *s != '\0'; s++)
		if ((*s < '!' || *s > '~') && strchr(more, *s) == NULL)
			return err_set(err, ERR_CONFIG, STAGE_CONFIG, NULL,
			    "the %s has characters that cannot be in one", what);
	return 0;
}

static int
check_tenant(const char *tenant, struct err *err)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

	if (tenant == NULL || *tenant == '\0')
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, NULL,
		    "no tenant: give --tenant, the directory (tenant) ID or a domain of the organization");
	if (tenant[strspn(tenant, chars)] != '\0')
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, tenant,
		    "no tenant: neither a GUID nor a domain");
	if (strcasecmp(tenant, "common") == 0 || strcasecmp(tenant, "organizations") == 0 ||
	    strcasecmp(tenant, "consumers") == 0)
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, tenant,
		    "an application gets its token from one tenant: give its directory (tenant) ID");
	return 0;
}

int
token_check(const struct options *o, struct err *err)
{
	if (check_tenant(o->tenant, err) == -1)
		return -1;
	if (o->client_id == NULL || *o->client_id == '\0')
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, NULL,
		    "no client id: give --client-id, the application (client) ID of the app registration");
	if (check_plain("client id", o->client_id, "", err) == -1 ||
	    check_plain("scope", o->scope, " ", err) == -1 ||
	    check_plain("authority", o->authority, "", err) == -1)
		return -1;
	if (strncasecmp(o->authority, "https://", 8) != 0)
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, o->authority,
		    "the authority must be an https URL");
	return 0;
}

int
token_get_with(const struct options *o, struct credential *cred, struct token *t, struct err *err)
{
	struct get g = { .o = o, .cred = cred, .e = CACHE_ENTRY_INIT, .t = t };
	struct err why = ERR_INIT;
	int r;

	g.refused = getenv("MSTOOLS_REFUSED");
	if (!o->no_cache && cache_open(&g.cache, o, cred->fingerprint, &why) == -1)
		log_v(0, "going on without the cache: %s: %s", why.subject, why.text);
	r = g.cache != NULL ? with_cache(&g, &why) : fetch(&g, &why);
	if (r == -1 && err != NULL)
		*err = why;
	cache_entry_release(&g.e);
	cache_free(g.cache);
	return r;
}

int
token_get(const struct options *o, struct token *t, struct err *err)
{
	struct credential cred;
	int r;

	if (token_check(o, err) == -1)
		return -1;
	r = credential_open(&cred, o, err);
	if (r == 0)
		r = token_get_with(o, &cred, t, err);
	credential_release(&cred);
	return r;
}
