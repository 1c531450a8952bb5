/*
 * diag: from an error to its causes and cures, the hint: lines.
 *
 * One table (table.h) says for each stage and each pattern in the text of an
 * error what may have caused it, in order of likelihood, how to tell the causes
 * apart, and what to do, in the words of the person who has to do it.
 * mstools-troubleshooting(7) is printed from the same table.
 *
 * Called by cmd/ alone, as the last thing before exit:
 *
 *	struct diag_context dc = DIAG_CONTEXT_INIT;
 *
 *	diag_options(&dc, &o);
 *	dc.claims = &claims;			(once there is a token)
 *	...
 *	return diag_report(&err, &dc);
 *
 * or diag_report_mailbox(), which does so for msfetch, msmark and msls.
 */
#ifndef MSTOOLS_DIAG_H
#define MSTOOLS_DIAG_H

#include <time.h>

#include "base/err.h"
#include "base/util.h"

struct claims;	/* entra/claims.h */
struct options; /* base/opt.h */
struct source;	/* entra/source.h */

/* Where the token came from: decides what "a fresh token" means in a hint. */
enum diag_source {
	DIAG_SOURCE_UNKNOWN,
	DIAG_SOURCE_STDIN,
	DIAG_SOURCE_CMD,  /* token-cmd */
	DIAG_SOURCE_FILE, /* token-file */
	DIAG_SOURCES
};

/*
 * What is known of the run.  All pointers are foreign and may be NULL; what is
 * not known appears in a hint as a word in capitals (MAILBOX, APP-ID).
 */
struct diag_context {
	const char *user; /* mailbox */
	const char *host; /* IMAP host */
	const char *folder;
	const char *account; /* -a */
	const char *config;  /* configuration file, as given or found */
	const char *client_id, *tenant, *scope, *authority, *cloud;
	const char *credential; /* file or URI of the secret or certificate */
	const char *proxy;	/* --proxy or ALL_PROXY */
	const char *ca_file;
	const char *maildir;
	const char *token_cmd, *token_file;
	enum diag_source source;
	const struct claims *claims; /* of the token in use; NULL: none, or opaque */
	time_t now;		     /* 0: time(NULL) */
};
#define DIAG_CONTEXT_INIT \
	{ \
		.source = DIAG_SOURCE_UNKNOWN \
	}

/* Fills what the options know (user, host, account, client id, proxy …); the rest stays as it is. */
void diag_options(struct diag_context *, const struct options *);

/*
 * Prints log_err(err), then the hints that fit (log_hint).  ctx may be NULL.
 * Returns err_status(err->kind), so that main can return it.  ERR_NONE prints
 * nothing and returns 0.  Errors of kind 69, 76, 77 and 78 always get a hint.
 * With $MSTOOLS_STAGE set, for mscheck, a line "PROGRAM: stage: STAGE: ROW" comes first.
 */
int diag_report(const struct err *err, const struct diag_context *ctx);

/*
 * The same for a program that reads a mailbox: the context is made of its
 * options and, where the login was refused, of what source's token says of
 * itself.  user and folder: what the error is about; "" where the options know.
 */
int diag_report_mailbox(const struct err *, const struct options *, struct source *, const char *user,
    const char *folder);

/* The hints alone, one a line, without "hint: "; nothing is added where the table knows nothing. */
void diag_hints(struct str *out, const struct err *err, const struct diag_context *ctx);

/* Appends mstools-troubleshooting(7), mdoc, made from the table. */
void diag_page(struct str *out);

/*
 * Appends s as one word that is safe to paste: into PowerShell in single quotes
 * (all five characters that PowerShell takes for one are doubled), into sh in
 * single quotes.  Control characters become '?'.  Words of letters, digits and
 * ".-_@/:" stay bare in sh.
 */
void diag_quote_ps(struct str *out, const char *s);
void diag_quote_sh(struct str *out, const char *s);

#endif
