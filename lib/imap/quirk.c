#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "imap/header.h"
#include "imap/quirk.h"

#define DAY_MS 86400000u

/* --- texts --- */

static bool
says(const char *text, const char *what)
{
	return strcasestr(text, what) != NULL;
}

enum quirk_text
quirk_text(const char *text)
{
	static const struct {
		const char *what;
		enum quirk_text is;
	} table[] = {
		{ "Suggested Backoff Time", QUIRK_THROTTLED },
		{ "Request is throttled", QUIRK_THROTTLED },
		{ "authenticated but not connected", QUIRK_NOT_CONNECTED },
		{ "AccessTokenExpired", QUIRK_EXPIRED },
		{ "AUTHENTICATE failed", QUIRK_REFUSED },
		{ "Server Unavailable. 15", QUIRK_UNAVAILABLE },
		{ "Connection is closed. 13", QUIRK_CLOSED_IDLE },
		{ "Connection closed. 13", QUIRK_CLOSED_IDLE },
		{ "Connection closed. 14", QUIRK_CLOSED_ERRORS },
		{ "Connection is closed. 14", QUIRK_CLOSED_ERRORS },
	};
	size_t i;

	for (i = 0; text != NULL && i < sizeof table / sizeof table[0]; i++)
		if (says(text, table[i].what))
			return table[i].is;
	return QUIRK_NONE;
}

uint32_t
quirk_throttle_ms(const char *text)
{
	static const char key[] = "Suggested Backoff Time:";
	const char *p;
	uint64_t ms = 0;

	if (quirk_text(text) != QUIRK_THROTTLED)
		return 0;
	p = strcasestr(text, key);
	if (p == NULL)
		return 60000; /* throttled, but not for how long */
	p += sizeof key - 1;
	while (*p == ' ')
		p++;
	for (; isdigit((unsigned char)*p) && ms < DAY_MS; p++)
		ms = ms * 10 + (unsigned)(*p - '0');
	return ms == 0 ? 1 : ms > DAY_MS ? DAY_MS : (uint32_t)ms;
}

/* --- the substitute message --- */

/* Does the field's value (folded or not) hold the words? */
static bool
field_says(const char *block, size_t n, const char *name, const char *what)
{
	struct str v = STR_INIT;
	bool yes = header_field(&v, block, n, name, 1000) == 1 && v.len > 0 && strstr(v.s, what) != NULL;

	str_release(&v);
	return yes;
}

/* End of the header block: the empty line; NULL: not yet here. */
static const char *
body_start(const char *p, const char *end)
{
	const char *a = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
	const char *b = memmem(p, (size_t)(end - p), "\n\n", 2);

	if (a != NULL && (b == NULL || a < b))
		return a + 4;
	return b != NULL ? b + 2 : NULL;
}

static void
decide(struct quirk_substitute *s, bool whole)
{
	static const char mark[] = "The server couldn't retrieve the following message:";
	const char *p = s->head.s, *end = p + s->head.len, *body = body_start(p, end);

	if (body == NULL) {
		s->decided = whole;
		return;
	}
	if (!field_says(p, (size_t)(body - p), "Subject",
		"Retrieval using the IMAP4 protocol failed for the following message:") ||
	    !field_says(p, (size_t)(body - p), "From", "Microsoft Exchange Server")) {
		s->decided = true;
		return;
	}
	s->yes = memmem(body, (size_t)(end - body), mark, sizeof mark - 1) != NULL;
	s->decided = s->yes || whole;
}

void
quirk_substitute_feed(struct quirk_substitute *s, const void *data, size_t n)
{
	size_t room = QUIRK_SUBSTITUTE_MAX - s->head.len;

	if (s->decided || n == 0)
		return;
	str_add(&s->head, data, n < room ? n : room);
	if (s->head.len == QUIRK_SUBSTITUTE_MAX)
		decide(s, true);
	else if (memchr(data, '\n', n) != NULL)
		decide(s, false);
}

bool
quirk_substitute_is(struct quirk_substitute *s)
{
	if (!s->decided && s->head.len > 0)
		decide(s, true);
	return s->yes;
}

void
quirk_substitute_reset(struct quirk_substitute *s)
{
	str_clear(&s->head);
	s->decided = s->yes = false;
}

void
quirk_substitute_release(struct quirk_substitute *s)
{
	str_release(&s->head);
	s->decided = s->yes = false;
}

/* --- errors of one connection --- */

bool
quirk_budget_spend(struct quirk_budget *b)
{
	b->errors++;
	return quirk_budget_spent(b);
}

bool
quirk_budget_spent(const struct quirk_budget *b)
{
	return quirk_budget_left(b) == 0;
}

unsigned
quirk_budget_left(const struct quirk_budget *b)
{
	return b->errors < QUIRK_ERRORS_MAX ? QUIRK_ERRORS_MAX - b->errors : 0;
}

/* --- COPYUID --- */

/* Counts the UIDs of "1,5:9" at *p, which is left behind it; -1 if it is no set. */
static int
count_set(const char **p, uint64_t *count)
{
	*count = 0;
	for (;;) {
		char *end;
		unsigned long long lo, hi;

		if (!isdigit((unsigned char)**p))
			return -1;
		lo = hi = strtoull(*p, &end, 10);
		if (*end == ':' && isdigit((unsigned char)end[1]))
			hi = strtoull(end + 1, &end, 10);
		if (lo == 0 || hi == 0 || lo > UINT32_MAX || hi > UINT32_MAX)
			return -1;
		*count += (lo < hi ? hi - lo : lo - hi) + 1;
		*p = end;
		if (**p != ',')
			return 0;
		++*p;
	}
}

int
quirk_copyuid(const char *text, uint32_t *uidvalidity, uint64_t *copied)
{
	const char *p = text != NULL ? strcasestr(text, "COPYUID ") : NULL;
	char *end;
	unsigned long long v;

	if (p == NULL || (p > text && p[-1] != '[' && p[-1] != ' '))
		return 0;
	p += sizeof "COPYUID " - 1;
	if (!isdigit((unsigned char)*p))
		return 0;
	v = strtoull(p, &end, 10);
	if (v == 0 || v > UINT32_MAX || (*end != ' ' && *end != ']' && *end != '\0'))
		return 0;
	*uidvalidity = (uint32_t)v;
	*copied = 0;
	p = end;
	while (*p == ' ')
		p++;
	if (*p == ']' || *p == '\0') /* empty sets: nothing was there to copy */
		return 1;
	return count_set(&p, copied) == 0;
}
