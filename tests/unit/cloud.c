/* cloud: the four there are. */
#include <string.h>

#include "base/cloud.h"
#include "t.h"

int
main(void)
{
	static const char *const names[] = { "global", "gcc-high", "dod", "china" };
	const struct cloud *c;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		c = cloud_find(names[i]);
		if (!ok(c != NULL, "%s", names[i]))
			continue;
		is_str(c->name, names[i], "its name");
		is_int(strncmp(c->login, "https://login.", 14), 0, "its login host");
		/* https://HOST/.default */
		is_int(strncmp(c->scope, "https://", 8), 0, "its scope");
		is_int(strncmp(c->scope + 8, c->imap, strlen(c->imap)), 0, "of the IMAP host");
		is_str(c->scope + 8 + strlen(c->imap), "/.default", "all that was granted");
	}
	ok(cloud_find("GLOBAL") != NULL, "case does not matter");
	ok(cloud_find("germany") == NULL, "no such cloud");
	return done_testing();
}
