/* state: generations, messages, groups, ranges, poison, notes, adoption. */
#include "state_kit.h"

static int
gen_text(const char *folder, const struct state_gen *g, void *arg)
{
	str_addf(arg, "%s/%u ", folder, g->uidvalidity);
	return 0;
}

static int
every_text(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	(void)host;
	str_addf(arg, "%.5s:%s/%u ", user, folder, g->uidvalidity);
	return 0;
}

static int
name_text(int64_t id, const char *name, void *arg)
{
	(void)id;
	str_addf(arg, "%s ", name);
	return 0;
}

static int
stop_gen(const char *folder, const struct state_gen *g, void *arg)
{
	(void)folder;
	(void)g;
	++*(int *)arg;
	return -1;
}

static void
test_generations(void)
{
	char *path = path_of("gen.db");
	struct state *st = open_state(path);
	struct state_gen a, b, c, g;
	struct str s = STR_INIT;
	int n = 0;

	is_int(state_gen_find(st, USER, HOST, "INBOX", &g, &err), 0, "none yet");
	is_int(state_gen_new(st, USER, HOST, "INBOX", 14, &a, &err), 0, "new");
	is_int(a.settled, 1, "settled is 1");
	is_int(state_gen_find(st, "alice@example.COM", "OUTLOOK.office365.com", "INBOX", &g, &err), 1,
	    "found, whatever the case of user and host");
	ok(g.id == a.id && g.folder_id == a.folder_id && g.uidvalidity == 14 && g.settled == 1 &&
		g.uidnext == 1 && !g.vanished && g.adopt_from == 0,
	    "as it was made");
	is_int(state_gen_find(st, USER, HOST, "inbox", &g, &err), 0, "folders are told apart by case");
	is_int(state_settle(st, a.id, 100, 120, &err), 0, "settle");
	is_int(state_settle(st, a.id, 110, 90, &err), 0, "settle again");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.settled, 110, "settled");
	is_int(g.uidnext, 120, "the highest UIDNEXT stays");
	is_int(state_gen_new(st, USER, HOST, "INBOX", 15, &b, &err), 0, "another UIDVALIDITY");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	is_int(g.id, b.id, "the newest is found");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 14, &g, &err), 1, "the old one by its UIDVALIDITY");
	is_int(g.id, a.id, "it is that");
	is_int(state_gen_exact(st, USER, HOST, "INBOX", 16, &g, &err), 0, "no other");
	is_int(state_gen_vanished(st, b.id, true, &err), 0, "vanished");
	is_int(state_gen_adopt(st, b.id, a.id, &err), 0, "adopts");
	state_gen_find(st, USER, HOST, "INBOX", &g, &err);
	ok(g.vanished && g.adopt_from == a.id, "both are kept");

	state_gen_new(st, USER, HOST, "Zoo", 3, &c, &err);
	state_gen_new(st, USER, HOST, "Archive", 4, &g, &err);
	state_gen_new(st, "bob@example.com", HOST, "INBOX", 5, &g, &err);
	is_int(state_gen_each(st, USER, HOST, gen_text, &s, &err), 0, "each");
	is_str(s.s, "Archive/4 INBOX/15 Zoo/3 ", "current ones of this user, by name");
	is_int(state_gen_each(st, USER, HOST, stop_gen, &n, &err), -1, "the callback stops it");
	is_int(n, 1, "at once");
	is_int(state_gen_each(st, "carol@example.com", HOST, gen_text, &s, &err), 0,
	    "an unknown user has none");

	str_clear(&s);
	state_gen_every(st, every_text, &s, &err);
	is_str(s.s, "alice:Archive/4 alice:INBOX/14 alice:INBOX/15 alice:Zoo/3 bob@e:INBOX/5 ",
	    "every generation");
	str_clear(&s);
	state_name_each(st, USER, HOST, name_text, &s, &err);
	is_str(s.s, "INBOX Zoo Archive ", "names");
	is_int(state_gen_new(st, USER, HOST, "Zoo", 3, &g, &err), 0, "the same UIDVALIDITY again");
	is_int(state_gen_exact(st, USER, HOST, "Zoo", 3, &b, &err), 1, "found");
	is_int(b.id, g.id, "the newer one");
	str_clear(&s);
	state_gen_new(st, USER, HOST, "Beta", 14, &g, &err);
	is_int(state_gen_alike(st, USER, HOST, 14, gen_text, &s, &err), 0, "those with a UIDVALIDITY");
	is_str(s.s, "Beta/14 INBOX/14 ", "also one that is not the newest");
	str_release(&s);
	state_close(st);
	free(path);
}

