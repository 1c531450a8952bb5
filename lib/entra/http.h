/*
 * http: one POST of a form over HTTPS, by libcurl.
 *
 * HTTPS only, TLS 1.2 or later, the certificate and the name in it verified
 * (subjectAltName only), no redirects, a bounded reply, time limits.  Proxies
 * as libcurl does them (--proxy, else https_proxy, ALL_PROXY, NO_PROXY).
 */
#ifndef MSTOOLS_HTTP_H
#define MSTOOLS_HTTP_H

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

#define HTTP_REPLY_MAX (1024 * 1024)

struct http_reply {
	long status;
	long retry_after;   /* seconds; -1: there was none */
	int64_t date;	    /* of the Date header; 0: none, or not understood */
	struct secret body; /* owned */
};

#define HTTP_REPLY_INIT \
	{ \
		0, -1, 0, SECRET_INIT \
	}

/*
 * Posts form (application/x-www-form-urlencoded) to url, with o's ca_file,
 * proxy, timeout and family.  0 and the reply, whatever its status; -1 with err
 * set and the host as subject, STAGE_DNS, _TCP, _PROXY, _TLS or _TOKEN
 * (connected, but no answer); *reset tells whether the connection was made and
 * then lost.
 */
int http_post(const struct options *o, const char *url, const struct secret *form, struct http_reply *,
    bool *reset, struct err *) __attribute__((warn_unused_result));
void http_reply_release(struct http_reply *); /* cleanses */

#endif
