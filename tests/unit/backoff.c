/* Unit test of lib/base/backoff and lib/base/cachedir. */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/cachedir.h"
#include "base/file.h"
#include "t.h"

static char dir[4200], note_path[4600];

/* The one note in dir, as a path. */
static const char *
note_file(void)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	note_path[0] = '\0';
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "backoff-", 8) == 0)
			snprintf(note_path, sizeof note_path, "%s/%s", dir, e->d_name);
	if (d != NULL)
		closedir(d);
	return note_path;
}

static void
write_note(const char *text)
{
	FILE *f = fopen(note_file(), "w");

	if (f != NULL) {
		fputs(text, f);
		fclose(f);
	}
}

static void
write_times(int64_t noted, int64_t until)
{
	char text[100];

	snprintf(text, sizeof text, "1 %lld %lld\n", (long long)noted, (long long)until);
	write_note(text);
}

static void
notes(void)
{
	struct err err = ERR_INIT;
	unsigned left = 7;

	is_int(backoff_check(dir, "u@x", "h", &left), 0, "no note");
	is_int(left, 0, "no time left");
	is_int(backoff_note(dir, "U@x", "H", 500, &err), 0, "a note");
	is_int(backoff_check(dir, "u@X", "h", &left), 1, "is there, whatever the case");
	ok(left > 400 && left <= 500, "with its time");
	is_int(backoff_check(dir, "v@x", "h", &left), 0, "not for another user");
	is_int(backoff_check(dir, "u@x", "g", &left), 0, "not for another host");
	is_int(backoff_note(dir, "u@x", "h", 5, &err), 0, "a shorter note");
	backoff_check(dir, "u@x", "h", &left);
	ok(left > 400, "does not replace a longer one");
	is_int(backoff_note(dir, "u@x", "h", 999999, &err), 0, "a far longer note");
	backoff_check(dir, "u@x", "h", &left);
	ok(left > 3500 && left <= BACKOFF_MAX_SECS, "is cut");
}

static void
clocks(void)
{
	unsigned left = 0, again = 0;
	int64_t now = time(NULL);

	write_times(now - 100, now - 1);
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "a note that is over");
	is_str(note_file(), "", "is removed");
	backoff_note(dir, "u@x", "h", 60, NULL);
	note_file();
	write_times(now + 1000000, now + 1000060);
	is_int(backoff_check(dir, "u@x", "h", &left), 1, "a note from the future");
	ok(left > 0 && left <= 60, "holds for its own length from now");
	write_times(now - 100, now + 90000);
	is_int(backoff_check(dir, "u@x", "h", &again), 1, "a note without end");
	ok(again <= BACKOFF_MAX_SECS - 100, "is cut from when it was made");
}

static void
bad_text(const char *text, const char *name)
{
	unsigned left;

	write_note(text);
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "%s", name);
}

static void
untrusted(void)
{
	char other[4600];
	unsigned left;
	int64_t now = time(NULL);

	bad_text("", "an empty note");
	bad_text("1 2", "a torn one");
	bad_text("2 5 9999999999\n", "another version");
	bad_text("1 -5 9999999999\n", "a time before all time");
	bad_text("1 9 5\n", "an end before its beginning");
	write_times(now, now + 100);
	is_int(backoff_check(dir, "u@x", "h", &left), 1, "a good one again");
	chmod(note_path, 0644);
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "not if others can read it");
	chmod(note_path, 0600);
	snprintf(other, sizeof other, "%s/other", dir);
	ok(link(note_path, other) == 0, "a second name");
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "not then");
	ok(unlink(note_path) == 0 && symlink(other, note_path) == 0, "a symbolic link");
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "not then either");
	is_int(backoff_note(dir, "u@x", "h", 100, NULL), 0, "a new note takes its place");
	is_int(backoff_check(dir, "u@x", "h", &left), 1, "and is good");
	chmod(dir, 0777);
	is_int(backoff_check(dir, "u@x", "h", &left), 0, "not in a directory that others can write to");
	is_int(backoff_note(dir, "u@x", "h", 100, NULL), -1, "where none is made");
	chmod(dir, 0700);
}

#define NOBODY 65534
#define UNKNOWN 424242 /* a user whom the system does not know */

