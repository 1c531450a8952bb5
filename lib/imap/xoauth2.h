/*
 * xoauth2: the SASL XOAUTH2 string (Exchange Online, "Authenticate IMAP, POP,
 * SMTP using OAuth": "SASL XOAUTH2").  The exchange itself is session's.
 */
#ifndef MSTOOLS_XOAUTH2_H
#define MSTOOLS_XOAUTH2_H

#include "base/secret.h"

/* base64("user=" user ^A "auth=Bearer " token ^A ^A), added to out; what is made on the way is cleansed. */
void xoauth2_string(struct secret *out, const char *user, const struct secret *token);

#endif
