/*
 * folder: names of mailboxes: modified UTF-7 (RFC 3501 5.1.3), INBOX, LIST
 * patterns and attributes.  raw = as the server spells it; name = UTF-8.
 */
#ifndef MSTOOLS_FOLDER_H
#define MSTOOLS_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/util.h"

/*
 * Modified UTF-7 of a UTF-8 string, added to raw.  0; -1 if s is not valid
 * UTF-8 (surrogates and overlong forms included); raw is then as before.
 */
int utf7_encode(struct str *raw, const char *s);
/*
 * The way back, strict: 8-bit or control characters, an unfinished shift,
 * superfluous bits, "&" for printable ASCII and lone surrogates are malformed:
 * -1, s as before.  So encode(decode(x)) is x whenever decode accepts x.
 */
int utf7_decode(struct str *s, const char *raw);

/*
 * The name of a raw one, added to name: decoded; "INBOX", and INBOX as the first
 * level of a name, in upper case.  A name that cannot be decoded stands for
 * itself ("&" and all); bytes that are not UTF-8 become U+FFFD.
 */
void folder_name(struct str *name, const char *raw, char delimiter);
/* The raw name to send for a name given by a user.  0, or -1 (not UTF-8, or empty). */
int folder_raw(struct str *raw, const char *name);

/*
 * Do both mean the same mailbox on a server that ignores case, as Exchange
 * does (ASCII letters; a trailing delimiter is ignored)?
 */
bool folder_same(const char *a, const char *b, char delimiter);

/* Bits with the values of enum wire_attr (crew/wire.h). */
enum folder_attr {
	FA_NOSELECT = 1,
	FA_NOINFERIORS = 2,
	FA_HASCHILDREN = 4,
	FA_NONEXISTENT = 8,
	FA_SENT = 16,
	FA_TRASH = 32,
	FA_DRAFTS = 64,
	FA_JUNK = 128,
	FA_ARCHIVE = 256,
	FA_ALL = 512,
	FA_FLAGGED = 1024,
	FA_IMPORTANT = 2048,
	FA_MARKED = 4096
};
/* "\Sent" or "Sent", any case (RFC 3501 7.2.2, RFC 6154); 0: not one of ours (\HasNoChildren, …). */
uint32_t folder_attr(const char *);
/* "\Noselect \Sent" for the bits, added to out, in the order above; nothing for 0. */
void folder_attrs(struct str *out, uint32_t attrs);

/*
 * Does a wanted or excluded pattern fit the folder?  '*' any string, '%' any
 * without the delimiter; INBOX (as first level) in any case, all else exactly;
 * a pattern that begins with a backslash is an attribute.
 */
bool folder_match(const char *pattern, const char *name, char delimiter, uint32_t attrs);
/* Has it '*' or '%', or is it an attribute?  If not it names one folder. */
bool folder_is_pattern(const char *pattern);

#endif
