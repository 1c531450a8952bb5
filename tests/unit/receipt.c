/* receipt: both forms, there and back, and what must not be taken for a receipt. */
#include <jansson.h>
#include <stdint.h>

#include "base/util.h"
#include "crew/wire.h"
#include "mail/receipt.h"
#include "t.h"

static struct err err;

static struct receipt
sample(void)
{
	struct receipt r = { .user = "alice@example.com",
		.folder = "INBOX",
		.uidvalidity = 14,
		.uid = 849,
		.date = 1790000000,
		.bytes = 12345,
		.path = "/home/alice/Mail/new/1790000000.V14U849" };

	memset(r.sha256, 0xab, sizeof r.sha256);
	return r;
}

#define SHA "abababababababababababababababababababababababababababababababab"

static void
test_format(void)
{
	struct receipt r = sample();
	struct str s = STR_INIT;

	receipt_format(&s, &r, RECEIPT_TSV);
	is_str(s.s,
	    "alice@example.com\tINBOX\t14\t849\t2026-09-21T14:13:20Z\t12345\t" SHA
	    "\t/home/alice/Mail/new/1790000000.V14U849\n",
	    "TSV");
	str_clear(&s);
	receipt_format(&s, &r, RECEIPT_JSON);
	is_str(s.s,
	    "{\"user\":\"alice@example.com\",\"folder\":\"INBOX\",\"uidvalidity\":14,\"uid\":849,"
	    "\"date\":\"2026-09-21T14:13:20Z\",\"bytes\":12345,\"sha256\":\"" SHA "\","
	    "\"path\":\"/home/alice/Mail/new/1790000000.V14U849\"}\n",
	    "JSON");
	str_clear(&s);
	receipt_format(&s, &r, RECEIPT_PATH0);
	receipt_format(&s, &r, RECEIPT_PATH0);
	is_int(s.len, 2 * (strlen(r.path) + 1), "path and NUL, twice");
	is_str(s.s + strlen(r.path) + 1, r.path, "the second path");
	r.date = DATE_NONE;
	r.path = "-";
	str_clear(&s);
	receipt_format(&s, &r, RECEIPT_TSV);
	ok(strstr(s.s, "\t849\t-\t12345\t" SHA "\t-\n") != NULL, "no date, no path: TSV");
	str_clear(&s);
	receipt_format(&s, &r, RECEIPT_JSON);
	ok(strstr(s.s, "\"date\":null,") != NULL && strstr(s.s, "\"path\":null}") != NULL,
	    "no date, no path: JSON");
	r.date = -60000000000;
	str_clear(&s);
	receipt_format(&s, &r, RECEIPT_TSV);
	ok(strstr(s.s, "\t849\t-\t") != NULL, "a year of three digits is no date");
	str_release(&s);
}

static void
escapes(const char *raw, const char *tsv, const char *json)
{
	struct str s = STR_INIT;

	tsv_add(&s, raw);
	is_str(s.s, tsv, "TSV of %s", tsv);
	str_clear(&s);
	json_add(&s, raw);
	is_str(s.s, json, "JSON of it");
	str_release(&s);
}

