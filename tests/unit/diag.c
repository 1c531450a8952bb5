/*
 * Unit test of lib/diag: walks the whole table.  With --page it prints
 * man/mstools-troubleshooting.7 instead, which the test compares; with --rows
 * the names of the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/opt.h"
#include "diag/table.h"
#include "entra/claims.h"
#include "t.h"

#define NOW 1795867200 /* 2026-11-28 12:00 UTC */

static const enum err_kind hinted[] = { ERR_CONFIG, ERR_REFUSED, ERR_PROTO, ERR_UNAVAIL };

static char *
hints(enum err_kind kind, enum err_stage stage, const char *text, const struct diag_context *ctx)
{
	struct err err = ERR_INIT;
	struct str s = STR_INIT;

	err_set(&err, kind, stage, "subject", "%s", text);
	diag_hints(&s, &err, ctx);
	str_addc(&s, '\n');
	return s.s;
}

static bool
first_line_has(const char *s, const char *what)
{
	size_t n = strcspn(s, "\n");
	const char *p = strstr(s, what);

	return p != NULL && p < s + n;
}

/* A kind that the row takes. */
static enum err_kind
kind_of(const struct diag_row *r)
{
	for (int k = ERR_CONFIG; k < ERR_KINDS; k++)
		if (r->kinds != 0 && (r->kinds & K(k)) != 0)
			return (enum err_kind)k;
	return ERR_CONFIG;
}

static bool
text_ok(const char *s)
{
	struct str out = STR_INIT;
	bool good;
	size_t n;

	good = s != NULL && *s != '\0' && diag_subst(&out, s, NULL, NULL) == 0;
	for (const char *p = out.s; good && *p != '\0'; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		good = n > 0 && n < ERR_TEXT_MAX - 200;
	}
	if (good && (strchr(out.s, '{') != NULL))
		good = strstr(out.s, "{ ") != NULL || strstr(out.s, "{\n") != NULL;
	str_release(&out);
	return good;
}

/* A line to type: what is filled in is quoted, unless it is a program's own call; no secret stands in it. */
static bool
line_ok(const char *line, size_t n)
{
	static const char *const good[] = { "{sh:", "{ps:", "{mstoken}", "{mscheck}", "{msls}", "{ " };
	const char *end = line + n;
	bool fits;

	if (memmem(line, n, "printf %s", 9) != NULL)
		return false;
	if (strncmp(line, "\thttps://", 9) == 0) /* to open in a browser */
		return true;
	for (; line < end; line++) {
		fits = *line != '{' || line + 1 == end;
		for (size_t i = 0; !fits && i < sizeof good / sizeof good[0]; i++)
			fits = strncmp(line, good[i], strlen(good[i])) == 0;
		if (!fits)
			return false;
	}
	return true;
}

static bool
typed_ok(const char *s)
{
	size_t n;

	for (; s != NULL && *s != '\0'; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		if (*s == '\t' && !line_ok(s, n)) {
			note("%.*s", (int)n, s);
			return false;
		}
	}
	return true;
}

static void
walk_row(const struct diag_section *s, const struct diag_row *r)
{
	const char *name = diag_name(r);
	struct err err = ERR_INIT;
	const struct diag_cause *c;
	bool last = false, texts = true, typed = true, found = true;

	for (int i = 0; i < DIAG_CAUSES; i++) {
		c = &r->cause[i];
		if (c->cause == NULL) {
			last = true;
			continue;
		}
		texts = texts && !last && text_ok(c->cause) && text_ok(c->cure) &&
		    (c->tell == NULL || text_ok(c->tell));
		typed = typed && typed_ok(c->tell) && typed_ok(c->cure);
	}
	ok(typed, "%s: what is to be typed is quoted, and has no secret in it", name);
	ok(texts && r->cause[0].cause != NULL, "%s: texts are whole", name);
	for (int st = STAGE_NONE; st < STAGES; st++) {
		if ((r->stages & S(st)) == 0 || (r->stages & (r->stages - 1)) == (1u << STAGES) - 2)
			continue;
		err_set(&err, kind_of(r), (enum err_stage)st, "subject", "%s", r->sample);
		if (diag_find(&err) == r)
			continue;
		if (r->pattern == NULL && diag_find(&err) != NULL)
			continue; /* a rest row of several stages, one of which has its own */
		note("%s: another row answers at stage %s", name, err_stage_name((enum err_stage)st));
		found = false;
	}
	ok(found, "%s: its sample finds it", name);
	ok(r->pattern == NULL || diag_match(r->pattern, r->sample), "%s: pattern fits sample", name);
	(void)s;
}

