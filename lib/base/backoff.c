/*
 * backoff: see backoff.h.
 *
 * - One file for each user and host, "backoff-" and a digest of both, so that
 *   no name of a mailbox has to be made fit for a file name.
 * - Its text: "1 NOTED UNTIL\n", seconds since the epoch.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "backoff.h"
#include "cachedir.h"
#include "file.h"
#include "sha256.h"

#define NOTE_MAX 128
#define NAME_SIZE 64

struct note {
	int64_t noted, until;
};

/* A mailbox is the same in any case (Exchange), and so is a host. */
static void
note_name(const char *user, const char *host, char name[NAME_SIZE])
{
	unsigned char md[SHA256_SIZE];
	struct str s = STR_INIT;
	char digits[33];

	str_adds(&s, user);
	str_addc(&s, '\0');
	str_adds(&s, host);
	for (size_t i = 0; i < s.len; i++)
		if (s.s[i] >= 'A' && s.s[i] <= 'Z')
			s.s[i] += 'a' - 'A';
	sha256_of(md, s.s, s.len);
	str_release(&s);
	hex(digits, md, 16);
	snprintf(name, NAME_SIZE, "backoff-%s", digits);
}

/* 1 read, 0 none that could be trusted. */
static int
note_read(int dirfd, const char *name, struct note *n)
{
	struct secret s = SECRET_INIT;
	char end;
	int r;

	r = cachedir_read(dirfd, name, NOTE_MAX, &s, NULL) == 1 && s.s != NULL &&
	    sscanf(s.s, "1 %" SCNd64 " %" SCNd64 "%c", &n->noted, &n->until, &end) == 3 && end == '\n' &&
	    n->noted >= 0 && n->until >= n->noted;
	secret_release(&s);
	return r;
}

static int
note_write(int dirfd, const char *name, const struct note *n, struct err *err)
{
	char buf[NOTE_MAX];
	int len;

	len = snprintf(buf, sizeof buf, "1 %" PRId64 " %" PRId64 "\n", n->noted, n->until);
	return file_replace(dirfd, name, buf, (size_t)len, err);
}

/* How long the note still holds; a clock that was set back makes it begin anew. */
static unsigned
note_left(struct note *n, int64_t now)
{
	if (n->until - n->noted > BACKOFF_MAX_SECS)
		n->until = n->noted + BACKOFF_MAX_SECS;
	if (n->noted > now) {
		n->until = now + (n->until - n->noted);
		n->noted = now;
	}
	return n->until > now ? (unsigned)(n->until - now) : 0;
}

int
backoff_note(const char *cache_dir, const char *user, const char *host, unsigned secs, struct err *err)
{
	struct note n, old;
	char name[NAME_SIZE];
	int dirfd, r = 0;

	note_name(user, host, name);
	dirfd = cachedir_open(cache_dir, err);
	if (dirfd == -1)
		return -1;
	if (secs > BACKOFF_MAX_SECS)
		secs = BACKOFF_MAX_SECS;
	n.noted = time(NULL);
	n.until = n.noted + secs;
	if (!note_read(dirfd, name, &old) || note_left(&old, n.noted) < secs)
		r = note_write(dirfd, name, &n, err);
	close(dirfd);
	return r;
}

int
backoff_check(const char *cache_dir, const char *user, const char *host, unsigned *secs_left)
{
	int64_t now = time(NULL), noted;
	struct note n;
	char name[NAME_SIZE];
	int dirfd;

	*secs_left = 0;
	note_name(user, host, name);
	dirfd = cachedir_open(cache_dir, NULL);
	if (dirfd == -1)
		return 0;
	if (note_read(dirfd, name, &n)) {
		noted = n.noted;
		*secs_left = note_left(&n, now);
		if (n.noted != noted)
			(void)note_write(dirfd, name, &n, NULL); /* else it would begin anew each time */
		if (*secs_left == 0)
			unlinkat(dirfd, name, 0);
	}
	close(dirfd);
	return *secs_left > 0;
}
