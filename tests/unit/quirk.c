#include "imap/quirk.h"
#include "t.h"

static void
test_texts(void)
{
	static const struct {
		const char *text;
		enum quirk_text is;
	} t[] = {
		{ "Request is throttled. Suggested Backoff Time: 92415 milliseconds", QUIRK_THROTTLED },
		{ "User is authenticated but not connected.", QUIRK_NOT_CONNECTED },
		{ "Session invalidated - AccessTokenExpired", QUIRK_EXPIRED },
		{ "AUTHENTICATE failed.", QUIRK_REFUSED },
		{ "Server Unavailable. 15", QUIRK_UNAVAILABLE },
		{ "Connection is closed. 13", QUIRK_CLOSED_IDLE },
		{ "Connection closed. 14", QUIRK_CLOSED_ERRORS },
		{ "FETCH completed.", QUIRK_NONE },
		{ "", QUIRK_NONE },
		{ NULL, QUIRK_NONE },
	};
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++)
		is_int(quirk_text(t[i].text), t[i].is, "%s", t[i].text ? t[i].text : "(none)");
	is_int(quirk_throttle_ms(t[0].text), 92415, "the backoff time");
	is_int(quirk_throttle_ms("request is throttled. suggested backoff time:  3000000 ms"), 3000000,
	    "in another form");
	is_int(quirk_throttle_ms("Suggested Backoff Time: 99999999999999999999"), 86400000, "a day at most");
	is_int(quirk_throttle_ms("Suggested Backoff Time: 0 milliseconds"), 1, "never 0");
	is_int(quirk_throttle_ms("Suggested Backoff Time: soon"), 1, "no number");
	is_int(quirk_throttle_ms("Request is throttled."), 60000, "no time");
	is_int(quirk_throttle_ms("OK"), 0, "not throttled");
}

static const char substitute[] = "From: \"Microsoft Exchange Server 2010\" <postmaster@example.com>\r\n"
				 "To: <user@example.com>\r\n"
				 "Subject: Retrieval using the IMAP4 protocol failed for the following\r\n"
				 " message: 4711\r\n"
				 "Date: Tue, 1 Sep 2026 10:00:00 +0000\r\n"
				 "\r\n"
				 "The server couldn't retrieve the following message:\r\n"
				 "\r\n"
				 "Subject: \"a report\"\r\n"
				 "\r\n"
				 "The message hasn't been deleted.\r\n";

static bool
is_substitute(const char *msg, size_t chunk)
{
	struct quirk_substitute s = QUIRK_SUBSTITUTE_INIT;
	size_t n = strlen(msg), k;
	bool yes;

	for (; n > 0; msg += k, n -= k) {
		k = chunk < n ? chunk : n;
		quirk_substitute_feed(&s, msg, k);
	}
	yes = quirk_substitute_is(&s);
	quirk_substitute_reset(&s);
	if (quirk_substitute_is(&s))
		yes = false;
	quirk_substitute_release(&s);
	return yes;
}

/* s with its first occurrence of from replaced by as many blanks. */
static char *
without(const char *s, const char *from)
{
	char *copy = strdup(s), *at = strstr(copy, from);

	memset(at, ' ', strlen(from));
	return copy;
}

static void
test_substitute(void)
{
	static const char *const needed[] = { "Microsoft Exchange Server", "Retrieval using",
		"couldn't retrieve" };
	char lf[sizeof substitute], *p = lf, *s, quoted[1000];
	struct str big = STR_INIT;
	size_t i;

	for (i = 0; i < sizeof substitute; i++)
		if (substitute[i] != '\r')
			*p++ = substitute[i];
	ok(is_substitute(substitute, sizeof substitute), "at once");
	ok(is_substitute(substitute, 1), "byte by byte");
	ok(is_substitute(substitute, 7), "in pieces");
	ok(is_substitute(lf, 100), "with LF");
	for (i = 0; i < 3; i++) {
		s = without(substitute, needed[i]);
		ok(!is_substitute(s, 100), "not without \"%s\"", needed[i]);
		free(s);
	}
	snprintf(quoted, sizeof quoted, "From: me\r\nSubject: Fwd\r\n\r\n%s", substitute);
	ok(!is_substitute(quoted, 100), "not when it is quoted");
	ok(!is_substitute("", 1), "not when it is empty");
	str_adds(&big, "Subject: x\r\n");
	while (big.len < 3 * QUIRK_SUBSTITUTE_MAX)
		str_adds(&big, "X-Long: header\r\n");
	str_adds(&big, substitute);
	ok(!is_substitute(big.s, 4096), "not behind a long header");
	str_release(&big);
}

static void
test_budget(void)
{
	struct quirk_budget b = { 0 };
	int i;

	for (i = 1; i < QUIRK_ERRORS_MAX; i++)
		if (quirk_budget_spend(&b))
			break;
	is_int(i, QUIRK_ERRORS_MAX, "some errors are allowed");
	ok(quirk_budget_spend(&b) && quirk_budget_spent(&b), "then no more");
	ok(QUIRK_ERRORS_MAX < 10, "before Exchange closes");
}

static void
copyuid(const char *text, int found, uint32_t validity, uint64_t n)
{
	uint32_t v = 0;
	uint64_t c = 0;

	is_int(quirk_copyuid(text, &v, &c), found, "%s", text ? text : "(none)");
	is_int(v, validity, "its UIDVALIDITY");
	is_int(c, n, "its UIDs");
}

int
main(void)
{
	test_texts();
	test_substitute();
	test_budget();
	copyuid("COPYUID 415 200 43", 1, 415, 1);
	copyuid("* OK [COPYUID 415 200:203,7 43:46,9]", 1, 415, 5);
	copyuid("[COPYUID 55 31 6]", 1, 55, 1);
	copyuid("[COPYUID 55  ]", 1, 55, 0);
	copyuid("[COPYUID 55]", 1, 55, 0);
	copyuid("[COPYUID x 1 2]", 0, 0, 0);
	copyuid("NOCOPYUID 1 2 3", 0, 0, 0);
	copyuid("[COPYUID 0 1 2]", 0, 0, 0);
	copyuid("[COPYUID 4294967296 1 2]", 0, 0, 0);
	copyuid("[COPYUID 5x 1 2]", 0, 0, 0);
	copyuid("[COPYUID 5 0 2]", 0, 5, 0);
	copyuid("[COPYUID 5 1,4294967296 2]", 0, 5, 1);
	copyuid("MOVE completed.", 0, 0, 0);
	copyuid(NULL, 0, 0, 0);
	return done_testing();
}