static const struct diag_row *
row_at(size_t n, const char **section)
{
	for (size_t i = 0; i < diag_nsections; i++) {
		*section = diag_sections[i]->title;
		if (n < diag_sections[i]->n)
			return &diag_sections[i]->row[n];
		n -= diag_sections[i]->n;
	}
	return NULL;
}

/* SECTION TAB ROW, for tests/tool/walk-*.t, which see that each row is reached. */
static void
print_rows(void)
{
	const struct diag_row *r;
	const char *section;

	for (size_t n = 0; (r = row_at(n, &section)) != NULL; n++)
		printf("%s\t%s\n", section, diag_name(r));
}

static void
names(void)
{
	const struct diag_row *a, *b;
	const char *section;
	bool good = true;

	for (size_t n = 0; (a = row_at(n, &section)) != NULL; n++)
		for (size_t m = 0; m < n; m++) {
			b = row_at(m, &section);
			if (strcmp(diag_name(a), diag_name(b)) != 0)
				continue;
			note("two rows: %s", diag_name(a));
			good = false;
		}
	ok(good, "each row has a name of its own");
}

static void
walk(void)
{
	for (size_t i = 0; i < diag_nsections; i++)
		for (size_t k = 0; k < diag_sections[i]->n; k++)
			walk_row(diag_sections[i], &diag_sections[i]->row[k]);
}

static void
always_a_hint(void)
{
	struct err err = ERR_INIT;
	struct str s = STR_INIT;
	bool good;

	for (int st = STAGE_NONE; st < STAGES; st++) {
		good = true;
		for (size_t k = 0; k < sizeof hinted / sizeof hinted[0]; k++) {
			err_set(&err, hinted[k], (enum err_stage)st, "", "zzz");
			str_clear(&s);
			diag_hints(&s, &err, NULL);
			good = good && s.len > 0;
		}
		ok(good, "stage %s: a hint for whatever happens", err_stage_name((enum err_stage)st));
	}
	err_set(&err, ERR_USAGE, STAGE_CONFIG, "--max", "'3x' is not a number of at least 1");
	str_clear(&s);
	diag_hints(&s, &err, NULL);
	is_str(s.s != NULL ? s.s : "", "", "usage errors that say it all get none");
	str_release(&s);
}

/* The codes of Entra ID that are known by name: each has a row of its own. */
static void
codes(void)
{
	static const char *const known[] = {
		"7000215",
		"7000222",
		"700016",
		"90002",
		"900023",
		"700027",
		"700024",
		"700021",
		"700023",
		"50027",
		"7000216",
		"7000218",
		"1002012",
		"70011",
		"700022",
		"500011",
		"65001",
		"90094",
		"7000112",
		"70001",
		"53003",
		"530035",
		"50034",
		"50053",
		"50076",
		"50126",
		"90013",
		"90014",
		"900144",
		"9002313",
		"901002",
		"90024",
		"90033",
		"90006",
		"50033",
		"90012",
		"90055",
		"50196",
		"90038",
		"900382",
		"900432",
		"9001023",
		"50059",
		"5002730",
	};
	char text[64];
	struct err err = ERR_INIT;
	const struct diag_row *r;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		snprintf(text, sizeof text, "AADSTS%s: whatever it says", known[i]);
		err_set(&err, ERR_CONFIG, STAGE_TOKEN, NULL, "%s", text);
		r = diag_find(&err);
		ok(r != NULL && r->pattern != NULL && strcmp(r->pattern, "AADSTS") != 0,
		    "AADSTS%s has a row of its own", known[i]);
	}
}

static void
patterns(void)
{
	ok(diag_match("abc", "xxABCxx"), "case does not matter");
	ok(!diag_match("abc", "xxABxC"), "no match");
	ok(diag_match("x|b*d", "a b c d"), "alternatives and stars");
	ok(!diag_match("d*b", "a b c d"), "parts stand in order");
	ok(!diag_match("AADSTS70001", "AADSTS700016: no"), "a number does not match a longer one");
	ok(diag_match("AADSTS70001", "AADSTS700016 and AADSTS70001."), "but the right one behind it");
	ok(!diag_match("", "abc"), "an empty pattern matches nothing");
}

