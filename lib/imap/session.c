#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/session_priv.h"
#include "imap/xoauth2.h"

struct session *
session_new(const struct session_params *p, const struct session_ops *ops, void *arg)
{
	struct session *s = xcalloc(1, sizeof *s);

	s->p = *p;
	if (s->p.max_literal == 0)
		s->p.max_literal = UINT32_MAX;
	s->ops = *ops;
	s->arg = arg;
	s->two_step = p->two_step;
	s->in.buf = xmalloc(SESSION_BUFFER);
	s->parser = parser_new();
	body_init(&s->body, p->crlf);
	return s;
}

static void
cmd_release(struct session *s, unsigned i)
{
	struct cmd *c = &s->cmd[i];

	s->unanswered -= c->size;
	free(c->rest);
	s->ncmd--;
	memmove(c, c + 1, (s->ncmd - i) * sizeof *c);
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	while (s->ncmd > 0)
		cmd_release(s, s->ncmd - 1);
	jobs_free(s);
	parser_free(s->parser);
	body_release(&s->body);
	str_release(&s->in.resp);
	free(s->in.buf);
	free(s->greeting);
	free(s->challenge);
	free(s->bye);
	free(s->open);
	free(s);
}

/* --- the end --- */

enum err_stage
session_stage(const struct session *s)
{
	if (s->state == S_GREETING)
		return STAGE_GREETING;
	if (s->state != S_ON && s->state != S_OVER)
		return STAGE_LOGIN;
	if (!s->answered)
		return STAGE_FIRST;
	if (s->ncmd == 0)
		return STAGE_NONE;
	switch (s->cmd[0].kind) {
	case CMD_FETCH:
	case CMD_SEARCH:
		return STAGE_FETCH;
	case CMD_STORE:
	case CMD_MOVE:
	case CMD_CREATE:
		return STAGE_MARK;
	default:
		return STAGE_FOLDER;
	}
}

int
session_over(struct session *s, enum err_kind kind, enum err_stage stage, enum session_loss loss,
    const char *fmt, ...)
{
	char text[sizeof s->lost.text];
	va_list ap;

	if (s->state == S_OVER)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_printable(s->lost.text, sizeof s->lost.text, text, strlen(text));
	if (s->state == S_AUTH)
		secret_hide(s->lost.text);
	s->lost.kind = kind;
	s->lost.stage = stage;
	s->lost.loss = loss;
	s->lost.in_flight = s->ncmd;
	s->state = S_OVER;
	s->wants_slot = false;
	return -1;
}

int
session_grave(struct session *s, const char *text)
{
	enum err_stage stage = session_stage(s);

	switch (quirk_text(text)) {
	case QUIRK_THROTTLED:
		s->lost.throttle_ms = quirk_throttle_ms(text);
		return session_over(s, ERR_AGAIN, stage, LOST_THROTTLED, "%s", text);
	case QUIRK_NOT_CONNECTED:
		return session_over(s, ERR_REFUSED, STAGE_FIRST, LOST_NOT_CONNECTED, "%s", text);
	case QUIRK_EXPIRED:
		return session_over(s, ERR_AGAIN, stage, LOST_EXPIRED, "%s", text);
	default:
		return 0;
	}
}

/* A BYE, then perhaps the end of the stream: which of them is seen first does not matter. */
static int
said_bye(struct session *s, const char *text)
{
	if (s->logout)
		return session_over(s, ERR_AGAIN, STAGE_NONE, LOST_STREAM, "logged out");
	if (session_grave(s, text) == -1)
		return -1;
	if (s->state == S_GREETING)
		return session_over(s, ERR_UNAVAIL, STAGE_GREETING, LOST_STREAM, "%s", text);
	return session_over(s, ERR_AGAIN, session_stage(s), LOST_STREAM, "server said BYE: %s", text);
}

