/*
 * The crew with workers that behave, misbehave and die: this program itself,
 * run as msworker, does what the user's name says.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/crew_priv.h"
#include "fakeworker.h"

#define PATIENCE 60000 /* ms, for a loaded machine */

static struct options
options(void)
{
	static char host[] = "h.test", proxy[] = "http://p.test";

	return (struct options){ .host = host, .port = 9, .timeout = 7, .proxy = proxy };
}

static struct crew_event *ev;
static struct err err;

static struct crew *
open_crew(const struct options *o, const char *user)
{
	struct crew *c;

	err_clear(&err);
	if (!is_int(crew_open(&c, o, user, &err), 0, "%s: opens: %s", user, err.text))
		return NULL;
	return c;
}

static int
start(struct crew *c, int flags)
{
	struct secret token = SECRET_INIT;
	int w;

	secret_adds(&token, "token");
	w = crew_start(c, &token, flags, &err);
	secret_release(&token);
	return w;
}

static bool
next(struct crew *c, enum crew_event_type type)
{
	return crew_next(c, PATIENCE, ev, &err) == 1 && ev->type == type;
}

static void
test_talk(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "connect");
	struct wire_create p = { .folder = "x" };
	int w, i;

	if (c == NULL)
		return;
	w = start(c, CREW_IPV4 | CREW_NO_PIPELINE);
	is_int(w, 0, "the first worker");
	is_int(crew_count(c), 1, "one");
	ok(next(c, CREW_PACKET) && ev->packet->type == WIRE_ONLINE, "it answers");
	is_str(((const struct wire_online *)(const void *)ev->packet)->greeting, "as it should be",
	    "it was told all");
	for (i = 1; i <= 3000; i++) { /* more than the socket holds */
		wire_head(&p.head, WIRE_CREATE, sizeof p, (uint32_t)i);
		crew_send(c, w, &p);
	}
	for (i = 1; i <= 3000; i++)
		if (!next(c, CREW_PACKET) || ev->packet->job != (uint32_t)i)
			break;
	is_int(i, 3001, "all jobs in order");
	is_int(crew_next(c, 0, ev, &err), 0, "no more events");
	crew_quit(c, w);
	ok(next(c, CREW_LOST) && ev->quit && ev->signal == 0, "it quits");
	is_int(crew_count(c), 0, "none left");
	is_int(start(c, 0), 0, "its number is free again");
	crew_close(c);
}

/* What a worker was told in WIRE_CONNECT. */
static void
told(const struct options *o, int flags, const char *want, const char *name)
{
	struct crew *c = open_crew(o, "told");

	if (c == NULL)
		return;
	start(c, flags);
	if (ok(next(c, CREW_PACKET) && ev->packet->type == WIRE_ONLINE, "%s", name))
		is_str(((const struct wire_online *)(const void *)ev->packet)->greeting, want, "%s: is told",
		    name);
	crew_close(c);
}

static void
test_told(void)
{
	static char a[] = "A", b[] = "Bb", x[] = "X", most[WIRE_NAME];
	char *one[] = { a, b }, *not [] = { x }, *many[1000];
	struct options o = options();
	char want[200];
	size_t i;

	memset(most, 'm', sizeof most - 1);
	for (i = 0; i < 1000; i++)
		many[i] = most;
	o.program = OPT_MSFETCH;
	o.family = 6;
	o.crlf = true;
	snprintf(want, sizeof want, "flags %u, 1 + 0 patterns, 6 bytes: INBOX",
	    (unsigned)(WIRE_C_IPV6 | WIRE_C_CRLF | WIRE_C_TWO_STEP));
	told(&o, CREW_TWO_STEP, want, "IPv6, CRLF, two steps");
	o = options();
	o.program = OPT_MSFETCH;
	o.folder.v = one;
	o.folder.n = 2;
	o.exclude.v = not ;
	o.exclude.n = 1;
	told(&o, 0, "flags 0, 2 + 1 patterns, 7 bytes: A", "folders");
	o.folder.v = many;
	o.folder.n = 999;
	told(&o, 0, "flags 0, 0 + 0 patterns, 0 bytes: ", "more folders than there is room for");
	o.folder.n = 1000;
	told(&o, 0, "flags 0, 0 + 0 patterns, 0 bytes: ", "more folders than are looked at");
}

