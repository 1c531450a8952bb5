/*
 * worker: serves one connection: what msworker does.
 */
#ifndef MSTOOLS_WORKER_H
#define MSTOOLS_WORKER_H

/*
 * Waits for WIRE_CONNECT on sock (taken over), connects, cages itself, logs in
 * and serves jobs until it is told to quit, the parent goes or the connection
 * ends.  The exit status: 0 whenever the parent knows what happened.
 */
int worker_run(int sock);

#endif
