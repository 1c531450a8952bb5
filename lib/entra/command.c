/*
 * command: see command.h.
 *
 * The environment is built before fork, so that the child calls nothing but
 * async-signal-safe functions: the program may have threads (libcurl's
 * resolver).
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/util.h"
#include "command.h"

#define POLL_SLICE_MS 250  /* how soon a stop or the end of the child is seen */
#define KILL_GRACE_MS 2000 /* between TERM and KILL */

struct run {
	const struct command *c;
	pid_t pid;
	int out; /* our end of the pipe */
	bool own_group;
	bool ended; /* waited for: status is valid */
	int status;
	int64_t deadline;
};

struct env {
	char **v;	      /* owned; most strings are those of environ */
	char *refused;	      /* owned, in v */
	struct secret client; /* in v */
};

/* Our environment without the two variables, then with what c says. */
static void
env_make(struct env *env, const struct command *c)
{
	char **e, **o;
	size_t n = 0;

	for (e = environ; *e != NULL; e++)
		n++;
	env->v = o = xcalloc(n + 3, sizeof *o);
	for (e = environ; *e != NULL; e++)
		if (strncmp(*e, "MSTOOLS_REFUSED=", 16) != 0 &&
		    strncmp(*e, "MSTOOLS_CLIENT_SECRET=", 22) != 0)
			*o++ = *e;
	if (c->refused != NULL)
		*o++ = env->refused = xasprintf("MSTOOLS_REFUSED=%s", c->refused);
	if (c->secret != NULL) {
		secret_adds(&env->client, "MSTOOLS_CLIENT_SECRET=");
		secret_adds(&env->client, c->secret);
		*o++ = env->client.s;
	}
}

static void
env_release(struct env *env)
{
	free(env->v);
	free(env->refused);
	secret_release(&env->client);
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

static void child(const struct run *, int null, int out, pid_t parent, char **env) __attribute__((noreturn));

static void
child(const struct run *r, int null, int out, pid_t parent, char **env)
{
	const char *const argv[] = { "sh", "-c", r->c->cmd, NULL };
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	if (r->own_group)
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EX_TEMPFAIL);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 || close_range(3, ~0U, 0) == -1)
		_exit(EX_OSERR);
	execve("/bin/sh", (char *const *)(uintptr_t)argv, env);
	_exit(EX_OSERR);
}

static int
start(struct run *r, struct err *err)
{
	struct env env = { NULL, NULL, SECRET_INIT };
	int p[2] = { -1, -1 }, null, rv = -1;
	pid_t parent = getpid();

	env_make(&env, r->c);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null == -1 || pipe2(p, O_CLOEXEC) == -1)
		goto out;
	r->own_group = !has_terminal();
	r->pid = fork();
	if (r->pid == -1)
		goto out;
	if (r->pid == 0)
		child(r, null, p[1], parent, env.v);
	if (r->own_group)
		setpgid(r->pid, r->pid); /* both sides: whoever comes first */
	r->out = p[0];
	p[0] = -1;
	rv = 0;
out:
	if (rv == -1)
		err_sys(err, ERR_OS, STAGE_CREDENTIAL, errno, NULL, "cannot start %s", r->c->what);
	for (int i = 0; i < 2; i++)
		if (p[i] != -1)
			close(p[i]);
	if (null != -1)
		close(null);
	env_release(&env);
	return rv;
}

static void
send_signal(const struct run *r, int sig)
{
	kill(r->own_group ? -r->pid : r->pid, sig);
}

/* True when the shell itself has ended; its status is kept. */
static bool
ended(struct run *r)
{
	if (!r->ended && waitpid(r->pid, &r->status, WNOHANG) == r->pid)
		r->ended = true;
	return r->ended;
}

/* TERM, then KILL, and the zombie taken away. */
static void
end(struct run *r)
{
	const struct timespec pause = { 0, 20 * 1000000L };
	int64_t until = now_ms() + KILL_GRACE_MS;

	if (r->ended)
		return;
	send_signal(r, SIGTERM);
	while (!ended(r) && now_ms() < until)
		nanosleep(&pause, NULL);
	if (r->ended)
		return;
	send_signal(r, SIGKILL);
	while (waitpid(r->pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static bool
stopped(const struct command *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/* Why the waiting must end; 0 if it need not. */
static int
limits(const struct run *r, struct err *err)
{
	if (stopped(r->c)) {
		err_sys(err, ERR_AGAIN, STAGE_CREDENTIAL, EINTR, NULL, "%s was not waited for", r->c->what);
		return -1;
	}
	if (now_ms() >= r->deadline)
		return err_set(err, ERR_AGAIN, STAGE_CREDENTIAL, NULL, "%s has not ended after %u seconds",
		    r->c->what, r->c->secs);
	return 0;
}

/*
 * One read, when there is something.  1 got something, 0 the end, -1 with err
 * set, 2 nothing yet.  The shell's end is the end, too: what it left running in
 * the background may hold the pipe open for ever.
 */
static int
collect_some(struct run *r, struct secret *out, struct err *err)
{
	struct pollfd pfd = { .fd = r->out, .events = POLLIN };
	bool last = ended(r);
	char buf[4096];
	ssize_t k;

	if (poll(&pfd, 1, last ? 0 : POLL_SLICE_MS) <= 0)
		return last ? 0 : 2;
	k = read(r->out, buf, sizeof buf);
	if (k == -1 && errno == EINTR)
		return 2;
	if (k == -1)
		return err_sys(err, ERR_OS, STAGE_CREDENTIAL, errno, NULL, "cannot read from %s", r->c->what);
	if (out->len + (size_t)k > r->c->max) {
		explicit_bzero(buf, sizeof buf);
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL, "%s printed more than %zu bytes",
		    r->c->what, r->c->max);
	}
	secret_add(out, buf, (size_t)k);
	explicit_bzero(buf, (size_t)k);
	return k > 0;
}

/* Our kind for a status of sysexits(3); ERR_CONFIG for what is none. */
static enum err_kind
kind_of_status(int status)
{
	for (enum err_kind k = ERR_CONFIG; k < ERR_KINDS; k++)
		if (err_status(k) == status)
			return k;
	return ERR_CONFIG;
}

static int
judge(const struct command *c, int status, struct err *err)
{
	int code;

	if (WIFSIGNALED(status))
		return err_set(err, ERR_OS, STAGE_CREDENTIAL, NULL, "%s was ended by signal %d (%s)", c->what,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	code = WEXITSTATUS(status);
	if (code == 0)
		return 0;
	return err_set(err, kind_of_status(code), STAGE_CREDENTIAL, NULL, "%s failed with status %d%s",
	    c->what, code,
	    code == 127	      ? " (no such command)"
		: code == 126 ? " (not executable)"
			      : "");
}

int
command_run(const struct command *c, struct secret *out, struct err *err)
{
	struct run r = { .c = c, .out = -1, .deadline = now_ms() + (int64_t)c->secs * 1000 };
	const struct timespec pause = { 0, 10 * 1000000L };
	int rv;

	if (start(&r, err) == -1)
		return -1;
	do {
		rv = limits(&r, err);
		if (rv == 0)
			rv = collect_some(&r, out, err);
	} while (rv > 0);
	close(r.out);
	/* It may have closed its stdout and live on. */
	while (rv == 0 && !ended(&r)) {
		nanosleep(&pause, NULL);
		rv = limits(&r, err);
	}
	if (rv == -1) {
		end(&r);
		return -1;
	}
	return judge(c, r.status, err);
}