static void
test_escapes(void)
{
	escapes("", "", "\"\"");
	escapes("a\\b\tc\nd\re", "a\\\\b\\tc\\x0ad\\x0de", "\"a\\\\b\\tc\\nd\\re\"");
	escapes("\x01\x1b[31m\x7f", "\\x01\\x1b[31m\\x7f", "\"\\u0001\\u001b[31m\\u007f\"");
	escapes("Entwürfe", "Entwürfe", "\"Entwürfe\"");
	escapes("q\"q", "q\"q", "\"q\\\"q\"");
	escapes("\xc2\x9bx", "\\xc2\\x9bx", "\"\\u009bx\"");
	escapes("\xc2\xa0x", "\xc2\xa0x", "\"\xc2\xa0x\"");
	escapes("\xff\xfe", "\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	escapes("\xc3", "\xc3", "\"\xef\xbf\xbd\"");
	escapes("\xe0\x80\x80", "\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	escapes("\xed\xa0\x80", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	escapes("\xf4\x90\x80\x80", "\xf4\x90\x80\x80",
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	escapes("\xf0\x9f\x93\xac", "\xf0\x9f\x93\xac", "\"\xf0\x9f\x93\xac\"");
}

/* Parses a copy of n bytes that is exactly as large as it may be touched. */
static int
parse_n(const char *text, size_t n, struct receipt_line *r, char **copy)
{
	*copy = xmalloc(n + 1);
	memcpy(*copy, text, n);
	(*copy)[n] = '\n';
	err_clear(&err);
	return receipt_parse(*copy, n, r, &err);
}

static void
good(const char *text, const char *user, const char *folder, uint32_t v, uint32_t uid, bool has, int64_t date)
{
	struct receipt_line r;
	char *copy;

	if (ok(parse_n(text, strlen(text), &r, &copy) == 0 && r.kind == LINE_RECEIPT, "a receipt: %s",
		err.text)) {
		is_str(r.user, user, "user");
		is_str(r.folder, folder, "folder");
		ok(r.uidvalidity == v && r.uid == uid && r.has_date == has && (!has || r.date == date) &&
			r.path == NULL,
		    "the rest of it");
	}
	free(copy);
}

static void
bad_n(const char *text, size_t n, const char *name)
{
	struct receipt_line r;
	char *copy;

	is_int(parse_n(text, n, &r, &copy), -1, "malformed: %s", name);
	ok(err.kind == ERR_DATA && err.stage == STAGE_STDIN && err.text[0] != '\0', "%s", err.text);
	free(copy);
}

static void
bad(const char *text)
{
	bad_n(text, strlen(text), text);
}

static void
test_parse_tsv(void)
{
	good("a@b\tINBOX\t14\t849\t2026-09-21T14:13:20Z\t12\tsha\t/p", "a@b", "INBOX", 14, 849, true,
	    1790000000);
	good("a@b\tINBOX\t14\t849\t2026-09-21T14:13:20Z", "a@b", "INBOX", 14, 849, true, 1790000000);
	good("a@b\tINBOX\t14\t849\t2026-09-21T14:13:20Z\r", "a@b", "INBOX", 14, 849, true, 1790000000);
	good("a@b\tINBOX\t14\t849\t-\tdone\tmoved to x", "a@b", "INBOX", 14, 849, false, 0);
	good("a@b\tINBOX\t4294967295\t4294967295\t2024-02-29T23:59:59Z\t\t\t", "a@b", "INBOX", UINT32_MAX,
	    UINT32_MAX, true, 1709251199);
	good("a@b\ta\\tb\\\\c\\x0a\\xC3\\xbc\t1\t2\t-\tx", "a@b", "a\tb\\c\n\xc3\xbc", 1, 2, false, 0);
	good("{x@b\tINBOX\t1\t2\t-", "{x@b", "INBOX", 1, 2, false, 0);
	good("{\"x@b\tINBOX\t1\t2\t-", "{\"x@b", "INBOX", 1, 2, false, 0);
	good("/x@b\tINBOX\t1\t2\t-", "/x@b", "INBOX", 1, 2, false, 0);
	good("a@b\tINBOX\t1\t2\t1969-12-31T23:59:59Z", "a@b", "INBOX", 1, 2, true, -1);

	bad("a@b\tINBOX\t14\t849");
	bad("a@b\tINBOX\t14\t849\t");
	bad("a@b\tINBOX\t14\t849\t2026-09-21T14:13:20");
	bad("a@b\tINBOX\t14\t849\t2026-02-30T14:13:20Z");
	bad("a@b\tINBOX\t14\t849\t2026-13-01T14:13:20Z");
	bad("a@b\tINBOX\t14\t849\t2026-09-21 14:13:20Z");
	bad("a@b\tINBOX\t14\t849\t2026-09-21T14:13:20Zx");
	bad("a@b\tINBOX\t14\t849\t2026-09-21T24:00:00Z");
	bad("a@b\tINBOX\t14\t849\t2026-09-21T14:13:60Z");
	bad("a@b\tINBOX\t14\t0\t-");
	bad("a@b\tINBOX\t0\t1\t-");
	bad("a@b\tINBOX\t14\t4294967296\t-");
	bad("a@b\tINBOX\t14\t+1\t-");
	bad("a@b\tINBOX\t14\t1 \t-");
	bad("a@b\tINBOX\t14\t0x10\t-");
	bad("a@b\tINBOX\t14\t\t-");
	bad("a@b\tINBOX\t14\t-\t849\t1\t0\t\\Sent");
	bad("\tINBOX\t14\t1\t-");
	bad("a@b\t\t14\t1\t-");
	bad("a@b\tIN\\BOX\t14\t1\t-");
	bad("a@b\tINBOX\\\t14\t1\t-");
	bad("a@b\tINBOX\\x\t14\t1\t-");
	bad("a@b\tINBOX\\x4\t14\t1\t-");
	bad("a@b\tINBOX\\xg0\t14\t1\t-");
	bad("a@b\tINBOX\\x00\t14\t1\t-");
	bad("hello");
	bad("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.e30.c2ln");
	bad_n("a@b\tIN\0BOX\t14\t1\t-", 18, "a NUL byte");
	bad_n("/tmp/a\0b", 8, "a NUL byte in a path");
}

static void
test_parse_json(void)
{
	good(
	    "{\"user\":\"a@b\",\"folder\":\"INBOX\",\"uidvalidity\":14,\"uid\":849,\"date\":\"2026-09-21T14:13:20Z\","
	    "\"bytes\":1,\"sha256\":\"x\",\"path\":\"/p\"}",
	    "a@b", "INBOX", 14, 849, true, 1790000000);
	good(
	    "{ \"uid\": 849, \"date\": null, \"uidvalidity\": 14, \"folder\": \"a\\tb\\u00fc\\n\", \"user\": \"\\u0061@b\" }",
	    "a@b", "a\tb\xc3\xbc\n", 14, 849, false, 0);
	good("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":2}", "a", "b", 1, 2, false, 0);
	good("{\"folder\":\"b\",\"user\":\"a\",\"uidvalidity\":1,\"uid\":2,\"date\":\"-\"}", "a", "b", 1, 2,
	    false, 0);
	bad("{}");
	bad("{\"user\":\"a\"");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":0}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":4294967296}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":-5}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":\"5\"}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5.5}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5,\"uid\":6}");
	bad("{\"user\":\"\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5}");
	bad("{\"user\":\"a\",\"folder\":[\"b\"],\"uidvalidity\":1,\"uid\":5}");
	bad("{\"user\":\"a\",\"folder\":\"b\\u0000c\",\"uidvalidity\":1,\"uid\":5}");
	bad("{\"user\":\"a\",\"folder\":\"\xff\",\"uidvalidity\":1,\"uid\":5}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5,\"date\":\"yesterday\"}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5,\"date\":17}");
	bad("{\"user\":\"a\",\"folder\":\"b\",\"uidvalidity\":1,\"uid\":5} {}");
}

