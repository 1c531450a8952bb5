#include <sys/socket.h>

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "crew/worker.h"

#define WORKER_FD 3

/* Is it the socket that msfetch and its like give to their workers? */
static int
from_parent(void)
{
	int type = 0, domain = 0;
	socklen_t n = sizeof type;

	if (getsockopt(WORKER_FD, SOL_SOCKET, SO_TYPE, &type, &n) == -1)
		return 0;
	n = sizeof domain;
	if (getsockopt(WORKER_FD, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1)
		return 0;
	return type == SOCK_SEQPACKET && domain == AF_UNIX;
}

int
main(int argc, char **argv)
{
	(void)argv;
	secret_process();
	log_init("msworker", 0);
	if (argc > 1 || !from_parent()) {
		log_warn("msfetch, msmark and msls start this program; it does nothing by itself");
		return EX_USAGE;
	}
	return worker_run(WORKER_FD);
}
