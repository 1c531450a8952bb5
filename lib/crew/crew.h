/*
 * crew: the parent's side of the workers: starts, feeds and reaps msworker
 * processes and hands their packets to one caller.
 *
 *   crew_open(&crew, &params, &err)
 *   crew_ahead(crew)
 *   w = crew_start(crew, token, &err)            any number of times
 *   crew_send(crew, w, &job.head)                queued when the socket is full; never blocks
 *   while ((n = crew_next(crew, ms, &ev, &err)) == 1) …
 *   crew_quit(crew, w) / crew_close(crew)
 *
 * A worker is one connection for its whole life.  When it ends, for whatever
 * reason, exactly one CREW_LOST event is delivered for it, after everything it
 * had queued: with its WIRE_FAIL if it sent one, else with what wait(2) said.
 * Replacing it is the caller's decision, with the helpers below.
 *
 * No worker is waited for without end.  It limits its own waits by --timeout, and
 * says WIRE_ALIVE while it waits or works.  One from which nothing at all has come
 * for five minutes (twice --timeout, if that is more), nor in the ten seconds after
 * crew_next noticed, is stuck or stopped: it is killed, and lost like one whose
 * connection broke.  So long, since one write to a slow disk, or to a stderr or
 * --trace whose reader has stopped, is silence too.
 *
 * Descriptors: a worker inherits its end of the socket and stderr, nothing
 * else.  It gets PR_SET_PDEATHSIG and exits when the socket closes.
 */
#ifndef MSTOOLS_CREW_H
#define MSTOOLS_CREW_H

#include <stdbool.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"
#include "crew/wire.h"

struct crew;

/*
 * Reads host, port, proxy (NULL: all_proxy, ALL_PROXY), ca_file, timeout, family, trace … from o (foreign
 * until crew_close).  0, or -1 with err set (no msworker: ERR_OS).
 */
int crew_open(struct crew **, const struct options *o, const char *user, struct err *);
void crew_close(
    struct crew *); /* quits and reaps all; bounded: a worker that does not end in 2 s is killed */

/*
 * Starts the process of the next crew_start, which is then soon ready for it: some 15 ms that
 * the caller can use.  A failure shows later: by crew_start, or as the loss of that worker.
 */
void crew_ahead(struct crew *);

enum crew_start_flags { CREW_NO_PIPELINE = 1, CREW_IPV4 = 2, CREW_TWO_STEP = 4 };
/*
 * Starts a worker and sends it WIRE_CONNECT; the first opens the trace file, which is appended to, 0600.
 * Its number (0 … ), or -1 with err set.
 */
int crew_start(struct crew *, const struct secret *token, int flags, struct err *);
int crew_count(const struct crew *); /* workers alive */

/* Sends a packet (head filled by wire_head).  A worker that is gone: nothing happens, its CREW_LOST comes. */
void crew_send(struct crew *, int worker, const void *packet);
/* The same with descriptors, which stay the caller's and may be closed at once. */
void crew_send_fds(struct crew *, int worker, const void *packet, const int *fds, size_t nfd);
void crew_quit(struct crew *, int worker);
/* Kills at once (a stalled job, an interrupted run); what it had queued and its CREW_LOST follow. */
void crew_kill(struct crew *, int worker);

enum crew_event_type {
	CREW_PACKET, /* packet: checked, valid until the next crew_next */
	CREW_LOST,   /* worker ended; see below */
	CREW_FD	     /* a descriptor given to crew_watch is readable */
};
struct crew_event {
	enum crew_event_type type;
	int worker;
	const struct wire_head *packet; /* CREW_PACKET; cast by ->type */
	struct wire_fail fail;		/* CREW_LOST: filled in also when it sent none */
	int signal;			/* CREW_LOST: died by it (SIGSEGV, SIGSYS …), else 0 */
	bool quit;			/* CREW_LOST: it was told to */
	bool silent; /* CREW_LOST: that is why it was killed; not if it was to end anyway */
	int fd;	     /* CREW_FD */
};

/*
 * Waits at most timeout_ms (-1: no limit but those on the workers)
 * for the next event.  1 event, 0 time is up, -1 with err set.  A signal that
 * the caller caught ends the wait with 0.
 */
int crew_next(struct crew *, int timeout_ms, struct crew_event *, struct err *);
/* One more descriptor to wait for (a token pipe, an eventfd); -1 to stop.  One per slot 0…3. */
void crew_watch(struct crew *, int slot, int fd);

/* The err that a lost worker means: kind, stage, subject and text from the fail packet, or from the signal. */
void crew_lost_err(const struct crew_event *, struct err *);

/* Backoff between reconnects: 1, 2, 4 … s with jitter, at most 30; attempt counts from 0. */
int crew_backoff_ms(unsigned attempt);

#endif
