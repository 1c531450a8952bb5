/* config: what is accepted, and the line and text of each mistake. */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "t.h"

/* The file's sections as text: "[account]key=value;…". */
static char *
dump(const struct config *c)
{
	struct str s = STR_INIT;

	str_adds(&s, "");
	for (size_t i = 0; i < c->n; i++) {
		if (i > 0)
			str_addf(&s, "[%s]", c->v[i].account);
		for (size_t k = 0; k < c->v[i].n; k++)
			str_addf(&s, "%s=%s;", c->v[i].v[k].def->name, c->v[i].v[k].value);
	}
	return s.s;
}

static void
good(const char *text, const char *want, const char *name)
{
	struct config c = CONFIG_INIT;
	struct err e = ERR_INIT;
	char *got;

	if (!is_int(config_parse(&c, "f", text, strlen(text), &e), 0, "good: %s", name))
		note("%s: %s", e.subject, e.text);
	got = dump(&c);
	is_str(got, want, "its contents");
	free(got);
	config_release(&c);
}

static void
bad(const char *text, const char *subject, const char *want)
{
	struct config c = CONFIG_INIT;
	struct err e = ERR_INIT;

	is_int(config_parse(&c, "f", text, strlen(text), &e), -1, "bad: %s", want);
	is_int(e.kind, ERR_CONFIG, "kind");
	is_str(e.subject, subject, "where");
	is_str(e.text, want, "what");
	config_release(&c);
}

static void
test_good(void)
{
	good("", "", "an empty file");
	good("# a comment\n\n#\n", "", "comments alone");
	good("port = 993", "port=993;", "no line end at the end");
	good("\357\273\277port=993\r\nuser = a@b.c # me\r\n", "port=993;user=a@b.c;",
	    "byte order mark, CRLF, comment behind a value");
	good("account work {\n\tuser = a@b.c\n}\naccount 'two words' { user = d@e.f }\n",
	    "[work]user=a@b.c;[two words]user=d@e.f;", "accounts");
	good("account a { user = x; port = 1 }\n", "[a]user=x;port=1;", "several keys in a line");
	good("folder = { INBOX, \"Sent Items\",\n # not this\n '\\Sent', Archive*, }\nexclude = %\n",
	    "folder=INBOX;folder=Sent Items;folder=\\Sent;folder=Archive*;exclude=%;", "a list");
	good("folder = a\nfolder = b\n", "folder=a;folder=b;", "a list key repeated");
	good("folder = {}\n", "", "an empty list");
	good("token-cmd = \"sh -c \\\"a 'b' \\\\\\\\ c\\\"\"\n", "token-cmd=sh -c \"a 'b' \\\\ c\";",
	    "escapes in quotes");
	good("token-cmd = '\"a\" \\ #b'\n", "token-cmd=\"a\" \\ #b;", "as it stands");
	good("proxy = ''\n", "proxy=;", "empty where that means something");
	good("authority = https://login.example.org/x//\n", "authority=https://login.example.org/x//;",
	    "a URL");
}

static void
test_bad(void)
{
	bad("# c\n# c\nprot = 993\n", "f:3", "unknown key 'prot': did you mean 'port'?");
	bad("client-secret = x\n", "f:1", "unknown key 'client-secret': did you mean 'client-secret-file'?");
	bad("nonsense-key = 1\n", "f:1", "unknown key 'nonsense-key'");
	bad("delete = true\n", "f:1", "'delete' belongs on the command line, not into the configuration");
	bad("\n\nport = 0\n", "f:3", "port: '0' is not a number from 1 to 65535");
	bad("tree = maybe\n", "f:1", "tree: 'maybe' is neither true nor false");
	bad("cloud = sky\n", "f:1", "cloud: 'sky' is not one of global, gcc-high, dod, china");
	bad("since = never\n", "f:1", "since: 'never' is not a date (2026-01-31, or 30d for so long ago)");
	bad("user = ''\n", "f:1", "user: '' is empty");
	bad("user =\nport = 2\n", "f:1", "the line ends where a value should be");
	bad("user\n", "f:1", "the line ends where '=' should be");
	bad("user = ", "f:1", "the file ends where a value should be");
	bad("user = a b\n", "f:1",
	    "'b' where the end of the line (a value with blanks in it is quoted) should be");
	bad("port = 1\nport = 2\n", "f:2", "'port' is already set in line 1");
	bad("port = {1}\n", "f:1", "'port' takes one value, not a list");
	bad("folder = {a b}\n", "f:1", "'b' where ',' or '}' should be");
	bad("folder = {a,\n\nb", "f:3", "the file ends where ',' or '}' should be");
	bad("folder = {a,,b}\n", "f:1", "',' where an element of the list or '}' should be");
	bad("account a {\nport = 1\n", "f:3", "the '}' of account 'a' (line 1) is missing");
	bad("account a {\nport = 1\naccount b { }\n", "f:3",
	    "an account within account 'a' (line 1): is its '}' missing?");
	bad("account a { }\n\naccount a { }\n", "f:3", "account 'a' is already in line 1");
	bad("account { }\n", "f:1", "'{' where the name of the account should be");
	bad("account '' { }\n", "f:1", "an account without a name");
	bad("account a\nport = 1\n", "f:2", "'port' where '{' should be");
	bad("}\n", "f:1", "'}' where a key should be");
	bad("token-cmd = \"abc\n\"\n", "f:1", "the quote is not closed on its line");
	bad("token-cmd = 'abc\n", "f:1", "the quote is not closed on its line");
	bad("token-cmd = \"a\\n\"\n", "f:1",
	    "in \"\342\200\246\" a backslash stands before \" or \\ only: double it, or write '\342\200\246'");
	bad("token-cmd = \"a\"b\n", "f:1", "a quoted value ends with its quote");
	bad("token-cmd = a\"b\"\n", "f:1", "a quote in the middle of a value: quote all of it");
	bad("port = 1\nuser = a\001\n", "f:2", "a control character (0x01)");
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF || chmod(path, mode) == -1) {
		printf("Bail out! cannot write %s\n", path);
		exit(1);
	}
}

static void
test_file(void)
{
	struct config c = CONFIG_INIT;
	struct err e = ERR_INIT;
	char *path = xasprintf("%s/config", t_tmpdir());

	is_int(config_parse_file(&c, path, &e), 0, "no file");
	is_int(config_parse_file(&c, t_tmpdir(), &e), -1, "a directory");
	write_file(path, "account a { user = x }\n", 0666);
	is_int(config_parse_file(&c, path, &e), 1, "no command in it: anybody's");
	ok(config_section(&c, "a") != NULL, "its account");
	ok(config_section(&c, NULL) == &c.v[0], "keys outside");
	ok(config_section(&c, "b") == NULL, "no such account");
	write_file(path, "account a { token-cmd = x }\n", 0664);
	is_int(config_parse_file(&c, path, &e), -1, "a command, and the group may write");
	ok(strstr(e.text, "chmod go-w") != NULL, "the cure is in the text: %s", e.text);
	write_file(path, "account a { pipe = x }\n", 0644);
	is_int(config_parse_file(&c, path, &e), 1, "a command, and others may read");
	if (geteuid() == 0) {
		ok(chown(path, 12345, 0) == 0, "somebody else's file");
		is_int(config_parse_file(&c, path, &e), -1, "with a command is refused");
	}
	config_release(&c);
	config_release(&c);
	free(path);
}

int
main(void)
{
	test_good();
	test_bad();
	test_file();
	return done_testing();
}
