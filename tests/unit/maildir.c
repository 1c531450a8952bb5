/* maildir: opening, stage, placing, finding; and what others may have planted. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

#include "base/util.h"
#include "crew/wire.h"
#include "mail/maildir.h"
#include "t.h"

static struct err err;
static struct str pathbuf;

/* dir/name, in one buffer. */
static const char *
in(const char *dir, const char *name)
{
	str_clear(&pathbuf);
	str_addf(&pathbuf, "%s/%s", dir, name);
	return pathbuf.s;
}

static char *
fresh(const char *name)
{
	return xasprintf("%s/%s", t_tmpdir(), name);
}

static bool
exists(const char *dir, const char *name)
{
	struct stat sb;

	return lstat(in(dir, name), &sb) == 0;
}

static mode_t
mode_of(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 ? sb.st_mode & 07777 : 0;
}

static void
put(const char *dir, const char *name, const char *data)
{
	FILE *f = fopen(in(dir, name), "w");

	if (f == NULL || fputs(data, f) == EOF || fclose(f) != 0)
		printf("Bail out! cannot write %s/%s\n", dir, name);
}

static void
plant(const char *target, const char *path)
{
	if (symlink(target, path) == -1)
		printf("Bail out! cannot link %s\n", path);
}

static const char *
get(const char *dir, const char *name)
{
	static char buf[200];
	FILE *f = fopen(in(dir, name), "r");
	size_t n;

	if (f == NULL)
		return NULL;
	n = fread(buf, 1, sizeof buf - 1, f);
	buf[n] = '\0';
	fclose(f);
	return buf;
}

static struct maildir *
open_md(const char *path)
{
	struct maildir *md = NULL;

	err_clear(&err);
	if (maildir_open(&md, path, MAILDIR_CREATE, &err) == -1) {
		printf("Bail out! %s: %s\n", err.subject, err.text);
		exit(1);
	}
	return md;
}

static void
refused(const char *path, int flags, enum err_kind kind, const char *name)
{
	struct maildir *md;

	err_clear(&err);
	is_int(maildir_open(&md, path, flags, &err), -1, "%s: refused", name);
	is_int(err.kind, kind, "%s: %s", name, err.text);
	ok(md == NULL, "%s: no handle", name);
}

static void
test_open(void)
{
	char *path = fresh("m"), *dir = fresh("deep/er"), *slash = xasprintf("%s//", path);
	struct maildir *md;
	char cwd[4096];

	refused(path, 0, ERR_NOENT, "missing");
	refused(dir, MAILDIR_CREATE, ERR_CREATE, "missing parent");
	umask(022);
	md = open_md(path);
	is_int(mode_of(path), 0700, "made 0700");
	ok(exists(path, "tmp") && exists(path, "new") && exists(path, "cur"), "with its parts");
	is_str(maildir_path(md), path, "path");
	ok(fcntl(maildir_fd(md), F_GETFD) & FD_CLOEXEC, "close-on-exec");
	maildir_close(md);
	is_int(maildir_open(&md, path, 0, &err), 0, "opened again without creating");
	maildir_close(md);
	md = open_md(slash);
	is_str(maildir_path(md), path, "without trailing slashes");
	maildir_close(md);
	if (getcwd(cwd, sizeof cwd) != NULL && chdir(t_tmpdir()) == 0) {
		md = open_md("m");
		ok(maildir_path(md)[0] == '/', "absolute: %s", maildir_path(md));
		maildir_close(md);
		if (chdir(cwd) == -1)
			note("cannot go back");
	}
	rmdir(in(path, "tmp"));
	refused(path, 0, ERR_CREATE, "half, not to be made");
	put(path, "dovecot.index", "");
	md = open_md(path);
	ok(exists(path, "tmp"), "half made: completed");
	maildir_close(md);
	rmdir(in(path, "tmp"));
	put(path, "tmp", "");
	refused(path, MAILDIR_CREATE, ERR_CREATE, "a file as tmp");
	unlink(in(path, "tmp"));
	plant("new", in(path, "tmp"));
	refused(path, MAILDIR_CREATE, ERR_CREATE, "a link as tmp");
	free(path);
	free(dir);
	free(slash);
}

