/*
 * reply: what a token endpoint answered (RFC 6749 sections 5.1 and 5.2; Entra
 * "Authentication and authorization error codes").
 */
#ifndef MSTOOLS_REPLY_H
#define MSTOOLS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "http.h"
#include "token.h"

#define REPLY_EXPIRES_DEFAULT 600     /* where expires_in is missing, as MSAL does */
#define REPLY_EXPIRES_MAX (48 * 3600) /* CAE tokens live 20 to 28 hours */

/*
 * Reads the reply, received at now.  host: for messages.
 * 0 and the token, or -1 with err set, STAGE_TOKEN:
 *   ERR_AGAIN   429, 5xx, temporarily_unavailable, server_error: later (reply_is_later)
 *   ERR_CONFIG  any other error object: the text has the description, which
 *               begins with the AADSTS code, the error's name, trace and correlation id
 *   ERR_PROTO   not an answer of a token endpoint: a proxy's or portal's page, a redirect
 */
int reply_token(const struct http_reply *, const char *host, int64_t now, struct token *, struct err *)
    __attribute__((warn_unused_result));

/* True if the server has trouble that passes: 429 or 5xx. */
bool reply_is_later(const struct http_reply *);

#endif
