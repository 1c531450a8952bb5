#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "crew/wire.h"

#define FIXED(type, name) [type] = { sizeof(struct name), 0, 0, 0 }
#define FLEX(type, name, count, item, max) \
	[type] = { sizeof(struct name), offsetof(struct name, count), sizeof(item), max }

/* What each packet looks like: its fixed part, and where the number of items behind it stands. */
static const struct shape {
	size_t size;
	size_t count; /* offset of a uint32_t, 0: nothing follows */
	size_t item;
	uint32_t max;
} shapes[] = {
	FIXED(WIRE_CONNECT, wire_connect),
	FLEX(WIRE_LOOK, wire_look, len, char, WIRE_PATTERNS),
	FLEX(WIRE_FETCH, wire_fetch, nrange, struct wire_range, WIRE_RANGES_MAX),
	FIXED(WIRE_SEARCH, wire_search),
	FLEX(WIRE_STORE, wire_store, nrange, struct wire_range, WIRE_RANGES_MAX),
	FLEX(WIRE_MOVE, wire_move, nrange, struct wire_range, WIRE_RANGES_MAX),
	FIXED(WIRE_CREATE, wire_create),
	FIXED(WIRE_SLOTS, wire_slots),
	FIXED(WIRE_QUIT, wire_quit),
	FIXED(WIRE_HELLO, wire_hello),
	FIXED(WIRE_ONLINE, wire_online),
	FIXED(WIRE_FOLDER, wire_folder),
	FLEX(WIRE_ROWS, wire_rows, n, struct wire_row, WIRE_ROWS_MAX),
	FLEX(WIRE_UIDS, wire_uids, n, uint32_t, WIRE_ROWS_MAX * 4),
	FIXED(WIRE_HEADER, wire_header),
	FIXED(WIRE_BEGIN, wire_begin),
	FIXED(WIRE_MESSAGE, wire_message),
	FIXED(WIRE_DONE, wire_done),
	FIXED(WIRE_FAIL, wire_fail),
	FIXED(WIRE_ALIVE, wire_alive),
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

_Static_assert(sizeof(struct wire_connect) <= WIRE_MAX, "connect");
_Static_assert(sizeof(struct wire_look) + WIRE_PATTERNS <= WIRE_MAX, "look");
_Static_assert(sizeof(struct wire_move) + WIRE_RANGES_MAX * sizeof(struct wire_range) <= WIRE_MAX, "ranges");
_Static_assert(sizeof(struct wire_rows) + WIRE_ROWS_MAX * sizeof(struct wire_row) <= WIRE_MAX, "rows");

void
wire_head(struct wire_head *h, enum wire_type type, size_t size, uint32_t job)
{
	h->version = WIRE_VERSION;
	h->type = (uint16_t)type;
	h->size = (uint32_t)size;
	h->job = job;
	h->reserved = 0;
}

#define TERMINATE(field) ((field)[sizeof(field) - 1] = '\0')

/* A text for people: what is in it beyond the first NUL goes, what is not printable too. */
static void
clean(char *text, size_t size)
{
	char tmp[WIRE_TEXT];

	text[size - 1] = '\0';
	err_printable(tmp, sizeof tmp < size ? sizeof tmp : size, text, strlen(text));
	memset(text, 0, size);
	memcpy(text, tmp, strlen(tmp));
}

static int
check_ranges(const struct wire_range *r, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (r[i].lo == 0 || r[i].lo > r[i].hi)
			return -1;
	return 0;
}

/* n strings, each with its NUL, and nothing else? */
static int
check_strings(const char *p, uint32_t len, uint32_t n)
{
	uint32_t i, ends = 0;

	for (i = 0; i < len; i++)
		ends += p[i] == '\0';
	return ends == n && (len == 0 || p[len - 1] == '\0') ? 0 : -1;
}

static int
check_look(const struct wire_look *l)
{
	if (l->npattern == 0)
		return -1;
	return check_strings(l->patterns, l->len, (uint32_t)l->npattern + l->nexclude);
}

static int
check_connect(struct wire_connect *c)
{
	TERMINATE(c->host);
	TERMINATE(c->user);
	TERMINATE(c->ca_file);
	TERMINATE(c->proxy);
	if (c->token_len == 0 || c->token_len > WIRE_TOKEN || c->port == 0 || c->port > 65535)
		return -1;
	if (c->patterns_len > WIRE_EXPECT || (c->npattern == 0 && c->nexclude > 0))
		return -1;
	return check_strings(c->patterns, c->patterns_len, (uint32_t)c->npattern + c->nexclude);
}

static int
check_from_parent(void *packet, uint16_t type)
{
	struct wire_fetch *f = packet;
	struct wire_search *s = packet;
	struct wire_store *st = packet;
	struct wire_move *m = packet;
	struct wire_create *c = packet;

	switch (type) {
	case WIRE_CONNECT:
		return check_connect(packet);
	case WIRE_LOOK:
		return check_look(packet);
	case WIRE_FETCH:
		TERMINATE(f->folder);
		return f->nrange == 0 ? -1 : check_ranges(f->range, f->nrange);
	case WIRE_SEARCH:
		TERMINATE(s->folder);
		TERMINATE(s->criteria);
		return 0;
	case WIRE_STORE:
		TERMINATE(st->folder);
		return st->nrange == 0 ? -1 : check_ranges(st->range, st->nrange);
	case WIRE_MOVE:
		TERMINATE(m->folder);
		TERMINATE(m->target);
		if (m->how > MOVE_EXPUNGE || m->nrange == 0)
			return -1;
		return check_ranges(m->range, m->nrange);
	case WIRE_CREATE:
		TERMINATE(c->folder);
		return 0;
	case WIRE_SLOTS:
		return ((struct wire_slots *)packet)->nslot <= WIRE_SLOTS_MAX ? 0 : -1;
	case WIRE_QUIT:
		return 0;
	default:
		return -1;
	}
}

static int
check_folder(struct wire_folder *f)
{
	TERMINATE(f->name);
	TERMINATE(f->raw);
	clean(f->text, sizeof f->text);
	return f->state < FOLDER_STATES && f->raw[0] != '\0' ? 0 : -1;
}

static int
check_online(struct wire_online *o)
{
	clean(o->address, sizeof o->address);
	clean(o->tls, sizeof o->tls);
	clean(o->proxy, sizeof o->proxy);
	clean(o->greeting, sizeof o->greeting);
	return 0;
}

static int
check_fail(struct wire_fail *f)
{
	clean(f->subject, sizeof f->subject);
	clean(f->text, sizeof f->text);
	if (f->kind == ERR_NONE || f->kind >= ERR_KINDS || f->stage >= STAGES || f->loss >= LOST_KINDS)
		return -1;
	return 0;
}

static int
check_uids(const struct wire_uids *u)
{
	uint32_t i;

	for (i = 0; i < u->n; i++)
		if (u->uid[i] == 0)
			return -1;
	return 0;
}

static int
check_rows(const struct wire_rows *r)
{
	uint32_t i;

	for (i = 0; i < r->n; i++)
		if (r->row[i].uid == 0)
			return -1;
	return 0;
}

static int
check_from_worker(void *packet, uint16_t type)
{
	struct wire_header *h = packet;
	struct wire_done *d = packet;

	switch (type) {
	case WIRE_HELLO:
	case WIRE_BEGIN:
	case WIRE_ALIVE:
		return 0;
	case WIRE_ONLINE:
		return check_online(packet);
	case WIRE_FOLDER:
		return check_folder(packet);
	case WIRE_ROWS:
		return check_rows(packet);
	case WIRE_UIDS:
		return check_uids(packet);
	case WIRE_HEADER:
		TERMINATE(h->from);
		TERMINATE(h->subject);
		return h->row.uid != 0 ? 0 : -1;
	case WIRE_MESSAGE:
		return ((struct wire_message *)packet)->row.uid != 0 ? 0 : -1;
	case WIRE_DONE:
		clean(d->text, sizeof d->text);
		return d->result < DONE_RESULTS ? 0 : -1;
	case WIRE_FAIL:
		return check_fail(packet);
	default:
		return -1;
	}
}

int
wire_check(void *packet, size_t n, int from_worker)
{
	const struct wire_head *h = packet;
	const struct shape *s;
	uint32_t count = 0;

	if (n < sizeof *h || h->version != WIRE_VERSION || h->size != n || h->type >= SHAPES)
		return -1;
	s = &shapes[h->type];
	if (s->size == 0 || n < s->size)
		return -1;
	if (s->count != 0)
		memcpy(&count, (const char *)packet + s->count, sizeof count);
	if (count > s->max || n != s->size + count * s->item)
		return -1;
	return from_worker ? check_from_worker(packet, h->type) : check_from_parent(packet, h->type);
}

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(WIRE_SLOTS_MAX * sizeof(int))];
};

