/*
 * run: what the parts of fetch share.  Internal to msfetch's side of lib/tool.
 *
 *	fetch.c		the order of a run
 *	look.c		which folders, and which generation of each
 *	box.c		one folder: its plan, window by window
 *	task.c		what is asked of the workers: who is asked next, what is in flight
 *	deliver.c	what they answer, and what becomes of it
 *	blame.c		the message that broke a connection
 *	poison.c	messages that cannot be had: trial, proof, quarantine
 *	filter.c	messages that the command of --pipe does not want
 *	renumber.c	folders whose UIDs have changed their meaning
 *	takeover.c	and what was delivered from them before
 *	baseline.c	--baseline
 *	slots.c		the stage's files and who writes them
 *
 * A folder's UIDs are planned in windows, so that memory does not grow with
 * the mailbox; a window is listed (unless it is small or has no gaps), fetched in batches, and
 * done with when each of its UIDs is delivered, quarantined, left out or gone.
 */
#ifndef MSTOOLS_RUN_H
#define MSTOOLS_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/util.h"
#include "crew/wire.h"
#include "mail/plan.h"
#include "tool/commit.h"
#include "tool/fetch.h"
#include "tool/link.h"
#include "tool/ledger.h"
#include "tool/place.h"
#include "tool/slots.h"
#include "tool/store.h"

#define RUN_WINDOW 65536 /* UIDs in a window */
#define RUN_IN_FLIGHT 2	 /* tasks on a lane */

enum box_phase {
	BOX_WAITS, /* its next window is to be planned */
	BOX_LISTS, /* the window's UIDs are being listed */
	BOX_FETCHES,
	BOX_DONE
};

/* One folder of this run. */
struct box {
	char *name, *raw; /* owned; UTF-8, and as the server spells it */
	struct str subdir;
	char delimiter;
	uint32_t attrs; /* enum folder_attr */
	uint32_t uidvalidity, uidnext, messages;
	struct state_gen gen;
	struct commit_box where;

	enum box_phase phase;
	struct plan *plan;    /* of the window; NULL in BOX_WAITS and BOX_DONE */
	uint32_t window;      /* the UID that the window ends before */
	uint32_t span;	      /* UIDs in the next window */
	size_t listed;	      /* ranges of plan_look that have been asked for */
	unsigned tasks;	      /* of the window: queued or in flight */
	unsigned trials;      /* messages on trial (poison.c), or held (filter.c) */
	struct wire_row *row; /* owned: listed for --baseline */
	size_t nrow, caprow;
	struct adopt *adopt; /* what may be taken over (takeover.c); NULL: nothing, or not its turn */
	bool anchored;	     /* a known UID has been asked for */
	bool renew;	     /* and is another message: a new generation, when nothing is in flight */
	uint64_t new_messages, new_bytes; /* chosen, as the server estimates them */
	struct {
		uint32_t uid; /* 0: none */
		unsigned times;
	} stuck[LINK_LANES]; /* at which connections broke (blame.c) */
	uint32_t good;	     /* a UID whose body came whole: a probe asks for it; 0 none yet */
};

enum task_kind {
	TASK_LOOK,
	TASK_LIST,   /* UID, date and size of the ranges */
	TASK_SEARCH, /* UIDs alone: is there one whose date and size the server cannot give? */
	TASK_BATCH,  /* bodies of a batch of the plan */
	TASK_ANCHOR, /* UID and date of a message that is known */
	TASK_CHECK,  /* which of the ranges still exist */
	TASK_BARE,   /* the body of one UID, without what else might break the reply */
	TASK_PROBE   /* the bodies of messages that are known to be good */
};

/* Something asked of a worker, or waiting to be. */
struct task {
	struct task *next; /* in the queue */
	uint32_t id;
	enum task_kind kind;
	struct box *box; /* NULL for TASK_LOOK */
	uint32_t batch;	 /* TASK_BATCH and its _CHECK; 0: the _CHECK of a _BARE */
	uint32_t uid;	 /* alone, _BARE, _ANCHOR: that one; else 0 */
	int64_t date;	 /* TASK_ANCHOR: what it was */
	bool alone, retry;
	bool dated;	  /* TASK_BARE: with date and flags all the same, since it may be well by now */
	uint32_t count;	  /* messages that may come */
	uint32_t came;	  /* messages that came */
	uint32_t surplus; /* and such as nobody wanted */
	bool begun;	  /* a body has begun and not ended */
	struct wire_range *range; /* owned */
	size_t nrange;
	uint32_t *answered; /* TASK_CHECK: owned */
	size_t nanswered;
	char why[WIRE_TEXT]; /* TASK_CHECK: what the server had said of its batch */
};

