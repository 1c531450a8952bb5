/*
 * relay: a TCP relay on loopback that makes a line long, or breaks it.
 *
 *	relay [-o PORTFILE] [-l LOG] [-P PORT] [-r MS] [-u FAULT:BYTES] [-d FAULT:BYTES]
 *	    [-n COUNT] [-x http|socks5] [-a USER:PASSWORD] [-R STATUS] TARGETPORT
 *
 *	-r MS		round-trip time; the bandwidth is not limited
 *	-u FAULT:BYTES	after that many bytes from the client to the server
 *	-d FAULT:BYTES	after that many bytes from the server to the client
 *			cut, reset, stall, or slow: a byte a second from there on
 *	-n COUNT	only the first COUNT connections have the faults
 *	-x		be a proxy: HTTP CONNECT or SOCKS5; wherever the client wants to go,
 *			it gets to TARGETPORT, and the log says where it wanted to go
 *	-a		the proxy wants these credentials (http: Basic)
 *	-R STATUS	the HTTP proxy answers every request with that status
 *
 * The log has for each connection: "open", "target HOST:PORT" of a proxy,
 * "fault ...", and "closed up=BYTES down=BYTES flights=N", where a flight is the
 * client sending again after it was sent something.
 * One process a connection, ending with the relay.  With -r, each chunk is held
 * for half of it, and the client's not before TCP's handshake would be over.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define HELD_MAX (64u << 20) /* bytes on their way in one direction */

enum fault { NO_FAULT, CUT, RESET, STALL, SLOW };
enum proxy { NO_PROXY, HTTP, SOCKS5 };

struct chunk {
	struct chunk *next;
	uint64_t due; /* ns */
	size_t len, off;
	char data[];
};

/* One direction. */
struct way {
	int from, to;
	struct chunk *first, **last;
	size_t held;
	uint64_t taken; /* bytes read */
	uint64_t given; /* bytes written */
	bool eof, shut;
	enum fault fault;
	uint64_t after;
	uint64_t next; /* SLOW: when the next byte may go on, ns */
};

static const char *log_path, *credentials, *refusal;
static uint64_t half; /* of the round-trip time, ns */
static enum proxy proxy;
static int target_port, connection;
static struct way up, down; /* of this process's connection; before: what the options say */
static unsigned flights;
static bool answered = true; /* the server has spoken since the client did */

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((format(printf, 1, 2))) static void
note(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n, m, fd;

	if (log_path == NULL)
		return;
	n = snprintf(line, sizeof(line), "%d ", connection);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m < (int)sizeof(line) - n - 1 ? m : (int)sizeof(line) - n - 2;
	line[n++] = '\n';
	fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, line, (size_t)n) != n)
		warn("%s", log_path);
	close(fd);
}

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void
no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void
goodbye(int status)
{
	note("closed up=%llu down=%llu flights=%u", (unsigned long long)up.given,
	    (unsigned long long)down.given, flights);
	_exit(status);
}

/* What the fault of a way does to the connection. */
static void
break_line(enum fault fault)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	note("fault %s", fault == CUT ? "cut" : fault == RESET ? "reset" : "stall");
	if (fault == STALL) {
		struct pollfd p = { .fd = up.from, .events = POLLRDHUP };

		poll(&p, 1, -1); /* until the client gives up */
	} else if (fault == RESET) {
		setsockopt(up.from, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	}
	close(up.from);
	close(down.from);
	goodbye(0);
}

/* Has it come to where a byte is to take a second? */
static bool
is_slow(const struct way *w)
{
	return w->fault == SLOW && w->taken >= w->after;
}

/* Reads what there is, up to where the way is to break. */
static void
take(struct way *w, uint64_t start)
{
	size_t room = is_slow(w) ? 1 : CHUNK;
	struct chunk *c;
	uint64_t t;
	ssize_t n;

	if (w->fault != NO_FAULT && w->taken < w->after && w->after - w->taken < room)
		room = (size_t)(w->after - w->taken);
	c = malloc(sizeof(*c) + room);
	if (c == NULL)
		err(1, NULL);
	n = recv(w->from, c->data, room, MSG_DONTWAIT);
	if (n <= 0) {
		free(c);
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			w->eof = true;
		return;
	}
	t = now();
	if (w == &up && t < start + 2 * half)
		t = start + 2 * half;
	if (w == &up && answered) {
		flights++;
		answered = false;
	}
	if (is_slow(w)) {
		t = t > w->next ? t : w->next;
		w->next = t + 1000000000u;
	}
	*c = (struct chunk){ .due = t + half, .len = (size_t)n };
	*w->last = c;
	w->last = &c->next;
	w->held += (size_t)n;
	w->taken += (size_t)n;
}

/* Passes on what is due; true if the receiver has no room. */
static bool
give(struct way *w)
{
	struct chunk *c;
	ssize_t n;

	while ((c = w->first) != NULL && c->due <= now()) {
		n = send(w->to, c->data + c->off, c->len - c->off, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n == -1)
			goodbye(0);
		if (w == &down)
			answered = true;
		c->off += (size_t)n;
		w->held -= (size_t)n;
		w->given += (size_t)n;
		if (c->off < c->len)
			continue;
		w->first = c->next;
		if (w->first == NULL)
			w->last = &w->first;
		free(c);
	}
	if (w->fault != NO_FAULT && w->fault != SLOW && w->given == w->after && w->first == NULL)
		break_line(w->fault);
	if (w->eof && w->first == NULL && !w->shut) {
		w->shut = true;
		shutdown(w->to, SHUT_WR);
	}
	return false;
}

