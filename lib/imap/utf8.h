/* utf8: one character in, one character out (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef MSTOOLS_UTF8_H
#define MSTOOLS_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* Bytes of the character at p (1 … 4) with its code point in *cp; 0 if there is no valid one within n bytes. */
size_t utf8_get(const char *p, size_t n, uint32_t *cp);
/* Writes a code point to dst: its length.  What is no character becomes U+FFFD. */
size_t utf8_make(char dst[4], uint32_t cp);
void utf8_add(struct str *, uint32_t cp);

#endif
