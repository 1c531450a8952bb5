/* OpenSSL 3 says of these: use EVP; see sha256.h. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/sha256.h"

void
sha256_begin(struct sha256 *s)
{
	SHA256_Init(&s->ctx);
}

void
sha256_add(struct sha256 *s, const void *data, size_t n)
{
	SHA256_Update(&s->ctx, data, n);
}

void
sha256_end(struct sha256 *s, unsigned char digest[SHA256_SIZE])
{
	SHA256_Final(digest, &s->ctx);
}

void
sha256_of(unsigned char digest[SHA256_SIZE], const void *data, size_t n)
{
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, data, n);
	sha256_end(&s, digest);
}
