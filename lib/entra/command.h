/*
 * command: runs a command of the user's for the one thing it prints, a token or
 * a client secret.
 *
 * /bin/sh -c CMD, stdin /dev/null, stdout a pipe to us, stderr ours; no other
 * descriptor, default signal dispositions.  It dies with us.  Where there is no
 * terminal it gets a process group of its own, so that a time-out ends its
 * children too (with one it stays in ours: ssh or pinentry may ask there, and
 * ^C reaches it).
 */
#ifndef MSTOOLS_COMMAND_H
#define MSTOOLS_COMMAND_H

#include <signal.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

struct command {
	const char *cmd;
	const char *what;		   /* for messages: "the token command" */
	const char *refused;		   /* value for MSTOOLS_REFUSED; NULL: not in its environment */
	const char *secret;		   /* value for MSTOOLS_CLIENT_SECRET; NULL: not in its environment */
	unsigned secs;			   /* time limit */
	size_t max;			   /* output limit, bytes */
	const volatile sig_atomic_t *stop; /* NULL allowed; see source_set_stop */
};

/*
 * Runs it and appends its output to out.  0 if it exited with 0, else -1 with
 * err set, STAGE_CREDENTIAL: the kind its exit status stands for in
 * sysexits(3), ERR_CONFIG for any other; ERR_OS if a signal ended it; ERR_AGAIN
 * if it took too long; ERR_CONFIG if it printed too much.
 */
int command_run(const struct command *, struct secret *out, struct err *) __attribute__((warn_unused_result));

#endif