static void
test_messages(void)
{
	char *path = path_of("msg.db");
	struct state *st = open_state(path);
	struct state_msg m, k;
	struct state_gen g, h;
	int n = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	m = msg(5);
	is_int(state_msg_add(st, g.id, &m, &err), -1, "no message outside a transaction");
	is_int(group(st, g.id, 5, 9), 0, "a group");
	is_int(state_begin(st, &err), -1, "transactions do not nest");
	is_int(state_commit(st, &err), STATE_OK, "committed");
	is_int(state_msg_find(st, g.id, 7, &k, &err), 1, "found");
	m = msg(7);
	ok(same_msg(&m, &k) && !k.claimed, "as it was put");
	is_int(state_msg_find(st, g.id, 7, NULL, &err), 1, "only asked whether");
	is_int(state_msg_find(st, g.id, 10, &k, &err), 0, "unknown");
	is_int(state_msg_find(st, g.id + 1, 7, &k, &err), 0, "in another generation");
	is_int(state_msg_each(st, g.id, 6, 8, count_msg, &n, &err), 0, "each");
	is_int(n, 3, "within the bounds");

	m = msg(UINT32_MAX);
	m.date = INT64_MIN;
	m.bytes = INT64_MAX;
	m.msgid = UINT64_MAX;
	m.how = HOW_PIPE;
	m.flags = 63;
	state_begin(st, &err);
	is_int(state_msg_add(st, g.id, &m, &err), 0, "extremes");
	is_int(state_commit(st, &err), STATE_OK, "committed");
	state_msg_find(st, g.id, UINT32_MAX, &k, &err);
	ok(same_msg(&m, &k), "are kept");

	state_begin(st, &err);
	m = msg(7);
	is_int(state_msg_add(st, g.id, &m, &err), -1, "a known UID is a fault");
	is_int(err.kind, ERR_INTERNAL, "of ours");
	m = msg(77);
	is_int(state_msg_add(st, g.id, &m, &err), -1, "nor is another one added then");
	is_int(state_settle(st, g.id, 50, 50, &err), -1, "what follows in the transaction fails");
	is_int(state_commit(st, &err), STATE_FAILED, "so does its commit");
	state_gen_find(st, USER, HOST, "INBOX", &h, &err);
	is_int(h.settled, 1, "nothing of it stands");
	is_int(state_commit(st, &err), STATE_FAILED, "no commit without a transaction");
	state_rollback(st);

	is_int(state_msg_delete(st, g.id, 7, &err), 0, "deleted");
	is_int(state_msg_find(st, g.id, 7, NULL, &err), 0, "gone");
	is_int(state_msg_delete(st, g.id, 7, &err), 0, "deleting nothing is no error");
	m = msg(7);
	is_int(state_msg_restore(st, g.id, &m, &err), 1, "restored");
	m.bytes = 1;
	is_int(state_msg_restore(st, g.id, &m, &err), 0, "a known one stays");
	state_msg_find(st, g.id, 7, &k, &err);
	is_int(k.bytes, 1007, "as it was");
	memset(&m, 0, sizeof m);
	m.uid = 3;
	m.how = HOW_BASELINE;
	is_int(state_msg_restore(st, g.id, &m, &err), 1, "without digest");
	state_msg_find(st, g.id, 3, &k, &err);
	ok(same_msg(&m, &k), "is kept so");
	is_int(pending(st), 5, "pending: neither the restored nor the deleted");
	state_close(st);
	free(path);
}

static int
first_slot(const struct state_row *r, void *arg)
{
	struct state_row *out = arg;

	out->msg = r->msg;
	out->uidvalidity = r->uidvalidity;
	ok(strcmp(r->user, "alice@example.com") == 0 && strcmp(r->host, HOST) == 0 &&
		strcmp(r->folder, "INBOX") == 0,
	    "whose it is");
	return -1;
}

