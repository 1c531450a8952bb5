/*
 * adopt: which messages of a new folder generation are old ones that were
 * delivered before their UIDVALIDITY changed (design §5).  Pure logic.
 *
 *   a = adopt_begin()
 *   adopt_old(a, gen, m)     each state_unclaimed_each of the generations before
 *   adopt_same(a, gen, m)    likewise, where UIDs would be the same
 *   adopt_row(a, uid, …)     each message of the new one, listed with
 *                            ASK_DATE | ASK_MSGID, that the state does not know
 *   adopt_ready(a)
 *   adopt_each(a, cb)        pairs found by (INTERNALDATE, Message-ID), one to
 *                            one: state_adopt each, plan_known, never fetched
 *   every other one is fetched; when its body is whole and before it is placed:
 *   adopt_by_digest(a, …)    1: it is that old one: state_adopt, no file
 *
 * Each old row is used once.  A pair is made only where exactly one old and one
 * new message have that date and Message-ID; anything else (no Message-ID, no
 * date, several of a kind, another date) is decided by its content.  Old rows
 * without digest (HOW_BASELINE) have no content to compare: those of the same
 * date and Message-ID are used up one by one.
 */
#ifndef MSTOOLS_ADOPT_H
#define MSTOOLS_ADOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/state.h"

struct adopt;

/* Which old row: generations have their own UIDs. */
struct adopt_of {
	int64_t gen;
	uint32_t uid;
};

struct adopt *adopt_begin(void);
void adopt_free(struct adopt *); /* NULL is allowed */

/* A row that nobody has claimed yet; copied. */
void adopt_old(struct adopt *, int64_t gen, const struct state_msg *);
/*
 * The same of what may be this folder under another name.  It is taken over by that
 * very UID, if that has its date and Message-ID or its content; by no other.
 */
void adopt_same(struct adopt *, int64_t gen, const struct state_msg *);
/* A listed message; date may be DATE_NONE, msgid 0 (no Message-ID). */
void adopt_row(struct adopt *, uint32_t uid, int64_t date, uint64_t msgid);
/* Pairs.  Nothing above this line may be called afterwards. */
void adopt_ready(struct adopt *);

/* The pairs that adopt_ready made, by new UID; the callback returns 0, or -1 to stop (which is returned). */
int adopt_each(const struct adopt *,
    int (*cb)(const struct adopt_of *old, uint32_t uid, int64_t date, void *), void *);
/*
 * The body of uid has this digest and size.  1: it is an old one, *old, which
 * is used up now; 0: it is new.  uid need not have been listed (date DATE_NONE
 * and msgid 0 then).
 */
int adopt_by_digest(struct adopt *, uint32_t uid, const unsigned char sha256[32], uint64_t bytes,
    struct adopt_of *old);

#endif
