/* opt: the table, the layers, and what is refused. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/optdef.h"
#include "t.h"

static struct options o;
static struct err e;
static char *etc_file, *user_file;
static char *argv_[32];

/* opt_parse_files with these arguments, up to NULL. */
static int
parse(enum opt_program program, ...)
{
	va_list ap;
	int n = 0;
	char *p;

	argv_[n++] = strdup(opt_program_name(program));
	va_start(ap, program);
	while ((p = va_arg(ap, char *)) != NULL)
		argv_[n++] = strdup(p);
	va_end(ap);
	argv_[n] = NULL;
	err_clear(&e);
	return opt_parse_files(&o, program, n, argv_, etc_file, user_file, &e);
}

static void
done(void)
{
	opt_release(&o);
	for (int i = 0; i < 32 && argv_[i] != NULL; i++) {
		free(argv_[i]);
		argv_[i] = NULL;
	}
}

#define GOOD(name, ...) \
	do { \
		if (!is_int(parse(__VA_ARGS__, NULL), 0, "%s", name)) \
			note("%s: %s", e.subject, e.text); \
	} while (0)

#define BAD(status, want, ...) \
	do { \
		is_int(parse(__VA_ARGS__, NULL), -1, "refused"); \
		is_int(err_status(e.kind), status, "with %d", status); \
		is_str(e.text, want, "and that text"); \
		done(); \
	} while (0)

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF || chmod(path, 0600) == -1) {
		printf("Bail out! cannot write %s\n", path);
		exit(1);
	}
}

static void
test_table(void)
{
	static const enum opt_program all[] = { OPT_MSTOKEN, OPT_MSFETCH, OPT_MSMARK, OPT_MSLS };
	const struct optdef *a, *b;
	bool good = true;

	for (size_t p = 0; p < 4; p++)
		for (a = opt_table; a < opt_table + opt_table_n; a++)
			for (b = a + 1; b < opt_table + opt_table_n; b++)
				if ((a->programs & b->programs & all[p]) != 0 &&
				    (strcmp(a->name, b->name) == 0 ||
					(a->letter != 0 && a->letter == b->letter))) {
					good = false;
					note("--%s and --%s", a->name, b->name);
				}
	ok(good, "no name or letter twice in a program");
	good = true;
	for (a = opt_table; a < opt_table + opt_table_n; a++)
		for (b = a + 1; b < opt_table + opt_table_n; b++)
			if (strcmp(a->name, b->name) == 0 &&
			    (a->type != b->type || a->off != b->off || a->letter != b->letter))
				good = false;
	ok(good, "rows of one name mean the same field");
}

static void
test_defaults(void)
{
	GOOD("msfetch", OPT_MSFETCH, "-u", "Ann@Contoso.COM", "Mail");
	is_str(o.user, "ann@contoso.com", "the mailbox in lower case");
	is_str(o.maildir, "Mail", "the operand is the Maildir");
	is_str(o.host, "outlook.office365.com", "host of the cloud");
	is_str(o.cloud->name, "global", "which is the global one");
	is_int(o.port, 993, "port");
	is_int(o.timeout, 60, "time-out");
	is_int(o.max_backoff, 60, "backoff");
	is_int(o.pipe_timeout, 300, "time-out of the filter");
	is_int(o.connections, 1, "connections");
	is_int(o.folder.n, 0, "no folder means INBOX");
	done();
	GOOD("mstoken", OPT_MSTOKEN, "--tenant", "t", "--client-id", "c", "--cloud", "china");
	is_str(o.authority, "https://login.partner.microsoftonline.cn", "authority of the cloud");
	is_str(o.scope, "https://partner.outlook.cn/.default", "scope of the cloud");
	is_int(o.min_valid, 300, "seconds left");
	done();
	GOOD("authority", OPT_MSTOKEN, "--tenant=t", "--client-id=c", "--authority=https://x/y//");
	is_str(o.authority, "https://x/y", "no slash at its end");
	done();
}

