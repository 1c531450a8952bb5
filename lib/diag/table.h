/*
 * table: the rows of diag, read by diag.c (hints), page.c (the manual) and the
 * test that walks them.  Internal to lib/diag.
 *
 * A row is a symptom: a set of stages and a pattern in the error's text.  Its
 * causes stand in order of likelihood.  A cause may have a condition that looks
 * at what is known of this run (the token's claims, the clock in the answer,
 * the proxy): DIAG_YES makes it the diagnosis, and causes that are merely
 * possible are then left out; DIAG_NO leaves it out itself.
 *
 * Pattern: alternatives separated by '|'; in each, '*' stands for anything;
 * letters compare without case; an alternative that ends in a digit does not
 * match where another digit follows (AADSTS70001 is not AADSTS700016).
 * NULL: whatever else happens at that stage.
 *
 * Texts: lines; one that begins with a tab is something to type.  {name} is
 * replaced by what is known or by a word in capitals, {ps:name} quoted for
 * PowerShell, {sh:name} for sh; the names are in subst.c.
 */
#ifndef MSTOOLS_DIAG_TABLE_H
#define MSTOOLS_DIAG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/util.h"
#include "diag/diag.h"

enum diag_truth { DIAG_NO, DIAG_MAYBE, DIAG_YES };

/* For the page, each condition has its words ("if ..."): cond.c. */
enum diag_cond {
	COND_NONE,	/* always DIAG_MAYBE */
	COND_AUD,	/* aud is not Exchange Online */
	COND_ROLE,	/* app-only token without IMAP.AccessAsApp */
	COND_SCP,	/* delegated token without IMAP.AccessAsUser.All */
	COND_DELEGATED, /* delegated token with it: opens that person's mailboxes only */
	COND_EXPIRED,	/* exp is past */
	COND_NO_OID,	/* app-only token without oid: no service principal in the tenant */
	COND_CLOUD,	/* aud of one cloud, IMAP host of another */
	COND_CLOCK,	/* the answer's time differs from ours */
	COND_PROXY,	/* a proxy is configured */
	COND_NO_PROXY,	/* none is */
	COND_CA_FILE,	/* --ca-file is given */
	COND_NO_CA_FILE,
	COND_OWN_HOST,	/* the host is none of Microsoft's: it may be misspelt */
	COND_STDIN,	/* the token came on standard input, so there is no other one */
	COND_USER_FORM, /* mailbox is not of the form local@domain */
	CONDS
};

#define DIAG_CAUSES 9

struct diag_cause {
	enum diag_cond cond;
	const char *cause;
	const char *tell; /* how to tell it from the others; NULL: nothing to compare */
	const char *cure;
};

struct diag_row {
	unsigned stages; /* S(STAGE_…) | … */
	unsigned kinds;	 /* K(ERR_…) | …; 0: any */
	const char *pattern;
	const char *sample;		      /* an error text that this row is for */
	const char *title;		      /* the symptom, for the manual; NULL: the sample */
	struct diag_cause cause[DIAG_CAUSES]; /* ends at cause == NULL */
};

/* How a client secret's Value gets into a file; the line to type follows. */
#define PASTE \
	"type this, paste the Value, Enter, Ctrl-D (as an argument it would stay in the shell's history):"

#define S(stage) (1u << (stage))
#define K(kind) (1u << (kind))

struct diag_section {
	const char *title;
	const struct diag_row *row;
	size_t n;
};
extern const struct diag_section *const diag_sections[];
extern const size_t diag_nsections;

extern const struct diag_section diag_section_setup, diag_section_entra, diag_section_net, diag_section_login,
    diag_section_mail, diag_section_local;

/* The first row for stage, kind and text; NULL: none.  A row without a pattern comes after all others. */
const struct diag_row *diag_find(const struct err *);
/* The row's title or sample: one name, one row.  "none" for NULL. */
const char *diag_name(const struct diag_row *);
bool diag_match(const char *pattern, const char *text);

/* What cond says of this run. */
enum diag_truth diag_cond(enum diag_cond, const struct err *, const struct diag_context *);
/* Seconds by which this machine's clock is ahead of the time in the error's text; 0: no time in it. */
long diag_clock(const struct err *, const struct diag_context *);
/* "the token's aud is not Exchange Online's"; NULL for COND_NONE. */
const char *diag_cond_words(enum diag_cond);

/*
 * Appends text with its placeholders filled.  err and ctx may be NULL.  Returns
 * 0, or -1 if a placeholder has no such name (the test's business).
 */
int diag_subst(struct str *out, const char *text, const struct err *, const struct diag_context *);

#endif
