/* rebuild: digests of files; what is taken over from an old state. */
#include "mail/maildir.h"
#include "mail/state.h"
#include "t.h"
#include "tool/rebuild.h"
#include "tool/rebuild_int.h"

static struct err err = ERR_INIT;

static char *
in_dir(const char *name)
{
	return xasprintf("%s/%s", t_tmpdir(), name);
}

static void
write_abc(const char *path, int times)
{
	FILE *f = fopen(path, "w");

	while (f != NULL && times-- > 0)
		fputs("abc", f);
	ok(f != NULL && fclose(f) == 0, "a file is made");
}

static void
test_digest(void)
{
	static const unsigned char abc[] = { 0xba, 0x78, 0x16, 0xbf };
	unsigned char sha[32];
	char *path = in_dir("abc");
	uint64_t bytes;

	write_abc(path, 1);
	is_int(rebuild_digest(path, sha, &bytes), 1, "it is read");
	is_int(bytes, 3, "its size");
	is_mem(sha, abc, sizeof abc, "its digest");
	write_abc(path, 70000);
	is_int(rebuild_digest(path, sha, &bytes), 1, "one of several chunks");
	is_int(bytes, 210000, "all of it");
	unlink(path);
	is_int(rebuild_digest(path, sha, &bytes), 0, "one that has gone");
	is_int(rebuild_digest(t_tmpdir(), sha, &bytes), -1, "a directory is none");
	free(path);
}

static void
add(struct state *st, const char *user, uint32_t uid)
{
	struct state_msg m = { .uid = uid, .date = 1700000000, .bytes = 10, .slot = uid, .how = HOW_FILE };
	struct state_gen g;

	if (state_gen_find(st, user, "host.example", "INBOX", &g, &err) == 0)
		(void)state_gen_new(st, user, "host.example", "INBOX", 14, &g, &err);
	is_int(state_begin(st, &err), 0, "begin");
	is_int(state_delivered(st, &err), 0, "the groups before are delivered");
	is_int(state_msg_add(st, g.id, &m, &err), 0, "a message of %s", user);
	is_int(state_settle(st, g.id, uid + 1, uid + 1, &err), 0, "settled");
	is_int(state_commit(st, &err), STATE_OK, "commit");
}

static int
no_row(const struct state_row *row, void *arg)
{
	(void)row;
	(void)arg;
	return -1;
}

static void
test_carry(void)
{
	struct state *old = NULL, *fresh = NULL;
	struct maildir *md = NULL;
	struct state_gen g;
	char *a = in_dir("old.db"), *b = in_dir("new.db"), *box = in_dir("md");

	is_int(state_open(&old, a, STATE_CREATE, &err) == -1, 0, "an old state");
	is_int(state_open(&fresh, b, STATE_CREATE, &err) == -1, 0, "a new one");
	is_int(maildir_open(&md, box, MAILDIR_CREATE, &err), 0, "a Maildir");
	add(old, "me@x.example", 1);
	add(old, "you@x.example", 7);
	add(old, "you@x.example", 8); /* the last group is pending, and has no file */
	is_int(state_begin(fresh, &err), 0, "begin");
	is_int(rebuild_carry(old, fresh, md, "Me@x.example", "host.example", &err), 0, "taken over");
	is_int(state_gen_find(fresh, "me@x.example", "host.example", "INBOX", &g, &err), 0, "not our own");
	is_int(rebuild_owe(old, fresh, &err), 0, "and the receipts that are owed");
	is_int(state_commit(fresh, &err), STATE_OK, "commit");
	is_int(state_debt_each(fresh, "you@x.example", "host.example", no_row, NULL, &err), -1,
	    "the other's is");
	is_int(state_debt_each(fresh, "me@x.example", "host.example", no_row, NULL, &err), 0,
	    "not that of what is not known");
	is_int(state_pending_each(fresh, no_row, NULL, &err), 0, "nothing is pending");
	is_int(state_finish(fresh, true, &err), STATE_OK, "a run that pays");
	is_int(state_debt_each(fresh, "you@x.example", "host.example", no_row, NULL, &err), -1,
	    "for nobody, pays nothing");
	is_int(state_gen_find(fresh, "you@x.example", "host.example", "INBOX", &g, &err), 1, "for the other");
	is_int(state_finish(fresh, true, &err), STATE_OK, "it pays");
	is_int(state_debt_each(fresh, "you@x.example", "host.example", no_row, NULL, &err), 0, "his");
	is_int(state_gen_find(fresh, "you@x.example", "host.example", "INBOX", &g, &err), 1,
	    "but the other's");
	is_int(g.uidvalidity, 14, "UIDVALIDITY");
	is_int(g.settled, 8, "settled stops at what is only in the stage");
	is_int(state_msg_find(fresh, g.id, 7, NULL, &err), 1, "what was delivered is known");
	is_int(state_msg_find(fresh, g.id, 8, NULL, &err), 0, "what was not is fetched again");
	state_close(old);
	state_close(fresh);
	maildir_close(md);
	free(a);
	free(b);
	free(box);
}

static void
test_names(void)
{
	char u[] = "Me@X.Example", h[] = "Host:1.Example";
	struct options o = { .user = u, .host = h };
	char *user, *host;

	rebuild_names(&user, &host, &o);
	is_str(user, "me@x.example", "the mailbox in lower case");
	is_str(host, "host_1.example", "the host as in names");
	free(user);
	free(host);
}

int
main(void)
{
	test_digest();
	test_carry();
	test_names();
	return done_testing();
}
