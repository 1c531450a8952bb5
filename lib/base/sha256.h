/*
 * sha256: SHA-256 (FIPS 180-4), by OpenSSL's plain functions.
 *
 * OpenSSL's EVP functions set up all algorithms and providers at the first call
 * in a process: 5 ms on which a run with nothing new would wait, for the name
 * of one file.  The plain ones run the same code without that, and msfetch and
 * its like need no more of the library than these (see Makefile, SHA256LIB).
 * They cannot fail, and at the end wipe what they hold of the data.
 */
#ifndef MSTOOLS_SHA256_H
#define MSTOOLS_SHA256_H

#include <stddef.h>

#include <openssl/sha.h>

#define SHA256_SIZE SHA256_DIGEST_LENGTH

struct sha256 {
	SHA256_CTX ctx;
};

void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *, size_t);
void sha256_end(struct sha256 *, unsigned char digest[SHA256_SIZE]);

/* All of it at once. */
void sha256_of(unsigned char digest[SHA256_SIZE], const void *, size_t);

#endif
