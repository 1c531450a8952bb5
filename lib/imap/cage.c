#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "imap/cage.h"

void
cage_warm(void)
{
	unsigned char c;
	time_t now = time(NULL);
	struct tm tm;

	/* without TZ, glibc looks at the zone file again for each mktime(3), which libetpan's dates may use */
	(void)setenv("TZ", ":/etc/localtime", 0);
	tzset();
	localtime_r(&now, &tm);
	/* its clean-up at exit is of memory that goes anyway */
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT,
	    NULL);
	/* may open a device on old kernels; should it fail, OpenSSL says so when it matters */
	(void)RAND_bytes(&c, 1);
}

static void
no_traces(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

#ifdef MSTOOLS_NO_CAGE

int
cage_enter(struct err *err)
{
	(void)err;
	no_traces();
	return 0;
}

#else

#include <seccomp.h>

/* --- seccomp --- */

/* clang-format off */
#define SYSCALL(name) { SCMP_SYS(name), #name }
struct rule {
	int	nr;
	const char *name;
};

/*
 * What the worker needs for TLS, IMAP, its files and its socket, seen by
 * strace, and what libc's error paths may add.
 */
static const struct rule allowed[] = {
	SYSCALL(read), SYSCALL(readv), SYSCALL(write), SYSCALL(writev), SYSCALL(pread64), SYSCALL(pwrite64),
	SYSCALL(send), SYSCALL(sendto), SYSCALL(sendmsg), SYSCALL(recv), SYSCALL(recvfrom), SYSCALL(recvmsg),
	SYSCALL(shutdown), SYSCALL(getsockopt), SYSCALL(getpeername), SYSCALL(getsockname),
	SYSCALL(poll), SYSCALL(ppoll), SYSCALL(ppoll_time64), SYSCALL(close),
	SYSCALL(fstat), SYSCALL(fstat64), SYSCALL(lseek), SYSCALL(_llseek), SYSCALL(ftruncate), SYSCALL(ftruncate64),
	SYSCALL(brk), SYSCALL(munmap), SYSCALL(mremap), SYSCALL(madvise), SYSCALL(mlock), SYSCALL(munlock),
	SYSCALL(futex), SYSCALL(futex_time64), SYSCALL(sched_yield), SYSCALL(rseq), SYSCALL(set_robust_list),
	SYSCALL(getrandom),
	SYSCALL(clock_gettime), SYSCALL(clock_gettime64), SYSCALL(clock_getres), SYSCALL(gettimeofday), SYSCALL(time),
	SYSCALL(nanosleep), SYSCALL(clock_nanosleep), SYSCALL(clock_nanosleep_time64), SYSCALL(restart_syscall),
	SYSCALL(rt_sigaction), SYSCALL(rt_sigprocmask), SYSCALL(rt_sigreturn), SYSCALL(sigreturn), SYSCALL(sigaltstack),
	SYSCALL(getpid), SYSCALL(gettid), SYSCALL(getppid), SYSCALL(getuid), SYSCALL(geteuid), SYSCALL(getgid),
	SYSCALL(getegid), SYSCALL(exit), SYSCALL(exit_group),
};

/* What nobody does by mistake. */
static const struct rule deadly[] = {
	SYSCALL(execve), SYSCALL(execveat), SYSCALL(fork), SYSCALL(vfork), SYSCALL(clone), SYSCALL(clone3),
	SYSCALL(open), SYSCALL(openat), SYSCALL(openat2), SYSCALL(creat), SYSCALL(open_by_handle_at),
	SYSCALL(socket), SYSCALL(socketcall), SYSCALL(connect), SYSCALL(bind), SYSCALL(listen), SYSCALL(accept),
	SYSCALL(accept4),
	SYSCALL(ptrace), SYSCALL(process_vm_readv), SYSCALL(process_vm_writev), SYSCALL(pidfd_getfd),
	SYSCALL(io_uring_setup), SYSCALL(bpf), SYSCALL(userfaultfd), SYSCALL(mount), SYSCALL(unshare), SYSCALL(setns),
	SYSCALL(chroot), SYSCALL(pivot_root), SYSCALL(init_module), SYSCALL(finit_module), SYSCALL(memfd_create),
	SYSCALL(pkey_mprotect), SYSCALL(keyctl), SYSCALL(add_key), SYSCALL(request_key),
};

/* clang-format on */
static int
add(scmp_filter_ctx ctx, uint32_t action, const struct rule *r, size_t n, const char **which)
{
	size_t i;
	int e;

	for (i = 0; i < n; i++) {
		e = seccomp_rule_add(ctx, action, r[i].nr, 0);
		/* a call that this architecture does not have */
		if (e != 0 && e != -EDOM && e != -EFAULT) {
			*which = r[i].name;
			return e;
		}
	}
	return 0;
}

/* Rules that look at arguments. */
static int
add_conditional(scmp_filter_ctx ctx)
{
	const scmp_datum_t exec = PROT_EXEC, empty = AT_EMPTY_PATH;
	const struct scmp_arg_cmp noexec = SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0);
	const struct scmp_arg_cmp isexec = SCMP_A2(SCMP_CMP_MASKED_EQ, exec, exec);
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
	static const int controls[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD };
	size_t i;
	int e = 0;

	for (i = 0; i < sizeof maps / sizeof maps[0] && (e == 0 || e == -EDOM); i++) {
		e = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, maps[i], 1, noexec);
		if (e == 0)
			e = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, maps[i], 1, isexec);
	}
	/* glibc's fstat; with a name it could only ask for a file's attributes */
	if (e == 0 || e == -EDOM)
		e = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
		    SCMP_A3(SCMP_CMP_MASKED_EQ, empty, empty));
	for (i = 0; i < sizeof controls / sizeof controls[0] && (e == 0 || e == -EDOM); i++)
		e = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)controls[i], 0));
	/* abort(3), raise(3) */
	if (e == 0 || e == -EDOM)
		e = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return e == -EDOM ? 0 : e;
}

