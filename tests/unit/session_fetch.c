/* What is fetched: bodies, rows, headers, searches. */
#include <errno.h>
#include <fcntl.h>

#include "sessionpeer.h"

/* --- bodies --- */

static void
test_bodies(void)
{
	struct peer h;

	start(&h);
	slots(&h, 8);
	open_inbox(&h);
	fetch(&h, 2, ASK_ALL, 1, 9);
	sent(&h, "m4 UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n", "fetch");
	say(&h,
	    "* 1 FETCH (UID 3 FLAGS (\\Seen $MDNSent other) INTERNALDATE \" 1-Jan-2026 12:00:00 +0100\" "
	    "RFC822.SIZE 999 BODY[] {9}\r\na\r\nb\r\rc\r\n)\r\n");
	told(&h, "message 2 3 f33 d1767265200 s999 slot 0 6169 \"a\\nb\\r\\rc\\n\"\n", "a message");
	say(&h,
	    "* 2 FETCH (BODY[] {5}\r\nx\r\ny\r RFC822.SIZE 5 FLAGS () INTERNALDATE \"31-Dec-2025 00:00:01 -0830\""
	    " UID 4)\r\n");
	told(&h, "message 2 4 f0 d1767169801 s5 slot 1 cbed \"x\\ny\\r\"\n", "items in another order");
	say(&h,
	    "* 3 FETCH (UID 5 FLAGS () BODY[] NIL)\r\n* 4 FETCH (FLAGS (\\Seen))\r\n* 9 EXPUNGE\r\n* 12 EXISTS\r\n"
	    "* 4 FETCH (UID 6 FLAGS (\\Seen))\r\n* OK still here {3}\r\n");
	told(&h, "", "NIL, and what was not asked for");
	say(&h, "* 5 FETCH (UID 6 FLAGS () RFC822.SIZE 0 INTERNALDATE NIL BODY[] {0}\r\n)\r\n");
	told(&h, "message 2 6 f0 - s0 slot 2 e3b0 \"\"\n", "an empty one without date");
	say(&h,
	    "* 6 FETCH (UID 7 FLAGS (\\Seen {x \\Answered) INTERNALDATE \" 1-Jan-2026 12:00:00 +0000\" BODY[] {2}\r\nab)\r\n");
	told(&h, "message 2 7 f0 d1767268800 s0 slot 3 fb8e \"ab\"\n", "flags that cannot be parsed");
	say(&h, "* 7 FETCH (UID 8 FLAGS () BODY[] \"q \\\"x\")\r\n");
	told(&h, "message 2 8 f0 - s0 slot 4 9c7b \"q \"x\"\n", "a quoted one");
	say(&h,
	    "* 8 FETCH (UID 99 FLAGS () BODY[] {3}\r\nabc)\r\n* 8 FETCH (UID 9 BODY[] {1}\r\nz BODY[] {2}\r\nyy)\r\n");
	told(&h, "unslot 5 at 0\nmessage 2 9 f0 - s0 slot 5 594e \"z\"\n", "a stranger, a twin");
	say(&h, "* 8 FETCH (UID 9 BODY[]");
	told(&h, "", "not yet");
	say(&h, " \"\")\r\nm4 OK FETCH completed.\r\n");
	told(&h, "message 2 9 f0 - s0 slot 6 e3b0 \"\"\ndone 2 OK v14\n", "the end");
	stop(&h);
}

static void
test_slots(void)
{
	struct peer h;
	size_t used, was = chunk;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 2);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\n");
	ok(session_wants_slot(h.s), "no slot: it waits");
	told(&h, "", "nothing begins");
	is_int(session_feed(h.s, "abc", 3, &used), 0, "fed");
	is_int(used, 0, "takes nothing meanwhile");
	slots(&h, 1);
	session_resume(h.s);
	ok(!session_wants_slot(h.s), "goes on");
	say(&h, "abc)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 ba78 \"abc\"\n", "the first");
	ok(session_wants_slot(h.s), "waits again");
	stop(&h);

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 2);
	chunk = 0;
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 2 BODY[] \"d\")\r\nm4 OK done\r\n");
	slots(&h, 1);
	session_resume(h.s);
	ok(session_wants_slot(h.s), "waits for a slot for a quoted body, with more behind it");
	h.fd[1] = memfd_create("slot", MFD_CLOEXEC);
	h.free[h.nfree++] = 1;
	session_resume(h.s);
	told(&h,
	    "message 2 1 f0 - s0 slot 0 ba78 \"abc\"\n"
	    "message 2 2 f0 - s0 slot 1 18ac \"d\"\ndone 2 OK v14\n",
	    "all of it");
	stop(&h);
	chunk = was;
}

