/*
 * diag: see diag.h.
 *
 * - The first row that matches is the symptom's; rows without a pattern wait
 *   until no other fits.
 * - A cause that this run proves (DIAG_YES) is printed alone with the others
 *   that are proved; else all that are possible, numbered, likeliest first.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cloud.h"
#include "base/log.h"
#include "base/opt.h"
#include "diag/table.h"
#include "entra/claims.h"
#include "entra/source.h"

const struct diag_section *const diag_sections[] = {
	&diag_section_setup,
	&diag_section_entra,
	&diag_section_net,
	&diag_section_login,
	&diag_section_mail,
	&diag_section_local,
};
const size_t diag_nsections = sizeof diag_sections / sizeof diag_sections[0];

/* What follows s of n bytes in text, whatever the case of letters; NULL: it is nowhere. */
static const char *
find_part(const char *text, const char *s, size_t n, bool last)
{
	for (; *text != '\0'; text++) {
		if (strncasecmp(text, s, n) != 0)
			continue;
		if (last && n > 0 && isdigit((unsigned char)s[n - 1]) && isdigit((unsigned char)text[n]))
			continue;
		return text + n;
	}
	return NULL;
}

/* One alternative of n bytes: its parts between '*' one after the other. */
static bool
match_one(const char *alt, size_t n, const char *text)
{
	size_t part;

	while (n > 0 && text != NULL) {
		for (part = 0; part < n && alt[part] != '*'; part++)
			;
		text = find_part(text, alt, part, part == n);
		if (part < n)
			part++;
		alt += part;
		n -= part;
	}
	return text != NULL;
}

bool
diag_match(const char *pattern, const char *text)
{
	size_t n;

	for (;;) {
		n = strcspn(pattern, "|");
		if (n > 0 && match_one(pattern, n, text))
			return true;
		if (pattern[n] == '\0')
			return false;
		pattern += n + 1;
	}
}

static bool
row_fits(const struct diag_row *r, const struct err *err)
{
	if ((r->stages & S(err->stage)) == 0)
		return false;
	return r->kinds == 0 || (r->kinds & K(err->kind)) != 0;
}

const struct diag_row *
diag_find(const struct err *err)
{
	const struct diag_row *r, *rest = NULL;

	for (size_t i = 0; i < diag_nsections; i++) {
		for (size_t k = 0; k < diag_sections[i]->n; k++) {
			r = &diag_sections[i]->row[k];
			if (!row_fits(r, err))
				continue;
			if (r->pattern == NULL)
				rest = rest != NULL ? rest : r;
			else if (diag_match(r->pattern, err->text))
				return r;
		}
	}
	return rest;
}

const char *
diag_name(const struct diag_row *r)
{
	if (r == NULL)
		return "none";
	return r->title != NULL ? r->title : r->sample;
}

/* Adds text line by line, each after indent; a line to type (tab) is set in further. */
static void
add_lines(struct str *out, const char *first, const char *indent, const char *text)
{
	const char *lead = first;
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "\n");
		if (*text == '\t') {
			str_addf(out, "%s    ", indent);
			str_add(out, text + 1, n - 1);
		} else {
			str_adds(out, lead);
			str_add(out, text, n);
		}
		lead = indent;
		str_addc(out, '\n');
		text += n;
		if (*text == '\n')
			text++;
	}
}

/* number 0: the only cause, without one. */
static void
add_cause(struct str *out, const struct diag_cause *c, int number, const struct err *err,
    const struct diag_context *ctx)
{
	const char *indent = number > 0 ? "   " : "";
	struct str text = STR_INIT, lead = STR_INIT;

	diag_subst(&text, c->cause, err, ctx);
	if (number > 0)
		str_addf(&lead, "%d. ", number);
	add_lines(out, number > 0 ? lead.s : "", indent, text.s);
	if (c->tell != NULL) {
		str_clear(&text);
		diag_subst(&text, c->tell, err, ctx);
		str_clear(&lead);
		str_addf(&lead, "%sto tell: ", indent);
		if (text.s[0] == '\t')
			str_addf(out, "%sto tell:\n", indent);
		add_lines(out, lead.s, indent, text.s);
	}
	str_clear(&text);
	diag_subst(&text, c->cure, err, ctx);
	str_clear(&lead);
	str_addf(&lead, "%scure: ", indent);
	if (text.s[0] == '\t')
		str_addf(out, "%scure:\n", indent);
	add_lines(out, lead.s, indent, text.s);
	str_release(&text);
	str_release(&lead);
}

