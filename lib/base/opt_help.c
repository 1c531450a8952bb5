/* opt_help: --help, and the list that shells complete from, both out of the table. */
#include <string.h>

#include "optdef.h"

#define COLUMN 25 /* where the text of an option begins */
#define WIDTH 79

static const char *const group_name[] = {
	[OG_WHAT] = "What",
	[OG_ACTION] = "Action",
	[OG_CREDENTIAL] = "Application and credential",
	[OG_TOKEN] = "Token",
	[OG_DELIVERY] = "Delivery",
	[OG_STATE] = "State",
	[OG_CONNECTION] = "Mailbox and connection",
	[OG_OUTPUT] = "Output",
	[OG_GENERAL] = "General",
	[OG_HIDDEN] = NULL,
};
_Static_assert(sizeof group_name / sizeof group_name[0] == OPT_GROUPS, "a name for every group");

static const char *
synopsis(enum opt_program program)
{
	switch (program) {
	case OPT_MSTOKEN:
		return "usage: mstoken [-a ACCOUNT] [options]\n"
		       "Gets an access token for Exchange Online and writes it to standard output.\n";
	case OPT_MSFETCH:
		return "usage: msfetch [-a ACCOUNT] [options] [MAILDIR]\n"
		       "Brings new messages into a Maildir, or to a command; the token comes first on\n"
		       "standard input, or by --token-cmd.\n";
	case OPT_MSMARK:
		return "usage: msmark [-a ACCOUNT] [options] [FILE ...]\n"
		       "Flags, moves or deletes the messages that receipts name; token and receipts\n"
		       "come on standard input, or receipts in FILEs.\n";
	case OPT_MSLS:
		return "usage: msls [-a ACCOUNT] [options] [FOLDER]\n"
		       "Lists the folders of a mailbox, or the messages of a folder; the token comes\n"
		       "on standard input, or by --token-cmd.\n";
	}
	return "";
}

/* Characters of UTF-8 text, for the columns. */
static int
columns(const char *s, size_t n)
{
	int c = 0;

	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			c++;
	return c;
}

/* Text from COLUMN to WIDTH; at is where the line stands now. */
static void
wrap(FILE *f, const char *s, int at)
{
	size_t n;
	int w;

	if (at + 1 > COLUMN) {
		fputc('\n', f);
		at = 0;
	}
	fprintf(f, "%*s", COLUMN - at, "");
	at = COLUMN;
	for (; *s != '\0'; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " ");
		w = columns(s, n);
		if (at > COLUMN && at + 1 + w > WIDTH) {
			fprintf(f, "\n%*s", COLUMN, "");
			at = COLUMN;
		} else if (at > COLUMN) {
			fputc(' ', f);
			at++;
		}
		fprintf(f, "%.*s", (int)n, s);
		at += w;
	}
	fputc('\n', f);
}

static void
help_option(FILE *f, const struct optdef *d)
{
	int at;

	if (d->letter != 0)
		at = fprintf(f, "  -%c, --%s", d->letter, d->name);
	else
		at = fprintf(f, "      --%s", d->name);
	if (d->arg != NULL)
		at += fprintf(f, " %s", d->arg);
	wrap(f, d->help, at);
}

void
opt_help(FILE *f, enum opt_program program)
{
	bool headed;

	fputs(synopsis(program), f);
	for (int g = 0; g < OPT_GROUPS; g++) {
		headed = group_name[g] == NULL;
		for (size_t i = 0; i < opt_table_n; i++) {
			if ((int)opt_table[i].group != g || (opt_table[i].programs & program) == 0 ||
			    opt_table[i].help == NULL)
				continue;
			if (!headed)
				fprintf(f, "\n%s:\n", group_name[g]);
			headed = true;
			help_option(f, &opt_table[i]);
		}
	}
	fprintf(f,
	    "\nMost long options are keys of the configuration, too: see mstools-config(5).\n"
	    "More in %s(1) and mstools(7).\n",
	    opt_program_name(program));
}

static const char *
value_kind(const struct optdef *d)
{
	if (d->arg == NULL)
		return "none";
	if (d->off == offsetof(struct options, account))
		return "account";
	switch (d->type) {
	case OT_FILE:
		return "file";
	case OT_DIR:
		return "dir";
	case OT_COMMAND:
		return "command";
	case OT_CLOUD:
		return "global gcc-high dod china";
	case OT_ALG:
		return "PS256 RS256";
	default:
		return "text";
	}
}

void
opt_spec(FILE *f, enum opt_program program)
{
	const struct optdef *d;

	for (size_t i = 0; i < opt_table_n; i++) {
		d = &opt_table[i];
		if ((d->programs & program) == 0 || d->group == OG_HIDDEN)
			continue;
		if (d->letter != 0)
			fprintf(f, "-%c,", d->letter);
		fprintf(f, "--%s\t%s\n", d->name, value_kind(d));
	}
}