static void
test_crlf(void)
{
	struct peer h;
	char line[128];
	size_t i, n = 300000;
	char *body = xmalloc(n);

	start_with(&h, (struct session_params){ .crlf = true });
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	say(&h, "* 1 FETCH (UID 1 BODY[] {4}\r\na\r\n\n)\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 f1a3 \"a\\r\\n\\n\"\n", "CRLF is kept");
	stop(&h);

	for (i = 0; i < n; i++)
		body[i] = i % 3 == 0 ? 'x' : i % 3 == 1 ? '\r' : '\n';
	start(&h);
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	snprintf(line, sizeof line, "* 1 FETCH (UID 1 BODY[] {%zu}\r\n", n);
	say(&h, line);
	say_n(&h, body, n);
	say(&h, ")\r\n");
	told(&h, "message 2 1 f0 - s0 slot 0 660a \"\" long\n", "a long one");
	is_int(lseek(h.fd[0], 0, SEEK_END), 200000, "each CRLF became LF, across all borders");
	stop(&h);
	free(body);
}

static void
test_file_errors(void)
{
	struct peer h;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full == -1)
		return;
	start(&h);
	open_inbox(&h);
	h.fd[0] = full;
	h.free[h.nfree++] = 0;
	fetch(&h, 2, ASK_BODY, 1, 1);
	say(&h, "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n");
	told(&h, "", "no message");
	lost(&h, LOST_OTHER, ERR_IO, STAGE_FILE, "cannot write a message: No space left on device");
	stop(&h);
}

#define SUBSTITUTE \
	"From: \"Microsoft Exchange Server 2010\"\r\n" \
	"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n" \
	"The server couldn't retrieve the following message:\r\n\r\nSubject: x\r\n"

static void
test_substitute(void)
{
	struct peer h;
	char line[64];

	start(&h);
	slots(&h, 1);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 1);
	snprintf(line, sizeof line, "* 1 FETCH (UID 1 BODY[] {%zu}\r\n", strlen(SUBSTITUTE));
	say(&h, line);
	say(&h, SUBSTITUTE);
	say(&h, ")\r\n");
	ok(h.log.s != NULL && strstr(h.log.s, " SUBSTITUTE slot 0") != NULL, "the substitute is known (%zu)",
	    chunk);
	stop(&h);
}

/* --- rows, headers, searches --- */

static void
test_rows(void)
{
	struct peer h;
	char line[128];
	int i;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_FLAGS | ASK_DATE | ASK_SIZE, 1, 4000);
	sent(&h, "m4 UID FETCH 1:4000 (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n", "rows");
	say(&h,
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged) INTERNALDATE \"29-Feb-2000 23:59:59 +0000\" RFC822.SIZE 5)\r\n"
	    "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Seen) UID 4001 RFC822.SIZE 1)\r\nm4 OK done\r\n");
	told(&h, "rows 2 1 f4 d951868799 s5\ndone 2 OK v14\n", "rows");
	fetch(&h, 3, ASK_SIZE, 1, 4000);
	for (i = 1; i <= 1500; i++) {
		snprintf(line, sizeof line, "* %d FETCH (UID %d RFC822.SIZE %d)\r\n", i, i, i);
		say(&h, line);
	}
	told(&h, "rows 3 (1000) 1-1000\n", "a thousand at a time");
	say(&h, "m5 NO Some of the requested messages no longer exist\r\n");
	told(&h, "rows 3 (500) 1001-1500\ndone 3 NO v14 Some of the requested messages no longer exist\n",
	    "the rest");
	fetch(&h, 4, 0, 5, 6);
	sent(&h, "m5 UID FETCH 1:4000 (UID RFC822.SIZE)\r\nm6 UID FETCH 5:6 (UID)\r\n", "are they there");
	say(&h, "* 3 FETCH (UID 6)\r\nm6 OK done\r\n");
	told(&h, "rows 4 6 f0 - s0\ndone 4 OK v14\n", "one is");
	stop(&h);
}