static void
refused(const struct options *o, const char *user, size_t token, const char *subject, const char *text)
{
	struct crew *c = open_crew(o, user);
	struct secret t = SECRET_INIT;
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < token; i++)
		secret_adds(&t, "t");
	is_int(crew_start(c, &t, 0, &err), -1, "%s: no worker", text);
	is_int(err.kind, ERR_CONFIG, "%s: kind", text);
	is_str(err.subject, subject, "%s: of what", text);
	is_str(err.text, text, "%s: text", text);
	is_int(crew_count(c), 0, "%s: none was started", text);
	secret_release(&t);
	crew_close(c);
}

static void
test_refused(void)
{
	static char most[5000];
	struct options o = options();

	memset(most, 'm', sizeof most - 1);
	refused(&o, "u", 0, "", "a token of 0 bytes");
	refused(&o, "u", WIRE_TOKEN + 1, "", "a token of 32769 bytes");
	refused(&o, most, 5, "user", "too long");
	o.ca_file = most;
	refused(&o, "u", 5, "ca-file", "too long");
	o = options();
	o.proxy = most;
	refused(&o, "u", 5, "proxy", "too long");
	o.host = most;
	refused(&o, "u", 5, "host", "too long");
}

static void
test_too_many(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "connect");
	int i;

	if (c == NULL)
		return;
	for (i = 0; i < CREW_MAX && start(c, 0) == i; i++)
		;
	is_int(i, CREW_MAX, "as many workers as there may be");
	is_int(start(c, 0), -1, "and no more");
	is_int(err.kind, ERR_INTERNAL, "nobody asks for more");
	crew_close(c);
}

/* The lowest descriptor that is free. */
static int
lowest(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

/* Fills the socket of a worker that reads nothing, so that what follows is queued. */
static void
fill(struct crew *c, int w)
{
	struct wire_create p = { .folder = "x" };
	int i;

	wire_head(&p.head, WIRE_CREATE, sizeof p, 1);
	for (i = 0; i < 10000 && c->w[w].first == NULL; i++)
		crew_send(c, w, &p);
	ok(c->w[w].first != NULL, "a full socket");
}

/* Descriptors are queued as duplicates. */
static void
test_queued(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "hang");
	struct wire_slots p = { .nslot = 1 };
	struct rlimit was, few;
	int w, fd, free_one;

	if (c == NULL)
		return;
	wire_head(&p.head, WIRE_SLOTS, sizeof p, 0);
	w = start(c, 0);
	ok(next(c, CREW_PACKET), "one that reads nothing");
	fill(c, w);
	free_one = lowest();
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	crew_send_fds(c, w, &p, &fd, 1);
	close(fd);
	ok(fcntl(free_one + 1, F_GETFD) != -1 && fcntl(free_one, F_GETFD) == -1, "it is kept by a duplicate");
	crew_kill(c, w);
	is_int(lowest(), free_one, "what was queued for one that is killed is closed");
	crew_send_fds(c, w, &p, &free_one, 1);
	ok(c->w[w].first == NULL, "and nothing is queued for it any more");
	ok(next(c, CREW_LOST), "lost");
	crew_kill(c, w);
	is_int(crew_count(c), 0, "to kill one that has gone is nothing");

	w = start(c, 0);
	ok(next(c, CREW_PACKET), "another");
	fill(c, w);
	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	few.rlim_cur = (rlim_t)lowest();
	setrlimit(RLIMIT_NOFILE, &few);
	crew_send_fds(c, w, &p, (const int[]){ 2 }, 1);
	setrlimit(RLIMIT_NOFILE, &was);
	ok(next(c, CREW_LOST), "when no descriptor is left for its files, it is lost");
	is_str(ev->fail.text, "msworker was stopped: no descriptor was left for its files", "with a reason");
	crew_close(c);
}

static void
test_heritage(void)
{
	struct options o = options();
	struct crew *c;
	const char *g;
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec, on purpose */

	setenv("MSTOOLS_CLIENT_SECRET", "hush", 1);
	setenv("TZ", "UTC", 1);
	c = open_crew(&o, "heritage");
	if (c == NULL)
		return;
	start(c, 0);
	if (ok(next(c, CREW_PACKET) && ev->packet->type == WIRE_ONLINE, "a worker that tells")) {
		g = ((const struct wire_online *)(const void *)ev->packet)->greeting;
		ok(strncmp(g, "fds 0 1 2 3; env", 16) == 0, "has its socket and stderr: %s", g);
		ok(strstr(g, "SECRET") == NULL, "no secrets");
		ok(strstr(g, " TZ=UTC") != NULL, "but the time zone");
	}
	crew_close(c);
	close(fd);
	unsetenv("MSTOOLS_CLIENT_SECRET");
}

static bool ahead; /* and it has its time to die before it is wanted */