static void
test_open_foreign(void)
{
	char *path = fresh("home"), *file = fresh("file"), *link_ = fresh("link");
	struct maildir *md;

	mkdir(path, 0755);
	put(path, ".profile", "");
	refused(path, MAILDIR_CREATE, ERR_CREATE, "a home directory");
	ok(!exists(path, "new"), "in which nothing was made");
	mkdir(in(path, "tmp"), 0755);
	put(path, "letter", "");
	refused(path, MAILDIR_CREATE, ERR_CREATE, "with a tmp of its own");
	unlink(in(path, "letter"));
	unlink(in(path, ".profile"));
	put(path, ".mstools.lock", "");
	md = open_md(path);
	ok(md != NULL, "a tmp and a lock of ours: half made");
	maildir_close(md);
	put(t_tmpdir(), "file", "");
	refused(file, MAILDIR_CREATE, ERR_CREATE, "a file");
	plant(path, link_);
	md = open_md(link_);
	is_str(maildir_path(md), link_, "a link to a Maildir, under the link's name");
	maildir_close(md);
	unlink(link_);
	plant("/nonexistent/x", link_);
	refused(link_, MAILDIR_CREATE, ERR_CREATE, "a dangling link");
	free(path);
	free(file);
	free(link_);
}

static void
test_lock(void)
{
	char *path = fresh("lock");
	struct maildir *md = open_md(path), *other;
	int64_t since = -1;
	char want[40];

	is_int(maildir_lock(md, 0, NULL, &err), 0, "locked");
	is_int(mode_of(in(path, ".mstools.lock")), 0600, "mode");
	other = open_md(path);
	err_clear(&err);
	is_int(maildir_lock(other, 0, &since, &err), -1, "a second run");
	is_int(err.kind, ERR_AGAIN, "tries again later");
	ok(since > 1700000000 && since <= time(NULL), "knows since when");
	snprintf(want, sizeof want, "process %d", (int)getpid());
	ok(strstr(err.text, want) != NULL, "%s", err.text);
	ok(truncate(in(path, ".mstools.lock"), 0) == 0, "the owner has not written itself down");
	is_int(maildir_lock(other, 0, &since, &err), -1, "still locked");
	ok(since > 1700000000, "since about then");
	is_int(maildir_lock(other, 0, NULL, &err), -1, "since is optional");
	maildir_close(md);
	is_int(maildir_lock(other, 20, &since, &err), 0, "free once the first has gone");
	maildir_close(other);
	unlink(in(path, ".mstools.lock"));
	plant("/etc/passwd", in(path, ".mstools.lock"));
	md = open_md(path);
	is_int(maildir_lock(md, 0, &since, &err), -1, "a planted link is not followed");
	maildir_close(md);
	free(path);
}

