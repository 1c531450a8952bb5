/* Folders, the order of commands, changes. */
#include "sessionpeer.h"

/* --- folders --- */

static void
test_list(void)
{
	static const char patterns[] = "*\0Junk*";
	struct peer h;

	start(&h);
	log_in(&h);
	look(&h, 1, patterns, sizeof patterns, 1, 1);
	sent(&h, "m3 LIST \"\" \"*\"\r\n", "list");
	say(&h,
	    "* LIST (\\Marked \\HasNoChildren \\Trash) \"/\" Deleted\r\n* LIST (\\Noselect \\HasChildren) \"/\" \"A b\"\r\n"
	    "* LIST (\\HasNoChildren) \"/\" {4}\r\nA\"b\\\r\n* LIST () \"/\" Junk\r\n* LIST (\\HasNoChildren) NIL Inbox\r\n"
	    "m3 OK LIST completed.\r\n");
	sent(&h,
	    "m4 STATUS \"Deleted\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m5 STATUS {4+}\r\nA\"b\\ (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m6 STATUS \"Inbox\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n",
	    "status of each");
	say(&h,
	    "* STATUS INBOX (UIDNEXT 5 UIDVALIDITY 14 MESSAGES 3 UNSEEN 1)\r\n"
	    "* STATUS \"A\\\"b\\\\\" (UIDNEXT 1 UIDVALIDITY 3)\r\n"
	    "m4 NO [SERVERBUG] no\r\nm5 OK done\r\nm6 OK done\r\n");
	told(&h,
	    "folder 1 2 A b a5 v0 n0 m0 u0 / \nfolder 1 3 Deleted a1020 v0 n0 m0 u0 / [SERVERBUG] no\n"
	    "folder 1 0 A\"b\\ a0 v3 n1 m0 u0 / \nfolder 1 0 Inbox a0 v14 n5 m3 u1 - \ndone 1 OK v0\n",
	    "folders");
	stop(&h);
}

/* Six names so long that bytes are what limits the flight, then six short ones; each is answered in its turn. */
static void
test_status_in_flight(void)
{
	size_t answered = 0, most = 0, commands = 0, flying;
	struct str text = STR_INIT;
	char name[2601];
	struct peer h;

	start(&h);
	log_in(&h);
	look(&h, 1, "*", 2, 1, 0);
	str_clear(&h.sent);
	for (int i = 0; i < 12; i++) {
		memset(name, 'a' + i, sizeof name - 1);
		name[i < 6 ? sizeof name - 1 : 1] = '\0';
		str_addf(&text, "* LIST () \"/\" %s\r\n", name);
	}
	for (int i = 3; i < 16; i++) {
		str_addf(&text, "m%d OK done\r\n", i);
		say(&h, text.s);
		str_clear(&text);
		flying = 0;
		for (const char *p = h.sent.s + answered; (p = strchr(p, '\n')) != NULL; p++)
			flying++;
		commands = flying > commands ? flying : commands;
		most = h.sent.len - answered > most ? h.sent.len - answered : most;
		if (flying > 0)
			answered += strcspn(h.sent.s + answered, "\n") + 1;
	}
	ok(most > 7000 && most <= 8192, "at most 8 kB unanswered: %zu", most);
	is_int((long)commands, SESSION_IN_FLIGHT, "short ones fly together");
	ok(strstr(h.log.s, "done 1 OK") != NULL, "all are asked for");
	str_release(&text);
	stop(&h);
}

