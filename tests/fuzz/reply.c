/* reply: what a token endpoint answers: a token or an error, and never a token in the error's text. */
#include "fuzz.h"

#include "entra/reply.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const long status[] = { 200, 400, 401, 429, 500, 503, 302, 0 };
	struct http_reply r = HTTP_REPLY_INIT;
	struct token t = TOKEN_INIT;
	struct err err = ERR_INIT;

	if (n < 1)
		return 0;
	r.status = status[data[0] % 8];
	r.retry_after = data[0] & 8 ? data[0] : -1;
	secret_add(&r.body, data + 1, n - 1);
	if (reply_token(&r, "login.example", 1795460000, &t, &err) == 0) {
		must(t.value.len > 0 && t.expires_on <= 1795460000 + REPLY_EXPIRES_MAX);
		must(memchr(t.value.s, '\n', t.value.len) == NULL);
	} else {
		must(err.kind != ERR_NONE && err.text[0] != '\0');
	}
	token_release(&t);
	http_reply_release(&r);
	return 0;
}