static void
test_parse_path(void)
{
	struct receipt_line r;
	char *copy;

	is_int(parse_n("", 0, &r, &copy), 0, "an empty line");
	is_int(r.kind, LINE_EMPTY, "is empty");
	free(copy);
	is_int(parse_n("\r", 1, &r, &copy), 0, "so is a carriage return");
	is_int(r.kind, LINE_EMPTY, "alone");
	free(copy);
	is_int(parse_n("/a b\\x/new/1:2,S", 16, &r, &copy), 0, "a path");
	is_int(r.kind, LINE_PATH, "is one");
	is_str(r.path, "/a b\\x/new/1:2,S", "taken as it is");
	ok(r.user == NULL && r.folder == NULL, "nothing else is set");
	free(copy);
	is_int(parse_n("./new/1", 7, &r, &copy), 0, "a relative path");
	is_int(r.kind, LINE_PATH, "is one");
	free(copy);
}

static void
test_long(void)
{
	struct receipt_line r;
	char *text = xmalloc(RECEIPT_LINE_MAX + 2), *copy;

	memset(text, '/', RECEIPT_LINE_MAX + 1);
	is_int(parse_n(text, RECEIPT_LINE_MAX, &r, &copy), 0, "64 kB");
	free(copy);
	bad_n(text, RECEIPT_LINE_MAX + 1, "one byte more");
	memset(text, '\t', RECEIPT_LINE_MAX);
	bad_n(text, RECEIPT_LINE_MAX, "tabs alone");
	memset(text, '[', RECEIPT_LINE_MAX);
	memcpy(text, "{\"a\":", 5);
	bad_n(text, RECEIPT_LINE_MAX, "deep JSON");
	free(text);
}

