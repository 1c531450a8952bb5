/* The dialogue: login, the end of connections, garbage. */
#include <sys/wait.h>

#include <errno.h>

#include "sessionpeer.h"

/* --- login --- */

static void
test_login(void)
{
	struct peer h;

	start(&h);
	look(&h, 7, "inbox", 6, 1, 0);
	sent(&h, "", "before the greeting");
	say(&h, GREETING);
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\n", "login in one step");
	say(&h, "m1 OK AUTHENTICATE completed.\r\n");
	sent(&h, "m2 CAPABILITY\r\nm3 EXAMINE \"INBOX\"\r\n", "one flight");
	say(&h, CAPS "m2 OK CAPABILITY completed.\r\n");
	told(&h, "online 63 The Microsoft Exchange IMAP4 service is ready. [abc]\n", "online");
	say(&h, OPENED("m3"));
	told(&h, "folder 7 0 INBOX a0 v14 n849 m3 u0 - \ndone 7 OK v14\n", "look");
	ok(session_idle(h.s) && session_lost(h.s) == NULL, "idle");
	session_logout(h.s);
	sent(&h, "m4 LOGOUT\r\n", "logout");
	stop(&h);
}

static void
test_two_steps(void)
{
	struct peer h;

	start(&h);
	say(&h, GREETING "m1 BAD Command Argument Error. 12\r\n");
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\nm2 AUTHENTICATE XOAUTH2\r\n", "two steps after BAD");
	say(&h, "* 1 EXISTS\r\n+ \r\n");
	sent(&h, "!" IR "\r\n", "the token after +");
	say(&h, "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n");
	sent(&h, "\r\n", "an empty line after the challenge");
	say(&h, "m2 NO AUTHENTICATE failed.\r\n");
	lost(&h, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "AUTHENTICATE failed.; {\"status\":\"400\"}");
	stop(&h);

	start_with(&h, (struct session_params){ .two_step = true, .no_pipeline = true });
	look(&h, 7, "INBOX", 6, 1, 0);
	say(&h, GREETING);
	sent(&h, "m1 AUTHENTICATE XOAUTH2\r\n", "two steps when told so");
	say(&h, "+\r\n");
	sent(&h, "!" IR "\r\n", "the token after a bare +");
	say(&h, "m1 OK done\r\n");
	sent(&h, "m2 CAPABILITY\r\n", "one command at a time");
	say(&h, CAPS "m2 OK\r\n");
	sent(&h, "m3 EXAMINE \"INBOX\"\r\n", "then the next");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 BAD no\r\nm2 BAD no, really\r\n");
	lost(&h, LOST_OTHER, ERR_PROTO, STAGE_LOGIN, "no, really");
	stop(&h);
}

static void
test_refusals(void)
{
	struct err e = { .kind = ERR_UNAVAIL, .text = "reset" };
	struct peer h;
	int i;

	start(&h);
	say(&h, "* BYE too many connections\r\n");
	lost(&h, LOST_STREAM, ERR_UNAVAIL, STAGE_GREETING, "too many connections");
	is_int(session_fed(h.s, 0), -1, "stays over");
	stop(&h);

	start(&h);
	say(&h, "* PREAUTH hello\r\n");
	lost(&h, LOST_OTHER, ERR_PROTO, STAGE_GREETING, "unexpected greeting: * PREAUTH hello");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 NO AUTHENTICATE failed.\r\n");
	lost(&h, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "AUTHENTICATE failed.");
	stop(&h);

	start(&h);
	look(&h, 1, "INBOX", 6, 1, 0);
	say(&h,
	    GREETING "m1 OK AUTHENTICATE completed.\r\nm2 BAD User is authenticated but not connected.\r\n");
	lost(&h, LOST_NOT_CONNECTED, ERR_REFUSED, STAGE_FIRST, "User is authenticated but not connected.");
	stop(&h);

	start(&h);
	for (i = 0; i < 100 && session_lost(h.s) == NULL; i++)
		say(&h, i == 0 ? GREETING "+ e30=\r\n" : "+ e30=\r\n");
	lost(&h, LOST_OTHER, ERR_PROTO, STAGE_LOGIN, "no end of challenges");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 NO no such command: AUTHENTICATE XOAUTH2 ");
	for (i = 0; i < 20; i++)
		say(&h, "dXNlcj1ib3gBYXV0aD1CZWFyZXIg");
	say(&h, "\r\n");
	lost(&h, LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, "no such command: AUTHENTICATE XOAUTH2 [secret]");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 NO Request is throttled. Suggested Backoff Time: 92415 milliseconds\r\n");
	lost(&h, LOST_THROTTLED, ERR_AGAIN, STAGE_LOGIN,
	    "Request is throttled. Suggested Backoff Time: 92415 milliseconds");
	is_int(session_lost(h.s)->throttle_ms, 92415, "for how long");
	stop(&h);

	start(&h);
	say(&h, GREETING "m1 ");
	session_eof(h.s, &e);
	lost(&h, LOST_STREAM, ERR_UNAVAIL, STAGE_LOGIN, "reset");
	stop(&h);
}

