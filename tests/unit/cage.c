#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include <openssl/rand.h>

#include "crew/wire.h"
#include "imap/cage.h"
#include "t.h"

_Static_assert((int)CAGE_SECCOMP == (int)CAGED_SECCOMP && (int)CAGE_LANDLOCK == (int)CAGED_LANDLOCK,
    "cage bits differ");

#define KILLED (-SIGSYS)
#define NONE 99 /* the child could not enter the cage */

static int sock[2], file = -1, datagram = -1;
static char created[4200];

/* What f returns in a cage of its own (0 … 98), or minus the signal that ended it. */
static int
caged(int (*f)(void))
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		cage_warm();
		if (cage_enter(&err) == -1)
			_exit(NONE);
		_exit(f());
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The same outside. */
static int
uncaged(int (*f)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(f());
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int
made(void)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		cage_warm();
		_exit(cage_enter(&err) & 0xff);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- what kills: outside it works, and returns 0 --- */

static int
do_exec(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	execv("/bin/true", argv);
	return 2;
}

static int
do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 ? 0 : 2;
}

static int
do_vfork(void)
{
	return syscall(SYS_clone, SIGCHLD | CLONE_VM, 0, 0, 0, 0) >= -1;
}

static int
do_open(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 2;
}

static int
do_create(void)
{
	return open(created, O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : 2;
}

static int
do_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 2;
}

static int
do_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(datagram, (void *)&a, sizeof a) == 0 ? 0 : 2;
}

static int
do_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) >= -1;
}

static int
do_mmap_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 0
													 : 2;
}

static int
do_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : 2;
}

static int
do_io_uring(void)
{
	return syscall(425, 1, NULL) >= -1;
}

/* --- what fails: 0 if it does, with ENOSYS --- */

static int
do_uname(void)
{
	struct utsname u;

	return uname(&u) == -1 && errno == ENOSYS ? 0 : 1;
}

static int
do_unlink(void)
{
	return unlink("/nonexistent") == -1 && errno == ENOSYS ? 0 : 1;
}

static int
do_stat(void)
{
	struct stat st;

	return stat("/etc/passwd", &st) == -1 && errno == ENOSYS ? 0 : 1;
}

static int
do_dup(void)
{
	return fcntl(0, F_DUPFD, 0) == -1 && errno == ENOSYS ? 0 : 1;
}

static int
do_kill(void)
{
	return kill(getppid(), 0) == -1 && errno == ENOSYS ? 0 : 1;
}

/* --- what works: 0 if it does --- */

static int
do_work(void)
{
	struct pollfd p = { .fd = sock[0], .events = POLLOUT };
	struct timespec ts = { 0, 1000 };
	struct stat st;
	unsigned char rnd[32];
	char *big = malloc(4 << 20), c = 'x';

	if (big == NULL)
		return 1;
	memset(big, 1, 4 << 20);
	big = realloc(big, 16 << 20);
	free(big);
	if (poll(&p, 1, 1000) != 1 || write(sock[0], &c, 1) != 1 || read(sock[1], &c, 1) != 1)
		return 2;
	if (send(sock[0], &c, 1, MSG_DONTWAIT) != 1 || recv(sock[1], &c, 1, 0) != 1)
		return 3;
	if (write(file, "hello", 5) != 5 || lseek(file, 0, SEEK_SET) != 0 || read(file, &c, 1) != 1 ||
	    ftruncate(file, 0) == -1 || fstat(file, &st) == -1 || st.st_size != 0)
		return 4;
	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1 || time(NULL) == (time_t)-1)
		return 5;
	ts = (struct timespec){ 0, 1000 };
	if (nanosleep(&ts, NULL) == -1 || RAND_bytes(rnd, sizeof rnd) != 1)
		return 6;
	return close(sock[0]) == 0 ? 0 : 7;
}

