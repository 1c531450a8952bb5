/* Unit test of lib/entra/linebuf. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "entra/linebuf.h"
#include "t.h"

static struct err err;
static char *line;
static size_t len;
static int feed = -1;

static void
begin(struct linebuf *l)
{
	int p[2] = { -1, -1 };

	if (pipe(p) == -1)
		skip_all("no pipe");
	*l = (struct linebuf)LINEBUF_INIT(p[0], 10);
	feed = p[1];
}

static void
end(struct linebuf *l)
{
	if (feed != -1)
		close(feed);
	close(l->fd);
	linebuf_release(l);
}

static void
put(const char *s)
{
	(void)!write_all(feed, s, strlen(s));
}

static void
eof(void)
{
	close(feed);
	feed = -1;
}

static void
simple(void)
{
	struct linebuf l;

	begin(&l);
	is_int(linebuf_fill(&l, 0, &err), 0, "nothing to read, and no waiting");
	put("one\ntwo\nthr");
	is_int(linebuf_take(&l, &line, &len, &err), 0, "nothing is read without being asked for");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "a line");
	is_str(line, "one", "the first");
	is_int(l.lineno, 1, "its number");
	linebuf_untake(&l);
	is_int(l.lineno, 0, "given back");
	is_int(linebuf_take(&l, &line, &len, &err), 1, "taken again");
	is_str(line, "one", "the same");
	is_int(linebuf_take(&l, &line, &len, &err), 1, "the next one is in the buffer");
	is_str(line, "two", "the second");
	is_int(linebuf_take(&l, &line, &len, &err), 0, "half a line is none");
	is_int(linebuf_next(&l, 0, &line, &len, &err), 0, "nor in no time");
	put("ee\n\nlast");
	eof();
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "until it is whole");
	is_str(line, "three", "the third");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "an empty one");
	is_int(len, 0, "has no length");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "the end of the file ends a line");
	is_str(line, "last", "the last");
	linebuf_untake(&l);
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "that one can be given back, too");
	is_str(line, "last", "unchanged");
	is_int(l.lineno, 5, "the fifth");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 0, "the end");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 0, "is the end");
	end(&l);
}

static void
long_lines(void)
{
	struct linebuf l;

	begin(&l);
	put("1234567890\n12345678901\n");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "as long as may be");
	is_int(linebuf_next(&l, -1, &line, &len, &err), -1, "one byte more");
	is_int(err.kind, ERR_DATA, "is bad data");
	ok(strstr(err.text, "line 2") != NULL, "with its number");
	put("0123456789abcdefghij");
	is_int(linebuf_next(&l, 0, &line, &len, &err), 0, "an endless line");
	put("klmnopqrst\nnext\n");
	is_int(linebuf_next(&l, -1, &line, &len, &err), -1, "ends some day");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "and the next one");
	is_str(line, "next", "is whole");
	put("0123456789abcdefghij");
	eof();
	is_int(linebuf_next(&l, -1, &line, &len, &err), -1, "or the file does");
	is_int(linebuf_next(&l, -1, &line, &len, &err), 0, "then it is the end");
	end(&l);
}

static void
other(void)
{
	volatile sig_atomic_t stop = 1;
	struct linebuf l;

	begin(&l);
	(void)!write_all(feed, "a\0b\n", 4);
	is_int(linebuf_next(&l, -1, &line, &len, &err), 1, "a line with a NUL");
	is_int(len, 3, "tells its length");
	l.stop = &stop;
	is_int(linebuf_next(&l, -1, &line, &len, &err), -1, "a stop");
	is_int(err.sys, EINTR, "ends the waiting");
	end(&l);
	l = (struct linebuf)LINEBUF_INIT(feed, 10);
	is_int(linebuf_next(&l, -1, &line, &len, &err), -1, "a closed descriptor");
	is_int(err.kind, ERR_IO, "cannot be read");
	linebuf_release(&l);
}

int
main(void)
{
	simple();
	long_lines();
	other();
	return done_testing();
}
