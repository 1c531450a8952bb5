/* sslerr: see sslerr.h. */
#include <string.h>

#include <openssl/err.h>

#include "sslerr.h"

int
sslerr_set(struct err *err, enum err_kind kind, enum err_stage stage, const char *subject, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = NULL;

	if (e != 0)
		reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
	ERR_clear_error();
	return err_set(err, kind, stage, subject, "%s%s%s", what, reason != NULL ? ": " : "",
	    reason != NULL ? reason : "");
}
