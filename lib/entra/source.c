/*
 * source: see source.h.
 *
 * - Whether stdin belongs to us at all is not plain where a command or a file
 *   is configured, too: it may be the list that a "while read" loop around us
 *   works through, or an open pipe that nobody will ever write to.  There the
 *   first line is looked at without being taken (peek.c), and waited for only
 *   a while.
 * - msmark without file operands owns stdin in any case.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "command.h"
#include "linebuf.h"
#include "peek.h"
#include "source.h"
#include "token.h"

#define CMD_SECS 300	    /* somebody may have to answer a question of ssh's */
#define STDIN_WAIT_MS 10000 /* for a token that a command or file may give as well */
#define NEWER_WAIT_MS 10000 /* for mstoken --follow to see that the old one has run out */
#define POLL_READS 16	    /* in one source_poll */
#define FILE_TAIL (2 * SOURCE_TOKEN_MAX + 4)

#define NO_TOKEN "no token on the first line of stdin (did mstoken fail?)"

enum from { FROM_NOTHING, FROM_STDIN, FROM_CMD, FROM_FILE };

struct source {
	const struct options *o; /* foreign */
	struct linebuf in;
	bool receipts;		     /* stdin holds msmark's receipts after the token */
	bool reading;		     /* stdin is ours to read */
	bool started;		     /* the first line has been dealt with */
	struct err failure;	     /* why there is no first token */
	struct secret token, client; /* client: what was in $MSTOOLS_CLIENT_SECRET */
	enum from from;
	const volatile sig_atomic_t *stop;
};

bool
source_is_token(const char *s, size_t n)
{
	if (n == 0 || n > SOURCE_TOKEN_MAX || s[0] == '/' || s[0] == '.' || s[0] == '{')
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '@')
			return false;
	return true;
}

static bool
has_alternative(const struct source *s)
{
	return s->o->token_cmd != NULL || s->o->token_file != NULL;
}

static int
terminal(const struct source *s, struct err *err)
{
	const char *a = s->o->account != NULL ? s->o->account : "NAME";

	if (s->o->program == OPT_MSMARK)
		return err_set(err, ERR_USAGE, STAGE_STDIN, NULL,
		    "a token and receipts are expected on stdin, which is a terminal; type: "
		    "{ mstoken -a %s; cat RECEIPTS; } | msmark -a %s ...",
		    a, a);
	return err_set(err, ERR_USAGE, STAGE_STDIN, NULL,
	    "a token is expected on stdin, which is a terminal; type: "
	    "mstoken -a %s | %s -a %s ...  (or configure token-cmd)",
	    a, s->o->program == OPT_MSLS ? "msls" : "msfetch", a);
}

/* Out of the environment, and out of the memory that holds it. */
static void
take_client_secret(struct secret *into)
{
	char *v = getenv("MSTOOLS_CLIENT_SECRET");

	if (v == NULL)
		return;
	secret_adds(into, v);
	explicit_bzero(v, strlen(v));
	unsetenv("MSTOOLS_CLIENT_SECRET");
}

int
source_open(struct source **sp, const struct options *o, struct err *err)
{
	struct source *s = xcalloc(1, sizeof *s);

	s->o = o;
	s->in = (struct linebuf)LINEBUF_INIT(STDIN_FILENO, SOURCE_LINE_MAX);
	s->receipts = o->program == OPT_MSMARK && o->nargs == 0;
	s->reading = s->receipts || !has_alternative(s);
	if (s->receipts && o->null) /* the token's line, or the first of the paths */
		s->in.end = LINEBUF_EITHER;
	if (!has_alternative(s) && isatty(STDIN_FILENO)) {
		terminal(s, err);
		free(s);
		return -1;
	}
	take_client_secret(&s->client);
	*sp = s;
	return 0;
}

void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	linebuf_release(&s->in);
	secret_release(&s->token);
	secret_release(&s->client);
	free(s);
}

void
source_set_stop(struct source *s, const volatile sig_atomic_t *stop)
{
	s->stop = s->in.stop = stop;
}

/* 1 it differs from the current token and replaces it, 0 it is the same. */
static int
adopt(struct source *s, const char *tok, size_t len, enum from from)
{
	s->from = from;
	if (s->token.len == len && memcmp(s->token.s, tok, len) == 0)
		return 0;
	secret_clear(&s->token);
	secret_add(&s->token, tok, len);
	return 1;
}

