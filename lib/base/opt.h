/*
 * opt: the one table of options.  It makes the getopt_long arrays, the
 * configuration keys (a long option and its key have one name), --help and the
 * completions.  Options win over the account's section, that over keys outside
 * any account, the user's file over /etc.
 */
#ifndef MSTOOLS_OPT_H
#define MSTOOLS_OPT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cloud.h"
#include "err.h"
#include "util.h"

enum opt_program { OPT_MSTOKEN = 1, OPT_MSFETCH = 2, OPT_MSMARK = 4, OPT_MSLS = 8 };
enum opt_alg { ALG_PS256, ALG_RS256 };

#define OPT_J_MAX 16

struct options {
	enum opt_program program;
	char **args; /* operands, foreign (argv) */
	int nargs;

	/* all */
	char *account, *config;
	int quiet, verbose;
	const struct cloud *cloud; /* never NULL after opt_parse; default global */

	/* mstoken */
	char *tenant, *client_id;
	char *scope, *authority; /* defaults from cloud; authority without trailing slash */
	char *client_secret_file, *client_secret_cmd, *client_secret_expires;
	char *cert, *key, *cert_pass_file; /* OSSL_STORE URIs or paths */
	enum opt_alg alg;
	unsigned min_valid; /* seconds */
	bool force, no_cache, follow, claims;
	char *cache_dir; /* NULL: $CACHE_DIRECTORY, $XDG_CACHE_HOME/mstools, ~/.cache/mstools */
	char *xoauth2;	 /* user to make a SASL string for */

	/* programs that connect */
	char *user, *host; /* host: default from cloud */
	unsigned port;	   /* 993 */
	char *ca_file;	   /* all programs; NULL: the system's */
	char *proxy;	   /* NULL: ALL_PROXY, all_proxy; "" : none */
	char *token_cmd, *token_file;
	unsigned timeout;     /* seconds, default 60 */
	unsigned max_backoff; /* seconds, default 60 */
	int family;	      /* 0, 4 or 6 */
	bool json, no_progress, no_pipeline;
	char *trace;

	/* msfetch */
	char *maildir;
	struct strlist folder, exclude; /* folder empty: INBOX */
	bool tree, dry_run, baseline, keep_flags, crlf, null, verify, prune, rebuild;
	bool has_since, has_before;
	time_t since, before;		   /* against INTERNALDATE: since <= date < before */
	uint64_t max, max_bytes, max_size; /* 0: no limit */
	unsigned connections;		   /* -j, 1…OPT_J_MAX */
	char *pipe_cmd;			   /* --pipe */
	unsigned pipe_timeout;		   /* --pipe-timeout, seconds, default 300 */
	char *state;
	uint64_t lock_wait, grace; /* seconds */

	/* msmark (dry_run, null too) */
	bool seen, unseen, flag, unflag, answered, del, create;
	char *move;

	/* msls (folder too) */
	char *search;
	uint64_t newest;
};

/*
 * Parses the command line and configuration into o (zeroed by this call) and
 * validates it before anything is opened.  Handles --help and --version itself
 * (prints to stdout, exits 0).  0, or -1 with err set: ERR_USAGE for the
 * command line (text names the option), ERR_CONFIG for a file ("file:line" as
 * subject).
 */
int opt_parse(struct options *o, enum opt_program, int argc, char **argv, struct err *);
void opt_release(struct options *o);

#endif
