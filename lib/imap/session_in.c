/*
 * Cuts what arrives into responses.  A response is a line, or several joined by
 * literals; only data (LIST, FETCH …) has literals, so a status text that ends
 * in "{12}" is what it looks like.  The literal of BODY[] goes to the slot as it
 * comes and leaves "" in its place; other literals stay, cut to LITERAL_KEEP.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/session_priv.h"

static enum resp_kind
classify(const char *p)
{
	static const char *const status[] = { "OK ", "NO ", "BAD ", "BYE ", "PREAUTH " };
	size_t i, n;

	if (p[0] != '*' || p[1] != ' ')
		return RESP_OTHER;
	p += 2;
	for (i = 0; i < sizeof status / sizeof status[0]; i++)
		if (strncasecmp(p, status[i], strlen(status[i])) == 0)
			return RESP_STATUS;
	if (strncasecmp(p, "SEARCH", 6) == 0)
		return RESP_SEARCH;
	n = strspn(p, "0123456789");
	if (n > 0 && strncasecmp(p + n, " FETCH ", 7) == 0)
		return RESP_FETCH;
	return RESP_DATA;
}

static int
too_long(struct session *s)
{
	return session_over(s, ERR_PROTO, session_stage(s), LOST_PARSE, "a reply of more than %d bytes",
	    LINE_LIMIT);
}

/*
 * A peer may not go on for ever between two answers to commands, however fast
 * and well-formed: everything that comes has a cost, bodies and continuations
 * (each makes us do something) more than their bytes.
 */
static int
heard(struct session *s, uint64_t bytes, bool dear)
{
	s->heard += bytes + (dear ? HEARD_DEAR : 0);
	if (s->heard <= HEARD_LIMIT)
		return 0;
	return session_over(s, ERR_AGAIN, session_stage(s), LOST_STREAM,
	    "a flood of replies without an answer to what was asked");
}

static void
next_response(struct session *s)
{
	s->in.mode = IN_LINE;
	s->in.known = false;
	s->in.line = 0;
	s->in.bodies = 0;
	s->body.taken = s->body.whole = false;
	str_clear(&s->in.resp);
}

/* A long SEARCH answer is used as far as it has come, up to its last blank. */
static void
search_chunk(struct session *s)
{
	struct str *r = &s->in.resp;
	struct str rest = STR_INIT;
	char *blank;

	if (r->len < SEARCH_CHUNK || classify(r->s) != RESP_SEARCH)
		return;
	blank = memrchr(r->s, ' ', r->len);
	if (blank == NULL || blank - r->s < 9)
		return;
	str_adds(&rest, "* SEARCH");
	str_adds(&rest, blank);
	r->len = (size_t)(blank - r->s);
	str_adds(r, "\r\n");
	session_untagged(s, r->s, r->len, RESP_SEARCH);
	heard(s, r->len, false);
	str_clear(r);
	str_add(r, rest.s, rest.len);
	str_release(&rest);
}

/*
 * Does the line end in "{123}" (or "{123+}")?  Then *size, and where the brace
 * stands in *at.  Numbers beyond 64 bits: UINT64_MAX.
 */
static bool
ends_in_literal(const char *p, size_t n, size_t *at, uint64_t *size)
{
	size_t i, digits;
	uint64_t v = 0;

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	if (n < 3 || p[n - 1] != '}')
		return false;
	i = n - 1;
	if (p[i - 1] == '+')
		i--;
	for (digits = 0; i > 0 && isdigit((unsigned char)p[i - 1]); i--)
		digits++;
	if (digits == 0 || i == 0 || p[i - 1] != '{')
		return false;
	*at = i - 1;
	for (; digits > 0; digits--, i++)
		v = v > (UINT64_MAX - 9) / 10 ? UINT64_MAX - 9 : v * 10 + (uint64_t)(p[i] - '0');
	*size = v;
	return true;
}

static bool
names_body(const char *line, size_t n)
{
	return n >= 7 && strncasecmp(line + n - 7, "BODY[] ", 7) == 0;
}

