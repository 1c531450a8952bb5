/*
 * token: the one call of mstoken that puts credential, cache and request
 * together.
 */
#ifndef MSTOOLS_TOKEN_H
#define MSTOOLS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

struct token {
	struct secret value; /* owned */
	int64_t obtained;    /* seconds since the epoch */
	int64_t expires_on;
	int64_t refresh_on; /* 0: the server gave none */
	bool from_cache;
};

#define TOKEN_INIT \
	{ \
		SECRET_INIT, 0, 0, 0, false \
	}

/*
 * Gets a token as o says (tenant, client_id, scope, authority, the credential,
 * min_valid, force, no_cache, cache_dir …): from the cache if a good one is
 * there, else from the token endpoint.  A hundred processes that call it at
 * once make one request, and share its failure.  $MSTOOLS_REFUSED (the first 16
 * hex digits of the SHA-256 of a token) asks for another one than that, once a
 * minute.
 *
 * 0, or -1 with err set:
 *   STAGE_CREDENTIAL     the secret, certificate or key cannot be used (ERR_CONFIG; the secret command's
 *                        own status)
 *   STAGE_TOKEN          the endpoint's answer; text begins with the AADSTS code where there is one.
 *                        ERR_CONFIG: refused for good; ERR_AGAIN: later; ERR_PROTO: no token endpoint
 *   STAGE_DNS, _TCP, _PROXY, _TLS  ERR_UNAVAIL; ERR_PROTO for a certificate or TLS version
 * Warnings (cache unusable, secret about to expire, token without permission)
 * go to the log.
 */
int token_get(const struct options *o, struct token *, struct err *) __attribute__((warn_unused_result));
void token_release(struct token *); /* cleanses */

/* What token_get asks of o first: tenant, client_id, authority.  0, or -1 with err set (STAGE_CONFIG). */
int token_check(const struct options *o, struct err *);

/* The same without token_check, for who needs several: with a credential that is open (credential.h). */
struct credential;
int token_get_with(const struct options *o, struct credential *, struct token *, struct err *)
    __attribute__((warn_unused_result));

/* The URL tokens come from: AUTHORITY/TENANT/oauth2/v2.0/token; malloc'd. */
char *token_url(const struct options *o);

/*
 * What MSTOOLS_REFUSED holds for a token: the first 16 hex digits of its
 * SHA-256 and a NUL.
 */
#define TOKEN_ID_SIZE 17
void token_id(char id[TOKEN_ID_SIZE], const void *token, size_t len);

#endif