static void
test_groups(void)
{
	char *path = path_of("group.db");
	struct state *st = open_state(path);
	struct state_gen g, h;
	struct state_row row;
	struct state_msg m;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	group(st, g.id, 1, 3);
	is_int(state_commit(st, &err), STATE_OK, "first group");
	is_int(pending(st), 3, "is pending");
	is_int(state_pending_each(st, first_slot, &row, &err), -1, "stopped by the callback");
	m = msg(1);
	ok(same_msg(&m, &row.msg) && row.msg.slot == 8 && row.uidvalidity == 14, "with its slot");
	is_int(debt(st, USER), 0, "no receipt is owed before it is placed");

	group(st, g.id, 4, 5);
	state_delivered(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "second group, first delivered");
	is_int(pending(st), 2, "the second is pending");
	is_int(debt(st, USER), 3, "the first is owed");
	is_int(debt(st, "bob@example.com"), 0, "not by Bob");

	group(st, g.id, 6, 6);
	state_delivered(st, &err);
	state_rollback(st);
	is_int(pending(st), 2, "a rolled back group changes nothing");
	is_int(state_msg_find(st, g.id, 6, NULL, &err), 0, "and its rows are gone");

	debt(st, USER);
	group(st, g.id, 6, 6);
	state_delivered(st, &err);
	state_paid(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "third group, both delivered and paid");
	is_int(pending(st), 1, "the third is pending");
	is_int(debt(st, USER), 0, "nothing is owed");
	is_int(state_finish(st, false, &err), STATE_OK, "finish without paying");
	is_int(pending(st), 0, "nothing pending");
	is_int(debt(st, USER), 1, "one owed");
	is_int(state_gen_new(st, "bob@example.com", HOST, "INBOX", 1, &h, &err), 0, "Bob's turn");
	group(st, h.id, 1, 4);
	is_int(state_commit(st, &err), STATE_OK, "his group");
	is_int(state_finish(st, true, &err), STATE_OK, "delivered and paid");
	is_int(debt(st, "bob@example.com"), 0, "Bob owes nothing");
	is_int(debt(st, USER), 1, "Alice still does");
	is_int(state_finish(st, true, &err), STATE_OK, "paid");
	is_int(debt(st, USER), 0, "no longer");

	group(st, g.id, 7, 8);
	state_paid(st, &err);
	is_int(state_commit(st, &err), STATE_OK, "paid before it is delivered");
	is_int(pending(st), 2, "is not believed");
	state_close(st);
	st = open_state(path);
	is_int(pending(st), 2, "pending over runs");
	is_int(state_delivered(st, &err), 0, "delivered on its own");
	state_close(st);
	st = open_state(path);
	is_int(pending(st), 0, "nothing pending");
	is_int(debt(st, USER), 2, "owed");
	m = msg(9);
	m.how = HOW_ADOPTED;
	state_begin(st, &err);
	state_msg_add(st, g.id, &m, &err);
	is_int(state_commit(st, &err), STATE_OK, "an adopted one");
	is_int(pending(st), 0, "is never pending");
	state_close(st);
	free(path);
}

static int
delete_row(const struct state_row *r, void *arg)
{
	return state_msg_delete(arg, r->gen, r->msg.uid, &err) == 0 &&
		state_note_set(arg, "seen", r->msg.uid, &err) == 0
	    ? 0
	    : -1;
}

static void
test_write_within(void)
{
	char *path = path_of("within.db");
	struct state *st = open_state(path);
	struct state_gen g;
	int64_t v = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	group(st, g.id, 1, 100);
	is_int(state_commit(st, &err), STATE_OK, "a group");
	is_int(state_pending_each(st, delete_row, st, &err), 0, "the callback deletes each row");
	is_int(pending(st), 0, "all are gone");
	state_note_get(st, "seen", &v, &err);
	is_int(v, 100, "to the last");
	state_close(st);
	free(path);
}

static int
skip_text(const struct state_skip *k, void *arg)
{
	str_addf(arg, "%u:%u/%d=%lld ", k->lo, k->hi, (int)k->limit, (long long)k->value);
	return 0;
}

static int
poison_text(const struct state_poison *p, void *arg)
{
	str_addf(arg, "%u %lld %lld %u %d %s;", p->uid, (long long)p->first, (long long)p->next, p->tries,
	    p->reported, p->reason);
	return 0;
}

