/* file: random bytes, whole reads and writes, replacement, locks, the checks of secrets. */
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "t.h"

static int dirfd_;

static char *
in_dir(const char *name)
{
	return xasprintf("%s/%s", t_tmpdir(), name);
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd == -1 || write_all(fd, text, strlen(text)) == -1 || fchmod(fd, mode) == -1 ||
	    close(fd) == -1) {
		printf("Bail out! cannot write %s\n", name);
		exit(1);
	}
}

static int random_errno; /* of the next getrandom(2); 0: it works */

ssize_t
getrandom(void *p, size_t n, unsigned flags)
{
	errno = random_errno;
	random_errno = 0;
	return errno != 0 ? -1 : syscall(SYS_getrandom, p, n, flags);
}

static void
test_random(void)
{
	unsigned char a[16] = { 0 }, b[16] = { 0 };

	random_errno = EINTR;
	is_int(random_bytes(a, sizeof a), 0, "random bytes in spite of a signal");
	is_int(random_bytes(b, sizeof b), 0, "and others");
	ok(memcmp(a, b, sizeof a) != 0, "that differ");
	random_errno = ENOSYS;
	is_int(random_bytes(a, sizeof a), -1, "none");
	is_int(errno, ENOSYS, "says why");
}

static int
entries(void)
{
	DIR *d = opendir(t_tmpdir());
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void
test_read(void)
{
	struct str s = STR_INIT;
	struct err e = ERR_INIT;
	char *path = in_dir("file"), *none = in_dir("none");
	int p[2];

	put("file", "0123456789", 0600);
	is_int(file_read(path, 10, &s, &e), 0, "as long as allowed");
	is_str(s.s, "0123456789", "its text");
	is_int(file_read(path, 9, &s, &e), -1, "longer than allowed");
	is_int(e.sys, EFBIG, "says so");
	is_str(e.subject, path, "and where");
	is_int(file_read(none, 9, &s, &e), -1, "no such file");
	is_int(e.kind, ERR_NOENT, "its kind");
	is_int(file_read(t_tmpdir(), 9, &s, &e), -1, "a directory");
	str_clear(&s);
	if (pipe(p) == 0) {
		ok(write_all(p[1], "abc", 3) == 0 && close(p[1]) == 0, "write_all to a pipe");
		is_int(read_all(p[0], 100, &s), 0, "read_all from it");
		is_str(s.s, "abc", "the same");
		close(p[0]);
		is_int(write_all(p[0], "x", 1), -1, "write_all to nothing");
		is_int(errno, EBADF, "EBADF");
	}
	str_release(&s);
	free(path);
	free(none);
}

static void
test_replace(void)
{
	struct str s = STR_INIT;
	struct err e = ERR_INIT;
	struct stat st;
	char *path = in_dir("r"), name[300];
	int n;

	n = entries();
	is_int(file_replace(dirfd_, "r", "one", 3, &e), 0, "made");
	is_int(file_replace(dirfd_, "r", "two", 3, &e), 0, "replaced");
	is_int(file_read(path, 10, &s, &e), 0, "read");
	is_str(s.s, "two", "the new text");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "mode 0600");
	is_int(entries(), n + 1, "no temporary left");
	ok(mkdirat(dirfd_, "dir", 0700) == 0, "a directory in the way");
	is_int(file_replace(dirfd_, "dir", "x", 1, &e), -1, "is no file to replace");
	is_int(e.kind, ERR_CREATE, "its kind");
	is_int(entries(), n + 2, "no temporary left of the failure");
	memset(name, 'n', 255);
	name[255] = '\0';
	is_int(file_replace(dirfd_, name, "x", 1, &e), -1, "a name too long");
	is_int(e.sys, ENAMETOOLONG, "says so");
	is_int(dir_sync(dirfd_), 0, "dir_sync");
	str_release(&s);
	free(path);
}

static void
absolute(const char *in, const char *want)
{
	char *p = path_absolute(in);

	is_str(p, want, "absolute: '%s'", in);
	free(p);
}