static void
lost_one(const char *user, enum session_loss loss, enum err_kind kind, int sig, const char *text,
    unsigned packets)
{
	struct options o = options();
	struct crew *c = open_crew(&o, user);
	struct err e = ERR_INIT;
	unsigned n;

	if (c == NULL)
		return;
	if (ahead) {
		crew_ahead(c);
		poll(NULL, 0, 50);
		is_int(crew_next(c, 0, ev, &err), 0, "%s: nothing is told of one started ahead", user);
	}
	start(c, 0);
	for (n = 0; next(c, CREW_PACKET); n++)
		;
	is_int(n, packets, "%s: packets before the end", user);
	if (ok(ev->type == CREW_LOST, "%s: lost", user)) {
		is_int(ev->fail.loss, loss, "%s: loss", user);
		is_int(ev->signal, sig, "%s: signal", user);
		crew_lost_err(ev, &e);
		is_int(e.kind, kind, "%s: kind", user);
		is_str(e.text, text, "%s: text", user);
	}
	crew_close(c);
}

static void
test_slots(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "slots");
	struct wire_slots p = { .nslot = 100 };
	static _Alignas(16) char packet[256];
	struct wire_look *look = (struct wire_look *)(void *)packet;
	char path[PATH_MAX];
	int fd, dup[100], w, i, k;

	if (c == NULL)
		return;
	snprintf(path, sizeof path, "%.4000s/slot", t_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	w = start(c, 0);
	for (k = 0; k < 20; k++) {
		for (i = 0; i < 100; i++)
			dup[i] = fd;
		p.first = (uint32_t)k * 100;
		wire_head(&p.head, WIRE_SLOTS, sizeof p, 0);
		crew_send_fds(c, w, &p, dup, 100);
	}
	close(fd);
	wire_head(&look->head, WIRE_LOOK, sizeof *look + 6, 1);
	look->npattern = 1;
	look->len = 6;
	strcpy(look->patterns, "INBOX");
	crew_send(c, w, look);
	ok(next(c, CREW_PACKET) && ev->packet->type == WIRE_DONE, "2000 descriptors went over");
	is_int(ev->packet->job, 2000, "each was written to");
	crew_close(c);
}

static void
test_kill(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "hang");
	int a, b;

	if (c == NULL)
		return;
	a = start(c, 0);
	b = start(c, 0);
	ok(next(c, CREW_PACKET) && next(c, CREW_PACKET), "two that hang");
	c->w[a].silent = true;
	crew_kill(c, a);
	ok(next(c, CREW_LOST) && ev->worker == a && ev->signal == SIGKILL, "one is killed");
	is_int(ev->fail.loss, LOST_STREAM, "nobody's fault");
	ok(!ev->silent, "silent or not");
	crew_quit(c, b);
	ok(next(c, CREW_LOST) && ev->worker == b && ev->signal == SIGKILL && ev->quit,
	    "the other is, when it does not quit");
	start(c, 0);
	crew_close(c);
	ok(1, "and one that is left at the end");
}

/* Alive, and silent for ever. */
static void
test_silent(void)
{
	struct options o = options();
	struct crew *c;
	int64_t begun = now_ms();
	int a;

	o.timeout = 200;
	c = open_crew(&o, "hang");
	if (c == NULL)
		return;
	is_int(c->patience_ms, 400000, "twice --timeout");
	crew_close(c);
	o.timeout = 1;
	c = open_crew(&o, "hang");
	if (c == NULL)
		return;
	is_int(c->patience_ms, 300000, "but never less than five minutes");
	c->patience_ms = 2000;
	a = start(c, 0);
	ok(next(c, CREW_PACKET), "one that says hello, and then nothing");
	is_int(crew_next(c, 5000, ev, &err), 0, "gets time");
	is_int(crew_next(c, 30000, ev, &err), 1, "but not for ever");
	ok(ev->type == CREW_LOST && ev->worker == a && ev->signal == SIGKILL, "it is killed");
	is_str(ev->fail.text, "msworker gave no sign of life and was killed", "with a reason");
	ok(ev->silent && ev->fail.kind == ERR_AGAIN && ev->fail.loss == LOST_STREAM,
	    "as a connection that broke");
	ok(now_ms() - begun > 11000, "not before its time");
	crew_close(c);
}

