#include "tool/pipe.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/util.h"
#include "crew/wire.h"

#define GRACE_MS 2000 /* between SIGTERM and SIGKILL */
#define SIGNAL_MAX 64
#define VARS 5

extern char **environ;

/* environ without variables of the names that we set, and those. */
static char **
environment(const struct pipe_message *m)
{
	static const char *const names[VARS] = { "MSTOOLS_USER", "MSTOOLS_FOLDER", "MSTOOLS_UIDVALIDITY",
		"MSTOOLS_UID", "MSTOOLS_DATE" };
	char date[32] = "", **env, **e;
	size_t n = 0, i, len;

	while (environ[n] != NULL)
		n++;
	env = xcalloc(n + VARS + 1, sizeof *env);
	env[0] = xasprintf("%s=%s", names[0], m->user);
	env[1] = xasprintf("%s=%s", names[1], m->folder);
	env[2] = xasprintf("%s=%u", names[2], m->uidvalidity);
	env[3] = xasprintf("%s=%u", names[3], m->uid);
	env[4] = xasprintf("%s=%s", names[4], m->date == DATE_NONE ? "" : iso_time(date, m->date));
	n = VARS;
	for (e = environ; *e != NULL; e++) {
		for (i = 0; i < VARS; i++) {
			len = strlen(names[i]);
			if (strncmp(*e, names[i], len) == 0 && (*e)[len] == '=')
				break;
		}
		if (i == VARS)
			env[n++] = *e;
	}
	return env;
}

static void
environment_free(char **env)
{
	size_t i;

	for (i = 0; i < VARS; i++)
		free(env[i]);
	free(env);
}

static bool
in_path(const char *word, size_t len)
{
	const char *dir = getenv("PATH"), *end;
	bool found = false;
	struct stat st;
	char *file;

	for (; dir != NULL && !found; dir = *end == ':' ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		file = xasprintf("%.*s/%.*s", (int)(end - dir), dir, (int)len, word);
		found = end > dir && access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode);
		free(file);
	}
	return found;
}

char *
pipe_script(const char *cmd)
{
	size_t len = strspn(cmd, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-");
	bool alone = len > 0 && strchr(" \t", cmd[len]) != NULL && strpbrk(cmd, ";&|<>()`\n") == NULL;

	if (alone && (memchr(cmd, '/', len) != NULL || in_path(cmd, len)))
		return xasprintf("exec %s", cmd);
	return xstrdup(cmd);
}

/* 0 and *pid, or an errno. */
static int
start(char *script, int in, char **env, pid_t *pid)
{
	char sh[] = "sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, script, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t all, none;
	int rc;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&fa, STDERR_FILENO + 1);
	posix_spawnattr_init(&at);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&at, 0);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setsigmask(&at, &none);
	rc = posix_spawn(pid, "/bin/sh", &fa, &at, argv, env);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* Waits for at most ms milliseconds.  Has it ended? */
static bool
ended(pid_t pid, int64_t ms, int *status)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int64_t end = now_ms() + ms, left;
	pid_t n;

	/* Without pidfd (before Linux 5.3) it is looked at from time to time. */
	while ((n = waitpid(pid, status, WNOHANG)) == 0 && (left = end - now_ms()) > 0)
		poll(&p, p.fd == -1 ? 0 : 1, p.fd == -1 ? 20 : left > 60000 ? 60000 : (int)left);
	if (p.fd != -1)
		close(p.fd);
	return n != 0;
}

/* True: it ended by itself; false: it took too long and is gone now. */
static bool
wait_for(pid_t pid, unsigned secs, int *status)
{
	if (ended(pid, (int64_t)secs * 1000, status))
		return true;
	kill(-pid, SIGTERM);
	if (!ended(pid, GRACE_MS, status)) {
		kill(-pid, SIGKILL);
		(void)ended(pid, GRACE_MS, status);
	}
	return false;
}

static enum pipe_result
result_of(int status, char why[160])
{
	if (WIFSIGNALED(status)) {
		snprintf(why, 160, "the command of --pipe died by signal %d", WTERMSIG(status));
		return PIPE_LATER;
	}
	snprintf(why, 160, "the command of --pipe exited with %d", WEXITSTATUS(status));
	switch (WEXITSTATUS(status)) {
	case 0:
		return PIPE_ACCEPTED;
	case EX_OSERR:
	case EX_CANTCREAT:
	case EX_IOERR:
	case EX_TEMPFAIL:
		return PIPE_LATER;
	case EX_USAGE:
	case EX_CONFIG:
	case 126:
	case 127:
		return PIPE_BROKEN;
	default:
		/* 128 and the number is what sh says of a command that a signal ended. */
		return WEXITSTATUS(status) > 128 && WEXITSTATUS(status) <= 128 + SIGNAL_MAX ? PIPE_LATER
											    : PIPE_REJECTED;
	}
}

int
pipe_run(char *script, unsigned secs, const struct pipe_message *m, char why[160], struct err *err)
{
	char path[40], **env;
	int in, rc, status = 0;
	pid_t pid;

	snprintf(path, sizeof path, "/proc/self/fd/%d", m->fd);
	if ((in = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys(err, err_kind_of_errno(errno), STAGE_FILE, errno, NULL,
		    "cannot open the message for the command");
	env = environment(m);
	rc = start(script, in, env, &pid);
	environment_free(env);
	close(in);
	if (rc != 0)
		return err_sys(err, ERR_OS, STAGE_FILE, rc, "/bin/sh", "cannot run the command");
	if (wait_for(pid, secs, &status))
		return result_of(status, why);
	snprintf(why, 160, "the command of --pipe took longer than %u seconds", secs);
	return PIPE_LATER;
}
