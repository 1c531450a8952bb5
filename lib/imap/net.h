/*
 * net: one TLS connection to a server, through a proxy if need be.
 *
 *	net_prepare()	TLS context, CA certificates as objects in memory
 *	net_dial()	name, TCP, proxy; afterwards the process has one thread
 *	(cage_enter() goes here: nothing below opens a file or a socket)
 *	net_handshake()	TLS >= 1.2, SNI, chain and host name checked
 *	net_read(), net_write()
 *	net_free()
 *
 * Every wait has a deadline and watches one more descriptor (net_watch).
 * Nothing is sent before the peer has proved its name; after a failed
 * handshake net_read and net_write fail.
 *
 * What counts as a stall, with T the time-out: nothing arrives for T; inside an
 * IMAP literal less than 1 KiB/s over T; elsewhere no whole line over T, or
 * less than 1 KiB/s over 10 T.  A write restarts the clock, so time spent
 * elsewhere does not count.
 *
 * What the bytes mean, and how many there may be, is the session's business;
 * max_literal is for callers without one.
 *
 * Errors: DNS, TCP, PROXY and a cut connection are ERR_UNAVAIL, certificates
 * and TLS failures ERR_PROTO; subject is "host:port".
 */
#ifndef MSTOOLS_NET_H
#define MSTOOLS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct net;

struct net_params {
	const char *host; /* foreign, as all here, until net_free; a name or an address, no brackets */
	unsigned port;
	const char *ca_file; /* NULL or "": the system's (SSL_CERT_FILE, SSL_CERT_DIR are honoured) */
	const char *proxy;   /* NULL or "": none; the environment is not looked at */
	int family;	     /* 0, 4 or 6 */
	int timeout_ms;	     /* for the dial as a whole, for the handshake as a whole, and T above; 0: 60 s */
	uint64_t max_literal; /* 0: no limit here */
};

/* 0, or -1 with err set (ERR_CONFIG for a CA file that cannot be used).  *n is NULL on failure. */
int net_prepare(struct net **n, const struct net_params *, struct err *) __attribute__((warn_unused_result));
int net_dial(struct net *, struct err *) __attribute__((warn_unused_result));
int net_handshake(struct net *, struct err *) __attribute__((warn_unused_result));
/* Sends close_notify if it can be done without waiting; closes; NULL is allowed. */
void net_free(struct net *);

/*
 * At least one byte and at most size into buf: their number; -1 at EOF, stall
 * or error: see net_error.  Never 0.
 */
long net_read(struct net *, void *buf, size_t size);
/* All n bytes (then n), or -1. */
long net_write(struct net *, const void *, size_t n);
/*
 * Nonblocking look: 1 if net_read would return at once, 0 if not, -1 if the
 * connection has failed.
 */
int net_pending(struct net *);
/*
 * What ended the connection: kind ERR_NONE while it lives.  stage is
 * STAGE_NONE for failures after the handshake: the session knows the stage.
 */
const struct err *net_error(const struct net *);

/*
 * In each wait fd is polled too.  cb is called when poll reports one of events
 * (or POLLHUP, POLLERR, which are always watched); it must take away the
 * cause, change events by calling net_watch again, or return -1: then the wait
 * ends and the connection has failed with ERR_AGAIN, "stopped".  0 goes on.
 * cb NULL: POLLHUP and POLLERR end the wait, events is ignored.  fd -1: none.
 */
void net_watch(struct net *, int fd, short events, int (*cb)(void *arg, short revents), void *arg);

/*
 * The protocol goes to fd from now on (see imap/trace.h), -1: no more.  The fd
 * stays the caller's.  While private is set, what is written to the server
 * appears as "[secret]".
 */
void net_trace(struct net *, int fd);
void net_private(struct net *, bool);

/*
 * Bytes that have come over the connection from the handshake on, in whatever
 * TLS record, read by the caller or not: how far it carries.  NET_SLOW: it has
 * ended for being slow, and might have carried any number.
 */
#define NET_SLOW UINT64_MAX
uint64_t net_carried(const struct net *);

const char *net_address(const struct net *); /* of the peer (or the proxy), numeric; "" before the dial */
const char *net_tls(const struct net *);     /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" before the handshake */
const char *net_proxy(const struct net *);   /* without credentials; "" = none */
int net_fd(const struct net *);		     /* for poll; -1 before the dial */

#endif
