/* tls: the OpenSSL half of net. */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/util.h"
#include "imap/castore.h"
#include "imap/net_priv.h"

/* Servers send small records; this takes many with one read(2): 43,000 calls became 7,300 for 87 MB. */
#define READ_BUFFER (128 * 1024)
#define LEVEL 2 /* RSA >= 2048, no SHA-1: what the Web asks too */

static int
bad_setup(struct net *n, struct err *err, const char *what)
{
	unsigned long e = ERR_get_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	return err_set(err, ERR_INTERNAL, STAGE_TLS, n->subject, "TLS: %s: %s", what,
	    reason ? reason : "failed");
}

static bool
is_address(const char *host)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

/* Whom the certificate must name, for a connection to host. */
static int
expect_host(struct net *n)
{
	X509_VERIFY_PARAM *v = SSL_get0_param(n->ssl);
	char name[256];
	size_t len;

	if (is_address(n->p.host))
		return X509_VERIFY_PARAM_set1_ip_asc(v, n->p.host);
	len = (size_t)snprintf(name, sizeof name, "%s", n->p.host);
	if (len == 0 || len >= sizeof name)
		return 0;
	if (name[len - 1] == '.') /* neither SNI nor certificates have the root's dot */
		name[len - 1] = '\0';
	SSL_set_hostflags(n->ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(n->ssl, name) == 1 && SSL_set1_host(n->ssl, name) == 1;
}

static int
set_up_context(struct net *n)
{
	X509_VERIFY_PARAM *v = SSL_CTX_get0_param(n->ctx);

	SSL_CTX_set_verify(n->ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_get_security_level(n->ctx) < LEVEL)
		SSL_CTX_set_security_level(n->ctx, LEVEL);
	SSL_CTX_set_mode(n->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(n->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(n->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(n->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(n->ctx, READ_BUFFER);
	return SSL_CTX_set_min_proto_version(n->ctx, TLS1_2_VERSION) == 1 &&
	    X509_VERIFY_PARAM_set_purpose(v, X509_PURPOSE_SSL_SERVER) == 1 &&
	    /* a CA file may hold an intermediate only: as curl does for the token */
	    X509_VERIFY_PARAM_set_flags(v, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

int
tls_prepare(struct net *n, struct err *err)
{
	ERR_clear_error();
	n->ctx = SSL_CTX_new(TLS_client_method());
	if (n->ctx == NULL || !set_up_context(n))
		return bad_setup(n, err, "cannot set up");
	if (castore_load(&n->ca, n->p.ca_file, err) == -1)
		return -1;
	if (castore_attach(n->ca, SSL_CTX_get_cert_store(n->ctx)) == -1)
		return bad_setup(n, err, "certificates");
	n->ssl = SSL_new(n->ctx);
	if (n->ssl == NULL || !expect_host(n))
		return bad_setup(n, err, "host name");
	return 0;
}

void
tls_release(struct net *n)
{
	if (n->ssl != NULL && n->up)
		SSL_shutdown(n->ssl); /* close_notify; the socket does not block, and nothing is waited for */
	SSL_free(n->ssl);
	SSL_CTX_free(n->ctx);
	castore_free(n->ca);
	ERR_clear_error();
}

/* Where the queue holds nothing better: what errno and the return value say. */
static int
fail_system(struct net *n, enum err_stage stage, int errnum)
{
	const char *where = stage == STAGE_TLS ? " in the handshake" : "";

	if (errnum == 0 || errnum == ECONNRESET || errnum == EPIPE)
		return net_fail(n, ERR_UNAVAIL, stage,
		    errnum == ECONNRESET ? "connection reset by peer%s" : "connection closed by peer%s",
		    where);
	return net_fail(n, ERR_UNAVAIL, stage, "connection lost%s: %s", where, strerror(errnum));
}

int
net_fail_tls(struct net *n, enum err_stage stage, int ret)
{
	int errnum = errno, e = SSL_get_error(n->ssl, ret);
	unsigned long code = ERR_peek_error();
	long verify = SSL_get_verify_result(n->ssl);
	const char *reason;

	if (stage == STAGE_TLS && verify != X509_V_OK && e == SSL_ERROR_SSL)
		return net_fail(n, ERR_PROTO, stage, "certificate not accepted: %s",
		    X509_verify_cert_error_string(verify));
	if (e == SSL_ERROR_ZERO_RETURN)
		return fail_system(n, stage, 0);
	if (code == 0)
		return fail_system(n, stage, e == SSL_ERROR_SYSCALL ? errnum : 0);
	if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return fail_system(n, stage, 0); /* no close_notify: cut */
	reason = ERR_reason_error_string(code);
	return net_fail(n, ERR_PROTO, stage, "TLS: %s", reason != NULL ? reason : "error without a name");
}

int
net_handshake(struct net *n, struct err *err)
{
	int64_t end = now_ms() + n->p.timeout_ms;
	int r, e;

	if (SSL_set_fd(n->ssl, n->fd) != 1)
		return bad_setup(n, err, "socket");
	for (;;) {
		int64_t left = end - now_ms();

		ERR_clear_error();
		errno = 0;
		r = SSL_connect(n->ssl);
		if (r == 1)
			break;
		e = SSL_get_error(n->ssl, r);
		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
			net_fail_tls(n, STAGE_TLS, r);
			goto failed;
		}
		r = left > 0 ? net_wait(n, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, (int)left) : 0;
		if (r == 0)
			net_fail(n, ERR_UNAVAIL, STAGE_TLS, "no TLS handshake within %d s", net_secs(n));
		if (r != 1)
			goto failed;
	}
	/* SSL_VERIFY_PEER has seen to it; this is the belt to the braces. */
	if (SSL_get_verify_result(n->ssl) != X509_V_OK || SSL_get0_peer_certificate(n->ssl) == NULL) {
		net_fail(n, ERR_PROTO, STAGE_TLS, "certificate not verified");
		goto failed;
	}
	snprintf(n->tls, sizeof n->tls, "%s %s", SSL_get_version(n->ssl), SSL_get_cipher_name(n->ssl));
	n->up = true;
	return 0;
failed:
	if (err != NULL)
		*err = n->err;
	return -1;
}
