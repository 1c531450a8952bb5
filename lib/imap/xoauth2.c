#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "imap/quirk.h"
#include "imap/xoauth2.h"

#define LINES_MAX	1000	/* lines before the tagged one; Exchange sends none */
#define CHALLENGES_MAX	3

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

/* One login, of one step or two. */
struct exchange {
	mailimap *imap;
	struct net *net;
	const char *user;
	const struct secret *token;
	struct xoauth2_reply *reply;
	bool	 sent;		/* the token has gone */
	int	 challenges;
};

/*
 * Writes the SASL string behind prefix.  It goes past libetpan's buffer, which
 * nobody would cleanse.
 */
static int
send_token(struct exchange *x, const char *prefix)
{
	struct secret line = SECRET_INIT;
	long r;

	secret_adds(&line, prefix);
	xoauth2_string(&line, x->user, x->token);
	secret_adds(&line, "\r\n");
	net_private(x->net, true);
	r = net_write(x->net, line.s, line.len);
	net_private(x->net, false);
	secret_release(&line);
	x->sent = true;
	return r < 0 ? -1 : 0;
}

static int
send_plain(struct exchange *x, const char *line)
{
	return net_write(x->net, line, strlen(line)) < 0 ? -1 : 0;
}

/* "+": the server waits for the token, or tells (base64 of JSON) why it refuses and waits for an empty line. */
static int
answer_plus(struct exchange *x, const char *text)
{
	size_t n = 0;
	unsigned char *json;

	while (*text == ' ')
		text++;
	if (*text == '\0' && !x->sent)
		return send_token(x, "");
	if (++x->challenges > CHALLENGES_MAX)
		return -1;
	json = *text != '\0' ? unbase64(text, strlen(text), &n) : NULL;
	if (json != NULL)
		err_printable(x->reply->challenge, sizeof x->reply->challenge, (char *)json, n);
	free(json);
	return send_plain(x, "\r\n");
}

static void
keep_text(struct exchange *x, const char *text)
{
	while (*text == ' ')
		text++;
	err_printable(x->reply->text, sizeof x->reply->text, text, strlen(text));
}

static bool
word(const char *p, const char *w)
{
	size_t n = strlen(w);

	return strncasecmp(p, w, n) == 0 && (p[n] == ' ' || p[n] == '\0');
}

/* What a tagged line says. */
static enum xoauth2_result
tagged(struct exchange *x, const char *p)
{
	if (word(p, "OK"))
		return XOAUTH2_OK;
	if (!word(p, "NO") && !word(p, "BAD"))
		return XOAUTH2_LOST;
	keep_text(x, p + (word(p, "NO") ? 2 : 3));
	return word(p, "NO") ? XOAUTH2_NO : XOAUTH2_BAD;
}

static enum xoauth2_result
read_answer(struct exchange *x)
{
	char tag[16], *line;
	size_t ntag, n;
	int lines;

	ntag = (size_t)snprintf(tag, sizeof tag, "%i ", x->imap->imap_tag);
	for (lines = 0; lines < LINES_MAX; lines++) {
		line = mailimap_read_line(x->imap);
		if (line == NULL)
			return XOAUTH2_LOST;
		n = strcspn(line, "\r\n");
		line[n] = '\0';
		if (strncmp(line, tag, ntag) == 0)
			return tagged(x, line + ntag);
		if (line[0] == '+') {
			if (answer_plus(x, line + 1) == -1)
				return XOAUTH2_LOST;
		} else if (strncasecmp(line, "* BYE", 5) == 0) {
			keep_text(x, line + 5);
		} else if (line[0] != '*' && line[0] != '\0') {
			keep_text(x, line);	/* "Server Unavailable. 15" without anything before it */
		}
	}
	return XOAUTH2_LOST;
}

static enum xoauth2_result
attempt(struct exchange *x, bool two_step)
{
	char command[64];

	x->sent = false;
	x->imap->imap_tag++;
	snprintf(command, sizeof command, "%i AUTHENTICATE XOAUTH2%s", x->imap->imap_tag, two_step ? "\r\n" : " ");
	if ((two_step ? send_plain(x, command) : send_token(x, command)) == -1)
		return XOAUTH2_LOST;
	return read_answer(x);
}

enum xoauth2_result
xoauth2_login(mailimap *imap, struct net *net, const char *user, const struct secret *token, bool two_step,
    struct xoauth2_reply *reply)
{
	struct exchange x = { .imap = imap, .net = net, .user = user, .token = token, .reply = reply };
	enum xoauth2_result r;

	memset(reply, 0, sizeof *reply);
	r = attempt(&x, two_step);
	if (r == XOAUTH2_BAD && !two_step && quirk_text(reply->text) == QUIRK_NONE) {
		/* without SASL-IR (RFC 4959) the initial response is a syntax error; throttling is none */
		memset(reply, 0, sizeof *reply);
		r = attempt(&x, true);
	}
	if (r == XOAUTH2_OK)
		imap->imap_state = MAILIMAP_STATE_AUTHENTICATED;
	return r;
}
