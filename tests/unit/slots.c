/* slots: numbers, owners, and what becomes of the files. */
#include "tool/slots.h"

#include <fcntl.h>

#include "t.h"

static struct err e;

static int
count(uint32_t slot, void *n)
{
	(void)slot;
	++*(int *)n;
	return 0;
}

static int
files(struct maildir *md)
{
	int n = 0;

	maildir_stage_each(md, count, &n, &e);
	return n;
}

static void
test_maildir(void)
{
	char path[4200];
	struct maildir *md;
	struct slots *s;
	int fd, first, i, n;

	snprintf(path, sizeof path, "%s/md", t_tmpdir());
	is_int(maildir_open(&md, path, MAILDIR_CREATE, &e), 0, "a Maildir");
	maildir_stage_open(md, &e);
	s = slots_new(md, NULL);
	first = slots_give(s, 0, &fd, &e);
	ok(first >= 0 && slots_give(s, 0, &fd, &e) == first + 1, "numbers follow on one another");
	slots_give(s, 1, &fd, &e);
	is_int(slots_with(s, 0), 2, "a lane has what it was given");
	is_int(slots_take(s, 1, (uint32_t)first, &fd), -1, "not what another was given");
	is_int(slots_take(s, 0, 77, &fd), -1, "nor what nobody was");
	is_int(slots_take(s, 0, (uint32_t)first, &fd), 0, "a message in one of them");
	is_int(slots_take(s, 0, (uint32_t)first, &fd), -1, "once");
	is_int(slots_with(s, 0), 1, "it is the lane's no longer");
	slots_lost(s, 0);
	is_int(files(md), 2, "a lost lane's files go, the message stays");
	close(fd);
	maildir_stage_unlink(md, (uint32_t)first);
	slots_release((uint32_t)first, s);
	for (n = i = 0; i < 1000; i++) {
		n = slots_give(s, 0, &fd, &e);
		slots_take(s, 0, (uint32_t)n, &fd);
		slots_discard(s, (uint32_t)n, fd);
	}
	ok(n >= 1000, "no number twice");
	is_int(files(md), 1, "what is not wanted goes at once");
	slots_free(s);
	is_int(files(md), 0, "in the end nothing is left");
	maildir_close(md);
}

static void
test_spill(void)
{
	struct slots *s = slots_new(NULL, t_tmpdir());
	int fd, n = slots_give(s, 3, &fd, &e);

	if (n == -1) {
		note("no O_TMPFILE here: %s", e.text);
	} else {
		is_int(write(fd, "x", 1), 1, "a file without a name");
		is_int(slots_take(s, 3, (uint32_t)n, &fd), 0, "serves as well");
		slots_discard(s, (uint32_t)n, fd);
	}
	slots_free(s);
}

int
main(void)
{
	test_maildir();
	test_spill();
	return done_testing();
}