/* What cannot be sent is not waited for: the worker would never answer. */
static void
test_deaf(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "deaf");
	struct wire_quit q;
	int a;

	if (c == NULL)
		return;
	a = start(c, 0);
	ok(next(c, CREW_PACKET), "one that takes nothing");
	wire_head(&q.head, WIRE_QUIT, sizeof q, 0);
	crew_send(c, a, &q);
	ok(next(c, CREW_LOST) && ev->worker == a && ev->signal == SIGKILL, "is killed");
	crew_close(c);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
test_waiting(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "hang");
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	int p[2], r = -1, i;

	if (c == NULL || pipe2(p, O_CLOEXEC) == -1)
		return;
	start(c, 0);
	next(c, CREW_PACKET);
	crew_watch(c, 1, p[0]);
	is_int(crew_next(c, 1, ev, &err), 0, "time is up");
	if (write(p[1], "x", 1) != 1)
		return;
	ok(next(c, CREW_FD) && ev->fd == p[0], "a watched descriptor");
	crew_watch(c, 1, -1);
	is_int(crew_next(c, 1, ev, &err), 0, "no longer");
	sigaction(SIGALRM, &sa, &old);
	for (i = 0; i < 100 && r != 0; i++) {
		alarm(1);
		r = crew_next(c, PATIENCE, ev, &err);
	}
	is_int(r, 0, "a caught signal ends the wait");
	sigaction(SIGALRM, &old, NULL);
	close(p[0]);
	close(p[1]);
	crew_close(c);
}

/* A parent that dies at once takes its worker along. */
static void
test_orphan(void)
{
	struct options o = options();
	int p[2], status = 0;
	pid_t parent, worker = 0, r;
	struct crew *c;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(p, O_CLOEXEC) == -1)
		return;
	fflush(stdout);
	parent = fork();
	if (parent == 0) {
		if (crew_open(&c, &o, "hang", &err) == -1 || start(c, 0) == -1 || !next(c, CREW_PACKET))
			_exit(1);
		worker = ((const struct wire_hello *)(const void *)ev->packet)->pid;
		if (write(p[1], &worker, sizeof worker) != sizeof worker)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	close(p[1]);
	ok(read(p[0], &worker, sizeof worker) == sizeof worker, "a worker of a parent that is killed");
	waitpid(parent, &status, 0);
	do
		r = waitpid(worker, &status, 0);
	while (r == -1 && errno == EINTR);
	ok(r == worker && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "dies with it");
	close(p[0]);
}

static void
test_no_worker(void)
{
	struct options o = options();
	char *was = xstrdup(getenv("MSTOOLS_WORKER")), path[PATH_MAX + 1];
	struct crew *c;

	setenv("MSTOOLS_WORKER", "/nonexistent/msworker", 1);
	is_int(crew_open(&c, &o, "u", &err), -1, "no msworker");
	is_int(err.kind, ERR_OS, "is an error of the system");
	ok(c == NULL, "and no crew");
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	setenv("MSTOOLS_WORKER", path, 1);
	is_int(crew_open(&c, &o, "u", &err), -1, "a path that is too long");
	is_int(err.sys, ENAMETOOLONG, "is called so");
	setenv("MSTOOLS_WORKER", was, 1);
	free(was);
}

/* It is there, and then the system does not run it. */
static void
test_unrunnable(void)
{
	static const struct {
		const char *text, *why;
		mode_t mode;
	} bad[] = {
		{ "#!/nonexistent/interpreter\n", "No such file or directory", 0755 },
		{ "\177ELF of another machine\n", "Exec format error", 0755 }, { "#!/bin/sh\n", NULL, 0644 },
		{ NULL, "Permission denied", 0755 }, /* a directory */
	};
	struct options o = options();
	char *was = xstrdup(getenv("MSTOOLS_WORKER")), *path, *text;
	struct crew *c;
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		path = xasprintf("%s/worker%zu", t_tmpdir(), i);
		f = bad[i].text != NULL ? fopen(path, "we") : NULL;
		if (f != NULL && fputs(bad[i].text, f) != EOF && fclose(f) == 0)
			chmod(path, bad[i].mode);
		else
			mkdir(path, bad[i].mode);
		setenv("MSTOOLS_WORKER", path, 1);
		if (bad[i].why == NULL) {
			is_int(crew_open(&c, &o, "u", &err), -1, "a worker that is not executable");
			is_str(err.subject, path, "is named");
		} else {
			text = xasprintf("cannot run the worker: %s", bad[i].why);
			lost_one("u", LOST_OTHER, ERR_OS, 0, text, 0);
			is_str(ev->fail.subject, path, "which worker");
			free(text);
		}
		free(path);
	}
	setenv("MSTOOLS_WORKER", was, 1);
	free(was);
}

