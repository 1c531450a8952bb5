#include "tool/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/crew.h"

enum owner { FREE = -1, MESSAGE = -2 };	/* else the lane */

struct slot {
	int	owner;
	int	fd;		/* while with a lane */
};

struct slots {
	struct maildir *md;	/* foreign */
	char	*dir;
	struct slot *v;
	uint32_t n, cap;
	uint32_t low;		/* none below is free */
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

static int
open_file(const struct slots *s, uint32_t n, struct err *err)
{
	int fd;

	if (s->md != NULL)
		return maildir_stage_create(s->md, n, err);
	fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
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

void
slots_release(uint32_t n, void *arg)
{
	struct slots *s = arg;

	s->v[n].owner = FREE;
	s->v[n].fd = -1;
	if (n < s->low)
		s->low = n;
}

static void
back_from_lane(struct slots *s, uint32_t n)
{
	s->with[s->v[n].owner]--;
	close(s->v[n].fd);
	unlink_file(s, n);
	slots_release(n, s);
}

void
slots_free(struct slots *s)
{
	uint32_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		if (s->v[i].owner >= 0)
			back_from_lane(s, i);
	free(s->v);
	free(s->dir);
	free(s);
}

/* The lowest free one: so the numbers of a packet, which must follow on one another, mostly do. */
static uint32_t
number(struct slots *s)
{
	while (s->low < s->n && s->v[s->low].owner != FREE)
		s->low++;
	if (s->low < s->n)
		return s->low++;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->v = xreallocarray(s->v, s->cap, sizeof *s->v);
	}
	s->low = s->n + 1;
	return s->n++;
}

int
slots_give(struct slots *s, int lane, int *fd, struct err *err)
{
	uint32_t n = number(s);

	s->v[n] = (struct slot){ .owner = lane, .fd = open_file(s, n, err) };
	if (s->v[n].fd == -1) {
		slots_release(n, s);
		return -1;
	}
	*fd = s->v[n].fd;
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
	if (n >= s->n || s->v[n].owner != lane)
		return -1;
	*fd = s->v[n].fd;
	s->v[n].fd = -1;
	s->v[n].owner = MESSAGE;
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

	for (i = 0; i < s->n; i++)
		if (s->v[i].owner == lane)
			back_from_lane(s, i);
}
