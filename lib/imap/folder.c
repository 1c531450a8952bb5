#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "imap/folder.h"
#include "imap/utf8.h"

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* --- modified UTF-7 --- */

static bool
direct(uint32_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* Bits that wait to become base64 digits. */
struct bits {
	uint32_t v;
	int n;
};

static void
add_unit(struct str *raw, struct bits *b, uint32_t unit)
{
	b->v = b->v << 16 | unit;
	b->n += 16;
	while (b->n >= 6) {
		b->n -= 6;
		str_addc(raw, b64[b->v >> b->n & 63]);
		b->v &= (1u << b->n) - 1;
	}
}

static void
end_shift(struct str *raw, struct bits *b)
{
	if (b->n > 0)
		str_addc(raw, b64[b->v << (6 - b->n) & 63]);
	b->n = 0;
	b->v = 0;
	str_addc(raw, '-');
}

int
utf7_encode(struct str *raw, const char *s)
{
	size_t from = raw->len, n = strlen(s), k;
	struct bits b = { 0, 0 };
	bool shifted = false;
	uint32_t c;

	for (; n > 0; s += k, n -= k) {
		k = utf8_get(s, n, &c);
		if (k == 0) {
			raw->len = from;
			if (raw->s != NULL)
				raw->s[from] = '\0';
			return -1;
		}
		if (direct(c)) {
			if (shifted)
				end_shift(raw, &b);
			shifted = false;
			str_addc(raw, (char)c);
			if (c == '&')
				str_addc(raw, '-');
			continue;
		}
		if (!shifted)
			str_addc(raw, '&');
		shifted = true;
		if (c >= 0x10000) {
			add_unit(raw, &b, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		add_unit(raw, &b, c);
	}
	if (shifted)
		end_shift(raw, &b);
	return 0;
}

/* What stands between '&' and '-', at least one digit.  0, or -1. */
static int
decode_shift(struct str *s, const char *p, size_t n)
{
	uint32_t v = 0, high = 0;
	int bits = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		const char *d = p[i] != '\0' ? strchr(b64, p[i]) : NULL;
		uint32_t unit;

		if (d == NULL)
			return -1;
		v = (v << 6 | (uint32_t)(d - b64)) & 0x3fffff;
		bits += 6;
		if (bits < 16)
			continue;
		bits -= 16;
		unit = v >> bits & 0xffff;
		v &= (1u << bits) - 1;
		if (high != 0) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return -1;
			utf8_add(s, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit < 0xdc00) {
			high = unit;
		} else if ((unit >= 0xdc00 && unit < 0xe000) || direct(unit) || unit == 0) {
			return -1;
		} else {
			utf8_add(s, unit);
		}
	}
	/* the rest is padding of zero bits, less than a digit */
	return high != 0 || bits >= 6 || v != 0 ? -1 : 0;
}

int
utf7_decode(struct str *s, const char *raw)
{
	size_t from = s->len, n;
	const char *p = raw, *end;
	bool was_shift = false;

	for (; *p != '\0'; p++) {
		if (!direct((unsigned char)*p))
			goto bad;
		if (*p != '&') {
			str_addc(s, *p);
			was_shift = false;
			continue;
		}
		end = strchr(p, '-');
		if (end == NULL)
			goto bad;
		n = (size_t)(end - p) - 1;
		if (n == 0) {
			str_addc(s, '&');
			was_shift = false;
		} else if (was_shift || decode_shift(s, p + 1, n) == -1) {
			goto bad; /* two shifts in a row: one would have done */
		} else {
			was_shift = true;
		}
		p = end;
	}
	return 0;
bad:
	s->len = from;
	if (s->s != NULL)
		s->s[from] = '\0';
	return -1;
}

/* --- names --- */

/* Is INBOX the first level of name? */
static bool
in_inbox(const char *name, char delimiter)
{
	return strncasecmp(name, "INBOX", 5) == 0 &&
	    (name[5] == '\0' || (delimiter != '\0' && name[5] == delimiter));
}

void
folder_name(struct str *name, const char *raw, char delimiter)
{
	size_t from = name->len, n, k;
	uint32_t c;

	if (utf7_decode(name, raw) == -1)
		for (n = strlen(raw); n > 0; raw += k, n -= k) {
			k = utf8_get(raw, n, &c);
			utf8_add(name, k > 0 ? c : 0xfffd);
			if (k == 0)
				k = 1;
		}
	if (name->len > from && in_inbox(name->s + from, delimiter))
		memcpy(name->s + from, "INBOX", 5);
}

int
folder_raw(struct str *raw, const char *name)
{
	return *name != '\0' ? utf7_encode(raw, name) : -1;
}

bool
folder_same(const char *a, const char *b, char delimiter)
{
	size_t na = strlen(a), nb = strlen(b);

	if (delimiter != '\0') {
		while (na > 1 && a[na - 1] == delimiter)
			na--;
		while (nb > 1 && b[nb - 1] == delimiter)
			nb--;
	}
	return na == nb && strncasecmp(a, b, na) == 0;
}

/* --- attributes --- */

static const struct {
	const char *name;
	uint32_t bit;
} attrs[] = {
	{ "\\Noselect", FA_NOSELECT },
	{ "\\Noinferiors", FA_NOINFERIORS },
	{ "\\HasChildren", FA_HASCHILDREN },
	{ "\\NonExistent", FA_NONEXISTENT },
	{ "\\Sent", FA_SENT },
	{ "\\Trash", FA_TRASH },
	{ "\\Drafts", FA_DRAFTS },
	{ "\\Junk", FA_JUNK },
	{ "\\Archive", FA_ARCHIVE },
	{ "\\All", FA_ALL },
	{ "\\Flagged", FA_FLAGGED },
	{ "\\Important", FA_IMPORTANT },
	{ "\\Marked", FA_MARKED },
};
#define NATTRS (sizeof attrs / sizeof attrs[0])

uint32_t
folder_attr(const char *s)
{
	size_t i;

	if (*s == '\\')
		s++;
	for (i = 0; i < NATTRS; i++)
		if (strcasecmp(attrs[i].name + 1, s) == 0)
			return attrs[i].bit;
	return 0;
}

void
folder_attrs(struct str *out, uint32_t bits)
{
	size_t i;
	bool first = true;

	for (i = 0; i < NATTRS; i++) {
		if (!(bits & attrs[i].bit))
			continue;
		if (!first)
			str_addc(out, ' ');
		str_adds(out, attrs[i].name);
		first = false;
	}
}

/* --- patterns --- */

/* Wildcards with one place to come back to for each kind: no pattern makes this slow. */
static bool
match(const char *p, const char *s, char delimiter)
{
	const char *star = NULL, *star_s = NULL, *percent = NULL, *percent_s = NULL;

	for (;;) {
		if (*p == '*') {
			star = ++p;
			star_s = s;
			percent = NULL;
		} else if (*p == '%') {
			percent = ++p;
			percent_s = s;
		} else if (*s != '\0' && *p == *s) {
			p++;
			s++;
		} else if (*s == '\0' && *p == '\0') {
			return true;
		} else if (percent != NULL && *percent_s != '\0' && *percent_s != delimiter) {
			s = ++percent_s;
			p = percent;
		} else if (star != NULL && *star_s != '\0') {
			s = ++star_s;
			p = star;
			percent = NULL;
		} else {
			return false;
		}
	}
}

bool
folder_match(const char *pattern, const char *name, char delimiter, uint32_t bits)
{
	char inbox[] = "INBOX";
	struct str p = STR_INIT;
	bool yes;

	if (*pattern == '\\')
		return (folder_attr(pattern) & bits) != 0;
	if (!in_inbox(pattern, delimiter))
		return match(pattern, name, delimiter);
	str_adds(&p, inbox);
	str_adds(&p, pattern + 5);
	yes = match(p.s, name, delimiter);
	str_release(&p);
	return yes;
}

bool
folder_is_pattern(const char *pattern)
{
	return *pattern == '\\' || strpbrk(pattern, "*%") != NULL;
}