/* Another service on the port: known by its first line, which is not waited beyond. */
static void
test_no_imap(void)
{
	static const char *const first[] = { "HTTP/1.1 400 Bad Request", "+OK POP3 ready",
		"220 mx.example ESMTP", "SSH-2.0-OpenSSH_9.2", "m1 OK done" };
	char text[100];
	struct peer h;
	size_t i;

	for (i = 0; i < sizeof first / sizeof first[0]; i++) {
		start(&h);
		say(&h, first[i]);
		say(&h, "\r\n");
		snprintf(text, sizeof text, "unexpected greeting: %s", first[i]);
		lost(&h, LOST_OTHER, ERR_PROTO, STAGE_GREETING, text);
		sent(&h, "", first[i]);
		stop(&h);
	}
}

/* --- the end of connections --- */

static void
test_losses(void)
{
	struct err e = { .kind = ERR_UNAVAIL, .text = "reset" };
	struct peer h;

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {100000}\r\nabc");
	session_eof(h.s, &e);
	told(&h, "", "a cut body is no message");
	ok(h.begun_job == 2 && h.begun_uid == 1 && h.begun_slot == 0, "but it had begun");
	lost(&h, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, "reset");
	is_int(session_lost(h.s)->in_flight, 1, "one in flight");
	stop(&h);

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc");
	session_eof(h.s, &e);
	told(&h, "", "nor is one whose response is cut");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* BYE Session invalidated - AccessTokenExpired\r\n");
	lost(&h, LOST_EXPIRED, ERR_AGAIN, STAGE_FETCH, "Session invalidated - AccessTokenExpired");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h,
	    "m4 NO Request is throttled. Suggested Backoff Time: 3000 milliseconds\r\n* BYE Connection closed. 14\r\n");
	told(&h,
	    "done 2 NO v14 Request is throttled. Suggested Backoff Time: 3000 milliseconds throttle 3000\n",
	    "throttled");
	lost(&h, LOST_THROTTLED, ERR_AGAIN, STAGE_NONE,
	    "Request is throttled. Suggested Backoff Time: 3000 milliseconds");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	say(&h, "m4 BAD Command Error. 10\r\n");
	told(&h, "", "BAD with others in flight is no answer");
	lost(&h, LOST_BAD, ERR_AGAIN, STAGE_FETCH, "Command Error. 10");
	is_int(session_lost(h.s)->in_flight, 2, "two in flight");
	stop(&h);

	start(&h);
	slots(&h, 2);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	say(&h, "* 1 FETCH (UID 1 BODY[] {4294967301}\r\n");
	lost(&h, LOST_PARSE, ERR_PROTO, STAGE_FETCH,
	    "a literal of 4294967301 bytes announced, 1000000 are allowed");
	stop(&h);

	start(&h);
	open_inbox(&h);
	h.write_fails = 1;
	fetch(&h, 2, ASK_BODY, 1, 5);
	e.kind = ERR_AGAIN;
	session_eof(h.s, &e);
	lost(&h, LOST_STREAM, ERR_AGAIN, STAGE_FETCH, "reset");
	stop(&h);
}

static void
test_long_line(void)
{
	struct peer h;
	char filler[1001];
	int i;

	start(&h);
	open_inbox(&h);
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	say(&h, "* LIST () \"/\" ");
	for (i = 0; i < 1100 && session_lost(h.s) == NULL; i++)
		say(&h, filler);
	lost(&h, LOST_PARSE, ERR_PROTO, STAGE_NONE, "a reply of more than 1048576 bytes");
	stop(&h);
}

/* The same over and over, so many times at most: then it is over, and not for the peer's sake. */
static void
flood(struct peer *h, const char *what, unsigned at_least, unsigned at_most)
{
	unsigned i;

	for (i = 0; i < at_most && session_lost(h->s) == NULL; i++)
		say(h, what);
	ok(i >= at_least, "%u of them are borne", i);
	is_str(session_lost(h->s) != NULL ? session_lost(h->s)->text : "it goes on",
	    "a flood of replies without an answer to what was asked", "then it is over");
	stop(h);
}

static void
test_floods(void)
{
	static char chatter[65536];
	struct peer h;

	memset(chatter, 'x', sizeof chatter - 1);
	memcpy(chatter, "* OK ", 5);
	memcpy(chatter + sizeof chatter - 3, "\r\n", 2);
	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_SIZE, 1, 5);
	flood(&h, chatter, 1000, 1100);

	start(&h);
	open_inbox(&h);
	memcpy(chatter, "m9 OK", 5); /* a tag that is none of ours */
	flood(&h, chatter, 1000, 1100);

	start(&h);
	open_inbox(&h);
	memset(chatter, '1', sizeof chatter - 1);
	memcpy(chatter, "* SEARCH ", 9);
	chatter[20] = ' ';
	chatter[sizeof chatter - 3] = ' ';
	say(&h, "* SEARCH "); /* a line without an end */
	flood(&h, chatter + 8, 1000, 1100);

	start(&h);
	slots(&h, SLOTS);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	flood(&h, "* 9 FETCH (UID 9 BODY[] {3}\r\nabc)\r\n", 4000, 5000);
}

