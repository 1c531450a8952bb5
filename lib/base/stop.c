#include "base/stop.h"

#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t noted;

static void
note(int sig)
{
	noted = sig;
}

const volatile sig_atomic_t *
stop_catch(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction sa, old;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = note;
	for (i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	return &noted;
}

void
stop_die(int sig)
{
	if (sig == 0)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}
