/*
 * mark_int: what the parts of mark share.  Internal to lib/tool.
 *
 *	mark.c		the order of a run, its errors
 *	mark_input.c	receipts and paths into items and groups
 *	mark_result.c	the result lines
 *	mark_visit.c	one session: the folders, the target of --move
 *	mark_work.c	batches of UIDs: check, STORE, MOVE or its substitutes
 *	mark_batch.c	what a batch is; the rows that came for it
 *	mark_send.c	its commands
 *	mark_lost.c	after a lost answer: where the messages are now
 */
#ifndef MSTOOLS_MARK_INT_H
#define MSTOOLS_MARK_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "crew/wire.h"
#include "tool/ledger.h"
#include "tool/link.h"
#include "tool/mark.h"

#define MARK_BATCH 250 /* UIDs in a command: 3 kB at most, below Exchange's 8 */

enum mark_state {
	ITEM_NEW,
	ITEM_ALIVE,  /* it is there, and is the receipt's message */
	ITEM_ASTRAY, /* it was, before a MOVE whose answer is missing */
	ITEM_DONE,   /* from here on: its result line is written */
	ITEM_SETTLED
};

/* One receipt. */
struct mark_item {
	uint32_t group; /* index of its group */
	uint32_t uid;
	int64_t date;  /* or DATE_NONE */
	uint8_t state; /* enum mark_state */
};

/* Receipts of one folder generation. */
struct mark_group {
	char *user;    /* owned, as all here */
	char *folder;  /* UTF-8; NULL: known by hash only, until the folders were listed */
	char *raw;     /* NULL until then */
	char hash[17]; /* maildir_folder_hash, for paths; else "" */
	uint32_t uidvalidity;
	uint32_t rank;	 /* mark_read's own */
	size_t first, n; /* its items */
};

struct mark_input {
	struct mark_item *item; /* owned; by group and UID when mark_read returns */
	size_t nitem, cap;
	struct mark_group *group; /* owned; those of one user stand together */
	uint32_t ngroup;
	uint32_t *slot; /* hash table of groups: index + 1; owned, freed by mark_read */
	uint32_t nslot;
	unsigned long malformed;
};

/*
 * Reads all receipts: from the named files, else from the source.  A malformed
 * line is warned of and counted.  0, or -1 with err set (a file that cannot
 * be read).
 */
int mark_read(const struct options *, struct source *, struct mark_input *, const volatile sig_atomic_t *stop,
    struct err *);
void mark_input_release(struct mark_input *);

enum mark_word { MARK_DONE, MARK_GONE, MARK_REFUSED, MARK_UNKNOWN, MARK_WORDS };

struct mark {
	const struct options *o; /* foreign, as the next four */
	struct source *source;
	const volatile sig_atomic_t *stop;
	struct mark_report *report;
	struct err *err; /* the weightiest so far */
	struct mark_input in;
	struct ledger *out;
	struct err output; /* writing results has failed: nothing more is started */
	uint64_t count[MARK_WORDS];
	uint64_t told;		      /* of the refused: an error of its own says why */
	struct err first[MARK_WORDS]; /* why the first was refused, or is unknown */
};

/* Takes an error into account; the lighter one of two is logged. */
void mark_error(struct mark *, const struct err *);

/* --- results --- */
/* Writes the line of it; detail may be "". */
void mark_result(struct mark *, const struct mark_group *, struct mark_item *, enum mark_word,
    const char *detail);
/* Refuses every item of the group that has no result yet. */
void mark_refuse_group(struct mark *, const struct mark_group *, const char *detail);
/* The same where an error of its own says why: they do not count in the sum. */
void mark_refuse_told(struct mark *, const struct mark_group *, const char *detail);

/* --- a session --- */

/* A folder that LIST gave. */
struct mark_folder {
	char *name, *raw; /* owned */
	char delimiter;
	uint32_t attrs;
};

enum mark_phase {
	PHASE_CHECK, /* INTERNALDATE of the UIDs */
	PHASE_THERE, /* those without an answer: gone, or with a date that nobody can read? */
	PHASE_STORE, /* flags */
	PHASE_MOVE,
	PHASE_COPY,    /* without MOVE: COPY, then */
	PHASE_DELETED, /* STORE \Deleted, then */
	PHASE_EXPUNGE, /* UID EXPUNGE */
	PHASE_AGAIN,   /* the answer to MOVE is missing, or was NO: what is still here? */
	PHASE_TARGET   /* and what is in the target? */
};

