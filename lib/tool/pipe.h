/*
 * pipe: the command of --pipe, which gets each message on its standard input.
 *
 * At least once: a message is settled by the commit that follows the command's
 * success, so one that we are killed in between is given to it again.
 *
 * The command is run by /bin/sh -c in a process group of its own, with the
 * message (opened anew, for reading only) as standard input, standard output and
 * error going to our standard error, default signal dispositions, and no other
 * descriptor of ours.  In its environment: MSTOOLS_USER, MSTOOLS_FOLDER,
 * MSTOOLS_UIDVALIDITY, MSTOOLS_UID, MSTOOLS_DATE (ISO 8601, or empty).
 */
#ifndef MSTOOLS_PIPE_H
#define MSTOOLS_PIPE_H

#include <stdint.h>

#include "base/err.h"

enum pipe_result {
	PIPE_ACCEPTED, /* 0 */
	PIPE_LATER,    /* 71, 73, 74, 75, a signal, the time limit: again in the next run */
	PIPE_REJECTED, /* any other status: this message will not do */
	PIPE_BROKEN    /* 64, 78, 126, 127: the command is wrong, whatever the message */
};

struct pipe_message {
	const char *user, *folder; /* foreign */
	uint32_t uidvalidity, uid;
	int64_t date; /* DATE_NONE */
	int fd;	      /* the message; its offset does not matter */
};

/*
 * What sh -c is given for cmd, the same for every message of a run; the caller
 * frees it.  Where cmd is one program with its arguments (and not one of the
 * shell's own words), the shell becomes that: dash would fork once more.
 */
char *pipe_script(const char *cmd);

/*
 * Gives the message to a script of pipe_script and waits for at most secs seconds.  why says what
 * happened when it was not accepted.  -1 with err set if it could not be run
 * at all (no process, no memory: ERR_OS).
 */
int pipe_run(char *script, unsigned secs, const struct pipe_message *, char why[160], struct err *);

#endif