static void
test_id(void)
{
	static const char id[] = "00112233445566778899aabbccddeeff";
	char *path = fresh("id"), got[33];
	struct maildir *md = open_md(path);
	int64_t self;

	is_int(maildir_id_read(md, got, &err), 0, "none");
	is_int(maildir_id_write(md, id, &err), 0, "written");
	is_int(maildir_id_read(md, got, &err), 1, "read");
	is_str(got, id, "the same");
	is_int(mode_of(in(path, ".mstools.id")), 0600, "mode");
	self = maildir_self(md);
	ok(self != 0, "with a number of its own");
	is_int(maildir_id_write(md, "ffffffffffffffffffffffffffffffff", &err), 0, "another state");
	ok(maildir_self(md) == self, "the same number");
	put(path, ".mstools.id", "00112233445566778899aabbccddeeff\n");
	is_int(maildir_id_read(md, got, &err), 1, "an id without one");
	ok(maildir_self(md) == 0, "is one all the same");
	put(path, ".mstools.id", "00112233445566778899aabbccddeeff\n0011223344556677");
	is_int(maildir_id_read(md, got, &err), -1, "torn");
	put(path, ".mstools.id", "00112233445566778899aabbccddeeff0\n");
	err_clear(&err);
	is_int(maildir_id_read(md, got, &err), -1, "too long");
	is_int(err.kind, ERR_CONFIG, "is for the user to decide");
	put(path, ".mstools.id", "00112233445566778899aabbccddeefg\n");
	is_int(maildir_id_read(md, got, &err), -1, "no hexadecimal");
	put(path, ".mstools.id", "");
	is_int(maildir_id_read(md, got, &err), -1, "empty");
	unlink(in(path, ".mstools.id"));
	put(path, "elsewhere", "00112233445566778899aabbccddeeff\n");
	plant("elsewhere", in(path, ".mstools.id"));
	is_int(maildir_id_read(md, got, &err), -1, "a planted link is not followed");
	is_int(maildir_id_write(md, "ffffffffffffffffffffffffffffffff", &err), 0, "but replaced");
	is_str(get(path, "elsewhere"), "00112233445566778899aabbccddeeff\n", "its target is untouched");
	unlink(in(path, ".mstools.id"));
	mkfifo(in(path, ".mstools.id"), 0600);
	is_int(maildir_id_read(md, got, &err), -1, "a FIFO does not block");
	unlink(in(path, ".mstools.id"));
	mkdir(in(path, ".mstools.id"), 0700);
	is_int(maildir_id_read(md, got, &err), -1, "a directory is none");
	is_int(maildir_id_write(md, id, &err), -1, "and cannot be replaced");
	maildir_close(md);
	free(path);
}

static int
collect(uint32_t slot, void *arg)
{
	uint64_t *sum = arg;

	*sum += slot;
	return 0;
}

static int
stop_slot(uint32_t slot, void *arg)
{
	(void)slot;
	++*(int *)arg;
	return -1;
}

static void
test_stage(void)
{
	char *path = fresh("stage");
	struct maildir *md = open_md(path);
	uint64_t sum = 0;
	int fd, n = 0;

	is_int(maildir_stage_open(md, &err), 0, "the stage was missing");
	is_int(mode_of(in(path, "tmp/mstools")), 0700, "made 0700");
	is_int(maildir_stage_open(md, &err), 1, "now it is there");
	fd = maildir_stage_create(md, 7, &err);
	ok(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC), "a slot");
	is_int(mode_of(in(path, "tmp/mstools/s7")), 0600, "mode");
	close(fd);
	is_int(maildir_stage_create(md, 7, &err), -1, "twice is an error");
	close(maildir_stage_create(md, 4000000000U, &err));
	put(path, "tmp/mstools/s07", "");
	put(path, "tmp/mstools/s", "");
	put(path, "tmp/mstools/s1x", "");
	put(path, "tmp/mstools/7", "");
	put(path, "tmp/mstools/s4294967296", "");
	is_int(maildir_stage_each(md, collect, &sum, &err), 0, "each");
	is_int(sum, 4000000007, "ours alone");
	is_int(maildir_stage_each(md, stop_slot, &n, &err), -1, "stopped");
	is_int(n, 1, "at once");
	is_int(maildir_stage_unlink(md, 7), 0, "removed");
	is_int(maildir_stage_unlink(md, 7), -1, "once");
	ok(maildir_stage_fd(md) >= 0, "its descriptor");
	maildir_close(md);
	md = open_md(path);
	is_int(maildir_stage_open(md, &err), 1, "the next run finds it");
	plant("/etc/passwd", in(path, "tmp/mstools/s9"));
	is_int(maildir_stage_create(md, 9, &err), -1, "a planted link is not written through");
	maildir_close(md);
	free(path);

	path = fresh("stage2");
	md = open_md(path);
	plant("/tmp", in(path, "tmp/mstools"));
	err_clear(&err);
	is_int(maildir_stage_open(md, &err), -1, "a link as stage");
	is_int(err.kind, ERR_CREATE, "%s", err.text);
	unlink(in(path, "tmp/mstools"));
	put(path, "tmp/mstools", "");
	is_int(maildir_stage_open(md, &err), -1, "a file as stage");
	unlink(in(path, "tmp/mstools"));
	mkdir(in(path, "tmp/mstools"), 0700);
	chmod(in(path, "tmp/mstools"), 0770);
	is_int(maildir_stage_open(md, &err), -1, "a stage others may write to");
	maildir_close(md);
	free(path);
}

