/* mstoken: an access token for Exchange Online on standard output. */
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/secret.h"
#include "base/stdfd.h"
#include "diag/diag.h"
#include "entra/follow.h"
#include "entra/output.h"
#include "entra/token.h"

/* The token, once.  A write that failed only at close (NFS, quota) is an error, too. */
static int
once(const struct options *o, struct err *err)
{
	struct token t = TOKEN_INIT;
	int r;

	r = token_get(o, &t, err);
	if (r == 0)
		r = output_token(o, &t, STDOUT_FILENO, err);
	if (r == 0)
		r = output_close(STDOUT_FILENO, err);
	token_release(&t);
	return r;
}

int
main(int argc, char **argv)
{
	struct diag_context dc = DIAG_CONTEXT_INIT;
	struct err err = ERR_INIT;
	struct options o;
	int status;

	secret_process();
	stdfd_open();
	log_init("mstoken", 0);
	signal(SIGPIPE, SIG_IGN);
	if (opt_parse(&o, OPT_MSTOKEN, argc, argv, &err) == -1)
		return diag_report(&err, NULL);
	log_init("mstoken", o.quiet ? -1 : o.verbose);
	diag_options(&dc, &o);
	if ((o.follow ? follow_run(&o, STDOUT_FILENO, &err) : once(&o, &err)) == -1)
		status = diag_report(&err, &dc);
	else
		status = 0;
	opt_release(&o);
	return status;
}
