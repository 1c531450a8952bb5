/*
 * list_int: the two halves of msls, list_folders.c and list_messages.c, and
 * what they share, list.c.  Internal to lib/tool.
 */
#ifndef MSTOOLS_LIST_INT_H
#define MSTOOLS_LIST_INT_H

#include "base/util.h"
#include "crew/wire.h"
#include "tool/ledger.h"
#include "tool/link.h"
#include "tool/list.h"

struct list {
	const struct options *o; /* foreign, as the next four */
	const volatile sig_atomic_t *stop;
	struct list_report *report;
	const struct list_job *job;
	void *work; /* the half's own */
	struct link *link;
	struct ledger *out;
	char *user; /* lower case; owned */
	int lane;
	uint32_t last_id; /* of the jobs sent */
	bool done;
	struct str line; /* scratch */
	_Alignas(16) char packet[WIRE_MAX];
};

/* What the loop calls.  packet: 0 or -1 with err set. */
struct list_job {
	void (*up)(struct list *); /* a connection is there: ask, or ask again */
	int (*packet)(struct list *, const struct wire_head *, struct err *);
	void (*lost)(struct list *, bool suspect);
};

extern const struct list_job list_folders, list_messages;

void *list_folders_new(void);
void list_folders_free(void *);
void *list_messages_new(void);
void list_messages_free(void *);

/* Sends WIRE_LOOK for n patterns; all: by LIST and STATUS even where one name alone would be opened. */
void list_look(struct list *, const char *const *pattern, size_t n, bool all);

/* --- columns of a line: begun, added one by one, ended --- */
void list_begin(struct list *);
void list_string(struct list *, const char *name, const char *value);
void list_number(struct list *, const char *name, uint64_t value);
void list_flags(struct list *, const char *name, uint32_t flags); /* enum session_flag, as IMAP spells them */
/* As in receipts: "-" (JSON: null) for DATE_NONE and for years of other than four digits. */
void list_date(struct list *, const char *name, int64_t date);
/* "-" in TSV, nothing in JSON. */
void list_none(struct list *, const char *name);
int list_end(struct list *, struct err *);

#endif