static uint64_t rng = 88172645463325252ULL;

static uint32_t
rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

static char *
random_text(bool utf8)
{
	static const char *const bits[] = { "a", "Z", "\t", "\\", "\\x41", "\n", "\"", "ü", "\x1b", "{", "📬",
		"/", ".", " ", "\x7f", "\xc2\x85" };
	struct str s = STR_INIT;
	uint32_t n = 1 + rnd(30);

	while (n-- > 0) {
		if (!utf8 && rnd(4) == 0)
			str_addc(&s, (char)(1 + rnd(255)));
		else
			str_adds(&s, bits[rnd(sizeof bits / sizeof *bits)]);
	}
	return s.s;
}

/* Whatever the names are, a receipt that was written is read again. */
static void
test_round(void)
{
	struct receipt r = sample();
	struct receipt_line l;
	struct str s = STR_INIT;
	int i, wrong = 0;
	bool json;

	for (i = 0; i < 4000; i++) {
		json = i % 2;
		char *user = random_text(json), *folder = random_text(json);
		r.user = user;
		r.folder = folder;
		r.uid = 1 + rnd(UINT32_MAX - 1);
		r.uidvalidity = 1 + rnd(UINT32_MAX - 1);
		r.date = (int64_t)rnd(UINT32_MAX) * 2;
		str_clear(&s);
		receipt_format(&s, &r, json ? RECEIPT_JSON : RECEIPT_TSV);
		wrong += memchr(s.s, '\n', s.len) != s.s + s.len - 1;
		if (receipt_parse(s.s, s.len - 1, &l, &err) == -1 || l.kind != LINE_RECEIPT ||
		    strcmp(l.user, user) != 0 || strcmp(l.folder, folder) != 0 || l.uid != r.uid ||
		    l.uidvalidity != r.uidvalidity || !l.has_date || l.date != r.date)
			wrong++;
		free(user);
		free(folder);
	}
	is_int(wrong, 0, "4000 receipts come back as they were");
	str_release(&s);
}

/* Cut, or with bytes changed: never a crash, and a torn line never another message. */
static void
test_torn(void)
{
	struct receipt r = sample();
	struct receipt_line l;
	struct str s = STR_INIT;
	size_t n;
	char *copy;
	int i, other = 0;

	receipt_format(&s, &r, RECEIPT_TSV);
	for (n = 0; n < s.len; n++) {
		if (parse_n(s.s, n, &l, &copy) == 0 && l.kind == LINE_RECEIPT)
			other += l.uid != r.uid || l.uidvalidity != r.uidvalidity ||
			    strcmp(l.folder, r.folder) != 0;
		free(copy);
	}
	is_int(other, 0, "no torn line names another message");
	for (i = 0; i < 20000; i++) {
		copy = xmalloc(s.len + 1);
		memcpy(copy, s.s, s.len);
		for (n = rnd(4); n > 0; n--)
			copy[rnd((uint32_t)s.len)] = (char)rnd(256);
		if (i % 2)
			copy[0] = '{';
		receipt_parse(copy, s.len - 1 - rnd(3), &l, &err);
		free(copy);
	}
	ok(true, "20,000 damaged ones are survived");
	str_release(&s);
}

/* Our JSON is everybody's JSON. */
static void
test_valid_json(void)
{
	int i, invalid = 0;
	struct str s = STR_INIT;
	json_t *v;

	for (i = 0; i < 2000; i++) {
		char *text = random_text(false);
		str_clear(&s);
		json_add(&s, text);
		v = json_loadb(s.s, s.len, JSON_DECODE_ANY, NULL);
		invalid += v == NULL;
		json_decref(v);
		free(text);
	}
	is_int(invalid, 0, "2000 strings are valid JSON whatever bytes they are");
	str_release(&s);
}

int
main(void)
{
	test_format();
	test_escapes();
	test_parse_tsv();
	test_parse_json();
	test_parse_path();
	test_long();
	test_round();
	test_torn();
	test_valid_json();
	return done_testing();
}
