/* Apart from token.c, so that programs which only read tokens load no libcurl and what it brings. */
#include "base/sha256.h"
#include "base/util.h"
#include "token.h"

void
token_id(char id[TOKEN_ID_SIZE], const void *token, size_t len)
{
	unsigned char md[SHA256_SIZE];

	sha256_of(md, token, len);
	hex(id, md, (TOKEN_ID_SIZE - 1) / 2);
}