static void
home_place(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct err err = ERR_INIT;
	char want[4200], *p;

	if (pw != NULL) {
		snprintf(want, sizeof want, "%s/.cache/mstools", pw->pw_dir);
		p = cachedir_path(NULL);
		is_str(p, want, "without a usable $HOME: the home directory that the system knows");
		free(p);
	}
	if (geteuid() == 0 && getpwuid(UNKNOWN) == NULL && seteuid(UNKNOWN) == 0) {
		ok(cachedir_path(NULL) == NULL, "a user whom it does not know has none");
		is_int(cachedir_open(NULL, &err), -1, "and no cache");
		ok(strstr(err.text, "neither --cache-dir nor a home directory") != NULL, "which is said");
		ok(seteuid(0) == 0, "root again");
	}
}

static void
default_place(void)
{
	char *p;

	setenv("CACHE_DIRECTORY", "/var/cache/a:/var/cache/b", 1);
	setenv("XDG_CACHE_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	p = cachedir_path("/opt");
	is_str(p, "/opt", "--cache-dir comes first");
	free(p);
	p = cachedir_path(NULL);
	is_str(p, "/var/cache/a", "then the first of $CACHE_DIRECTORY");
	free(p);
	unsetenv("CACHE_DIRECTORY");
	p = cachedir_path(NULL);
	is_str(p, "/x/mstools", "then $XDG_CACHE_HOME");
	free(p);
	setenv("XDG_CACHE_HOME", "relative", 1);
	p = cachedir_path(NULL);
	is_str(p, "/h/.cache/mstools", "unless it is relative; then $HOME");
	free(p);
	setenv("HOME", "relative", 1);
	home_place();
	unsetenv("HOME");
	home_place();
}

/* Another user's directory, another user's file, and a directory that is closed to us. */
static void
foreign(const char *path, int fd)
{
	struct secret s = SECRET_INIT;
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		return;
	ok(chown(path, NOBODY, (gid_t)-1) == 0, "a directory of another user");
	is_int(cachedir_open(path, &err), -1, "is not opened");
	is_str(err.text, "the cache directory belongs to user 65534, not to user 0", "and why");
	ok(chown(path, 0, (gid_t)-1) == 0, "ours again");
	ok(fchownat(fd, "f", NOBODY, (gid_t)-1, 0) == 0, "a file of another user");
	is_int(cachedir_read(fd, "f", 11, &s, &err), -1, "is not read");
	is_str(err.text, "the cached file is not used: belongs to another user", "and why");
	is_int(s.len, 0, "nothing of it");
	ok(chmod(t_tmpdir(), 0700) == 0 && seteuid(NOBODY) == 0, "as another user");
	is_int(cachedir_open(t_tmpdir(), &err), -1, "a directory that is closed to us");
	ok(strstr(err.text, "cannot open the cache directory: Permission denied") != NULL, "is called so: %s",
	    err.text);
	ok(seteuid(0) == 0, "root again");
	secret_release(&s);
}

static void
directory(void)
{
	struct secret s = SECRET_INIT;
	struct err err = ERR_INIT;
	struct stat st;
	char path[4300];
	int fd;

	snprintf(path, sizeof path, "%s/a/b", t_tmpdir());
	fd = cachedir_open(path, &err);
	ok(fd != -1 && stat(path, &st) == 0 && (st.st_mode & 0777) == 0700, "made 0700, with its parents");
	is_int(cachedir_read(fd, "none", 10, &s, &err), 0, "no such file");
	is_int(file_replace(fd, "f", "12345678901", 11, &err), 0, "a file");
	is_int(cachedir_read(fd, "f", 10, &s, &err), -1, "is too large");
	secret_release(&s);
	is_int(cachedir_read(fd, "f", 11, &s, &err), 1, "is read");
	is_str(s.s, "12345678901", "whole");
	secret_release(&s);
	ok(mkfifoat(fd, "fifo", 0600) == 0, "a FIFO");
	is_int(cachedir_read(fd, "fifo", 10, &s, &err), -1, "is not read, and does not hold us up");
	foreign(path, fd);
	close(fd);
	chmod(path, 0755);
	fd = cachedir_open(path, &err);
	ok(fd != -1, "others may list it (systemd's default)");
	close(fd);
	chmod(path, 0770);
	is_int(cachedir_open(path, &err), -1, "but not write to it");
	ok(strstr(err.text, "chmod 700") != NULL, "which is said");
	snprintf(path, sizeof path, "%s/a/b/f/c", t_tmpdir());
	is_int(cachedir_open(path, &err), -1, "nor can it lie below a file");
}

int
main(void)
{
	umask(022);
	snprintf(dir, sizeof dir, "%s/cache", t_tmpdir());
	notes();
	clocks();
	untrusted();
	default_place();
	directory();
	return done_testing();
}
