/*
 * optdef: the table behind opt.h, shared by the files that read it: getopt
 * (opt.c), configuration (config.c), validation (opt_check.c), --help and
 * completion (opt_help.c).  Nothing outside lib/base includes this, tests apart.
 */
#ifndef MSTOOLS_OPTDEF_H
#define MSTOOLS_OPTDEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"
#include "opt.h"

enum opt_type {
	OT_BOOL,   /* bool */
	OT_COUNT,  /* int: how often it was given */
	OT_STRING, /* char *, as all down to OT_COMMAND; not empty */
	OT_USER,   /* a mailbox: no blanks; made lower case, for it is part of every message's identity */
	OT_HOST,   /* a host name or address */
	OT_URL,	   /* https only; without the slashes at its end */
	OT_DAY,	   /* YYYY-MM-DD, kept as it is */
	OT_PROXY,  /* may be empty */
	OT_FILE,
	OT_DIR,	     /* "~/" at the beginning is $HOME in a configuration file */
	OT_COMMAND,  /* for sh -c; a file that sets one must be trustworthy */
	OT_LIST,     /* struct strlist */
	OT_UINT,     /* unsigned */
	OT_NUMBER,   /* uint64_t */
	OT_SIZE,     /* uint64_t, bytes */
	OT_SECS,     /* unsigned, a duration */
	OT_DURATION, /* uint64_t, a duration */
	OT_DATE,     /* time_t, and a bool at has */
	OT_CLOUD,    /* const struct cloud * */
	OT_ALG,	     /* enum opt_alg */
	OT_IPV4,
	OT_IPV6, /* int family */
	OT_HELP,
	OT_VERSION,
	OT_SPEC, /* print something and exit */
};

enum opt_group {
	OG_WHAT,
	OG_ACTION,
	OG_CREDENTIAL,
	OG_TOKEN,
	OG_DELIVERY,
	OG_STATE,
	OG_CONNECTION,
	OG_OUTPUT,
	OG_GENERAL,
	OG_HIDDEN,
	OPT_GROUPS
};

struct optdef {
	const char *name;	/* long option and key */
	char letter;		/* 0: none */
	unsigned char programs; /* OR of enum opt_program */
	bool key;		/* may stand in a configuration file */
	enum opt_type type;
	enum opt_group group;
	size_t off, has;	/* offsets in struct options */
	uint64_t min, max;	/* numbers and durations */
	const char *arg, *help; /* arg NULL: takes none */
};

extern const struct optdef opt_table[];
extern const size_t opt_table_n;

/* Where a value stands, for the message about it. */
struct opt_source {
	enum err_kind kind;  /* ERR_USAGE: the command line; ERR_CONFIG: a file */
	const char *subject; /* file:line, or NULL */
};

/*
 * Sets what d stands for in o to value (NULL where d takes none); lists grow.
 * 0, or -1 with err set as the source says and the option named in the text.
 */
int opt_assign(struct options *o, const struct optdef *d, const char *value, const struct opt_source *,
    struct err *);
/* Back to what opt_parse's zeroing left. */
void opt_unset(struct options *o, const struct optdef *d);

/*
 * "an access token" or "a client secret", if one stands in s, by its form; else NULL.
 * name: s is no folder, search or command, so that a very long word is none of what it may be.
 */
const char *opt_secret(const char *s, bool name);
/* May a value of d be a very long word?  Names of folders are, and searches for many UIDs. */
bool opt_may_be_long(const struct optdef *d);

/* The key of that name, or NULL with err set: what a near miss was meant to be is in the text. */
const struct optdef *opt_find_key(const char *name, const struct opt_source *, struct err *);

/* layer[i]: which layer set opt_table[i]; 0: none. */
enum opt_layer { OL_NONE, OL_ETC, OL_USER, OL_ETC_ACCOUNT, OL_USER_ACCOUNT, OL_COMMAND };

/*
 * Of options that exclude each other the one of the higher layer stays; both
 * in one layer are an error.  Then what is missing and what makes no sense
 * together is looked for, and the defaults of the cloud are filled in.
 */
int opt_check(struct options *o, unsigned char *layer, struct err *);

/* opt_parse with the names of the two configuration files given (NULL: none). */
int opt_parse_files(struct options *o, enum opt_program, int argc, char **argv, const char *etc_file,
    const char *user_file, struct err *);

const char *opt_program_name(enum opt_program);
void opt_help(FILE *, enum opt_program);
/*
 * For shells' completion: a line for each option of the program, TAB between
 * its forms ("-F,--folder") and the kind of its value: none, file, dir,
 * command, account, text, or words separated by blanks.
 */
void opt_spec(FILE *, enum opt_program);

#endif
