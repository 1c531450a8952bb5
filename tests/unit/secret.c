/* secret: grows, is cleansed, goes. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <string.h>

#include "base/secret.h"
#include "base/util.h"
#include "t.h"

int
main(void)
{
	struct secret s = SECRET_INIT;
	struct rlimit lim;
	bool zero = true;
	char *old;

	ok(s.s == NULL, "empty");
	secret_adds(&s, "token");
	is_str(s.s, "token", "added");
	for (int i = 0; i < 2000; i++)
		secret_add(&s, "0123456789", 10);
	is_int(s.len, 20005, "grown");
	is_str(s.s + 19995, "0123456789", "and whole");
	is_int(strncmp(s.s, "token0", 6), 0, "from its beginning");
	old = s.s;
	secret_clear(&s);
	is_int(s.len, 0, "cleared");
	ok(s.s == old, "memory kept");
	for (size_t i = 0; i < 20005; i++)
		zero = zero && s.s[i] == 0;
	ok(zero, "and nothing left in it");
	secret_adds(&s, "x");
	is_str(s.s, "x", "used again");
	secret_release(&s);
	ok(s.s == NULL && s.len == 0 && s.cap == 0, "released");
	secret_release(&s);
	secret_clear(&s);
	secret_free_string(NULL);
	secret_free_string(xstrdup("secret"));
	secret_process();
	is_int(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0, "not dumpable");
	ok(getrlimit(RLIMIT_CORE, &lim) == 0 && lim.rlim_cur == 0, "no core");
	return done_testing();
}
