/* receipt: writes receipts; receipt_parse.c reads them. */
#include "mail/receipt.h"

#include <string.h>

#include "crew/wire.h"

/* The length of the UTF-8 sequence at s (n bytes left), or 0 if it is none (RFC 3629). */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	len = s[0] >= 0xc2 && s[0] <= 0xdf ? 2
	    : (s[0] & 0xf0) == 0xe0	   ? 3
	    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
					   : 0;
	if (len == 0 || len > n)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* U+0080 … U+009F: a terminal takes them for commands. */
static bool
is_c1(const unsigned char *s, size_t len)
{
	return len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

/* Bytes that are no UTF-8 pass: a path may be made of them. */
void
tsv_add(struct str *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text), len;

	str_add(out, "", 0);
	for (; n > 0; s += len, n -= len) {
		len = utf8_len(s, n);
		if (len == 0)
			len = 1;
		if (*s == '\\')
			str_add(out, "\\\\", 2);
		else if (*s == '\t')
			str_add(out, "\\t", 2);
		else if (*s < 0x20 || *s == 0x7f)
			str_addf(out, "\\x%02x", *s);
		else if (is_c1(s, len))
			str_addf(out, "\\x%02x\\x%02x", s[0], s[1]);
		else
			str_add(out, s, len);
	}
}

static void
json_control(struct str *out, unsigned c)
{
	switch (c) {
	case '\n':
		str_add(out, "\\n", 2);
		break;
	case '\r':
		str_add(out, "\\r", 2);
		break;
	case '\t':
		str_add(out, "\\t", 2);
		break;
	default:
		str_addf(out, "\\u%04x", c);
	}
}

void
json_add(struct str *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text), len;

	str_addc(out, '"');
	for (; n > 0; s += len, n -= len) {
		len = utf8_len(s, n);
		if (len == 0) {
			len = 1;
			str_add(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		} else if (*s == '"' || *s == '\\') {
			str_addc(out, '\\');
			str_addc(out, (char)*s);
		} else if (*s < 0x20 || *s == 0x7f) {
			json_control(out, *s);
		} else if (is_c1(s, len)) {
			json_control(out, s[1]);
		} else {
			str_add(out, s, len);
		}
	}
	str_addc(out, '"');
}

static void
format_tsv(struct str *out, const struct receipt *r, const char *date, const char *sha)
{
	tsv_add(out, r->user);
	str_addc(out, '\t');
	tsv_add(out, r->folder);
	str_addf(out, "\t%lu\t%lu\t%s\t%llu\t%s\t", (unsigned long)r->uidvalidity, (unsigned long)r->uid,
	    date, (unsigned long long)r->bytes, sha);
	tsv_add(out, r->path);
	str_addc(out, '\n');
}

static void
format_json(struct str *out, const struct receipt *r, const char *date, const char *sha)
{
	str_adds(out, "{\"user\":");
	json_add(out, r->user);
	str_adds(out, ",\"folder\":");
	json_add(out, r->folder);
	str_addf(out, ",\"uidvalidity\":%lu,\"uid\":%lu,\"date\":", (unsigned long)r->uidvalidity,
	    (unsigned long)r->uid);
	if (strcmp(date, "-") == 0)
		str_adds(out, "null");
	else
		json_add(out, date);
	str_addf(out, ",\"bytes\":%llu,\"sha256\":\"%s\",\"path\":", (unsigned long long)r->bytes, sha);
	if (strcmp(r->path, "-") == 0)
		str_adds(out, "null");
	else
		json_add(out, r->path);
	str_adds(out, "}\n");
}

void
receipt_format(struct str *out, const struct receipt *r, enum receipt_format format)
{
	char date[32], sha[65];

	if (format == RECEIPT_PATH0) {
		str_add(out, r->path, strlen(r->path) + 1);
		return;
	}
	/* A year that does not take four digits could not be read again. */
	if (r->date == DATE_NONE || strlen(iso_time(date, r->date)) != sizeof "0000-00-00T00:00:00Z" - 1)
		strcpy(date, "-");
	hex(sha, r->sha256, sizeof r->sha256);
	if (format == RECEIPT_JSON)
		format_json(out, r, date, sha);
	else
		format_tsv(out, r, date, sha);
}
