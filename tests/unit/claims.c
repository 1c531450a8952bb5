/* Unit test of lib/entra/claims. */
#include <string.h>

#include "base/util.h"
#include "entra/claims.h"
#include "t.h"

/* The shape of Exchange Online's app-only tokens (v1). */
static const char app[] =
    "{\"aud\":\"https://outlook.office365.com/\",\"iss\":\"https://sts.windows.net/T/\","
    "\"iat\":1700000000,\"nbf\":1700000001,\"exp\":1700003600.5,\"app_displayname\":\"mail fetcher\","
    "\"appid\":\"APP\",\"idtyp\":\"app\",\"oid\":\"OID\",\"roles\":[\"IMAP.AccessAsApp\",\"\",7,\"POP.AccessAsApp\"],"
    "\"sub\":\"OID\",\"tid\":\"TID\",\"ver\":\"1.0\"}";

static char *
jwt(const char *payload)
{
	char *b = base64url(payload, strlen(payload));
	char *s = xasprintf("eyJhbGciOiJSUzI1NiJ9.%s.c2ln", b);

	free(b);
	return s;
}

static int
parse(const char *payload, struct claims *c)
{
	char *s = jwt(payload);
	int r = claims_parse(s, strlen(s), c);

	free(s);
	return r;
}

static void
app_only(void)
{
	struct claims c;

	is_int(parse(app, &c), 1, "an app-only token is decoded");
	is_str(c.aud, "https://outlook.office365.com/", "aud");
	is_str(c.appid, "APP", "appid");
	is_str(c.app_displayname, "mail fetcher", "app_displayname");
	is_str(c.oid, "OID", "oid");
	is_str(c.tid, "TID", "tid");
	is_str(c.ver, "1.0", "ver");
	is_str(c.idtyp, "app", "idtyp");
	is_str(c.scp, NULL, "no scp");
	is_int(c.roles.n, 2, "roles that are not strings, or empty, do not count");
	is_str(c.roles.v[0], "IMAP.AccessAsApp", "roles");
	is_int(c.iat, 1700000000, "iat");
	is_int(c.nbf, 1700000001, "nbf");
	is_int(c.exp, 1700003600, "exp, with a fraction");
	ok(claims_has_permission(&c), "it has a permission");
	ok(claims_has(&c, "imap.accessasapp"), "this one, in any case");
	ok(!claims_has(&c, "SMTP.SendAsApp"), "but not another one");
	claims_release(&c);
	claims_release(&c);
}

static void
delegated(void)
{
	struct claims c;

	is_int(parse("{\"aud\":[\"a\",\"b\"],\"azp\":\"AZP\",\"scp\":\"IMAP.AccessAsUser.All  Mail.Read\","
		     "\"unique_name\":\"u@x\",\"exp\":\"soon\",\"roles\":\"none\"}",
		   &c),
	    1, "a delegated token (v2)");
	is_str(c.aud, "a", "the first of several aud");
	is_str(c.appid, "AZP", "azp stands for appid");
	is_str(c.upn, "u@x", "unique_name stands for upn");
	is_int(c.exp, 0, "an exp that is no number");
	is_int(c.roles.n, 0, "roles that are no list");
	ok(claims_has(&c, "Mail.Read") && claims_has(&c, "IMAP.AccessAsUser.All"), "scp is a list of words");
	ok(!claims_has(&c, "Mail"), "of whole words");
	claims_release(&c);
	is_int(parse("{\"scp\":\"\"}", &c), 1, "an empty scp");
	ok(!claims_has_permission(&c), "is no permission");
	claims_release(&c);
}

static void
opaque(void)
{
	static const char *const odd[] = {
		"",
		".",
		"..",
		"EwB4A8l6BAAU",
		"a.b",
		"a..c",
		"a.!!!.c",
		"a.W10.c" /* [] */,
		"a.e30" /* no third part */,
		"a.eyJhIjoxLCJhIjoyfQ.c" /* a name twice */,
		"a.eyJhIg.c",
	};
	struct claims c;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		is_int(claims_parse(odd[i], strlen(odd[i]), &c), 0, "'%s' is opaque", odd[i]);
		ok(c.aud == NULL && !claims_has_permission(&c), "and empty");
		claims_release(&c);
	}
	is_str(claims_json("EwB4", 4), NULL, "no JSON of it");
}

static void
bounds(void)
{
	struct claims c;
	char *big = xmalloc(200000), *s;

	memset(big, 'A', 199999);
	memcpy(big, "a.", 2);
	memcpy(big + 199990, ".c", 3);
	is_int(claims_parse(big, strlen(big), &c), 0, "too big a payload is not looked at");
	claims_release(&c);
	free(big);
	is_int(parse("{\"app_displayname\":\"a\\u001b[31mb\\nc\"}", &c), 1, "control characters");
	is_str(c.app_displayname, "a?[31mb?c", "are made printable");
	claims_release(&c);
	s = jwt("{\"a\":\"\\u00e9\\u001b\"}");
	big = claims_json(s, strlen(s));
	is_str(big, "{\"a\":\"\\u00E9\\u001B\"}", "JSON is ASCII");
	free(big);
	free(s);
}

int
main(void)
{
	app_only();
	delegated();
	opaque();
	bounds();
	return done_testing();
}