static void
stage(struct maildir *md, uint32_t slot, const char *data)
{
	int fd = maildir_stage_create(md, slot, &err);

	if (fd == -1 || write(fd, data, strlen(data)) != (ssize_t)strlen(data))
		printf("Bail out! cannot stage: %s\n", err.text);
	close(fd);
}

static void
test_place(void)
{
	struct maildir_target t = { "", false, "1.V1U1F0123456789abcdef.h,S=5", "" };
	char *path = fresh("place");
	struct maildir *md = open_md(path);

	maildir_stage_open(md, &err);
	stage(md, 1, "hello");
	is_int(maildir_place(md, 1, &t, &err), PLACED_OK, "placed");
	is_str(get(path, "new/1.V1U1F0123456789abcdef.h,S=5"), "hello", "in new/");
	ok(!exists(path, "tmp/mstools/s1"), "and no longer in the stage");
	is_int(maildir_place(md, 1, &t, &err), -2, "gone from the stage");
	stage(md, 2, "hello");
	is_int(maildir_place(md, 2, &t, &err), PLACED_ALREADY, "the same again");
	ok(!exists(path, "tmp/mstools/s2"), "the staged one is removed");
	stage(md, 3, "HELLO");
	err_clear(&err);
	is_int(maildir_place(md, 3, &t, &err), -1, "another by the same name");
	is_int(err.kind, ERR_INTERNAL, "%s", err.text);
	is_str(get(path, "tmp/mstools/s3"), "HELLO", "stays in the stage");
	is_str(get(path, "new/1.V1U1F0123456789abcdef.h,S=5"), "hello", "and the first in its place");
	is_int(maildir_sync(md, &err), 0, "synced");
	t.cur = true;
	t.info = ":2,S";
	is_int(maildir_place(md, 3, &t, &err), PLACED_OK, "into cur/");
	is_str(get(path, "cur/1.V1U1F0123456789abcdef.h,S=5:2,S"), "HELLO", "with its flags");
	stage(md, 4, "x");
	t.cur = false;
	t.name = "link";
	plant("/etc/passwd", in(path, "new/link"));
	is_int(maildir_place(md, 4, &t, &err), -1, "a link by that name is another file");
	t.name = "dir";
	mkdir(in(path, "new/dir"), 0700);
	is_int(maildir_place(md, 4, &t, &err), -1, "so is a directory");
	t.name = "fifo";
	mkfifo(in(path, "new/fifo"), 0600);
	is_int(maildir_place(md, 4, &t, &err), -1, "and a FIFO, without blocking");
	is_int(maildir_sync(md, &err), 0, "synced");
	maildir_close(md);
	free(path);
}

static void
test_place_large(void)
{
	struct maildir_target t = { "", false, "large", "" };
	char *path = fresh("large"), *data = xmalloc(200001);
	struct maildir *md = open_md(path);

	memset(data, 'a', 200000);
	data[200000] = '\0';
	maildir_stage_open(md, &err);
	stage(md, 1, data);
	is_int(maildir_place(md, 1, &t, &err), PLACED_OK, "a large one");
	stage(md, 1, data);
	is_int(maildir_place(md, 1, &t, &err), PLACED_ALREADY, "is compared to its end");
	data[199999] = 'b';
	stage(md, 1, data);
	is_int(maildir_place(md, 1, &t, &err), -1, "the last byte counts");
	free(data);
	maildir_close(md);
	free(path);
}