static void
test_budget(void)
{
	struct peer h;
	char line[32];
	unsigned i;

	start(&h);
	open_inbox(&h);
	for (i = 0; i < 20 && session_lost(h.s) == NULL; i++) {
		fetch(&h, i + 2, ASK_SIZE, 1, 5);
		snprintf(line, sizeof line, "m%u NO no\r\n", i + 4);
		say(&h, line);
	}
	ok(i <= 9 && i >= 6, "after %u errors it is enough", i);
	lost(&h, LOST_BUDGET, ERR_AGAIN, STAGE_NONE, "enough errors for one connection");
	stop(&h);
}

/* The last error came while another command was in flight, which then went well. */
static void
test_budget_in_flight(void)
{
	struct peer h;
	char line[64];
	unsigned i;

	start(&h);
	open_inbox(&h);
	for (i = 4; i < 44 && session_lost(h.s) == NULL; i += 2) {
		fetch(&h, 2, ASK_SIZE, 1, 5);
		fetch(&h, 3, ASK_SIZE, 6, 9);
		snprintf(line, sizeof line, "m%u NO no\r\nm%u OK done\r\n", i, i + 1);
		say(&h, line);
	}
	lost(&h, LOST_BUDGET, ERR_AGAIN, STAGE_NONE, "enough errors for one connection");
	stop(&h);
}

static void
test_strays(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_SIZE, 1, 5);
	say(&h,
	    "Server Unavailable. 15\r\n\r\n* VANISHED 3\r\n* XYZ (1 2\r\n* 3 FETCH (UID 4 X-ODD (1) RFC822.SIZE 3)\r\n"
	    "* ID NIL\r\n+ what\r\nm99 OK what\r\n* 3 FETCH (UID 5 RFC822.SIZE 3)\r\n* CAPABILITY\r\n* CAPABILITY \r\nm4 OK done\r\n");
	told(&h, "rows 2 5 f0 - s3\ndone 2 OK v14\n", "what it does not know passes by");
	stop(&h);
}

/* --- garbage --- */

static uint32_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static const char transcript[] =
    GREETING "m1 OK AUTHENTICATE completed.\r\n" CAPS "m2 OK CAPABILITY completed.\r\n" OPENED(
	"m3") "* 1 FETCH (UID 3 FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2026 12:00:00 +0100\" RFC822.SIZE 9 BODY[] {9}\r\na\r\nb\r\rc\r\n)\r\n"
	      "* 2 FETCH (BODY[] \"abc\" UID 4 FLAGS ($x))\r\nm4 OK FETCH completed.\r\n"
	      "* 2 FETCH (UID 5 RFC822.SIZE 77 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {12}\r\nSubject: x\r\n)\r\nm5 OK x\r\n"
	      "* LIST (\\Sent) \"/\" {4}\r\nSent\r\nm6 OK done\r\n* STATUS Sent (UIDNEXT 2 UIDVALIDITY 1)\r\nm7 OK done\r\n"
	      "* SEARCH 1 2 3\r\nm8 OK done\r\n* OK [COPYUID 1 2 3] x\r\nm9 OK done\r\n* BYE bye\r\n";

static void
garble(char *buf, size_t n)
{
	static const char bits[] = "{}[]()\"\\\r\n* 09+m~%";
	uint32_t k = 1 + dice(6);

	while (k-- > 0)
		buf[dice((uint32_t)n)] = dice(2) ? bits[dice(sizeof bits - 1)] : (char)dice(256);
}

static void
feed_garbage(void)
{
	struct session_job search = { .kind = JOB_SEARCH, .id = 8, .folder = "INBOX", .criteria = "ALL" };
	char buf[sizeof transcript];
	struct peer h;
	int i;

	for (i = 0; i < 600; i++) {
		seed = (uint32_t)i * 7919u;
		memcpy(buf, transcript, sizeof buf);
		garble(buf, sizeof buf - 1);
		start(&h);
		slots(&h, 4);
		look(&h, 1, "INBOX", 6, 1, 0);
		fetch(&h, 2, ASK_ALL, 1, 9);
		fetch(&h, 3, ASK_SIZE | ASK_HEADER, 1, 9);
		look(&h, 4, "*", 2, 1, 0);
		session_job(h.s, &search);
		move(&h, 6, MOVE_MOVE, "x\"y");
		say_n(&h, buf, sizeof buf - 1);
		stop(&h);
	}
}

/* In a process of its own: libetpan leaks a little when it gives up, which sanitizers would hold against us. */
static void
test_garbage(void)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		feed_garbage();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	is_int(status, 0, "survives garbage (%zu)", chunk);
}

static void
all(void)
{
	test_login();
	test_two_steps();
	test_refusals();
	test_no_imap();
	test_losses();
	test_long_line();
	test_budget();
	test_budget_in_flight();
	test_strays();
	test_garbage();
	if (chunk == 0)
		test_floods();
}

int
main(void)
{
	return in_pieces(all);
}