/* A lane of the link, as seen from here. */
struct lane_work {
	bool up;
	bool used;			  /* a message has come since it is */
	int64_t since_ms;		  /* when it came up */
	struct task *task[RUN_IN_FLIGHT]; /* in the order sent */
	unsigned ntask;
};

struct adopt; /* mail/adopt.h */
struct trial; /* poison.c */
struct held;  /* filter.c */

struct run {
	const struct options *o; /* foreign, as the next two */
	struct source *source;
	const volatile sig_atomic_t *stop;
	struct fetch_report *report;
	struct err *err; /* the weightiest so far */
	bool over;	 /* something that ends the run has happened */

	struct store store;
	struct ledger *out;
	struct commit *commit;
	struct link *link;
	struct slots *slots;

	struct box **box; /* owned */
	size_t nbox;
	struct strlist unusable;  /* folders asked for by name, and reported */
	bool looked;		  /* the folders are known */
	bool moved;		  /* and some have gone since the last look, or come back */
	const struct box **name;  /* owned: the folders by name, once renumber_missing was called */
	const struct box *taking; /* the one whose turn it is to take over (takeover.c); NULL: none's */
	uint32_t last_id;
	struct task *queue, **queue_tail;
	struct lane_work lane[LINK_LANES];
	unsigned lanes_wanted; /* so many were worth starting; some may have been given up since */
	unsigned distrusted;   /* workers that said what cannot be */
	struct trial *trials;
	bool flaky;	   /* a connection broke, and no message can be blamed for it */
	struct held *held; /* rejected by the command of --pipe in a row */
	char *script;	   /* owned: of --pipe; NULL before its first message */
	unsigned nheld, later;
	char later_why[160];
	uint64_t max_left, bytes_left; /* of --max, --max-bytes */
	uint64_t total, total_bytes;   /* planned so far: for the progress line */
	bool unsized;		       /* of some only the number is known */
	char *packet;		       /* WIRE_MAX bytes to build one in */
};

/* Keeps the weightier of e and what is there in r->err, and logs the other. */
void run_error(struct run *r, const struct err *e);
/* The same, and the run ends. */
void run_fatal(struct run *r, const struct err *e);

/* --- look.c --- */
/* Sends the look to lane; answers come to look_folder and look_done. */
struct task *look_task(struct run *r);
void look_folder(struct run *r, const struct wire_folder *);
void look_done(struct run *r, const struct wire_done *);

/* --- box.c --- */
struct box *box_new(const struct wire_folder *);
void box_free(struct box *);
/* Plans the next window: BOX_LISTS, BOX_FETCHES, or BOX_DONE if there is none.  0, or -1 with err set. */
int box_plan(struct run *r, struct box *, struct err *);
/* Have all ranges of the window been asked for? */
bool box_listed(const struct box *);
/* Everything is listed: decides.  0 or -1. */
int box_ready(struct run *r, struct box *, struct err *);
/* Nothing of the window is left to do: settles it.  0 or -1. */
int box_window_end(struct run *r, struct box *, struct err *);
/* uid is as good as delivered: lets settled advance with the group in hand. */
void box_done_uid(struct run *r, struct box *, uint32_t uid);
/* Gives the folder up for this run; what is planned and not done stays for the next. */
void box_drop(struct run *r, struct box *);

/* --- renumber.c --- */
#define ANCHOR_SPAN 4096 /* UIDs below settled among which a known one is looked for */
/* Do UIDVALIDITY and UIDNEXT say that the generation is over? */
bool renumber_due(const struct box *);
/* Then: begins a new one, which takes over from it.  0 or -1, as all here. */
int renumber_begin(struct run *r, struct box *, struct err *);
/* Notes which known folders are missing from the list, and which are there again.  Within a transaction; a dry run notes nothing. */
int renumber_missing(struct run *r, struct err *);
/* A folder that is not known: 1 if it may be one that is gone (a generation has begun), 0 if not, -1. */
int renumber_renamed(struct run *r, struct box *, struct err *);
/* A known one, where some have moved: takes over what may have been delivered under another name meanwhile. */
int renumber_moved(struct run *r, struct box *, struct err *);
/* Is the folder of that name no longer what g was: missing, or numbered otherwise? */
bool renumber_gone(const struct run *, const char *name, const struct state_gen *g);
/* May g, which has the UIDVALIDITY that b has or had, be the same folder under its other name? */
bool renumber_same(const struct run *, const char *name, const struct state_gen *g, const struct box *b);
/* Asks for a known UID along with what is new; its answer; and what follows if it is another message. */
int renumber_anchor(struct run *r, struct box *, struct err *);
void renumber_anchored(struct task *, const struct wire_row *);
int renumber_restart(struct run *r, struct box *, struct err *);