static void
quoting(void)
{
	struct str s = STR_INIT;

	diag_quote_ps(&s, "o'neil@contoso.com");
	is_str(s.s, "'o''neil@contoso.com'", "PowerShell: a quote is doubled");
	str_clear(&s);
	diag_quote_ps(&s,
	    "a\xe2\x80\x98"
	    "b\xe2\x80\x99; rm \xe2\x80\x9b $(x) `y`\n");
	is_str(s.s,
	    "'a\xe2\x80\x98\xe2\x80\x98"
	    "b\xe2\x80\x99\xe2\x80\x99; rm \xe2\x80\x9b\xe2\x80\x9b $(x) `y`?'",
	    "PowerShell: curly quotes too; no line end");
	str_clear(&s);
	diag_quote_sh(&s, "a'b");
	is_str(s.s, "'a'\\''b'", "sh: a quote");
	str_clear(&s);
	diag_quote_sh(&s, "/a/b.c");
	is_str(s.s, "/a/b.c", "sh: a plain path stays bare");
	str_clear(&s);
	diag_quote_sh(&s, "-rf");
	is_str(s.s, "'-rf'", "sh: something that begins with a dash is quoted");
	str_release(&s);
}

static void
parents(void)
{
	static const char *const cases[][2] = {
		{ "/home/me/no such/box", "'/home/me/no such'" },
		{ "no/such/box//", "no/such" },
		{ "/box", "/" },
		{ "box", "." },
		{ "/", "/" },
		{ "", "DIRECTORY" },
	};
	struct diag_context ctx = DIAG_CONTEXT_INIT;
	struct err err = ERR_INIT;
	struct str s = STR_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		err_set(&err, ERR_CREATE, STAGE_FILE, cases[i][0], "No such file or directory");
		str_clear(&s);
		diag_subst(&s, "{sh:parent}", &err, &ctx);
		is_str(s.s, cases[i][1], "the directory above it");
	}
	str_release(&s);
}

static void
good_claims(struct claims *c)
{
	memset(c, 0, sizeof *c);
	c->aud = xstrdup("https://outlook.office365.com/");
	c->appid = xstrdup("11111111-2222-3333-4444-555555555555");
	c->oid = xstrdup("99999999-8888-7777-6666-555555555555");
	c->app_displayname = xstrdup("Mail o'matic");
	c->exp = NOW + 3000;
	c->nbf = c->iat = NOW - 600;
	strlist_add(&c->roles, "IMAP.AccessAsApp");
}

static void
swap(char **p, const char *s)
{
	free(*p);
	*p = s != NULL ? xstrdup(s) : NULL;
}

static void
login_causes(void)
{
	struct diag_context ctx = DIAG_CONTEXT_INIT;
	struct claims c;
	char *s;

	ctx.user = "sales@contoso.com";
	ctx.host = "outlook.office365.com";
	ctx.account = "work";
	ctx.now = NOW;
	ctx.claims = &c;

	good_claims(&c);
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "Object ID") && strstr(s, "aud is") == NULL,
	    "good token: the service principal");
	ok(strstr(s,
	       "New-ServicePrincipal -AppId '11111111-2222-3333-4444-555555555555' "
	       "-ObjectId '99999999-8888-7777-6666-555555555555' -DisplayName 'Mail o''matic'\n") != NULL,
	    "filled in and quoted");
	ok(strstr(s,
	       "Add-MailboxPermission -Identity 'sales@contoso.com' "
	       "-User '99999999-8888-7777-6666-555555555555' -AccessRights FullAccess") != NULL,
	    "the permission too");
	ok(strstr(s, "mstoken -a work --force") != NULL, "and a fresh token");
	ok(strstr(s, "two hours") != NULL &&
		strstr(s, "Get-EXOMailbox -Identity 'sales@contoso.com'") != NULL,
	    "it may be too early, or the mailbox misspelt");
	free(s);

	swap(&c.aud, "https://graph.microsoft.com");
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "https://graph.microsoft.com") && strstr(s, "New-ServicePrincipal") == NULL,
	    "Graph's aud: that alone");
	free(s);

	swap(&c.aud, "https://outlook.office365.us");
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "national clouds"), "another cloud's aud");
	free(s);

	swap(&c.aud, "00000002-0000-0ff1-ce00-000000000000");
	strlist_release(&c.roles);
	strlist_add(&c.roles, "Mail.Read");
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "IMAP.AccessAsApp (roles: Mail.Read)"), "no role");
	free(s);

	c.exp = NOW - 5;
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "ran out at 2026-11-28T11:59:55Z") && strstr(s, "2. ") != NULL,
	    "expired, and no role");
	free(s);

	strlist_release(&c.roles);
	c.exp = NOW + 100;
	swap(&c.scp, "openid Mail.Read");
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(first_line_has(s, "delegated"), "delegated without the scope");
	free(s);
	swap(&c.scp, "IMAP.AccessAsUser.All");
	s = hints(ERR_REFUSED, STAGE_FIRST, "BAD User is authenticated but not connected.", &ctx);
	ok(first_line_has(s, "delegated"), "delegated, at another's mailbox");
	free(s);
	ctx.user = "sales";
	swap(&c.scp, NULL);
	s = hints(ERR_REFUSED, STAGE_FIRST, "BAD User is authenticated but not connected.", &ctx);
	ok(first_line_has(s, "no mailbox address"), "a name that is no address");
	free(s);
	ctx.user = "sales@contoso.com";
	s = hints(ERR_REFUSED, STAGE_FIRST, "BAD User is authenticated but not connected.", &ctx);
	ok(first_line_has(s, "1. the app has no permission"), "not connected: permission first");
	ok(strstr(s, "Set-CASMailbox") != NULL && strstr(s, "misspelt") != NULL, "then the others");
	free(s);

	ctx.claims = NULL;
	s = hints(ERR_REFUSED, STAGE_LOGIN, "NO AUTHENTICATE failed.", &ctx);
	ok(strstr(s, "1. ") != NULL && strstr(s, "New-ServicePrincipal -AppId 'APP-ID'") != NULL,
	    "opaque token: all causes, words for what is not known");
	free(s);
	claims_release(&c);
}