void
diag_hints(struct str *out, const struct err *err, const struct diag_context *ctx)
{
	static const struct diag_context nothing = DIAG_CONTEXT_INIT;
	const struct diag_row *r = diag_find(err);
	enum diag_truth truth[DIAG_CAUSES], least = DIAG_MAYBE;
	int n = 0, shown = 0;

	if (r == NULL)
		return;
	if (ctx == NULL)
		ctx = &nothing;
	for (int i = 0; i < DIAG_CAUSES && r->cause[i].cause != NULL; i++) {
		truth[i] = diag_cond(r->cause[i].cond, err, ctx);
		if (truth[i] == DIAG_YES)
			least = DIAG_YES;
	}
	for (int i = 0; i < DIAG_CAUSES && r->cause[i].cause != NULL; i++)
		n += truth[i] >= least;
	if (n == 0) /* none is possible, and yet it happened: all of them */
		least = DIAG_NO;
	for (int i = 0; i < DIAG_CAUSES && r->cause[i].cause != NULL; i++)
		if (truth[i] >= least)
			add_cause(out, &r->cause[i], n > 1 ? ++shown : 0, err, ctx);
}

int
diag_report(const struct err *err, const struct diag_context *ctx)
{
	struct str hints = STR_INIT;

	if (err->kind == ERR_NONE)
		return err_status(ERR_NONE);
	if (getenv("MSTOOLS_STAGE") != NULL) /* mscheck asks, and the tests that walk the table */
		log_warn("stage: %s: %s", err_stage_name(err->stage), diag_name(diag_find(err)));
	log_err(err);
	diag_hints(&hints, err, ctx);
	if (hints.len > 0)
		log_hint(hints.s);
	str_release(&hints);
	return err_status(err->kind);
}

int
diag_report_mailbox(const struct err *err, const struct options *o, struct source *source, const char *user,
    const char *folder)
{
	struct diag_context dc = DIAG_CONTEXT_INIT;
	const struct secret *token;
	struct claims claims;
	int status;

	memset(&claims, 0, sizeof claims);
	diag_options(&dc, o);
	if (*user != '\0')
		dc.user = user;
	if (*folder != '\0')
		dc.folder = folder;
	/* At these stages the token is there, and what it says of itself is the best hint. */
	if ((err->stage == STAGE_LOGIN || err->stage == STAGE_FIRST) &&
	    source_token(source, &token, NULL) == 0 && claims_parse(token->s, token->len, &claims) == 1)
		dc.claims = &claims;
	status = diag_report(err, &dc);
	claims_release(&claims);
	return status;
}

static const char *
first_of(const char *a, const char *b)
{
	return a != NULL && *a != '\0' ? a : b;
}

void
diag_options(struct diag_context *d, const struct options *o)
{
	d->user = first_of(o->user, d->user);
	d->host = first_of(o->host, d->host);
	d->account = first_of(o->account, d->account);
	d->config = first_of(o->config, d->config);
	d->client_id = first_of(o->client_id, d->client_id);
	d->tenant = first_of(o->tenant, d->tenant);
	d->scope = first_of(o->scope, d->scope);
	d->authority = first_of(o->authority, d->authority);
	d->credential = first_of(o->client_secret_file, first_of(o->cert, d->credential));
	d->ca_file = first_of(o->ca_file, d->ca_file);
	d->maildir = first_of(o->maildir, d->maildir);
	d->token_cmd = first_of(o->token_cmd, d->token_cmd);
	d->token_file = first_of(o->token_file, d->token_file);
	if (o->cloud != NULL) {
		d->cloud = o->cloud->name;
		d->host = first_of(d->host, o->cloud->imap);
		d->scope = first_of(d->scope, o->cloud->scope);
		d->authority = first_of(d->authority, o->cloud->login);
	}
	if (o->nargs > 0 && o->program == OPT_MSFETCH)
		d->maildir = o->args[0];
	if (o->proxy != NULL)
		d->proxy = o->proxy;
	else
		d->proxy = first_of(getenv("ALL_PROXY"), first_of(getenv("all_proxy"), d->proxy));
	if (d->token_cmd != NULL)
		d->source = DIAG_SOURCE_CMD;
	else if (d->token_file != NULL)
		d->source = DIAG_SOURCE_FILE;
}