static void
test_values(void)
{
	GOOD("many", OPT_MSFETCH, "-u", "a", "-vv", "-q", "-F", "A", "--folder=B*", "-X", "C", "--max", "5",
	    "--max-bytes", "1k", "--max-size", "2M", "-j", "4", "-6", "--tree", "--since", "2026-01-31",
	    "--grace", "2h", "--timeout", "2m", "--proxy", "", "x");
	is_int(o.verbose, 2, "-vv");
	is_int(o.quiet, 1, "-q");
	is_int(o.folder.n, 2, "two folders");
	is_str(o.folder.v[1], "B*", "the second");
	is_str(o.exclude.v[0], "C", "exclude");
	is_int(o.max, 5, "max");
	is_int(o.max_bytes, 1024, "max-bytes");
	is_int(o.max_size, 2 << 20, "max-size");
	is_int(o.connections, 4, "connections");
	is_int(o.family, 6, "IPv6");
	ok(o.tree && o.has_since && !o.has_before, "switches");
	is_int(o.grace, 7200, "grace");
	is_int(o.timeout, 120, "timeout as a duration");
	is_str(o.proxy, "", "no proxy");
	is_int(o.nargs, 1, "operand");
	done();
	GOOD("operands before options", OPT_MSMARK, "f1", "--seen", "f2");
	is_int(o.nargs, 2, "two files");
	is_str(o.args[1], "f2", "the second");
	done();
	GOOD("the last one holds", OPT_MSMARK, "--seen", "-4", "-6", "-4");
	is_int(o.family, 4, "IPv4");
	done();
}

static void
test_refused(void)
{
	BAD(64, "unknown option --foo, or short for more than one (see msfetch --help)", OPT_MSFETCH,
	    "--foo=1");
	BAD(64, "unknown option -Z (see msfetch --help)", OPT_MSFETCH, "-Z");
	BAD(64, "unknown option --seen, or short for more than one (see msfetch --help)", OPT_MSFETCH,
	    "--seen");
	BAD(64, "--port needs a value (see msfetch --help)", OPT_MSFETCH, "--port");
	BAD(64, "-u needs a value (see msfetch --help)", OPT_MSFETCH, "-u");
	BAD(64, "--tree takes no value (see msfetch --help)", OPT_MSFETCH, "--tree=yes");
	BAD(64, "--port: '65536' is not a number from 1 to 65535", OPT_MSFETCH, "--port=65536");
	BAD(64, "--max: '0' is not a number of at least 1", OPT_MSFETCH, "--max=0");
	BAD(64, "--connections: '17' is not a number from 1 to 16", OPT_MSFETCH, "-j17");
	BAD(64, "--timeout: '0' is not from 1 to 86400 seconds", OPT_MSFETCH, "--timeout", "0");
	BAD(64, "--user: 'a b' is not the address of a mailbox", OPT_MSFETCH, "-u", "a b");
	BAD(64, "--host: 'a/b' is not a host name", OPT_MSFETCH, "--host", "a/b");
	BAD(64, "--folder: '' is empty", OPT_MSFETCH, "-F", "");
	BAD(64, "--authority: 'http://x' is not an https:// URL", OPT_MSTOKEN, "--authority", "http://x");
	BAD(64, "--client-secret-expires: '30d' is not a day (YYYY-MM-DD)", OPT_MSTOKEN,
	    "--client-secret-expires", "30d");
	BAD(64, "--alg: 'none' is neither PS256 nor RS256", OPT_MSTOKEN, "--alg=none");
	BAD(64, "no mailbox: give -u MAILBOX, or -a ACCOUNT and 'user' in the configuration", OPT_MSFETCH,
	    "x");
	BAD(64, "no Maildir: give MAILDIR, or -a ACCOUNT and 'maildir' in the configuration", OPT_MSFETCH,
	    "-u", "a");
	BAD(64, "one Maildir only: 'y' is too much", OPT_MSFETCH, "-u", "a", "x", "y");
	BAD(64, "the Maildir is given twice: as operand and with --maildir", OPT_MSFETCH, "-u", "a",
	    "--maildir", "x", "y");
	BAD(64,
	    "no state: give --state FILE (there is no Maildir to keep it in), or -a ACCOUNT and "
	    "'state' in the configuration",
	    OPT_MSFETCH, "-u", "a", "--pipe", "x");
	BAD(64, "--prune goes with --verify", OPT_MSFETCH, "-u", "a", "--prune", "x");
	BAD(64, "--null and --json exclude each other", OPT_MSFETCH, "-u", "a", "-0", "--json", "x");
	BAD(64, "nothing lies between --since and --before", OPT_MSFETCH, "-u", "a", "--since=2026-02-01",
	    "--before=2026-01-01", "x");
	BAD(64, "--seen and --unseen exclude each other", OPT_MSMARK, "--seen", "--unseen");
	BAD(64, "--delete and --move exclude each other", OPT_MSMARK, "--delete", "--move", "x");
	BAD(64, "--create goes with --move FOLDER", OPT_MSMARK, "--create", "--seen");
	BAD(64,
	    "nothing to do: give --seen, --unseen, --flag, --unflag, --answered, --delete or "
	    "--move FOLDER",
	    OPT_MSMARK, "-n");
	BAD(64, "one folder only: 'b' is too much", OPT_MSLS, "-u", "u", "a", "b");
	BAD(64, "--search looks for messages in one folder: give FOLDER", OPT_MSLS, "-u", "u", "--search",
	    "ALL");
	BAD(64, "either FOLDER, for its messages, or -F PATTERN, for folders", OPT_MSLS, "-u", "u", "-F", "x",
	    "y");
	BAD(64, "it takes options only, and a value that belongs to none was given", OPT_MSTOKEN, "x");
	BAD(64, "no application: give --client-id ID, or -a ACCOUNT and 'client-id' in the configuration",
	    OPT_MSTOKEN, "--tenant", "t");
	BAD(64, "--key needs --cert", OPT_MSTOKEN, "--tenant", "t", "--client-id", "c", "--key", "k");
	BAD(64, "--cert and --client-secret-cmd exclude each other", OPT_MSTOKEN, "--tenant", "t",
	    "--client-id", "c", "--cert", "k", "--client-secret-cmd", "x");
}

