#include "tool/loss.h"

#include <signal.h>

#include "base/backoff.h"
#include "base/log.h"
#include "tool/link.h"

#define REFUSALS_MAX 2 /* fresh tokens refused in a row: another one will not help */

/* The source's next token in place of the one that lane had, unless another lane has got it already. */
static int
next_token(struct loss *l, const struct loss_lane *lane, const char *why, struct err *err)
{
	const struct secret *token;
	int n;

	if (lane->token != l->token)
		return 1;
	if ((n = source_next(l->source, why, &token, err)) == 1)
		l->token++;
	return n;
}

static struct verdict
again(int pause_ms)
{
	return (struct verdict){ .again = true, .pause_ms = pause_ms };
}

static struct verdict
give_up(struct err *why, enum err_kind kind)
{
	why->kind = kind;
	return (struct verdict){ .again = false };
}

static struct verdict
judge_token(struct loss *l, const struct loss_lane *lane, bool expired, struct err *why)
{
	struct err err = ERR_INIT;
	enum err_kind kind = expired ? ERR_AGAIN : ERR_REFUSED;
	int n;

	if (expired ? l->attempts++ >= LINK_ATTEMPTS : ++l->refusals > REFUSALS_MAX)
		return give_up(why, kind);
	n = next_token(l, lane, expired ? "the token has expired" : "the token was refused", &err);
	if (n == 1)
		return again(0);
	if (n == -1) {
		log_v(1, "%s", why->text);
		*why = err; /* a token command's exit status is passed on */
		kind = err.kind;
	}
	return give_up(why, kind);
}

static struct verdict
judge_unconnected(struct loss *l, struct err *why)
{
	if (l->unconnected++ == 0)
		return again(crew_backoff_ms(1));
	if (l->o->family != 6 && l->o->family != 4 && !l->ipv4) {
		l->ipv4 = true;
		return again(0);
	}
	return give_up(why, ERR_REFUSED);
}

static struct verdict
judge_throttled(struct loss *l, uint32_t ms, struct err *why)
{
	unsigned secs = ms / 1000 + (ms % 1000 != 0);
	struct err err = ERR_INIT;

	if (secs <= l->o->max_backoff && l->attempts++ < LINK_ATTEMPTS) {
		log_v(1, "throttled: waiting %u seconds, as the server asked", secs);
		return again((int)(secs * 1000));
	}
	if (backoff_note(l->o->cache_dir, l->user, l->o->host, secs, &err) == -1)
		log_v(1, "%s: %s", err.subject, err.text);
	return give_up(why, ERR_AGAIN);
}

/* The stream broke.  unavailable: nothing answers there. */
static struct verdict
judge_stream(struct loss *l, const struct loss_lane *lane, unsigned in_flight, bool unavailable,
    struct err *why)
{
	if (in_flight > 1 && !lane->paired)
		l->serial = true;
	if (!l->ever_up && (unavailable || l->attempts > 0))
		return give_up(why, unavailable ? ERR_UNAVAIL : ERR_AGAIN);
	if (l->attempts >= LINK_ATTEMPTS)
		return give_up(why, ERR_AGAIN);
	return again(crew_backoff_ms(l->attempts++));
}

static struct verdict
judge_suspect(struct loss *l, struct err *why)
{
	struct verdict v = { .again = true, .suspect = true };

	if (++l->suspects > LINK_SUSPECTS)
		return give_up(why, ERR_AGAIN);
	return v;
}

/* The server said BAD: to the initial response, to two commands at a time, or to what was asked. */
static struct verdict
judge_bad(struct loss *l, const struct loss_lane *lane, const struct wire_fail *fail, struct err *why)
{
	if (fail->stage == STAGE_LOGIN && !l->two_step) {
		l->two_step = true;
		return again(0);
	}
	if (fail->in_flight > 1 || fail->stage == STAGE_LOGIN)
		return judge_stream(l, lane, fail->in_flight, false, why);
	return judge_suspect(l, why);
}

static struct verdict
judge_other(struct loss *l, const struct loss_lane *lane, const struct wire_fail *fail, struct err *why)
{
	if (why->kind == ERR_UNAVAIL || why->kind == ERR_AGAIN)
		return judge_stream(l, lane, fail->in_flight, why->kind == ERR_UNAVAIL, why);
	return give_up(why, why->kind);
}

struct verdict
loss_judge(struct loss *l, const struct loss_lane *lane, const struct crew_event *ev, struct err *why)
{
	if (lane->renew)
		return again(0);
	if (lane->answered)
		l->attempts = 0;
	switch (ev->signal) {
	case 0:
		break;
	case SIGSEGV:
	case SIGABRT:
	case SIGBUS:
		return judge_suspect(l, why);
	case SIGSYS:
		return give_up(why, ERR_INTERNAL);
	default:
		return judge_stream(l, lane, 0, false, why);
	}
	switch ((enum session_loss)ev->fail.loss) {
	case LOST_REFUSED:
		return judge_token(l, lane, false, why);
	case LOST_EXPIRED:
		return judge_token(l, lane, true, why);
	case LOST_NOT_CONNECTED:
		return judge_unconnected(l, why);
	case LOST_THROTTLED:
		return judge_throttled(l, ev->fail.throttle_ms, why);
	case LOST_STREAM:
		return judge_stream(l, lane, ev->fail.in_flight, why->kind == ERR_UNAVAIL, why);
	case LOST_PARSE:
		return judge_suspect(l, why);
	case LOST_BUDGET:
		return again(0);
	case LOST_BAD:
		return judge_bad(l, lane, &ev->fail, why);
	default:
		return judge_other(l, lane, &ev->fail, why);
	}
}
