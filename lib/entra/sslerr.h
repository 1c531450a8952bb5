/* sslerr: OpenSSL's error queue into a struct err. */
#ifndef MSTOOLS_SSLERR_H
#define MSTOOLS_SSLERR_H

#include "base/err.h"

/* err_set with ": " and the queue's last reason after what; empties the queue.  Returns -1. */
int sslerr_set(struct err *, enum err_kind, enum err_stage, const char *subject, const char *what);

#endif