/* Some items of one group that go through the phases together. */
struct mark_batch {
	struct mark_batch *next;
	struct mark_group *group;
	size_t first, end; /* items */
	enum mark_phase phase;
	enum mark_phase after; /* PHASE_TARGET: asked about MOVE or COPY */
	bool sent;	       /* the command is under way */
	bool risk;	       /* something that changes the mailbox was sent, and its answer is missing */
	unsigned lost;	       /* answers to MOVE or COPY lost so far */
	char no[WIRE_TEXT];    /* the server's NO to MOVE; "" */
};

enum visit_step { VISIT_LIST, VISIT_CREATE, VISIT_LIST_AGAIN, VISIT_TARGET, VISIT_WORK, VISIT_OVER };

struct visit {
	struct mark *m;
	const char *user;
	uint32_t group, end; /* the groups of this user that are still to be done */
	uint32_t first;	     /* its first group; kept */
	struct link *link;
	int lane;
	uint32_t caps;
	uint32_t id; /* of the job that is under way */
	enum visit_step step;

	struct mark_folder *folder; /* owned */
	size_t nfolder;
	struct str target, target_raw; /* of --move, resolved */
	char delimiter;
	uint32_t target_uidvalidity, target_uidnext; /* when the session began; 0: not known */

	bool begun;		  /* with group */
	size_t next;		  /* item of group to go on with */
	struct mark_batch *batch; /* the first is under way; owned */
	unsigned noes; /* NOs since the last success: no more halving when it is plain that nothing goes */

	/* what PHASE_CHECK, _AGAIN and _TARGET have gathered */
	struct wire_row *row; /* owned */
	size_t nrow, cap;
	_Alignas(16) char packet[WIRE_MAX];
};

/* Does all that there is for one user.  0, or -1 with err set: the session could not be held. */
int visit_run(struct mark *, uint32_t first, uint32_t end, struct err *);
/* Sends a packet whose struct is filled; the head is made here. */
void visit_send(struct visit *, enum wire_type, size_t size);
/* Ends the visit: nothing can be done for this user. */
void visit_refuse(struct visit *, enum err_kind, enum err_stage, const char *subject, const char *why);

/* --- batches --- */
void work_next(struct visit *); /* begins or goes on: sends something, or the visit is over */
void work_rows(struct visit *, const struct wire_rows *);
void work_done(struct visit *, const struct wire_done *);
void work_lost(struct visit *, bool suspect);
void work_abandon(struct visit *, const struct err *why); /* results for what is under way when all ends */

/* The ranges of the batch's items with this state; their number. */
uint32_t batch_ranges(const struct visit *, const struct mark_batch *, enum mark_state, struct wire_range *);
/* Results for the batch's items with this state; how many there were. */
size_t batch_finish(struct visit *, struct mark_batch *, enum mark_state, enum mark_word, const char *detail);
bool batch_is_twin(const struct visit *, const struct mark_batch *, size_t item); /* of the item before it */
void batch_free(struct visit *); /* the first one; work_next does, once all its items have results */
/* Makes two of the first; false if it has one UID with this state. */
bool batch_halve(struct visit *, enum mark_state);
/* What is done, as a detail. */
const char *batch_deed(const struct visit *);
/* The server said NO to what was asked for all: halves are tried next, or the batch is refused. */
void work_no(struct visit *, enum mark_state, const char *command, const char *text);
/* "No longer exist" and the like: a NO that only says that some are gone. */
bool work_partial(const struct wire_done *);
/* The row of a UID among those gathered and sorted; NULL. */
const struct wire_row *rows_find(const struct visit *, uint32_t uid);
void rows_sort(struct visit *);

/* --- commands --- */
void work_send(struct visit *, struct mark_batch *); /* of the batch's phase */
bool send_can_move(const struct visit *);
uint32_t send_added(const struct options *); /* flags that STORE sets, enum session_flag */
uint32_t send_removed(const struct options *);

/* --- after a loss --- */
void lost_send(struct visit *, struct mark_batch *); /* PHASE_AGAIN, PHASE_TARGET */
void lost_done(struct visit *, struct mark_batch *, const struct wire_done *);
#define MARK_LOSSES 3 /* of answers to one MOVE or COPY */

#endif
