/*
 * castore: the certificates of authorities, read into memory before the cage
 * and decoded when the server's chain asks for one.  Decoding all of a system's
 * 140 takes over 20 ms, a good part of a run that finds no new mail; a chain
 * needs one.
 */
#ifndef MSTOOLS_CASTORE_H
#define MSTOOLS_CASTORE_H

#include <openssl/x509_vfy.h>

#include "base/err.h"

struct castore;

/*
 * Reads a PEM file; NULL or "": the system's ($SSL_CERT_FILE, else $SSL_CERT_DIR,
 * else the bundle where the distributions keep it, else OpenSSL's directory).
 * 0, or -1 with err set (ERR_CONFIG, STAGE_TLS): unreadable, or no certificate in it.
 */
int castore_load(struct castore **, const char *ca_file, struct err *);
/* Makes store look here for what it does not hold.  c must outlive the store. */
int castore_attach(struct castore *c, X509_STORE *store);
void castore_free(struct castore *);

#endif
