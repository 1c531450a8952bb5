/* secret: grows, is cleansed, goes. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <stdio.h>
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
	char *old, line[200];

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
	memset(line, 'x', sizeof line);
	snprintf(line, sizeof line, "BAD what is ");
	line[strlen(line)] = 'x';
	strcpy(line + 180, " to me?");
	secret_hide(line);
	is_str(line, "BAD what is [secret] to me?", "what may be a token is hidden");
	memset(line, 'y', SECRET_WORD);
	line[SECRET_WORD] = '\0';
	secret_hide(line);
	is_int(strlen(line), SECRET_WORD, "a shorter word is not");
	secret_free_string(NULL);
	secret_free_string(xstrdup("secret"));
	secret_process();
	is_int(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0, "not dumpable");
	ok(getrlimit(RLIMIT_CORE, &lim) == 0 && lim.rlim_cur == 0, "no core");
	return done_testing();
}