static void
test_ahead(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "connect");

	if (c == NULL)
		return;
	crew_ahead(c);
	crew_ahead(c);
	is_int(crew_count(c), 1, "one is started ahead, and no second");
	is_int(start(c, CREW_IPV4 | CREW_NO_PIPELINE), 0, "it is the first worker");
	ok(next(c, CREW_PACKET) && ev->packet->type == WIRE_ONLINE, "and answers");
	is_str(((const struct wire_online *)(const void *)ev->packet)->greeting, "as it should be",
	    "told all");
	is_int(start(c, 0), 1, "the next is another");
	crew_ahead(c);
	is_int(crew_count(c), 3, "one more ahead");
	crew_close(c);
	is_int(waitpid(-1, NULL, WNOHANG), -1, "all are gone, with it that was never wanted");
	is_int(errno, ECHILD, "and reaped");
	ahead = true;
	lost_one("exit", LOST_OTHER, ERR_INTERNAL, 0, "msworker ended unexpectedly (status 3)", 0);
	test_unrunnable();
	ahead = false;
}

/* What the child has to do before it runs the worker takes descriptors, too. */
static void
test_few(void)
{
	struct options o = options();
	struct crew *c = open_crew(&o, "connect");
	struct rlimit was, few;
	int n, w;

	if (c == NULL)
		return;
	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	for (n = 2; n < 20; n++) { /* from those of the socket on */
		few.rlim_cur = (rlim_t)(lowest() + n);
		setrlimit(RLIMIT_NOFILE, &few);
		w = start(c, 0);
		setrlimit(RLIMIT_NOFILE, &was);
		if (!ok(w != -1, "%d descriptors: a child", n) || next(c, CREW_PACKET))
			break;
		ok(ev->type == CREW_LOST, "and no worker");
		is_str(ev->fail.text, "cannot run the worker: Too many open files", "with a reason");
	}
	ok(n > 2 && n < 20, "with more it runs");
	crew_close(c);
}

static void
test_trace(void)
{
	struct options o = options();
	char path[PATH_MAX], buf[32] = "";
	struct crew *c;
	int fd;

	snprintf(path, sizeof path, "%.4000s/trace", t_tmpdir());
	o.trace = path;
	c = open_crew(&o, "trace");
	if (c == NULL)
		return;
	start(c, 0);
	ok(next(c, CREW_LOST), "a worker that traces");
	crew_close(c);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ok(read(fd, buf, sizeof buf - 1) == 6, "wrote to the file");
	is_str(buf, "traced", "what it had to say");
	close(fd);
	o.trace = path;
	strcat(path, "/not/there");
	c = open_crew(&o, "trace");
	if (c == NULL)
		return;
	is_int(start(c, 0), -1, "a trace that cannot be opened is an error");
	is_str(err.subject, path, "which one");
	crew_close(c);
}

static void
test_backoff(void)
{
	unsigned i;
	int ms, good = 1;

	for (i = 0; i < 40; i++) {
		ms = crew_backoff_ms(i);
		good &= ms >= (i < 5 ? 500 << i : 15000) && ms <= (i < 5 ? 1000 << i : 30000);
	}
	ok(good, "pauses grow to 30 s");
}

int
main(int argc, char **argv)
{
	char self[PATH_MAX] = "";

	(void)argc;
	if (strcmp(argv[0], "msworker") == 0)
		return be_worker();
	if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
		return 1;
	setenv("MSTOOLS_WORKER", self, 1);
	ev = xmalloc(sizeof *ev);
	test_talk();
	test_told();
	test_refused();
	test_too_many();
	test_heritage();
	lost_one("fail", LOST_THROTTLED, ERR_AGAIN, 0, "slow down", 0);
	lost_one("flood", LOST_THROTTLED, ERR_AGAIN, 0, "slow down", 3000);
	lost_one("exit", LOST_OTHER, ERR_INTERNAL, 0, "msworker ended unexpectedly (status 3)", 0);
	lost_one("segv", LOST_PARSE, ERR_INTERNAL, SIGSEGV, "msworker died by signal SIGSEGV", 0);
	lost_one("junk", LOST_OTHER, ERR_INTERNAL, SIGKILL,
	    "msworker was stopped: it sent a malformed packet", 0);
	test_slots();
	test_queued();
	test_kill();
	test_silent();
	test_deaf();
	test_waiting();
	test_orphan();
	test_no_worker();
	test_unrunnable();
	test_ahead();
	test_few();
	test_trace();
	test_backoff();
	free(ev);
	return done_testing();
}
