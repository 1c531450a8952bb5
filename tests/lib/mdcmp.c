/*
 * mdcmp: does a Maildir hold exactly these messages, byte for byte?
 *
 *	mdcmp [-cnrs] MAILDIR ORIGINALS
 *
 * ORIGINALS is a directory of the files that were put into the server.  The
 * server ends every line in CRLF and sends 0x80 for NUL (Dovecot); the programs
 * make CRLF into LF and change nothing else.  So an original is expected with
 * NUL as 0x80 and CRLF as LF.  Messages of equal content are counted, names do
 * not matter but for ",S=", which must be the size of the file.
 *
 *	-c	stored with CRLF (msfetch --crlf)
 *	-n	the server sends NUL as it is
 *	-r	in subdirectories of MAILDIR too (msfetch --tree)
 *	-s	some originals may be missing
 *
 * Exit 0 if so, 1 with the differences on stderr, 2 for trouble.
 */
#include <dirent.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct message {
	char *path;
	char *data;
	size_t len;
	bool matched;
};

struct messages {
	struct message *list;
	size_t n;
};

static bool crlf, keep_nul, recurse, subset;
static int differences;

/* Reads a file whole; the buffer has room for each byte to become two. */
static void
message_read(struct message *m, char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (f == NULL || fstat(fileno(f), &st) == -1)
		err(2, "%s", path);
	m->path = path;
	m->matched = false;
	m->data = malloc((size_t)st.st_size * 2 + 1);
	if (m->data == NULL)
		err(2, NULL);
	m->len = fread(m->data, 1, (size_t)st.st_size, f);
	if (ferror(f) || m->len != (size_t)st.st_size)
		errx(2, "%s: cannot be read whole", path);
	fclose(f);
}

static void
messages_add(struct messages *to, char *path)
{
	to->list = realloc(to->list, (to->n + 1) * sizeof(*to->list));
	if (to->list == NULL)
		err(2, NULL);
	message_read(&to->list[to->n++], path);
}

static char *
join(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) == -1)
		err(2, NULL);
	return path;
}

/* Every file of a directory; 0 if there is no such directory. */
static int
messages_add_dir(struct messages *to, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			messages_add(to, join(dir, e->d_name));
	closedir(d);
	return 1;
}

static void
messages_add_maildir(struct messages *to, const char *dir)
{
	char *sub;

	sub = join(dir, "new");
	if (!messages_add_dir(to, sub))
		errx(2, "%s: not a Maildir", dir);
	free(sub);
	sub = join(dir, "cur");
	messages_add_dir(to, sub);
	free(sub);
}

/* The Maildir++ subfolders: directories beginning with a dot. */
static void
messages_add_tree(struct messages *to, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char *sub;

	if (d == NULL)
		err(2, "%s", dir);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' || e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		sub = join(dir, e->d_name);
		messages_add_maildir(to, sub);
		free(sub);
	}
	closedir(d);
}

/* What the file must have become on its way through the server and the program. */
static void
expect(struct message *m)
{
	char *in = malloc(m->len + 1);
	size_t i, n = 0;
	char prev = 0;

	if (in == NULL)
		err(2, NULL);
	memcpy(in, m->data, m->len);
	for (i = 0; i < m->len; i++) {
		if (in[i] == '\n' && prev == '\r' && !crlf)
			n--; /* CRLF, whose CR was just written, becomes LF */
		else if (in[i] == '\n' && prev != '\r' && crlf)
			m->data[n++] = '\r';
		m->data[n++] = in[i] == '\0' && !keep_nul ? (char)0x80 : in[i];
		prev = in[i];
	}
	m->len = n;
	free(in);
}

static void
check_name(const struct message *m)
{
	const char *s = strstr(strrchr(m->path, '/'), ",S=");

	if (s != NULL && strtoull(s + 3, NULL, 10) != m->len) {
		warnx("%s: has %zu bytes", m->path, m->len);
		differences++;
	}
}

static size_t
common(const struct message *a, const struct message *b)
{
	size_t i = 0;

	while (i < a->len && i < b->len && a->data[i] == b->data[i])
		i++;
	return i;
}

static void
report_extra(const struct message *m, const struct messages *originals)
{
	const struct message *best = NULL;
	size_t i, n, most = 0;

	differences++;
	for (i = 0; i < originals->n; i++) {
		n = common(m, &originals->list[i]);
		if (n >= most && !originals->list[i].matched) {
			most = n;
			best = &originals->list[i];
		}
	}
	if (best == NULL)
		warnx("%s (%zu bytes): one too many", m->path, m->len);
	else
		warnx(
		    "%s (%zu bytes) is no original; nearest is %s (%zu bytes expected), from byte %zu on different",
		    m->path, m->len, best->path, best->len, most);
}

static void
match(struct messages *have, struct messages *originals)
{
	struct message *m, *o;
	size_t i, k;

	for (i = 0; i < have->n; i++) {
		m = &have->list[i];
		check_name(m);
		for (k = 0; k < originals->n && !m->matched; k++) {
			o = &originals->list[k];
			if (!o->matched && o->len == m->len && memcmp(o->data, m->data, m->len) == 0)
				o->matched = m->matched = true;
		}
	}
	for (i = 0; i < have->n; i++)
		if (!have->list[i].matched)
			report_extra(&have->list[i], originals);
	for (k = 0; k < originals->n; k++) {
		if (originals->list[k].matched || subset)
			continue;
		warnx("%s: missing", originals->list[k].path);
		differences++;
	}
}

static void
messages_release(struct messages *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->list[i].path);
		free(m->list[i].data);
	}
	free(m->list);
}

int
main(int argc, char **argv)
{
	struct messages have = { 0 }, originals = { 0 };
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "cnrs")) != -1) {
		switch (c) {
		case 'c':
			crlf = true;
			break;
		case 'n':
			keep_nul = true;
			break;
		case 'r':
			recurse = true;
			break;
		case 's':
			subset = true;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2)
		errx(2, "usage: mdcmp [-cnrs] MAILDIR ORIGINALS");
	messages_add_maildir(&have, argv[optind]);
	if (recurse)
		messages_add_tree(&have, argv[optind]);
	if (!messages_add_dir(&originals, argv[optind + 1]))
		err(2, "%s", argv[optind + 1]);
	for (i = 0; i < originals.n; i++)
		expect(&originals.list[i]);
	match(&have, &originals);
	messages_release(&have);
	messages_release(&originals);
	return differences != 0;
}
