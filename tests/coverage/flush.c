/*
 * flush: the counters of a process that ends by _exit(2) or by a signal it
 * sends itself, which gcov would lose; and those of one that starts another by
 * vfork and execve: gcov writes them out in the child, and then, in the memory
 * that they share, holds the parent's for written as well.  Linked with --wrap
 * into what tests/coverage/run builds.
 */
#include <signal.h>
#include <unistd.h>

void __gcov_dump(void);
void __gcov_reset(void);
void __real__exit(int) __attribute__((noreturn));
void __wrap__exit(int) __attribute__((noreturn));
int __real_raise(int);
int __wrap_raise(int);
int __real_execve(const char *, char *const[], char *const[]);
int __wrap_execve(const char *, char *const[], char *const[]);

static void
flush(void)
{
	__gcov_dump();
	__gcov_reset();
}

void
__wrap__exit(int status)
{
	flush();
	__real__exit(status);
}

int
__wrap_raise(int sig)
{
	flush();
	return __real_raise(sig);
}

int
__wrap_execve(const char *path, char *const argv[], char *const env[])
{
	flush();
	return __real_execve(path, argv, env);
}