static int
wait_ms(uint64_t t)
{
	uint64_t next = UINT64_MAX;

	if (up.first != NULL)
		next = up.first->due;
	if (down.first != NULL && down.first->due < next)
		next = down.first->due;
	if (next == UINT64_MAX)
		return -1;
	return next <= t ? 0 : (int)((next - t + 999999) / 1000000);
}

static void
way_init(struct way *w, int from, int to)
{
	w->from = from;
	w->to = to;
	w->last = &w->first;
}

/* Is there more to be read? */
static bool
wants(const struct way *w)
{
	if (is_slow(w))
		return !w->eof && w->first == NULL;
	return !w->eof && w->held < HELD_MAX && (w->fault == NO_FAULT || w->taken < w->after);
}

static void
pump(int client, int server)
{
	uint64_t start = now();
	bool full[2];
	struct pollfd p[2];

	way_init(&up, client, server);
	way_init(&down, server, client);
	for (;;) {
		full[0] = give(&up);
		full[1] = give(&down);
		if (up.shut && down.shut)
			goodbye(0);
		p[0] = (struct pollfd){ .fd = client, .events = full[1] ? POLLOUT : 0 };
		p[1] = (struct pollfd){ .fd = server, .events = full[0] ? POLLOUT : 0 };
		if (wants(&up))
			p[0].events |= POLLIN;
		if (wants(&down))
			p[1].events |= POLLIN;
		/* a side that has ended would be reported for ever */
		if (p[0].events == 0)
			p[0].fd = -1;
		if (p[1].events == 0)
			p[1].fd = -1;
		poll(p, 2, full[0] || full[1] ? -1 : wait_ms(now()));
		if (p[0].revents != 0 && wants(&up))
			take(&up, start);
		if (p[1].revents != 0 && wants(&down))
			take(&down, start);
	}
}

#include "relay_proxy.h"

static void
serve(int client)
{
	struct sockaddr_in a = loopback(target_port);
	int server;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	note("open");
	if (proxy == HTTP)
		http_connect(client);
	else if (proxy == SOCKS5)
		socks5_connect(client);
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(server, (struct sockaddr *)&a, sizeof(a)) == -1) {
		note("target refused");
		goodbye(1);
	}
	no_delay(client);
	no_delay(server);
	pump(client, server);
}

static void
parse_fault(struct way *w, const char *text)
{
	char what[8];
	unsigned long long after;

	if (sscanf(text, "%7[a-z]:%llu", what, &after) != 2)
		errx(2, "%s: not cut|reset|stall|slow:BYTES", text);
	w->fault = what[0] == 'c' ? CUT : what[0] == 'r' ? RESET : what[1] == 't' ? STALL : SLOW;
	w->after = after;
}

static int
listen_on(int port, const char *port_file)
{
	struct sockaddr_in a = loopback(port);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char new[4096];
	FILE *f;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 || listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		err(1, "port %d", port);
	if (port_file == NULL) {
		printf("%d\n", ntohs(a.sin_port));
		fflush(stdout);
		return fd;
	}
	snprintf(new, sizeof(new), "%s.new", port_file);
	f = fopen(new, "w");
	if (f == NULL || fprintf(f, "%d\n", ntohs(a.sin_port)) < 0 || fclose(f) != 0 ||
	    rename(new, port_file) == -1)
		err(1, "%s", port_file);
	return fd;
}

int
main(int argc, char **argv)
{
	const char *port_file = NULL;
	int c, client, fd, port = 0, hurt = -1;

	while ((c = getopt(argc, argv, "a:d:l:n:o:P:R:r:u:x:")) != -1) {
		switch (c) {
		case 'a':
			credentials = optarg;
			break;
		case 'd':
			parse_fault(&down, optarg);
			break;
		case 'l':
			log_path = optarg;
			break;
		case 'n':
			hurt = atoi(optarg);
			break;
		case 'o':
			port_file = optarg;
			break;
		case 'P':
			port = atoi(optarg);
			break;
		case 'R':
			refusal = optarg;
			break;
		case 'r':
			half = (uint64_t)atoi(optarg) * 500000;
			break;
		case 'u':
			parse_fault(&up, optarg);
			break;
		case 'x':
			proxy = strcmp(optarg, "http") == 0 ? HTTP : SOCKS5;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 1)
		errx(2, "usage: relay [options] TARGETPORT");
	target_port = atoi(argv[optind]);
	signal(SIGCHLD, SIG_IGN);
	fd = listen_on(port, port_file);
	for (;;) {
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (client == -1)
			continue;
		if (connection++ == hurt)
			up.fault = down.fault = NO_FAULT;
		if (fork() == 0) {
			close(fd);
			serve(client);
		}
		close(client);
	}
}