static size_t
chomp_cr(char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	return len;
}

static int
from_cmd(struct source *s, struct err *err)
{
	struct secret out = SECRET_INIT;
	char id[TOKEN_ID_SIZE];
	struct command c = {
		.cmd = s->o->token_cmd,
		.what = "the token command",
		.secs = CMD_SECS,
		.max = SOURCE_TOKEN_MAX + 2,
		.stop = s->stop,
		.secret = s->client.s,
	};
	char *nl;
	size_t n;
	int r;

	if (s->token.len > 0) {
		token_id(id, s->token.s, s->token.len);
		c.refused = id;
	}
	r = command_run(&c, &out, err);
	if (r == 0 && out.len > 0) {
		nl = memchr(out.s, '\n', out.len);
		n = chomp_cr(out.s, nl != NULL ? (size_t)(nl - out.s) : out.len);
		if (source_is_token(out.s, n))
			r = adopt(s, out.s, n, FROM_CMD);
		else
			r = -2;
	} else if (r == 0) {
		r = -2;
	}
	if (r == -2)
		r = err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL,
		    "the token command ended well, but its first line is no token");
	secret_release(&out);
	return r;
}

/* The end of the file, where its last line is. */
static int
read_tail(int fd, struct secret *out)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size != -1) /* else a FIFO */
		(void)lseek(fd, size > FILE_TAIL ? size - FILE_TAIL : 0, SEEK_SET);
	return read_all_secret(fd, 2 * FILE_TAIL, out);
}

/* The last whole line of s, or all of it where there is no line end; *len is its length. */
static char *
last_line(struct secret *s, size_t *len)
{
	char *nl = s->len > 0 ? memrchr(s->s, '\n', s->len) : NULL;
	char *start;

	if (nl == NULL) {
		*len = s->len;
		return s->s;
	}
	start = memrchr(s->s, '\n', (size_t)(nl - s->s));
	start = start != NULL ? start + 1 : s->s;
	*len = (size_t)(nl - start);
	return start;
}

static int
from_file(struct source *s, struct err *err)
{
	const char *path = s->o->token_file;
	struct secret all = SECRET_INIT;
	char *line;
	size_t n;
	int fd, r;

	fd = file_open_secret(path, err);
	if (fd == -1)
		return -1;
	if (read_tail(fd, &all) == -1) {
		r = err_sys(err, ERR_CONFIG, STAGE_CREDENTIAL, errno, path, "cannot read the token");
		goto out;
	}
	line = last_line(&all, &n);
	if (line != NULL)
		n = chomp_cr(line, n);
	if (line != NULL && source_is_token(line, n))
		r = adopt(s, line, n, FROM_FILE);
	else
		r = err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, path, "its last line is no token");
out:
	close(fd);
	secret_release(&all);
	return r;
}

static int
from_alternative(struct source *s, struct err *err)
{
	return s->o->token_cmd != NULL ? from_cmd(s, err) : from_file(s, err);
}

/* Is there a token on a stdin that need not be meant for us?  1, 0, -1. */
static int
stdin_is_meant(struct source *s, struct err *err)
{
	char first[PEEK_MAX];
	ssize_t n;
	int r;

	if (!peek_possible(STDIN_FILENO))
		return 0;
	r = peek_wait(STDIN_FILENO, STDIN_WAIT_MS, s->stop);
	if (r == -1)
		return err_sys(err, ERR_AGAIN, STAGE_STDIN, EINTR, NULL, "stdin was not waited for");
	if (r == 0) {
		log_v(1, "nothing on stdin after %d seconds (use </dev/null): taking the other source",
		    STDIN_WAIT_MS / 1000);
		return 0;
	}
	n = peek(STDIN_FILENO, first);
	r = n > 0 && source_is_token(first, chomp_cr(first, strcspn(first, "\n")));
	explicit_bzero(first, sizeof first);
	return r;
}

