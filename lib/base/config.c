/*
 * config: see config.h.
 *
 * - A scanner of words and marks, and a parser of statements over it; both
 *   count lines, so that every message has one.
 * - A library was tried (libconfuse 3.3) and given up: it counted two lines
 *   for each comment, took "Archive*" for "Archive", and dropped an account
 *   whose closing brace was missing without a word.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "file.h"

struct scan {
	struct config *c;
	struct err *err;
	const char *p, *end;
	unsigned line;
	struct str word; /* the last one scanned */
};

static int fail(struct scan *, const char *, ...) __attribute__((format(printf, 2, 3)));

static int
fail(struct scan *s, const char *fmt, ...)
{
	char *subject = xasprintf("%s:%u", s->c->path, s->line);
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(s->err, ERR_CONFIG, STAGE_CONFIG, subject, "%s", text);
	free(subject);
	return -1;
}

/* The next character, or -1 at the end. */
static int
peek(const struct scan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : -1;
}

/* Over blanks and comments; over line ends as well if lines is set. */
static void
skip(struct scan *s, bool lines)
{
	for (; s->p < s->end; s->p++) {
		if (*s->p == '#') {
			while (s->p < s->end && *s->p != '\n')
				s->p++;
			s->p--; /* the line end is looked at next */
			continue;
		}
		if (*s->p == '\n' && lines)
			s->line++;
		else if (*s->p != ' ' && *s->p != '\t' && *s->p != '\r')
			return;
	}
}

/* The character c, after blanks and line ends. */
static bool
mark(struct scan *s, int c)
{
	skip(s, true);
	if (peek(s) != c)
		return false;
	s->p++;
	return true;
}

static bool
ends_word(char c)
{
	return (unsigned char)c <= ' ' || strchr("{},;\"'", c) != NULL;
}

/* What stands here, for a message. */
static int
unexpected(struct scan *s, const char *wanted)
{
	size_t n = 0;

	if (s->p >= s->end)
		return fail(s, "the file ends where %s should be", wanted);
	if (*s->p == '\n')
		return fail(s, "the line ends where %s should be", wanted);
	while (s->p + n < s->end && n < 40 && !ends_word(s->p[n]))
		n++;
	return fail(s, "'%.*s' where %s should be", (int)(n > 0 ? n : 1), s->p, wanted);
}

static int
double_quoted(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p == '\\') {
			if (++s->p >= s->end || (*s->p != '"' && *s->p != '\\'))
				return fail(s,
				    "in \"…\" a backslash stands before \" or \\ only: "
				    "double it, or write '…'");
		}
		str_addc(&s->word, *s->p);
	}
	return fail(s, "the quote is not closed on its line");
}

static int
single_quoted(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == '\'') {
			s->p++;
			return 0;
		}
		str_addc(&s->word, *s->p);
	}
	return fail(s, "the quote is not closed on its line");
}

/* A word on this line into s->word. */
static int
word(struct scan *s, const char *wanted)
{
	int r = 0;

	str_clear(&s->word);
	str_adds(&s->word, ""); /* a word may be "", but not NULL */
	skip(s, false);
	if (peek(s) == '"') {
		r = double_quoted(s);
	} else if (peek(s) == '\'') {
		r = single_quoted(s);
	} else {
		if (s->p >= s->end || ends_word(*s->p))
			return unexpected(s, wanted);
		while (s->p < s->end && !ends_word(*s->p))
			str_addc(&s->word, *s->p++);
	}
	if (r == 0 && s->p < s->end && !ends_word(*s->p))
		return fail(s, "a quoted value ends with its quote");
	if (r == 0 && (peek(s) == '"' || peek(s) == '\''))
		return fail(s, "a quote in the middle of a value: quote all of it");
	return r;
}

static int
add_item(struct scan *s, size_t section, const struct optdef *d)
{
	struct config_section *sec = &s->c->v[section];
	char *subject = xasprintf("%s:%u", s->c->path, s->line);
	struct opt_source src = { ERR_CONFIG, subject };
	struct options trial;
	int r;

	memset(&trial, 0, sizeof trial);
	r = opt_assign(&trial, d, s->word.s, &src, s->err);
	opt_unset(&trial, d);
	free(subject);
	if (r == -1)
		return -1;
	sec->v = xreallocarray(sec->v, sec->n + 1, sizeof *sec->v);
	sec->v[sec->n++] = (struct config_item){ d, xstrdup(s->word.s), s->line };
	return 0;
}

static int
list(struct scan *s, size_t section, const struct optdef *d)
{
	if (d->type != OT_LIST)
		return fail(s, "'%s' takes one value, not a list", d->name);
	s->p++;
	while (!mark(s, '}')) {
		if (word(s, "an element of the list or '}'") == -1 || add_item(s, section, d) == -1)
			return -1;
		if (!mark(s, ',') && peek(s) != '}')
			return unexpected(s, "',' or '}'");
	}
	return 0;
}

/* Between statements: the line's end, ';', or what closes the account. */
static int
statement_end(struct scan *s)
{
	skip(s, false);
	if (peek(s) == ';') {
		s->p++;
		return 0;
	}
	if (s->p >= s->end || *s->p == '\n' || *s->p == '}')
		return 0;
	return unexpected(s, "the end of the line (a value with blanks in it is quoted)");
}

