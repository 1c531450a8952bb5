/*
 * spawn: starts a msworker with one socket and stderr, and nothing else of ours.
 */
#ifndef MSTOOLS_SPAWN_H
#define MSTOOLS_SPAWN_H

#include <sys/types.h>

#include <stddef.h>

#include "base/err.h"

/*
 * Finds msworker: $MSTOOLS_WORKER (absolute), beside the running program in
 * ../libexec or ../libexec/mstools, or where it was to be installed.  0, or -1
 * with err set (ERR_OS).
 */
int spawn_find(char *path, size_t size, struct err *);
/*
 * Forks and execs path.  Its end of a new SOCK_SEQPACKET pair is its
 * descriptor 3; ours is *sock (close-on-exec, non-blocking use is the
 * caller's).  The child dies with this process.  An exec that fails comes as a
 * WIRE_FAIL on the socket.  The pid, or -1 with err set.
 */
pid_t spawn_worker(const char *path, int *sock, struct err *);

#endif
