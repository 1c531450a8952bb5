#include "base/util.h"
#include "imap/xoauth2.h"
#include "t.h"

int
main(void)
{
	struct secret token = SECRET_INIT, out = SECRET_INIT;
	unsigned char *plain;
	size_t n = 0;

	/* the example of Microsoft's page */
	secret_adds(&token, "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
	xoauth2_string(&out, "test@contoso.onmicrosoft.com", &token);
	is_str(out.s,
	    "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVy"
	    "IEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==",
	    "Microsoft's example");
	secret_clear(&out);
	secret_adds(&out, "a1 ");
	secret_clear(&token);
	xoauth2_string(&out, "u", &token);
	plain = unbase64(out.s + 3, out.len - 3, &n);
	is_int(n, 21, "an empty token");
	is_mem(plain, "user=u\001auth=Bearer \001\001", 21, "behind what was there");
	free(plain);
	secret_release(&token);
	secret_release(&out);
	return done_testing();
}
