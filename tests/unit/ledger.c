/* ledger: whole lines into files and pipes that misbehave. */
#include "tool/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>

#include "base/file.h"
#include "t.h"

static struct receipt r = { .user = "box@contoso.example",
	.folder = "INBOX",
	.uidvalidity = 14,
	.bytes = 5,
	.path = "/m/new/1" };

static int
open_new(const char *name, const char *content, int flags)
{
	char *path = xasprintf("%s/%s", t_tmpdir(), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	write_all(fd, content, strlen(content));
	close(fd);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	free(path);
	return fd;
}

static void
content(const char *name, struct str *s)
{
	char *path = xasprintf("%s/%s", t_tmpdir(), name);

	str_clear(s);
	file_read(path, 1 << 24, s, NULL);
	free(path);
}

static void
add(struct ledger *l, unsigned n)
{
	struct err e = ERR_INIT;

	for (unsigned i = 0; i < n; i++) {
		r.uid = i + 1;
		if (ledger_add(l, &r, &e) == -1)
			break;
	}
}

static void
test_file(void)
{
	struct err e = ERR_INIT;
	struct str s = STR_INIT;
	int fd = open_new("torn", "whole\ntor", O_APPEND);
	struct ledger *l = ledger_new(fd, RECEIPT_TSV, false);

	is_int(ledger_flush(l, &e), 0, "nothing to write");
	content("torn", &s);
	is_str(s.s, "whole\ntor", "nothing is written");
	add(l, 1);
	is_int(ledger_flush(l, &e), 0, "a receipt after a torn line");
	content("torn", &s);
	ok(strncmp(s.s, "whole\ntor\nbox@", 14) == 0, "the torn line is ended first");
	add(l, 1000);
	is_int(ledger_flush(l, &e), 0, "a thousand more");
	content("torn", &s);
	ok(s.s[s.len - 1] == '\n', "the last is whole");
	ledger_free(l);
	close(fd);

	fd = open_new("null", "a", O_APPEND);
	l = ledger_new(fd, RECEIPT_PATH0, false);
	add(l, 2);
	ledger_flush(l, &e);
	content("null", &s);
	is_int(s.len, 2 + 2 * 9, "-0: NUL ends what was torn, and each path");
	ledger_free(l);
	close(fd);

	fd = open_new("quiet", "", O_APPEND);
	l = ledger_new(fd, RECEIPT_TSV, true);
	add(l, 10);
	is_int(ledger_flush(l, &e), 0, "quiet");
	content("quiet", &s);
	is_int(s.len, 0, "writes nothing");
	ledger_free(l);
	close(fd);
	str_release(&s);
}

/* Reads whatever is there. */
static void
drain(int fd, struct str *s)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[PIPE_BUF];
	ssize_t n;

	while (poll(&p, 1, 0) == 1 && (n = read(fd, buf, sizeof buf)) > 0)
		str_add(s, buf, (size_t)n);
}

static void
test_pipe(void)
{
	struct err e = ERR_INIT;
	struct str s = STR_INIT;
	struct ledger *l;
	int p[2];

	ok(pipe2(p, O_CLOEXEC) == 0, "a pipe");
	l = ledger_new(p[1], RECEIPT_TSV, false);
	add(l, 200);
	is_int(ledger_flush(l, &e), 0, "200 receipts");
	drain(p[0], &s);
	ok(s.len > 0 && s.s[s.len - 1] == '\n', "end with a whole line");
	close(p[0]);
	add(l, 1);
	is_int(ledger_flush(l, &e), -1, "nobody reads");
	is_int(e.sys, EPIPE, "EPIPE");
	is_int(e.kind, ERR_IO, "74");
	ledger_free(l);
	close(p[1]);
	str_release(&s);
}

/* A reader that is there and takes nothing holds up nobody who has been told to stop. */
static void
test_stuck(void)
{
	volatile sig_atomic_t stop = 1;
	struct err e = ERR_INIT;
	struct ledger *l;
	int p[2];

	ok(pipe2(p, O_CLOEXEC) == 0, "a pipe that nobody empties");
	l = ledger_new(p[1], RECEIPT_TSV, false);
	ledger_set_stop(l, &stop);
	add(l, 2);
	is_int(ledger_flush(l, &e), 0, "told to stop: what fits is written");
	ok(fcntl(p[1], F_SETPIPE_SZ, 4096) > 0, "a small one");
	add(l, 200);
	is_int(ledger_flush(l, &e), -1, "what does not fit is given up");
	is_int(e.sys, EINTR, "EINTR");
	ledger_free(l);
	close(p[0]);
	close(p[1]);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_file();
	test_pipe();
	test_stuck();
	return done_testing();
}
