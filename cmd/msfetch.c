/* msfetch: new messages of a mailbox into a Maildir, or to a filter; a receipt for each. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/secret.h"
#include "base/stdfd.h"
#include "diag/diag.h"
#include "entra/claims.h"
#include "entra/source.h"
#include "tool/fetch.h"
#include "tool/rebuild.h"
#include "tool/verify.h"

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	stop = sig;
}

/* A signal that our caller ignores (nohup, a background job) stays ignored. */
static void
catch_signals(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction sa, old;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_signal;
	for (i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
}

static int
report(const struct options *o, struct source *source, const struct fetch_report *rep, const struct err *err)
{
	struct diag_context dc = DIAG_CONTEXT_INIT;
	const struct secret *token;
	struct claims claims;
	int status;

	if (rep->silent)
		return err_status(err->kind);
	memset(&claims, 0, sizeof claims);
	diag_options(&dc, o);
	if (*rep->folder != '\0')
		dc.folder = rep->folder;
	/* At these stages the token is there, and what it says of itself is the best hint. */
	if ((err->stage == STAGE_LOGIN || err->stage == STAGE_FIRST) &&
	    source_token(source, &token, NULL) == 0 && claims_parse(token->s, token->len, &claims) == 1)
		dc.claims = &claims;
	status = diag_report(err, &dc);
	claims_release(&claims);
	return status;
}

int
main(int argc, char **argv)
{
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
	catch_signals();
	if (source_open(&source, &o, &err) == 0) {
		source_set_stop(source, &stop);
		if (o.verify)
			(void)verify_run(&o, source, &stop, &rep, &err);
		else if (o.rebuild)
			(void)rebuild_run(&o, source, &stop, &rep, &err);
		else
			(void)fetch_run(&o, source, &stop, &rep, &err);
	}
	if (err.kind != ERR_NONE && !(stop && err.sys == EINTR))
		status = report(&o, source, &rep, &err);
	source_free(source);
	opt_release(&o);
	if (stop) {
		signal(stop, SIG_DFL);
		raise(stop);
	}
	return status;
}