static void
test_tree(void)
{
	struct maildir_target t = { ".A.B", false, "name", "" };
	char *path = fresh("tree"), sub[32];
	struct maildir *md = open_md(path);
	int i, bad = 0;

	maildir_stage_open(md, &err);
	stage(md, 1, "x");
	is_int(maildir_place(md, 1, &t, &err), PLACED_OK, "into a subfolder that is made");
	ok(exists(path, ".A.B/new/name") && exists(path, ".A.B/cur") && exists(path, ".A.B/tmp") &&
		exists(path, ".A.B/maildirfolder"),
	    "a Maildir++ one");
	is_int(mode_of(in(path, ".A.B")), 0700, "0700");
	mkdir(in(path, ".Half"), 0700);
	t.subdir = ".Half";
	stage(md, 2, "x");
	is_int(maildir_place(md, 2, &t, &err), PLACED_OK, "a half made one is completed");
	put(path, ".File", "");
	t.subdir = ".File";
	stage(md, 3, "x");
	err_clear(&err);
	is_int(maildir_place(md, 3, &t, &err), -1, "a file in its place");
	is_int(err.kind, ERR_CREATE, "%s", err.text);
	plant("/tmp", in(path, ".Link"));
	t.subdir = ".Link";
	is_int(maildir_place(md, 3, &t, &err), -1, "a link in its place");
	for (i = 0; i < 200; i++) {
		snprintf(sub, sizeof sub, ".F%d", i % 100);
		t.subdir = sub;
		stage(md, 100 + (uint32_t)i, i < 100 ? "a" : "a");
		bad +=
		    maildir_place(md, 100 + (uint32_t)i, &t, &err) != (i < 100 ? PLACED_OK : PLACED_ALREADY);
	}
	is_int(bad, 0, "more subfolders than descriptors are kept for");
	is_int(maildir_sync(md, &err), 0, "synced");
	maildir_close(md);
	free(path);
}

static int
count_ours(const char *sub, const char *path, const struct maildir_name *n, void *arg)
{
	struct stat sb;

	str_addf(arg, "%s/%u%s ", sub, n->uid, stat(path, &sb) == 0 ? "" : "?");
	return 0;
}

