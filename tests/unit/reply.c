/* Unit test of lib/entra/reply: what token endpoints have been seen to answer. */
#include <string.h>

#include "entra/reply.h"
#include "t.h"

#define NOW 1700000000

static struct err err;

static int
read_reply(long status, long retry_after, const char *body, struct token *t)
{
	struct http_reply r = HTTP_REPLY_INIT;
	int rv;

	err_clear(&err);
	r.status = status;
	r.retry_after = retry_after;
	secret_adds(&r.body, body);
	rv = reply_token(&r, "login.test", NOW, t, &err);
	http_reply_release(&r);
	return rv;
}

static void
good(const char *body, int64_t expires, int64_t refresh, const char *name)
{
	struct token t = TOKEN_INIT;

	if (!is_int(read_reply(200, -1, body, &t), 0, "%s", name))
		note("%s", err.text);
	is_str(t.value.s, "tok.en", "  the token");
	is_int(t.obtained, NOW, "  obtained");
	is_int(t.expires_on, expires, "  expires");
	is_int(t.refresh_on, refresh, "  refresh");
	token_release(&t);
}

static void
bad(long status, long after, const char *body, enum err_kind kind, const char *text, const char *name)
{
	struct token t = TOKEN_INIT;

	is_int(read_reply(status, after, body, &t), -1, "%s", name);
	is_int(err_status(err.kind), err_status(kind), "  its status");
	is_int(err.stage, STAGE_TOKEN, "  its stage");
	is_str(err.text, text, "  its text");
	is_str(err.subject, "login.test", "  its subject");
	token_release(&t);
}

static void
tokens(void)
{
	good(
	    "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"ext_expires_in\":3599,\"access_token\":\"tok.en\"}",
	    NOW + 3599, 0, "Entra's");
	good(
	    "{\"token_type\":\"bearer\",\"expires_in\":\"86399\",\"refresh_in\":\"43199\",\"access_token\":\"tok.en\"}",
	    NOW + 86399, NOW + 43199, "strings instead of numbers");
	good("{\"access_token\":\"tok.en\"}", NOW + 600, 0, "no expires_in");
	good("{\"access_token\":\"tok.en\",\"expires_in\":null,\"refresh_in\":-5}", NOW + 600, 0,
	    "odd times");
	good("{\"access_token\":\"tok.en\",\"expires_in\":1e300}", NOW + REPLY_EXPIRES_MAX, 0, "for ever");
	good("{\"access_token\":\"tok.en\",\"expires_in\":\"99999999999999999999\"}", NOW + 600, 0,
	    "more digits than fit");
	bad(200, -1, "{\"access_token\":\"to ken\"}", ERR_PROTO,
	    "the access token in the reply cannot be one", "a token with a blank");
	bad(200, -1, "{\"access_token\":\"tok.en\",\"token_type\":\"mac\"}", ERR_PROTO,
	    "the reply has a token of type mac, not Bearer", "another type");
}

static void
errors(void)
{
	bad(401, -1,
	    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret provided. "
	    "Ensure ... 'x'.\\r\\nTrace ID: aa-bb\\r\\nCorrelation ID: cc-dd\\r\\nTimestamp: 2026-11-28 10:00:00Z\","
	    "\"error_codes\":[7000215],\"timestamp\":\"2026-11-28 10:00:00Z\",\"trace_id\":\"aa-bb\","
	    "\"correlation_id\":\"cc-dd\"}",
	    ERR_CONFIG,
	    "AADSTS7000215: Invalid client secret provided. Ensure ... 'x'. (invalid_client, HTTP 401, "
	    "Trace ID: aa-bb, Correlation ID: cc-dd, Timestamp: 2026-11-28 10:00:00Z)",
	    "a bad secret");
	bad(400, -1,
	    "{\"error\":\"unauthorized_client\",\"error_description\":\"AADSTS700016: no. Trace ID: t\"}",
	    ERR_CONFIG, "AADSTS700016: no. Trace ID: t (unauthorized_client, HTTP 400)",
	    "ids only in the description stay there");
	bad(400, -1, "{\"error\":\"invalid_grant\",\"suberror\":\"bad_token\"}", ERR_CONFIG,
	    "(invalid_grant, HTTP 400, suberror bad_token)", "no description");
	bad(400, -1, "{\"error\":\"never_heard_of\",\"error_description\":7}", ERR_CONFIG,
	    "(never_heard_of, HTTP 400)", "an unknown error");
	bad(400, -1, "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90033: later\"}",
	    ERR_AGAIN, "AADSTS90033: later (temporarily_unavailable, HTTP 400)", "temporarily unavailable");
	bad(429, 17, "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS90055: throttled\"}",
	    ERR_AGAIN, "AADSTS90055: throttled (invalid_request, HTTP 429, again in 17 seconds)",
	    "429 in JSON");
	bad(200, -1, "{\"error\":\"invalid_client\",\"access_token\":\"tok.en\"}", ERR_CONFIG,
	    "(invalid_client, HTTP 200)", "an error with status 200");
}

static void
strange(void)
{
	char *page;

	bad(429, 60, "Too Many Requests", ERR_AGAIN,
	    "too many token requests, again in 60 seconds (HTTP 429: Too Many Requests)", "plain 429");
	bad(503, -1, "<html>\r\n<b>Busy</b>\033[31m", ERR_AGAIN,
	    "the token endpoint has trouble (HTTP 503: <html> <b>Busy</b> [31m)", "a page with 503");
	bad(500, -1, "", ERR_AGAIN, "the token endpoint has trouble (HTTP 500: nothing)", "500 and nothing");
	bad(302, -1, "x", ERR_PROTO, "the token endpoint redirects (HTTP 302), which is not followed",
	    "a redirect");
	bad(200, -1, "<html>welcome", ERR_PROTO, "the reply is not JSON (HTTP 200)",
	    "a portal's page: not shown, should it be a token after all");
	bad(403, -1, "<html>go away", ERR_PROTO, "the reply is not JSON (HTTP 403: <html>go away)",
	    "a firewall's page");
	bad(200, -1, "[]", ERR_PROTO, "the reply is not JSON (HTTP 200)", "a list");
	bad(200, -1, "{}", ERR_PROTO, "the reply has neither an error nor an access_token (HTTP 200)",
	    "an empty object");
	bad(201, -1, "{\"access_token\":\"tok.en\"}", ERR_PROTO,
	    "the reply has neither an error nor an access_token (HTTP 201)", "a token, but not with 200");

	page = xmalloc(5001);
	memset(page, 'x', 5000);
	page[5000] = '\0';
	bad(404, -1, page, ERR_PROTO,
	    "the reply is not JSON (HTTP 404: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ...)",
	    "a long page");
	free(page);
}

int
main(void)
{
	tokens();
	errors();
	strange();
	return done_testing();
}