static void
test_headers(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_SIZE | ASK_HEADER, 1, 9);
	sent(&h, "m4 UID FETCH 1:9 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])\r\n",
	    "headers");
	say(&h,
	    "* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {56}\r\n"
	    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: a@b.test\r\n\r\n)\r\nm4 OK done\r\n");
	told(&h, "header 2 1 f0 - s5 <a@b.test> <Gr\303\274\303\237e>\ndone 2 OK v14\n", "headers");
	fetch(&h, 3, ASK_MSGID | ASK_DATE, 1, 9);
	sent(&h, "m5 UID FETCH 1:9 (UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])\r\n", "ids");
	say(&h,
	    "* 1 FETCH (BODY[HEADER.FIELDS (\"MESSAGE-ID\")] {22}\r\nMessage-ID: <a@b>\r\n\r\n UID 1 INTERNALDATE "
	    "\"01-Jan-1970 00:00:00 +0000\")\r\n* 2 FETCH (UID 2 INTERNALDATE \"01-Jan-1970 00:00:00 +0000\" "
	    "BODY[HEADER.FIELDS (MESSAGE-ID)] \"\")\r\nm5 OK done\r\n");
	told(&h, "rows 3 1 f0 d0 s0 id 2 f0 d0 s0\ndone 3 OK v14\n", "ids");
	stop(&h);
}

static void
test_long_header(void)
{
	struct peer h;
	char line[128], filler[1001];
	int i;

	start(&h);
	open_inbox(&h);
	fetch(&h, 2, ASK_HEADER, 1, 9);
	memset(filler, 'x', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	snprintf(line, sizeof line,
	    "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] {%d}\r\nSubject: ", 300011);
	say(&h, line);
	for (i = 0; i < 300; i++)
		say(&h, filler);
	say(&h, "\r\n)\r\nm4 OK done\r\n");
	ok(h.log.s != NULL && strncmp(h.log.s, "header 2 1 f0 - s0 <> <xxx", 26) == 0 && h.log.len < 3000,
	    "a huge field is cut, nothing else suffers (%zu)", chunk);
	ok(h.log.s != NULL && strstr(h.log.s, "\ndone 2 OK") != NULL, "and it ends well");
	stop(&h);
}

static void
test_search(void)
{
	struct session_job j = { .kind = JOB_SEARCH,
		.id = 5,
		.uidvalidity = 14,
		.folder = "INBOX",
		.criteria = "UNSEEN SINCE 1-Jan-2026" };
	struct peer h;
	char item[16];
	int i;

	start(&h);
	open_inbox(&h);
	session_job(h.s, &j);
	sent(&h, "m4 UID SEARCH UNSEEN SINCE 1-Jan-2026\r\n", "search");
	say(&h, "* SEARCH 4 7 19\r\n* SEARCH\r\nm4 OK done\r\n");
	told(&h, "uids 5 4 7 19\ndone 5 OK v14\n", "search");
	session_job(h.s, &j);
	say(&h, "* SEARCH");
	for (i = 1; i <= 9000; i++) {
		snprintf(item, sizeof item, " %d", i);
		say(&h, item);
	}
	say(&h, "\r\nm5 OK done\r\n");
	told(&h, "uids 5 (4000) 1-4000\nuids 5 (4000) 4001-8000\nuids 5 (1000) 8001-9000\ndone 5 OK v14\n",
	    "a long answer in pieces");
	stop(&h);
}

static void
all(void)
{
	test_bodies();
	test_slots();
	test_crlf();
	test_file_errors();
	test_substitute();
	test_rows();
	test_headers();
	test_long_header();
	test_search();
}

int
main(void)
{
	return in_pieces(all);
}
