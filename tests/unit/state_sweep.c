/*
 * state_sweep: every call of lib/mail/state, in which each statement, and each
 * call to the system, fails in turn, before or after it has done its work.  A
 * call that could not do what it was asked for says so (never "there is none"),
 * and leaves behind the state as it was before or as it is after, nothing
 * between.
 */
#include "faults.h"

#include "state_model.h"

static struct str out; /* what the calls that read have read */

/* ---- all there is, as text ---- */

static int
show_msg(const struct state_msg *m, void *arg)
{
	str_addf(arg, " %u %lld %llu %u %u %d", m->uid, (long long)m->date, (unsigned long long)m->bytes,
	    m->flags, m->how, m->claimed);
	return 0;
}

static int
show_skip(const struct state_skip *s, void *arg)
{
	str_addf(arg, " skip %u-%u %d %lld", s->lo, s->hi, (int)s->limit, (long long)s->value);
	return 0;
}

static int
show_poison(const struct state_poison *p, void *arg)
{
	str_addf(arg, " poison %u %u %s", p->uid, p->tries, p->reason);
	return 0;
}

static int
show_row(const struct state_row *r, void *arg)
{
	str_addf(arg, " %s/%s/%s/%u:%u", r->user, r->host, r->folder, r->uidvalidity, r->msg.uid);
	return 0;
}

static int
show_gen(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	str_addf(arg, "%s %s %s: v%u settled %u next %u%s from %lld\n", user, host, folder, g->uidvalidity,
	    g->settled, g->uidnext, g->vanished ? " vanished" : "", (long long)g->adopt_from);
	if (state_msg_each(st, g->id, 1, UINT32_MAX, show_msg, arg, &err) == -1 ||
	    state_skip_each(st, g->id, show_skip, arg, &err) == -1 ||
	    state_poison_each(st, g->id, show_poison, arg, &err) == -1)
		return -1;
	str_addc(arg, '\n');
	return 0;
}

static int
show_current(const char *folder, const struct state_gen *g, void *arg)
{
	return show_gen("", "", folder, g, arg);
}

static int
show_name(int64_t folder, const char *name, void *arg)
{
	str_addf(arg, " %lld=%s", (long long)folder, name);
	return 0;
}

static int
show_all(struct str *s)
{
	int64_t note = 0;
	int rc;

	str_clear(s);
	rc = state_note_get(st, "k", &note, &err);
	str_addf(s, "%s %d %lld\n", state_id(st), rc, (long long)note);
	return rc == -1 || state_gen_every(st, show_gen, s, &err) == -1 ||
		state_name_each(st, USER, HOST, show_name, s, &err) == -1 ||
		state_pending_each(st, show_row, s, &err) == -1 ||
		state_debt_each(st, USER, HOST, show_row, s, &err) == -1
	    ? -1
	    : 0;
}

/* ---- the calls ---- */

#define CALL(name, ...) \
	static int name(void) \
	{ \
		return __VA_ARGS__; \
	}

static int
found(int rc, const struct state_gen *g)
{
	return rc == 1 && show_gen("", "", "", g, &out) == -1 ? -1 : rc;
}

static int
op_find(void)
{
	struct state_gen g;

	return found(state_gen_find(st, USER, HOST, "INBOX", &g, &err), &g);
}

static int
op_exact(void)
{
	struct state_gen g;

	return found(state_gen_exact(st, USER, HOST, "INBOX", 13, &g, &err), &g);
}

static int
op_get(void)
{
	struct state_gen g;

	return found(state_gen_get(st, inbox, &g, &err), &g);
}

static int
op_new(void)
{
	struct state_gen g;

	return found(state_gen_new(st, USER, HOST, "New", 1, &g, &err), &g);
}

static int
op_new_box(void)
{
	struct state_gen g;

	return found(state_gen_new(st, "other@b", HOST, "INBOX", 1, &g, &err), &g);
}

static int
op_new_again(void)
{
	struct state_gen g;

	return found(state_gen_new(st, USER, HOST, "Sub", 6, &g, &err), &g);
}