static void
test_look_for_names(void)
{
	static const char two[] = "INBOX\0Gr\303\274n";
	struct session_job j = { .kind = JOB_LOOK,
		.id = 3,
		.no_status = true,
		.patterns = "\\Sent",
		.patterns_len = 6,
		.npattern = 1 };
	struct peer h;

	start(&h);
	log_in(&h);
	look(&h, 1, two, sizeof two, 2, 0);
	say(&h, "* LIST () \"/\" Gr&APw-n\r\nm3 OK done\r\n");
	sent(&h,
	    "m3 LIST \"\" \"*\"\r\nm4 STATUS \"Gr&APw-n\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n"
	    "m5 STATUS \"INBOX\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n",
	    "a name that was not listed");
	say(&h, "* STATUS Gr&APw-n (UIDNEXT 2 UIDVALIDITY 1)\r\nm4 OK done\r\nm5 NO no such mailbox\r\n");
	told(&h,
	    "folder 1 0 Gr&APw-n a0 v1 n2 m0 u0 / \nfolder 1 3 INBOX a0 v0 n0 m0 u0 - no such mailbox\n"
	    "done 1 OK v0\n",
	    "both");
	session_job(h.s, &j);
	say(&h,
	    "* LIST (\\Sent) \"/\" Gesendet\r\n* LIST () \"/\" x\r\n* LIST (\\Noselect \\Sent) \"/\" a\003b c\r\n"
	    "* LIST (\\Sent) NIL \"a\003\\\"b\"\r\n* LIST (\\Sent\r\nm6 OK done\r\n");
	told(&h,
	    "folder 3 1 Gesendet a10 v0 n0 m0 u0 / \nfolder 3 2 a\003b c a11 v0 n0 m0 u0 / \n"
	    "folder 3 1 a\003\"b a10 v0 n0 m0 u0 - \ndone 3 OK v0\n",
	    "by attribute, without status, odd names too");
	look(&h, 4, "nosuch", 7, 1, 0);
	say(&h, "m7 NO nosuch doesn't exist.\r\n");
	told(&h, "folder 4 3 nosuch a0 v0 n0 m0 u0 - nosuch doesn't exist.\ndone 4 OK v0\n",
	    "no such folder");
	look(&h, 5, "x", 2, 1, 0);
	str_clear(&h.sent);
	say(&h, "* 2 EXISTS\r\n* OK [UIDVALIDITY 9]\r\nm8 OK [READ-ONLY] done\r\n");
	sent(&h, "m9 STATUS \"x\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "UIDNEXT was not told");
	say(&h, "* STATUS x (UIDNEXT 8 UIDVALIDITY 9 MESSAGES 2)\r\nm9 OK done\r\n");
	told(&h, "folder 5 0 x a0 v9 n8 m2 u0 - \ndone 5 OK v9\n", "so it was asked for");
	stop(&h);
}

static void
expect(struct peer *h, const char *patterns, size_t len, unsigned n, unsigned x)
{
	struct session_job j = { .kind = JOB_LOOK,
		.patterns = patterns,
		.patterns_len = len,
		.npattern = n,
		.nexclude = x };

	session_expect(h->s, &j);
}

static void
test_expected(void)
{
	struct peer h;

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	say(&h, GREETING "m1 OK in\r\n");
	sent(&h, "!m1 AUTHENTICATE XOAUTH2 " IR "\r\nm2 CAPABILITY\r\nm3 EXAMINE \"INBOX\"\r\n",
	    "one flight");
	say(&h, CAPS "m2 OK done\r\n");
	str_clear(&h.log);
	say(&h, OPENED("m3"));
	told(&h, "", "nothing unasked");
	ok(session_idle(h.s), "it is idle");
	look(&h, 4, "INBOX", 6, 1, 0);
	sent(&h, "", "nothing more");
	told(&h, "folder 4 0 INBOX a0 v14 n849 m3 u0 - \ndone 4 OK v14\n", "the answer at once");
	look(&h, 5, "INBOX", 6, 1, 0);
	sent(&h, "m4 EXAMINE \"INBOX\"\r\n", "the next time it is asked again");
	stop(&h);

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	log_in(&h);
	look(&h, 4, "INBOX", 6, 1, 0);
	told(&h, "", "asked for meanwhile");
	say(&h, "m3 NO no such thing\r\n");
	told(&h, "folder 4 3 INBOX a0 v0 n0 m0 u0 - no such thing\ndone 4 OK v0\n",
	    "the answer when it comes");
	stop(&h);

	start(&h);
	expect(&h, "INBOX", 6, 1, 0);
	log_in(&h);
	fetch(&h, 4, ASK_SIZE, 1, 2);
	say(&h, OPENED("m3"));
	sent(&h, "m4 UID FETCH 1:2 (UID RFC822.SIZE)\r\n", "a fetch takes the open folder");
	told(&h, "", "and the look is forgotten");
	say(&h, "m4 OK done\r\n");
	told(&h, "done 4 OK v14\n", "done");
	stop(&h);
}

static void
test_expected_list(void)
{
	static const char all[] = "*\0";
	struct peer h;

	start(&h);
	expect(&h, all, sizeof all, 1, 1);
	log_in(&h);
	say(&h, "* LIST () \"/\" a\r\n* LIST (\\Noselect) \"/\" b\r\nm3 OK done\r\n");
	sent(&h, "", "no status unasked");
	look(&h, 4, all, sizeof all, 1, 1);
	sent(&h, "m4 STATUS \"a\" (UIDNEXT UIDVALIDITY MESSAGES UNSEEN)\r\n", "then it goes on");
	say(&h, "* STATUS a (UIDNEXT 2 UIDVALIDITY 1)\r\nm4 OK done\r\n");
	told(&h, "folder 4 2 b a1 v0 n0 m0 u0 / \nfolder 4 0 a a0 v1 n2 m0 u0 / \ndone 4 OK v0\n",
	    "to the end");
	stop(&h);

	start(&h);
	expect(&h, all, sizeof all, 1, 1);
	log_in(&h);
	look(&h, 4, "INBOX", 6, 1, 0);
	say(&h, "* LIST () \"/\" a\r\nm3 OK done\r\n" OPENED("m4"));
	sent(&h, "m4 EXAMINE \"INBOX\"\r\n", "something else");
	told(&h, "folder 4 0 INBOX a0 v14 n849 m3 u0 - \ndone 4 OK v14\n", "is answered");
	stop(&h);

	start(&h);
	expect(&h, "\377", 2, 1, 0);
	log_in(&h);
	told(&h, "", "a name that cannot be sent");
	look(&h, 4, "\377", 2, 1, 0);
	told(&h, "folder 4 3 \377 a0 v0 n0 m0 u0 - the name is not valid UTF-8\ndone 4 OK v0\n",
	    "cannot be there");
	stop(&h);
}

/* --- order and flight --- */

static void
test_pipeline(void)
{
	struct peer h;

	start(&h);
	slots(&h, 4);
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	sent(&h, "m4 UID FETCH 1:5 (UID BODY.PEEK[])\r\nm5 UID FETCH 6:9 (UID BODY.PEEK[])\r\n",
	    "two in flight");
	look(&h, 4, "Sent", 5, 1, 0);
	sent(&h, "", "the next folder waits");
	say(&h, "* 6 FETCH (UID 6 BODY[] {1}\r\nb)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\nm4 OK done\r\n");
	told(&h,
	    "message 3 6 f0 - s0 slot 0 3e23 \"b\"\n"
	    "message 2 1 f0 - s0 slot 1 ca97 \"a\"\ndone 2 OK v14\n",
	    "each to its job");
	say(&h, "m5 OK done\r\n");
	sent(&h, "m6 EXAMINE \"Sent\"\r\n", "then the folder");
	told(&h, "done 3 OK v14\n", "and the other job is done");
	fetch(&h, 5, ASK_BODY, 1, 1);
	say(&h, "* OK [UIDVALIDITY 14] x\r\n* OK [UIDNEXT 2] x\r\nm6 OK [READ-ONLY] done\r\n");
	sent(&h, "m7 EXAMINE \"INBOX\"\r\n", "back again");
	str_clear(&h.log);
	say(&h, "* OK [UIDVALIDITY 15] x\r\n* OK [UIDNEXT 2] x\r\nm7 OK [READ-ONLY] done\r\n");
	told(&h, "done 5 STALE v15 UIDVALIDITY has changed\n", "but it is another");
	stop(&h);

	start_with(&h, (struct session_params){ .no_pipeline = true });
	open_inbox(&h);
	fetch(&h, 2, ASK_BODY, 1, 5);
	fetch(&h, 3, ASK_BODY, 6, 9);
	sent(&h, "m4 UID FETCH 1:5 (UID BODY.PEEK[])\r\n", "one at a time");
	say(&h, "m4 OK done\r\n");
	sent(&h, "m5 UID FETCH 6:9 (UID BODY.PEEK[])\r\n", "then the other");
	say(&h, "m5 BAD Command Error. 10\r\n");
	told(&h, "done 2 OK v14\ndone 3 BAD v14 Command Error. 10\n", "BAD alone is an answer");
	stop(&h);
}

static void
test_long_sets(void)
{
	struct session_range r[4000];
	struct session_job j = { .kind = JOB_FETCH,
		.id = 2,
		.ask = ASK_BODY,
		.uidvalidity = 14,
		.folder = "INBOX",
		.range = r,
		.nrange = 4000 };
	struct peer h;
	uint32_t i, lines = 0, longest = 0, uids = 0;
	char *line, *save = NULL;
	char tag[32];

	start(&h);
	open_inbox(&h);
	for (i = 0; i < 4000; i++)
		r[3999 - i].lo = r[3999 - i].hi = 100000 + 2 * i;
	session_job(h.s, &j);
	for (i = 4; session_idle(h.s) == false && i < 40; i++) {
		snprintf(tag, sizeof tag, "m%u OK done\r\n", i);
		say(&h, tag);
	}
	told(&h, "done 2 OK v14\n", "one answer for all");
	for (line = strtok_r(h.sent.s, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		lines++;
		if (strlen(line) + 1 > longest)
			longest = (uint32_t)strlen(line) + 1;
		for (; *line != '\0'; line++)
			uids += *line == ',';
	}
	ok(longest <= SESSION_LINE_MAX && longest > 7000, "lines of at most 8000 bytes: %u", longest);
	is_int(uids + lines, 4000, "each UID is asked for once");
	stop(&h);
}

/* --- changes --- */

static void
store(struct peer *h, uint32_t id, uint32_t add, uint32_t del)
{
	static const struct session_range r[2] = { { 7, 7 }, { 9, 11 } };
	struct session_job j = { .kind = JOB_STORE,
		.id = id,
		.uidvalidity = 14,
		.folder = "INBOX",
		.add = add,
		.remove = del,
		.range = r,
		.nrange = 2 };

	session_job(h->s, &j);
}

static void
test_store(void)
{
	struct peer h;

	start(&h);
	open_inbox(&h);
	store(&h, 2, MF_SEEN | MF_MDNSENT, MF_FLAGGED);
	sent(&h, "m4 SELECT \"INBOX\"\r\n", "for writing it is opened again");
	say(&h, OPENED("m4"));
	sent(&h,
	    "m5 UID STORE 7,9:11 +FLAGS.SILENT (\\Seen $MDNSent)\r\nm6 UID STORE 7,9:11 -FLAGS.SILENT (\\Flagged)\r\n",
	    "store");
	say(&h, "m5 OK done\r\nm6 OK done\r\n");
	told(&h, "done 2 OK v14\n", "store");
	store(&h, 3, 0, MF_SEEN);
	say(&h, "m7 NO not now\r\n");
	told(&h, "done 3 NO v14 not now\n", "refused");
	stop(&h);

	start(&h);
	log_in(&h);
	store(&h, 2, MF_SEEN | MF_MDNSENT, 0);
	say(&h, "* OK [UIDVALIDITY 14] x\r\n* OK [PERMANENTFLAGS (\\Seen)] x\r\nm3 OK [READ-WRITE] done\r\n");
	told(&h, "done 2 FLAG v14 the folder does not keep such a flag\n", "a flag that would not last");
	sent(&h, "m3 SELECT \"INBOX\"\r\n", "nothing is stored");
	stop(&h);

	start(&h);
	log_in(&h);
	store(&h, 2, MF_SEEN, 0);
	say(&h, "* OK [UIDVALIDITY 14] x\r\nm3 OK [READ-ONLY] done\r\n");
	told(&h, "done 2 READONLY v14 the folder is read-only\n", "read-only");
	store(&h, 3, MF_SEEN, 0);
	say(&h, "* OK [UIDVALIDITY 15] x\r\nm3 OK [READ-WRITE] done\r\n");
	told(&h, "done 3 READONLY v14 the folder is read-only\n", "still");
	stop(&h);
}

static void
test_move(void)
{
	struct session_job create = { .kind = JOB_CREATE, .id = 9, .folder = "Gr&APw-n \"x\"" };
	struct peer h;

	start(&h);
	say(&h, GREETING "m1 OK done\r\n* CAPABILITY IMAP4rev1 UIDPLUS\r\nm2 OK done\r\n");
	str_clear(&h.sent);
	str_clear(&h.log);
	move(&h, 2, MOVE_MOVE, "Done");
	move(&h, 3, MOVE_COPY, "a\"b");
	say(&h, OPENED("m3"));
	sent(&h, "m3 SELECT \"INBOX\"\r\nm4 UID MOVE 200 \"Done\"\r\n", "move, alone");
	say(&h, "* OK [COPYUID 415 200 43]\r\n* 1 EXPUNGE\r\nm4 OK MOVE completed.\r\n");
	told(&h, "done 2 OK v14 copy v415\n", "moved");
	sent(&h, "m5 UID COPY 200 {3}\r\n", "a name with a quote waits");
	say(&h, "+ Ready for additional command text.\r\n");
	sent(&h, "a\"b\r\n", "and goes as a literal");
	say(&h, "[COPYUID 55 31 6]\r\nm5 OK [COPYUID 55 31 6] done\r\n");
	told(&h, "done 3 OK v14 copy v55\n", "copied");
	move(&h, 4, MOVE_EXPUNGE, NULL);
	sent(&h, "m6 UID EXPUNGE 200\r\n", "expunge");
	session_job(h.s, &create);
	say(&h, "m6 NO EXPUNGE failed\r\n");
	sent(&h, "m7 CREATE {12}\r\n", "create");
	say(&h, "m7 NO Folder name is reserved\r\n");
	told(&h, "done 4 NO v14 EXPUNGE failed\ndone 9 NO v14 Folder name is reserved\n", "refusals");
	move(&h, 5, MOVE_MOVE, "x");
	sent(&h, "m8 UID MOVE 200 \"x\"\r\n", "a refused literal blocks nothing");
	stop(&h);
}

static void
all(void)
{
	test_list();
	test_status_in_flight();
	test_look_for_names();
	test_expected();
	test_expected_list();
	test_pipeline();
	test_long_sets();
	test_store();
	test_move();
}

int
main(void)
{
	return in_pieces(all);
}
