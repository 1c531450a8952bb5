/*
 * opt: command line and configuration into struct options (see opt.h).
 *
 * - The command line is read first but for its values, for it says which
 *   account and which file; then the layers are laid over each other from
 *   the ground up, each key of a higher layer replacing the lower one whole.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "opt.h"
#include "optdef.h"

#ifndef MSTOOLS_VERSION
#define MSTOOLS_VERSION "1.0"
#endif
#define ETC_FILE "/etc/mstools/config"
#define LONG_BASE 1000 /* getopt's value of opt_table[i] is LONG_BASE + i */

struct given {
	const struct optdef *def;
	const char *value; /* foreign: argv */
};

struct parse {
	struct options *o;
	struct err *err;
	unsigned char *layer; /* one for each row of the table */
	struct given *v;      /* what stood on the command line, in its order */
	size_t n;
};

const char *
opt_program_name(enum opt_program p)
{
	switch (p) {
	case OPT_MSTOKEN:
		return "mstoken";
	case OPT_MSFETCH:
		return "msfetch";
	case OPT_MSMARK:
		return "msmark";
	case OPT_MSLS:
		return "msls";
	}
	return "mstools";
}

/* Everybody on this machine can read arguments, and a shell keeps them.  Nothing of it is shown. */
static int
secret_in_argument(struct parse *ps, const char *what, int i)
{
	return err_set(ps->err, ERR_USAGE, STAGE_CONFIG, NULL,
	    "%s stands in argument %d: it is neither used nor shown", what, i);
}

static int
no_secret(struct parse *ps, int argc, char **argv)
{
	const char *what;

	for (int i = 1; i < argc; i++)
		if ((what = opt_secret(argv[i], false)) != NULL)
			return secret_in_argument(ps, what, i);
	return 0;
}

/* The same for what cannot be a very long word: one of argv, or the end of one. */
static int
no_secret_name(struct parse *ps, const char *name, char *const *argv)
{
	const char *what = opt_secret(name, true);
	int i = 1;

	if (what == NULL)
		return 0;
	while (argv[i] != NULL && (argv[i] > name || argv[i] + strlen(argv[i]) < name))
		i++;
	return secret_in_argument(ps, what, i);
}

/* getopt has sorted argv; was: as it was before. */
static int
no_secret_names(struct parse *ps, char *const *was)
{
	const struct options *o = ps->o;
	int r = 0;

	for (size_t i = 0; i < ps->n && r == 0; i++)
		if (ps->v[i].value != NULL && !opt_may_be_long(ps->v[i].def))
			r = no_secret_name(ps, ps->v[i].value, was);
	for (int i = o->program == OPT_MSLS; i < o->nargs && r == 0; i++) /* its first is a folder */
		r = no_secret_name(ps, o->args[i], was);
	return r;
}

/* The row of a letter or of getopt's value for a long option. */
static const struct optdef *
find(enum opt_program program, int c)
{
	if (c >= LONG_BASE && (size_t)(c - LONG_BASE) < opt_table_n)
		return &opt_table[c - LONG_BASE];
	for (size_t i = 0; i < opt_table_n; i++)
		if (c != 0 && opt_table[i].letter == c && (opt_table[i].programs & program) != 0)
			return &opt_table[i];
	return NULL;
}

/* No stage: what is wrong is said here, and what to type. */
static int
getopt_error(struct parse *ps, int c, const char *arg)
{
	const struct optdef *d = find(ps->o->program, optopt);
	const char *name = opt_program_name(ps->o->program);
	const char *what = c == ':' ? "needs a value" : "takes no value";

	if (d != NULL && optopt >= LONG_BASE)
		return err_set(ps->err, ERR_USAGE, STAGE_NONE, NULL, "--%s %s (see %s --help)", d->name, what,
		    name);
	if (d != NULL)
		return err_set(ps->err, ERR_USAGE, STAGE_NONE, NULL, "-%c %s (see %s --help)", optopt, what,
		    name);
	if (optopt != 0)
		return err_set(ps->err, ERR_USAGE, STAGE_NONE, NULL, "unknown option -%c (see %s --help)",
		    optopt, name);
	return err_set(ps->err, ERR_USAGE, STAGE_NONE, NULL,
	    "unknown option %.*s, or short for more than one (see %s --help)", (int)strcspn(arg, "="), arg,
	    name);
}