static void
test_layers(void)
{
	write_file(etc_file,
	    "timeout = 10\nport = 1001\nfolder = { E1, E2 }\nhost = etc.example\n"
	    "cert = /etc/cert\nkey = /etc/key\ntenant = t\nclient-id = c\n"
	    "account work { user = etc@x\n timeout = 20\n maildir = /etc/m\n}\n"
	    "account other { user = other@x\n}\n");
	write_file(user_file,
	    "timeout = 30\nport = 1002\nquiet = true\nmaildir = \"~/Mail\"\ntree = yes\n"
	    "account work { timeout = 40\n folder = W\n client-secret-cmd = x\n tree = no\n}\n"
	    "account empty { }\n");
	setenv("HOME", "/home/ann", 1);

	GOOD("outside of accounts", OPT_MSFETCH, "-u", "a");
	is_int(o.timeout, 30, "the user's file over /etc");
	is_str(o.host, "etc.example", "what only /etc says");
	is_int(o.folder.n, 2, "its list");
	is_str(o.maildir, "/home/ann/Mail", "~ expanded");
	is_int(o.quiet, 1, "a counter as a switch");
	ok(o.tree, "a switch");
	done();

	GOOD("an account", OPT_MSFETCH, "-a", "work");
	is_str(o.user, "etc@x", "from /etc, key by key");
	is_int(o.timeout, 40, "the account over what is outside");
	is_str(o.maildir, "/etc/m", "an account of /etc over the user's keys outside");
	is_int(o.folder.n, 1, "a list replaced whole");
	is_str(o.folder.v[0], "W", "by the account's");
	is_int(o.port, 1002, "and the rest from outside");
	ok(!o.tree, "a switch turned off");
	done();

	GOOD("options win", OPT_MSFETCH, "-a", "work", "--timeout=5", "-F", "x", "-F", "y", "mine");
	is_int(o.timeout, 5, "a number");
	is_int(o.folder.n, 2, "a list");
	is_str(o.folder.v[0], "x", "without what the file says");
	is_str(o.maildir, "mine", "the operand over the key");
	done();

	GOOD("folders to fetch are not folders to list", OPT_MSLS, "-a", "work");
	is_int(o.folder.n, 0, "none");
	done();

	GOOD("a secret in the account", OPT_MSTOKEN, "-a", "work");
	ok(o.cert == NULL && o.key == NULL, "puts the certificate outside aside");
	is_str(o.client_secret_cmd, "x", "and holds");
	done();

	BAD(78, "no mailbox: account empty has no 'user' in the configuration (or give -u MAILBOX)",
	    OPT_MSFETCH, "-a", "empty");
	parse(OPT_MSFETCH, "-a", "wrok", NULL);
	is_int(e.kind, ERR_CONFIG, "unknown account");
	is_str(e.subject, "account wrok", "says which");
	ok(strstr(e.text, "(there are: work, empty, other)") != NULL, "and which there are: %s", e.text);
	done();
}

