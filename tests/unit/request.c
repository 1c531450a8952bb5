/* Unit test of lib/entra/request: the form; what is sent where is tests/tool/mstoken.t's business. */
#include <string.h>

#include "entra/request.h"
#include "t.h"

static char id[] = "33333333-aaaa-4bbb-8ccc-444444444444", scope[] = "https://outlook.office365.com/.default";

static void
form(const char *value, const char *want, const char *name)
{
	struct credential c = { .type = CREDENTIAL_SECRET };
	struct options o = { .client_id = id, .scope = scope };
	struct secret f = SECRET_INIT;
	struct err err = ERR_INIT;
	const char *tail;

	secret_adds(&c.secret, value);
	is_int(request_form(&o, &c, "https://login.test/T/oauth2/v2.0/token", &f, &err), 0, "%s", name);
	tail = strstr(f.s, "&client_secret=");
	ok(tail != NULL &&
		strncmp(f.s,
		    "client_id=33333333-aaaa-4bbb-8ccc-444444444444&"
		    "scope=https%3A%2F%2Foutlook.office365.com%2F.default&grant_type=client_credentials&",
		    100) == 0,
	    "the fields that Microsoft's library sends");
	is_str(tail != NULL ? tail + 15 : NULL, want, "the secret, encoded");
	secret_release(&f);
	secret_release(&c.secret);
}

static void
url(void)
{
	char tenant[] = "contoso.com", authority[] = "https://login.microsoftonline.us";
	struct options o = { .tenant = tenant, .authority = authority };
	char *u = token_url(&o);

	is_str(u, "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
	    "the URL of the token endpoint");
	free(u);
}

static void
ident(void)
{
	char s[TOKEN_ID_SIZE];

	token_id(s, "abc", 3);
	is_str(s, "ba7816bf8f01cfea", "the id of a token is the beginning of its SHA-256 (FIPS 180-2, B.1)");
}

int
main(void)
{
	form("abcXYZ019-._~", "abcXYZ019-._~", "unreserved characters stay");
	form("a b+c&d=e%f/g?h#i", "a%20b%2Bc%26d%3De%25f%2Fg%3Fh%23i", "all others are encoded");
	form("!\"$'()*,:;<>@[\\]^`{|}", "%21%22%24%27%28%29%2A%2C%3A%3B%3C%3E%40%5B%5C%5D%5E%60%7B%7C%7D",
	    "each of them");
	url();
	ident();
	return done_testing();
}
