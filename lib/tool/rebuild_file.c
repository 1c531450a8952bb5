/* rebuild_file: what a file tells: digest, size, Message-ID. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/util.h"
#include "imap/header.h"
#include "tool/rebuild.h"
#include "tool/rebuild_int.h"

#define CHUNK 65536

/* The Message-ID is looked for in the first chunk, as far as the header goes. */
static uint64_t
msgid_of(const char *buf, size_t n)
{
	const char *p = buf, *end = buf + n, *nl;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p = nl + 1;
		if (p < end && (*p == '\n' || *p == '\r'))
			break;
	}
	return header_msgid(buf, (size_t)(p - buf));
}

static int
digest_fd(int fd, unsigned char digest[SHA256_SIZE], uint64_t *bytes, uint64_t *msgid)
{
	char *buf = xmalloc(CHUNK);
	size_t have = 0;
	ssize_t n = 1;
	struct sha256 s;

	sha256_begin(&s);
	*bytes = 0;
	while (n > 0) {
		while ((n = read(fd, buf + have, CHUNK - have)) > 0 && (have += (size_t)n) < CHUNK)
			;
		if (n == -1 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n == -1)
			break;
		if (*bytes == 0 && msgid != NULL)
			*msgid = msgid_of(buf, have);
		*bytes += have;
		sha256_add(&s, buf, have);
		have = 0;
	}
	free(buf);
	if (n == -1)
		return -1;
	sha256_end(&s, digest);
	return 1;
}

int
rebuild_read(const char *path, unsigned char digest[SHA256_SIZE], uint64_t *bytes, uint64_t *msgid)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc = -1, saved;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = digest_fd(fd, digest, bytes, msgid);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
rebuild_digest(const char *path, unsigned char digest[SHA256_SIZE], uint64_t *bytes)
{
	return rebuild_read(path, digest, bytes, NULL);
}
