/* stop: TERM, INT and HUP ask a program to end in good order. */
#ifndef MSTOOLS_STOP_H
#define MSTOOLS_STOP_H

#include <signal.h>

/*
 * From here on such a signal is only noted: 0, then its number, in what is
 * returned (static).  One that our caller ignores (nohup, a background job)
 * stays ignored.  SIGPIPE is ignored: a write to a closed pipe says EPIPE.
 */
const volatile sig_atomic_t *stop_catch(void);

/* Ends the process by the signal, so that its parent sees which; 0: returns. */
void stop_die(int sig);

#endif
