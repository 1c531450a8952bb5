/* Packets: good ones pass, each hostile one does not. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "crew/wire.h"
#include "t.h"

static _Alignas(16) char buf[WIRE_MAX + 64];

static void *
packet(enum wire_type type, size_t size)
{
	memset(buf, 0, sizeof buf);
	wire_head((struct wire_head *)(void *)buf, type, size, 7);
	return buf;
}

static int
check(size_t n, int from_worker)
{
	return wire_check(buf, n, from_worker);
}

static void
test_head(void)
{
	struct wire_head *h = packet(WIRE_QUIT, sizeof(struct wire_quit));

	is_int(check(sizeof(struct wire_quit), 0), 0, "a good one");
	is_int(check(sizeof(struct wire_quit), 1), -1, "not from the worker");
	is_int(check(sizeof(struct wire_quit) - 1, 0), -1, "too short for its head");
	is_int(check(sizeof(struct wire_quit) + 1, 0), -1, "longer than it says");
	h->version++;
	is_int(check(sizeof(struct wire_quit), 0), -1, "another version");
	h->version--;
	h->type = 0;
	is_int(check(sizeof(struct wire_quit), 0), -1, "type 0");
	h->type = 30;
	is_int(check(sizeof(struct wire_quit), 0), -1, "a type between the two sides");
	h->type = WIRE_FAIL + 1;
	is_int(check(sizeof(struct wire_quit), 0), -1, "a type beyond the last");
	h->type = UINT16_MAX;
	is_int(check(sizeof(struct wire_quit), 0), -1, "the highest type");
	packet(WIRE_BEGIN, sizeof(struct wire_begin));
	is_int(check(sizeof(struct wire_begin), 1), 0, "from the worker");
	is_int(check(sizeof(struct wire_begin), 0), -1, "not from the parent");
}

static void
test_counts(void)
{
	size_t n = sizeof(struct wire_rows) + 2 * sizeof(struct wire_row);
	struct wire_rows *r = packet(WIRE_ROWS, n);
	struct wire_uids *u;

	r->n = 2;
	r->row[0].uid = r->row[1].uid = 5;
	is_int(check(n, 1), 0, "two rows");
	r->row[1].uid = 0;
	is_int(check(n, 1), -1, "a UID of 0");
	r->row[1].uid = 5;
	r->n = 3;
	is_int(check(n, 1), -1, "three rows said, two there");
	r->n = 1;
	is_int(check(n, 1), -1, "one row said, two there");
	r->n = UINT32_MAX;
	is_int(check(n, 1), -1, "a count that overflows");
	r->n = 0x10000002u;
	is_int(check(n, 1), -1, "a count that wraps to the size");

	n = sizeof(struct wire_uids) + 3 * sizeof(uint32_t);
	u = packet(WIRE_UIDS, n);
	u->n = 3;
	u->uid[0] = u->uid[1] = u->uid[2] = 1;
	is_int(check(n, 1), 0, "three UIDs");
	u->uid[2] = 0;
	is_int(check(n, 1), -1, "one of them 0");
}

static void
test_ranges(void)
{
	size_t n = sizeof(struct wire_fetch) + 2 * sizeof(struct wire_range);
	struct wire_fetch *f = packet(WIRE_FETCH, n);
	struct wire_move *m;

	f->nrange = 2;
	f->range[0] = (struct wire_range){ 1, 1 };
	f->range[1] = (struct wire_range){ 5, UINT32_MAX };
	memset(f->folder, 'x', sizeof f->folder);
	is_int(check(n, 0), 0, "two ranges");
	is_int(strlen(f->folder), WIRE_NAME - 1, "the name is terminated");
	f->range[1].hi = 4;
	is_int(check(n, 0), -1, "a range that runs backwards");
	f->range[1] = (struct wire_range){ 0, 4 };
	is_int(check(n, 0), -1, "a range from 0");
	packet(WIRE_FETCH, sizeof *f);
	is_int(check(sizeof *f, 0), -1, "no range at all");

	n = sizeof *m + sizeof(struct wire_range);
	m = packet(WIRE_MOVE, n);
	m->nrange = 1;
	m->range[0] = (struct wire_range){ 1, 1 };
	m->how = MOVE_EXPUNGE;
	is_int(check(n, 0), 0, "a move");
	m->how = MOVE_EXPUNGE + 1;
	is_int(check(n, 0), -1, "an unknown way");
}

static void
test_patterns(void)
{
	size_t n = sizeof(struct wire_look) + 8;
	struct wire_look *l = packet(WIRE_LOOK, n);

	l->len = 8;
	l->npattern = 1;
	l->nexclude = 1;
	memcpy(l->patterns, "INBOX\0a", 8);
	is_int(check(n, 0), 0, "two patterns");
	l->npattern = 2;
	is_int(check(n, 0), -1, "three said, two there");
	l->npattern = 0;
	l->nexclude = 2;
	is_int(check(n, 0), -1, "none wanted");
	l->npattern = l->nexclude = 1;
	memcpy(l->patterns, "I\0BOX\0ab", 8);
	is_int(check(n, 0), -1, "the last one has no end");
}

static void
test_texts(void)
{
	struct wire_fail *f = packet(WIRE_FAIL, sizeof *f);
	struct wire_folder *d;
	struct wire_header *h;
	size_t i;

	f->kind = ERR_AGAIN;
	strcpy(f->text, "a\033[2Jb\nc");
	memset(f->subject, 'x', sizeof f->subject);
	is_int(check(sizeof *f, 1), 0, "a failure");
	is_str(f->text, "a?[2Jb?c", "its text is made printable");
	is_int(strlen(f->subject), sizeof f->subject - 1, "and terminated");
	for (i = 0; i < 4; i++) {
		f->kind = i == 0 ? ERR_NONE : i == 1 ? ERR_KINDS : ERR_AGAIN;
		f->stage = i == 2 ? STAGES : STAGE_NONE;
		f->loss = i == 3 ? LOST_KINDS : LOST_OTHER;
		is_int(check(sizeof *f, 1), -1, "an enum out of range");
	}
	d = packet(WIRE_FOLDER, sizeof *d);
	is_int(check(sizeof *d, 1), -1, "a folder without name");
	memset(d->raw, 'r', sizeof d->raw);
	memset(d->name, 'n', sizeof d->name);
	is_int(check(sizeof *d, 1), 0, "a folder");
	is_int(strlen(d->raw) + strlen(d->name), 2 * WIRE_NAME - 2, "both names are terminated");
	d->state = FOLDER_STATES;
	is_int(check(sizeof *d, 1), -1, "an unknown state");
	h = packet(WIRE_HEADER, sizeof *h);
	memset(h->from, 'f', sizeof h->from + sizeof h->subject);
	h->row.uid = 1;
	is_int(check(sizeof *h, 1), 0, "a header");
	is_int(strlen(h->from), sizeof h->from - 1, "its fields are terminated");
	is_int(strlen(h->subject), sizeof h->subject - 1, "both");
}

static void
test_connect(void)
{
	struct wire_connect *c = packet(WIRE_CONNECT, sizeof *c);

	c->port = 993;
	is_int(check(sizeof *c, 0), -1, "without token");
	c->token_len = WIRE_TOKEN + 1;
	is_int(check(sizeof *c, 0), -1, "with one that is too long");
	c->token_len = 10;
	memset(c->host, 'h', sizeof c->host);
	is_int(check(sizeof *c, 0), 0, "a connect");
	is_int(strlen(c->host), sizeof c->host - 1, "its host is terminated");
	c->npattern = 1;
	is_int(check(sizeof *c, 0), -1, "a pattern said, none there");
	c->patterns_len = 3;
	memcpy(c->patterns, "ab", 3);
	is_int(check(sizeof *c, 0), 0, "with a pattern");
	c->patterns_len = WIRE_EXPECT + 1;
	is_int(check(sizeof *c, 0), -1, "patterns that are too long");
	c->patterns_len = 3;
	c->port = 65536;
	is_int(check(sizeof *c, 0), -1, "no such port");
}

/* Each packet type with random bytes behind a good head: no crash, whatever it says. */
static void
test_random(void)
{
	static const size_t sizes[] = { sizeof(struct wire_head), 24, 32, 96, 1064, 1344, 3116, 3120, 38704,
		WIRE_MAX };
	uint32_t seed = 1;
	size_t i, k, type;

	for (type = 0; type <= WIRE_FAIL + 2; type++) {
		for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			packet((enum wire_type)type, sizes[i]);
			for (k = sizeof(struct wire_head); k < sizes[i]; k++) {
				seed = seed * 1664525u + 1013904223u;
				buf[k] = (char)(seed >> 24);
			}
			check(sizes[i], 0);
			check(sizes[i], 1);
		}
	}
	ok(1, "random packets");
}

