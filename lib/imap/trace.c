#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "imap/trace.h"

#define SECRET "[secret]"

void
trace_init(struct trace *t)
{
	memset(t, 0, sizeof *t);
	t->fd = -1;
}

void
trace_start(struct trace *t, int fd)
{
	t->fd = fd;
	t->start = now_ms();
}

void
trace_release(struct trace *t)
{
	str_release(&t->sent_line);
	str_release(&t->received_line);
	t->fd = -1;
}

static void
put(struct trace *t, const char *who, const char *s, size_t n)
{
	struct str line = STR_INIT;
	int64_t ms = now_ms() - t->start;
	size_t i, shown = n < TRACE_LINE ? n : TRACE_LINE;

	str_addf(&line, "[%ld] %lld.%03d %s ", (long)getpid(), (long long)(ms / 1000), (int)(ms % 1000), who);
	for (i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\\')
			str_adds(&line, "\\\\");
		else if (c < 0x20 || c >= 0x7f)
			str_addf(&line, "\\x%02x", c);
		else
			str_addc(&line, (char)c);
	}
	if (shown < n)
		str_addf(&line, " … [%zu bytes more]", n - shown);
	str_addc(&line, '\n');
	/* A trace that cannot be written must not end the work. */
	if (write_all(t->fd, line.s, line.len) == -1)
		t->fd = -1;
	str_release(&line);
}

/* Collects up to TRACE_LINE + 1 bytes of a line: the rest is only counted by the caller. */
static void
collect(struct str *to, const char *p, size_t n)
{
	size_t room = to->len <= TRACE_LINE ? TRACE_LINE + 1 - to->len : 0;

	str_add(to, p, n < room ? n : room);
}

static void
put_line(struct trace *t, const char *who, struct str *s)
{
	size_t n = s->len;

	while (n > 0 && (s->s[n - 1] == '\n' || s->s[n - 1] == '\r'))
		n--;
	if (n > 0 && s == &t->received_line && t->wary) {
		s->s[n] = '\0';
		secret_hide(s->s);
		n = strlen(s->s);
	}
	put(t, who, n ? s->s : "", n);
	str_clear(s);
}

static void
put_literal(struct trace *t, const char *who, struct str *s, uint64_t size)
{
	if (size > TRACE_LITERAL) {
		str_clear(s);
		str_addf(s, "[%llu bytes]", (unsigned long long)size);
	}
	put(t, who, s->len ? s->s : "", s->len);
	str_clear(s);
}

static void
pass(struct trace *t, bool sent, const char *p, size_t n)
{
	struct lines *l = sent ? &t->sent : &t->received;
	struct str *s = sent ? &t->sent_line : &t->received_line;
	enum lines_part part;
	size_t len;

	for (; n > 0; p += len, n -= len) {
		len = lines_next(l, p, n, &part);
		if (part != LINES_LITERAL || l->announced <= TRACE_LITERAL)
			collect(s, p, len);
		if (part == LINES_END)
			put_line(t, sent ? "C:" : "S:", s);
		else if (part == LINES_LITERAL && l->literal == 0)
			put_literal(t, sent ? "C|" : "S|", s, l->announced);
	}
}

/* Nothing of a secret is copied: only what stands before the last blank. */
static void
pass_private(struct trace *t, const char *p, size_t n)
{
	struct str line = STR_INIT;
	const char *last = memrchr(p, ' ', n);

	if (last != NULL)
		str_add(&line, p, (size_t)(last - p) + 1);
	str_adds(&line, SECRET);
	put(t, "C:", line.s, line.len);
	str_release(&line);
}

void
trace_sent(struct trace *t, const char *p, size_t n, bool private)
{
	if (t->fd == -1)
		return;
	t->wary = private;
	if (private)
		pass_private(t, p, n);
	else
		pass(t, true, p, n);
}

void
trace_received(struct trace *t, const char *p, size_t n)
{
	if (t->fd != -1)
		pass(t, false, p, n);
}

void
trace_note(struct trace *t, const char *text)
{
	if (t->fd != -1)
		put(t, "--", text, strlen(text));
}
