/*
 * diag: mstools-troubleshooting(7) out of the table, in mdoc(7).
 *
 * Text and lines to type are escaped so that they can be copied from the page:
 * no ligature of '-', "'", '`', '^' or '~' into something else.
 */
#include <ctype.h>
#include <string.h>

#include "diag/table.h"

static const char head[] =
    ".\\\" Printed from lib/diag/rows_*.c by \"build/tests/unit/diag.t --page\": change those.\n"
    ".Dd November 28, 2026\n"
    ".Dt MSTOOLS-TROUBLESHOOTING 7\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm mstools-troubleshooting\n"
    ".Nd what errors of the mstools mean and what to do\n"
    ".Sh DESCRIPTION\n"
    "When a program of\n"
    ".Xr mstools 7\n"
    "fails, it prints one line that says what happened, and then, in lines that begin with\n"
    ".Dq hint: ,\n"
    "the causes that are possible here, the likeliest first, with how to tell them apart and what to do.\n"
    "This page is made from the same table: each symptom is followed by its causes.\n"
    "A cause with a condition is named alone when the program can see that it is the one, and is left out when it can see that\n"
    "it is not; the program knows the claims of its token, the time in Microsoft's answer, the proxy and the CA file.\n"
    ".Pp\n"
    "Words in capitals stand for what the program fills in:\n"
    ".Dq APP-ID\n"
    "and\n"
    ".Dq OBJECT-ID\n"
    "are the claims appid and oid of the token, as\n"
    ".Xr msgrant 1\n"
    "prints them,\n"
    ".Dq NAME\n"
    "is the account.\n"
    ".Pp\n"
    "To walk the whole chain from the configuration to the newest messages, with a verdict for each step, use\n"
    ".Xr mscheck 1 .\n";

static const char tail[] = ".Sh SEE ALSO\n"
			   ".Xr mscheck 1 ,\n"
			   ".Xr msgrant 1 ,\n"
			   ".Xr mstoken 1 ,\n"
			   ".Xr mstools-config 5 ,\n"
			   ".Xr mstools 7\n"
			   ".Pp\n"
			   "Each AADSTS code, at Microsoft:\n"
			   ".Lk https://login.microsoftonline.com/error\n";

/* Appends n bytes of text so that roff prints them as they are. */
static void
roff(struct str *out, const char *s, size_t n, bool bol)
{
	if (bol && n > 0 && (s[0] == '.' || s[0] == '\''))
		str_adds(out, "\\&");
	for (; n > 0; s++, n--) {
		switch (*s) {
		case '\\':
			str_adds(out, "\\e");
			break;
		case '-':
			str_adds(out, "\\-");
			break;
		case '\'':
			str_adds(out, "\\(aq");
			break;
		case '`':
			str_adds(out, "\\(ga");
			break;
		case '^':
			str_adds(out, "\\(ha");
			break;
		case '~':
			str_adds(out, "\\(ti");
			break;
		default:
			str_addc(out, *s);
		}
	}
}

/* Running text: a new sentence begins on a line of its own, as mdoc wants it. */
static void
sentences(struct str *out, const char *s, size_t n, bool bol)
{
	size_t i;

	while (n > 0) {
		for (i = 1; i < n; i++)
			if (s[i - 1] == ' ' && i > 1 && s[i - 2] == '.' && isupper((unsigned char)s[i]))
				break;
		roff(out, s, i < n ? i - 1 : n, bol);
		if (i >= n)
			return;
		str_addc(out, '\n');
		bol = true;
		s += i;
		n -= i;
	}
}

/* A text of the table: its lines, those to type as literal displays. */
static void
text(struct str *out, const char *lead, const char *s)
{
	bool literal = false;
	size_t n;

	str_adds(out, lead);
	if (*lead != '\0' && *s == '\t')
		str_addc(out, '\n');
	else if (*lead != '\0')
		str_addc(out, ' ');
	while (*s != '\0') {
		n = strcspn(s, "\n");
		if ((*s == '\t') != literal) {
			literal = !literal;
			str_adds(out, literal ? ".Bd -literal -offset indent\n" : ".Ed\n");
		}
		if (*s == '\t')
			roff(out, s + 1, n - 1, true);
		else
			sentences(out, s, n, *lead == '\0');
		str_addc(out, '\n');
		s += n;
		if (*s == '\n')
			s++;
	}
	if (literal)
		str_adds(out, ".Ed\n");
}

static void
cause(struct str *out, const struct diag_cause *c)
{
	const char *words = diag_cond_words(c->cond);
	struct str s = STR_INIT;

	diag_subst(&s, c->cause, NULL, NULL);
	if (words != NULL)
		str_addf(&s, "\n(Condition: %s.)", words);
	str_adds(out, ".It\n");
	text(out, "", s.s);
	if (c->tell != NULL) {
		str_clear(&s);
		diag_subst(&s, c->tell, NULL, NULL);
		str_adds(out, ".Pp\n");
		text(out, "To tell:", s.s);
	}
	str_clear(&s);
	diag_subst(&s, c->cure, NULL, NULL);
	str_adds(out, ".Pp\n");
	text(out, "Cure:", s.s);
	str_release(&s);
}

static void
row(struct str *out, const struct diag_row *r)
{
	const char *title = diag_name(r);

	str_adds(out, ".Ss ");
	roff(out, title, strlen(title), true);
	str_adds(out, "\n.Bl -enum\n");
	for (int i = 0; i < DIAG_CAUSES && r->cause[i].cause != NULL; i++)
		cause(out, &r->cause[i]);
	str_adds(out, ".El\n");
}

void
diag_page(struct str *out)
{
	const struct diag_section *s;

	str_adds(out, head);
	for (size_t i = 0; i < diag_nsections; i++) {
		s = diag_sections[i];
		str_adds(out, ".Sh ");
		for (const char *p = s->title; *p != '\0'; p++)
			str_addc(out, (char)toupper((unsigned char)*p));
		str_addc(out, '\n');
		for (size_t k = 0; k < s->n; k++)
			row(out, &s->row[k]);
	}
	str_adds(out, tail);
}
