/*
 * xoauth2: SASL XOAUTH2 (Exchange Online, "Authenticate an IMAP connection
 * using OAuth"; RFC 4959 for the initial response).
 *
 * The exchange is our own and not mailimap_oauth2_authenticate, which throws
 * the challenge away and hangs when an untagged line comes before "+".
 */
#ifndef MSTOOLS_XOAUTH2_H
#define MSTOOLS_XOAUTH2_H

#include <libetpan/libetpan.h>

#include "base/err.h"
#include "base/secret.h"
#include "imap/net.h"

/* base64("user=" user ^A "auth=Bearer " token ^A ^A), added to out. */
void	xoauth2_string(struct secret *out, const char *user, const struct secret *token);

enum xoauth2_result {
	XOAUTH2_OK,		/* logged in; imap_state is set; ask CAPABILITY next */
	XOAUTH2_NO,		/* refused: text, challenge */
	XOAUTH2_BAD,		/* the server does not understand it, in one step or two: text */
	XOAUTH2_LOST		/* BYE (text), EOF, stall (see net_error), or an answer that cannot be parsed */
};
struct xoauth2_reply {
	char	text[1024];	/* of the tagged answer, or of a BYE; printable, may be "" */
	char	challenge[1024];/* the server's error challenge decoded (JSON), printable; "" = none */
};

/*
 * Logs in on a stream made by net_stream(net).  two_step: no initial response.
 * In one step, a tagged BAD (or a bare "+") is answered by the two-step form on
 * the same connection.  What is sent is marked private (trace) and cleansed.
 */
enum xoauth2_result xoauth2_login(mailimap *, struct net *net, const char *user,
	    const struct secret *token, bool two_step, struct xoauth2_reply *);

#endif
