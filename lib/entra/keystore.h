/*
 * keystore: certificates and private keys, from whatever OSSL_STORE opens: a
 * PEM, DER or PKCS#12 file, or a URI such as pkcs11: where openssl.cnf
 * configures a provider for it.
 */
#ifndef MSTOOLS_KEYSTORE_H
#define MSTOOLS_KEYSTORE_H

#include <openssl/types.h>

#include "base/err.h"
#include "base/secret.h"

/*
 * Reads all that is at where, a path, file: or another URI.  *key becomes the
 * first private key, or NULL; *cert the certificate that belongs to it, or else
 * the first one, or NULL; both are owned by the caller.  pass: the pass phrase
 * or PIN, NULL if there is none.  A file that holds a private key must be
 * closed to others.
 * 0 (at least one of the two is there), or -1 with err set
 * (ERR_CONFIG/STAGE_CREDENTIAL).
 */
int keystore_load(const char *where, const struct secret *pass, X509 **cert, EVP_PKEY **key, struct err *);

#endif
