/* msmark: flags, moves or deletes the messages that receipts name. */
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
#include "tool/mark.h"

int
main(int argc, char **argv)
{
	const volatile sig_atomic_t *stop;
	struct source *source = NULL;
	struct mark_report rep;
	struct err err = ERR_INIT;
	struct options o;
	int status = 0;

	secret_process();
	stdfd_open();
	log_init("msmark", 0);
	if (opt_parse(&o, OPT_MSMARK, argc, argv, &err) == -1)
		return diag_report(&err, NULL);
	log_init("msmark", o.verbose);
	memset(&rep, 0, sizeof rep);
	stop = stop_catch();
	if (source_open(&source, &o, &err) == 0) {
		source_set_stop(source, stop);
		(void)mark_run(&o, source, stop, &rep, &err);
	}
	if (err.kind != ERR_NONE && *stop == 0)
		status = diag_report_mailbox(&err, &o, source, rep.user, rep.folder);
	source_free(source);
	opt_release(&o);
	stop_die(*stop);
	return status;
}
