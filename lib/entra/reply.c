/*
 * reply: see reply.h.
 *
 * Only "error" decides: Microsoft says that descriptions and codes are for
 * people and may change.  Not even JSON is certain: throttling answers with
 * the plain text "Too Many Requests".
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "json.h"
#include "reply.h"
#include "source.h"

#define DESCRIPTION_MAX 1000 /* so that the ids after it are not cut off (ERR_TEXT_MAX) */
#define FIELD_MAX 100
#define PAGE_MAX 120 /* of a reply that is not JSON */

bool
reply_is_later(const struct http_reply *r)
{
	return r->status == 429 || r->status / 100 == 5;
}

/* Appends s with every run of blanks and control characters as one blank, at most max bytes. */
static void
add_flat(struct str *out, const char *s, size_t n, size_t max)
{
	bool gap = false;
	size_t start = out->len;

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f) {
			gap = true;
			continue;
		}
		if (out->len - start + 2 > max) {
			str_adds(out, " ...");
			return;
		}
		if (gap && out->len > start)
			str_addc(out, ' ');
		gap = false;
		str_addc(out, s[i]);
	}
}

static const char *
field(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s != NULL ? s : "";
}

/* The description without the ids that Entra puts at its end: they come from fields of their own. */
static void
add_description(struct str *out, const json_t *j)
{
	const char *d = field(j, "error_description");
	const char *ids = strstr(d, "Trace ID: ");

	if (ids == NULL || ids == d || *field(j, "trace_id") == '\0')
		ids = d + strlen(d);
	add_flat(out, d, (size_t)(ids - d), DESCRIPTION_MAX);
}

static void
add_field(struct str *out, const json_t *j, const char *name, const char *label)
{
	const char *s = field(j, name);

	if (*s == '\0')
		return;
	str_addf(out, ", %s ", label);
	add_flat(out, s, strlen(s), FIELD_MAX);
}

static bool
is_later(const struct http_reply *r, const char *error)
{
	return reply_is_later(r) || strcmp(error, "temporarily_unavailable") == 0 ||
	    strcmp(error, "server_error") == 0;
}

/* An error object: {"error":"invalid_client","error_description":"AADSTS7000215: ...",...}. */
static int
error_object(const json_t *j, const struct http_reply *r, const char *host, struct err *err)
{
	const char *error = field(j, "error");
	struct str s = STR_INIT;

	add_description(&s, j);
	if (s.len > 0)
		str_addc(&s, ' ');
	str_addc(&s, '(');
	add_flat(&s, error, strlen(error), FIELD_MAX);
	str_addf(&s, ", HTTP %ld", r->status);
	if (r->retry_after > 0)
		str_addf(&s, ", again in %ld seconds", r->retry_after);
	add_field(&s, j, "suberror", "suberror");
	add_field(&s, j, "trace_id", "Trace ID:");
	add_field(&s, j, "correlation_id", "Correlation ID:");
	add_field(&s, j, "timestamp", "Timestamp:");
	str_addc(&s, ')');
	err_set(err, is_later(r, error) ? ERR_AGAIN : ERR_CONFIG, STAGE_TOKEN, host, "%s", s.s);
	str_release(&s);
	return -1;
}

/* No JSON object, or one that is neither token nor error. */
static int
strange(const struct http_reply *r, bool json, const char *host, struct err *err)
{
	struct str s = STR_INIT;

	add_flat(&s, r->body.s != NULL ? r->body.s : "", r->body.len, PAGE_MAX);
	if (s.len == 0)
		str_adds(&s, "nothing");
	if (r->status == 429 && r->retry_after > 0)
		err_set(err, ERR_AGAIN, STAGE_TOKEN, host,
		    "too many token requests, again in %ld seconds (HTTP 429: %s)", r->retry_after, s.s);
	else if (reply_is_later(r))
		err_set(err, ERR_AGAIN, STAGE_TOKEN, host, "the token endpoint has trouble (HTTP %ld: %s)",
		    r->status, s.s);
	else if (r->status / 100 == 3)
		err_set(err, ERR_PROTO, STAGE_TOKEN, host,
		    "the token endpoint redirects (HTTP %ld), which is not followed", r->status);
	else if (json)
		err_set(err, ERR_PROTO, STAGE_TOKEN, host,
		    "the reply has neither an error nor an access_token (HTTP %ld)", r->status);
	else if (r->status / 100 == 2) /* it might hold a token: not shown */
		err_set(err, ERR_PROTO, STAGE_TOKEN, host, "the reply is not JSON (HTTP %ld)", r->status);
	else
		err_set(err, ERR_PROTO, STAGE_TOKEN, host, "the reply is not JSON (HTTP %ld: %s)", r->status,
		    s.s);
	str_release(&s);
	return -1;
}

/* Seconds: a number, or a string of digits (v1 endpoints, IMDS); missing if it is neither. */
static int64_t
seconds(const json_t *j, const char *name, int64_t missing)
{
	const json_t *v = json_object_get(j, name);
	uint64_t n;
	double d;

	if (json_is_string(v))
		return parse_u64(json_string_value(v), 0, INT64_MAX, &n) == 0
		    ? (int64_t)(n < REPLY_EXPIRES_MAX ? n : REPLY_EXPIRES_MAX)
		    : missing;
	d = json_is_number(v) ? json_number_value(v) : NAN;
	if (isnan(d) || d < 0)
		return missing;
	return d < REPLY_EXPIRES_MAX ? (int64_t)d : REPLY_EXPIRES_MAX;
}

static int
token_object(const json_t *j, const char *host, int64_t now, struct token *t, struct err *err)
{
	const char *tok = field(j, "access_token"), *type = field(j, "token_type");
	int64_t refresh;

	if (!source_is_token(tok, strlen(tok)))
		return err_set(err, ERR_PROTO, STAGE_TOKEN, host,
		    "the access token in the reply cannot be one");
	if (*type != '\0' && strcasecmp(type, "Bearer") != 0)
		return err_set(err, ERR_PROTO, STAGE_TOKEN, host,
		    "the reply has a token of type %.40s, not Bearer", type);
	secret_clear(&t->value);
	secret_adds(&t->value, tok);
	t->obtained = now;
	t->expires_on = now + seconds(j, "expires_in", REPLY_EXPIRES_DEFAULT);
	refresh = seconds(j, "refresh_in", 0);
	t->refresh_on = refresh > 0 ? now + refresh : 0;
	t->from_cache = false;
	return 0;
}

int
reply_token(const struct http_reply *r, const char *host, int64_t now, struct token *t, struct err *err)
{
	json_t *j = NULL;
	int rv;

	json_cleansing();
	if (r->body.len > 0)
		j = json_loadb(r->body.s, r->body.len, 0, NULL);
	if (*field(j, "error") != '\0')
		rv = error_object(j, r, host, err);
	else if (r->status == 200 && *field(j, "access_token") != '\0')
		rv = token_object(j, host, now, t, err);
	else
		rv = strange(r, json_is_object(j), host, err);
	json_decref(j);
	return rv;
}