/* The UID of a FETCH response as far as it has come; 0 if it is not there yet. */
static uint32_t
uid_so_far(const char *p)
{
	const char *u = strcasestr(p, "UID ");

	if (u == NULL || u == p || (u[-1] != '(' && u[-1] != ' '))
		return 0;
	return (uint32_t)strtoul(u + 4, NULL, 10);
}

static void
begin_body(struct session *s)
{
	uint32_t number;
	int fd;

	s->wants_slot = s->ops.slot(s->arg, &fd, &number) == 0;
	if (!s->wants_slot)
		body_begin(&s->body, fd, number);
}

/* A body that is going to take its time: whoever asks what broke the connection wants to know. */
static void
tell_begin(struct session *s)
{
	uint32_t uid;
	struct job *job;

	if (s->in.left < BEGIN_LEFT || s->body.told)
		return;
	uid = uid_so_far(s->in.resp.s);
	job = job_asking(s, uid, true);
	s->ops.begin(s->arg, job != NULL ? job->j.id : 0, uid, s->body.slot);
	s->body.told = true;
}

static int
begin_literal(struct session *s, size_t at, uint64_t size)
{
	struct input *in = &s->in;
	bool body = in->kind == RESP_FETCH && names_body(in->resp.s, at);

	if (size > s->p.max_literal)
		return session_over(s, ERR_PROTO, session_stage(s), LOST_PARSE,
		    "a literal of %llu bytes announced, %llu are allowed", (unsigned long long)size,
		    (unsigned long long)s->p.max_literal);
	in->left = size;
	in->resp.len = at;
	in->resp.s[at] = '\0';
	if (body) {
		str_adds(&in->resp, "\"\"");
		in->mode = IN_BODY;
		/* One that nobody asked for, or a second one, passes by. */
		in->skip = in->bodies++ > 0 || !jobs_want_bodies(s);
		return 0;
	}
	in->keep = size;
	if (size > LITERAL_KEEP && in->kind != RESP_FETCH)
		return too_long(s);
	if (in->keep > LITERAL_KEEP)
		in->keep = LITERAL_KEEP;
	str_addf(&in->resp, "{%llu}\r\n", (unsigned long long)in->keep);
	in->mode = IN_LITERAL;
	return 0;
}

/* A line has ended. */
static int
end_line(struct session *s)
{
	struct input *in = &s->in;
	uint64_t size;
	size_t at;

	if (!in->known)
		in->kind = classify(in->resp.s);
	in->known = true;
	if ((in->kind == RESP_FETCH || in->kind == RESP_DATA) &&
	    ends_in_literal(in->resp.s + in->line, in->resp.len - in->line, &at, &size))
		return begin_literal(s, in->line + at, size);
	in->mode = IN_COMPLETE;
	return 0;
}

static int
take_line(struct session *s)
{
	struct input *in = &s->in;
	const char *p = in->buf + in->start, *lf;
	size_t n = in->end - in->start;

	lf = memchr(p, '\n', n);
	if (lf != NULL)
		n = (size_t)(lf - p) + 1;
	str_add(&in->resp, p, n);
	in->start += n;
	if (in->resp.len > SEARCH_CHUNK)
		search_chunk(s);
	if (in->resp.len > LINE_LIMIT)
		return too_long(s);
	return lf != NULL ? end_line(s) : 0;
}

static int
take_literal(struct session *s)
{
	struct input *in = &s->in;
	size_t n = in->end - in->start, k;

	if (n > in->left)
		n = (size_t)in->left;
	k = n < in->keep ? n : (size_t)in->keep;
	str_add(&in->resp, in->buf + in->start, k);
	s->heard += n - k;
	in->start += n;
	in->left -= n;
	in->keep -= k;
	if (in->resp.len > LINE_LIMIT)
		return too_long(s);
	if (in->left == 0) {
		in->mode = IN_LINE;
		in->line = in->resp.len;
	}
	return 0;
}

