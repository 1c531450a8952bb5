#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/util.h"
#include "imap/net_priv.h"

#define TIMEOUT_MS 60000
#define RATE 1024 /* bytes a second; less is a stall */

int
net_prepare(struct net **out, const struct net_params *p, struct err *err)
{
	struct net *n = xcalloc(1, sizeof *n);
	bool v6 = strchr(p->host, ':') != NULL;

	*out = NULL;
	n->p = *p;
	if (n->p.timeout_ms <= 0)
		n->p.timeout_ms = TIMEOUT_MS;
	n->fd = n->watch_fd = -1;
	trace_init(&n->trace);
	snprintf(n->subject, sizeof n->subject, v6 ? "[%s]:%u" : "%s:%u", p->host, p->port);
	if (tls_prepare(n, err) == -1) {
		net_free(n);
		return -1;
	}
	*out = n;
	return 0;
}

void
net_free(struct net *n)
{
	if (n == NULL)
		return;
	tls_release(n);
	if (n->fd != -1)
		close(n->fd);
	trace_release(&n->trace);
	free(n);
}

int
net_fail(struct net *n, enum err_kind kind, enum err_stage stage, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	n->up = false;
	if (n->err.kind != ERR_NONE)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	trace_note(&n->trace, text);
	return err_set(&n->err, kind, stage, n->subject, "%s", text);
}

/* --- waiting --- */

void
net_watch(struct net *n, int fd, short events, int (*cb)(void *, short), void *arg)
{
	n->watch_fd = fd;
	n->watch_events = cb != NULL ? events : 0;
	n->watch_cb = cb;
	n->watch_arg = arg;
}

static int
watched(struct net *n, short revents)
{
	if (revents == 0)
		return 0;
	if (n->watch_cb != NULL && n->watch_cb(n->watch_arg, revents) == 0)
		return 0;
	return net_fail(n, ERR_AGAIN, STAGE_NONE, "stopped");
}

int
net_look(struct net *n)
{
	struct pollfd p = { .fd = n->watch_fd, .events = n->watch_events };

	if (n->watch_fd == -1 || poll(&p, 1, 0) <= 0)
		return 0;
	return watched(n, p.revents);
}

int
net_wait(struct net *n, short events, int ms)
{
	int64_t end = now_ms() + ms;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = n->fd, .events = events },
			{ .fd = n->watch_fd, .events = n->watch_events },
		};
		int64_t left = end - now_ms();
		int r = poll(p, 2, left > 0 ? (int)left : 0);

		if (r == -1 && errno != EINTR)
			return net_fail(n, ERR_OS, STAGE_NONE, "poll: %s", strerror(errno));
		if (r > 0 && watched(n, p[1].revents) == -1)
			return -1;
		if (r > 0 && p[0].revents != 0)
			return 1;
		if (r == 0 && left <= 0)
			return 0;
	}
}

/* The milliseconds until a limit on size bytes over ms would be broken, were nothing to come. */
static int
rate_left(int *spent_ms, uint64_t *bytes, int ms)
{
	if (*spent_ms < ms)
		return ms - *spent_ms;
	if (*bytes < (uint64_t)RATE * (unsigned)ms / 1000)
		return 0;
	*spent_ms = 0;
	*bytes = 0;
	return ms;
}

static const char silent[] = "nothing received", slow[] = "less than 1 KiB/s received",
		  endless[] = "no whole line received";

/* How long the peer may still be silent; 0: it has stalled, *why says how. */
static int
patience(struct net *n, const char **why)
{
	int t = n->p.timeout_ms, left = t - n->idle_ms, other;

	*why = silent;
	if (n->lines.literal > 0) {
		other = rate_left(&n->literal_ms, &n->literal_bytes, t);
		if (other <= 0 && left > 0)
			*why = slow;
	} else {
		other = t - n->line_ms;
		if (other <= 0 && left > 0)
			*why = endless;
	}
	if (other < left)
		left = other;
	other = rate_left(&n->all_ms, &n->all_bytes, t < INT32_MAX / 10 ? 10 * t : INT32_MAX);
	if (other <= 0 && left > 0)
		*why = slow;
	if (other < left)
		left = other;
	return left > 0 ? left : 0;
}

static void
spend(struct net *n, int64_t began)
{
	/* a write inside the wait (the watched descriptor brought something to do) has set them back */
	int ms = (int)(now_ms() - (n->restarted > began ? n->restarted : began));

	n->idle_ms += ms;
	n->line_ms += ms;
	n->literal_ms += ms;
	n->all_ms += ms;
}

