#include "base/util.h"
#include "imap/xoauth2.h"

void
xoauth2_string(struct secret *out, const char *user, const struct secret *token)
{
	struct secret plain = SECRET_INIT;
	char *b64;
	size_t n;

	secret_adds(&plain, "user=");
	secret_adds(&plain, user);
	secret_adds(&plain, "\001auth=Bearer ");
	secret_add(&plain, token->s != NULL ? token->s : "", token->len);
	secret_adds(&plain, "\001\001");
	b64 = base64(plain.s, plain.len, &n);
	secret_add(out, b64, n);
	secret_free_string(b64);
	secret_release(&plain);
}
