/*
 * tlspeer: a TLS server of one connection, in a child, for unit tests.
 *
 *	peer_start(&p, serve, arg)	listens on 127.0.0.1:p.port; p.ca is a PEM file that
 *					vouches for it as "localhost"
 *	serve(ssl, arg)			runs in the child after the handshake
 *	peer_end(&p)			waits for the child; its exit status
 *
 * peer_say and peer_hear are for serve: write a string, read up to a line end.
 */
#ifndef MSTOOLS_TLSPEER_H
#define MSTOOLS_TLSPEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "t.h"

#define PEER_SECS 60 /* no child outlives this */

struct peer {
	int port;
	pid_t pid;
	char ca[4200];
};

static EVP_PKEY *peer_key;
static X509 *peer_cert;

static int peer_listen(int *port) __attribute__((unused));
static bool peer_start(struct peer *, void (*)(SSL *, void *), void *) __attribute__((unused));
static int peer_end(struct peer *) __attribute__((unused));
static void peer_say(SSL *, const char *) __attribute__((unused));
static size_t peer_hear(SSL *, char *, size_t) __attribute__((unused));

static void
peer_extension(int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, peer_cert, peer_cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	X509_add_ext(peer_cert, e, -1);
	X509_EXTENSION_free(e);
}

static void
peer_make_cert(void)
{
	X509_NAME *name;

	peer_key = EVP_EC_gen("P-256");
	peer_cert = X509_new();
	X509_set_version(peer_cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(peer_cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(peer_cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(peer_cert), 86400);
	X509_set_pubkey(peer_cert, peer_key);
	name = X509_get_subject_name(peer_cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
	X509_set_issuer_name(peer_cert, name);
	peer_extension(NID_basic_constraints, "critical,CA:TRUE");
	peer_extension(NID_subject_alt_name, "DNS:localhost");
	X509_sign(peer_cert, peer_key, EVP_sha256());
}

static int
peer_listen(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s == -1 || bind(s, (struct sockaddr *)&a, sizeof a) == -1 || listen(s, 5) == -1 ||
	    getsockname(s, (struct sockaddr *)&a, &len) == -1) {
		printf("Bail out! no listening socket\n");
		exit(1);
	}
	*port = ntohs(a.sin_port);
	return s;
}

static void
peer_child(int listener, void (*serve)(SSL *, void *), void *arg)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	int fd;

	alarm(PEER_SECS);
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX_use_certificate(ctx, peer_cert);
	SSL_CTX_use_PrivateKey(ctx, peer_key);
	fd = accept(listener, NULL, NULL);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1)
		_exit(3);
	serve(ssl, arg);
	close(fd);
	_exit(0);
}

static bool
peer_start(struct peer *p, void (*serve)(SSL *, void *), void *arg)
{
	int s = peer_listen(&p->port);
	FILE *f;

	if (peer_cert == NULL)
		peer_make_cert();
	snprintf(p->ca, sizeof p->ca, "%s/peer.pem", t_tmpdir());
	f = fopen(p->ca, "w");
	if (f == NULL || PEM_write_X509(f, peer_cert) != 1 || fclose(f) != 0)
		return false;
	fflush(stdout);
	p->pid = fork();
	if (p->pid == 0)
		peer_child(s, serve, arg);
	close(s);
	return p->pid != -1;
}

static int
peer_end(struct peer *p)
{
	int status = -1;

	if (waitpid(p->pid, &status, 0) != p->pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void
peer_say(SSL *ssl, const char *s)
{
	if (SSL_write(ssl, s, (int)strlen(s)) <= 0)
		_exit(4);
}

static size_t
peer_hear(SSL *ssl, char *buf, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && SSL_read(ssl, buf + n, 1) == 1)
		if (buf[n++] == '\n')
			break;
	buf[n] = '\0';
	return n;
}

#endif