static void
restart_clock(struct net *n)
{
	n->idle_ms = n->line_ms = n->literal_ms = n->all_ms = 0;
	n->literal_bytes = n->all_bytes = 0;
	n->restarted = now_ms();
}

static int
wait_reading(struct net *n, short events)
{
	const char *why;
	int64_t began = now_ms();
	int left = patience(n, &why), r;

	if (left == 0) {
		n->slow = why == slow && n->idle_ms < n->p.timeout_ms / 2;
		return net_fail(n, ERR_UNAVAIL, STAGE_NONE, "stalled: %s within %d s", why, net_secs(n));
	}
	r = net_wait(n, events, left);
	spend(n, began);
	return r == -1 ? -1 : 0;
}

/* --- reading and writing --- */

/* Limits and clocks for what has come. */
static int
account(struct net *n, const char *p, size_t len)
{
	enum lines_part part;
	size_t k;

	n->idle_ms = 0;
	n->all_bytes += len;
	trace_received(&n->trace, p, len);
	for (; len > 0; p += k, len -= k) {
		k = lines_next(&n->lines, p, len, &part);
		if (part == LINES_LITERAL) {
			n->literal_bytes += k;
			if (n->lines.literal == 0)
				n->line_ms = 0;
			continue;
		}
		if (part != LINES_END)
			continue;
		n->line_ms = n->literal_ms = 0;
		n->literal_bytes = 0;
		if (n->p.max_literal != 0 && n->lines.literal > n->p.max_literal)
			return net_fail(n, ERR_PROTO, STAGE_NONE,
			    "a literal of %llu bytes announced, %llu are allowed",
			    (unsigned long long)n->lines.literal, (unsigned long long)n->p.max_literal);
	}
	return 0;
}

long
net_read(struct net *n, void *buf, size_t size)
{
	int want = size < INT32_MAX ? (int)size : INT32_MAX, r, e;

	while (n->up) {
		ERR_clear_error();
		errno = 0;
		r = SSL_read(n->ssl, buf, want);
		if (r > 0)
			return account(n, buf, (size_t)r) == -1 ? -1 : r;
		e = SSL_get_error(n->ssl, r);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			return net_fail_tls(n, STAGE_NONE, r);
		if (wait_reading(n, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT) == -1)
			return -1;
	}
	return -1;
}

uint64_t
net_carried(const struct net *n)
{
	if (n->slow)
		return NET_SLOW;
	return n->ssl != NULL ? BIO_number_read(SSL_get_rbio(n->ssl)) : 0;
}

long
net_write(struct net *n, const void *data, size_t size)
{
	const char *p = data;
	size_t left = size;
	int want, r, e;

	if (n->up)
		trace_sent(&n->trace, p, size, n->private);
	restart_clock(n);
	while (n->up && left > 0) {
		want = left < INT32_MAX ? (int)left : INT32_MAX;
		ERR_clear_error();
		errno = 0;
		r = SSL_write(n->ssl, p, want);
		if (r > 0) {
			p += r;
			left -= (size_t)r;
			continue;
		}
		e = SSL_get_error(n->ssl, r);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			return net_fail_tls(n, STAGE_NONE, r);
		r = net_wait(n, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, n->p.timeout_ms);
		if (r == 0)
			return net_fail(n, ERR_UNAVAIL, STAGE_NONE,
			    "stalled: nothing could be sent within %d s", net_secs(n));
		if (r == -1)
			return -1;
	}
	return n->up ? (long)size : -1;
}

int
net_pending(struct net *n)
{
	char c;
	int r, e;

	if (!n->up)
		return -1;
	ERR_clear_error();
	errno = 0;
	r = SSL_peek(n->ssl, &c, 1);
	if (r > 0)
		return 1;
	e = SSL_get_error(n->ssl, r);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return 0;
	return net_fail_tls(n, STAGE_NONE, r);
}

/* --- what is known --- */

const struct err *
net_error(const struct net *n)
{
	return &n->err;
}

void
net_trace(struct net *n, int fd)
{
	trace_start(&n->trace, fd);
}

void
net_private(struct net *n, bool on)
{
	n->private = on;
}

const char *
net_address(const struct net *n)
{
	return n->address;
}

const char *
net_tls(const struct net *n)
{
	return n->tls;
}

const char *
net_proxy(const struct net *n)
{
	return n->proxy;
}

int
net_fd(const struct net *n)
{
	return n->fd;
}