static void
test_skip_poison(void)
{
	static const struct state_skip skip[] = { { 10, 20, LIMIT_SIZE, 1 << 30 },
		{ 1, 5, LIMIT_SINCE, INT64_MAX }, { 10, 12, LIMIT_BEFORE, INT64_MIN } };
	char *path = path_of("skip.db");
	struct state *st = open_state(path);
	struct state_poison p = { .uid = 9,
		.first = 100,
		.next = 200,
		.tries = 1,
		.reason = "NO Server Unavailable. 15" };
	struct state_gen g, h;
	struct str s = STR_INIT;
	size_t i;

	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	state_begin(st, &err);
	for (i = 0; i < 3; i++)
		is_int(state_skip_add(st, g.id, &skip[i], &err), 0, "skip %zu", i);
	is_int(state_commit(st, &err), STATE_OK, "committed");
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_str(s.s, "1:5/0=9223372036854775807 10:12/1=-9223372036854775808 10:20/2=1073741824 ", "kept");
	state_skip_clear(st, g.id, LIMIT_BEFORE, &err);
	str_clear(&s);
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_str(s.s, "1:5/0=9223372036854775807 10:20/2=1073741824 ", "one limit cleared");
	state_skip_clear(st, g.id, LIMITS, &err);
	str_clear(&s);
	str_adds(&s, "");
	state_skip_each(st, g.id, skip_text, &s, &err);
	is_int(s.len, 0, "all cleared");

	is_int(state_poison_put(st, g.id, &p, &err), 0, "quarantined");
	p.uid = 4;
	p.next = 150;
	state_poison_put(st, g.id, &p, &err);
	p.next = 300;
	p.tries = 2;
	p.reported = true;
	memset(p.reason, 'x', sizeof p.reason);
	state_poison_put(st, g.id, &p, &err);
	p.reason[255] = '\0';
	str_clear(&s);
	state_poison_each(st, g.id, poison_text, &s, &err);
	char *want = xasprintf("4 100 300 2 1 %s;9 100 200 1 0 NO Server Unavailable. 15;", p.reason);
	is_str(s.s, want, "replaced and kept");
	free(want);
	state_poison_delete(st, g.id, 9, &err);
	str_clear(&s);
	state_poison_each(st, g.id, poison_text, &s, &err);
	ok(strncmp(s.s, "4 ", 2) == 0 && strchr(s.s, ';') == s.s + s.len - 1, "deleted");
	is_int(state_poison_schedule(1, 0), 3600, "first retry after an hour");
	is_int(state_poison_schedule(0, 0), 3600, "also of none");
	is_int(state_poison_schedule(2, 0), 4 * 3600, "then four");
	is_int(state_poison_schedule(5, 10), 10 + 7 * 86400, "then a week");
	is_int(state_poison_schedule(500, 0), 7 * 86400, "for ever");

	state_skip_add(st, g.id, &skip[0], &err);
	is_int(state_baseline(st, g.id, 77, &err), 0, "baseline");
	state_gen_find(st, USER, HOST, "INBOX", &h, &err);
	ok(h.settled == 77 && h.uidnext == 77, "settles all");
	str_clear(&s);
	str_adds(&s, "");
	state_skip_each(st, g.id, skip_text, &s, &err);
	state_poison_each(st, g.id, poison_text, &s, &err);
	is_int(s.len, 0, "and forgets ranges and poison");
	str_release(&s);
	state_close(st);
	free(path);
}

static void
test_notes(void)
{
	char *path = path_of("note.db");
	struct state *st = open_state(path);
	int64_t v = 0;

	is_int(state_note_get(st, "a", &v, &err), 0, "no note");
	is_int(state_note_set(st, "a", INT64_MIN, &err), 0, "a note");
	is_int(state_note_get(st, "a", &v, &err), 1, "is there");
	ok(v == INT64_MIN, "as it was");
	state_note_set(st, "a", 5, &err);
	state_note_get(st, "a", &v, &err);
	is_int(v, 5, "replaced");
	state_close(st);
	free(path);
}

static void
test_adopt(void)
{
	char *path = path_of("adopt.db");
	struct state *st = open_state(path);
	struct state_gen a, b;
	struct state_msg m, old;
	int n = 0;

	state_gen_new(st, USER, HOST, "INBOX", 14, &a, &err);
	group(st, a.id, 1, 10);
	is_int(state_commit(st, &err), STATE_OK, "ten");
	state_gen_new(st, USER, HOST, "INBOX", 15, &b, &err);
	state_gen_adopt(st, b.id, a.id, &err);
	is_int(state_adopt(st, a.id, 3, b.id, 1003, 42, &err), 0, "adopted");
	is_int(state_msg_find(st, b.id, 1003, &m, &err), 1, "known in the new generation");
	old = msg(3);
	ok(m.how == HOW_ADOPTED && m.date == 42 && m.bytes == old.bytes && m.msgid == old.msgid &&
		memcmp(m.sha256, old.sha256, 32) == 0 && !m.claimed,
	    "with size, digest and msgid");
	state_msg_find(st, a.id, 3, &m, &err);
	ok(m.claimed && same_msg(&m, &old), "the old one is claimed and otherwise as it was");
	is_int(state_adopt(st, a.id, 3, b.id, 1004, 42, &err), -1, "once");
	is_int(state_msg_find(st, b.id, 1004, &m, &err), 0, "no second time");
	is_int(state_adopt(st, a.id, 99, b.id, 1004, 42, &err), -1, "an unknown one");
	is_int(state_adopt(st, a.id, 4, b.id, 1003, 42, &err), -1, "to a known one");
	state_msg_find(st, a.id, 4, &m, &err);
	ok(!m.claimed, "and all of it is undone");
	state_unclaimed_each(st, a.id, count_msg, &n, &err);
	is_int(n, 9, "nine are unclaimed");
	state_close(st);
	free(path);
}

int
main(void)
{
	test_generations();
	test_messages();
	test_groups();
	test_write_within();
	test_skip_poison();
	test_notes();
	test_adopt();
	return done_testing();
}
