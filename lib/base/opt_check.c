/* opt_check: what options must and must not stand together; defaults that depend on others. */
#include <stdlib.h>
#include <string.h>

#include "optdef.h"

/* Of each pair one at most; across layers (configuration, command line) the higher one stays. */
static const struct {
	unsigned programs;
	const char *a, *b;
} pairs[] = {
	{ OPT_MSFETCH, "baseline", "dry-run" },
	{ OPT_MSFETCH, "baseline", "rebuild" },
	{ OPT_MSFETCH, "baseline", "verify" },
	{ OPT_MSFETCH, "null", "json" },
	{ OPT_MSFETCH, "null", "quiet" },
	{ OPT_MSFETCH, "rebuild", "verify" },
	{ OPT_MSMARK, "delete", "move" },
	{ OPT_MSMARK, "flag", "unflag" },
	{ OPT_MSMARK, "seen", "unseen" },
	{ OPT_MSTOKEN, "cert", "client-secret-cmd" },
	{ OPT_MSTOKEN, "cert", "client-secret-file" },
	{ OPT_MSTOKEN, "client-secret-cmd", "client-secret-file" },
	{ OPT_MSTOKEN, "claims", "follow" },
	{ OPT_MSTOKEN, "claims", "json" },
	{ OPT_MSTOKEN, "claims", "xoauth2" },
	{ OPT_MSTOKEN, "follow", "json" },
	{ OPT_MSTOKEN, "follow", "xoauth2" },
	{ OPT_MSTOKEN, "json", "xoauth2" },
	{ OPT_MSFETCH | OPT_MSMARK | OPT_MSLS, "token-cmd", "token-file" },
};

static bool
is_set(const struct options *o, const struct optdef *d)
{
	const void *field = (const char *)o + d->off;

	switch (d->type) {
	case OT_BOOL:
		return *(const bool *)field;
	case OT_COUNT:
		return *(const int *)field > 0;
	default:
		return *(char *const *)field != NULL;
	}
}

static const struct optdef *
row(const struct options *o, const char *name)
{
	for (size_t i = 0; i < opt_table_n; i++)
		if ((opt_table[i].programs & o->program) != 0 && strcmp(opt_table[i].name, name) == 0)
			return &opt_table[i];
	return NULL;
}

static int
exclusions(struct options *o, const unsigned char *layer, struct err *err)
{
	const struct optdef *a, *b;
	unsigned char la, lb;

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		if ((pairs[i].programs & o->program) == 0)
			continue;
		a = row(o, pairs[i].a);
		b = row(o, pairs[i].b);
		if (!is_set(o, a) || !is_set(o, b))
			continue;
		la = layer[a - opt_table];
		lb = layer[b - opt_table];
		if (la == lb && la == OL_COMMAND)
			return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "--%s and --%s exclude each other",
			    a->name, b->name);
		if (la == lb)
			return err_set(err, ERR_CONFIG, STAGE_CONFIG, NULL,
			    "'%s' and '%s' exclude each other: the configuration has both", a->name, b->name);
		opt_unset(o, la < lb ? a : b);
	}
	return 0;
}

static int
usage(struct err *err, const char *text)
{
	return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "%s", text);
}

/* Something that option or key name has to say. */
static int
missing(const struct options *o, const char *what, const char *option, const char *name, struct err *err)
{
	if (o->account != NULL)
		return err_set(err, ERR_CONFIG, STAGE_CONFIG, NULL,
		    "no %s: account %s has no '%s' in the configuration (or give %s)", what, o->account, name,
		    option);
	return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL,
	    "no %s: give %s, or -a ACCOUNT and '%s' in the configuration", what, option, name);
}