/* The first line of stdin.  1 it was a token, 0 it was none (and is given back), -1. */
static int
from_stdin(struct source *s, struct err *err)
{
	char *line;
	size_t len;
	int r;

	r = linebuf_next(&s->in, -1, &line, &len, err);
	if (s->receipts && s->o->null)
		s->in.end = LINEBUF_NUL;
	if (r != 1)
		return r == -1 && err->kind == ERR_DATA && !(s->receipts && has_alternative(s)) ? 0 : r;
	if (source_is_token(line, len > 0 && line[len - 1] == '\r' ? len - 1 : len)) {
		adopt(s, line, chomp_cr(line, len), FROM_STDIN);
		return 1;
	}
	linebuf_untake(&s->in);
	return 0;
}

/* The first token.  0, or -1 with err set. */
static int
start(struct source *s, struct err *err)
{
	int r = 0;

	if (!s->reading) {
		r = stdin_is_meant(s, err);
		s->reading = r == 1;
	}
	if (r != -1 && s->reading)
		r = from_stdin(s, err);
	if (r == -1 || s->token.len > 0)
		return r == -1 ? -1 : 0;
	if (!has_alternative(s))
		return err_set(err, ERR_CONFIG, STAGE_STDIN, NULL, NO_TOKEN);
	return from_alternative(s, err) == -1 ? -1 : 0;
}

int
source_token(struct source *s, const struct secret **tok, struct err *err)
{
	if (!s->started)
		start(s, &s->failure);
	s->started = true;
	if (s->token.len == 0) {
		if (err != NULL)
			*err = s->failure;
		return -1;
	}
	*tok = &s->token;
	return 0;
}

static bool
tokens_on_stdin(const struct source *s)
{
	return s->started && s->reading && !s->receipts;
}

/* Takes every line in the buffer.  1 a newer token among them, 0, -1 (a line that is none). */
static int
take_newer(struct source *s, struct err *err)
{
	char *line;
	size_t len;
	int r, newer = 0;

	while ((r = linebuf_take(&s->in, &line, &len, err)) == 1) {
		len = chomp_cr(line, len);
		if (len == 0)
			continue;
		if (!source_is_token(line, len))
			return err_set(err, ERR_DATA, STAGE_STDIN, NULL, "line %lu of stdin is no token",
			    s->in.lineno);
		newer |= adopt(s, line, len, FROM_STDIN);
	}
	return r == -1 ? -1 : newer;
}

/* source_poll, waiting for the first newer token at most wait_ms. */
static int
newer_on_stdin(struct source *s, int wait_ms, struct err *err)
{
	int64_t end = now_ms() + wait_ms, left = wait_ms;
	int r, newer;

	if (!tokens_on_stdin(s))
		return 0;
	newer = take_newer(s, err);
	for (int i = 0; newer != -1 && !s->in.eof && i < POLL_READS; i++) {
		r = linebuf_fill(&s->in, newer || left < 0 ? 0 : (int)left, err);
		if (r == -1)
			return -1;
		if (r == 1) {
			r = take_newer(s, err);
			newer = r == -1 ? -1 : newer | r;
		} else if (newer || left <= 0) {
			break;
		}
		left = end - now_ms();
	}
	return newer;
}

int
source_poll(struct source *s, struct err *err)
{
	return newer_on_stdin(s, 0, err);
}

int
source_next(struct source *s, const char *why, const struct secret **tok, struct err *err)
{
	int r;

	log_v(1, "%s: asking %s for a newer token", why, source_describe(s));
	r = newer_on_stdin(s, has_alternative(s) ? 0 : NEWER_WAIT_MS, err);
	if (r == 0 && has_alternative(s))
		r = from_alternative(s, err);
	if (r != -1)
		*tok = &s->token;
	return r;
}

int
source_fd(const struct source *s)
{
	return tokens_on_stdin(s) && !s->in.eof ? s->in.fd : -1;
}

int
source_line(struct source *s, char **line, size_t *len, struct err *err)
{
	return linebuf_next(&s->in, -1, line, len, err);
}

unsigned long
source_lineno(const struct source *s)
{
	return s->in.lineno;
}

const char *
source_describe(const struct source *s)
{
	switch (s->from) {
	case FROM_STDIN:
		return "standard input";
	case FROM_CMD:
		return "the token command";
	case FROM_FILE:
		return s->o->token_file;
	case FROM_NOTHING:
		break;
	}
	return "no source of tokens";
}