void
session_eof(struct session *s, const struct err *e)
{
	enum err_kind kind = e->kind;

	if (s->state == S_OVER)
		return;
	if (kind == ERR_UNAVAIL && s->state == S_ON)
		kind = ERR_AGAIN;
	session_over(s, kind, e->stage != STAGE_NONE ? e->stage : session_stage(s),
	    kind == ERR_UNAVAIL || kind == ERR_AGAIN || kind == ERR_PROTO ? LOST_STREAM : LOST_OTHER, "%s",
	    e->text);
}

const struct session_lost *
session_lost(const struct session *s)
{
	return s->state == S_OVER ? &s->lost : NULL;
}

bool
session_idle(const struct session *s)
{
	return s->ncmd == 0 && s->state == S_ON && (s->jobs == NULL || s->jobs->expected);
}

/* --- commands --- */

static int
send_bytes(struct session *s, const void *p, size_t n, bool secret)
{
	if (s->ops.write(s->arg, p, n, secret) == 0)
		return 0;
	/* The reason comes by session_eof; should it not, this one stands. */
	return -1;
}

bool
session_may_send(const struct session *s, size_t size)
{
	if (s->state != S_ON || s->literal_wait || s->logout || quirk_budget_left(&s->budget) <= s->ncmd)
		return false; /* each that is in flight may be an error, too */
	if (s->ncmd == 0)
		return true;
	if (s->p.no_pipeline || s->ncmd >= SESSION_IN_FLIGHT)
		return false;
	return s->unanswered + size <= SESSION_UNANSWERED;
}

/*
 * A mailbox name as an astring: quoted, unless it has something that Exchange
 * answers with BAD when it is quoted (jakarta mail-api #152): then as a literal.
 */
static void
add_name(struct session *s, struct str *out, const char *name, size_t *literal_at)
{
	const unsigned char *c;

	*literal_at = 0;
	for (c = (const unsigned char *)name; *c != '\0' && *c != '"' && *c != '\\' && *c >= ' ' && *c < 0x7f;
	     c++)
		;
	if (*c == '\0') {
		str_addf(out, "\"%s\"", name);
		return;
	}
	str_addf(out, (s->caps & CAP_LITERALPLUS) ? "{%zu+}\r\n" : "{%zu}\r\n", strlen(name));
	if (!(s->caps & CAP_LITERALPLUS))
		*literal_at = out->len;
	str_adds(out, name);
}

struct cmd *
session_command(struct session *s, enum cmd_kind kind, struct job *job, const char *line, const char *name)
{
	struct cmd *c = &s->cmd[s->ncmd];
	const char *mark = name != NULL ? strchr(line, '%') : NULL;
	struct str out = STR_INIT;
	size_t at = 0;

	memset(c, 0, sizeof *c);
	c->tag = ++s->tag;
	c->kind = kind;
	c->job = job;
	str_addf(&out, "m%u ", c->tag);
	if (mark != NULL) {
		str_add(&out, line, (size_t)(mark - line));
		add_name(s, &out, name, &at);
		line = mark + 1;
	}
	str_adds(&out, line);
	str_adds(&out, "\r\n");
	if (at != 0) {
		c->rest = xstrdup(out.s + at);
		s->literal_wait = true;
	}
	c->size = out.len;
	s->unanswered += out.len;
	s->ncmd++;
	if (job != NULL)
		job->cmds++;
	send_bytes(s, out.s, at != 0 ? at : out.len, false);
	str_release(&out);
	return c;
}

void
session_logout(struct session *s)
{
	if (s->state != S_ON || s->logout)
		return;
	s->logout = true;
	if (s->ncmd < sizeof s->cmd / sizeof s->cmd[0] && !s->literal_wait)
		session_command(s, CMD_LOGOUT, NULL, "LOGOUT", NULL);
}

/* --- login --- */

