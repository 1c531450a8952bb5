/*
 * diag: filling in what is known: {name}, {ps:name}, {sh:name}.
 *
 * - A value comes from a server, a file or a person: it is printable already
 *   (err.h) or made so here, and it is quoted wherever it stands in something
 *   to paste.
 * - What is not known becomes a word in capitals.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cloud.h"
#include "diag/table.h"
#include "entra/claims.h"

/* clang-format off */
enum name {
	N_AADSTS, N_ACCOUNT, N_APPID, N_AUD, N_AUTHORITY, N_CA, N_CLIENT, N_CLOCK, N_CLOUD,
	N_CONFIG, N_CREDENTIAL, N_DISPLAYNAME, N_EXP, N_FOLDER, N_HOST, N_MAILDIR, N_MSCHECK, N_MSLS, N_MSTOKEN,
	N_OID, N_PARENT, N_PEER, N_PEERHOST, N_PROXY, N_PROXYHOST, N_ROLES, N_SCOPE, N_SCP, N_SUBJECT,
	N_TENANT, N_TID, N_TOKENCMD, N_UPN, N_USER, NAMES
};

static const struct {
	const char *name, *unknown;
} names[NAMES] = {
	[N_AADSTS] = { "aadsts", "CODE" },
	[N_ACCOUNT] = { "account", "NAME" },
	[N_APPID] = { "appid", "APP-ID" },
	[N_AUD] = { "aud", "AUD" },
	[N_AUTHORITY] = { "authority", "https://login.microsoftonline.com" },
	[N_CA] = { "ca", "CA-FILE" },
	[N_CLIENT] = { "client", "CLIENT-ID" },
	[N_CLOCK] = { "clock", "some minutes" },
	[N_CLOUD] = { "cloud", "global" },
	[N_CONFIG] = { "config", "~/.config/mstools/config" },
	[N_CREDENTIAL] = { "credential", "CREDENTIAL-FILE" },
	[N_DISPLAYNAME] = { "displayname", "mstools" },
	[N_EXP] = { "exp", "TIME" },
	[N_FOLDER] = { "folder", "FOLDER" },
	[N_HOST] = { "host", "outlook.office365.com" },
	[N_MAILDIR] = { "maildir", "MAILDIR" },
	[N_MSCHECK] = { "mscheck", "mscheck -a NAME" },
	[N_MSLS] = { "msls", "msls -a NAME" },
	[N_MSTOKEN] = { "mstoken", "mstoken -a NAME" },
	[N_OID] = { "oid", "OBJECT-ID" },
	[N_PARENT] = { "parent", "DIRECTORY" },
	[N_PEER] = { "peer", "HOST:PORT" },
	[N_PEERHOST] = { "peerhost", "HOST" },
	[N_PROXY] = { "proxy", "PROXY" },
	[N_PROXYHOST] = { "proxyhost", "PROXY-HOST" },
	[N_ROLES] = { "roles", "ROLES" },
	[N_SCOPE] = { "scope", "https://outlook.office365.com/.default" },
	[N_SCP] = { "scp", "SCP" },
	[N_SUBJECT] = { "subject", "SUBJECT" },
	[N_TENANT] = { "tenant", "TENANT" },
	[N_TID] = { "tid", "TENANT-ID" },
	[N_TOKENCMD] = { "tokencmd", "TOKEN-CMD" },
	[N_UPN] = { "upn", "PERSON" },
	[N_USER] = { "user", "MAILBOX" },
};
/* clang-format on */

static void
quote(struct str *out, const char *s, bool ps)
{
	/* U+2018 to U+201B: PowerShell ends a single-quoted string at any of them. */
	static const char curly[] = "\xe2\x80";

	str_addc(out, '\'');
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			str_addc(out, '?');
		} else if (ps && strncmp(s, curly, 2) == 0 && (unsigned char)s[2] >= 0x98 &&
		    (unsigned char)s[2] <= 0x9b) {
			str_add(out, s, 3);
			str_add(out, s, 3);
			s += 2;
		} else if (*s == '\'') {
			str_adds(out, ps ? "''" : "'\\''");
		} else {
			str_addc(out, *s);
		}
	}
	str_addc(out, '\'');
}

void
diag_quote_ps(struct str *out, const char *s)
{
	quote(out, s, true);
}

