/*
 * http: see http.h.
 *
 * - libcurl's own copies of what is sent and received cannot be cleansed; the
 *   process leaves no core and lives shortly.
 * - The headers may be those of the GnuTLS flavour; the library that is linked
 *   is the OpenSSL one (CURLOPT_SSL_CTX_FUNCTION fails in the other).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/util.h"
#include "http.h"

#define TIMEOUT 60
#define CONNECT_TIMEOUT 30

struct exchange {
	CURL *curl;
	char *host; /* owned; for messages */
	struct curl_slist *headers;
	struct http_reply *reply;
	bool overflow;
	char text[CURL_ERROR_SIZE];
};

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	n *= size;
	if (n > HTTP_REPLY_MAX - x->reply->body.len) {
		x->overflow = true;
		return 0;
	}
	secret_add(&x->reply->body, data, n);
	return n;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	char value[64];
	time_t t;

	n *= size;
	if (n > 5 && n < sizeof value && strncasecmp(data, "Date:", 5) == 0) {
		memcpy(value, data + 5, n - 5);
		value[n - 5] = '\0';
		t = curl_getdate(value, NULL);
		x->reply->date = t > 0 ? t : 0;
	}
	return n;
}

/* The name in the certificate is one of subjectAltName; name is that of SNI, NULL for an address. */
static bool
has_alt_name(X509 *cert, const char *name)
{
	const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	GENERAL_NAMES *names;
	bool found = false;

	if (name != NULL)
		return X509_check_host(cert, name, 0, flags, NULL) == 1;
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) /* libcurl compares the address itself */
		found = found || sk_GENERAL_NAME_value(names, i)->type == GEN_IPADD;
	GENERAL_NAMES_free(names);
	return found;
}

static int
on_verify(int good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (!good || X509_STORE_CTX_get_error_depth(store) != 0 ||
	    has_alt_name(X509_STORE_CTX_get_current_cert(store),
		SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)))
		return good;
	X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}

/*
 * libcurl compares names itself, and takes the subject's common name where the
 * certificate has no subjectAltName, which CAs have not left out for years
 * (RFC 6125 section 6.4).  So there is a check of ours, by the name that
 * is asked for in SNI: it holds for the server and for a proxy with TLS.
 * Level 2 refuses RSA keys under 2048 bits and SHA-1.
 */
static CURLcode
on_ssl_ctx(CURL *curl, void *ssl_ctx, void *arg)
{
	(void)curl;
	(void)arg;
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_security_level(ssl_ctx, 2);
	return CURLE_OK;
}

#define SET(option, value) \
	do { \
		CURLcode rc_ = curl_easy_setopt(x->curl, option, value); \
\
		if (rc_ != CURLE_OK) \
			return rc_; \
	} while (0)

static CURLcode
set_safety(struct exchange *x, const struct options *o)
{
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	if (o->ca_file != NULL) {
		SET(CURLOPT_CAINFO, o->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	return CURLE_OK;
}

static CURLcode
set_network(struct exchange *x, const struct options *o)
{
	long t = o->timeout != 0 ? (long)o->timeout : TIMEOUT;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT, t);
	SET(CURLOPT_CONNECTTIMEOUT, t < CONNECT_TIMEOUT ? t : (long)CONNECT_TIMEOUT);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	if (o->proxy != NULL)
		SET(CURLOPT_PROXY, o->proxy);
	if (o->family != 0)
		SET(CURLOPT_IPRESOLVE, o->family == 4 ? (long)CURL_IPRESOLVE_V4 : (long)CURL_IPRESOLVE_V6);
	return CURLE_OK;
}

static CURLcode
set_request(struct exchange *x, const char *url, const struct secret *form)
{
	x->headers = curl_slist_append(NULL, "Accept: application/json");
	if (x->headers == NULL)
		return CURLE_OUT_OF_MEMORY;
	SET(CURLOPT_URL, url);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, form->s);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)form->len);
	SET(CURLOPT_HTTPHEADER, x->headers);
	SET(CURLOPT_USERAGENT, "mstools/" MSTOOLS_VERSION);
	SET(CURLOPT_ERRORBUFFER, x->text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, x);
	return CURLE_OK;
}

struct mapping {
	CURLcode code;
	enum err_kind kind;
	enum err_stage stage;
	bool reset;
	const char *what;
};

static const struct mapping mappings[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAIL, STAGE_DNS, false, "cannot find the host" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_UNAVAIL, STAGE_PROXY, false, "cannot find the proxy" },
	{ CURLE_PROXY, ERR_UNAVAIL, STAGE_PROXY, false, "the proxy does not connect us" },
	{ CURLE_COULDNT_CONNECT, ERR_UNAVAIL, STAGE_TCP, false, "cannot connect" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_PROTO, STAGE_TLS, false,
	    "the server's certificate is refused" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_PROTO, STAGE_TLS, false, "TLS handshake failed" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_CONFIG, STAGE_TLS, false, "cannot use the CA file" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_CONFIG, STAGE_CONFIG, false, "the authority must be an https URL" },
	{ CURLE_URL_MALFORMAT, ERR_CONFIG, STAGE_CONFIG, false, "the authority is no URL" },
	{ CURLE_GOT_NOTHING, ERR_UNAVAIL, STAGE_TOKEN, true, "the server closed the connection" },
	{ CURLE_RECV_ERROR, ERR_UNAVAIL, STAGE_TOKEN, true, "the connection was lost" },
	{ CURLE_SEND_ERROR, ERR_UNAVAIL, STAGE_TOKEN, true, "the connection was lost" },
	{ CURLE_PARTIAL_FILE, ERR_UNAVAIL, STAGE_TOKEN, true, "the connection was lost" },
	{ CURLE_WRITE_ERROR, ERR_PROTO, STAGE_TOKEN, false, "no reply of a token endpoint" },
};

