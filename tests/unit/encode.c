/* encode: hex and base64, with the vectors of RFC 4648 §10. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "t.h"

static void
test_vectors(void)
{
	static const char *const v[][3] = { { "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" } };
	unsigned char *raw;
	size_t n;
	char *s;

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		s = base64(v[i][0], strlen(v[i][0]), &n);
		is_str(s, v[i][1], "base64 of '%s'", v[i][0]);
		is_int(n, strlen(v[i][1]), "its length");
		free(s);
		s = base64url(v[i][0], strlen(v[i][0]));
		is_str(s, v[i][2], "base64url of '%s'", v[i][0]);
		free(s);
		for (int k = 1; k < 3; k++) {
			raw = unbase64(v[i][k], strlen(v[i][k]), &n);
			ok(raw != NULL && n == strlen(v[i][0]) && memcmp(raw, v[i][0], n) == 0,
			    "back from '%s'", v[i][k]);
			free(raw);
		}
	}
}

static void
test_bytes(void)
{
	unsigned char all[256], back[256], *raw;
	char digits[513], *s;
	size_t n;

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	s = base64(all, sizeof all, &n);
	raw = unbase64(s, n, &n);
	ok(n == 256 && memcmp(raw, all, 256) == 0, "all bytes by base64");
	free(s);
	free(raw);
	s = base64url("\373\377\376", 3);
	is_str(s, "-__-", "the other alphabet");
	free(s);
	hex(digits, all, sizeof all);
	is_int(strlen(digits), 512, "hex");
	is_int(unhex(back, digits, 256), 0, "unhex");
	is_mem(back, all, 256, "back from hex");
	is_int(unhex(back, "AbCd", 2), 0, "upper case");
	is_int(back[1], 0xcd, "its value");
	is_int(unhex(back, "0g", 1), -1, "no digit");
	is_int(unhex(back, "0", 1), -1, "half a byte");
	is_int(unhex(back, "", 1), -1, "nothing");
}

static void
test_malformed(void)
{
	static const char *const bad[] = { "A", "AAAAA", "A===", "====", "=", "AB=C",
		"A B=", "Zg=", "Zm9v=", "Zg==Zg==", "a\nbc" };
	unsigned char *raw;
	size_t n;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		raw = unbase64(bad[i], strlen(bad[i]), &n);
		ok(raw == NULL, "malformed: '%s'", bad[i]);
		free(raw);
	}
}

int
main(void)
{
	test_vectors();
	test_bytes();
	test_malformed();
	return done_testing();
}
