/*
 * dial: the TCP half of net.  Without a proxy we connect ourselves; only where
 * one is configured is libcurl loaded, which speaks to it (and honours NO_PROXY).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "imap/net_priv.h"

#define WINDOW (1024 * 1024)

/* The proxy without credentials, for messages. */
static void
note_proxy(struct net *n)
{
	const char *p = n->p.proxy, *rest = strstr(p, "://"), *at;

	rest = rest != NULL ? rest + 3 : p;
	at = strrchr(rest, '@');
	snprintf(n->proxy, sizeof n->proxy, "%.*s%s", (int)(rest - p), p, at != NULL ? at + 1 : rest);
}

/* TLS to the proxy itself would have to go below ours, which a plain socket cannot carry. */
static int
check_proxy(struct net *n)
{
	static const char *const known[] = { "http", "socks4", "socks4a", "socks5", "socks5h" };
	const char *p = n->p.proxy, *rest;
	size_t i;

	note_proxy(n);
	rest = strstr(p, "://");
	if (rest == NULL)
		return 0;
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i]) == (size_t)(rest - p) && strncasecmp(p, known[i], strlen(known[i])) == 0)
			return 0;
	return net_fail(n, ERR_CONFIG, STAGE_PROXY,
	    "unsupported proxy scheme in %s (http, socks4a and socks5h are known)", n->proxy);
}

static void
note_address(struct net *n)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (getpeername(n->fd, (struct sockaddr *)&ss, &len) == -1)
		return;
	if (ss.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, n->address, sizeof n->address);
	else if (ss.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&ss)->sin6_addr, n->address, sizeof n->address);
}

/*
 * The server may send this much before we have shown how fast we read: the
 * kernel grows the buffer to hold what SO_RCVLOWAT waits for (tcp(7) does not
 * say so; tcp_set_rcvlowat() does it), and, other than after SO_RCVBUF, goes on
 * to tune it.  Without that, a 600 MB mailbox waited for our window a third of
 * its time.  Where the kernel will not, it is only slower.
 */
static void
open_window(int fd)
{
	int much = WINDOW, one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &much, sizeof much);
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
}

int
net_dial(struct net *n, struct err *err)
{
	bool proxy = n->p.proxy != NULL && n->p.proxy[0] != '\0';
	int r;

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
	if (proxy)
		r = check_proxy(n) == -1 ? -1 : dial_proxy(n);
	else
		r = dial_direct(n);
	if (r == 0) {
		note_address(n);
		open_window(n->fd);
	} else if (err != NULL) {
		*err = n->err;
	}
	return r;
}
