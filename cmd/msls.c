/* msls: the folders of a mailbox, or the messages of a folder. */
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
#include "tool/list.h"

int
main(int argc, char **argv)
{
	const volatile sig_atomic_t *stop;
	struct source *source = NULL;
	struct list_report rep;
	struct err err = ERR_INIT;
	struct options o;
	int status = 0, sig;

	secret_process();
	stdfd_open();
	log_init("msls", 0);
	if (opt_parse(&o, OPT_MSLS, argc, argv, &err) == -1)
		return diag_report(&err, NULL);
	log_init("msls", o.verbose);
	memset(&rep, 0, sizeof rep);
	stop = stop_catch();
	if (source_open(&source, &o, &err) == 0) {
		source_set_stop(source, stop);
		(void)list_run(&o, source, stop, &rep, &err);
	}
	sig = err.sys == EPIPE ? SIGPIPE : *stop; /* "msls … | head" has seen enough */
	if (err.kind != ERR_NONE && sig == 0)
		status = diag_report_mailbox(&err, &o, source, "", rep.folder);
	source_free(source);
	opt_release(&o);
	stop_die(sig != 0 ? sig : *stop);
	return status;
}
