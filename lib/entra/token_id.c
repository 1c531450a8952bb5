/* Apart from token.c, so that programs which only read tokens load no libcurl and what it brings. */
#include <openssl/evp.h>

#include "base/util.h"
#include "token.h"

void
token_id(char id[TOKEN_ID_SIZE], const void *token, size_t len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(token, len, md, &n, EVP_sha256(), NULL) != 1)
		util_no_memory();
	hex(id, md, (TOKEN_ID_SIZE - 1) / 2);
}
