#include "tool/store.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"

static char *
lower(const char *s)
{
	char *copy = xstrdup(s), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static bool
missing(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 && errno == ENOENT;
}

static int
open_maildir(struct store *s, const struct options *o, enum store_mode mode, struct err *err)
{
	if (mode == STORE_LOOK && missing(o->maildir))
		return 0;
	if (maildir_open(&s->md, o->maildir, mode == STORE_LOOK ? 0 : MAILDIR_CREATE, err) == -1)
		return -1;
	return maildir_lock(s->md, o->lock_wait, &s->busy_since, err);
}

static int
lock_state(struct store *s, const struct options *o, struct err *err)
{
	char *lock = xasprintf("%s.lock", s->state_path);
	int wait_ms = o->lock_wait > 86400 ? 86400000 : (int)(o->lock_wait * 1000);

	s->state_lock = file_lock(AT_FDCWD, lock, wait_ms, err);
	if (s->state_lock == -2)
		err_set(err, ERR_AGAIN, STAGE_FILE, lock, "another run uses this state");
	free(lock);
	return s->state_lock < 0 ? -1 : 0;
}

static int
without_state(const struct store *s, struct err *err)
{
	return err_set(err, ERR_CONFIG, STAGE_FILE, maildir_path(s->md),
	    "it was filled by msfetch, but the state that belongs to it is not %s: "
	    "choose --rebuild (the files are there) or --baseline (they were consumed)",
	    s->state_path);
}

/* Has this Maildir been filled by a state that we do not have?  1, 0, -1. */
static int
orphaned(const struct store *s, struct err *err)
{
	char id[33];
	int n;

	if (s->md == NULL)
		return 0;
	if ((n = maildir_id_read(s->md, id, err)) != 0)
		return n;
	return maildir_has_ours(s->md, err);
}

/* An existing state: does the Maildir agree?  1 yes, 0 it has no id yet, -1. */
static int
check_id(const struct store *s, enum store_mode mode, bool beside, struct err *err)
{
	char id[33];
	int n;

	if (s->md == NULL)
		return 1;
	if ((n = maildir_id_read(s->md, id, err)) == -1)
		return -1;
	if (n == 1 && strcmp(id, state_id(s->state)) == 0)
		return 1;
	if (mode == STORE_BASELINE || (n == 0 && beside))
		return 0;
	if (n == 1)
		return without_state(s, err);
	if ((n = maildir_has_ours(s->md, err)) == 1)
		return without_state(s, err);
	return n;
}

/* The state first, then the id: a crash in between leaves nothing that looks orphaned. */
static int
open_state(struct store *s, enum store_mode mode, bool beside, struct err *err)
{
	int n;

	n = state_open(&s->state, s->state_path, mode == STORE_LOOK ? STATE_READONLY : 0, err);
	if (n == -1)
		return -1;
	if (n == 1 && (n = check_id(s, mode, beside, err)) != 0)
		return n == 1 ? 0 : -1;
	if (s->state == NULL && (mode == STORE_RUN || mode == STORE_LOOK) && (n = orphaned(s, err)) != 0)
		return n == 1 ? without_state(s, err) : -1;
	if (mode == STORE_LOOK)
		return 0;
	if (s->state == NULL && state_open(&s->state, s->state_path, STATE_CREATE, err) == -1)
		return -1;
	return s->md == NULL ? 0 : maildir_id_write(s->md, state_id(s->state), err);
}

int
store_open(struct store *s, const struct options *o, enum store_mode mode, struct err *err)
{
	*s = (struct store)STORE_INIT;
	s->user = lower(o->user);
	s->host = o->host;
	if (o->maildir != NULL && open_maildir(s, o, mode, err) == -1)
		return -1;
	if (o->state != NULL)
		s->state_path = xstrdup(o->state);
	else if (s->md != NULL)
		s->state_path = xasprintf("%s/.mstools.db", maildir_path(s->md));
	else
		return 0; /* a dry run, and nothing is there yet */
	if (mode == STORE_LOOK && missing(s->state_path) && s->md == NULL)
		return 0;
	if (o->state != NULL && lock_state(s, o, err) == -1)
		return -1;
	return open_state(s, mode, o->state == NULL, err);
}

void
store_close(struct store *s)
{
	if (s->state != NULL)
		state_close(s->state);
	if (s->state_lock >= 0)
		close(s->state_lock);
	if (s->md != NULL)
		maildir_close(s->md);
	free(s->state_path);
	free(s->user);
	*s = (struct store)STORE_INIT;
}
