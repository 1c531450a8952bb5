/* claims: see claims.h. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/err.h"
#include "claims.h"

#define PAYLOAD_MAX (64 * 1024) /* of base64url */
#define STRING_MAX 512
#define ROLES_MAX 100

/* The payload as an object; NULL if token is no JWT (RFC 7519: three parts, RFC 7515 for their form). */
static json_t *
payload(const char *token, size_t len)
{
	const char *one = memchr(token, '.', len), *two;
	unsigned char *raw;
	json_t *j = NULL;
	size_t n;

	if (one == NULL)
		return NULL;
	one++;
	two = memchr(one, '.', len - (size_t)(one - token));
	if (two == NULL || two - one > PAYLOAD_MAX)
		return NULL;
	raw = unbase64(one, (size_t)(two - one), &n);
	if (raw == NULL)
		return NULL;
	j = json_loadb((char *)raw, n, JSON_REJECT_DUPLICATES, NULL);
	explicit_bzero(raw, n);
	free(raw);
	if (!json_is_object(j)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/* The string, printable and bounded; malloc'd, NULL if v is none. */
static char *
string(const json_t *v)
{
	char buf[STRING_MAX];

	if (!json_is_string(v))
		return NULL;
	return xstrdup(err_printable(buf, sizeof buf, json_string_value(v), json_string_length(v)));
}

/* The first of the named claims that is there. */
static char *
claim(const json_t *j, const char *a, const char *b, const char *c)
{
	const char *const names[] = { a, b, c };
	char *s = NULL;

	for (size_t i = 0; s == NULL && i < 3; i++)
		if (names[i] != NULL)
			s = string(json_object_get(j, names[i]));
	return s;
}

/* NumericDate may have a fraction (RFC 7519 section 2). */
static int64_t
date(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);
	double d = json_is_number(v) ? json_number_value(v) : 0;

	return d > 0 && d < 1e15 ? (int64_t)d : 0;
}

static char *
audience(const json_t *j)
{
	const json_t *v = json_object_get(j, "aud");

	return string(json_is_array(v) ? json_array_get(v, 0) : v);
}

static void
add_roles(struct strlist *roles, const json_t *v)
{
	char *s;

	for (size_t i = 0; i < json_array_size(v) && roles->n < ROLES_MAX; i++) {
		s = string(json_array_get(v, i));
		if (s != NULL && *s != '\0')
			strlist_add(roles, s);
		free(s);
	}
}

int
claims_parse(const char *token, size_t len, struct claims *c)
{
	json_t *j = payload(token, len);

	memset(c, 0, sizeof *c);
	if (j == NULL)
		return 0;
	c->aud = audience(j);
	c->iss = claim(j, "iss", NULL, NULL);
	c->sub = claim(j, "sub", NULL, NULL);
	c->ver = claim(j, "ver", NULL, NULL);
	c->idtyp = claim(j, "idtyp", NULL, NULL);
	c->appid = claim(j, "appid", "azp", NULL);
	c->app_displayname = claim(j, "app_displayname", NULL, NULL);
	c->oid = claim(j, "oid", NULL, NULL);
	c->tid = claim(j, "tid", NULL, NULL);
	c->upn = claim(j, "upn", "preferred_username", "unique_name");
	c->scp = claim(j, "scp", NULL, NULL);
	add_roles(&c->roles, json_object_get(j, "roles"));
	c->exp = date(j, "exp");
	c->nbf = date(j, "nbf");
	c->iat = date(j, "iat");
	json_decref(j);
	return 1;
}

void
claims_release(struct claims *c)
{
	char *const strings[] = {
		c->aud,
		c->iss,
		c->sub,
		c->ver,
		c->idtyp,
		c->appid,
		c->app_displayname,
		c->oid,
		c->tid,
		c->upn,
		c->scp,
	};

	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
		free(strings[i]);
	strlist_release(&c->roles);
	memset(c, 0, sizeof *c);
}

bool
claims_has_permission(const struct claims *c)
{
	return c->roles.n > 0 || (c->scp != NULL && *c->scp != '\0');
}

bool
claims_has(const struct claims *c, const char *permission)
{
	size_t want = strlen(permission), n;
	const char *s;

	for (size_t i = 0; i < c->roles.n; i++)
		if (strcasecmp(c->roles.v[i], permission) == 0)
			return true;
	for (s = c->scp != NULL ? c->scp : ""; *s != '\0'; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " ");
		if (n == want && strncasecmp(s, permission, n) == 0)
			return true;
	}
	return false;
}

char *
claims_json(const char *token, size_t len)
{
	json_t *j = payload(token, len);
	char *s;

	if (j == NULL)
		return NULL;
	s = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	json_decref(j);
	if (s == NULL)
		util_no_memory();
	return s;
}
