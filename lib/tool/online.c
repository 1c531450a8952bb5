#include "tool/online.h"

#include "base/log.h"

void
online_log(const struct options *o, const struct wire_online *w)
{
	log_v(1, "connected to %s:%u (%s), %s%s%s", o->host, o->port, w->address, w->tls,
	    *w->proxy ? ", through " : "", w->proxy);
	if (*w->greeting)
		log_v(2, "greeting: %s", w->greeting);
}