/* What follows a key, which is s->word. */
static int
setting(struct scan *s, size_t section)
{
	struct config_section *sec = &s->c->v[section];
	char *subject = xasprintf("%s:%u", s->c->path, s->line);
	struct opt_source src = { ERR_CONFIG, subject };
	const struct optdef *d = opt_find_key(s->word.s, &src, s->err);

	free(subject);
	if (d == NULL)
		return -1;
	for (size_t i = 0; i < sec->n && d->type != OT_LIST; i++)
		if (sec->v[i].def == d)
			return fail(s, "'%s' is already set in line %u", d->name, sec->v[i].line);
	skip(s, false);
	if (peek(s) != '=')
		return unexpected(s, "'='");
	s->p++;
	skip(s, false);
	if (peek(s) == '{') {
		if (list(s, section, d) == -1)
			return -1;
	} else if (word(s, "a value") == -1 || add_item(s, section, d) == -1) {
		return -1;
	}
	return statement_end(s);
}

static int
key(struct scan *s)
{
	str_clear(&s->word);
	while (s->p < s->end &&
	    ((*s->p >= 'a' && *s->p <= 'z') || (*s->p >= 'A' && *s->p <= 'Z') ||
		(*s->p >= '0' && *s->p <= '9') || *s->p == '-' || *s->p == '_'))
		str_addc(&s->word, *s->p++);
	if (s->word.len == 0)
		return unexpected(s, "a key");
	return 0;
}

static int
account(struct scan *s)
{
	const struct config_section *old;
	struct config *c = s->c;
	unsigned line = s->line;
	size_t section = c->n;

	if (word(s, "the name of the account") == -1)
		return -1;
	if (s->word.len == 0)
		return fail(s, "an account without a name");
	old = config_section(c, s->word.s);
	if (old != NULL)
		return fail(s, "account '%.64s' is already in line %u", s->word.s, old->line);
	c->v = xreallocarray(c->v, c->n + 1, sizeof *c->v);
	c->v[c->n++] = (struct config_section){ xstrdup(s->word.s), line, NULL, 0 };
	if (!mark(s, '{'))
		return unexpected(s, "'{'");
	while (!mark(s, '}')) {
		if (s->p >= s->end)
			return fail(s, "the '}' of account '%.64s' (line %u) is missing",
			    c->v[section].account, line);
		if (key(s) == -1)
			return -1;
		if (strcmp(s->word.s, "account") == 0)
			return fail(s, "an account within account '%.64s' (line %u): is its '}' missing?",
			    c->v[section].account, line);
		if (setting(s, section) == -1)
			return -1;
	}
	return statement_end(s);
}

static int
statements(struct scan *s)
{
	for (skip(s, true); s->p < s->end; skip(s, true)) {
		if (key(s) == -1)
			return -1;
		if (strcmp(s->word.s, "account") == 0 ? account(s) == -1 : setting(s, 0) == -1)
			return -1;
	}
	return 0;
}

int
config_parse(struct config *c, const char *path, const char *text, size_t n, struct err *err)
{
	struct scan s = { c, err, text, text + n, 1, STR_INIT };
	const char *q;
	int r = 0;

	config_release(c);
	c->path = xstrdup(path);
	c->v = xcalloc(1, sizeof *c->v);
	c->n = 1;
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.p += 3;
	for (q = s.p; q < s.end && r == 0; q++) {
		if (*q == '\n')
			s.line++;
		else if (((unsigned char)*q < ' ' && *q != '\t' && *q != '\r') || *q == 0x7f)
			r = fail(&s, "a control character (0x%02x)", (unsigned char)*q);
	}
	if (r == 0) {
		s.line = 1;
		r = statements(&s);
	}
	str_release(&s.word);
	return r;
}

/* Whoever may write the file may run commands as us. */
static int
trusted(const struct config *c, const struct stat *st, struct err *err)
{
	const char *command = NULL;

	for (size_t i = 0; i < c->n && command == NULL; i++)
		for (size_t k = 0; k < c->v[i].n; k++)
			if (c->v[i].v[k].def->type == OT_COMMAND)
				command = c->v[i].v[k].def->name;
	if (command == NULL)
		return 0;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, c->path,
		    "it names a command (%s) and belongs to user %ld, not to root or user %ld", command,
		    (long)st->st_uid, (long)geteuid());
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, c->path,
		    "it names a command (%s) and others may write it (mode %04o): chmod go-w '%s'", command,
		    (unsigned)(st->st_mode & 07777), c->path);
	return 0;
}

int
config_parse_file(struct config *c, const char *path, struct err *err)
{
	struct str text = STR_INIT;
	struct stat st;
	int fd = file_open(path), r = -1;

	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return err_sys(err, err_kind_unless_out(errno, ERR_CONFIG), STAGE_CONFIG, errno, path,
		    "cannot open");
	if (fstat(fd, &st) == -1 || read_all(fd, CONFIG_MAX, &text) == -1)
		err_sys(err, ERR_CONFIG, STAGE_CONFIG, errno, path, "cannot read");
	else if (config_parse(c, path, text.s != NULL ? text.s : "", text.len, err) == 0 &&
	    trusted(c, &st, err) == 0)
		r = 1;
	str_release(&text);
	close(fd);
	return r;
}

const struct config_section *
config_section(const struct config *c, const char *name)
{
	if (name == NULL)
		return c->n > 0 ? &c->v[0] : NULL;
	for (size_t i = 1; i < c->n; i++)
		if (strcmp(c->v[i].account, name) == 0)
			return &c->v[i];
	return NULL;
}

void
config_release(struct config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->v[i].n; k++)
			free(c->v[i].v[k].value);
		free(c->v[i].v);
		free(c->v[i].account);
	}
	free(c->v);
	free(c->path);
	*c = (struct config)CONFIG_INIT;
}