/* For scripts that pipe --help into something: what could not be written is no success. */
static void
print_and_exit(enum opt_program program, enum opt_type what)
{
	switch (what) {
	case OT_HELP:
		opt_help(stdout, program);
		break;
	case OT_VERSION:
		printf("%s (mstools) %s\n", opt_program_name(program), MSTOOLS_VERSION);
		break;
	default:
		opt_spec(stdout, program);
		break;
	}
	exit(fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR);
}

/* Fills ps->v, and the operands of ps->o. */
static int
command_line(struct parse *ps, int argc, char **argv)
{
	struct option *longs = xcalloc(opt_table_n + 1, sizeof *longs);
	char **was = xcalloc((size_t)argc + 1, sizeof *was);
	struct str shorts = STR_INIT;
	const struct optdef *d;
	size_t n = 0;
	int c, r = 0;

	str_addc(&shorts, ':');
	for (size_t i = 0; i < opt_table_n; i++) {
		d = &opt_table[i];
		if ((d->programs & ps->o->program) == 0)
			continue;
		longs[n++] = (struct option){ d->name, d->arg != NULL, NULL, LONG_BASE + (int)i };
		if (d->letter != 0)
			str_addf(&shorts, "%c%s", d->letter, d->arg != NULL ? ":" : "");
	}
	memcpy(was, argv, (size_t)argc * sizeof *was);
	opterr = 0;
	optind = 0; /* glibc: start anew, permuting */
	while (r == 0 && (c = getopt_long(argc, argv, shorts.s, longs, NULL)) != -1) {
		if (c == ':' || c == '?') {
			r = getopt_error(ps, c, argv[optind > 0 ? optind - 1 : 0]);
			continue;
		}
		d = find(ps->o->program, c);
		if (d->type == OT_HELP || d->type == OT_VERSION || d->type == OT_SPEC)
			print_and_exit(ps->o->program, d->type);
		ps->v = xreallocarray(ps->v, ps->n + 1, sizeof *ps->v);
		ps->v[ps->n++] = (struct given){ d, d->arg != NULL ? optarg : NULL };
	}
	ps->o->args = argv + optind;
	ps->o->nargs = argc > optind ? argc - optind : 0;
	if (r == 0)
		r = no_secret_names(ps, was);
	free(was);
	str_release(&shorts);
	free(longs);
	return r;
}

static int
assign(struct parse *ps, const struct optdef *d, const char *value, enum opt_layer layer,
    const struct opt_source *src)
{
	size_t i = (size_t)(d - opt_table);

	/* These two add to what is there; all others take its place. */
	if (ps->layer[i] != layer && (d->type == OT_LIST || d->type == OT_COUNT))
		opt_unset(ps->o, d);
	ps->layer[i] = (unsigned char)layer;
	return opt_assign(ps->o, d, value, src, ps->err);
}

/* The row of the same name that this program knows as a key. */
static const struct optdef *
own_row(enum opt_program program, const char *name)
{
	for (size_t i = 0; i < opt_table_n; i++)
		if (opt_table[i].key && (opt_table[i].programs & program) != 0 &&
		    strcmp(opt_table[i].name, name) == 0)
			return &opt_table[i];
	return NULL;
}

static int
lay(struct parse *ps, const struct config *c, const char *account, enum opt_layer layer)
{
	const struct config_section *sec = config_section(c, account);
	struct opt_source src = { ERR_CONFIG, NULL };
	const struct optdef *d;
	char *subject;
	int r = 0;

	for (size_t i = 0; sec != NULL && i < sec->n && r == 0; i++) {
		d = own_row(ps->o->program, sec->v[i].def->name);
		if (d == NULL)
			continue; /* a sibling's */
		src.subject = subject = xasprintf("%s:%u", c->path, sec->v[i].line);
		r = assign(ps, d, sec->v[i].value, layer, &src);
		free(subject);
	}
	return r;
}

