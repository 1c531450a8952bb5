/*
 * quirk: all that is Exchange Online's own, in one place, with where it was
 * seen.  Texts are matched in any case and anywhere in the server's line.
 */
#ifndef MSTOOLS_QUIRK_H
#define MSTOOLS_QUIRK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

enum quirk_text {
	QUIRK_NONE,
	QUIRK_THROTTLED, /* "Request is throttled. Suggested Backoff Time: 92415 milliseconds" (imapsync #198) */
	QUIRK_NOT_CONNECTED, /* "User is authenticated but not connected" (MailKit #1135) */
	QUIRK_EXPIRED,	     /* "Session invalidated - AccessTokenExpired" (imapsync #250) */
	QUIRK_REFUSED,	     /* "AUTHENTICATE failed" */
	QUIRK_UNAVAILABLE,   /* "Server Unavailable. 15": one message, or the back end (offlineimap #62) */
	QUIRK_CLOSED_IDLE,   /* "Connection is closed. 13": idle, or end of session */
	QUIRK_CLOSED_ERRORS  /* "Connection closed. 14": too many errors */
};
/* What a NO, BAD or BYE text of Exchange means.  text may be NULL. */
enum quirk_text quirk_text(const char *text);
/* The backoff time of a throttling text; 0 if it is none; at least 1, at most 24 h. */
uint32_t quirk_throttle_ms(const char *text);

/*
 * The substitute that Exchange sends for a message it cannot render (MailKit
 * #908, freescout #3203): From "Microsoft Exchange Server", Subject "Retrieval
 * using the IMAP4 protocol failed for the following message: <n>", body "The
 * server couldn't retrieve the following message:".  All three must be there.
 * Feed the first bytes of a body (any line ends), as they arrive.
 */
#define QUIRK_SUBSTITUTE_MAX 8192 /* the substitute is short: what does not show itself here is none */
struct quirk_substitute {
	struct str head;
	bool decided, yes;
};
#define QUIRK_SUBSTITUTE_INIT \
	{ \
		STR_INIT, false, false \
	}
void quirk_substitute_feed(struct quirk_substitute *, const void *, size_t);
bool quirk_substitute_is(struct quirk_substitute *);	/* at the body's end */
void quirk_substitute_reset(struct quirk_substitute *); /* for the next body; memory is kept */
void quirk_substitute_release(struct quirk_substitute *);

/*
 * Exchange closes a connection after about ten errors (imapsync FAQ; "Connection
 * closed. 14").  Counts tagged NO and BAD of one connection: true as soon as no
 * further error should be risked on it.
 */
#define QUIRK_ERRORS_MAX 8
struct quirk_budget {
	unsigned errors;
};
bool quirk_budget_spend(struct quirk_budget *);
bool quirk_budget_spent(const struct quirk_budget *);
unsigned quirk_budget_left(const struct quirk_budget *);

/*
 * COPYUID (RFC 4315) in a response text or code: "COPYUID 415 200 43", also with
 * brackets, without text behind it, as an old bare line "[COPYUID 55 31 6]"
 * (MailKit's fixtures), or with empty sets (MailKit #555: nothing was there to
 * copy).  1 with *uidvalidity and *copied (number of source UIDs, 0 for empty
 * sets), 0 if there is none.
 */
int quirk_copyuid(const char *text, uint32_t *uidvalidity, uint64_t *copied);

#endif
