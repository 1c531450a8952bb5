/*
 * diag: the conditions of causes, and the table of Exchange Online's names
 * that they need.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cloud.h"
#include "diag/table.h"
#include "entra/claims.h"

#define SKEW 300 /* seconds; Entra and Exchange allow about five minutes */

/* Hosts that a token's aud may name, and the IMAP hosts that take it. */
static const struct {
	const char *aud, *cloud;
} audiences[] = {
	{ "outlook.office365.com", "global" },
	{ "outlook.office.com", "global" },
	{ "00000002-0000-0ff1-ce00-000000000000", NULL }, /* Exchange Online's own app ID, in any cloud */
	{ "outlook.office365.us", "gcc-high" },
	{ "outlook-dod.office365.us", "dod" },
	{ "partner.outlook.cn", "china" },
};

#define NAUD (sizeof audiences / sizeof audiences[0])

static time_t
now_of(const struct diag_context *ctx)
{
	return ctx->now != 0 ? ctx->now : time(NULL);
}

/* The host in an aud, "https://HOST/" or "HOST": NAUD if it is not Exchange Online's. */
static size_t
audience(const char *aud)
{
	size_t n, i;

	if (strncasecmp(aud, "https://", 8) == 0)
		aud += 8;
	n = strcspn(aud, "/:");
	for (i = 0; i < NAUD; i++)
		if (strlen(audiences[i].aud) == n && strncasecmp(aud, audiences[i].aud, n) == 0)
			break;
	return i;
}

static enum diag_truth
cond_aud(const struct claims *c)
{
	if (c == NULL || c->aud == NULL)
		return DIAG_MAYBE;
	return audience(c->aud) == NAUD ? DIAG_YES : DIAG_NO;
}

static enum diag_truth
cond_cloud(const struct claims *c, const struct diag_context *ctx)
{
	const struct cloud *cloud;
	size_t i;

	if (c == NULL || c->aud == NULL || ctx->host == NULL)
		return DIAG_MAYBE;
	i = audience(c->aud);
	if (i == NAUD || audiences[i].cloud == NULL)
		return DIAG_NO; /* COND_AUD's business */
	for (size_t k = 0; k < NAUD; k++) {
		cloud = audiences[k].cloud != NULL ? cloud_find(audiences[k].cloud) : NULL;
		if (cloud == NULL || strcasecmp(cloud->imap, ctx->host) != 0)
			continue;
		/* Clients disagree about DoD: its host is reached with GCC High's aud, too. */
		if (strcmp(audiences[k].cloud, audiences[i].cloud) != 0 &&
		    !(strcmp(audiences[k].cloud, "dod") == 0 && strcmp(audiences[i].cloud, "gcc-high") == 0))
			return DIAG_YES;
		return DIAG_NO;
	}
	return DIAG_NO; /* a host of the user's own */
}

static enum diag_truth
cond_permission(enum diag_cond cond, const struct claims *c)
{
	bool delegated;

	if (c == NULL)
		return DIAG_MAYBE;
	delegated = c->scp != NULL && c->scp[0] != '\0' && c->roles.n == 0;
	switch (cond) {
	case COND_ROLE:
		return !delegated && !claims_has(c, "IMAP.AccessAsApp") ? DIAG_YES : DIAG_NO;
	case COND_SCP:
		return delegated && !claims_has(c, "IMAP.AccessAsUser.All") ? DIAG_YES : DIAG_NO;
	default:
		return delegated && claims_has(c, "IMAP.AccessAsUser.All") ? DIAG_YES : DIAG_NO;
	}
}

static enum diag_truth
cond_expired(const struct claims *c, const struct diag_context *ctx)
{
	time_t now = now_of(ctx);

	if (c == NULL)
		return DIAG_MAYBE;
	return c->exp != 0 && c->exp <= now ? DIAG_YES : DIAG_NO;
}

/*
 * Entra's answers carry its own time, "Current time: 2026-11-28T11:00:00.1Z" or
 * "Timestamp: 2026-11-28 11:00:00Z".
 */
long
diag_clock(const struct err *err, const struct diag_context *ctx)
{
	static const char *const marks[] = { "Current time: ", "Timestamp: " };
	struct tm tm;
	const char *p;

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		p = strcasestr(err->text, marks[i]);
		if (p == NULL)
			continue;
		memset(&tm, 0, sizeof tm);
		p = strptime(p + strlen(marks[i]), "%Y-%m-%d", &tm);
		if (p == NULL || (*p != 'T' && *p != ' '))
			continue;
		if (strptime(p + 1, "%H:%M:%S", &tm) == NULL)
			continue;
		return (long)(now_of(ctx) - timegm(&tm));
	}
	return 0;
}

