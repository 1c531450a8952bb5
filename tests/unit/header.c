#include "imap/header.h"
#include "t.h"

static const char block[] = "Received: from a\r\n"
			    "\tby b\r\n"
			    "Subject : =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
			    "  and more \r\n"
			    "FROM: Someone <a@b>\n"
			    "Message-Id:\r\n"
			    " <x@y>\r\n"
			    "Empty:\r\n"
			    "\r\n"
			    "Body: no field\r\n";

static void
field(const char *name, int found, const char *want)
{
	struct str s = STR_INIT;

	is_int(header_field(&s, block, sizeof block - 1, name, 1000), found, "%s: found", name);
	is_str(s.s ? s.s : "", want, "%s: value", name);
	str_release(&s);
}

static void
test_field(void)
{
	struct str s = STR_INIT;
	size_t n;

	field("received", 1, "from a\tby b");
	field("Subject", 1, "=?utf-8?q?Gr=C3=BC=C3=9Fe?=  and more");
	field("From", 1, "Someone <a@b>");
	field("Message-ID", 1, " <x@y>");
	field("Empty", 1, "");
	field("Body", 0, "");
	field("Fro", 0, "");
	header_field(&s, block, sizeof block - 1, "Received", 8);
	is_str(s.s, "from a\tb", "cut");
	str_release(&s);
	for (n = 0; n < sizeof block; n++) { /* a block may end anywhere */
		struct str part = STR_INIT;

		header_field(&part, block, n, "Message-ID", 1000);
		str_release(&part);
	}
}

static void
test_decode(void)
{
	static const struct {
		const char *raw, *want, *what;
	} t[] = {
		{ "plain", "plain", "plain" },
		{ "", "", "nothing" },
		{ "=?UTF-8?B?R3LDvMOfZQ==?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e",
		    "base64" },
		{ "=?utf-8?B?R3LDvMOfZQ?=",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e",
		    "base64 without padding" },
		{ "=?iso-8859-1?Q?Gr=FC=DFe_an_alle?= x",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e an alle x",
		    "Q, then text" },
		{ "a =?utf-8?q?b?= =?utf-8?q?c?= d", "a bc d", "blanks between words go" },
		{ "=?utf-8?q?b?=\r\n =?utf-8?q?c?=", "bc", "line ends too" },
		{ "=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "\xe2\x82\xac", "a character in two words" },
		{ "=?utf-8?q?b?= =?iso-8859-15?q?=A4?=", "b\xe2\x82\xac", "two charsets" },
		{ "=?windows-1252?Q?=93x=94?=", "\xe2\x80\x9cx\xe2\x80\x9d", "windows-1252" },
		{ "=?utf-8*de?q?x?=", "x", "with a language" },
		{ "=?gb2312?B?xOO6ww==?=", "=?gb2312?B?xOO6ww==?=", "an unknown charset stays" },
		{ "=?utf-8?q?b?= =?koi8-r?q?c?=", "b =?koi8-r?q?c?=", "behind a known one" },
		{ "=?utf-8?q?=4?=", "=?utf-8?q?=4?=", "broken Q" },
		{ "=?utf-8?b?!!!?=", "=?utf-8?b?!!!?=", "broken B" },
		{ "=?utf-8?x?a?=", "=?utf-8?x?a?=", "unknown encoding" },
		{ "=?utf-8?q?a", "=?utf-8?q?a", "unfinished" },
		{ "=?", "=?", "hardly begun" },
		{ "a=b =?= c", "a=b =?= c", "looks like one" },
		{ "caf\xe9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac", "raw 8-bit and raw UTF-8" },
		{ "=?utf-8?q?=ff?=", "\xef\xbf\xbd", "no UTF-8 inside" },
		{ "=?utf-8?q?a?=  ", "a  ", "blanks at the end stay" },
		{ "=?utf-8?q?a=0Ab?=", "a\nb", "control characters are for the caller" },
		{ "=?utf-8?q?"
		  "?= x",
		    " x", "an empty word" },
	};
	struct str s = STR_INIT;
	size_t i, n;

	for (i = 0; i < sizeof t / sizeof t[0]; i++) {
		str_clear(&s);
		header_decode(&s, t[i].raw, strlen(t[i].raw), 1000);
		is_str(s.s ? s.s : "", t[i].want, "%s", t[i].what);
		for (n = 0; n < strlen(t[i].raw); n++) {
			struct str part = STR_INIT;

			header_decode(&part, t[i].raw, n, 5);
			if (part.len > 5)
				ok(false, "%s: more than was allowed", t[i].what);
			str_release(&part);
		}
	}
	str_clear(&s);
	header_decode(&s, "ab\xe2\x82\xac", 5, 4);
	is_str(s.s, "ab", "cut between characters");
	str_release(&s);
}

static void
test_msgid(void)
{
	uint64_t a = header_msgid(block, sizeof block - 1);

	ok(a != 0, "a Message-ID has a hash");
	ok(a == header_msgid("message-id:  <x@\r\n y>\r\n", 24), "blanks and line ends do not count");
	ok(a != header_msgid("Message-ID: <x@z>\r\n", 19), "another one, another hash");
	ok(header_msgid("From: x\r\n\r\nMessage-ID: <a>\r\n", 29) == 0, "none in the header");
	ok(header_msgid("Message-ID: \r\n", 14) == 0 && header_msgid("Message-ID: <>\r\n", 16) == 0,
	    "an empty one is none");
}

int
main(void)
{
	test_field();
	test_decode();
	test_msgid();
	return done_testing();
}
