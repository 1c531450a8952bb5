/* follow: see follow.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "credential.h"
#include "follow.h"
#include "output.h"

#define RETRY_SECS 60
#define SLICE_MS 60000 /* a clock that was set, or a sleep of the machine, is seen after this at most */

struct follow {
	const struct options *o;
	struct credential cred;
	bool opened;
	struct token last;
	int fd;
};

int64_t
follow_next(const struct token *t, unsigned min_valid)
{
	int64_t life = t->expires_on - t->obtained, at;

	/* At exactly min_valid seconds before the end the cache still gives the old one. */
	at = life > (int64_t)min_valid + 1 ? t->expires_on - min_valid + 1 : t->obtained + life / 2;
	if (t->refresh_on != 0 && t->refresh_on < at)
		at = t->refresh_on;
	return at > t->obtained ? at : t->obtained + 1;
}

/*
 * Waits until the time.  1 it has come, 0 the reader has gone: a pipe without
 * readers says POLLERR, a socket POLLHUP; neither has to be asked for.
 */
static int
wait_until(int fd, int64_t at)
{
	struct pollfd pfd = { .fd = fd, .events = 0 };
	int64_t left;
	int n;

	for (;;) {
		left = at - time(NULL);
		if (left <= 0)
			left = 0;
		n = poll(&pfd, 1, left > SLICE_MS / 1000 ? SLICE_MS : (int)left * 1000);
		if (n > 0 && (pfd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			return 0;
		if (left == 0)
			return 1;
	}
}

/* A credential that can be read again is: it may have been renewed. */
static int
get(struct follow *f, struct token *t, struct err *err)
{
	if (f->opened && f->cred.rereadable) {
		credential_release(&f->cred);
		f->opened = false;
	}
	if (!f->opened && credential_open(&f->cred, f->o, err) == -1) {
		credential_release(&f->cred);
		return -1;
	}
	f->opened = true;
	return token_get_with(f->o, &f->cred, t, err);
}

static bool
same(const struct token *a, const struct token *b)
{
	return a->value.len == b->value.len && a->value.len > 0 &&
	    memcmp(a->value.s, b->value.s, a->value.len) == 0;
}

/* A newer token, if there is one.  1 it was written, 0 it is the same, 2 the reader has gone, -1. */
static int
step(struct follow *f, struct err *err)
{
	struct token t = TOKEN_INIT;
	int r;

	if (get(f, &t, err) == -1) {
		token_release(&t);
		return -1;
	}
	if (same(&t, &f->last)) {
		token_release(&t);
		return 0;
	}
	r = output_token(f->o, &t, f->fd, err);
	token_release(&f->last);
	f->last = t;
	if (r == -1)
		return err->sys == EPIPE ? 2 : -1;
	return 1;
}

/* After the first one.  As follow_run. */
static int
go_on(struct follow *f, struct err *err)
{
	int64_t at = follow_next(&f->last, f->o->min_valid);
	int r;

	while (wait_until(f->fd, at) == 1) {
		r = step(f, err);
		if (r == 2)
			return 0;
		if (r == -1 && (err->stage == STAGE_FILE || time(NULL) >= f->last.expires_on))
			return -1;
		if (r == -1)
			log_v(0, "%s%s%s; trying again in %d seconds", err->subject,
			    *err->subject != '\0' ? ": " : "", err->text, RETRY_SECS);
		if (r == 1) {
			at = follow_next(&f->last, f->o->min_valid);
			continue;
		}
		/* Once more at its very end, but not without a pause: an issuer may give the same one even then. */
		at = (int64_t)time(NULL) + RETRY_SECS;
		if (f->last.expires_on < at && f->last.expires_on > (int64_t)time(NULL))
			at = f->last.expires_on;
	}
	return 0;
}

int
follow_run(const struct options *o, int fd, struct err *err)
{
	struct follow f = { .o = o, .last = TOKEN_INIT, .fd = fd };
	struct err why = ERR_INIT;
	int r;

	if (token_check(o, err) == -1)
		return -1;
	r = step(&f, &why);
	if (r == 1)
		r = go_on(&f, &why);
	if (r == 2)
		r = 0;
	if (r == -1 && err != NULL)
		*err = why;
	if (f.opened)
		credential_release(&f.cred);
	token_release(&f.last);
	return r;
}
