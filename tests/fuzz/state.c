/*
 * state: a state file that was damaged is opened, or refused, and walked; it
 * never crashes and never goes round for ever.  The input is a list of patches
 * (offset, two bytes; value, one) to a sound file, which is made once.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"
#include "mail/state.h"

static char dir[] = "/dev/shm/mstools-fuzz.XXXXXX";
static char path[64], wal[64];
static unsigned char *sound;
static size_t sound_len;

static void
leave(void)
{
	unlink(path);
	unlink(wal);
	rmdir(dir);
}

static void
fill(struct state *st)
{
	struct state_gen gen;
	struct state_msg m = { .date = 1795460000, .bytes = 100, .msgid = 7 };
	struct state_skip skip = { 50, 60, LIMIT_SIZE, 1000 };
	struct state_poison p = { .uid = 45, .first = 1, .next = 2, .tries = 1, .reason = "no data" };
	struct err err = ERR_INIT;

	must(state_begin(st, &err) == 0);
	must(state_gen_new(st, "u@example.org", "host", "INBOX", 14, &gen, &err) == 0);
	for (m.uid = 1; m.uid <= 40; m.uid++) {
		m.slot = m.uid;
		memset(m.sha256, (int)m.uid, sizeof(m.sha256));
		must(state_msg_add(st, gen.id, &m, &err) == 0);
	}
	must(state_settle(st, gen.id, 41, 61, &err) == 0);
	must(state_skip_add(st, gen.id, &skip, &err) == 0);
	must(state_poison_put(st, gen.id, &p, &err) == 0);
	must(state_commit(st, &err) == STATE_OK);
}

static void
make_sound(void)
{
	struct state *st;
	struct err err = ERR_INIT;
	FILE *f;

	must(mkdtemp(dir) != NULL);
	atexit(leave);
	snprintf(path, sizeof(path), "%s/s.db", dir);
	snprintf(wal, sizeof(wal), "%s/s.db-wal", dir);
	must(state_open(&st, path, STATE_CREATE, &err) == 1);
	fill(st);
	state_close(st);
	must((f = fopen(path, "r")) != NULL);
	sound = xmalloc(1 << 20);
	sound_len = fread(sound, 1, 1 << 20, f);
	fclose(f);
}

struct walk {
	unsigned steps;
};

static int
on_row(const struct state_row *row, void *arg)
{
	struct walk *w = arg;

	must(row->user != NULL && row->folder != NULL && ++w->steps < 100000);
	return 0;
}

static int
on_msg(const struct state_msg *m, void *arg)
{
	struct walk *w = arg;

	(void)m;
	must(++w->steps < 100000);
	return 0;
}

static int
on_gen(const char *folder, const struct state_gen *g, void *arg)
{
	(void)folder;
	*(struct state_gen *)arg = *g;
	return 0;
}

static void
walk(struct state *st)
{
	struct walk w = { 0 };
	struct state_gen g = { .id = 1 };
	struct err err = ERR_INIT;

	(void)state_pending_each(st, on_row, &w, &err);
	(void)state_debt_each(st, "u@example.org", "host", on_row, &w, &err);
	(void)state_gen_each(st, "u@example.org", "host", on_gen, &g, &err);
	(void)state_msg_each(st, g.id, 1, UINT32_MAX, on_msg, &w, &err);
	if (state_begin(st, &err) == 0) {
		struct state_msg m = { .uid = 1000, .date = 1 };

		(void)state_msg_add(st, g.id, &m, &err);
		(void)state_delivered(st, &err);
		if (state_commit(st, &err) != STATE_OK)
			must(err.kind != ERR_NONE);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct state *st = NULL;
	struct err err = ERR_INIT;
	unsigned char *copy;
	FILE *f;
	int opened;

	if (sound == NULL)
		make_sound();
	copy = xmalloc(sound_len);
	memcpy(copy, sound, sound_len);
	for (; n >= 3; data += 3, n -= 3)
		copy[(size_t)(data[0] << 8 | data[1]) % sound_len] = data[2];
	unlink(wal);
	must((f = fopen(path, "w")) != NULL);
	must(fwrite(copy, 1, sound_len, f) == sound_len);
	fclose(f);
	free(copy);
	opened = state_open(&st, path, 0, &err);
	if (opened == 1)
		walk(st);
	else /* 0: what says that it holds no table is no state yet */
		must(st == NULL && (opened == 0 || err.kind != ERR_NONE));
	state_close(st);
	return 0;
}