int
wire_send(int sock, const void *packet, const int *fds, size_t nfd, int flags)
{
	const struct wire_head *h = packet;
	union {
		const void *c;
		void *v;
	} base = { .c = packet };
	struct iovec iov = { .iov_base = base.v, .iov_len = h->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control ctl;
	struct cmsghdr *c;
	ssize_t r;

	if (nfd > WIRE_SLOTS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (nfd > 0) {
		memset(&ctl, 0, sizeof ctl);
		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(nfd * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfd * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfd * sizeof(int));
	}
	do
		r = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (r == -1 && errno == EINTR);
	/* Descriptors in flight are limited too (unix(7), ETOOMANYREFS): the peer takes them out soon. */
	if (r == -1 && (errno == ETOOMANYREFS || errno == ENOBUFS))
		errno = EAGAIN;
	return r == -1 ? -1 : 0;
}

/* Takes the descriptors out of a message: at most max; what is beyond is closed. */
static size_t
take_fds(struct msghdr *msg, int *fds, size_t max)
{
	struct cmsghdr *c;
	size_t n = 0, i, here;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < here; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (n < max)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

long
wire_recv(int sock, void *buf, int *fds, size_t *nfd, int flags)
{
	struct iovec iov = { .iov_base = buf, .iov_len = WIRE_MAX };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t max = nfd != NULL ? *nfd : 0, got;
	union control ctl;
	ssize_t r;

	if (max > 0) {
		msg.msg_control = ctl.buf;
		msg.msg_controllen = sizeof ctl.buf;
	}
	do
		r = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (r == -1 && errno == EINTR && (flags & MSG_DONTWAIT));
	if (nfd != NULL)
		*nfd = 0;
	if (r == -1)
		return -1;
	got = max > 0 ? take_fds(&msg, fds, max) : 0;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (got > 0)
			close(fds[--got]);
		errno = EBADMSG;
		return -1;
	}
	if (nfd != NULL)
		*nfd = got;
	return r;
}