static void
clocks(void)
{
	struct diag_context ctx = DIAG_CONTEXT_INIT;
	char *s;

	ctx.now = NOW + 3600;
	s = hints(ERR_CONFIG, STAGE_TOKEN,
	    "AADSTS700024: Client assertion is not within its valid time range. "
	    "Current time: 2026-11-28T12:00:00.1234567Z, assertion valid from",
	    &ctx);
	ok(first_line_has(s, "60 minutes (ahead)"), "the clock is an hour ahead");
	ok(strstr(s, "held up") == NULL, "and nothing else is named");
	free(s);
}

static void
options(void)
{
	static const struct cloud dod = { "dod", "https://login.example", "imap.example",
		"https://imap.example/.default" };
	struct diag_context ctx = DIAG_CONTEXT_INIT;
	struct options o;
	char user[] = "a@b.c", proxy[] = "http://me:secret@proxy.example:3128";
	char *s;

	memset(&o, 0, sizeof o);
	o.cloud = &dod;
	o.user = user;
	o.proxy = proxy;
	diag_options(&ctx, &o);
	is_str(ctx.host, "imap.example", "host of the cloud");
	is_str(ctx.scope, "https://imap.example/.default", "scope of the cloud");
	s = hints(ERR_UNAVAIL, STAGE_PROXY, "the proxy answers HTTP 407 to CONNECT", &ctx);
	free(s);
	s = hints(ERR_UNAVAIL, STAGE_PROXY, "the proxy answers HTTP 403 to CONNECT", &ctx);
	ok(strstr(s, "proxy.example:3128") != NULL && strstr(s, "secret") == NULL,
	    "the proxy is named without its password");
	free(s);
	memset(&ctx, 0, sizeof ctx);
	s = hints(ERR_UNAVAIL, STAGE_PROXY, "gone", &ctx);
	ok(s[0] != '\n', "no proxy known, and yet a hint");
	free(s);
}

static void
page(void)
{
	struct str want = STR_INIT, got = STR_INIT;
	struct err err = ERR_INIT;

	diag_page(&want);
	ok(file_read("man/mstools-troubleshooting.7", 1 << 20, &got, &err) == 0 && got.len == want.len &&
		memcmp(got.s, want.s, want.len) == 0,
	    "man/mstools-troubleshooting.7 is the table's (BUILD/tests/unit/diag.t --page prints it)");
	str_release(&want);
	str_release(&got);
}

int
main(int argc, char **argv)
{
	struct str s = STR_INIT;

	if (argc == 2 && strcmp(argv[1], "--page") == 0) {
		diag_page(&s);
		fputs(s.s, stdout);
		str_release(&s);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--rows") == 0) {
		print_rows();
		return 0;
	}
	walk();
	names();
	always_a_hint();
	codes();
	patterns();
	quoting();
	parents();
	login_causes();
	clocks();
	options();
	page();
	return done_testing();
}