static int
send_token(struct session *s, const char *before)
{
	struct secret line = SECRET_INIT;
	int r;

	secret_adds(&line, before);
	xoauth2_string(&line, s->p.user, s->p.token);
	secret_adds(&line, "\r\n");
	s->sent_token = true;
	r = send_bytes(s, line.s, line.len, true);
	secret_release(&line);
	return r;
}

/*
 * RFC 4959: the initial response saves a round trip, and CAPABILITY is not
 * asked before: whoever does not know it answers BAD, and is asked in two steps.
 */
static int
log_in(struct session *s)
{
	struct cmd *c = &s->cmd[s->ncmd++];
	char line[64];

	memset(c, 0, sizeof *c);
	c->tag = ++s->tag;
	c->kind = CMD_AUTH;
	s->sent_token = false;
	s->state = S_AUTH;
	snprintf(line, sizeof line, "m%u AUTHENTICATE XOAUTH2%s", c->tag, s->two_step ? "\r\n" : " ");
	return s->two_step ? send_bytes(s, line, strlen(line), false) : send_token(s, line);
}

static void
keep_challenge(struct session *s, const char *line, size_t n)
{
	unsigned char *data;
	size_t len;

	data = unbase64(line, n, &len);
	if (data == NULL)
		return;
	free(s->challenge);
	s->challenge = xcalloc(1, 1024);
	err_printable(s->challenge, 1024, (char *)data, len);
	free(data);
}

int
session_continue(struct session *s, const char *line, size_t n)
{
	struct cmd *last = s->ncmd > 0 ? &s->cmd[s->ncmd - 1] : NULL;

	if (s->state == S_AUTH && !s->sent_token)
		return send_token(s, "");
	if (s->state == S_AUTH) {
		/* The error challenge: an empty line fetches the tagged NO (Exchange sends none; others do). */
		if (++s->challenges > CHALLENGES_MAX)
			return session_over(s, ERR_PROTO, STAGE_LOGIN, LOST_OTHER, "no end of challenges");
		keep_challenge(s, line, n);
		return send_bytes(s, "\r\n", 2, false);
	}
	if (s->literal_wait && last != NULL && last->rest != NULL) {
		s->literal_wait = false;
		send_bytes(s, last->rest, strlen(last->rest), false);
		free(last->rest);
		last->rest = NULL;
		jobs_pump(s);
	}
	return 0;
}

static int
refused(struct session *s, enum session_result r, const char *text)
{
	const char *challenge = s->challenge != NULL ? s->challenge : "";

	if (r == DONE_BAD && !s->two_step && session_grave(s, text) == 0) {
		s->two_step = true;
		quirk_budget_spend(&s->budget);
		return log_in(s);
	}
	if (session_grave(s, text) == -1)
		return -1;
	if (r == DONE_BAD)
		return session_over(s, ERR_PROTO, STAGE_LOGIN, LOST_OTHER, "%s", text);
	if (quirk_text(text) == QUIRK_UNAVAILABLE)
		return session_over(s, ERR_AGAIN, STAGE_LOGIN, LOST_STREAM, "%s", text);
	return session_over(s, ERR_REFUSED, STAGE_LOGIN, LOST_REFUSED, "%s%s%s", text,
	    *challenge != '\0' ? "; " : "", challenge);
}

static int
auth_answer(struct session *s, enum session_result r, const char *text)
{
	if (r != DONE_OK)
		return refused(s, r, text);
	s->state = S_ON;
	session_command(s, CMD_CAPABILITY, NULL, "CAPABILITY", NULL);
	jobs_pump(s);
	return 0;
}

int
session_greeting(struct session *s, const char *line)
{
	if (strncasecmp(line, "* OK", 4) != 0)
		return session_over(s, ERR_PROTO, STAGE_GREETING, LOST_OTHER, "unexpected greeting: %s",
		    line);
	s->greeting = xstrdup(line[4] == ' ' ? line + 5 : line + 4);
	return log_in(s);
}

/* --- responses --- */

