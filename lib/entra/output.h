/* output: what mstoken writes: the token alone, or what is asked for instead. */
#ifndef MSTOOLS_OUTPUT_H
#define MSTOOLS_OUTPUT_H

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"
#include "token.h"

/*
 * One line for the token, as o says:
 *   --xoauth2 USER  the SASL initial response, base64
 *   --claims        the token's claims, JSON; not the token
 *   --json          the token with its times, JSON
 *   else            the token
 * 0, or -1 with err set: ERR_DATA/STAGE_CLAIMS if it is opaque and its claims
 * are asked for, ERR_USAGE if USER cannot be one.
 */
int output_line(const struct options *o, const struct token *, struct secret *line, struct err *)
    __attribute__((warn_unused_result));

/* output_line to fd in one write.  -1 with err set and err->sys (EPIPE, ENOSPC ...). */
int output_token(const struct options *o, const struct token *, int fd, struct err *)
    __attribute__((warn_unused_result));

/* Closes fd; an error that only shows there (a full disk on NFS, a quota) is one.  0, or -1 with err set. */
int output_close(int fd, struct err *);

#endif
