/* Unit test of lib/entra/source: stdin is whatever each part puts there. */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "entra/source.h"
#include "entra/token.h"
#include "t.h"

static struct err err;
static struct options o;
static int feed = -1;

static void
put(const char *s)
{
	(void)!write_all(feed, s, strlen(s));
}

static void
eof(void)
{
	if (feed != -1)
		close(feed);
	feed = -1;
}

static void
stdin_is(int fd)
{
	if (fd == STDIN_FILENO)
		return;
	dup2(fd, STDIN_FILENO);
	close(fd);
}

static void
pipe_stdin(const char *s)
{
	int p[2] = { -1, -1 };

	eof();
	if (pipe2(p, O_CLOEXEC) == -1)
		skip_all("no pipe");
	stdin_is(p[0]);
	feed = p[1];
	put(s);
}

/* A file in a "while read" loop: the first line has been read already. */
static void
file_stdin(const char *s, off_t at)
{
	char path[4200];
	int fd;

	eof();
	snprintf(path, sizeof path, "%s/stdin", t_tmpdir());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unlink(path);
	(void)!write_all(fd, s, strlen(s));
	lseek(fd, at, SEEK_SET);
	stdin_is(fd);
}

static void
socket_stdin(const char *s)
{
	int p[2] = { -1, -1 };

	eof();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) == -1)
		skip_all("no sockets");
	stdin_is(p[0]);
	feed = p[1];
	put(s);
}

