/* online: what -v says about a new connection; mscheck shows it. */
#ifndef MSTOOLS_ONLINE_H
#define MSTOOLS_ONLINE_H

#include "base/opt.h"
#include "crew/wire.h"

/* "connected to HOST:PORT (ADDRESS), TLS, through PROXY" with -v, once a call. */
void online_log(const struct options *, const struct wire_online *);

#endif
