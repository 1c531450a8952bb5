/*
 * config: the configuration file as a list of sections of keys and values.
 *
 *	# keys outside an account hold for all
 *	tenant = contoso.onmicrosoft.com
 *	account work {
 *		user = ann@contoso.com
 *		folder = { INBOX, "Sent Items", '\Sent' }
 *		token-cmd = "mstoken -a work"
 *	}
 *
 * A value ends with its line (or ';' or '}'); one with blanks, quotes, braces,
 * commas or semicolons in it is quoted: "…" with \" and \\, '…' as it stands.
 * A list may go over several lines; its key may be repeated.  # at the
 * beginning of a word starts a comment.
 *
 * Every key is looked up in the table of options and every value tried, so a
 * mistake is found whichever account and program it is for.
 */
#ifndef MSTOOLS_CONFIG_H
#define MSTOOLS_CONFIG_H

#include <stddef.h>

#include "err.h"
#include "optdef.h"

#define CONFIG_MAX (1024 * 1024) /* bytes of a file */

struct config_item {
	const struct optdef *def; /* a row of that name; each program may have one of its own */
	char *value;		  /* owned */
	unsigned line;
};

struct config_section {
	char *account; /* owned; NULL: keys outside an account */
	unsigned line;
	struct config_item *v; /* in the order of the file; an item for each element of a list */
	size_t n;
};

struct config {
	char *path;		  /* owned, as it was given */
	struct config_section *v; /* v[0] is the one without account */
	size_t n;
};
#define CONFIG_INIT \
	{ \
		NULL, NULL, 0 \
	}

/*
 * Parses n bytes of text; path is for messages.  0, or -1 with err set
 * (ERR_CONFIG, subject "path:line").  c is to be released either way.
 */
int config_parse(struct config *c, const char *path, const char *text, size_t n, struct err *);

/*
 * Reads and parses a file.  1, or 0 if there is none, or -1 with err set.  A
 * file that names commands must belong to root or us and not be writable by
 * group or others: it would be a way to run theirs as us.
 */
int config_parse_file(struct config *c, const char *path, struct err *);

/* The section of an account, NULL for the one without; NULL if there is none. */
const struct config_section *config_section(const struct config *c, const char *account);
void config_release(struct config *c);

#endif
