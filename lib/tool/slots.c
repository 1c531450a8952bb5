#include "tool/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/crew.h"

enum owner { FREE = -1, MESSAGE = -2 }; /* else the lane */

struct slot {
	int owner;
	int fd; /* while with a lane */
};

struct slots {
	struct maildir *md; /* foreign */
	char *dir;
	struct slot *v;	       /* of the numbers base … n-1 */
	uint32_t base, n, cap; /* none below base is in use; n is the next */
	unsigned with[OPT_J_MAX];
};

struct slots *
slots_new(struct maildir *md, const char *dir)
{
	struct slots *s = xcalloc(1, sizeof *s);

	s->md = md;
	s->dir = dir == NULL ? NULL : xstrdup(dir);
	return s;
}

/* What O_TMPFILE does, for file systems that have none. */
static int
open_unlinked(const char *dir)
{
	char *path = xasprintf("%s/.mstools.XXXXXX", dir);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd != -1)
		unlink(path);
	free(path);
	return fd;
}

static int
open_file(const struct slots *s, uint32_t n, struct err *err)
{
	int fd;

	if (s->md != NULL)
		return maildir_stage_create(s->md, n, err);
	fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		fd = open_unlinked(s->dir);
	if (fd == -1)
		err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, s->dir,
		    "cannot make a temporary file");
	return fd;
}

static void
unlink_file(const struct slots *s, uint32_t n)
{
	if (s->md != NULL)
		(void)maildir_stage_unlink(s->md, n);
}

static struct slot *
at(const struct slots *s, uint32_t n)
{
	return &s->v[n - s->base];
}

void
slots_release(uint32_t n, void *arg)
{
	struct slots *s = arg;

	*at(s, n) = (struct slot){ .owner = FREE, .fd = -1 };
}

static void
back_from_lane(struct slots *s, uint32_t n)
{
	s->with[at(s, n)->owner]--;
	close(at(s, n)->fd);
	unlink_file(s, n);
	slots_release(n, s);
}

void
slots_free(struct slots *s)
{
	uint32_t i;

	if (s == NULL)
		return;
	for (i = s->base; i < s->n; i++)
		if (at(s, i)->owner >= 0)
			back_from_lane(s, i);
	free(s->v);
	free(s->dir);
	free(s);
}

/* Room for one more: what is free at the front goes. */
static void
make_room(struct slots *s)
{
	uint32_t free_ = 0;

	while (free_ < s->n - s->base && s->v[free_].owner == FREE)
		free_++;
	if (free_ > s->cap / 2) {
		s->base += free_;
		memmove(s->v, s->v + free_, (s->n - s->base) * sizeof *s->v);
	} else {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->v = xreallocarray(s->v, s->cap, sizeof *s->v);
	}
}

/*
 * A number is never used twice in a run: a row of the state names it until the
 * next transaction says that its file was placed, and recovery would take a
 * newer file of that number for the message.
 */
static uint32_t
number(struct slots *s)
{
	if (s->n - s->base == s->cap)
		make_room(s);
	return s->n++;
}

int
slots_give(struct slots *s, int lane, int *fd, struct err *err)
{
	uint32_t n = number(s);

	*at(s, n) = (struct slot){ .owner = lane, .fd = open_file(s, n, err) };
	if (at(s, n)->fd == -1) {
		slots_release(n, s);
		return -1;
	}
	*fd = at(s, n)->fd;
	s->with[lane]++;
	return (int)n;
}

unsigned
slots_with(const struct slots *s, int lane)
{
	return s->with[lane];
}

int
slots_take(struct slots *s, int lane, uint32_t n, int *fd)
{
	if (n < s->base || n >= s->n || at(s, n)->owner != lane)
		return -1;
	*fd = at(s, n)->fd;
	*at(s, n) = (struct slot){ .owner = MESSAGE, .fd = -1 };
	s->with[lane]--;
	return 0;
}

void
slots_discard(struct slots *s, uint32_t n, int fd)
{
	close(fd);
	unlink_file(s, n);
	slots_release(n, s);
}

void
slots_lost(struct slots *s, int lane)
{
	uint32_t i;

	for (i = s->base; i < s->n; i++)
		if (at(s, i)->owner == lane)
			back_from_lane(s, i);
}
