/*
 * receipt: one line of text for one message (design §2; mstools(7), RECEIPTS).
 * TSV with escapes (\\ \t \xHH), or JSON Lines with the same names.
 */
#ifndef MSTOOLS_RECEIPT_H
#define MSTOOLS_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

struct receipt {
	const char *user, *folder; /* foreign */
	uint32_t uidvalidity, uid;
	int64_t date;	/* INTERNALDATE, seconds; INT64_MIN: none, printed "-" */
	uint64_t bytes; /* of the stored file */
	unsigned char sha256[32];
	const char *path; /* absolute, or "-" (--pipe without MAILDIR; JSON: null, as a date that is none) */
};

enum receipt_format { RECEIPT_TSV, RECEIPT_JSON, RECEIPT_PATH0 }; /* PATH0: path and NUL only */

/* Appends r's whole line to out. */
void receipt_format(struct str *out, const struct receipt *, enum receipt_format);

enum receipt_kind { LINE_EMPTY, LINE_RECEIPT, LINE_PATH };
/* What msmark needs of any of the lines that feed it: equal first columns. */
struct receipt_line {
	enum receipt_kind kind;
	char *user, *folder; /* point into the line, unescaped in place, not empty; NULL for LINE_PATH */
	uint32_t uidvalidity, uid;
	bool has_date;
	int64_t date;
	char *path; /* LINE_PATH: the path itself */
};
#define RECEIPT_LINE_MAX 65536 /* a longer line is malformed */
/*
 * Parses one line in place (without its newline): a receipt, an msls message
 * line, an msmark result line or their JSON, or the path of a delivered file
 * ('/' or '.' first, taken as it is).  line[len] must be writable: where the
 * newline or the NUL was.  At least five columns, the date whole, so that no
 * torn line names another message.  0, or -1 with err set (ERR_DATA; the text never repeats the line).
 */
int receipt_parse(char *line, size_t len, struct receipt_line *, struct err *);

/* Adds one TSV field, escaped. */
void tsv_add(struct str *, const char *);
/* Adds a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
void json_add(struct str *, const char *);

#endif