static int
no_account(const struct parse *ps, const struct config *etc, const struct config *user)
{
	const struct config *file[] = { user, etc };
	struct str names = STR_INIT, where = STR_INIT;
	char *subject = xasprintf("account %s", ps->o->account);

	for (size_t f = 0; f < 2; f++) {
		if (file[f]->path == NULL)
			continue;
		str_addf(&where, "%s%s", where.len > 0 ? " or " : "", file[f]->path);
		for (size_t i = 1; i < file[f]->n; i++)
			if (f == 0 || config_section(user, file[f]->v[i].account) == NULL)
				str_addf(&names, "%s%s", names.len > 0 ? ", " : "", file[f]->v[i].account);
	}
	if (where.len == 0)
		err_set(ps->err, ERR_CONFIG, STAGE_CONFIG, subject,
		    "no such account: there is no configuration file");
	else if (names.len == 0)
		err_set(ps->err, ERR_CONFIG, STAGE_CONFIG, subject, "no such account: there is none in %s",
		    where.s);
	else
		err_set(ps->err, ERR_CONFIG, STAGE_CONFIG, subject, "no such account in %s (there are: %s)",
		    where.s, names.s);
	str_release(&names);
	str_release(&where);
	free(subject);
	return -1;
}

static int
lay_files(struct parse *ps, const struct config *etc, const struct config *user)
{
	const char *account = ps->o->account;

	if (account != NULL && config_section(etc, account) == NULL && config_section(user, account) == NULL)
		return no_account(ps, etc, user);
	if (lay(ps, etc, NULL, OL_ETC) == -1 || lay(ps, user, NULL, OL_USER) == -1)
		return -1;
	if (account != NULL &&
	    (lay(ps, etc, account, OL_ETC_ACCOUNT) == -1 || lay(ps, user, account, OL_USER_ACCOUNT) == -1))
		return -1;
	return 0;
}

static int
configuration(struct parse *ps, const char *etc_file, const char *user_file)
{
	struct config etc = CONFIG_INIT, user = CONFIG_INIT;
	int r = 0;

	if (ps->o->config != NULL) {
		r = config_parse_file(&user, ps->o->config, ps->err);
		if (r == 0)
			r = err_set(ps->err, ERR_CONFIG, STAGE_CONFIG, ps->o->config, "no such file");
	} else {
		if (etc_file != NULL)
			r = config_parse_file(&etc, etc_file, ps->err);
		if (r != -1 && user_file != NULL)
			r = config_parse_file(&user, user_file, ps->err);
	}
	if (r != -1)
		r = lay_files(ps, &etc, &user);
	config_release(&etc);
	config_release(&user);
	return r;
}

/* Options of the command line; with early those alone that say where the configuration is. */
static int
lay_command_line(struct parse *ps, bool early)
{
	const struct opt_source src = { ERR_USAGE, NULL };
	const struct optdef *d;

	for (size_t i = 0; i < ps->n; i++) {
		d = ps->v[i].def;
		if (early !=
		    (d->off == offsetof(struct options, account) ||
			d->off == offsetof(struct options, config)))
			continue;
		if (assign(ps, d, ps->v[i].value, OL_COMMAND, &src) == -1)
			return -1;
	}
	return 0;
}

int
opt_parse_files(struct options *o, enum opt_program program, int argc, char **argv, const char *etc_file,
    const char *user_file, struct err *err)
{
	struct parse ps = { o, err, NULL, NULL, 0 };
	int r = -1;

	memset(o, 0, sizeof *o);
	o->program = program;
	o->min_valid = 300;
	o->port = 993;
	o->timeout = o->max_backoff = 60;
	o->connections = 1;
	o->pipe_timeout = 300;
	ps.layer = xcalloc(opt_table_n, 1);
	if (no_secret(&ps, argc, argv) == 0 && command_line(&ps, argc, argv) == 0 &&
	    lay_command_line(&ps, true) == 0 && configuration(&ps, etc_file, user_file) == 0 &&
	    lay_command_line(&ps, false) == 0)
		r = opt_check(o, ps.layer, err);
	free(ps.layer);
	free(ps.v);
	if (r == -1)
		opt_release(o);
	return r;
}

int
opt_parse(struct options *o, enum opt_program program, int argc, char **argv, struct err *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *user_file = NULL;
	int r;

	/* A relative XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification). */
	if (xdg != NULL && *xdg == '/')
		user_file = xasprintf("%s/mstools/config", xdg);
	else if (home != NULL && *home != '\0')
		user_file = xasprintf("%s/.config/mstools/config", home);
	r = opt_parse_files(o, program, argc, argv, ETC_FILE, user_file, err);
	free(user_file);
	return r;
}

void
opt_release(struct options *o)
{
	for (size_t i = 0; i < opt_table_n; i++)
		opt_unset(o, &opt_table[i]);
}
