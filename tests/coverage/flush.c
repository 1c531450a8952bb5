/*
 * flush: the counters of a process that ends by _exit(2) or by a signal it
 * sends itself, which gcov would lose.  Linked with --wrap into what
 * tests/coverage/run builds.
 */
#include <signal.h>

void __gcov_dump(void);
void __real__exit(int) __attribute__((noreturn));
void __wrap__exit(int) __attribute__((noreturn));
int __real_raise(int);
int __wrap_raise(int);

void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

int
__wrap_raise(int sig)
{
	__gcov_dump();
	return __real_raise(sig);
}
