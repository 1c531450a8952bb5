/*
 * claims: what a token says about itself, for diagnosis only.
 *
 * Nothing is verified and nothing is decided by it: Entra says to treat a token
 * as opaque ("Access tokens"), and those of personal accounts are.  The
 * claims are bounded in size, and strings are made printable.
 * Names: Entra "Access token claims reference".
 */
#ifndef MSTOOLS_CLAIMS_H
#define MSTOOLS_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* Strings are owned, printable, and NULL where the token has no such claim; times are 0 then. */
struct claims {
	char *aud; /* the first one, if it is a list */
	char *iss, *sub, *ver, *idtyp;
	char *appid; /* appid (v1 tokens) or azp (v2) */
	char *app_displayname;
	char *oid, *tid;
	char *upn;	       /* upn, preferred_username or unique_name */
	char *scp;	       /* delegated permissions, separated by blanks */
	struct strlist roles;  /* application permissions */
	int64_t exp, nbf, iat; /* seconds since the epoch */
};

/*
 * Decodes the payload of token.  Returns 1 for a JWT, 0 for anything else (an
 * opaque token, or one too odd to read): then c is empty.  c must be released
 * in both cases.
 */
int claims_parse(const char *token, size_t len, struct claims *c);
void claims_release(struct claims *);

/* True if the token carries any permission at all: roles or scp. */
bool claims_has_permission(const struct claims *);
/* True if roles or scp name this permission (IMAP.AccessAsApp, IMAP.AccessAsUser.All); case is ignored. */
bool claims_has(const struct claims *, const char *permission);

/* The whole payload as one line of ASCII JSON, malloc'd; NULL if the token is no JWT. */
char *claims_json(const char *token, size_t len);

#endif
