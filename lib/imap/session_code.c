/*
 * What EXAMINE and SELECT say about a folder: response codes and EXISTS.  Not by
 * libetpan 1.9.4, which crashes on some malformed codes ("[PERMANENTFLAGS (%x)]").
 */
#include <string.h>
#include <strings.h>

#include "imap/session_priv.h"

static const char *const flag_names[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft",
	"$MDNSent" };
#define FLAG_NAMES (sizeof flag_names / sizeof flag_names[0])
_Static_assert(MF_ALL == (1 << FLAG_NAMES) - 1, "one name for each bit of enum session_flag");

void
flags_add(struct str *out, uint32_t bits)
{
	const char *blank = "";
	size_t i;

	for (i = 0; i < FLAG_NAMES; i++) {
		if ((bits & (1U << i)) == 0)
			continue;
		str_addf(out, "%s%s", blank, flag_names[i]);
		blank = " ";
	}
}

static uint32_t
permanent(const char *p)
{
	uint32_t bits = 0;
	size_t i, n;

	for (; *p != '\0' && *p != ')' && *p != ']'; p += n) {
		p += strspn(p, " (");
		n = strcspn(p, " )]");
		for (i = 0; i < FLAG_NAMES; i++)
			if (n == strlen(flag_names[i]) && strncasecmp(p, flag_names[i], n) == 0)
				bits |= 1U << i;
		if (n == 2 && strncmp(p, "\\*", 2) == 0)
			bits |= MF_MDNSENT; /* any keyword */
	}
	return bits;
}

/* The number at p, 0 if there is none that fits. */
static uint32_t
number(const char *p)
{
	char digits[12] = "";
	uint64_t v;

	strncpy(digits, p, sizeof digits - 1);
	digits[strspn(digits, "0123456789")] = '\0';
	return parse_u64(digits, 1, UINT32_MAX, &v) == 0 ? (uint32_t)v : 0;
}

void
parse_code(const char *p, struct opened *o)
{
	if (strncasecmp(p, "[UIDVALIDITY ", 13) == 0) {
		o->uidvalidity = number(p + 13);
	} else if (strncasecmp(p, "[UIDNEXT ", 9) == 0) {
		o->uidnext = number(p + 9);
	} else if (strncasecmp(p, "[PERMANENTFLAGS ", 16) == 0) {
		o->has_permanent = true;
		o->permanent = permanent(p + 16);
	} else if (strncasecmp(p, "[READ-ONLY]", 11) == 0) {
		o->read_only = true;
	}
}

void
parse_exists(const char *line, struct opened *o)
{
	const char *p = line + 2;
	size_t n = strspn(p, "0123456789");

	if (n > 0 && strncasecmp(p + n, " EXISTS", 7) == 0)
		o->exists = number(p);
}
