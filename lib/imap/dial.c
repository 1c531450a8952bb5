/*
 * dial: the TCP half of net: libcurl finds the address, connects (happy
 * eyeballs, RFC 8305) and speaks to a proxy; then we take the socket over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/util.h"
#include "imap/net_priv.h"

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

	if (p == NULL || *p == '\0')
		return 0;
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

/* libcurl calls this at least once a second. */
static int
tick(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	(void)dt;
	(void)dn;
	(void)ut;
	(void)un;
	return net_look(arg) == -1;
}

static int
set_up(struct net *n, CURL *c, const char *url, char *message)
{
	int ok = 1;
	long resolve = n->p.family == 4 ? CURL_IPRESOLVE_V4
	    : n->p.family == 6		? CURL_IPRESOLVE_V6
					: CURL_IPRESOLVE_WHATEVER;

	ok &= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* NULL would make libcurl take a proxy from the environment; NO_PROXY it honours in any case */
	ok &= curl_easy_setopt(c, CURLOPT_PROXY, n->p.proxy != NULL ? n->p.proxy : "") == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_IPRESOLVE, resolve) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)n->p.timeout_ms) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)n->p.timeout_ms) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a look-up that hangs is left to hang in its thread: the process ends soon */
	ok &= curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
	ok &= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, tick) == CURLE_OK;
	ok &= curl_easy_setopt(c, CURLOPT_XFERINFODATA, n) == CURLE_OK;
	return ok ? 0 : -1;
}

static int
fail_proxy(struct net *n, const char *what)
{
	return net_fail(n, ERR_UNAVAIL, STAGE_PROXY, "cannot connect through the proxy %s: %s", n->proxy,
	    what);
}

static int
fail_timeout(struct net *n, bool resolved)
{
	char text[128];
	int secs = (n->p.timeout_ms + 999) / 1000;

	if (!resolved)
		snprintf(text, sizeof text, "temporary failure in name resolution: no answer within %d s",
		    secs);
	else
		snprintf(text, sizeof text, "no connection within %d s: connection timed out", secs);
	if (n->proxy[0] != '\0')
		return fail_proxy(n, text);
	return net_fail(n, ERR_UNAVAIL, resolved ? STAGE_TCP : STAGE_DNS, "%s", text);
}

/* What a failed dial means; message is libcurl's. */
static int
fail_dial(struct net *n, CURL *c, CURLcode code, const char *message)
{
	double lookup = 0;
	long answer = 0, errnum = 0;
	char text[CURL_ERROR_SIZE + 64];

	curl_easy_getinfo(c, CURLINFO_NAMELOOKUP_TIME, &lookup);
	curl_easy_getinfo(c, CURLINFO_HTTP_CONNECTCODE, &answer);
	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &errnum);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return net_fail(n, ERR_AGAIN, STAGE_NONE, "stopped");
	if (code == CURLE_COULDNT_RESOLVE_PROXY)
		return net_fail(n, ERR_UNAVAIL, STAGE_PROXY, "could not resolve proxy: %s", n->proxy);
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return net_fail(n, ERR_UNAVAIL, STAGE_DNS, "name or service not known");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return fail_timeout(n, lookup > 0);
	if (n->proxy[0] != '\0' && answer >= 300)
		return net_fail(n, ERR_UNAVAIL, STAGE_PROXY, "the proxy %s answers HTTP %ld to CONNECT",
		    n->proxy, answer);
	if (code == CURLE_COULDNT_CONNECT && errnum != 0)
		snprintf(text, sizeof text, "%s", strerror((int)errnum));
	else
		snprintf(text, sizeof text, "%s", *message ? message : curl_easy_strerror(code));
	if (n->proxy[0] != '\0')
		return fail_proxy(n, text);
	return net_fail(n, ERR_UNAVAIL, STAGE_TCP, "cannot connect: %s", text);
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

/* A descriptor of our own for the socket, so that the handle (and its threads) can go. */
static int
take_over(struct net *n, CURL *c)
{
	curl_socket_t s = CURL_SOCKET_BAD;
	int flags;

	if (curl_easy_getinfo(c, CURLINFO_ACTIVESOCKET, &s) != CURLE_OK || s == CURL_SOCKET_BAD)
		return net_fail(n, ERR_UNAVAIL, STAGE_TCP, "connection closed by peer");
	n->fd = fcntl(s, F_DUPFD_CLOEXEC, 0);
	flags = n->fd != -1 ? fcntl(n->fd, F_GETFL) : -1;
	if (flags == -1 || fcntl(n->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return net_fail(n, ERR_OS, STAGE_TCP, "socket: %s", strerror(errno));
	note_address(n);
	return 0;
}

int
net_dial(struct net *n, struct err *err)
{
	char message[CURL_ERROR_SIZE] = "", url[400];
	CURL *c = NULL;
	CURLcode code;
	int r = -1;

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
	if (check_proxy(n) == -1)
		goto out;
	snprintf(url, sizeof url, "http://%s/", n->subject);
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK || (c = curl_easy_init()) == NULL ||
	    set_up(n, c, url, message) == -1) {
		net_fail(n, ERR_INTERNAL, STAGE_TCP, "libcurl cannot be set up");
		goto out;
	}
	code = curl_easy_perform(c);
	r = code == CURLE_OK ? take_over(n, c) : fail_dial(n, c, code, message);
out:
	curl_easy_cleanup(c);
	curl_global_cleanup();
	if (r == -1 && err != NULL)
		*err = n->err;
	return r;
}
