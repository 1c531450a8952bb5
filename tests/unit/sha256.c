/* SHA-256 against the examples of FIPS 180-4's authors, whole and in pieces. */
#include "base/sha256.h"
#include "base/util.h"
#include "t.h"

static void
check(const char *text, size_t times, const char *want)
{
	unsigned char md[SHA256_SIZE];
	size_t len = strlen(text), n = len * times, i, step;
	char *all = xmalloc(n + 1), digits[2 * SHA256_SIZE + 1];
	struct sha256 s;

	for (i = 0; i < times; i++)
		memcpy(all + i * len, text, len);
	sha256_of(md, all, n);
	hex(digits, md, sizeof md);
	is_str(digits, want, "%zu bytes", n);
	for (step = 1; step < 200; step += 61) {
		sha256_begin(&s);
		for (i = 0; i < n; i += step)
			sha256_add(&s, all + i, n - i < step ? n - i : step);
		sha256_end(&s, md);
		hex(digits, md, sizeof md);
		is_str(digits, want, "%zu bytes, %zu at a time", n, step);
	}
	free(all);
}

int
main(void)
{
	check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	return done_testing();
}
