/*
 * cage: what the worker shuts itself into before the first byte of TLS.
 *
 *	cage_warm()	everything that libraries load on first use
 *	(net_prepare, net_dial)
 *	cage_enter()
 *
 * Afterwards the process may read, write, poll, close, send and receive on the
 * descriptors it has (and those it is sent), manage memory without PROT_EXEC,
 * look at clocks, handle its own signals and exit.  Executing, forking,
 * opening, connecting, making sockets, ptrace and executable memory kill it
 * (SIGSYS); everything else fails with ENOSYS.  Landlock, where the kernel has
 * it, takes the file system (and TCP) away once more.
 *
 * -DMSTOOLS_NO_CAGE (sanitizers, valgrind) leaves all of it out.
 */
#ifndef MSTOOLS_CAGE_H
#define MSTOOLS_CAGE_H

#include "base/err.h"

/* Bits with the values of enum wire_cage (crew/wire.h). */
enum cage_made { CAGED_SECCOMP = 1, CAGED_LANDLOCK = 2 };

/* Time zone, random numbers, error strings, stderr: loaded now, since they cannot be loaded later. */
void cage_warm(void);
/*
 * No core, not dumpable, no new privileges, Landlock, seccomp; for all threads
 * and for ever.  Returns the bits that were made (0 without a cage in this
 * build, or where the kernel has neither), or -1 with err set (ERR_OS).
 */
int cage_enter(struct err *) __attribute__((warn_unused_result));

#endif