void
diag_quote_sh(struct str *out, const char *s)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@/:";

	if (*s != '\0' && *s != '-' && s[strspn(s, bare)] == '\0')
		str_adds(out, s);
	else
		quote(out, s, false);
}

/* Copies the host (and port) of a URL or of "host:port" into buf; NULL if there is none. */
static const char *
host_part(char *buf, size_t size, const char *url, bool with_port)
{
	const char *p, *at;
	size_t n;

	if (url == NULL)
		return NULL;
	p = strstr(url, "://");
	p = p != NULL ? p + 3 : url;
	n = strcspn(p, "/");
	at = memrchr(p, '@', n); /* NAME:PASSWORD@ is nobody's business */
	if (at != NULL) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	if (!with_port && *p != '[')
		n = n < strcspn(p, ":") ? n : strcspn(p, ":");
	if (n == 0 || n >= size)
		return NULL;
	memcpy(buf, p, n);
	buf[n] = '\0';
	return buf;
}

/* Host and port that the error is about: its subject, else the IMAP host. */
static const char *
peer(char *buf, size_t size, const struct err *err, const struct diag_context *ctx, bool with_port)
{
	const char *subject = NULL;
	char host[256];

	if (err != NULL && strpbrk(err->subject, " @") == NULL && strchr(err->subject, '.') != NULL)
		subject = err->subject;
	else if (err != NULL && (strncmp(err->subject, "localhost", 9) == 0 || err->subject[0] == '['))
		subject = err->subject;
	else if (err != NULL && err->stage == STAGE_TOKEN)
		subject = ctx->authority;
	if (subject == NULL)
		subject = ctx->host;
	if (host_part(buf, size, subject, with_port) == NULL)
		return NULL;
	if (!with_port || strchr(buf, ':') != NULL)
		return buf;
	snprintf(host, sizeof host, "%s", buf);
	snprintf(buf, size, "%s:%d", host, ctx->host != NULL && strcmp(host, ctx->host) == 0 ? 993 : 443);
	return buf;
}

/* "PROGRAM -a ACCOUNT", or PROGRAM alone where no account was used. */
static const char *
program(char *buf, size_t size, const char *name, const struct diag_context *ctx)
{
	struct str q = STR_INIT;

	str_adds(&q, name);
	if (ctx->account != NULL) {
		str_adds(&q, " -a ");
		diag_quote_sh(&q, ctx->account);
	}
	snprintf(buf, size, "%s", q.s);
	str_release(&q);
	return buf;
}

/* The directory above the file that the error is about. */
static const char *
parent(char *buf, size_t size, const struct err *err)
{
	char *slash;

	if (err == NULL || err->subject[0] == '\0')
		return NULL;
	snprintf(buf, size, "%s", err->subject);
	for (slash = strchr(buf, '\0'); slash > buf + 1 && slash[-1] == '/'; slash--)
		slash[-1] = '\0';
	slash = strrchr(buf, '/');
	if (slash == NULL)
		return ".";
	slash[slash == buf] = '\0';
	return buf;
}

static const char *
clock_words(char *buf, size_t size, const struct err *err, const struct diag_context *ctx)
{
	long off = err != NULL ? diag_clock(err, ctx) : 0, a = labs(off);

	if (off == 0)
		return NULL;
	if (a < 7200)
		snprintf(buf, size, "%ld minutes (%s)", (a + 30) / 60, off > 0 ? "ahead" : "behind");
	else
		snprintf(buf, size, "%ld hours (%s)", (a + 1800) / 3600, off > 0 ? "ahead" : "behind");
	return buf;
}

static const char *
aadsts(char *buf, size_t size, const struct err *err)
{
	const char *p = err != NULL ? strstr(err->text, "AADSTS") : NULL;
	size_t n;

	if (p == NULL)
		return NULL;
	p += strlen("AADSTS");
	n = strspn(p, "0123456789");
	if (n == 0 || n >= size)
		return NULL;
	memcpy(buf, p, n);
	buf[n] = '\0';
	return buf;
}

static const char *
joined(char *buf, size_t size, const struct strlist *l)
{
	size_t o = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < l->n && o < size; i++)
		o += (size_t)snprintf(buf + o, size - o, "%s%s", i > 0 ? " " : "", l->v[i]);
	return l->n > 0 ? buf : "none";
}

