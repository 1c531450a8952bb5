/* msfetch: new messages of a mailbox into a Maildir, or to a filter; a receipt for each. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/secret.h"
#include "base/stdfd.h"
#include "base/stop.h"
#include "diag/diag.h"
#include "entra/source.h"
#include "tool/fetch.h"
#include "tool/rebuild.h"
#include "tool/verify.h"

int
main(int argc, char **argv)
{
	const volatile sig_atomic_t *stop;
	struct source *source = NULL;
	struct fetch_report rep;
	struct err err = ERR_INIT;
	struct options o;
	int status = 0;

	secret_process();
	stdfd_open();
	log_init("msfetch", 0);
	if (opt_parse(&o, OPT_MSFETCH, argc, argv, &err) == -1)
		return diag_report(&err, NULL);
	log_init("msfetch", o.verbose);
	memset(&rep, 0, sizeof rep);
	stop = stop_catch();
	if (source_open(&source, &o, &err) == 0) {
		source_set_stop(source, stop);
		if (o.verify)
			(void)verify_run(&o, source, stop, &rep, &err);
		else if (o.rebuild)
			(void)rebuild_run(&o, source, stop, &rep, &err);
		else
			(void)fetch_run(&o, source, stop, &rep, &err);
	}
	if (rep.silent)
		status = err_status(err.kind);
	else if (err.kind != ERR_NONE && !(*stop != 0 && err.sys == EINTR))
		status = diag_report_mailbox(&err, &o, source, "", rep.folder);
	source_free(source);
	opt_release(&o);
	stop_die(*stop);
	return status;
}
