/*
 * opt_secret: what people paste where the name of a file should be.
 *
 * - An access token: a JWT (RFC 7515, RFC 7516: base64url and dots, the first
 *   part a JSON object), or a word longer than what may stand there, such as
 *   Microsoft's opaque tokens; folders, searches and commands may be as long.
 * - A client secret of Entra ID: 40 characters, a digit and "Q~" after three.
 */
#include <string.h>

#include "optdef.h"

#define WORD 400 /* bytes without a blank, from which on it is no name */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char token_part[] = LETTERS "-_";
static const char secret_part[] = LETTERS "-_.~";

/* At p a word begins, or the value of a letter ("-Fvalue"). */
static bool
begins(const char *s, const char *p)
{
	return p == s || (p == s + 2 && s[0] == '-' && s[1] != '-') ||
	    (strchr(secret_part, p[-1]) == NULL && p[-1] != '/');
}

static bool
holds_jwt(const char *s)
{
	const char *p, *end;

	for (p = s; (p = strstr(p, "eyJ")) != NULL; p++) {
		end = p + strspn(p, token_part);
		if (begins(s, p) && *end == '.' && strspn(end + 1, token_part) > 0 &&
		    end[1 + strspn(end + 1, token_part)] == '.')
			return true;
	}
	return false;
}

static bool
is_long_word(const char *s)
{
	if (strlen(s) < WORD || strchr("/.~", *s) != NULL || strncmp(s, "pkcs11:", 7) == 0)
		return false;
	while (*s > ' ' && *s <= '~')
		s++;
	return *s == '\0';
}

static bool
holds_client_secret(const char *s)
{
	const char *p;
	size_t n;

	for (p = s; (p = strstr(p, "Q~")) != NULL; p++) {
		if (p - s < 4 || p[-1] < '0' || p[-1] > '9' || !begins(s, p - 4))
			continue;
		n = strspn(p - 4, secret_part);
		if (n >= 37 && n <= 40)
			return true;
	}
	return false;
}

bool
opt_may_be_long(const struct optdef *d)
{
	return d->type == OT_LIST || d->type == OT_COMMAND || strcmp(d->name, "move") == 0 ||
	    strcmp(d->name, "search") == 0;
}

const char *
opt_secret(const char *s, bool name)
{
	if (holds_jwt(s) || (name && is_long_word(s)))
		return "an access token";
	return holds_client_secret(s) ? "a client secret" : NULL;
}
