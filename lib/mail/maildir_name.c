/* maildir_name: names of files and of subfolders. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/util.h"
#include "crew/wire.h"
#include "mail/maildir.h"

#define HOST_MAX 150 /* bytes of the host in a name: all of it stays under 255 */
#define DIR_MAX 255

/* ASCII, whatever the locale. */
static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
maildir_folder_hash(char out[17], const char *user, const char *folder)
{
	unsigned char digest[SHA256_SIZE];
	struct str s = STR_INIT;

	for (; *user != '\0'; user++)
		str_addc(&s, lower(*user));
	str_addc(&s, '\0');
	str_adds(&s, folder);
	sha256_of(digest, s.s, s.len);
	hex(out, digest, 8);
	str_release(&s);
}

static void
host_part(char dst[HOST_MAX + 1], const char *host)
{
	size_t i;
	char c;

	for (i = 0; i < HOST_MAX && host[i] != '\0'; i++) {
		c = lower(host[i]);
		dst[i] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ? c : '_';
	}
	dst[i] = '\0';
}

void
maildir_name(char dst[400], const struct maildir_name *n)
{
	char host[HOST_MAX + 1];

	host_part(host, n->host);
	snprintf(dst, 400, "%lld.V%luU%luF%s.%s,S=%llu", n->date < 0 ? 0LL : (long long)n->date,
	    (unsigned long)n->uidvalidity, (unsigned long)n->uid, n->folder, host,
	    (unsigned long long)n->bytes);
}

static const struct {
	char letter;
	uint32_t flag;
} info_flags[] = {
	/* In the order of the letters, as maildir(5) wants it. */
	{ 'D', MF_DRAFT }, { 'F', MF_FLAGGED }, { 'R', MF_ANSWERED }, { 'S', MF_SEEN }, { 'T', MF_DELETED }
};
#define NINFO (sizeof info_flags / sizeof *info_flags)

void
maildir_info(char out[16], uint32_t flags)
{
	size_t i, n = 0;

	for (i = 0; i < NINFO; i++) {
		if ((flags & info_flags[i].flag) == 0)
			continue;
		if (n == 0)
			n = (size_t)snprintf(out, 16, ":2,");
		out[n++] = info_flags[i].letter;
	}
	out[n] = '\0';
}

/* ":2," and letters; readers add letters of their own.  -1 if it is anything else. */
static int
info_parse(const char *s, uint32_t *flags)
{
	size_t i;

	*flags = 0;
	if (strncmp(s, ":2,", 3) != 0)
		return -1;
	for (s += 3; *s != '\0'; s++) {
		if (!(*s >= 'A' && *s <= 'Z') && !(*s >= 'a' && *s <= 'z'))
			return -1;
		for (i = 0; i < NINFO; i++)
			if (info_flags[i].letter == *s)
				*flags |= info_flags[i].flag;
	}
	return 0;
}

/* Reads digits up to end, which is stepped over. */
static int
number(const char **s, char end, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (max - (uint64_t)(*p - '0')) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (*p != end)
		return -1;
	*s = end == '\0' ? p : p + 1;
	*out = n;
	return 0;
}

static int
base_parse(const char *s, struct maildir_name *n)
{
	uint64_t date, validity, uid, bytes;
	const char *size;
	size_t len;

	if (number(&s, '.', INT64_MAX, &date) == -1 || *s++ != 'V' ||
	    number(&s, 'U', UINT32_MAX, &validity) == -1 || number(&s, 'F', UINT32_MAX, &uid) == -1)
		return -1;
	if (strspn(s, "0123456789abcdef") != 16 || s[16] != '.')
		return -1;
	memcpy(n->folder, s, 16);
	s += 17;
	size = strstr(s, ",S=");
	if (size == NULL || (len = (size_t)(size - s)) == 0 || len > HOST_MAX)
		return -1;
	memcpy(n->host, s, len);
	size += 3;
	if (number(&size, '\0', UINT64_MAX, &bytes) == -1 || validity == 0 || uid == 0)
		return -1;
	n->date = (int64_t)date;
	n->uidvalidity = (uint32_t)validity;
	n->uid = (uint32_t)uid;
	n->bytes = bytes;
	return 0;
}

/* What maildir_name makes of it must be what was read: no leading zero, no capital, nothing left out. */
int
maildir_name_parse(const char *s, struct maildir_name *n)
{
	size_t len = strcspn(s, ":");
	char base[400], again[400];

	memset(n, 0, sizeof *n);
	if (len >= sizeof base)
		return -1;
	memcpy(base, s, len);
	base[len] = '\0';
	if (base_parse(base, n) == -1 || (s[len] != '\0' && info_parse(s + len, &n->flags) == -1))
		return -1;
	maildir_name(again, n);
	return strcmp(base, again) == 0 ? 0 : -1;
}

/* ---- subfolders ---- */

static bool
is_inbox(const char *raw, char delimiter)
{
	static const char inbox[] = "INBOX";
	size_t i;

	for (i = 0; inbox[i] != '\0'; i++)
		if (toupper((unsigned char)raw[i]) != inbox[i])
			return false;
	return raw[i] == '\0' || (delimiter != '\0' && raw[i] == delimiter);
}

/* Appends one byte of a part, escaped where it must be. */
static void
sub_add(struct str *s, char c)
{
	if (c == '.' || c == '/' || c == '\\' || (unsigned char)c < 0x20 || c == 0x7f)
		str_addf(s, "\\%02x", (unsigned char)c);
	else
		str_addc(s, c);
}

static int
sub_bad(const char *raw, const char *why, struct err *err)
{
	return err_set(err, ERR_CREATE, STAGE_FILE, raw, "no directory can have this folder's name: %s", why);
}

static int
sub_make(struct str *s, const char *raw, char delimiter, struct err *err)
{
	const char *p, *part = raw;

	/* Whatever the case: the children of INBOX must share a parent. */
	if (is_inbox(raw, delimiter)) {
		str_adds(s, ".INBOX");
		raw += 5;
		part = raw + 1;
		if (*raw++ == '\0')
			return 0;
	}
	str_addc(s, '.');
	for (p = raw;; p++) {
		if (*p != '\0' && (delimiter == '\0' || *p != delimiter)) {
			sub_add(s, *p);
			continue;
		}
		if (p == part)
			return sub_bad(raw, "a part of it is empty", err);
		if (*p == '\0')
			return 0;
		str_addc(s, '.');
		part = p + 1;
	}
}

/* ".mstools.db" and the like are ours: a folder mstools/db becomes ".\6dstools.db". */
static void
sub_keep_clear(struct str *s)
{
	struct str t = STR_INIT;

	if (strncmp(s->s, ".mstools.", 9) != 0)
		return;
	str_addf(&t, ".\\6d%s", s->s + 2);
	str_release(s);
	*s = t;
}

int
maildir_subdir(char dst[512], const char *raw, char delimiter, struct err *err)
{
	struct str s = STR_INIT;
	int rc;

	dst[0] = '\0';
	if (is_inbox(raw, '\0'))
		return 0;
	rc = sub_make(&s, raw, delimiter, err);
	if (rc == 0) {
		sub_keep_clear(&s);
		if (s.len > DIR_MAX)
			rc = sub_bad(raw, "it would be longer than 255 bytes", err);
		else
			memcpy(dst, s.s, s.len + 1);
	}
	str_release(&s);
	return rc;
}
