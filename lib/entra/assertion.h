/*
 * assertion: the signed JWT by which an application proves that it holds the
 * key to its certificate (RFC 7523; Entra "Application authentication
 * certificate credentials").
 */
#ifndef MSTOOLS_ASSERTION_H
#define MSTOOLS_ASSERTION_H

#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

#define ASSERTION_SECS 600 /* Entra's advice: 5 to 10 minutes */

struct assertion {
	EVP_PKEY *key; /* foreign; RSA */
	X509 *cert;    /* foreign; its SHA-256 is the header's x5t#S256 */
	enum opt_alg alg;
	const char *audience;  /* URL of the token endpoint */
	const char *client_id; /* iss and sub */
	int64_t now;	       /* nbf and iat, seconds since the epoch */
};

/*
 * Makes one, with a jti of its own (a random UUID): Entra and others refuse the
 * same one twice, so make one for every request.  0, or -1 with err set
 * (STAGE_CREDENTIAL).
 */
int assertion_make(const struct assertion *, struct secret *out, struct err *)
    __attribute__((warn_unused_result));

#endif