static int
check_token(struct options *o, struct err *err)
{
	/* Not shown: a secret where it should not be, most likely. */
	if (o->nargs > 0)
		return usage(err, "it takes options only, and a value that belongs to none was given");
	if (o->tenant == NULL)
		return missing(o, "tenant", "--tenant ID", "tenant", err);
	if (o->client_id == NULL)
		return missing(o, "application", "--client-id ID", "client-id", err);
	/* A secret of a higher layer has put the certificate aside: its key goes with it. */
	if (o->key != NULL && o->cert == NULL) {
		if (o->client_secret_file == NULL && o->client_secret_cmd == NULL)
			return usage(err, "--key needs --cert");
		free(o->key);
		o->key = NULL;
	}
	return 0;
}

static int
check_fetch(struct options *o, const unsigned char *layer, struct err *err)
{
	if (o->nargs > 1)
		return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "one Maildir only: '%.100s' is too much",
		    o->args[1]);
	if (o->nargs == 1) {
		if (o->args[0][0] == '\0')
			return usage(err, "the name of the Maildir is empty");
		if (layer[row(o, "maildir") - opt_table] == OL_COMMAND)
			return usage(err, "the Maildir is given twice: as operand and with --maildir");
		free(o->maildir);
		o->maildir = xstrdup(o->args[0]);
	}
	if (o->user == NULL)
		return missing(o, "mailbox", "-u MAILBOX", "user", err);
	if (o->maildir == NULL && o->pipe_cmd == NULL)
		return missing(o, "Maildir", "MAILDIR", "maildir", err);
	if (o->maildir == NULL && o->state == NULL)
		return missing(o, "state", "--state FILE (there is no Maildir to keep it in)", "state", err);
	if (o->maildir == NULL && (o->rebuild || o->verify))
		return usage(err, "--rebuild and --verify look at the files of a Maildir: give MAILDIR");
	if (o->prune && !o->verify)
		return usage(err, "--prune goes with --verify");
	if (o->has_since && o->has_before && o->since >= o->before)
		return usage(err, "nothing lies between --since and --before");
	return 0;
}

static int
check_mark(struct options *o, const unsigned char *layer, struct err *err)
{
	if (!o->seen && !o->unseen && !o->flag && !o->unflag && !o->answered && !o->del && o->move == NULL)
		return usage(err,
		    "nothing to do: give --seen, --unseen, --flag, --unflag, --answered, "
		    "--delete or --move FOLDER");
	if (o->create && o->move == NULL && layer[row(o, "create") - opt_table] == OL_COMMAND)
		return usage(err, "--create goes with --move FOLDER");
	return 0;
}

static int
check_ls(struct options *o, struct err *err)
{
	if (o->nargs > 1)
		return err_set(err, ERR_USAGE, STAGE_CONFIG, NULL, "one folder only: '%.100s' is too much",
		    o->args[1]);
	if (o->nargs == 1 && o->folder.n > 0)
		return usage(err, "either FOLDER, for its messages, or -F PATTERN, for folders");
	if (o->nargs == 0 && o->search != NULL)
		return usage(err, "--search looks for messages in one folder: give FOLDER");
	if (o->user == NULL)
		return missing(o, "mailbox", "-u MAILBOX", "user", err);
	return 0;
}

static void
cloud_defaults(struct options *o)
{
	if (o->cloud == NULL)
		o->cloud = cloud_find("global");
	if (o->host == NULL)
		o->host = xstrdup(o->cloud->imap);
	if (o->authority == NULL)
		o->authority = xstrdup(o->cloud->login);
	if (o->scope == NULL)
		o->scope = xstrdup(o->cloud->scope);
}

int
opt_check(struct options *o, unsigned char *layer, struct err *err)
{
	int r = exclusions(o, layer, err);

	if (r == 0 && o->program == OPT_MSTOKEN)
		r = check_token(o, err);
	else if (r == 0 && o->program == OPT_MSFETCH)
		r = check_fetch(o, layer, err);
	else if (r == 0 && o->program == OPT_MSMARK)
		r = check_mark(o, layer, err);
	else if (r == 0)
		r = check_ls(o, err);
	if (r == 0)
		cloud_defaults(o);
	return r;
}
