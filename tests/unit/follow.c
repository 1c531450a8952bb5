/* Unit test of lib/entra/follow and output. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/util.h"
#include "entra/follow.h"
#include "entra/output.h"
#include "t.h"

#define NOW 1700000000

static int64_t
next_at(int64_t life, int64_t refresh, unsigned min_valid)
{
	struct token t = TOKEN_INIT;

	t.obtained = NOW;
	t.expires_on = NOW + life;
	t.refresh_on = refresh != 0 ? NOW + refresh : 0;
	return follow_next(&t, min_valid) - NOW;
}

static void
times(void)
{
	is_int(next_at(3600, 0, 300), 3301, "just when the cache no longer gives the old one");
	is_int(next_at(86400, 43200, 300), 43200, "at the refresh time, where it is earlier");
	is_int(next_at(3600, 3500, 300), 3301, "not where it is later");
	is_int(next_at(200, 0, 300), 100, "of a short life, at half of it");
	is_int(next_at(301, 0, 300), 150, "at the border, too");
	is_int(next_at(1, 0, 300), 1, "never at once");
	is_int(next_at(0, 0, 0), 1, "not even then");
	is_int(next_at(3600, -5, 300), 1, "nor with a refresh time in the past");
}

static struct token
token(const char *s)
{
	struct token t = TOKEN_INIT;

	secret_adds(&t.value, s);
	t.obtained = NOW;
	t.expires_on = NOW + 3600;
	return t;
}

static void
xoauth2(const char *user, const char *want, const char *name)
{
	struct options o = { .xoauth2 = xstrdup(user) };
	struct token t = token("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
	struct secret line = SECRET_INIT;
	struct err err = ERR_INIT;
	int r;

	r = output_line(&o, &t, &line, &err);
	if (want != NULL)
		is_str(r == 0 ? line.s : err.text, want, "%s", name);
	else
		ok(r == -1 && err.kind == ERR_USAGE, "%s: %s", name, err.text);
	secret_release(&line);
	token_release(&t);
	free(o.xoauth2);
}

static void
lines(void)
{
	char tenant[] = "T", client[] = "C", scope[] = "S";
	struct options o = { .tenant = tenant, .client_id = client, .scope = scope };
	struct token t = token("tok.en");
	struct secret line = SECRET_INIT;
	struct err err = ERR_INIT;
	json_t *j;

	is_int(output_line(&o, &t, &line, &err), 0, "the token");
	is_str(line.s, "tok.en\n", "and a newline, nothing else");
	o.json = true;
	t.refresh_on = NOW + 1800;
	is_int(output_line(&o, &t, &line, &err), 0, "JSON");
	ok(strchr(line.s, '\n') == line.s + line.len - 1, "is one line");
	j = json_loadb(line.s, line.len, JSON_REJECT_DUPLICATES, NULL);
	is_str(json_string_value(json_object_get(j, "access_token")), "tok.en", "with the token");
	is_str(json_string_value(json_object_get(j, "expires")), "2023-11-14T23:13:20Z", "its end");
	is_int(json_integer_value(json_object_get(j, "expires_in")), 0, "the seconds left");
	is_int(json_integer_value(json_object_get(j, "refresh_on")), NOW + 1800, "the refresh time");
	ok(json_is_false(json_object_get(j, "cached")), "and where it is from");
	json_decref(j);
	o.json = false;
	o.claims = true;
	is_int(output_line(&o, &t, &line, &err), -1, "no claims of an opaque token");
	is_int(err.kind, ERR_DATA, "is an error");
	token_release(&t);
	t = token("e30.eyJhIjoxfQ.c");
	is_int(output_line(&o, &t, &line, &err), 0, "claims of a JWT");
	is_str(line.s, "{\"a\":1}\n", "and not the token");
	token_release(&t);
	secret_release(&line);
}

static void
writing(void)
{
	struct options o = { .json = false };
	struct token t = token("tok.en");
	struct err err = ERR_INIT;
	int p[2] = { -1, -1 }, full;

	signal(SIGPIPE, SIG_IGN);
	if (pipe(p) == -1)
		skip_all("no pipe");
	close(p[0]);
	is_int(output_token(&o, &t, p[1], &err), -1, "a reader that has gone");
	is_int(err.sys, EPIPE, "shows");
	is_int(err.kind, ERR_IO, "as an input/output error");
	close(p[1]);
	is_int(output_close(p[1], &err), -1, "so does a failing close");
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (full != -1) {
		is_int(output_token(&o, &t, full, &err), -1, "a full disk");
		is_int(err.sys, ENOSPC, "shows");
		close(full);
	}
	token_release(&t);
}

int
main(void)
{
	times();
	xoauth2("test@contoso.onmicrosoft.com",
	    "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3"
	    "QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==\n",
	    "the example of Microsoft's documentation");
	xoauth2("", NULL, "no user");
	xoauth2("a\001b", NULL, "a control character");
	lines();
	writing();
	return done_testing();
}