static void
test_paths(void)
{
	struct err e = ERR_INIT;
	struct stat st;
	char *deep = in_dir("a/b//c/"), *blocked = in_dir("file/x"), *file = in_dir("file"), *cwd, *want;

	absolute("/a/b", "/a/b");
	absolute("//a/./b//c/", "/a/b/c");
	absolute("/a/../b", "/a/../b");
	absolute("/", "/");
	if (chdir(t_tmpdir()) == 0) {
		cwd = getcwd(NULL, 0);
		want = xasprintf("%s/x/y", cwd);
		absolute("x/./y", want);
		free(want);
		absolute(".", cwd);
		free(cwd);
	}
	if (chdir("/") == 0)
		absolute("x", "/x");
	is_int(mkdir_parents(deep, &e), 0, "parents made");
	ok(stat(deep, &st) == 0 && (st.st_mode & 07777) == 0700, "each 0700");
	is_int(mkdir_parents(deep, &e), 0, "again: nothing to do");
	is_int(mkdir_parents(blocked, &e), -1, "below a file");
	is_str(e.subject, blocked, "says where");
	is_int(mkdir_parents(file, &e), -1, "a file is no directory");
	is_int(mkdir_parents("", &e), -1, "no name");
	is_int(mkdir_parents("/", &e), 0, "the root is there");
	free(deep);
	free(blocked);
	free(file);
}

static void
nothing(int sig)
{
	(void)sig;
}

/* A child that holds the lock until it is killed; returns when it has it. */
static pid_t
holder(void)
{
	struct err e = ERR_INIT;
	int p[2];
	pid_t pid;
	char c;

	if (pipe(p) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (file_lock(dirfd_, "lock", 0, &e) >= 0 && write_all(p[1], "x", 1) == 0)
			pause();
		_exit(1);
	}
	close(p[1]);
	ok(read(p[0], &c, 1) == 1, "another process has the lock");
	close(p[0]);
	return pid;
}

static void
test_lock(void)
{
	const struct sigaction act = { .sa_handler = nothing };
	const struct itimerval often = { { 0, 70000 }, { 0, 70000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct err e = ERR_INIT;
	pid_t pid = holder();
	int fd;

	is_int(file_lock(dirfd_, "lock", 0, &e), -2, "held");
	is_int(file_lock(dirfd_, "lock", 60, &e), -2, "still held after a while");
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL); /* again and again: one may come when nobody waits */
	is_int(file_lock(dirfd_, "lock", 600000, &e), -1, "a signal ends the wait");
	setitimer(ITIMER_REAL, &never, NULL);
	is_int(e.sys, EINTR, "says so");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd = file_lock(dirfd_, "lock", -1, &e);
	ok(fd >= 0, "free after its holder died");
	ok((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "closed on exec");
	close(fd);
	ok(symlinkat("lock", dirfd_, "link") == 0, "a link");
	is_int(file_lock(dirfd_, "link", 0, &e), -1, "is not followed");
	is_int(file_lock(dirfd_, "dir", 0, &e), -1, "a directory is no lock");
	ok(mkfifoat(dirfd_, "fifo", 0600) == 0, "a FIFO");
	is_int(file_lock(dirfd_, "fifo", 0, &e), -1, "is no lock");
}

static void
test_secret(void)
{
	struct err e = ERR_INIT;
	char *path = in_dir("secret"), *link = in_dir("slink");
	int fd;

	put("secret", "s", 0600);
	fd = file_open_secret(path, &e);
	ok(fd >= 0, "0600");
	close(fd);
	ok(symlinkat("secret", dirfd_, "slink") == 0, "a link");
	fd = file_open_secret(link, &e);
	ok(fd >= 0, "is followed");
	close(fd);
	put("secret", "s", 0604);
	is_int(file_open_secret(path, &e), -1, "readable by others");
	is_int(e.kind, ERR_CONFIG, "kind");
	is_int(e.stage, STAGE_CREDENTIAL, "stage");
	ok(strstr(e.text, "chmod 600") != NULL, "the cure is in the text: %s", e.text);
	put("secret", "s", 0660);
	is_int(file_open_secret(path, &e), -1, "writable by the group");
	is_int(file_open_secret(t_tmpdir(), &e), -1, "a directory");
	is_int(file_open_secret("/dev/null", &e), -1, "a device");
	if (geteuid() == 0) {
		put("secret", "s", 0440);
		ok(chown(path, 0, 0) == 0, "as systemd hands over a credential");
		fd = file_open_secret(path, &e);
		ok(fd >= 0, "is accepted");
		close(fd);
		ok(chown(path, 12345, 0) == 0 && chmod(path, 0600) == 0, "somebody else's");
		is_int(file_open_secret(path, &e), -1, "is not accepted");
		ok(strstr(e.text, "chown 0") != NULL, "the cure is in the text: %s", e.text);
	}
	unlink(path);
	is_int(file_open_secret(path, &e), -1, "missing");
	free(path);
	free(link);
}

int
main(void)
{
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	dirfd_ = open(t_tmpdir(), O_RDONLY | O_DIRECTORY);
	test_random();
	test_read();
	test_replace();
	test_paths();
	test_lock();
	test_secret();
	close(dirfd_);
	return done_testing();
}