static char *
rest_of_stdin(void)
{
	static char buf[200];
	ssize_t n = read(STDIN_FILENO, buf, sizeof buf - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static struct source *
begin(enum opt_program p, const char *cmd, const char *file)
{
	static char buf[2][500];
	struct source *s = NULL;

	memset(&o, 0, sizeof o);
	o.program = p;
	if (cmd != NULL)
		o.token_cmd = memcpy(buf[0], cmd, strlen(cmd) + 1);
	if (file != NULL)
		o.token_file = memcpy(buf[1], file, strlen(file) + 1);
	err_clear(&err);
	if (source_open(&s, &o, &err) == -1)
		return NULL;
	return s;
}

static const char *
first(struct source *s)
{
	const struct secret *t = NULL;

	err_clear(&err);
	return source_token(s, &t, &err) == 0 ? t->s : NULL;
}

static const char *
next(struct source *s, int *r)
{
	const struct secret *t = NULL;

	err_clear(&err);
	*r = source_next(s, "refused", &t, &err);
	return t != NULL ? t->s : NULL;
}

static void
form(void)
{
	static const char *const good[] = { "a", "eyJ.eyJ.sig", "EwB4+/==", "t=EwB&p=", "~!" };
	static const char *const bad[] = { "", "/path", ".path", "a b", "a\tb", "a\r", "u@x", "\xc3\xa9",
		"a\x7f", "{\"access_token\":\"x\"}" };
	char *big = xmalloc(SOURCE_TOKEN_MAX + 1);

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ok(source_is_token(good[i], strlen(good[i])), "'%s' may be a token", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ok(!source_is_token(bad[i], strlen(bad[i])), "bad token %zu is none", i);
	memset(big, 'a', SOURCE_TOKEN_MAX + 1);
	ok(source_is_token(big, SOURCE_TOKEN_MAX), "64 KiB may be one");
	ok(!source_is_token(big, SOURCE_TOKEN_MAX + 1), "more may not");
	free(big);
}

static void
no_token(const char *input, const char *name)
{
	struct source *s;

	pipe_stdin(input);
	eof();
	s = begin(OPT_MSFETCH, NULL, NULL);
	is_str(first(s), NULL, "no token: %s", name);
	is_int(err.kind, ERR_CONFIG, "status 78");
	is_str(err.text, "no token on the first line of stdin (did mstoken fail?)",
	    "and nothing of the line");
	source_free(s);
}

static void
plain_stdin(void)
{
	struct source *s;
	int r;

	pipe_stdin("tok1\r\n");
	s = begin(OPT_MSFETCH, NULL, NULL);
	is_int(source_fd(s), -1, "nothing to poll before the first token");
	is_str(first(s), "tok1", "the first line, whatever its end");
	is_str(source_describe(s), "standard input", "where it is from");
	is_int(source_fd(s), 0, "stdin is to be polled");
	is_int(source_poll(s, &err), 0, "nothing newer yet");
	put("tok2\n\ntok3\nto");
	is_int(source_poll(s, &err), 1, "newer ones");
	is_str(first(s), "tok3", "the newest counts");
	put("k4\n");
	is_str(next(s, &r), "tok4", "the next one on demand");
	is_int(r, 1, "it is newer");
	put("not a token\n");
	is_int(source_poll(s, &err), -1, "a line that is none");
	ok(strstr(err.text, "not a") == NULL && strstr(err.text, "line 6") != NULL,
	    "is named by its number only");
	is_str(first(s), "tok4", "the old one stays");
	eof();
	is_str(next(s, &r), "tok4", "at the end");
	is_int(r, 0, "there is no other");
	is_int(source_fd(s), -1, "nor anything to poll");
	source_free(s);
	no_token("", "nothing at all");
	no_token("\n", "an empty line");
	no_token("mstoken: error\n", "a message");
	no_token("/a/path\n", "a path");
	no_token("u\tINBOX\t1\n", "a receipt");
	no_token("user@example.com\n", "a mailbox");
}

static void
no_stdin(void)
{
	struct source *s;

	eof();
	stdin_is(open("/dev/null", O_RDONLY));
	s = begin(OPT_MSLS, NULL, NULL);
	is_str(first(s), NULL, "/dev/null has no token");
	source_free(s);
	s = begin(OPT_MSLS, "echo cmdtok", NULL);
	is_str(first(s), "cmdtok", "the command has");
	source_free(s);
	close(STDIN_FILENO);
	s = begin(OPT_MSLS, NULL, NULL);
	is_str(first(s), NULL, "nor has a closed stdin");
	source_free(s);
	s = begin(OPT_MSLS, "echo cmdtok", NULL);
	is_str(first(s), "cmdtok", "the command still has");
	source_free(s);
	stdin_is(open("/dev/null", O_RDONLY));
}

static void
both(void)
{
	struct source *s;

	pipe_stdin("piped\nrest\n");
	s = begin(OPT_MSFETCH, "echo cmdtok", NULL);
	is_str(first(s), "piped", "a token on stdin goes before the command");
	source_free(s);
	pipe_stdin("a@x\nb@x\n");
	s = begin(OPT_MSFETCH, "echo cmdtok", NULL);
	is_str(first(s), "cmdtok", "a list of mailboxes on stdin is somebody else's");
	is_int(source_fd(s), -1, "it is not polled");
	is_str(rest_of_stdin(), "a@x\nb@x\n", "and nothing of it is taken: a pipe");
	source_free(s);
	socket_stdin("a@x\nb@x\n");
	s = begin(OPT_MSFETCH, "echo cmdtok", NULL);
	is_str(first(s), "cmdtok", "the command again");
	is_str(rest_of_stdin(), "a@x\nb@x\n", "nothing is taken: a socket");
	source_free(s);
	file_stdin("a@x\nb@x\nc@x\n", 4);
	s = begin(OPT_MSFETCH, "echo cmdtok", NULL);
	is_str(first(s), "cmdtok", "the command again");
	is_str(rest_of_stdin(), "b@x\nc@x\n", "nothing is taken: a file");
	source_free(s);
	file_stdin("filetok\n", 0);
	s = begin(OPT_MSFETCH, "echo cmdtok", NULL);
	is_str(first(s), "filetok", "a token in the file is taken");
	source_free(s);
}

static void
command(void)
{
	char cmd[600], count[200];
	struct source *s;
	int r;

	stdin_is(open("/dev/null", O_RDONLY));
	snprintf(count, sizeof count, "%s/count", t_tmpdir());
	snprintf(cmd, sizeof cmd, "echo x >>%s; echo tok$(wc -l <%s).${MSTOOLS_REFUSED-none}", count, count);
	s = begin(OPT_MSFETCH, cmd, NULL);
	is_str(first(s), "tok1.none", "the command's first token");
	is_str(first(s), "tok1.none", "is asked for once");
	/* printf tok1.none | sha256sum */
	is_str(next(s, &r), "tok2.d1d2bdab0fb198ae", "the next one: it is told which one was refused");
	is_int(r, 1, "and is newer");
	source_free(s);
	s = begin(OPT_MSFETCH, "echo same", NULL);
	first(s);
	is_str(next(s, &r), "same", "the same one again");
	is_int(r, 0, "is none");
	source_free(s);
	s = begin(OPT_MSFETCH, "exit 75", NULL);
	is_str(first(s), NULL, "a command that fails");
	is_int(err.kind, ERR_AGAIN, "passes its status on");
	source_free(s);
	s = begin(OPT_MSFETCH, "echo some words", NULL);
	is_str(first(s), NULL, "a command that prints something else");
	is_int(err.kind, ERR_CONFIG, "is wrong");
	ok(strstr(err.text, "words") == NULL, "and is not quoted");
	source_free(s);
	s = begin(OPT_MSFETCH, ":", NULL);
	is_str(first(s), NULL, "or nothing");
	source_free(s);
}

static void
client_secret(void)
{
	struct source *s;

	stdin_is(open("/dev/null", O_RDONLY));
	setenv("MSTOOLS_CLIENT_SECRET", "sesame", 1);
	s = begin(OPT_MSFETCH, "echo tok.$MSTOOLS_CLIENT_SECRET", NULL);
	is_str(getenv("MSTOOLS_CLIENT_SECRET"), NULL, "the client secret is out of the environment");
	is_str(first(s), "tok.sesame", "but the token command gets it");
	source_free(s);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f != NULL) {
		fputs(text, f);
		fclose(f);
	}
	chmod(path, 0600);
}

static void
file(void)
{
	char path[200], *big;
	struct source *s;
	int r;

	stdin_is(open("/dev/null", O_RDONLY));
	snprintf(path, sizeof path, "%s/tok", t_tmpdir());
	s = begin(OPT_MSFETCH, NULL, path);
	is_str(first(s), NULL, "no such file");
	is_int(err.kind, ERR_CONFIG, "is an error");
	write_file(path, "tok1");
	is_str(first(s), NULL, "and stays one");
	is_int(err.kind, ERR_CONFIG, "of the same kind");
	source_free(s);
	s = begin(OPT_MSFETCH, NULL, path);
	is_str(first(s), "tok1", "a file without a line end");
	is_str(source_describe(s), path, "where it is from");
	is_str(next(s, &r), "tok1", "unchanged");
	is_int(r, 0, "has no newer one");
	write_file(path, "tok1\ntok2\r\ntok3");
	is_str(next(s, &r), "tok2", "the last whole line is the newest");
	is_int(r, 1, "it is read again");
	chmod(path, 0644);
	next(s, &r);
	is_int(r, -1, "not if others can read it");
	ok(strstr(err.text, "chmod 600") != NULL, "which is said");
	source_free(s);
	big = xmalloc(400001);
	memset(big, 'x', 400000);
	for (size_t i = 100; i < 400000; i += 100)
		big[i] = '\n';
	memcpy(big + 399990, "\nnewest\n\0", 9);
	write_file(path, big);
	s = begin(OPT_MSFETCH, NULL, path);
	is_str(first(s), "newest", "of a long file the end is read");
	source_free(s);
	free(big);
}

static void
receipts(const char *cmd, const char *input, const char *want, const char *name)
{
	struct source *s;
	size_t len;
	char *line = NULL;

	pipe_stdin(input);
	eof();
	s = begin(OPT_MSMARK, cmd, NULL);
	is_str(first(s), want, "%s: the token", name);
	is_int(source_fd(s), -1, "stdin is not polled");
	is_int(source_line(s, &line, &len, &err), 1, "a receipt");
	is_str(line, "u\tINBOX\t1", "the first");
	is_int(source_lineno(s), strchr(input, 'u') == input ? 1 : 2, "its line");
	is_int(source_line(s, &line, &len, &err), 1, "another");
	is_str(line, "/a/path", "the second");
	is_int(source_line(s, &line, &len, &err), 0, "no more");
	source_free(s);
}

static void
mark(void)
{
	static char name[] = "receipts", *args[] = { name, NULL };
	struct source *s;

	receipts(NULL, "tok1\nu\tINBOX\t1\n/a/path\n", "tok1", "token and receipts");
	receipts("echo cmdtok", "tok1\nu\tINBOX\t1\n/a/path\n", "tok1", "the same with a command");
	receipts("echo cmdtok", "u\tINBOX\t1\n/a/path\n", "cmdtok", "receipts alone");
	pipe_stdin("tok1\ntok2\n");
	s = begin(OPT_MSMARK, NULL, NULL);
	o.args = args;
	o.nargs = 1;
	source_free(s);
	source_open(&s, &o, &err);
	is_str(first(s), "tok1", "files named: the token is on stdin");
	is_int(source_poll(s, &err), 1, "and newer ones after it");
	source_free(s);
}

int
main(void)
{
	form();
	plain_stdin();
	no_stdin();
	both();
	command();
	client_secret();
	file();
	mark();
	eof();
	return done_testing();
}
