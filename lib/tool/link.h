/*
 * link: the connections to one mailbox, as msfetch, msmark and msls want them:
 * they stay up, or there is a good reason why not.
 *
 *	link = link_prepare(&o, user, source)
 *	lane = link_open(link, &err)			the first connection
 *	lane = link_add(link, &err)			one more
 *	while ((n = link_next(link, -1, &ev, &err)) == 1) {
 *		LINK_UP		link_send(link, ev.lane, &job.head) …
 *		LINK_PACKET	its answers
 *		LINK_LOST	what was asked of this lane and is not answered must be asked again
 *	}
 *	link_close(link)
 *
 * A lane is a connection that is made again when it is lost; the worker behind
 * it changes.  What link does about each loss (design §7):
 *
 *	refused			the source's next token; none: ERR_REFUSED
 *	token expired		the same, LINK_ATTEMPTS times in a row; none: ERR_AGAIN
 *	not connected		again after a pause, again over IPv4; then ERR_REFUSED
 *	throttled (also a tagged NO)	waits up to --max-backoff; longer, or LINK_ATTEMPTS times in
 *				a row: leaves a note in the cache directory, ERR_AGAIN.  A
 *				note that is there: the same, without connecting
 *	reset, stall, BYE, cut	again with growing pauses, LINK_ATTEMPTS times without an
 *				answer in between (but see link_blame); then ERR_AGAIN (never online: ERR_UNAVAIL
 *				or what the worker said, at once)
 *	with commands in flight, none of which was answered on this connection:
 *				besides, one at a time from now on (link_serial)
 *	a reply that cannot be parsed, SIGSEGV, SIGABRT, SIGBUS
 *				again at once; ev.suspect tells the caller to look for the message
 *	so many NO and BAD that the server would close soon
 *				again at once
 *	certificate, SIGSYS, …	the error as it is
 *
 * Lanes beside the first are a luxury: one that cannot be made or kept while
 * another is up ends with LINK_GONE and is not made again.
 */
#ifndef MSTOOLS_LINK_H
#define MSTOOLS_LINK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/opt.h"
#include "crew/crew.h"
#include "crew/wire.h"
#include "entra/source.h"

#define LINK_LANES OPT_J_MAX
#define LINK_ATTEMPTS 4	 /* reconnects in a row without an answer */
#define LINK_SUSPECTS 24 /* suspect losses in a row without a message: an ill server */
#define LINK_BLAMED 10

struct link;

enum link_event_type {
	LINK_UP, /* logged in, or in again: packet is its struct wire_online */
	LINK_PACKET,
	LINK_LOST, /* the connection has ended; LINK_UP follows for the same lane, or link_next returns -1 */
	LINK_GONE, /* as LINK_LOST, but the lane is given up and its number free */
	LINK_FD	   /* a descriptor given to link_watch is readable */
};

struct link_event {
	enum link_event_type type;
	int lane;
	const struct wire_head *packet; /* LINK_UP, LINK_PACKET: valid until the next link_next */
	bool suspect; /* LINK_LOST, LINK_GONE: the reply in progress broke the parser or the worker */
	enum session_loss loss; /* LINK_LOST, LINK_GONE: LOST_OTHER after a signal, but for silence */
	uint64_t carried;	/* LINK_LOST, LINK_GONE: net_carried of the stream that broke; else 0 */
	struct err why;		/* LINK_LOST, LINK_GONE */
	int fd;			/* LINK_FD */
};

/*
 * Connects to nothing yet, but starts the process that will: so call it before work that the first
 * connection must wait for.  What fails is told by link_open and link_next.  o and the source are foreign
 * and must outlive the link.
 */
struct link *link_prepare(const struct options *o, const char *user, struct source *);
/* Looks for a throttling note, gets the token, and starts the first lane as link_add does. */
int link_open(struct link *, struct err *);
/* Ends all workers.  NULL is allowed. */
void link_close(struct link *);

/* Starts one more lane; its LINK_UP follows.  The lane's number (0 … LINK_LANES-1), or -1 with err set. */
int link_add(struct link *, struct err *);
/* Ends its connection at once and makes a new one: LINK_LOST, then LINK_UP follow. */
void link_renew(struct link *, int lane);
int link_count(const struct link *); /* lanes that are up, coming up or waiting to */

/*
 * The caller blames a message for the last n losses that it was told of, the last
 * one of a connection that was up for so long: then they are none of the
 * LINK_ATTEMPTS.  That ends, until a message comes, after LINK_SUSPECTS such calls,
 * or when those connections have taken LINK_BLAMED time-outs; and one that took a
 * whole time-out counts.
 */
void link_blame(struct link *, unsigned n, int64_t up_ms);

/* See crew_send, crew_send_fds.  A lane that is not up: nothing happens. */
void link_send(struct link *, int lane, const void *packet);
void link_send_fds(struct link *, int lane, const void *packet, const int *fds, size_t nfd);

/*
 * The next event, waiting for at most timeout_ms (-1: no limit).  1 an event; 0
 * time is up or a signal was caught; -1 given up, err says why: nothing is
 * connected any more.
 */
int link_next(struct link *, int timeout_ms, struct link_event *, struct err *);
/* A descriptor to wait for, slot 1 … 3; -1 to stop.  (Slot 0 is the token pipe, which link looks after.) */
void link_watch(struct link *, int slot, int fd);
/*
 * For the skip of a struct wire_look that is sent again: the folders that it
 * need not begin with, as they were reported before too many errors ended the
 * connection.  Else 0.
 */
uint32_t link_look_skip(const struct link *);

/* One command in flight at a time: asked for, remembered (link_set_serial), or found out since. */
bool link_serial(const struct link *);
void link_set_serial(struct link *);

#endif