static void
online(struct session *s)
{
	if (s->online)
		return;
	s->online = true;
	s->ops.online(s->arg, s->caps, s->greeting);
}

int
session_untagged(struct session *s, const char *line, size_t n, enum resp_kind kind)
{
	struct listed l;
	struct status st;

	if (strncasecmp(line, "* BYE", 5) == 0)
		return said_bye(s, line[5] == ' ' ? line + 6 : line + 5);
	if (s->state == S_GREETING)
		return session_greeting(s, line);
	if (kind == RESP_FETCH)
		return fetch_response(s, line, n);
	if (kind == RESP_SEARCH) {
		parse_search(s->parser, line, n, uid_add, s);
		return 0;
	}
	if (strncasecmp(line, "* CAPABILITY ", 13) == 0)
		parse_capability(s->parser, line, n, &s->caps);
	else if (strncasecmp(line, "* LIST ", 7) == 0 && parse_list(s->parser, line, n, &l) == 1)
		look_listed(s, &l);
	else if (strncasecmp(line, "* STATUS ", 9) == 0 && parse_status(s->parser, line, n, &st) == 1)
		look_status(s, &st);
	else
		job_untagged(s, line);
	return 0;
}

static enum session_result
result_of(const char *word, const char **text)
{
	enum session_result r = DONE_BAD;
	size_t n = strcspn(word, " ");

	if (n == 2 && strncasecmp(word, "OK", 2) == 0)
		r = DONE_OK;
	else if (n == 2 && strncasecmp(word, "NO", 2) == 0)
		r = DONE_NO;
	*text = word[n] == ' ' ? word + n + 1 : "";
	return r;
}

static int
answer(struct session *s, struct cmd *c, enum session_result r, const char *text)
{
	bool others = s->ncmd > 0;

	if (r != DONE_OK)
		quirk_budget_spend(&s->budget);
	if (c->kind == CMD_AUTH)
		return auth_answer(s, r, text);
	if (c->kind == CMD_LOGOUT)
		return 0;
	if (r == DONE_BAD && others && quirk_text(text) == QUIRK_NONE) {
		s->ncmd++; /* this one was in flight too */
		session_over(s, ERR_AGAIN, session_stage(s), LOST_BAD, "%s", text);
		s->ncmd--;
		return -1;
	}
	if (c->kind == CMD_CAPABILITY) {
		if (r != DONE_OK && session_grave(s, text) == -1)
			return -1;
		online(s);
	} else if (job_answer(s, c, r, text) == -1) {
		return -1;
	}
	s->answered |= r == DONE_OK;
	if (s->ncmd == 0 && quirk_budget_spent(&s->budget))
		return session_over(s, ERR_AGAIN, STAGE_NONE, LOST_BUDGET,
		    "enough errors for one connection");
	jobs_pump(s);
	return 0;
}

/* The command that a tagged line answers, and what stands behind the tag; NULL. */
static struct cmd *
find_tag(struct session *s, const char *line, const char **rest)
{
	char tag[16];
	unsigned i;

	for (i = 0; i < s->ncmd; i++) {
		snprintf(tag, sizeof tag, "m%u ", s->cmd[i].tag);
		if (strncmp(line, tag, strlen(tag)) == 0) {
			*rest = line + strlen(tag);
			return &s->cmd[i];
		}
	}
	return NULL;
}

int
session_tagged(struct session *s, const char *line)
{
	const char *text, *rest;
	enum session_result r;
	struct cmd *found, c;

	found = find_tag(s, line, &rest);
	if (found == NULL) {
		job_untagged(s, line);
		return 0;
	}
	s->heard = 0;
	r = result_of(rest, &text);
	if (found->rest != NULL)
		s->literal_wait = false;
	c = *found;
	cmd_release(s, (unsigned)(found - s->cmd));
	if (c.job != NULL)
		c.job->cmds--;
	return answer(s, &c, r, text);
}
