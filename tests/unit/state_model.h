/*
 * state_model: a state that has something of everything, for tests that let calls fail on a copy of it.
 *
 *	make_model()	once; then copy_model() makes path the same again
 */
#ifndef MSTOOLS_STATE_MODEL_H
#define MSTOOLS_STATE_MODEL_H

#include "base/file.h"
#include "state_kit.h"

static char *path, *model;
static struct state *st;
static int64_t inbox, before_inbox, sub;

static void
commit(void)
{
	is_int(state_commit(st, &err), STATE_OK, "a group of the model");
}

static void
make_model(void)
{
	struct state_gen g;
	struct state_skip skip[] = { { 50, 60, LIMIT_SIZE, 1000 }, { 61, 65, LIMIT_SINCE, 7 } };
	struct state_poison p = { .uid = 45, .first = 1, .next = 2, .tries = 1, .reason = "no data" };

	/* Memory does: what a failing call does to us is looked at, not what the disk does. */
	if (getenv("TMPDIR") == NULL && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	path = path_of("odd %name?#.db");
	model = path_of("model.db");
	st = open_state(model);
	state_gen_new(st, USER, HOST, "INBOX", 13, &g, &err);
	before_inbox = g.id;
	group(st, before_inbox, 9, 10);
	commit();
	state_gen_new(st, USER, HOST, "INBOX", 14, &g, &err);
	inbox = g.id;
	state_gen_new(st, USER, HOST, "Other", 3, &g, &err);
	state_gen_new(st, USER, HOST, "Sub", 5, &g, &err);
	sub = g.id;
	is_int(state_finish(st, true, &err), STATE_OK, "of which some is paid");
	group(st, inbox, 1, 4);
	state_settle(st, inbox, 5, 6, &err);
	commit();
	group(st, sub, 1, 2);
	state_delivered(st, &err);
	commit();
	state_skip_add(st, inbox, &skip[0], &err);
	state_skip_add(st, inbox, &skip[1], &err);
	state_poison_put(st, inbox, &p, &err);
	state_note_set(st, "k", 4, &err);
	is_int(pending(st), 2, "the model has pending messages");
	is_int(debt(st, USER), 4, "and debts");
	state_close(st);
}

static void
copy_model(void)
{
	struct str text = STR_INIT;

	if (file_read(model, 1 << 24, &text, &err) == -1)
		printf("Bail out! no model\n");
	write_file(path, text.s, text.len);
	str_release(&text);
}

#endif
