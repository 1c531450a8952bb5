/*
 * The dialler: which addresses it tries, in what order and when, and what it says
 * when none will do.  The resolver is ours: getaddrinfo and freeaddrinfo below.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "imap/net_priv.h"
#include "t.h"

#define WORKS "127.0.0.1"
#define REFUSES "127.0.0.2" /* nobody listens there */
#define HANGS "127.0.0.3"   /* its queue is full */
#define NO_WAY "224.0.0.1"  /* unreachable for TCP */

/* --- the resolver, and a look at connect(2) --- */

static const char *const *names; /* what it finds; NULL: nothing, for this reason */
static int no_name = EAI_NONAME;
static int no_name_errno;
static sem_t *hang; /* it waits for this first */
static int family_asked;
static char tried[512]; /* addresses, a blank behind each */

static struct addrinfo *
add_address(struct addrinfo *next, const char *text, const char *port)
{
	struct addrinfo *a = xcalloc(1, sizeof *a);
	struct sockaddr_in *v4 = xcalloc(1, sizeof(struct sockaddr_in6));
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)v4;
	uint16_t number = htons((uint16_t)atoi(port));

	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		a->ai_addrlen = sizeof *v6;
	} else {
		inet_pton(AF_INET, text, &v4->sin_addr);
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		a->ai_addrlen = sizeof *v4;
	}
	a->ai_family = v4->sin_family;
	a->ai_addr = (struct sockaddr *)v4;
	a->ai_next = next;
	return a;
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
	size_t n = 0;

	(void)host;
	family_asked = hints->ai_family;
	if (hang != NULL)
		sem_wait(hang);
	if (names == NULL) {
		errno = no_name_errno;
		return no_name;
	}
	while (names[n] != NULL)
		n++;
	for (*out = NULL; n > 0; n--)
		*out = add_address(*out, names[n - 1], port);
	return 0;
}

void
freeaddrinfo(struct addrinfo *a)
{
	struct addrinfo *next;

	for (; a != NULL; a = next) {
		next = a->ai_next;
		free(a->ai_addr);
		free(a);
	}
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	char text[INET6_ADDRSTRLEN] = "?";
	size_t n = strlen(tried);

	if (to->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)to)->sin_addr, text,
		    sizeof text);
	else if (to->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)to)->sin6_addr, text,
		    sizeof text);
	snprintf(tried + n, sizeof tried - n, "%s ", text);
	return (int)syscall(SYS_connect, fd, to, len);
}

/* --- what is dialled --- */

static int port;
static int64_t took;
static struct err err;

static int
listen_at(const char *address, int queue)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &a.sin_addr);
	if (s == -1 || bind(s, (struct sockaddr *)&a, sizeof a) == -1 || listen(s, queue) == -1 ||
	    getsockname(s, (struct sockaddr *)&a, &len) == -1) {
		printf("Bail out! no listening socket\n");
		exit(1);
	}
	port = ntohs(a.sin_port);
	return s;
}

static void
fill_queue(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int i, s;

	inet_pton(AF_INET, HANGS, &a.sin_addr);
	for (i = 0; i < 4; i++) {
		s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		syscall(SYS_connect, s, &a, sizeof a);
	}
}