CALL(op_each, state_gen_each(st, USER, HOST, show_current, &out, &err))
CALL(op_alike, state_gen_alike(st, USER, HOST, 14, show_current, &out, &err))
CALL(op_vanished, state_gen_vanished(st, sub, true, &err))
CALL(op_adopt_from, state_gen_adopt(st, inbox, before_inbox, &err))
CALL(op_every, state_gen_every(st, show_gen, &out, &err))
CALL(op_names, state_name_each(st, USER, HOST, show_name, &out, &err))

static int
op_msg(void)
{
	struct state_msg m;
	int rc = state_msg_find(st, inbox, 2, &m, &err);

	return rc == 1 ? show_msg(&m, &out) : rc == 0 ? -2 : rc;
}

CALL(op_msgs, state_msg_each(st, inbox, 1, 100, show_msg, &out, &err))
CALL(op_msg_delete, state_msg_delete(st, inbox, 2, &err))

static int
op_restore(void)
{
	struct state_msg m = msg(77);

	return state_msg_restore(st, inbox, &m, &err);
}

CALL(op_owe, state_owe(st, before_inbox, 9, &err))
CALL(op_unclaimed, state_unclaimed_each(st, before_inbox, show_msg, &out, &err))
CALL(op_adopt, state_adopt(st, before_inbox, 9, inbox, 50, 1700000009, &err))
CALL(op_baseline, state_baseline(st, sub, 40, &err))

static int
op_group(void)
{
	struct state_msg m = msg(30);
	struct state_gen g;

	if (state_gen_find(st, USER, HOST, "INBOX", &g, &err) != 1 || state_begin(st, &err) == -1)
		return -1;
	if (state_delivered(st, &err) == -1 || state_paid(st, &err) == -1 ||
	    state_msg_add(st, inbox, &m, &err) == -1 || state_settle(st, inbox, 31, 32, &err) == -1) {
		state_rollback(st);
		return -1;
	}
	return state_commit(st, &err) == STATE_OK ? 0 : -1;
}

/* The same by one who does not look at what each step says. */
static int
op_careless(void)
{
	struct state_msg m = msg(31);

	if (state_begin(st, &err) == -1)
		return -1;
	(void)state_msg_add(st, inbox, &m, &err);
	(void)state_settle(st, inbox, 32, 33, &err);
	(void)state_note_set(st, "k", 8, &err);
	return state_commit(st, &err) == STATE_OK ? 0 : -1;
}

static int
op_finish(void)
{
	struct state_gen g;

	if (state_gen_find(st, USER, HOST, "INBOX", &g, &err) == -1)
		return -1;
	return state_finish(st, true, &err) == STATE_OK ? 0 : -1;
}

CALL(op_delivered, state_delivered(st, &err))

static int
op_paid(void)
{
	int rc = state_debt_each(st, USER, HOST, show_row, &out, &err);

	return rc == -1 ? -1 : state_paid(st, &err);
}

CALL(op_pending, state_pending_each(st, show_row, &out, &err))
CALL(op_debts, state_debt_each(st, USER, HOST, show_row, &out, &err))

static int
op_skip(void)
{
	struct state_skip s = { 60, 70, LIMIT_BEFORE, 5 };

	return state_skip_add(st, inbox, &s, &err);
}

CALL(op_skips, state_skip_each(st, inbox, show_skip, &out, &err))
CALL(op_skip_clear, state_skip_clear(st, inbox, LIMIT_SIZE, &err))
CALL(op_skip_clear_all, state_skip_clear(st, inbox, LIMITS, &err))

static int
op_poison(void)
{
	struct state_poison p = { .uid = 46, .first = 1, .next = 2, .tries = 3, .reason = "again" };

	return state_poison_put(st, inbox, &p, &err);
}

CALL(op_poison_delete, state_poison_delete(st, inbox, 45, &err))
CALL(op_poisons, state_poison_each(st, inbox, show_poison, &out, &err))

CALL(op_note, state_note_set(st, "k", 9, &err))

static int
op_note_get(void)
{
	int64_t v = 0;
	int rc = state_note_get(st, "k", &v, &err);

	str_addf(&out, "%lld", (long long)v);
	return rc;
}