static int
set_up(scmp_filter_ctx ctx, const char **which)
{
	int e;

	*which = "attributes";
	if ((e = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1)) != 0 ||
	    (e = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1)) != 0 ||
	    (e = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0)
		return e;
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list; since 2.5 */
	if ((e = add(ctx, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof allowed[0], which)) != 0 ||
	    (e = add(ctx, SCMP_ACT_KILL_PROCESS, deadly, sizeof deadly / sizeof deadly[0], which)) != 0)
		return e;
	*which = "arguments";
	return add_conditional(ctx);
}

/* 1 made, 0 the kernel has none, -1 with err set. */
static int
make_seccomp(struct err *err)
{
	scmp_filter_ctx ctx;
	const char *which = "";
	int e;

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == -1 && errno == EINVAL)
		return 0;
	ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (ctx == NULL)
		return err_set(err, ERR_OS, STAGE_NONE, "seccomp", "out of memory");
	e = set_up(ctx, &which);
	if (e != 0) {
		seccomp_release(ctx);
		return err_sys(err, ERR_OS, STAGE_NONE, -e, "seccomp", "cannot add a rule for %s", which);
	}
	e = seccomp_load(ctx);
	seccomp_release(ctx);
	if (e != 0)
		return err_sys(err, ERR_OS, STAGE_NONE, -e, "seccomp", "cannot load the filter");
	return 1;
}

/* --- Landlock (kernel: Documentation/userspace-api/landlock.rst), by number: the headers may be older --- */

#define LL_CREATE_RULESET 444
#define LL_RESTRICT_SELF 446
#define LL_GET_VERSION 1u

struct ll_attr {
	uint64_t fs, net, scoped;
};

/* File system rights that each version of the interface knows. */
static uint64_t
ll_fs(long abi)
{
	return abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff;
}

/* No rule is added: nothing of what is handled is left.  1 made, 0 the kernel has none, -1 with err set. */
static int
make_landlock(struct err *err)
{
	long abi = syscall(LL_CREATE_RULESET, NULL, 0, LL_GET_VERSION);
	struct ll_attr attr = { 0, 0, 0 };
	size_t size;
	long fd;

	if (abi < 1)
		return 0;
	attr.fs = ll_fs(abi);
	attr.net = abi >= 4 ? 3 : 0;	/* bind, connect */
	attr.scoped = abi >= 6 ? 3 : 0; /* abstract sockets, signals */
	size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	fd = syscall(LL_CREATE_RULESET, &attr, size, 0);
	if (fd == -1)
		return err_sys(err, ERR_OS, STAGE_NONE, errno, "landlock", "cannot make a rule set");
	if (syscall(LL_RESTRICT_SELF, fd, 0) == -1) {
		err_sys(err, ERR_OS, STAGE_NONE, errno, "landlock", "cannot enter");
		close((int)fd);
		return -1;
	}
	close((int)fd);
	return 1;
}

int
cage_enter(struct err *err)
{
	int made = 0, r;

	no_traces();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys(err, ERR_OS, STAGE_NONE, errno, NULL, "cannot give up new privileges");
	if ((r = make_landlock(err)) == -1)
		return -1;
	if (r == 1)
		made |= CAGED_LANDLOCK;
	if ((r = make_seccomp(err)) == -1)
		return -1;
	if (r == 1)
		made |= CAGED_SECCOMP;
	return made;
}

#endif
