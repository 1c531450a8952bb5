#include <string.h>

#include "imap/lines.h"

static void
keep_end(struct lines *l, const char *p, size_t n)
{
	size_t drop;

	if (n >= sizeof l->end) {
		memcpy(l->end, p + n - sizeof l->end, sizeof l->end);
		l->nend = sizeof l->end;
		return;
	}
	if (l->nend + n > sizeof l->end) {
		drop = l->nend + n - sizeof l->end;
		memmove(l->end, l->end + drop, l->nend - drop);
		l->nend -= drop;
	}
	memcpy(l->end + l->nend, p, n);
	l->nend += n;
}

/* The number in "{n}" or "{n+}" before the line end; 0 if there is none.  Too large: UINT64_MAX. */
static uint64_t
announcement(const struct lines *l)
{
	size_t i = l->nend;
	uint64_t n = 0, unit = 1;

	if (i > 0 && l->end[i - 1] == '\n')
		i--;
	if (i > 0 && l->end[i - 1] == '\r')
		i--;
	if (i == 0 || l->end[--i] != '}')
		return 0;
	if (i > 0 && l->end[i - 1] == '+')
		i--;
	while (i > 0 && l->end[i - 1] >= '0' && l->end[i - 1] <= '9') {
		uint64_t digit = (uint64_t)(l->end[--i] - '0');

		if (unit == 0 || digit > (UINT64_MAX - n) / unit)
			return UINT64_MAX;
		n += digit * unit;
		unit = unit > UINT64_MAX / 10 ? 0 : unit * 10;
	}
	/* Digits that fill all that was kept: nobody means such a number. */
	if (i == 0)
		return l->nend == sizeof l->end ? UINT64_MAX : 0;
	return l->end[i - 1] == '{' ? n : 0;
}

size_t
lines_next(struct lines *l, const char *p, size_t n, enum lines_part *part)
{
	const char *lf;
	size_t len;

	if (l->literal > 0) {
		*part = LINES_LITERAL;
		len = n < l->literal ? n : (size_t)l->literal;
		l->literal -= len;
		return len;
	}
	lf = memchr(p, '\n', n);
	len = lf ? (size_t)(lf - p) + 1 : n;
	keep_end(l, p, len);
	if (lf == NULL) {
		*part = LINES_PART;
		return len;
	}
	*part = LINES_END;
	l->literal = l->announced = announcement(l);
	l->nend = 0;
	return len;
}
