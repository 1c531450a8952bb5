/* claims: a token with this payload is read, or is not, within its bounds. */
#include "fuzz.h"

#include "base/util.h"
#include "entra/claims.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct claims c;
	char *payload = base64url(data, n);
	char *token = xasprintf("eyJhbGciOiJSUzI1NiJ9.%s.c2ln", payload);
	char *json;

	if (claims_parse(token, strlen(token), &c) == 1)
		(void)claims_has(&c, "IMAP.AccessAsApp");
	claims_release(&c);
	if ((json = claims_json(token, strlen(token))) != NULL)
		must(strchr(json, '\n') == NULL);
	free(json);
	free(token);
	free(payload);
	return 0;
}
