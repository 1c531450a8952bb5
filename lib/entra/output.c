/* output: see output.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "claims.h"
#include "json.h"
#include "output.h"

/* Microsoft's "SASL XOAUTH2": user=USER ^A auth=Bearer TOKEN ^A ^A, in base64. */
static int
add_xoauth2(const char *user, const struct token *t, struct secret *line, struct err *err)
{
	struct secret s = SECRET_INIT;
	char *b;

	for (const char *p = user; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL,
			    "--xoauth2: a mailbox has no control characters in its name");
	if (*user == '\0')
		return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "--xoauth2: no mailbox");
	secret_adds(&s, "user=");
	secret_adds(&s, user);
	secret_adds(&s, "\001auth=Bearer ");
	secret_add(&s, t->value.s, t->value.len);
	secret_adds(&s, "\001\001");
	b = base64(s.s, s.len, NULL);
	secret_adds(line, b);
	secret_free_string(b);
	secret_release(&s);
	return 0;
}

static int
add_claims(const struct token *t, struct secret *line, struct err *err)
{
	char *s = claims_json(t->value.s, t->value.len);

	if (s == NULL)
		return err_set(err, ERR_DATA, STAGE_CLAIMS, NULL,
		    "the token is opaque: only Microsoft can read its claims");
	secret_adds(line, s);
	free(s);
	return 0;
}

static void
add_json(const struct options *o, const struct token *t, struct secret *line)
{
	char when[32], *text;
	int64_t left = t->expires_on - (int64_t)time(NULL);
	json_t *j;

	json_cleansing();
	j = json_pack("{s:s%, s:s, s:I, s:s, s:I, s:I, s:b, s:s, s:s, s:s}", "access_token", t->value.s,
	    t->value.len, "token_type", "Bearer", "expires_on", (json_int_t)t->expires_on, "expires",
	    iso_time(when, t->expires_on), "expires_in", (json_int_t)(left > 0 ? left : 0), "obtained_on",
	    (json_int_t)t->obtained, "cached", t->from_cache, "tenant", o->tenant, "client_id", o->client_id,
	    "scope", o->scope);
	if (t->refresh_on != 0)
		json_object_set_new(j, "refresh_on", json_integer(t->refresh_on));
	text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	json_decref(j);
	if (text == NULL)
		util_no_memory();
	secret_adds(line, text);
	secret_free_string(text);
}

int
output_line(const struct options *o, const struct token *t, struct secret *line, struct err *err)
{
	int r = 0;

	secret_clear(line);
	if (o->xoauth2 != NULL)
		r = add_xoauth2(o->xoauth2, t, line, err);
	else if (o->claims)
		r = add_claims(t, line, err);
	else if (o->json)
		add_json(o, t, line);
	else
		secret_add(line, t->value.s, t->value.len);
	if (r == 0)
		secret_adds(line, "\n");
	return r;
}

int
output_token(const struct options *o, const struct token *t, int fd, struct err *err)
{
	struct secret line = SECRET_INIT;
	int r;

	r = output_line(o, t, &line, err);
	if (r == 0 && write_all(fd, line.s, line.len) == -1)
		r = err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, "standard output",
		    "cannot write");
	secret_release(&line);
	return r;
}

int
output_close(int fd, struct err *err)
{
	if (close(fd) == -1 && errno != EINTR)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, "standard output",
		    "cannot write");
	return 0;
}
