/* request: see request.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assertion.h"
#include "base/log.h"
#include "base/util.h"
#include "reply.h"
#include "request.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define CLOCK_ODD_SECS 120

/* Percent-encodes all but the unreserved characters of RFC 3986 section 2.3. */
static void
add_value(struct secret *form, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	static const char digit[] = "0123456789ABCDEF";
	char code[3] = "%";

	for (size_t n; *s != '\0'; s += n) {
		n = strspn(s, plain);
		if (n > 0) {
			secret_add(form, s, n);
			continue;
		}
		code[1] = digit[(unsigned char)*s >> 4];
		code[2] = digit[(unsigned char)*s & 15];
		secret_add(form, code, 3);
		n = 1;
	}
}

static void
add_field(struct secret *form, const char *name, const char *value)
{
	if (form->len > 0)
		secret_adds(form, "&");
	secret_adds(form, name);
	secret_adds(form, "=");
	add_value(form, value);
}

static int
add_assertion(const struct options *o, const struct credential *c, const char *url, struct secret *form,
    struct err *err)
{
	struct assertion a = {
		.key = c->key,
		.cert = c->cert,
		.alg = o->alg,
		.audience = url,
		.client_id = o->client_id,
		.now = time(NULL),
	};
	struct secret jwt = SECRET_INIT;
	int r;

	r = assertion_make(&a, &jwt, err);
	if (r == 0) {
		add_field(form, "client_assertion_type", ASSERTION_TYPE);
		add_field(form, "client_assertion", jwt.s);
	}
	secret_release(&jwt);
	return r;
}

int
request_form(const struct options *o, const struct credential *c, const char *url, struct secret *form,
    struct err *err)
{
	secret_clear(form);
	add_field(form, "client_id", o->client_id);
	add_field(form, "scope", o->scope);
	add_field(form, "grant_type", "client_credentials");
	if (c->type == CREDENTIAL_CERT)
		return add_assertion(o, c, url, form, err);
	add_field(form, "client_secret", c->secret.s);
	return 0;
}

/* A clock that is wrong makes assertions and tokens look expired; the answer's Date tells. */
static void
check_clock(const struct http_reply *r, int64_t now)
{
	int64_t ahead = now - r->date;

	if (r->date != 0 && (ahead > CLOCK_ODD_SECS || ahead < -CLOCK_ODD_SECS))
		log_v(0, "the clock of this computer is %lld seconds %s that of the token endpoint",
		    (long long)(ahead > 0 ? ahead : -ahead), ahead > 0 ? "ahead of" : "behind");
}

static int
attempt(const struct options *o, struct credential *c, const char *url, struct token *t,
    struct http_reply *reply, bool *again, struct err *err)
{
	struct secret form = SECRET_INIT;
	const char *host = strstr(url, "://");
	char name[256];
	int64_t now;
	int r = -1;

	host = host != NULL ? host + 3 : url;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(host, "/"), host);
	*again = false;
	reply->status = 0;
	reply->retry_after = -1;
	if (request_form(o, c, url, &form, err) == -1)
		goto out;
	log_v(1, "%s: asking for a token", url);
	if (http_post(o, url, &form, reply, again, err) == -1)
		goto out;
	now = time(NULL);
	check_clock(reply, now);
	r = reply_token(reply, name, now, t, err);
	*again = r == -1 && reply->status / 100 == 5 && reply->retry_after == -1;
out:
	secret_release(&form);
	return r;
}

int
request_token(const struct options *o, struct credential *c, struct token *t, bool *later, long *retry_after,
    struct err *err)
{
	const struct timespec second = { 1, 0 };
	struct http_reply reply = HTTP_REPLY_INIT;
	struct err why = ERR_INIT;
	char *url = token_url(o);
	bool again;
	int r;

	*later = false;
	*retry_after = -1;
	r = credential_load(c, &why);
	if (r == 0) {
		r = attempt(o, c, url, t, &reply, &again, &why);
		if (r == -1 && again) {
			log_v(1, "%s: %s; once more in a second", why.subject, why.text);
			nanosleep(&second, NULL);
			r = attempt(o, c, url, t, &reply, &again, &why);
		}
		*later = r == -1 && why.kind == ERR_AGAIN && reply.status != 0;
		*retry_after = reply.retry_after;
	}
	if (r == -1 && err != NULL)
		*err = why;
	http_reply_release(&reply);
	free(url);
	return r;
}