/* Descriptors may be sent in. */
static int
do_receive(void)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control };
	struct cmsghdr *h;
	int fd;

	if (recvmsg(sock[1], &m, MSG_CMSG_CLOEXEC) != 1 || (h = CMSG_FIRSTHDR(&m)) == NULL)
		return 1;
	memcpy(&fd, CMSG_DATA(h), sizeof fd);
	return write(fd, "y", 1) == 1 && ftruncate(fd, 0) == 0 ? 0 : 2;
}

static int
do_dates(void)
{
	struct tm tm = { .tm_year = 126, .tm_mon = 5, .tm_mday = 1 };
	time_t t = mktime(&tm);

	return localtime(&t) != NULL && gmtime(&t) != NULL && strerror(ENOENT) != NULL ? 0 : 1;
}

static int
do_stderr(void)
{
	fprintf(stderr, "# from inside the cage\n");
	return 0;
}

static int
do_abort(void)
{
	abort();
}

static int
do_segv(void)
{
	raise(SIGSEGV);
	return 1;
}

static const struct {
	int (*f)(void);
	int want;
	const char *what;
} table[] = {
	{ do_exec, KILLED, "exec kills" },
	{ do_fork, KILLED, "fork kills" },
	{ do_vfork, KILLED, "clone kills" },
	{ do_open, KILLED, "open kills" },
	{ do_create, KILLED, "creating a file kills" },
	{ do_socket, KILLED, "socket kills" },
	{ do_connect, KILLED, "connect kills" },
	{ do_ptrace, KILLED, "ptrace kills" },
	{ do_mmap_exec, KILLED, "executable memory kills" },
	{ do_mprotect_exec, KILLED, "making memory executable kills" },
	{ do_io_uring, KILLED, "io_uring kills" },
	{ do_uname, 0, "uname fails" },
	{ do_unlink, 0, "unlink fails" },
	{ do_stat, 0, "stat of a name fails" },
	{ do_dup, 0, "dup fails" },
	{ do_kill, 0, "signals to others fail" },
	{ do_work, 0, "memory, sockets, files, clocks, random numbers work" },
	{ do_receive, 0, "descriptors come in" },
	{ do_dates, 0, "dates work" },
	{ do_stderr, 0, "stderr works" },
	{ do_abort, -SIGABRT, "abort is seen as such" },
	{ do_segv, -SIGSEGV, "so is a fault" },
};

/* Without the cage each of these works, so it is the cage that refuses them. */
static void
control(void)
{
	static const struct {
		int (*f)(void);
		const char *what;
	} works[] = {
		{ do_exec, "exec" },
		{ do_fork, "fork" },
		{ do_open, "open" },
		{ do_create, "creating a file" },
		{ do_socket, "socket" },
		{ do_connect, "connect" },
		{ do_mmap_exec, "executable memory" },
		{ do_mprotect_exec, "making memory executable" },
	};

	for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
		is_int(uncaged(works[i].f), 0, "outside %s works", works[i].what);
	ok(uncaged(do_ptrace) >= 0, "outside nothing kills for ptrace");
}

static void
send_file(void)
{
	char c = 'x', control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control };
	struct cmsghdr *h;

	memset(control, 0, sizeof control);
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &file, sizeof file);
	ok(sendmsg(sock[0], &m, 0) == 1, "a descriptor is sent");
}

int
main(void)
{
	char path[4200];
	size_t i;
	int bits = made();

	if (bits == 0)
		skip_all("no cage in this build, or none in this kernel");
	ok(bits > 0, "made: %d", bits);
	if (!(bits & CAGED_SECCOMP))
		skip_all("this kernel has no seccomp");
	snprintf(path, sizeof path, "%s/file", t_tmpdir());
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(created, sizeof created, "%s/created", t_tmpdir());
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1 || file == -1)
			return 1;
		if (table[i].f == do_receive)
			send_file();
		is_int(caged(table[i].f), table[i].want, "%s", table[i].what);
		close(sock[0]);
		close(sock[1]);
	}
	ok(access(created, F_OK) == -1, "nothing was created");
	control();
	close(file);
	return done_testing();
}
