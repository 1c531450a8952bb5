/* maildir_name: names of files and subfolders, there and back, and what is not one. */
#include <stdint.h>

#include "base/util.h"
#include "crew/wire.h"
#include "mail/maildir.h"
#include "t.h"

static struct err err;

static struct maildir_name
name_of(int64_t date, uint32_t v, uint32_t uid, const char *host, uint64_t bytes)
{
	struct maildir_name n = { .date = date, .uidvalidity = v, .uid = uid, .bytes = bytes };

	snprintf(n.host, sizeof n.host, "%s", host);
	maildir_folder_hash(n.folder, "Alice@Example.com", "INBOX");
	return n;
}

static void
test_names(void)
{
	struct maildir_name n = name_of(1790000000, 14, 849, "outlook.office365.com", 12345), p;
	char s[400], hash[17], info[16];

	maildir_folder_hash(hash, "alice@example.com", "INBOX");
	is_str(n.folder, hash, "the hash does not depend on the user's case");
	/* printf 'alice@example.com\0INBOX' | sha256sum */
	is_str(hash, "5fbec18ac6b3f681", "and is what it should be");
	maildir_folder_hash(hash, "alice@example.co", "mINBOX");
	ok(strcmp(n.folder, hash) != 0, "the NUL keeps user and folder apart");
	maildir_name(s, &n);
	is_str(s, "1790000000.V14U849F5fbec18ac6b3f681.outlook.office365.com,S=12345", "the form");
	is_int(maildir_name_parse(s, &p), 0, "parsed");
	ok(p.date == n.date && p.uidvalidity == 14 && p.uid == 849 && p.bytes == 12345 && p.flags == 0 &&
		strcmp(p.host, n.host) == 0 && strcmp(p.folder, n.folder) == 0,
	    "to the same");
	n = name_of(INT64_MIN, UINT32_MAX, UINT32_MAX, "[::1]:993/Ö", UINT64_MAX);
	maildir_name(s, &n);
	is_str(s, "0.V4294967295U4294967295F5fbec18ac6b3f681.___1__993___,S=18446744073709551615",
	    "extremes");
	memset(n.host, 'H', sizeof n.host - 1);
	n.date = INT64_MAX;
	maildir_name(s, &n);
	ok(strlen(s) + 8 <= 255, "fits a file name with the longest host");
	is_int(maildir_name_parse(s, &p), 0, "and is parsed");

	maildir_info(info, 0);
	is_str(info, "", "no flags");
	maildir_info(info, MF_MDNSENT);
	is_str(info, "", "a flag without letter");
	maildir_info(info, MF_SEEN | MF_ANSWERED | MF_FLAGGED | MF_DELETED | MF_DRAFT | MF_MDNSENT);
	is_str(info, ":2,DFRST", "all flags, sorted");
}

static void
test_parse(void)
{
	static const char base[] = "1790000000.V14U849F5fbec18ac6b3f681.outlook.office365.com,S=12345";
	static const char *const bad[] = { "", ".", "..", "1790000000", "1790000000.V14U849",
		"x1790000000.V14U849F5fbec18ac6b3f681.h,S=1", "-1.V14U849F5fbec18ac6b3f681.h,S=1",
		"01.V14U849F5fbec18ac6b3f681.h,S=1", "1.V014U849F5fbec18ac6b3f681.h,S=1",
		"1.V14U0F5fbec18ac6b3f681.h,S=1", "1.V0U849F5fbec18ac6b3f681.h,S=1",
		"1.V4294967296U849F5fbec18ac6b3f681.h,S=1", "1.V14U4294967296F5fbec18ac6b3f681.h,S=1",
		"1.V14U849F5FBEC18AC6B3F681.h,S=1", "1.V14U849Fc6b64afc30a7a42.h,S=1",
		"1.V14U849F5fbec18ac6b3f6811.h,S=1", "1.V14U849F5fbec18ac6b3f681.,S=1",
		"1.V14U849F5fbec18ac6b3f681.h",
		"1.V14U849F5fbec18ac6b3f681.h,S=", "1.V14U849F5fbec18ac6b3f681.h,S=18446744073709551616",
		"1.V14U849F5fbec18ac6b3f681.h,S=1,W=2", "1.V14U849F5fbec18ac6b3f681.H,S=1",
		"1.V14U849F5fbec18ac6b3f681.h,S=1:", "1.V14U849F5fbec18ac6b3f681.h,S=1:1,",
		"1.V14U849F5fbec18ac6b3f681.h,S=1:2,S/", "1.V14U849F5fbec18ac6b3f681.h,S=1:2,S:2,",
		"9223372036854775808.V14U849F5fbec18ac6b3f681.h,S=1", "1.v14U849F5fbec18ac6b3f681.h,S=1",
		" 1.V14U849F5fbec18ac6b3f681.h,S=1", "1.V14U849F5fbec18ac6b3f681.h,S=1 ",
		"1.V+14U849F5fbec18ac6b3f681.h,S=1", "1.V14U849F5fbec18ac6b3f681.h\n,S=1",
		"1700000000.M12P34.host,S=5:2,S" };
	struct maildir_name p;
	char s[600], *longname;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		is_int(maildir_name_parse(bad[i], &p), -1, "not ours: %zu", i);
	snprintf(s, sizeof s, "%s:2,", base);
	is_int(maildir_name_parse(s, &p), 0, "no flags");
	snprintf(s, sizeof s, "%s:2,FPSaz", base);
	is_int(maildir_name_parse(s, &p), 0, "flags, some not ours");
	is_int(p.flags, MF_FLAGGED | MF_SEEN, "ours");
	longname = xmalloc(100001);
	memset(longname, '1', 100000);
	longname[100000] = '\0';
	is_int(maildir_name_parse(longname, &p), -1, "an endless name");
	free(longname);
}