static const char *
claim_value(enum name n, char *buf, size_t size, const struct claims *c)
{
	if (c == NULL)
		return NULL;
	switch (n) {
	case N_APPID:
		return c->appid;
	case N_AUD:
		return c->aud;
	case N_DISPLAYNAME:
		return c->app_displayname;
	case N_EXP:
		return c->exp != 0 ? iso_time(buf, c->exp) : NULL;
	case N_OID:
		return c->oid;
	case N_ROLES:
		return joined(buf, size, &c->roles);
	case N_SCP:
		return c->scp;
	case N_TID:
		return c->tid;
	case N_UPN:
		return c->upn;
	default:
		return NULL;
	}
}

static const char *
value(enum name n, char *buf, size_t size, const struct err *err, const struct diag_context *ctx)
{
	const char *v;

	switch (n) {
	case N_AADSTS:
		return aadsts(buf, size, err);
	case N_ACCOUNT:
		return ctx->account;
	case N_APPID:
		v = claim_value(n, buf, size, ctx->claims);
		return v != NULL ? v : ctx->client_id;
	case N_AUTHORITY:
		return ctx->authority;
	case N_CA:
		return ctx->ca_file;
	case N_CLIENT:
		return ctx->client_id != NULL ? ctx->client_id : claim_value(N_APPID, buf, size, ctx->claims);
	case N_CLOCK:
		return clock_words(buf, size, err, ctx);
	case N_CLOUD:
		return ctx->cloud;
	case N_CONFIG:
		return ctx->config;
	case N_CREDENTIAL:
		return ctx->credential;
	case N_FOLDER:
		return ctx->folder;
	case N_HOST:
		return ctx->host;
	case N_MAILDIR:
		return ctx->maildir;
	case N_MSCHECK:
		return program(buf, size, "mscheck", ctx);
	case N_MSLS:
		return program(buf, size, "msls", ctx);
	case N_MSTOKEN:
		return program(buf, size, "mstoken", ctx);
	case N_PARENT:
		return parent(buf, size, err);
	case N_PEER:
		return peer(buf, size, err, ctx, true);
	case N_PEERHOST:
		return peer(buf, size, err, ctx, false);
	case N_PROXY:
		return host_part(buf, size, ctx->proxy, true);
	case N_PROXYHOST:
		return host_part(buf, size, ctx->proxy, false);
	case N_SCOPE:
		return ctx->scope;
	case N_SUBJECT:
		return err != NULL && err->subject[0] != '\0' ? err->subject : NULL;
	case N_TENANT:
		return ctx->tenant != NULL ? ctx->tenant : claim_value(N_TID, buf, size, ctx->claims);
	case N_TOKENCMD:
		return ctx->token_cmd;
	case N_USER:
		return ctx->user;
	default:
		return claim_value(n, buf, size, ctx->claims);
	}
}

/* Appends one placeholder, "name", "ps:name" or "sh:name" of n bytes; -1 if there is no such name. */
static int
placeholder(struct str *out, const char *s, size_t n, const struct err *err, const struct diag_context *ctx)
{
	char buf[1024], safe[ERR_SUBJECT_MAX];
	bool ps = n > 3 && strncmp(s, "ps:", 3) == 0, sh = n > 3 && strncmp(s, "sh:", 3) == 0;
	const char *v;
	enum name i;

	if (ps || sh) {
		s += 3;
		n -= 3;
	}
	for (i = 0; i < NAMES; i++)
		if (strlen(names[i].name) == n && strncmp(names[i].name, s, n) == 0)
			break;
	if (i == NAMES)
		return -1;
	v = ctx != NULL ? value(i, buf, sizeof buf, err, ctx) : NULL;
	if (v == NULL || *v == '\0')
		v = names[i].unknown;
	err_printable(safe, sizeof safe, v, strlen(v));
	if (ps)
		diag_quote_ps(out, safe);
	else if (sh)
		diag_quote_sh(out, safe);
	else
		str_adds(out, safe);
	return 0;
}

int
diag_subst(struct str *out, const char *text, const struct err *err, const struct diag_context *ctx)
{
	int rc = 0;
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "{");
		str_add(out, text, n);
		text += n;
		if (*text == '\0')
			break;
		n = strcspn(++text, "}");
		if (!islower((unsigned char)*text) || text[n] != '}') { /* a brace of the text's own */
			str_addc(out, '{');
			continue;
		}
		if (placeholder(out, text, n, err, ctx) == -1)
			rc = -1;
		text += n + 1;
	}
	return rc;
}
