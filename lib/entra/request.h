/*
 * request: asks the token endpoint for a token by the client credentials
 * grant (Entra "OAuth 2.0 client credentials flow").
 */
#ifndef MSTOOLS_REQUEST_H
#define MSTOOLS_REQUEST_H

#include "base/err.h"
#include "base/opt.h"
#include "credential.h"
#include "http.h"
#include "token.h"

/*
 * The form: the fields that Microsoft's own library sends, in its order.
 * client_assertion where c is a certificate (a new one each time), else
 * client_secret.  c must be loaded.  0, or -1 with err set.
 */
int request_form(const struct options *o, const struct credential *c, const char *url, struct secret *form,
    struct err *) __attribute__((warn_unused_result));

/*
 * Gets a token.  Loads c.  Asks a second time, a second later, after a 5xx
 * without Retry-After or a lost connection; never otherwise.  0, or -1 with err
 * set as token_get says; *retry_after is then what the server said, or -1, and
 * *later whether the server said "later" at all.
 */
int request_token(const struct options *o, struct credential *c, struct token *, bool *later,
    long *retry_after, struct err *) __attribute__((warn_unused_result));

#endif