static uint64_t rng = 88172645463325252ULL;

static uint64_t
next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* A fixed seed: round trips, and mutations that must not be taken for the original. */
static void
test_name_property(void)
{
	static const char hostchars[] = "abcxyz019.-";
	struct maildir_name n, p;
	char s[400], again[400];
	bool round = true, canonical = true;
	size_t i, k, len;

	for (i = 0; i < 5000; i++) {
		memset(&n, 0, sizeof n);
		n.date = (int64_t)(next() >> (1 + next() % 60));
		n.uidvalidity = (uint32_t)(next() >> 20) | 1;
		n.uid = (uint32_t)(next() >> (20 + next() % 11)) | 1;
		n.bytes = next() >> (next() % 63);
		for (k = 0; k < 16; k++)
			n.folder[k] = "0123456789abcdef"[next() % 16];
		len = 1 + next() % 60;
		for (k = 0; k < len; k++)
			n.host[k] = hostchars[next() % (sizeof hostchars - 1)];
		maildir_name(s, &n);
		round = round && maildir_name_parse(s, &p) == 0 && memcmp(&n, &p, sizeof n) == 0;
		s[next() % strlen(s)] = (char)(33 + next() % 94);
		if (maildir_name_parse(s, &p) == 0) {
			maildir_name(again, &p);
			canonical = canonical && strncmp(again, s, strlen(again)) == 0;
		}
	}
	ok(round, "5000 names come back as they were");
	ok(canonical, "a name that parses is the one its parts make");
}

static void
subdir(const char *raw, char delimiter, const char *want)
{
	char got[512];

	is_int(maildir_subdir(got, raw, delimiter, &err), want == NULL ? -1 : 0, "subfolder of %s", raw);
	if (want != NULL)
		is_str(got, want, "is %s", want);
}

static void
test_subdir(void)
{
	char raw[400], got[512];

	subdir("INBOX", '/', "");
	subdir("Inbox", '/', "");
	subdir("inbox/Sub", '/', ".INBOX.Sub");
	subdir("INBOXES", '/', ".INBOXES");
	subdir("INBOX/Sub", '\0', ".INBOX\\2fSub");
	subdir("Sent Items", '/', ".Sent Items");
	subdir("A/B/C", '/', ".A.B.C");
	subdir("A.B/C", '/', ".A\\2eB.C");
	subdir("A.B", '.', ".A.B");
	subdir("A/B", '.', ".A\\2fB");
	subdir("A\\B", '/', ".A\\5cB");
	subdir("A\\B", '\\', ".A.B");
	subdir("Entw&APw-rfe", '/', ".Entw&APw-rfe");
	subdir("a\nb\x7f", '/', ".a\\0ab\\7f");
	subdir(".", '/', ".\\2e");
	subdir("..", '/', ".\\2e\\2e");
	subdir("../../etc", '/', ".\\2e\\2e.\\2e\\2e.etc");
	subdir("mstools/db", '/', ".\\6dstools.db");
	subdir("mstools", '/', ".mstools");
	subdir("mstools.db", '/', ".mstools\\2edb");
	subdir("", '/', NULL);
	subdir("/", '/', NULL);
	subdir("/A", '/', NULL);
	subdir("A/", '/', NULL);
	subdir("A//B", '/', NULL);
	subdir("INBOX/", '/', NULL);
	subdir("A.", '.', NULL);
	memset(raw, 'x', 254);
	raw[254] = '\0';
	is_int(maildir_subdir(got, raw, '/', &err), 0, "255 bytes");
	is_int(strlen(got), 255, "fit");
	raw[254] = 'x';
	raw[255] = '\0';
	is_int(maildir_subdir(got, raw, '/', &err), -1, "256 do not");
	memset(raw, '.', 100);
	raw[100] = '\0';
	is_int(maildir_subdir(got, raw, '/', &err), -1, "nor what escapes make longer");
}

int
main(void)
{
	test_names();
	test_parse();
	test_name_property();
	test_subdir();
	return done_testing();
}
