/* crew_priv: what crew.c and crew_wait.c share. */
#ifndef MSTOOLS_CREW_PRIV_H
#define MSTOOLS_CREW_PRIV_H

#include <sys/types.h>

#include <limits.h>

#include "crew/crew.h"

#define CREW_MAX (2 * OPT_J_MAX) /* with those that are going while others come */
#define CREW_WATCHES 4
#define END_MS 2000	   /* how long a worker may take to end */
#define PATIENCE_MS 300000 /* see crew.h */

struct packet {
	struct packet *next;
	size_t nfd;
	int fds[WIRE_SLOTS_MAX]; /* owned: duplicates */
	size_t size;
	char data[];
};

enum state {
	FREE,
	AHEAD, /* started by crew_ahead: not the caller's yet */
	RUNNING,
	ENDING /* its socket is closed; not reaped yet */
};

struct worker {
	enum state state;
	pid_t pid;
	int sock, pidfd; /* owned; -1 */
	bool quit, killed;
	bool ready;		      /* poll said so, or not asked yet */
	const char *broken;	      /* what it did that it must not; foreign, static */
	struct packet *first, **last; /* what could not be sent yet; owned */
	int64_t kill_at;	      /* now_ms, 0: not decided */
	int64_t patience;	      /* now_ms: until when it may be silent */
	bool doubted;		      /* it was silent for too long, unless we were not there to hear it */
	bool silent;		      /* and stayed so, and was killed */
	bool failed;
	struct wire_fail fail;
};

struct crew {
	const struct options *o; /* foreign */
	char *user, *proxy;	 /* owned */
	char path[PATH_MAX];
	char subject[WIRE_HOST]; /* host:port */
	int trace;		 /* owned; -1 */
	int64_t patience_ms;	 /* how long a worker may be silent; tests shorten it */
	struct worker w[CREW_MAX];
	int turn;		 /* whose packets are being taken */
	int burst;		 /* events since the last look at the others */
	int watch[CREW_WATCHES]; /* foreign; -1 */
	_Alignas(16) char buf[WIRE_MAX];
};

/* It has been heard of. */
void crew_heard(const struct crew *, struct worker *);
/* Sends what is queued for w, as far as it goes. */
void crew_flush(struct worker *);
void crew_drop_queue(struct worker *);

#endif