static void
test_find(void)
{
	static const char name[] = "5.V1U7F0123456789abcdef.h,S=5";
	char *path = fresh("find"), *want;
	struct maildir *md = open_md(path);
	struct str s = STR_INIT, all = STR_INIT;

	is_int(maildir_has_ours(md, &err), 0, "nothing of ours");
	put(path, "new/1700000000.M1P2.host", "");
	put(path, "cur/dovecot-uidlist", "");
	is_int(maildir_has_ours(md, &err), 0, "nor now");
	is_int(maildir_find(md, "", name, &s, &err), 0, "not there");
	put(path, "new/5.V1U7F0123456789abcdef.h,S=5", "");
	is_int(maildir_find(md, "", name, &s, &err), 1, "in new/");
	want = xasprintf("%s/new/%s", path, name);
	is_str(s.s, want, "there");
	free(want);
	is_int(maildir_has_ours(md, &err), 1, "one of ours");
	want = xasprintf("%s/cur/%s:2,RS", path, name);
	str_clear(&all);
	str_adds(&all, want);
	rename(in(path, "new/5.V1U7F0123456789abcdef.h,S=5"), want);
	is_int(maildir_find(md, "", name, &s, &err), 1, "in cur/, usual flags");
	is_str(s.s, want, "there");
	free(want);
	want = xasprintf("%s/cur/%s:2,Sab", path, name);
	rename(all.s, want);
	is_int(maildir_find(md, "", name, &s, &err), 1, "in cur/, unusual flags");
	is_str(s.s, want, "there");
	is_int(maildir_find(md, "", name, &s, &err), 1, "again");
	str_clear(&all);
	str_addf(&all, "%sc", want);
	rename(want, all.s);
	is_int(maildir_find(md, "", name, &s, &err), 1, "renamed meanwhile");
	is_str(s.s, all.s, "there");
	is_int(maildir_find(md, "", "5.V1U8F0123456789abcdef.h,S=5", &s, &err), 0, "another is not there");
	put(path, "cur/5.V1U8F0123456789abcdef.h,S=5:2,z", "");
	is_int(maildir_find(md, "", "5.V1U8F0123456789abcdef.h,S=5", &s, &err), 1, "until it is");
	is_int(maildir_find(md, ".None", name, &s, &err), 0, "no such subfolder");
	mkdir(in(path, ".Sub"), 0700);
	is_int(maildir_find(md, ".Sub", name, &s, &err), 0, "one without new and cur");
	mkdir(in(path, ".Sub/new"), 0700);
	mkdir(in(path, ".Sub/cur"), 0700);
	put(path, ".Sub/new/5.V1U9F0123456789abcdef.h,S=5", "");
	plant("..", in(path, ".Link"));
	mkdir(in(path, ".mstools.x"), 0700);
	put(path, ".notes", "");
	put(path, ".Sub/new/5.V1U9F0123456789abcdef.h", "");
	is_int(maildir_find(md, ".Sub", "5.V1U9F0123456789abcdef.h,S=5", &s, &err), 1, "in a subfolder");
	str_clear(&all);
	is_int(maildir_each(md, count_ours, &all, &err), 0, "each");
	ok(strcmp(all.s, "/7 /8 .Sub/9 ") == 0 || strcmp(all.s, "/8 /7 .Sub/9 ") == 0, "every one once: %s",
	    all.s);
	free(want);
	str_release(&s);
	str_release(&all);
	maildir_close(md);
	free(path);
}

/* As root in a mount namespace of our own: a file system without room.  Skipped where that is not allowed. */
static int
full_disk(const char *dir)
{
	struct maildir_target t = { ".Sub", false, "name", "" };
	struct maildir *md;
	char *path, fill[4096];
	int fd;

	if (unshare(CLONE_NEWNS) == -1 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=64k,nr_inodes=12") == -1)
		return 77;
	path = xasprintf("%s/m", dir);
	md = open_md(path);
	free(path);
	if (maildir_stage_open(md, &err) == -1)
		return 1;
	stage(md, 1, "hello");
	snprintf(fill, sizeof fill, "%s/fill", dir);
	while ((fd = open(fill, O_CREAT | O_EXCL | O_WRONLY, 0600)) != -1) {
		close(fd);
		strcat(fill, "x");
	}
	err_clear(&err);
	if (maildir_stage_create(md, 2, &err) != -1 || err.kind != ERR_IO)
		return 2;
	err_clear(&err);
	if (maildir_place(md, 1, &t, &err) != -1 || err.kind != ERR_IO)
		return 3;
	err_clear(&err);
	if (maildir_id_write(md, "00112233445566778899aabbccddeeff", &err) != -1 || err.kind != ERR_IO)
		return 4;
	unlink(in(dir, "fill"));
	if (maildir_id_write(md, "00112233445566778899aabbccddeeff", &err) != 0)
		return 5;
	t.subdir = "";
	if (maildir_place(md, 1, &t, &err) != PLACED_OK)
		return 6;
	maildir_close(md);
	return 0;
}

static void
test_full(void)
{
	char *dir = fresh("full");
	int status;
	pid_t pid;

	mkdir(dir, 0700);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(full_disk(dir));
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		note("no mount namespace here: the full disk is not tested");
	else
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "a full disk is ERR_IO, and over when it is (%d)", WEXITSTATUS(status));
	free(dir);
}

int
main(void)
{
	test_open();
	test_open_foreign();
	test_lock();
	test_id();
	test_stage();
	test_place();
	test_place_large();
	test_tree();
	test_find();
	test_full();
	str_release(&pathbuf);
	return done_testing();
}
