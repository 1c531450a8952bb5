#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/util.h"
#include "imap/castore.h"

#define CA_FILE_MAX (16u << 20)

struct blob {
	unsigned char *der; /* owned, by OpenSSL */
	long len;
	const unsigned char *subject; /* in der */
	long subject_len;
	int aux;   /* a "TRUSTED CERTIFICATE" */
	int given; /* already in the store */
};

struct castore {
	struct blob *blob;
	size_t n;
	X509_LOOKUP_METHOD *method;
};

/* Steps over one DER element at *p; its whole length, or -1.  tag is what it must be, -1: any. */
static long
element(const unsigned char **p, const unsigned char *end, int tag, const unsigned char **body)
{
	const unsigned char *start = *p;
	long len;
	int t, class;

	if (ASN1_get_object(p, &len, &t, &class, end - start) & 0x80 || (tag != -1 && t != tag))
		return -1;
	if (len > end - *p)
		return -1;
	*body = *p;
	*p += len;
	return *p - start;
}

/* Finds the subject (RFC 5280 4.1) without decoding the certificate. */
static int
find_subject(struct blob *b)
{
	const unsigned char *p = b->der, *end = p + b->len, *body, *name;
	static const int skip[] = { V_ASN1_INTEGER, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE };
	long len;
	size_t i;

	if (element(&p, end, V_ASN1_SEQUENCE, &body) == -1)
		return -1;
	end = p;
	p = body;
	if (element(&p, end, V_ASN1_SEQUENCE, &body) == -1)
		return -1;
	end = p;
	p = body;
	if (p < end && *p == 0xa0 && element(&p, end, -1, &body) == -1) /* version */
		return -1;
	for (i = 0; i < sizeof skip / sizeof skip[0]; i++) /* serial, algorithm, issuer, validity */
		if (element(&p, end, skip[i], &body) == -1)
			return -1;
	name = p;
	len = element(&p, end, V_ASN1_SEQUENCE, &body);
	if (len == -1)
		return -1;
	b->subject = name;
	b->subject_len = len;
	return 0;
}

static void
add_blob(struct castore *c, unsigned char *der, long len, int aux)
{
	struct blob b = { .der = der, .len = len, .aux = aux };

	if (find_subject(&b) == -1) {
		OPENSSL_free(der);
		return;
	}
	c->blob = xreallocarray(c->blob, c->n + 1, sizeof *c->blob);
	c->blob[c->n++] = b;
}

static void
add_pem(struct castore *c, const void *pem, size_t n)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)n);
	char *name, *header;
	unsigned char *der;
	long len;

	if (bio == NULL)
		util_no_memory();
	while (PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		int aux = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;

		if (aux || strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
			add_blob(c, der, len, aux);
		else
			OPENSSL_free(der);
		OPENSSL_free(name);
		OPENSSL_free(header);
	}
	ERR_clear_error();
	BIO_free(bio);
}

static int
add_file(struct castore *c, const char *path, struct err *err)
{
	struct str pem = STR_INIT;

	if (file_read(path, CA_FILE_MAX, &pem, err) == -1) {
		if (err != NULL) {
			err->kind = ERR_CONFIG;
			err->stage = STAGE_TLS;
		}
		str_release(&pem);
		return -1;
	}
	if (pem.len > 0)
		add_pem(c, pem.s, pem.len);
	str_release(&pem);
	return 0;
}

