/* net_priv: the insides of net, shared by net.c (waiting, reading), dial*.c (TCP) and tls.c.  Not for others. */
#ifndef MSTOOLS_NET_PRIV_H
#define MSTOOLS_NET_PRIV_H

#include <openssl/ssl.h>

#include "imap/lines.h"
#include "imap/net.h"
#include "imap/trace.h"

struct castore;

struct net {
	struct net_params p;
	SSL_CTX *ctx;
	SSL *ssl;
	struct castore *ca;
	int fd;
	bool up; /* the handshake is done and nothing has failed since */

	int watch_fd;
	short watch_events;
	int (*watch_cb)(void *, short);
	void *watch_arg;

	struct err err;

	/* Stalls, all in milliseconds of waiting: time spent elsewhere does not count. */
	int idle_ms;			   /* since the last byte */
	int line_ms;			   /* since the last whole line, outside literals */
	int literal_ms;			   /* of the window in this literal */
	int all_ms;			   /* of the window over everything */
	uint64_t literal_bytes, all_bytes; /* in those windows */

	bool slow;	   /* that is what ended it */
	int64_t restarted; /* when the clocks were set back last */

	struct lines lines;

	struct trace trace;
	bool private;

	char subject[300]; /* host:port */
	char address[64], tls[64], proxy[256];
};

/* Records why the connection is lost (the first reason stays); returns -1. */
int net_fail(struct net *, enum err_kind, enum err_stage, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for OpenSSL's queue and errno after a failed call that returned ret. */
int net_fail_tls(struct net *, enum err_stage, int ret);
/*
 * Waits for events on the connection for at most ms of time.  1 ready; 0 time is
 * up; -1 stopped by the watched descriptor, or poll failed: net_fail was called.
 */
int net_wait(struct net *, short events, int ms);
/* Looks at the watched descriptor without waiting: 0 go on, -1 stopped (net_fail was called). */
int net_look(struct net *);

/* The time-out in seconds, for messages. */
static inline int
net_secs(const struct net *n)
{
	return (n->p.timeout_ms + 999) / 1000;
}

/* The two ways of net_dial: fd connected, not blocking, close-on-exec; or -1, net_fail was called. */
int dial_direct(struct net *);
int dial_proxy(struct net *);

int tls_prepare(struct net *, struct err *);
void tls_release(struct net *);

#endif