/* Those that depend on how far we came. */
static const struct mapping proxy_says_no = { 0, ERR_UNAVAIL, STAGE_PROXY, false,
	"the proxy does not connect us" };
static const struct mapping slow_name = { 0, ERR_UNAVAIL, STAGE_DNS, false, "the name is not found in time" };
static const struct mapping slow_tcp = { 0, ERR_UNAVAIL, STAGE_TCP, false, "cannot connect in time" };
static const struct mapping slow_tls = { 0, ERR_UNAVAIL, STAGE_TLS, false, "no TLS handshake in time" };
static const struct mapping slow_reply = { 0, ERR_AGAIN, STAGE_TOKEN, false, "no answer in time" };
static const struct mapping cut_tls = { 0, ERR_UNAVAIL, STAGE_TLS, true, "the connection was lost" };
static const struct mapping unknown = { 0, ERR_UNAVAIL, STAGE_TOKEN, false, "the request failed" };

/* libcurl has one code for all time-outs; its text tells, and whether TCP was through. */
static const struct mapping *
timed_out(const struct exchange *x)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(x->curl, CURLINFO_CONNECT_TIME_T, &connected);
	if (strstr(x->text, "esolving") != NULL)
		return &slow_name;
	if (strstr(x->text, "SSL") != NULL)
		return &slow_tls;
	return connected == 0 ? &slow_tcp : &slow_reply;
}

/* The connection went in the middle of the handshake: no verdict on certificate or version. */
static bool
cut_in_handshake(const struct exchange *x)
{
	long os = 0;

	curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &os);
	return os == ECONNRESET || os == EPIPE || strstr(x->text, "SSL_ERROR_SYSCALL") != NULL ||
	    strstr(x->text, "eset by peer") != NULL || strstr(x->text, "unexpected eof") != NULL;
}

static const struct mapping *
outcome(const struct exchange *x, CURLcode code)
{
	long connect_code = 0;

	curl_easy_getinfo(x->curl, CURLINFO_HTTP_CONNECTCODE, &connect_code);
	if (connect_code != 0 && connect_code / 100 != 2)
		return &proxy_says_no;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return timed_out(x);
	if (code == CURLE_SSL_CONNECT_ERROR && cut_in_handshake(x))
		return &cut_tls;
	for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++)
		if (mappings[i].code == code)
			return &mappings[i];
	return &unknown;
}

static int
failed(const struct exchange *x, CURLcode code, bool *reset, struct err *err)
{
	const struct mapping *m = outcome(x, code);

	if (x->overflow)
		return err_set(err, ERR_PROTO, STAGE_TOKEN, x->host, "the reply is larger than %d bytes",
		    HTTP_REPLY_MAX);
	*reset = m->reset;
	return err_set(err, m->kind, m->stage, x->host, "%s: %s", m->what,
	    x->text[0] != '\0' ? x->text : curl_easy_strerror(code));
}

static char *
host_of(const char *url)
{
	const char *p = strstr(url, "://");

	p = p != NULL ? p + 3 : url;
	return xstrndup(p, strcspn(p, "/"));
}

int
http_post(const struct options *o, const char *url, const struct secret *form, struct http_reply *reply,
    bool *reset, struct err *err)
{
	struct exchange x = { .reply = reply, .host = host_of(url) };
	curl_off_t after = 0;
	CURLcode rc;
	int rv = -1;

	*reset = false;
	secret_clear(&reply->body);
	reply->date = 0;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (x.curl = curl_easy_init()) == NULL) {
		err_set(err, ERR_OS, STAGE_TOKEN, NULL, "cannot start libcurl");
		goto out;
	}
	if ((rc = set_safety(&x, o)) != CURLE_OK || (rc = set_network(&x, o)) != CURLE_OK ||
	    (rc = set_request(&x, url, form)) != CURLE_OK) {
		err_set(err, ERR_INTERNAL, STAGE_TOKEN, NULL, "libcurl cannot do what is needed: %s",
		    curl_easy_strerror(rc));
		goto out;
	}
	rc = curl_easy_perform(x.curl);
	if (rc != CURLE_OK) {
		failed(&x, rc, reset, err);
		goto out;
	}
	curl_easy_getinfo(x.curl, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(x.curl, CURLINFO_RETRY_AFTER, &after);
	reply->retry_after = after > 0 && after < 1000000 ? (long)after : -1;
	rv = 0;
out:
	curl_slist_free_all(x.headers);
	curl_easy_cleanup(x.curl);
	free(x.host);
	return rv;
}

void
http_reply_release(struct http_reply *r)
{
	secret_release(&r->body);
}
