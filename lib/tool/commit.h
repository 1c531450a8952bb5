/*
 * commit: the group commit, and the recovery that makes it safe (design §5).
 *
 * Files exactly once, receipts at least once, whatever kills us, and whenever.
 * The steps of a group, in this order:
 *
 *	1  the bodies in the stage, and the stage itself, are durable
 *	2  one SQLite transaction: the rows of this group as pending, the group
 *	   before as delivered (and paid), settled as far as it may go
 *	3  each file is moved from the stage to its place
 *	4  the directories touched are durable
 *	5  the receipts are written
 *
 * Killed, or without power, after which step?
 *
 *	before 2  No row: the server is asked again.  The staged files have no
 *		  row, and recovery removes them.  Nothing was placed: placing
 *		  comes after 2.
 *	in 2	  SQLite's business: the rows are all there or none is.  When
 *		  COMMIT itself fails we cannot know which, so we stop (74) and
 *		  touch nothing; the next run reads what is there.
 *	2 to 4	  Each pending row has its file either in the stage (durable
 *		  since 1): recovery places it; or not: it was placed, for
 *		  nobody but us takes files out of the stage.  Whether a reader has
 *		  taken it from new/ since does not matter.  A rename that the
 *		  disk had not seen is undone by the power cut: the file is in
 *		  the stage again, and is placed again under the same name.
 *		  (If a reader has acted on it before the cut, it sees it
 *		  again: the known limit.)
 *	4 to 5	  The rows say "not paid": the next run writes the receipts.
 *	after 5	  The same, until the next transaction notes that they are
 *		  paid: a receipt may come twice, never not at all.
 *
 * A pending row must not be taken for delivered before step 4 of its group has
 * ended; that is why the next transaction says so, and not this one.  From the
 * BEGIN of 2 on, the staged files of the group belong to the state: no error
 * path unlinks them.  An fsync that failed is never repeated: the kernel may
 * have dropped the pages and say yes the second time.
 *
 * Step 1 of a large group takes as long as its download: a thread does it while
 * the messages of the next group arrive.  All else is done here.
 *
 *	commit_new → commit_recover → commit_add / commit_settle … commit_step …
 *	→ commit_finish → commit_free
 */
#ifndef MSTOOLS_COMMIT_H
#define MSTOOLS_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mail/maildir.h"
#include "mail/state.h"
#include "tool/ledger.h"

/*
 * A group is due at any of these.  Each costs three waits for the disk while
 * nothing is read (the transaction, two directories): fewer groups, fewer waits.
 */
#define COMMIT_MESSAGES 1024
#define COMMIT_OPEN 256 /* where each message keeps its descriptor until then */
#define COMMIT_BYTES (32U << 20)
#define COMMIT_MS 500

struct commit;

/* Where the messages of one folder generation go.  Foreign, must live until commit_free. */
struct commit_box {
	const char *user, *host, *folder; /* user lower case, folder UTF-8 */
	uint32_t uidvalidity;
	int64_t gen;
	const char *subdir; /* "" or ".A.B" */
};

/* All foreign.  md may be NULL (--pipe without MAILDIR): then only HOW_PIPE messages may be added. */
struct commit *commit_new(struct state *, struct maildir *md, struct ledger *);
/* Closes descriptors and frees; what is in hand and not committed is dropped, its staged files removed. */
void commit_free(struct commit *);

/*
 * Before anything else in a run: places or settles every pending row, of
 * whatever user, removes staged files that no row names, and pays the debts of
 * user at host.  A pending message that is neither in the stage nor in the
 * Maildir because the whole stage is missing is put among the retries.
 * 0, or -1.
 */
int commit_recover(struct commit *, const char *user, const char *host, struct err *);

/*
 * A message whose body is whole in m->slot.  fd is the parent's descriptor of
 * it (owned from now on); -1 for HOW_PIPE.  mtime has not been set yet.  0; -1:
 * the message is not in the group, its staged file is gone, and the run ends.
 */
int commit_add(struct commit *, const struct commit_box *, const struct state_msg *m, int fd, struct err *);
/*
 * uid of box is the message that was delivered as olduid of oldgen: no file, no
 * receipt; the old row is used up with the group in hand.
 */
void commit_adopt(struct commit *, const struct commit_box *, uint32_t uid, int64_t date, int64_t oldgen,
    uint32_t olduid);
/* What the generation's settled and UIDNEXT are once the group in hand is committed. */
void commit_settle(struct commit *, int64_t gen, uint32_t settled, uint32_t uidnext);
/* Milliseconds until commit_step should be called: 0 now, -1 nothing to do before commit_fd is readable. */
int commit_due(const struct commit *);
/* Becomes readable when step 1 of a group has ended in its thread; -1 if there is none. */
int commit_fd(const struct commit *);
/*
 * Goes on as far as it can without waiting: starts step 1 of the group in hand
 * when it is due, does the others when step 1 has ended.  Waits only if so much
 * has come meanwhile that memory and descriptors matter.  0; -1 as commit_group.
 */
int commit_step(struct commit *, struct err *);
/* Commits what is in hand, steps 1 to 5.  0; -1: nothing more may be added, only commit_free. */
int commit_group(struct commit *, struct err *);
/*
 * commit_group, and the transaction that closes a run that fetched.  After a
 * commit_group that failed in steps 1 to 4 it does nothing; after one that
 * failed in step 5, what has come since is committed, its receipts stay owed.
 */
int commit_finish(struct commit *, struct err *);

/* Called with the slot number of each file that has left the stage. */
void commit_on_free(struct commit *, void (*cb)(uint32_t slot, void *), void *);

#endif
