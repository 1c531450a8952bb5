/*
 * lines: cuts a stream of IMAP into lines and literals as it passes by (RFC
 * 3501 4.3), for the trace, the limits and the stall rule of net.  It does not
 * parse: "{12}" at the end of any line counts as a literal's announcement.
 */
#ifndef MSTOOLS_LINES_H
#define MSTOOLS_LINES_H

#include <stddef.h>
#include <stdint.h>

struct lines {
	uint64_t literal;   /* bytes of a literal still to come */
	uint64_t announced; /* size of that literal */
	char end[24];	    /* its last bytes, for "{n}" */
	size_t nend;
};

enum lines_part {
	LINES_PART, /* of a line: more is to come */
	LINES_END,  /* the rest of a line, with its LF; l->literal says whether a literal follows */
	LINES_LITERAL
};
/* The next piece of p[0 … n-1], n > 0: its length; *part says what it is. */
size_t lines_next(struct lines *l, const char *p, size_t n, enum lines_part *part);

#endif