static void
test_sockets(void)
{
	int s[2], fds[4], got[WIRE_SLOTS_MAX], i;
	size_t nfd = WIRE_SLOTS_MAX;
	struct wire_slots *p = packet(WIRE_SLOTS, sizeof *p);
	static char big[WIRE_MAX + 64];

	if (!is_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0, "a socket pair"))
		return;
	for (i = 0; i < 4; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	p->nslot = 4;
	is_int(wire_send(s[0], p, fds, 4, 0), 0, "sent with descriptors");
	is_int(wire_recv(s[1], buf, got, &nfd, MSG_DONTWAIT), sizeof *p, "received");
	is_int(nfd, 4, "with four");
	for (i = 0; i < (int)nfd; i++) {
		is_int(fcntl(got[i], F_GETFD), FD_CLOEXEC, "close-on-exec");
		close(got[i]);
	}
	nfd = WIRE_SLOTS_MAX;
	is_int(wire_recv(s[1], buf, got, &nfd, MSG_DONTWAIT), -1, "nothing more");
	is_int(errno, EAGAIN, "try again");
	packet(WIRE_SLOTS, sizeof *p);
	is_int(wire_send(s[0], buf, fds, 4, 0), 0, "descriptors for one who wants none");
	is_int(wire_recv(s[1], buf, NULL, NULL, MSG_DONTWAIT), -1, "are an error");
	is_int(errno, EBADMSG, "of form");
	is_int(send(s[0], big, sizeof big, 0), sizeof big, "a packet that is too long");
	is_int(wire_recv(s[1], buf, NULL, NULL, MSG_DONTWAIT), -1, "is an error");
	is_int(errno, EBADMSG, "of form");
	close(s[0]);
	is_int(wire_recv(s[1], buf, NULL, NULL, MSG_DONTWAIT), 0, "the end");
	packet(WIRE_QUIT, sizeof(struct wire_quit));
	is_int(wire_send(s[1], buf, NULL, 0, 0), -1, "nobody there");
	is_int(errno, EPIPE, "no signal, an error");
	close(s[1]);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

int
main(void)
{
	test_head();
	test_counts();
	test_ranges();
	test_patterns();
	test_texts();
	test_connect();
	test_random();
	test_sockets();
	return done_testing();
}
