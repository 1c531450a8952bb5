/*
 * loss: what to do about a lost connection; the table of link.h as code.
 * Internal to link, and a module of its own because it can be tested without
 * a connection.
 */
#ifndef MSTOOLS_LOSS_H
#define MSTOOLS_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "crew/crew.h"
#include "entra/source.h"

/* What is remembered of all connections of a run. */
struct loss {
	const struct options *o; /* foreign; as are source and user */
	struct source *source;
	const char *user;
	unsigned token;	      /* counts the tokens had so far */
	unsigned attempts;    /* reconnects since the last answer; see link_blame */
	unsigned suspects;    /* suspect losses since the last message */
	unsigned blamed;      /* losses for which a message was blamed, since the last one that came */
	int64_t blamed_ms;    /* so long those connections were up */
	unsigned refusals;    /* since the last login */
	unsigned unconnected; /* since the last answer: Exchange lets in and answers CAPABILITY even so */
	bool ever_up;
	bool serial, ipv4, two_step; /* how to connect from now on */
};

/* What is known of the connection that was lost. */
struct loss_lane {
	unsigned token; /* the count when it logged in */
	bool paired;	/* something was answered while two commands were in flight: the server can */
	bool answered;	/* something: its end is the first of a row, however many end with it */
	bool renew;	/* we ended it ourselves, to have another one */
};

struct verdict {
	bool again; /* connect again, after pause_ms; else why is the run's error */
	int pause_ms;
	bool suspect; /* what was being fetched may be the cause */
};

/*
 * Judges ev, a CREW_LOST, which means why (crew_lost_err).  May get another token from the source, or leave a note
 * of the throttling.  Without another try, why->kind is made the kind of the
 * run's error.
 */
struct verdict loss_judge(struct loss *, const struct loss_lane *, const struct crew_event *ev,
    struct err *why);

#endif
