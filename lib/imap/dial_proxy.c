/*
 * dial_proxy: through a proxy, by libcurl; then we take the socket over.
 * libcurl is loaded here and only then: it brings thirty libraries along, and
 * with them a worker takes twice the time to start.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "imap/net_priv.h"

#define LIBRARY "libcurl.so.4" /* of OpenSSL's flavour, as in the Makefile */

struct curl {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_global_cleanup) *global_cleanup;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_perform) *easy_perform;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_strerror) *easy_strerror;
};

/* It stays loaded: others may hold on to what came with it. */
static int
load(struct net *n, struct curl *l)
{
	void *so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL)
		return net_fail(n, ERR_OS, STAGE_NONE, "a proxy needs libcurl, which cannot be loaded: %s",
		    dlerror());
#define SYMBOL(name) (l->name = (__typeof__(l->name))dlsym(so, "curl_" #name)) != NULL
	if (SYMBOL(global_init) && SYMBOL(global_cleanup) && SYMBOL(easy_init) && SYMBOL(easy_cleanup) &&
	    SYMBOL(easy_setopt) && SYMBOL(easy_perform) && SYMBOL(easy_getinfo) && SYMBOL(easy_strerror))
		return 0;
#undef SYMBOL
	return net_fail(n, ERR_OS, STAGE_NONE, "a proxy needs libcurl, which is not whole: %s", dlerror());
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
set_up(struct net *n, const struct curl *l, CURL *c, const char *url, char *message)
{
	int ok = 1;
	long resolve = n->p.family == 4 ? CURL_IPRESOLVE_V4
	    : n->p.family == 6		? CURL_IPRESOLVE_V6
					: CURL_IPRESOLVE_WHATEVER;

	ok &= l->easy_setopt(c, CURLOPT_ERRORBUFFER, message) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* NO_PROXY of the environment it honours too */
	ok &= l->easy_setopt(c, CURLOPT_PROXY, n->p.proxy) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_IPRESOLVE, resolve) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)n->p.timeout_ms) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)n->p.timeout_ms) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a look-up that hangs is left to hang in its thread: the process ends soon */
	ok &= l->easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
	ok &= l->easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_XFERINFOFUNCTION, tick) == CURLE_OK;
	ok &= l->easy_setopt(c, CURLOPT_XFERINFODATA, n) == CURLE_OK;
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
	int secs = net_secs(n);

	if (!resolved)
		snprintf(text, sizeof text, "temporary failure in name resolution: no answer within %d s",
		    secs);
	else
		snprintf(text, sizeof text, "no connection within %d s: connection timed out", secs);
	return fail_proxy(n, text);
}

/* What a failed dial means; message is libcurl's. */
static int
fail_dial(struct net *n, const struct curl *l, CURL *c, CURLcode code, const char *message)
{
	double lookup = 0;
	long answer = 0, errnum = 0;

	l->easy_getinfo(c, CURLINFO_NAMELOOKUP_TIME, &lookup);
	l->easy_getinfo(c, CURLINFO_HTTP_CONNECTCODE, &answer);
	l->easy_getinfo(c, CURLINFO_OS_ERRNO, &errnum);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return net_fail(n, ERR_AGAIN, STAGE_NONE, "stopped");
	if (code == CURLE_COULDNT_RESOLVE_PROXY)
		return net_fail(n, ERR_UNAVAIL, STAGE_PROXY, "could not resolve proxy: %s", n->proxy);
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return net_fail(n, ERR_UNAVAIL, STAGE_DNS, "name or service not known");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return fail_timeout(n, lookup > 0);
	if (answer >= 300)
		return net_fail(n, ERR_UNAVAIL, STAGE_PROXY, "the proxy %s answers HTTP %ld to CONNECT",
		    n->proxy, answer);
	if (code == CURLE_COULDNT_CONNECT && errnum != 0)
		return fail_proxy(n, strerror((int)errnum));
	return fail_proxy(n, *message ? message : l->easy_strerror(code));
}

/* A descriptor of our own for the socket, so that the handle (and its threads) can go. */
static int
take_over(struct net *n, const struct curl *l, CURL *c)
{
	curl_socket_t s = CURL_SOCKET_BAD;
	int flags;

	if (l->easy_getinfo(c, CURLINFO_ACTIVESOCKET, &s) != CURLE_OK || s == CURL_SOCKET_BAD)
		return net_fail(n, ERR_UNAVAIL, STAGE_TCP, "connection closed by peer");
	n->fd = fcntl(s, F_DUPFD_CLOEXEC, 0);
	flags = n->fd != -1 ? fcntl(n->fd, F_GETFL) : -1;
	if (flags == -1 || fcntl(n->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return net_fail(n, ERR_OS, STAGE_TCP, "socket: %s", strerror(errno));
	return 0;
}

int
dial_proxy(struct net *n)
{
	char message[CURL_ERROR_SIZE] = "", url[400];
	struct curl l = { .global_init = NULL };
	CURL *c = NULL;
	CURLcode code;
	int r = -1;

	if (load(n, &l) == -1)
		return -1;
	snprintf(url, sizeof url, "http://%s/", n->subject);
	if (l.global_init(CURL_GLOBAL_NOTHING) != CURLE_OK || (c = l.easy_init()) == NULL ||
	    set_up(n, &l, c, url, message) == -1) {
		net_fail(n, ERR_INTERNAL, STAGE_TCP, "libcurl cannot be set up");
	} else {
		code = l.easy_perform(c);
		r = code == CURLE_OK ? take_over(n, &l, c) : fail_dial(n, &l, c, code, message);
	}
	l.easy_cleanup(c);
	l.global_cleanup();
	return r;
}
