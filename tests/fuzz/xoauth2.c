/*
 * xoauth2: the login alone: greeting, a challenge of any bytes, and the answer.
 * What the server said comes out printable, and neither the token nor what it is
 * sent as stands in it.
 */
#include "fuzz.h"

#include <stdio.h>

#include "base/util.h"
#include "imap/session.h"

static int
on_write(void *arg, const void *data, size_t n, bool secret)
{
	(void)arg, (void)data, (void)n, (void)secret;
	return 0;
}

static void
on_online(void *arg, uint32_t caps, const char *greeting)
{
	(void)arg, (void)caps, (void)greeting;
}

static const struct session_ops ops = { .write = on_write, .online = on_online };

static void
say(struct session *s, const char *text, size_t n)
{
	size_t used;

	if (session_lost(s) == NULL)
		(void)session_feed(s, text, n, &used);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct secret token = SECRET_INIT;
	struct session_params p = { .user = "u@example.org", .token = &token };
	struct err e = ERR_INIT;
	struct session *s;
	char *base64_text;
	size_t len;

	if (n < 1)
		return 0;
	p.two_step = data[0] & 1;
	secret_adds(&token, "eyJ0.token.x");
	s = session_new(&p, &ops, NULL);
	say(s, "* OK ready\r\n", 12);
	if (p.two_step)
		say(s, "+ \r\n", 4);
	say(s, "+ ", 2);
	if (data[0] & 2) {
		say(s, (const char *)data + 1, n - 1);
	} else {
		base64_text = base64(data + 1, n - 1, &len);
		say(s, base64_text, len);
		free(base64_text);
	}
	say(s, "\r\nm1 NO AUTHENTICATE failed.\r\n", 31);
	err_set(&e, ERR_AGAIN, STAGE_LOGIN, NULL, "the input ended");
	if (session_lost(s) == NULL)
		session_eof(s, &e);
	must(session_lost(s) != NULL);
	for (const char *t = session_lost(s)->text; *t != '\0'; t++)
		must((unsigned char)*t >= 0x20 && *t != 0x7f);
	session_free(s);
	secret_release(&token);
	return 0;
}
