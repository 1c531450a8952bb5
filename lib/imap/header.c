#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sha256.h"
#include "imap/header.h"
#include "imap/utf8.h"

#define WORD_MAX 4096 /* RFC 2047 says 75; nobody is helped by strictness */

/* --- fields --- */

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the line at p without its line end; *next is where the next one begins. */
static size_t
line_length(const char *p, const char *end, const char **next)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((lf != NULL ? lf : end) - p);

	*next = lf != NULL ? lf + 1 : end;
	while (n > 0 && p[n - 1] == '\r')
		n--;
	return n;
}

/* Does the line begin with "name:" (blanks before the colon are obsolete, but come)?  Length of that, or 0. */
static size_t
is_field(const char *p, size_t n, const char *name)
{
	size_t k = strlen(name);

	if (n <= k || strncasecmp(p, name, k) != 0)
		return 0;
	while (k < n && blank(p[k]))
		k++;
	return k < n && p[k] == ':' ? k + 1 : 0;
}

static void
add_at_most(struct str *s, size_t from, const char *p, size_t n, size_t max)
{
	size_t room = max - (s->len - from);

	str_add(s, p, n < room ? n : room);
}

int
header_field(struct str *value, const char *block, size_t len, const char *name, size_t max)
{
	const char *p = block, *end = block + len, *next;
	size_t from = value->len, n, k;

	for (;; p = next) {
		if (p == end || (n = line_length(p, end, &next)) == 0)
			return 0;
		if ((k = is_field(p, n, name)) != 0)
			break;
	}
	while (k < n && blank(p[k]))
		k++;
	add_at_most(value, from, p + k, n - k, max);
	for (p = next; p < end && blank(*p); p = next) {
		n = line_length(p, end, &next);
		add_at_most(value, from, p, n, max);
	}
	while (value->len > from && blank(value->s[value->len - 1]))
		value->s[--value->len] = '\0';
	return 1;
}

/* --- charsets --- */

enum charset { CS_NONE, CS_UTF8, CS_WINDOWS_1252, CS_LATIN9 };

static enum charset
charset_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		enum charset cs;
	} table[] = {
		{ "utf-8", CS_UTF8 },
		{ "utf8", CS_UTF8 },
		/* 0x80-0x9f are controls in ISO-8859-1; whoever sends them means windows-1252 */
		{ "us-ascii", CS_WINDOWS_1252 },
		{ "ascii", CS_WINDOWS_1252 },
		{ "iso-8859-1", CS_WINDOWS_1252 },
		{ "iso8859-1", CS_WINDOWS_1252 },
		{ "latin1", CS_WINDOWS_1252 },
		{ "windows-1252", CS_WINDOWS_1252 },
		{ "cp1252", CS_WINDOWS_1252 },
		{ "iso-8859-15", CS_LATIN9 },
		{ "iso8859-15", CS_LATIN9 },
		{ "latin9", CS_LATIN9 },
	};
	const char *star = memchr(name, '*', n); /* a language, RFC 2231 5 */
	size_t i, len = star != NULL ? (size_t)(star - name) : n;

	for (i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strlen(table[i].name) == len && strncasecmp(table[i].name, name, len) == 0)
			return table[i].cs;
	return CS_NONE;
}

/* clang-format off */
static const uint16_t high_1252[32] = {
	0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
	0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};
/* where ISO-8859-15 differs from ISO-8859-1 */
static const uint16_t latin9_only[][2] = {
	{ 0xa4, 0x20ac }, { 0xa6, 0x0160 }, { 0xa8, 0x0161 }, { 0xb4, 0x017d },
	{ 0xb8, 0x017e }, { 0xbc, 0x0152 }, { 0xbd, 0x0153 }, { 0xbe, 0x0178 },
};
/* clang-format on */

static uint32_t
windows_1252(unsigned char c)
{
	return c >= 0x80 && c < 0xa0 ? high_1252[c - 0x80] : c;
}

static uint32_t
latin9(unsigned char c)
{
	size_t i;

	for (i = 0; i < sizeof latin9_only / sizeof latin9_only[0]; i++)
		if (latin9_only[i][0] == c)
			return latin9_only[i][1];
	return c;
}

/* --- decoding --- */

struct decoder {
	struct str *out;
	size_t from, max;
	bool full;
	enum charset cs;    /* of pending */
	struct str pending; /* bytes of neighbouring words in one charset: characters may span words */
};

static void
put(struct decoder *d, uint32_t cp)
{
	char buf[4];
	size_t n = utf8_make(buf, cp);

	if (d->full || d->out->len - d->from + n > d->max) {
		d->full = true;
		return;
	}
	str_add(d->out, buf, n);
}

/* Text as it came: UTF-8 where it is, else windows-1252. */
static void
put_raw(struct decoder *d, const char *p, size_t n)
{
	size_t k;
	uint32_t cp;

	for (; n > 0; p += k, n -= k) {
		k = utf8_get(p, n, &cp);
		if (k == 0) {
			cp = windows_1252((unsigned char)*p);
			k = 1;
		}
		put(d, cp);
	}
}

