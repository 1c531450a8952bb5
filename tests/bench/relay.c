/*
 * relay: a TCP relay on loopback that adds a round-trip time and limits no bandwidth.
 *
 *   relay RTT_MS TARGET_PORT STATS_FILE      prints the port it listens on, then serves until killed
 *
 * Each chunk read is stamped and written half an RTT later, in order.  The
 * handshake of TCP is counted too: what the client sends first leaves one RTT
 * after accept at the earliest.  At the end of a connection one line goes to
 * STATS_FILE: "up BYTES down BYTES flights N".  A flight begins when the client
 * sends after it was sent something: flights is the number of times it waited.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, QUEUE_MAX = 256 * 1024 * 1024 };

struct chunk {
	struct chunk *next;
	int64_t due; /* ns */
	size_t len, off;
	char data[];
};

struct side { /* what was read from fd and is to be written to the other side */
	int fd;
	struct chunk *first, *last;
	size_t queued;
	uint64_t total;
	bool eof, shut;
};

struct conn {
	struct side side[2]; /* 0: client, 1: server */
	int64_t born;
	uint64_t flights;
	bool answered; /* the client was sent something since it last sent */
	struct conn *next;
};

static int64_t half_rtt;
static const char *stats_file;
static struct conn *conns;

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
prepare(int fd)
{
	int one = 1;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int
dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

static void
conn_end(struct conn *c)
{
	FILE *f = fopen(stats_file, "a");

	if (f != NULL) {
		fprintf(f, "up %llu down %llu flights %llu\n", (unsigned long long)c->side[0].total,
		    (unsigned long long)c->side[1].total, (unsigned long long)c->flights);
		fclose(f);
	}
	for (int i = 0; i < 2; i++) {
		close(c->side[i].fd);
		for (struct chunk *k = c->side[i].first, *n; k != NULL; k = n) {
			n = k->next;
			free(k);
		}
	}
	free(c);
}

static void
take(struct conn *c, int i)
{
	struct side *s = &c->side[i];
	int64_t t = now_ns();

	while (!s->eof && s->queued < QUEUE_MAX) {
		struct chunk *k = malloc(sizeof(*k) + CHUNK), *fit;
		ssize_t n = read(s->fd, k->data, CHUNK);

		if (n <= 0) {
			s->eof = n == 0 || (errno != EAGAIN && errno != EINTR);
			free(k);
			return;
		}
		if (n < CHUNK / 4 && (fit = realloc(k, sizeof(*k) + (size_t)n)) != NULL)
			k = fit;
		if (i == 0) {
			if (t < c->born + 2 * half_rtt)
				t = c->born + 2 * half_rtt;
			c->flights += c->answered;
			c->answered = false;
		}
		*k = (struct chunk){ .due = t + half_rtt, .len = (size_t)n };
		*(s->first == NULL ? &s->first : &s->last->next) = k;
		s->last = k;
		s->queued += (size_t)n;
		s->total += (uint64_t)n;
	}
}

/* Writes what is due; -1 when the connection is over. */
static int
give(struct conn *c, int i, int64_t t)
{
	struct side *s = &c->side[i], *to = &c->side[1 - i];

	while (s->first != NULL && s->first->due <= t) {
		struct chunk *k = s->first;
		ssize_t n = write(to->fd, k->data + k->off, k->len - k->off);

		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (i == 1)
			c->answered = true;
		k->off += (size_t)n;
		s->queued -= (size_t)n;
		if (k->off < k->len)
			return 0;
		s->first = k->next;
		free(k);
	}
	if (s->eof && s->first == NULL && !s->shut) {
		shutdown(to->fd, SHUT_WR);
		s->shut = true;
	}
	return c->side[0].shut && c->side[1].shut ? -1 : 0;
}

static void
accept_one(int lfd, int target, int ep)
{
	int fd = accept(lfd, NULL, NULL), to = fd == -1 ? -1 : dial(target);
	struct conn *c;

	if (to == -1) {
		if (fd != -1)
			close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	*c = (struct conn){ .side = { { .fd = fd }, { .fd = to } },
		.born = now_ns(),
		.answered = true,
		.next = conns };
	conns = c;
	for (int i = 0; i < 2; i++) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

		prepare(c->side[i].fd);
		e.data.fd = c->side[i].fd;
		epoll_ctl(ep, EPOLL_CTL_ADD, c->side[i].fd, &e);
	}
}

/* One round over all connections; the time until the next chunk is due, or -1. */
static int64_t
serve(void)
{
	int64_t t = now_ns(), next = -1;

	for (struct conn **p = &conns; *p != NULL;) {
		struct conn *c = *p;

		take(c, 0);
		take(c, 1);
		if (give(c, 0, t) == -1 || give(c, 1, t) == -1) {
			*p = c->next;
			conn_end(c);
			continue;
		}
		for (int i = 0; i < 2; i++)
			if (c->side[i].first != NULL && c->side[i].first->due > t &&
			    (next == -1 || c->side[i].first->due - t < next))
				next = c->side[i].first->due - t;
		p = &c->next;
	}
	return next;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	struct epoll_event e = { .events = EPOLLIN };
	int lfd, ep, target;

	if (argc != 4) {
		fprintf(stderr, "usage: relay RTT_MS TARGET_PORT STATS_FILE\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	half_rtt = (int64_t)(atof(argv[1]) * 1e6 / 2);
	target = atoi(argv[2]);
	stats_file = argv[3];
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	lfd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(lfd, (struct sockaddr *)&a, len) == -1 || listen(lfd, 64) == -1 ||
	    getsockname(lfd, (struct sockaddr *)&a, &len) == -1) {
		perror("relay");
		return 71;
	}
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	ep = epoll_create1(0);
	e.data.fd = lfd;
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &e);
	for (int64_t wait = -1;; wait = serve()) {
		struct epoll_event ev[64];
		struct timespec ts = { .tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000 };
		int n = epoll_pwait2(ep, ev, 64, wait == -1 ? NULL : &ts, NULL);

		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == lfd)
				accept_one(lfd, target, ep);
	}
}
