/* loss: what follows from each way to lose a connection, without a connection. */
#include "tool/loss.h"

#include <signal.h>

#include "t.h"
#include "tool/link.h"

static struct options o;
static struct loss l;
static struct loss_lane lane;

/* The judgement on a fail packet of that kind. */
static struct verdict
judge(enum session_loss loss, enum err_kind kind, enum err_stage stage, unsigned in_flight, struct err *why)
{
	struct crew_event ev = { .type = CREW_LOST };

	ev.fail.loss = loss;
	ev.fail.kind = kind;
	ev.fail.stage = stage;
	ev.fail.in_flight = in_flight;
	*why = (struct err){ .kind = kind, .stage = stage };
	return loss_judge(&l, &lane, &ev, why);
}

static struct verdict
killed(int sig, struct err *why)
{
	struct crew_event ev = { .type = CREW_LOST, .signal = sig };

	*why = (struct err){ .kind = ERR_INTERNAL };
	return loss_judge(&l, &lane, &ev, why);
}

static void
reset(bool ever_up)
{
	l = (struct loss){ .o = &o, .user = "box@contoso.example", .ever_up = ever_up };
	lane = (struct loss_lane){ .token = 0 };
}

static void
test_stream(void)
{
	struct err why;
	unsigned n;

	reset(false);
	ok(!judge(LOST_OTHER, ERR_UNAVAIL, STAGE_TCP, 0, &why).again,
	    "nobody answers at the first attempt: no other");
	is_int(why.kind, ERR_UNAVAIL, "69");
	reset(true);
	for (n = 0; judge(LOST_STREAM, ERR_AGAIN, STAGE_FETCH, 1, &why).again && n < 100; n++)
		;
	is_int(n, LINK_ATTEMPTS, "a broken connection is made again so many times");
	is_int(why.kind, ERR_AGAIN, "then 75");
	reset(true);
	judge(LOST_OTHER, ERR_UNAVAIL, STAGE_TCP, 0, &why);
	l.attempts = LINK_ATTEMPTS;
	judge(LOST_OTHER, ERR_UNAVAIL, STAGE_TCP, 0, &why);
	is_int(why.kind, ERR_AGAIN, "a server that was there and is not: 75");
	ok(judge(LOST_BUDGET, ERR_AGAIN, STAGE_FETCH, 0, &why).again,
	    "a spent budget of errors: another connection");
}

static void
test_serial(void)
{
	struct err why;

	reset(true);
	judge(LOST_STREAM, ERR_AGAIN, STAGE_FETCH, 1, &why);
	ok(!l.serial, "one command in flight: its number is not to blame");
	lane.paired = true;
	judge(LOST_STREAM, ERR_AGAIN, STAGE_FETCH, 2, &why);
	ok(!l.serial, "nor are two, where two have been answered before");
	lane.paired = false;
	judge(LOST_STREAM, ERR_AGAIN, STAGE_FETCH, 2, &why);
	ok(l.serial, "two in flight and never answered: one at a time from now on");
	reset(true);
	ok(judge(LOST_BAD, ERR_PROTO, STAGE_LOGIN, 1, &why).again && l.two_step,
	    "BAD to the login: in two steps");
}

static void
test_suspect(void)
{
	struct err why;
	struct verdict v;
	unsigned n;

	reset(true);
	v = judge(LOST_PARSE, ERR_PROTO, STAGE_FETCH, 1, &why);
	ok(v.again && v.suspect && v.pause_ms == 0, "a reply beyond the parser: the message is suspect");
	v = killed(SIGSEGV, &why);
	ok(v.again && v.suspect, "so it is after SIGSEGV");
	v = killed(SIGKILL, &why);
	ok(v.again && !v.suspect, "but not after SIGKILL");
	ok(!killed(SIGSYS, &why).again, "SIGSYS ends the run");
	is_int(why.kind, ERR_INTERNAL, "70");
	for (n = 0; killed(SIGABRT, &why).again && n < 100; n++)
		;
	ok(n < 100, "a server that breaks every worker is given up");
	is_int(why.kind, ERR_AGAIN, "75");
}

static void
test_refusals(void)
{
	struct err why;
	int n;

	reset(false);
	ok(judge(LOST_NOT_CONNECTED, ERR_REFUSED, STAGE_FIRST, 1, &why).again, "not connected: once more");
	ok(!l.ipv4, "the same way");
	ok(judge(LOST_NOT_CONNECTED, ERR_REFUSED, STAGE_FIRST, 1, &why).again && l.ipv4, "then over IPv4");
	ok(!judge(LOST_NOT_CONNECTED, ERR_REFUSED, STAGE_FIRST, 1, &why).again, "then no more");
	is_int(why.kind, ERR_REFUSED, "77");
	reset(false);
	lane.token = 0;
	l.token = 1;
	ok(judge(LOST_REFUSED, ERR_REFUSED, STAGE_LOGIN, 1, &why).again,
	    "an old token was refused: the newer one is tried");
	ok(!judge(LOST_OTHER, ERR_PROTO, STAGE_TLS, 0, &why).again, "a bad certificate: no other try");
	is_int(why.kind, ERR_PROTO, "76");
	for (n = 0; judge(LOST_EXPIRED, ERR_AGAIN, STAGE_FOLDER, 1, &why).again && n < 100; n++)
		;
	is_int(n, LINK_ATTEMPTS, "tokens that all have expired before anything is answered: given up");
	is_int(why.kind, ERR_AGAIN, "75");
	lane.answered = true;
	for (n = 0; judge(LOST_EXPIRED, ERR_AGAIN, STAGE_FETCH, 1, &why).again && n < 16; n++)
		;
	is_int(n, 16, "but sixteen connections that did their work may end with one token");
	lane.answered = false;
}

static void
test_throttled(void)
{
	struct crew_event ev = { .type = CREW_LOST };
	struct err why = { .kind = ERR_AGAIN };
	struct verdict v;
	int n;

	reset(true);
	ev.fail.loss = LOST_THROTTLED;
	ev.fail.throttle_ms = 1500;
	o.max_backoff = 2;
	v = loss_judge(&l, &lane, &ev, &why);
	ok(v.again && v.pause_ms == 2000, "a short throttling is waited for");
	o.cache_dir = xasprintf("%s/cache", t_tmpdir());
	o.host = xstrdup("imap.example");
	for (n = 1; loss_judge(&l, &lane, &ev, &why).again && n < 100; n++)
		;
	is_int(n, LINK_ATTEMPTS, "but not for ever, one after the other");
	is_int(why.kind, ERR_AGAIN, "75");
	l.attempts = 0;
	ev.fail.throttle_ms = 92415;
	v = loss_judge(&l, &lane, &ev, &why);
	ok(!v.again && why.kind == ERR_AGAIN, "a long one ends the run with 75");
	free(o.cache_dir);
	free(o.host);
}

int
main(void)
{
	o.max_backoff = 60;
	test_stream();
	test_serial();
	test_suspect();
	test_refusals();
	test_throttled();
	return done_testing();
}