static void
flush(struct decoder *d)
{
	const char *p = d->pending.s;
	size_t n = d->pending.len, k;
	uint32_t cp;

	for (; n > 0; p += k, n -= k) {
		k = 1;
		if (d->cs == CS_LATIN9)
			cp = latin9((unsigned char)*p);
		else if (d->cs == CS_WINDOWS_1252)
			cp = windows_1252((unsigned char)*p);
		else if ((k = utf8_get(p, n, &cp)) == 0) {
			cp = 0xfffd;
			k = 1;
		}
		put(d, cp);
	}
	str_clear(&d->pending);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The Q encoding (RFC 2047 4.2).  0, or -1 if it is broken. */
static int
decode_q(struct str *to, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int hi, lo;

		if (p[i] != '=') {
			str_addc(to, (char)(p[i] == '_' ? ' ' : p[i]));
			continue;
		}
		if (i + 2 >= n || (hi = hex_digit(p[i + 1])) == -1 || (lo = hex_digit(p[i + 2])) == -1)
			return -1;
		str_addc(to, (char)(hi << 4 | lo));
		i += 2;
	}
	return 0;
}

static int
decode_b(struct str *to, const char *p, size_t n)
{
	size_t len = 0;
	unsigned char *bytes = n == 0 ? NULL : unbase64(p, n, &len);

	if (bytes == NULL)
		return n == 0 ? 0 : -1;
	str_add(to, bytes, len);
	free(bytes);
	return 0;
}

/*
 * An encoded word at p ("=?charset?B?text?=")?  Its length, with its bytes in
 * bytes and its charset in *cs; 0 if there is none that we can read.
 */
static size_t
encoded_word(const char *p, size_t n, struct str *bytes, enum charset *cs)
{
	const char *q, *text, *end;
	size_t limit = n < WORD_MAX ? n : WORD_MAX;
	char enc;

	if (limit < 8 || p[0] != '=' || p[1] != '?')
		return 0;
	q = memchr(p + 2, '?', limit - 2);
	if (q == NULL || q == p + 2 || q + 3 >= p + limit || q[2] != '?')
		return 0;
	*cs = charset_of(p + 2, (size_t)(q - p) - 2);
	enc = (char)(q[1] & ~0x20);
	text = q + 3;
	end = memmem(text, (size_t)(p + limit - text), "?=", 2);
	if (*cs == CS_NONE || end == NULL || (enc != 'B' && enc != 'Q'))
		return 0;
	str_clear(bytes);
	if ((enc == 'B' ? decode_b : decode_q)(bytes, text, (size_t)(end - text)) == -1)
		return 0;
	return (size_t)(end + 2 - p);
}

void
header_decode(struct str *out, const char *raw, size_t len, size_t max)
{
	struct decoder d = { .out = out, .from = out->len, .max = max, .pending = STR_INIT };
	struct str bytes = STR_INIT;
	size_t i = 0, gap = 0, k; /* gap: blanks after a word, dropped if another word follows */
	bool after = false;
	enum charset cs;

	while (i < len && !d.full) {
		k = encoded_word(raw + i, len - i, &bytes, &cs);
		if (k > 0) {
			if (after && cs != d.cs)
				flush(&d);
			if (!after)
				put_raw(&d, raw + i - gap, gap);
			d.cs = cs;
			str_add(&d.pending, bytes.s ? bytes.s : "", bytes.len);
			after = true;
			gap = 0;
			i += k;
			continue;
		}
		if (after && (blank(raw[i]) || raw[i] == '\r' || raw[i] == '\n')) {
			gap++;
			i++;
			continue;
		}
		flush(&d);
		/* up to where the next word may begin */
		for (k = i + 1; k < len && raw[k] != '='; k++)
			;
		put_raw(&d, raw + i - gap, k - i + gap);
		i = k;
		gap = 0;
		after = false;
	}
	flush(&d);
	put_raw(&d, raw + i - gap, gap);
	str_release(&d.pending);
	str_release(&bytes);
}

/* --- Message-ID --- */

static uint64_t
msgid_hash(const char *value, size_t len)
{
	struct str id = STR_INIT;
	unsigned char md[SHA256_SIZE];
	uint64_t h = 0;
	size_t i;

	for (i = 0; i < len; i++)
		if (!blank(value[i]) && value[i] != '\r' && value[i] != '\n')
			str_addc(&id, value[i]);
	if (id.len == 0 || strcmp(id.s, "<>") == 0) {
		str_release(&id);
		return 0;
	}
	sha256_of(md, id.s, id.len);
	for (i = 0; i < 8; i++)
		h = h << 8 | md[i];
	str_release(&id);
	return h != 0 ? h : 1;
}

uint64_t
header_msgid(const char *block, size_t len)
{
	struct str v = STR_INIT;
	uint64_t h = 0;

	if (header_field(&v, block, len, "Message-ID", 4096) == 1 && v.len > 0)
		h = msgid_hash(v.s, v.len);
	str_release(&v);
	return h;
}