static const struct {
	const char *name;
	int (*call)(void);
} ops[] = {
	{ "gen_find", op_find },
	{ "gen_exact", op_exact },
	{ "gen_get", op_get },
	{ "gen_new", op_new },
	{ "gen_new of a mailbox", op_new_box },
	{ "gen_new of a folder that has one", op_new_again },
	{ "gen_each", op_each },
	{ "gen_alike", op_alike },
	{ "gen_vanished", op_vanished },
	{ "gen_adopt", op_adopt_from },
	{ "gen_every", op_every },
	{ "name_each", op_names },
	{ "msg_find", op_msg },
	{ "msg_each", op_msgs },
	{ "msg_delete", op_msg_delete },
	{ "msg_restore", op_restore },
	{ "owe", op_owe },
	{ "unclaimed_each", op_unclaimed },
	{ "adopt", op_adopt },
	{ "baseline", op_baseline },
	{ "a group", op_group },
	{ "a group, carelessly", op_careless },
	{ "finish", op_finish },
	{ "delivered", op_delivered },
	{ "paid", op_paid },
	{ "pending_each", op_pending },
	{ "debt_each", op_debts },
	{ "skip_add", op_skip },
	{ "skip_each", op_skips },
	{ "skip_clear", op_skip_clear },
	{ "skip_clear of all", op_skip_clear_all },
	{ "poison_put", op_poison },
	{ "poison_delete", op_poison_delete },
	{ "poison_each", op_poisons },
	{ "note_set", op_note },
	{ "note_get", op_note_get },
};

/* ---- the sweep ---- */

struct want {
	struct str before, after, read;
	int rc;
};

static void
undisturbed(int i, struct want *w)
{
	copy_model();
	st = open_state(path);
	show_all(&w->before);
	str_clear(&out);
	w->rc = ops[i].call();
	ok(w->rc >= 0, "%s", ops[i].name);
	str_add(&w->read, out.s, out.len);
	show_all(&w->after);
	state_close(st);
}

static bool
same(const struct str *a, const struct str *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->s, b->s, a->len) == 0);
}

/* What is wrong with a call that met a fault; NULL: nothing. */
static const char *
judge(const struct want *w, int rc, const struct str *now)
{
	if (!same(now, &w->before) && !same(now, &w->after))
		return "neither as before nor as after";
	if (rc >= 0 && !same(now, &w->after))
		return "it has done nothing and says that it has";
	if (rc >= 0 && (rc != w->rc || !same(&out, &w->read)))
		return "it says what is not so";
	return NULL;
}

static const char *const how_name[] = { "", ", its work done", ", and all that follow" };

/* One point: is there an n-th call? */
static bool
point(int i, int n, enum fault_how how, const struct want *w, int *bad)
{
	struct str now = STR_INIT;
	const char *what;
	bool fired;
	int rc;

	copy_model();
	st = open_state(path);
	str_clear(&out);
	err_clear(&err);
	fault_at(n, how);
	rc = ops[i].call();
	fired = fault_off();
	what = rc < 0 && err.kind == ERR_NONE ? "no error" : NULL;
	state_close(st);
	st = open_state(path);
	if (what == NULL)
		what = show_all(&now) == -1 ? "it cannot be read" : judge(w, rc, &now);
	if (what != NULL) {
		note("%s: %s fails%s: %s", ops[i].name, fault_name, how_name[how], what);
		++*bad;
	}
	state_close(st);
	str_release(&now);
	return fired;
}

static void
sweep(int i)
{
	struct want w = { .rc = 0 };
	int n, bad = 0, points = 0;

	undisturbed(i, &w);
	for (int how = 0; how < FAULT_HOWS; how++)
		for (n = 1; point(i, n, (enum fault_how)how, &w, &bad); n++)
			points++;
	ok(points > 1, "%d points of failure", points);
	is_int(bad, 0, "and no lie");
	str_release(&w.before);
	str_release(&w.after);
	str_release(&w.read);
}

int
main(void)
{
	size_t i;

	make_model();
	for (i = 0; i < sizeof ops / sizeof *ops; i++)
		sweep((int)i);
	str_release(&out);
	free(path);
	free(model);
	return done_testing();
}
