/* verify: rows against the files of a Maildir. */
#include <fcntl.h>

#include "t.h"
#include "tool/verify_int.h"

static volatile sig_atomic_t stop;

static void
put(const char *box, const char *where, const char *hash, uint32_t uid, const char *info, const char *text)
{
	struct maildir_name n = { .date = 1700000000, .uidvalidity = 14, .uid = uid, .bytes = 3 };
	char name[400], *path;
	FILE *f;

	strcpy(n.folder, hash);
	strcpy(n.host, "host.example");
	maildir_name(name, &n);
	path = xasprintf("%s/%s/%s%s", box, where, name, info);
	f = fopen(path, "w");
	ok(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "file %u", uid);
	free(path);
}

static void
want(struct verify *v, uint32_t uid, bool digest, bool gone)
{
	struct state_msg m = { .uid = uid, .date = 1700000000, .bytes = 3, .how = HOW_FILE };

	if (digest)
		unhex(m.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 32);
	is_int(verify_want(v, &v->place[0], &m, gone), 0, "row %u", uid);
}

int
main(void)
{
	struct err err = ERR_INIT;
	struct options o = { .json = false };
	struct verify v = { .o = &o, .stop = &stop, .err = &err, .keeps = 1, .store = STORE_INIT };
	char folder[] = "INBOX", user[] = "me@x.example", host[] = "host.example", got[4096] = "";
	struct place place = { .folder = folder, .gen = { .id = 1, .folder_id = 5, .uidvalidity = 14 } };
	struct alias alias = { .folder_id = 5 };
	char *box = xasprintf("%s/md", t_tmpdir()), *out = xasprintf("%s/out", t_tmpdir());
	int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	v.store.user = user;
	v.host = host;
	v.place = &place;
	v.nplace = 1;
	maildir_folder_hash(alias.hash, user, folder);
	v.alias = &alias;
	v.nalias = 1;
	v.out = ledger_new(fd, RECEIPT_TSV, false);
	is_int(maildir_open(&v.store.md, box, MAILDIR_CREATE, &err), 0, "a Maildir");
	put(box, "new", alias.hash, 1, "", "abc");
	put(box, "cur", alias.hash, 2, ":2,RS", "abc");
	put(box, "new", alias.hash, 3, "", "abd");
	put(box, "new", alias.hash, 4, "", "abcd");
	put(box, "new", "0123456789abcdef", 5, "", "abc"); /* another folder's */
	put(box, "new", alias.hash, 6, "", "xyz");
	put(box, "new", alias.hash, 7, "", "abc");
	want(&v, 7, true, true);
	want(&v, 1, true, false);
	want(&v, 2, true, false);
	want(&v, 3, true, false);
	want(&v, 4, true, false);
	want(&v, 5, true, false);
	want(&v, 6, false, false); /* no digest is known */
	is_int(verify_files(&v), 0, "compared");
	is_int(ledger_flush(v.out, &err), 0, "written");
	is_int(v.count[MISSING], 1, "one is missing");
	is_int(v.count[ALTERED], 2, "two are altered");
	is_int(v.count[GONE], 1, "one has gone");
	is_int(v.nwant, 0, "nothing is left to look for");
	ok(pread(fd, got, sizeof got - 1, 0) > 0, "lines");
	ok(strstr(got, "me@x.example\tINBOX\t14\t5\t2023-11-14T22:13:20Z\tmissing\t") != NULL, "missing");
	ok(strstr(got, "\t3\t2023-11-14T22:13:20Z\taltered\tSHA-256 ") != NULL, "altered");
	ok(strstr(got, "altered\t4 bytes instead of 3\n") != NULL, "longer");
	ok(strstr(got, "gone\tits file is here\n") != NULL, "gone");
	ledger_free(v.out);
	maildir_close(v.store.md);
	str_release(&v.line);
	free(v.want);
	close(fd);
	free(box);
	free(out);
	return done_testing();
}