/* c_rehash names, "01234567.0": each certificate once, and nothing else that lies there. */
static int
is_hashed(const char *name)
{
	size_t i;

	for (i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return 0;
	return name[8] == '.' && isdigit((unsigned char)name[9]);
}

static void
add_dir(struct castore *c, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (is_hashed(e->d_name)) {
			char *file = xasprintf("%s/%s", path, e->d_name);

			add_file(c, file, NULL);
			free(file);
		}
	closedir(d);
}

static void
add_dirs(struct castore *c, const char *paths)
{
	char *copy = xstrdup(paths), *save, *p;

	for (p = strtok_r(copy, ":", &save); p != NULL; p = strtok_r(NULL, ":", &save))
		add_dir(c, p);
	free(copy);
}

static void
add_system(struct castore *c)
{
	static const char *const bundle[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Red Hat */
		"/etc/ssl/ca-bundle.pem",	      /* SUSE */
		"/etc/ssl/cert.pem",
	};
	const char *file = getenv(X509_get_default_cert_file_env());
	const char *dir = getenv(X509_get_default_cert_dir_env());
	size_t i;

	if (file != NULL && *file != '\0')
		add_file(c, file, NULL);
	else if (dir != NULL && *dir != '\0')
		add_dirs(c, dir);
	if (c->n > 0 || (file != NULL && *file) || (dir != NULL && *dir))
		return;
	for (i = 0; i < sizeof bundle / sizeof bundle[0] && c->n == 0; i++)
		add_file(c, bundle[i], NULL);
	if (c->n == 0)
		add_file(c, X509_get_default_cert_file(), NULL);
	if (c->n == 0)
		add_dirs(c, X509_get_default_cert_dir());
}

int
castore_load(struct castore **out, const char *ca_file, struct err *err)
{
	struct castore *c = xcalloc(1, sizeof *c);
	int given = ca_file != NULL && *ca_file != '\0', r = 0;

	*out = NULL;
	if (given)
		r = add_file(c, ca_file, err);
	else
		add_system(c);
	if (r == 0 && c->n == 0)
		r = given
		    ? err_set(err, ERR_CONFIG, STAGE_TLS, ca_file, "no CA certificate (PEM) in this file")
		    : err_set(err, ERR_CONFIG, STAGE_TLS, NULL, "the system has no CA certificates");
	if (r == -1) {
		castore_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

static X509 *
decode(const struct blob *b)
{
	const unsigned char *p = b->der;

	return b->aux ? d2i_X509_AUX(NULL, &p, b->len) : d2i_X509(NULL, &p, b->len);
}

/*
 * X509_LOOKUP's get_by_subject.  As OpenSSL's own by_dir does, all that have
 * this subject go into the store, which picks the one that fits, and the first
 * is returned without a reference of the caller's.
 */
static int
by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *ret)
{
	struct castore *c = X509_LOOKUP_get_method_data(lookup);
	X509_STORE *store = X509_LOOKUP_get_store(lookup);
	int found = 0;
	size_t i;

	if (type != X509_LU_X509)
		return 0;
	for (i = 0; i < c->n; i++) {
		struct blob *b = &c->blob[i];
		const unsigned char *p = b->subject;
		X509_NAME *subject = b->given ? NULL : d2i_X509_NAME(NULL, &p, b->subject_len);
		X509 *x = subject != NULL && X509_NAME_cmp(subject, name) == 0 ? decode(b) : NULL;

		X509_NAME_free(subject);
		if (x == NULL)
			continue;
		b->given = 1;
		if (X509_STORE_add_cert(store, x) == 1 && !found)
			found = X509_OBJECT_set1_X509(ret, x) == 1;
		if (found == 1) { /* the store keeps it alive; ret must not count */
			X509_free(x);
			found = 2;
		}
		X509_free(x);
	}
	ERR_clear_error();
	return found != 0;
}

int
castore_attach(struct castore *c, X509_STORE *store)
{
	X509_LOOKUP *lookup;

	if (c->method == NULL) {
		c->method = X509_LOOKUP_meth_new("certificates in memory");
		if (c->method == NULL)
			util_no_memory();
		X509_LOOKUP_meth_set_get_by_subject(c->method, by_subject);
	}
	lookup = X509_STORE_add_lookup(store, c->method);
	return lookup != NULL && X509_LOOKUP_set_method_data(lookup, c) == 1 ? 0 : -1;
}

void
castore_free(struct castore *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++)
		OPENSSL_free(c->blob[i].der);
	free(c->blob);
	X509_LOOKUP_meth_free(c->method);
	free(c);
}