static enum diag_truth
cond_user_form(const char *user)
{
	const char *at;

	if (user == NULL)
		return DIAG_MAYBE;
	at = strchr(user, '@');
	if (at == NULL || at == user || strchr(at, '.') == NULL || strpbrk(user, "\\/ ") != NULL)
		return DIAG_YES;
	return DIAG_NO;
}

/* "HOST" or "HOST:PORT" of a cloud: nobody has misspelt it. */
static bool
host_known(const char *subject)
{
	size_t n = strcspn(subject, ":");
	const struct cloud *c;

	for (size_t i = 0; i < NAUD; i++) {
		c = audiences[i].cloud != NULL ? cloud_find(audiences[i].cloud) : NULL;
		if (c == NULL)
			continue;
		if ((strlen(c->imap) == n && strncasecmp(c->imap, subject, n) == 0) ||
		    (strlen(c->login) == n + 8 && strncasecmp(c->login + 8, subject, n) == 0))
			return true;
	}
	return false;
}

/* YES or MAYBE: a proxy that is there may be the cause, it need not. */
static enum diag_truth
maybe_if(bool possible)
{
	return possible ? DIAG_MAYBE : DIAG_NO;
}

enum diag_truth
diag_cond(enum diag_cond cond, const struct err *err, const struct diag_context *ctx)
{
	const struct claims *c = ctx->claims;

	switch (cond) {
	case COND_NONE:
	case CONDS:
		return DIAG_MAYBE;
	case COND_AUD:
		return cond_aud(c);
	case COND_ROLE:
	case COND_SCP:
	case COND_DELEGATED:
		return cond_permission(cond, c);
	case COND_EXPIRED:
		return cond_expired(c, ctx);
	case COND_NO_OID:
		if (c == NULL)
			return DIAG_MAYBE;
		return c->oid == NULL && (c->scp == NULL || c->roles.n > 0) ? DIAG_YES : DIAG_NO;
	case COND_CLOUD:
		return cond_cloud(c, ctx);
	case COND_CLOCK:
		return labs(diag_clock(err, ctx)) > SKEW ? DIAG_YES : DIAG_MAYBE;
	case COND_PROXY:
		return maybe_if(ctx->proxy != NULL && ctx->proxy[0] != '\0');
	case COND_NO_PROXY:
		return maybe_if(ctx->proxy == NULL || ctx->proxy[0] == '\0');
	case COND_CA_FILE:
		return maybe_if(ctx->ca_file != NULL);
	case COND_NO_CA_FILE:
		return maybe_if(ctx->ca_file == NULL);
	case COND_OWN_HOST:
		return maybe_if(!host_known(err->subject));
	case COND_STDIN:
		return maybe_if(ctx->source == DIAG_SOURCE_STDIN || ctx->source == DIAG_SOURCE_UNKNOWN);
	case COND_USER_FORM:
		return cond_user_form(ctx->user);
	}
	return DIAG_MAYBE;
}

const char *
diag_cond_words(enum diag_cond cond)
{
	static const char *const words[CONDS] = {
		[COND_AUD] = "the token's aud is not Exchange Online's",
		[COND_ROLE] = "the token is an app's and its roles have no IMAP.AccessAsApp",
		[COND_SCP] = "the token is delegated and its scp has no IMAP.AccessAsUser.All",
		[COND_DELEGATED] = "the token is delegated (it has scp instead of roles)",
		[COND_EXPIRED] = "the token's exp is past",
		[COND_NO_OID] = "the token has no oid",
		[COND_CLOUD] = "the token's aud belongs to another cloud than the IMAP host",
		[COND_CLOCK] = "the time in the answer differs from this machine's",
		[COND_PROXY] = "a proxy is configured",
		[COND_NO_PROXY] = "no proxy is configured",
		[COND_CA_FILE] = "ca-file is given",
		[COND_NO_CA_FILE] = "ca-file is not given",
		[COND_OWN_HOST] = "the host is none of Microsoft's",
		[COND_STDIN] = "the token came on standard input",
		[COND_USER_FORM] = "the mailbox is not of the form NAME@DOMAIN",
	};

	return (size_t)cond < CONDS ? words[cond] : NULL;
}
