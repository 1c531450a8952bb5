/*
 * peek: what could be read from a descriptor next, without taking it from
 * whomever it is meant for.
 */
#ifndef MSTOOLS_PEEK_H
#define MSTOOLS_PEEK_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#define PEEK_MAX 4096

/* True for a file, a pipe and a socket; false for a terminal, /dev/null, or no descriptor at all. */
bool peek_possible(int fd);

/* 1 something can be read (or the end), 0 not in this time, -1 *stop is set. */
int peek_wait(int fd, int wait_ms, const volatile sig_atomic_t *stop);

/* At most PEEK_MAX - 1 bytes and a NUL; their number, 0 at the end, -1 with errno. */
ssize_t peek(int fd, char buf[PEEK_MAX]);

#endif