/* --- takeover.c: 0 or -1, as above --- */
/* Must it wait, as another one takes over? */
bool takeover_waits(const struct run *, const struct box *);
/* While a window is planned: what may be taken over; each row listed; the pairs (before plan_ready). */
int takeover_load(struct run *r, struct box *, struct err *);
void takeover_row(struct run *r, struct box *, const struct wire_row *);
int takeover_pair(struct run *r, struct box *, struct err *);
/* A body whose content was delivered before: true, and all that must follow is done but for its file. */
bool takeover_body(struct run *r, struct box *, const struct wire_message *);
/* It is done with, for this run. */
void takeover_leave(struct run *, struct box *);
/* Everything is committed: generations that have taken over all there was need not look any more. */
int takeover_end(struct run *r, struct err *);

/* --- baseline.c --- */
/* As box_plan and box_ready; and a row that was listed. */
int baseline_plan(struct run *r, struct box *, struct err *);
void baseline_row(struct box *, const struct wire_row *);
int baseline_ready(struct run *r, struct box *, struct err *);

/* --- task.c --- */
struct task *task_new(enum task_kind, struct box *);
void task_free(struct task *);
void task_ranges(struct task *, const struct wire_range *, size_t n);
/* Puts t at the end of the queue, which goes before new work of the plans. */
void task_queue(struct run *r, struct task *);
/* Gives each lane that is up what it has room for, with slots. */
void task_feed(struct run *r);
/* The task in flight on lane with that number, or NULL. */
struct task *task_find(struct run *r, int lane, uint32_t id);
/* Takes t off the lane. */
void task_take(struct run *r, int lane, struct task *);
/* Nothing queued, nothing in flight, no folder with work. */
bool task_idle(struct run *r);
/* Starts as many lanes as the backlog is worth. */
void task_lanes(struct run *r);

/* --- deliver.c --- */
void deliver_event(struct run *r, const struct link_event *);

/* --- blame.c --- */
/* The task of l to blame for its loss; NULL: none, as far as can be seen. */
const struct task *blame_lost(struct run *r, const struct lane_work *l, const struct link_event *);
/* A body came whole. */
void blame_came(struct run *r, struct box *, uint32_t uid);

/* --- poison.c --- */
/*
 * A task for one UID alone (TASK_BATCH, its TASK_CHECK, or TASK_BARE) failed:
 * the next step of its trial.  carried: by a connection that had brought no
 * other message and broke there (net_carried); UNBROKEN if none did.
 */
#define UNBROKEN 0
void poison_failed(struct run *r, struct task *, uint64_t carried, const char *why);
/* uid, a retry or on trial, is gone from the server: nothing to try any more. */
void poison_gone(struct run *r, const struct box *, uint32_t uid);
/*
 * A body came whole, over a connection that has carried so many bytes: proof
 * that the server answers, and that a connection need not end where another
 * did; and uid itself is innocent.
 */
void poison_proof(struct run *r, const struct box *, uint32_t uid, uint64_t carried);
/* Nothing else is left to do: asks for proof of what is still on trial.  True if something was queued. */
bool poison_probe(struct run *r);
/* The probe failed, or there is nothing to probe: the server is ill, nothing of the folder (NULL: of any) is quarantined. */
void poison_ill(struct run *r, const struct box *, const char *why);
/* Quarantines a message for the first time: its row, the report (ERR_DATA), and settled may pass it. */
void poison_quarantine(struct run *r, struct box *, uint32_t uid, const char *why);
/* The folder is given up, and its trials with it. */
void poison_forget(struct run *r, const struct box *);
void poison_free(struct run *r);

/* --- filter.c --- */
/* Gives the message to the command.  True if it is to be kept; else all that must follow has been done. */
bool filter_accepts(struct run *r, struct task *, const struct wire_message *, int fd);
/* Quarantines what is held.  True if there was any. */
bool filter_flush(struct run *r);
/* What was left for later is an error of the run. */
void filter_tell(struct run *r);
void filter_free(struct run *r);

#endif