/* net_dial, with a name that has these addresses; watch -1: nothing stops it. */
static struct net *
dial(const char *const *addresses, int timeout_ms, int family, int watch)
{
	struct net_params p = { .host = "mail.contoso.example",
		.port = (unsigned)port,
		.family = family,
		.timeout_ms = timeout_ms };
	struct net *n;
	int64_t began;

	err_clear(&err);
	names = addresses;
	tried[0] = '\0';
	if (net_prepare(&n, &p, &err) == -1) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	net_watch(n, watch, 0, NULL, NULL);
	began = now_ms();
	if (net_dial(n, &err) == -1) {
		net_free(n);
		n = NULL;
	}
	took = now_ms() - began;
	return n;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
connects(const char *const *addresses, const char *order, const char *what)
{
	struct net *n = dial(addresses, 20000, 0, -1);

	if (ok(n != NULL, "%s: connects: %s", what, err.text))
		is_str(net_address(n), WORKS, "%s: to the one that listens", what);
	is_str(tried, order, "%s: in this order", what);
	net_free(n);
}

static void
fails(const char *const *addresses, int timeout_ms, enum err_stage stage, const char *text, const char *what)
{
	struct net *n = dial(addresses, timeout_ms, 0, -1);

	ok(n == NULL, "%s: no connection", what);
	is_int(err.kind, ERR_UNAVAIL, "%s: kind", what);
	is_int(err.stage, stage, "%s: stage", what);
	is_str(err.text, text, "%s: text", what);
	net_free(n);
}

static void
no_address(int status, int errnum, enum err_kind kind, const char *text)
{
	no_name = status;
	no_name_errno = errnum;
	ok(dial(NULL, 20000, 0, -1) == NULL, "%s: no connection", text);
	is_int(err.kind, kind, "%s: kind", text);
	is_int(err.stage, STAGE_DNS, "%s: stage", text);
	is_str(err.text, text, "%s: text", text);
}

static void
test_no_address(void)
{
	no_address(EAI_NONAME, 0, ERR_UNAVAIL, "name or service not known");
	no_address(EAI_NODATA, 0, ERR_UNAVAIL, "name or service not known");
	no_address(EAI_ADDRFAMILY, 0, ERR_UNAVAIL, "name or service not known");
	no_address(EAI_AGAIN, 0, ERR_UNAVAIL, "temporary failure in name resolution");
	no_address(EAI_SYSTEM, EMFILE, ERR_OS, "cannot look up a name: Too many open files");
	no_address(EAI_SYSTEM, ECONNREFUSED, ERR_UNAVAIL, "cannot look up a name: Connection refused");
	no_address(EAI_MEMORY, 0, ERR_OS, "cannot look up a name: Cannot allocate memory");
	no_address(EAI_FAIL, 0, ERR_UNAVAIL,
	    "cannot look up a name: Non-recoverable failure in name resolution");
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static void
test_socket(void)
{
	struct net *n = dial(LIST(WORKS), 20000, 0, -1);

	if (!ok(n != NULL, "connects: %s", err.text))
		return;
	is_int(family_asked, AF_UNSPEC, "both families were asked for");
	ok((fcntl(net_fd(n), F_GETFL) & O_NONBLOCK) != 0, "the socket does not block");
	ok((fcntl(net_fd(n), F_GETFD) & FD_CLOEXEC) != 0, "and is closed on exec");
	is_int(option(net_fd(n), IPPROTO_TCP, TCP_NODELAY), 1, "no delay");
	is_int(option(net_fd(n), SOL_SOCKET, SO_KEEPALIVE), 1, "kept alive");
	is_int(option(net_fd(n), SOL_SOCKET, SO_RCVLOWAT), 1, "poll reports the first byte");
	net_free(n);
	net_free(dial(LIST(WORKS), 20000, 4, -1));
	is_int(family_asked, AF_INET, "-4");
	net_free(dial(LIST(WORKS), 20000, 6, -1));
	is_int(family_asked, AF_INET6, "-6");
}

static void
test_order(void)
{
	connects(LIST(REFUSES, WORKS), REFUSES " " WORKS " ", "the first refuses");
	ok(took < 5000, "no wait is needed: %d ms", (int)took);
	connects(LIST(NO_WAY, WORKS), NO_WAY " " WORKS " ", "no way to the first");
	connects(LIST(HANGS, WORKS), HANGS " " WORKS " ", "the first hangs");
	ok(took >= 249 && took < 5000, "the second has its turn after 250 ms: %d ms", (int)took);
	connects(LIST(WORKS, HANGS), WORKS " ", "the first works");
	connects(LIST(REFUSES, REFUSES, "::2", WORKS), REFUSES " ::2 " REFUSES " " WORKS " ",
	    "the families take turns");
}

static void
test_failures(void)
{
	fails(LIST(REFUSES, REFUSES), 20000, STAGE_TCP, "cannot connect: Connection refused", "all refuse");
	fails(LIST(NO_WAY), 20000, STAGE_TCP, "cannot connect: Network is unreachable", "no way");
	fails(LIST(REFUSES, NO_WAY), 20000, STAGE_TCP, "cannot connect: Connection refused",
	    "one refuses, no way to the other");
	fails(LIST(HANGS, REFUSES), 1000, STAGE_TCP, "no connection within 1 s: connection timed out",
	    "one hangs");
	ok(took >= 999, "for as long as that: %d ms", (int)took);
}

/* A thread that waits for its sem_post is still in the look-up. */
static void
test_hanging_name(void)
{
	static sem_t never;

	sem_init(&never, 0, 0);
	hang = &never;
	fails(LIST(WORKS), 1000, STAGE_DNS, "temporary failure in name resolution: no answer within 1 s",
	    "a resolver that hangs");
	hang = NULL;
}

static void *
hang_up(void *arg)
{
	poll(NULL, 0, 300);
	close(*(int *)arg);
	return NULL;
}

static void
stopped(const char *const *addresses, const char *what)
{
	pthread_t thread;
	struct net *n;
	int fd[2];

	if (pipe(fd) == -1 || pthread_create(&thread, NULL, hang_up, &fd[1]) != 0)
		return;
	n = dial(addresses, 20000, 0, fd[0]);
	pthread_join(thread, NULL);
	ok(n == NULL, "%s: no connection", what);
	is_int(err.kind, ERR_AGAIN, "%s: stopped (%s)", what, err.text);
	ok(took < 10000, "%s: and at once: %d ms", what, (int)took);
	net_free(n);
	close(fd[0]);
}

static void
test_stop(void)
{
	static sem_t never;

	stopped(LIST(HANGS), "while it connects");
	sem_init(&never, 0, 0);
	hang = &never;
	stopped(LIST(WORKS), "while it looks up the name");
	hang = NULL;
}

int
main(void)
{
	int works, full;

	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
		skip_all("no CA certificates on this machine");
	works = listen_at(WORKS, 20);
	full = listen_at(HANGS, 0);
	fill_queue();
	test_socket();
	test_order();
	test_failures();
	test_no_address();
	test_hanging_name();
	test_stop();
	close(works);
	close(full);
	return done_testing();
}
