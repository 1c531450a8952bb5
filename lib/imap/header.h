/*
 * header: fields out of a header block, decoded for people, and the hash of a
 * Message-ID.  Needs nothing from outside (no iconv: that opens files, which
 * the cage forbids), so charsets are UTF-8, US-ASCII, ISO-8859-1, ISO-8859-15
 * and windows-1252; words in another charset stay as they are, encoded.
 */
#ifndef MSTOOLS_HEADER_H
#define MSTOOLS_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/*
 * The first field called name (any case) in a block of header lines, unfolded
 * (line ends go, the blank after them stays), trimmed, at most max bytes, added
 * to value.  The block may end anywhere; an empty line ends it.  1 found, 0 not.
 */
int header_field(struct str *value, const char *block, size_t len, const char *name, size_t max);

/*
 * The text of an unstructured or address field, for people: RFC 2047 words
 * decoded (broken ones left as they are), raw UTF-8 as it is, other raw 8-bit
 * bytes as windows-1252.  Valid UTF-8, at most max bytes, cut between
 * characters; control characters stay as they came.
 */
void header_decode(struct str *out, const char *raw, size_t len, size_t max);

/*
 * 64 bits of SHA-256 of the Message-ID of the block: trimmed, without line
 * breaks and blanks.  0: none, or empty (a hash of 0 becomes 1).
 */
uint64_t header_msgid(const char *block, size_t len);

#endif