static void
test_files(void)
{
	char *other = xasprintf("%s/other", t_tmpdir()), *line = xasprintf("%s:2", other);

	write_file(other, "# c\ntimeout = 7x\n");
	parse(OPT_MSFETCH, "--config", other, "-u", "a", "x", NULL);
	is_str(e.subject, line, "file and line");
	is_str(e.text, "timeout: '7x' is not a duration (seconds, or as in 5m, 2h, 30d)", "and text");
	done();
	write_file(other, "timeout = 7\nmin-valid = 20\n");
	GOOD("--config", OPT_MSFETCH, "--config", other, "-u", "a", "x");
	is_int(o.timeout, 7, "is read");
	is_int(o.port, 993, "instead of the two files");
	is_int(o.min_valid, 300, "a sibling's key is passed over");
	done();
	write_file(other, "account a { token-cmd = x\n token-file = y\n user = u }\n");
	BAD(78, "'token-cmd' and 'token-file' exclude each other: the configuration has both", OPT_MSLS,
	    "--config", other, "-a", "a");
	GOOD("either on the command line", OPT_MSLS, "--config", other, "-a", "a", "--token-file", "z");
	ok(o.token_cmd == NULL, "puts the other aside");
	is_str(o.token_file, "z", "and holds");
	done();
	write_file(other, "maildir = ~bob/x\n");
	BAD(78, "maildir: '~bob/x' cannot be expanded: only ~/ can", OPT_MSFETCH, "--config", other, "-u",
	    "a");
	write_file(other, "ipv4 = yes\nipv6 = no\n");
	GOOD("families", OPT_MSLS, "--config", other, "-u", "a");
	is_int(o.family, 4, "no to one leaves the other");
	done();
	unlink(other);
	BAD(78, "no such file", OPT_MSFETCH, "--config", other, "-u", "a", "x");
	free(other);
	free(line);
}

/* What opt_parse prints for one argument, in a child, which must end with 0. */
static char *
printed(enum opt_program program, const char *arg)
{
	struct str s = STR_INIT;
	int p[2], status;
	pid_t pid;

	str_adds(&s, "");
	if (pipe(p) == -1)
		return s.s;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		close(p[1]);
		parse(program, arg, NULL);
		_exit(1);
	}
	close(p[1]);
	read_all(p[0], 1 << 20, &s);
	close(p[0]);
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s %s ends with 0", opt_program_name(program),
	    arg);
	return s.s;
}

static void
test_printed(void)
{
	static const enum opt_program all[] = { OPT_MSTOKEN, OPT_MSFETCH, OPT_MSMARK, OPT_MSLS };
	char *s, *want;

	for (size_t i = 0; i < 4; i++) {
		s = printed(all[i], "--help");
		for (char *l = strtok(s, "\n"); l != NULL; l = strtok(NULL, "\n")) {
			size_t n = 0;

			for (char *c = l; *c != '\0'; c++)
				n += ((unsigned char)*c & 0xc0) != 0x80;
			if (n > 79)
				ok(false, "a line of %zu columns: %s", n, l);
		}
		free(s);
		s = printed(all[i], "-V");
		want = xasprintf("%s (mstools) ", opt_program_name(all[i]));
		is_int(strncmp(s, want, strlen(want)), 0, "version");
		free(want);
		free(s);
		s = printed(all[i], "--complete-spec");
		ok(strstr(s, "-a,--account\taccount\n") != NULL, "completion");
		ok(strstr(s, "complete-spec") == NULL, "is not completed itself");
		free(s);
	}
}

/* opt_parse itself: where it looks. */
static void
test_places(void)
{
	char *dir = xasprintf("%s/xdg/mstools", t_tmpdir()), *file = xasprintf("%s/config", dir);
	char *home = xasprintf("%s/.config/mstools", t_tmpdir()), *hfile = xasprintf("%s/config", home);
	char prog[] = "msls", u[] = "-u", a[] = "a";
	char *av[] = { prog, u, a, NULL };

	if (!is_int(mkdir_parents(dir, &e) + mkdir_parents(home, &e), 0, "directories"))
		return;
	write_file(file, "port = 1\n");
	write_file(hfile, "port = 2\n");
	*strrchr(dir, '/') = '\0';
	setenv("XDG_CONFIG_HOME", dir, 1);
	setenv("HOME", t_tmpdir(), 1);
	is_int(opt_parse(&o, OPT_MSLS, 3, av, &e), 0, "parsed");
	is_int(o.port, 1, "$XDG_CONFIG_HOME");
	opt_release(&o);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	is_int(opt_parse(&o, OPT_MSLS, 3, av, &e), 0, "parsed");
	is_int(o.port, 2, "$HOME/.config, if that is not absolute");
	opt_release(&o);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	is_int(opt_parse(&o, OPT_MSLS, 3, av, &e), 0, "parsed without a home");
	opt_release(&o);
	free(dir);
	free(file);
	free(home);
	free(hfile);
}

int
main(void)
{
	test_table();
	test_defaults();
	test_values();
	test_refused();
	etc_file = xasprintf("%s/etc", t_tmpdir());
	user_file = xasprintf("%s/user", t_tmpdir());
	test_layers();
	test_files();
	test_printed();
	test_places();
	free(etc_file);
	free(user_file);
	return done_testing();
}
