/* worker_priv: what worker.c and worker_tell.c share. */
#ifndef MSTOOLS_WORKER_PRIV_H
#define MSTOOLS_WORKER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "crew/wire.h"
#include "imap/net.h"
#include "imap/session.h"

struct slot {
	int fd;
	uint32_t number;
};

struct worker {
	int sock;
	struct wire_connect c; /* without the token */
	struct secret token;
	char subject[WIRE_HOST];
	struct net *net;
	struct session *s;
	int trace;	    /* -1 */
	bool stop;	    /* quit, or the parent has gone */
	int64_t pulse_at;   /* when the parent is told again that we live, now_ms */
	struct slot *slots; /* owned; ring of cap */
	size_t first, nslot, cap;
	_Alignas(16) char in[WIRE_MAX];
	_Alignas(16) char out[WIRE_MAX];
};

/* Sends a packet to the parent, waiting if it must; a parent that has gone sets stop. */
void tell(struct worker *, const void *packet);
void tell_lost(struct worker *, const struct session_lost *);
/* What ended before there was a session. */
void tell_err(struct worker *, const struct err *);
/* Fills in the session's functions that report to the parent. */
void tell_ops(struct session_ops *);

#endif
