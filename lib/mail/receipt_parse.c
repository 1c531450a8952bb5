/*
 * receipt_parse: reads any of the lines that name a message.
 *
 * A line is the user's, but what stands in it came from a server, through awk,
 * jq, an editor, a disk that was full.  So: strict, bounded, and never a number
 * from a line that has been torn.
 */
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "mail/receipt.h"

#define COLUMNS 5 /* user folder uidvalidity uid date */

static int
bad(struct err *err, const char *why)
{
	return err_set(err, ERR_DATA, STAGE_STDIN, NULL, "malformed receipt: %s", why);
}

/* ---- fields ---- */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
				    : -1;
}

/* Takes the escapes of tsv_add out of s, in place.  -1: a broken one, or one that stands for NUL. */
static int
unescape(char *s)
{
	char *to = s;
	int c;

	for (; *s != '\0'; s++) {
		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		switch (*++s) {
		case '\\':
			*to++ = '\\';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'x':
			if (hex_digit(s[1]) == -1 || hex_digit(s[2]) == -1)
				return -1;
			c = hex_digit(s[1]) * 16 + hex_digit(s[2]);
			if (c == 0)
				return -1;
			*to++ = (char)c;
			s += 2;
			break;
		default:
			return -1;
		}
	}
	*to = '\0';
	return 0;
}

static int
two(const char *s, int min, int max, int *out)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return -1;
	*out = (s[0] - '0') * 10 + (s[1] - '0');
	return *out < min || *out > max ? -1 : 0;
}

/* "2026-01-31T12:00:00Z" as iso_time writes it. */
static int
date_parse(const char *s, int64_t *out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	struct tm tm = { 0 };
	int century, year;
	char again[32];
	size_t i;

	if (strlen(s) != sizeof form - 1)
		return -1;
	for (i = 0; form[i] != '\0'; i++)
		if (form[i] != 'd' && s[i] != form[i])
			return -1;
	if (two(s, 0, 99, &century) == -1 || two(s + 2, 0, 99, &year) == -1 ||
	    two(s + 5, 1, 12, &tm.tm_mon) == -1 || two(s + 8, 1, 31, &tm.tm_mday) == -1 ||
	    two(s + 11, 0, 23, &tm.tm_hour) == -1 || two(s + 14, 0, 59, &tm.tm_min) == -1 ||
	    two(s + 17, 0, 59, &tm.tm_sec) == -1)
		return -1;
	tm.tm_mon--;
	tm.tm_year = century * 100 + year - 1900;
	*out = timegm(&tm);
	/* 31 February becomes something else. */
	return strcmp(iso_time(again, *out), s) == 0 ? 0 : -1;
}

static int
number_parse(const char *s, uint32_t *out)
{
	uint64_t n;

	if (parse_u64(s, 1, UINT32_MAX, &n) == -1)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

/* ---- TSV ---- */

static int
parse_tsv(char *line, struct receipt_line *r, struct err *err)
{
	char *col[COLUMNS], *next = line;
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		if ((col[i] = strsep(&next, "\t")) == NULL)
			return bad(err, "fewer than five columns");
	if (unescape(col[0]) == -1 || unescape(col[1]) == -1)
		return bad(err, "a broken escape");
	if (*col[0] == '\0' || *col[1] == '\0')
		return bad(err, "an empty user or folder");
	if (number_parse(col[2], &r->uidvalidity) == -1)
		return bad(err, "the third column is no UIDVALIDITY");
	if (strcmp(col[3], "-") == 0)
		return bad(err, "it names a folder, no message");
	if (number_parse(col[3], &r->uid) == -1)
		return bad(err, "the fourth column is no UID");
	r->has_date = strcmp(col[4], "-") != 0;
	if (r->has_date && date_parse(col[4], &r->date) == -1)
		return bad(err, "the fifth column is no date");
	r->kind = LINE_RECEIPT;
	r->user = col[0];
	r->folder = col[1];
	return 0;
}

/* ---- JSON ---- */

static int
json_number(const json_t *o, const char *key, uint32_t *out)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 1 || n > UINT32_MAX)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int
parse_object(const json_t *o, char *line, struct receipt_line *r, struct err *err)
{
	const json_t *user = json_object_get(o, "user"), *folder = json_object_get(o, "folder"),
		     *date = json_object_get(o, "date");
	size_t nuser = json_string_length(user), nfolder = json_string_length(folder);

	if (nuser == 0 || nfolder == 0)
		return bad(err, "an empty or missing user or folder");
	if (json_number(o, "uidvalidity", &r->uidvalidity) == -1)
		return bad(err, "no uidvalidity");
	if (json_number(o, "uid", &r->uid) == -1)
		return bad(err, "no uid");
	r->has_date = json_is_string(date) && strcmp(json_string_value(date), "-") != 0;
	if (r->has_date ? date_parse(json_string_value(date), &r->date) == -1
			: date != NULL && !json_is_null(date) && !json_is_string(date))
		return bad(err, "no date");
	/* Both fit: in the line they had quotes around them, and no character is longer than its escape. */
	memcpy(line, json_string_value(user), nuser + 1);
	memcpy(line + nuser + 1, json_string_value(folder), nfolder + 1);
	r->kind = LINE_RECEIPT;
	r->user = line;
	r->folder = line + nuser + 1;
	return 0;
}

static int
parse_json(char *line, size_t len, struct receipt_line *r, struct err *err)
{
	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	int rc;

	if (o == NULL)
		return bad(err, "no valid JSON");
	rc = json_is_object(o) ? parse_object(o, line, r, err) : bad(err, "no JSON object");
	json_decref(o);
	return rc;
}

int
receipt_parse(char *line, size_t len, struct receipt_line *r, struct err *err)
{
	memset(r, 0, sizeof *r);
	if (len > RECEIPT_LINE_MAX)
		return bad(err, "the line is longer than 64 kB");
	if (memchr(line, '\0', len) != NULL)
		return bad(err, "it holds a NUL byte");
	line[len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	if (len == 0)
		return 0;
	/* A user may begin with a brace; JSON Lines have no raw tab. */
	if (strchr(line, '\t') != NULL)
		return parse_tsv(line, r, err);
	if (*line == '{')
		return parse_json(line, len, r, err);
	if (*line != '/' && *line != '.')
		return bad(err, "neither columns nor a path");
	r->kind = LINE_PATH;
	r->path = line;
	return 0;
}
