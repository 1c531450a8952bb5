#include "crew/wire.h"
#include "imap/folder.h"
#include "imap/utf8.h"
#include "t.h"

/* The two headers must not know each other, but mean the same. */
_Static_assert((int)ATTR_NOSELECT == (int)FA_NOSELECT && (int)ATTR_NOINFERIORS == (int)FA_NOINFERIORS &&
	(int)ATTR_HASCHILDREN == (int)FA_HASCHILDREN && (int)ATTR_NONEXISTENT == (int)FA_NONEXISTENT &&
	(int)ATTR_SENT == (int)FA_SENT && (int)ATTR_TRASH == (int)FA_TRASH &&
	(int)ATTR_DRAFTS == (int)FA_DRAFTS && (int)ATTR_JUNK == (int)FA_JUNK &&
	(int)ATTR_ARCHIVE == (int)FA_ARCHIVE && (int)ATTR_ALL == (int)FA_ALL &&
	(int)ATTR_FLAGGED == (int)FA_FLAGGED && (int)ATTR_IMPORTANT == (int)FA_IMPORTANT &&
	(int)ATTR_MARKED == (int)FA_MARKED,
    "attribute bits differ");

static const struct {
	const char *name, *raw;
} pair[] = {
	{ "INBOX", "INBOX" },
	{ "Entw\xc3\xbcrfe", "Entw&APw-rfe" },
	{ "Gel\xc3\xb6schte Elemente", "Gel&APY-schte Elemente" },
	{ "A & B", "A &- B" },
	{ "&", "&-" },
	{ "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
	    "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
	{ "\xf0\x9f\x93\xa7 mail", "&2D3c5w- mail" },
	{ "\xc3\xa4&\xc3\xa4", "&AOQ-&-&AOQ-" },
	{ "a\tb", "a&AAk-b" },
	{ "\xe2\x82\xac", "&IKw-" },
};

static void
test_pairs(void)
{
	size_t i;

	for (i = 0; i < sizeof pair / sizeof pair[0]; i++) {
		struct str s = STR_INIT;

		is_int(utf7_encode(&s, pair[i].name), 0, "encodes %s", pair[i].raw);
		is_str(s.s, pair[i].raw, "as it should");
		str_clear(&s);
		is_int(utf7_decode(&s, pair[i].raw), 0, "decodes it");
		is_str(s.s, pair[i].name, "to what it was");
		str_release(&s);
	}
}

static void
test_malformed(void)
{
	static const char *const raw[] = {
		"&",
		"a&AOQ",
		"&AOQ!-",
		"&AO-",
		"&A-",
		"&AGE-",
		"&ACY-",
		"&2D0-",
		"&3c4-",
		"&2D0AYQ-",
		"\xc3\xa4",
		"a\tb",
		"&AOR-",
		"&AOQ-&AOQ-",
		"&AOQAAAAA-",
		"&,,,-",
		"&AAA-",
	};
	static const char *const utf8[] = { "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xe2\x82" };
	struct str s = STR_INIT;
	size_t i;

	str_adds(&s, "kept");
	for (i = 0; i < sizeof raw / sizeof raw[0]; i++) {
		/* "&,,,-" is U+FFFF and two bits too many */
		is_int(utf7_decode(&s, raw[i]), -1, "malformed: %s", raw[i]);
		is_str(s.s, "kept", "nothing added");
	}
	for (i = 0; i < sizeof utf8 / sizeof utf8[0]; i++) {
		is_int(utf7_encode(&s, utf8[i]), -1, "not UTF-8: number %zu", i);
		is_str(s.s, "kept", "nothing added");
	}
	str_release(&s);
}

/* Whatever decode accepts, encode gives back. */
static void
test_round_trip(void)
{
	static const char alphabet[] = "&-aA,/+Q9\xc3";
	char raw[9];
	unsigned long i, n, seed = 12345, accepted = 0, bad = 0;

	for (i = 0; i < 300000; i++) {
		struct str name = STR_INIT, back = STR_INIT;

		for (n = 0; n < sizeof raw - 1; n++) {
			seed = seed * 6364136223846793005ul + 1442695040888963407ul;
			raw[n] = alphabet[(seed >> 33) % (sizeof alphabet - 1)];
		}
		raw[n] = '\0';
		if (utf7_decode(&name, raw) == 0) {
			accepted++;
			if (utf7_encode(&back, name.s) == -1 || strcmp(back.s, raw) != 0)
				bad++;
		}
		str_release(&name);
		str_release(&back);
	}
	ok(accepted > 100, "%lu random names are well-formed", accepted);
	is_int(bad, 0, "and come back as they were");
}

static void
test_name(void)
{
	static const struct {
		const char *raw, *name;
	} t[] = {
		{ "inbox", "INBOX" },
		{ "Inbox", "INBOX" },
		{ "Inbox/x", "INBOX/x" },
		{ "Inbox2", "Inbox2" },
		{ "x/Inbox", "x/Inbox" },
		{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
		{ "A & B", "A & B" },
		{ "b\xe4"
		  "d",
		    "b\xef\xbf\xbd"
		    "d" },
		{ "ok\xc3\xa4", "ok\xc3\xa4" },
	};
	struct str s = STR_INIT;
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++) {
		str_clear(&s);
		folder_name(&s, t[i].raw, '/');
		is_str(s.s, t[i].name, "name of %s", t[i].raw);
	}
	str_clear(&s);
	is_int(folder_raw(&s, ""), -1, "no name");
	is_int(folder_raw(&s, "Entw\xc3\xbcrfe"), 0, "a raw name");
	is_str(s.s, "Entw&APw-rfe", "as it should");
	str_release(&s);
}

static void
test_match(void)
{
	static const struct {
		const char *pattern, *name;
		int yes;
	} t[] = {
		{ "INBOX", "INBOX", 1 },
		{ "inbox", "INBOX", 1 },
		{ "Inbox/*", "INBOX/a/b", 1 },
		{ "in*", "INBOX", 0 },
		{ "*", "a/b", 1 },
		{ "%", "a/b", 0 },
		{ "%", "a", 1 },
		{ "%/%", "a/b", 1 },
		{ "%/%", "a/b/c", 0 },
		{ "a/%", "a/", 1 },
		{ "a*c", "abbc", 1 },
		{ "a*c", "abbd", 0 },
		{ "*a%b", "xaya/zab", 1 },
		{ "*a%b", "xaya/zb", 0 },
		{ "%a%b*", "xa/b", 0 },
		{ "%a%b*", "xaabq/r", 1 },
		{ "", "", 1 },
		{ "", "a", 0 },
		{ "*b*d", "abcbcd", 1 },
		{ "%%", "ab", 1 },
		{ "**", "a/b", 1 },
		{ "Archive", "archive", 0 },
		{ "*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++)
		is_int(folder_match(t[i].pattern, t[i].name, '/', 0), t[i].yes, "%s and %s", t[i].pattern,
		    t[i].name);
	ok(folder_match("\\sent", "Gesendet", '/', FA_SENT | FA_MARKED), "an attribute");
	ok(!folder_match("\\Sent", "Sent", '/', FA_TRASH), "another attribute");
	ok(folder_match("%", "a/b", '\0', 0), "no hierarchy: %% is *");
	ok(folder_is_pattern("\\Sent") && folder_is_pattern("a*") && folder_is_pattern("%"), "patterns");
	ok(!folder_is_pattern("Archive/2026"), "no pattern");
}

static void
test_attrs(void)
{
	struct str s = STR_INIT;

	is_int(folder_attr("\\NoSelect"), FA_NOSELECT, "any case");
	is_int(folder_attr("Trash"), FA_TRASH, "without the backslash, as libetpan gives them");
	is_int(folder_attr("\\HasNoChildren"), 0, "one that says nothing");
	folder_attrs(&s, FA_SENT | FA_HASCHILDREN);
	is_str(s.s, "\\HasChildren \\Sent", "printed");
	str_release(&s);
	ok(folder_same("Processed", "processed/", '/'), "the same but for case and delimiter");
	ok(folder_same("INBOX", "inbox", '\0'), "INBOX");
	ok(!folder_same("a/b", "a", '/'), "a child is another");
}

static void
test_utf8(void)
{
	uint32_t cp = 0;
	struct str s = STR_INIT;

	is_int(utf8_get("\xf0\x9f\x93\xa7", 4, &cp), 4, "four bytes");
	is_int(cp, 0x1f4e7, "U+1F4E7");
	is_int(utf8_get("\xf0\x9f\x93\xa7", 3, &cp), 0, "cut");
	utf8_add(&s, 0xd800);
	is_str(s.s, "\xef\xbf\xbd", "a surrogate is no character");
	str_release(&s);
}

int
main(void)
{
	test_pairs();
	test_malformed();
	test_round_trip();
	test_name();
	test_match();
	test_attrs();
	test_utf8();
	return done_testing();
}