static int
file_error(struct session *s)
{
	int e = errno;

	return session_over(s, err_kind_of_errno(e), STAGE_FILE, LOST_OTHER, "cannot write a message: %s",
	    strerror(e));
}

static int
take_body(struct session *s)
{
	struct input *in = &s->in;
	size_t n = in->end - in->start;

	if (!in->skip && !s->body.taken)
		begin_body(s);
	if (s->wants_slot)
		return 0;
	if (n > in->left)
		n = (size_t)in->left;
	if (!in->skip && body_add(&s->body, in->buf + in->start, n) == -1)
		return file_error(s);
	if (in->skip)
		s->heard += n;
	in->start += n;
	in->left -= n;
	if (in->left > 0) {
		if (!in->skip)
			tell_begin(s);
		return 0;
	}
	if (!in->skip && body_end(&s->body) == -1)
		return file_error(s);
	in->mode = IN_LINE;
	in->line = in->resp.len;
	return 0;
}

/* The line end goes; what is handed on as text has none. */
static void
chomp(struct str *r)
{
	while (r->len > 0 && (r->s[r->len - 1] == '\n' || r->s[r->len - 1] == '\r'))
		r->s[--r->len] = '\0';
}

static int
complete(struct session *s)
{
	struct input *in = &s->in;
	int r = 0;

	if (in->kind == RESP_FETCH && fetch_needs_slot(s))
		return 0;
	if (heard(s, in->resp.len, in->bodies > 0 || in->resp.s[0] == '+') == -1)
		return -1;
	if (in->kind == RESP_STATUS || in->kind == RESP_OTHER)
		chomp(&in->resp);
	if (in->kind == RESP_OTHER && s->state == S_GREETING && in->resp.len > 0)
		r = session_greeting(s, in->resp.s); /* of another service */
	else if (in->kind != RESP_OTHER)
		r = session_untagged(s, in->resp.s, in->resp.len, in->kind);
	else if (in->resp.len > 0 && in->resp.s[0] == '+')
		r = session_continue(s, in->resp.s + (in->resp.s[1] == ' ' ? 2 : 1),
		    in->resp.len - (in->resp.s[1] == ' ' ? 2 : 1));
	else if (in->resp.len > 0)
		r = session_tagged(s, in->resp.s);
	next_response(s);
	return r;
}

int
input_run(struct session *s)
{
	struct input *in = &s->in;
	int r = 0;

	while (r == 0 && s->state != S_OVER && !s->wants_slot) {
		if (in->mode == IN_COMPLETE)
			r = complete(s);
		else if (in->mode == IN_BODY && (in->left == 0 || (!in->skip && !s->body.taken)))
			r = take_body(s); /* no bytes are needed for its beginning, nor for an empty one */
		else if (in->mode == IN_LITERAL && in->left == 0)
			r = take_literal(s);
		else if (in->start == in->end)
			break;
		else if (in->mode == IN_LINE)
			r = take_line(s);
		else if (in->mode == IN_LITERAL)
			r = take_literal(s);
		else
			r = take_body(s);
	}
	if (in->start == in->end)
		in->start = in->end = 0;
	return s->state == S_OVER ? -1 : 0;
}

/* --- the caller's side --- */

void *
session_space(struct session *s, size_t *n)
{
	*n = SESSION_BUFFER - s->in.end;
	return s->in.buf + s->in.end;
}

int
session_fed(struct session *s, size_t n)
{
	s->in.end += n;
	return input_run(s);
}

int
session_resume(struct session *s)
{
	s->wants_slot = false;
	return input_run(s);
}

bool
session_wants_slot(const struct session *s)
{
	return s->wants_slot;
}

int
session_feed(struct session *s, const void *data, size_t n, size_t *used)
{
	const char *p = data;
	size_t room, k;
	void *to;

	*used = 0;
	while (*used < n && s->state != S_OVER && !s->wants_slot) {
		to = session_space(s, &room);
		k = n - *used < room ? n - *used : room;
		memcpy(to, p + *used, k);
		*used += k;
		session_fed(s, k);
	}
	return s->state == S_OVER ? -1 : 0;
}
