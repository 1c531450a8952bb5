/*
 * keystore: see keystore.h.
 *
 * - A file is read by us and given to OSSL_STORE as memory: it may be a FIFO,
 *   and what was checked is what is used.
 * - PKCS#12 files of older Windows are encrypted with RC2, which OpenSSL 3
 *   keeps in its legacy provider; it is tried second.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "keystore.h"
#include "sslerr.h"

#define FILE_MAX (1024 * 1024)

struct load {
	const char *where;
	const struct secret *pass;
	bool asked;  /* for a pass phrase */
	bool opened; /* there is a loader for this kind of URI */
	STACK_OF(X509) * certs;
	EVP_PKEY *key;
};

/* pem_password_cb: -1 is the answer where no pass phrase is known. */
static int
answer(char *buf, int size, int rwflag, void *arg)
{
	struct load *l = arg;

	(void)rwflag;
	l->asked = true;
	if (l->pass == NULL || l->pass->s == NULL || l->pass->len >= (size_t)size)
		return -1;
	memcpy(buf, l->pass->s, l->pass->len);
	return (int)l->pass->len;
}

static void
take(struct load *l, const OSSL_STORE_INFO *info)
{
	X509 *cert;

	switch (OSSL_STORE_INFO_get_type(info)) {
	case OSSL_STORE_INFO_CERT:
		cert = OSSL_STORE_INFO_get1_CERT(info);
		if (cert != NULL && !sk_X509_push(l->certs, cert))
			X509_free(cert);
		break;
	case OSSL_STORE_INFO_PKEY:
		if (l->key == NULL)
			l->key = OSSL_STORE_INFO_get1_PKEY(info);
		break;
	default: /* names, parameters, public keys */
		break;
	}
}

/* Everything that the store has.  An object it cannot read does not hide those after it. */
static void
take_all(struct load *l, OSSL_STORE_CTX *store)
{
	OSSL_STORE_INFO *info;
	int failures = 0;

	while (!OSSL_STORE_eof(store) && failures < 3) {
		info = OSSL_STORE_load(store);
		if (info != NULL)
			take(l, info);
		else if (OSSL_STORE_error(store))
			failures++;
		OSSL_STORE_INFO_free(info);
	}
}

static UI_METHOD *
asker(void)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(answer, 0);

	if (ui == NULL)
		util_no_memory();
	return ui;
}

static void
load_memory(struct load *l, const struct secret *data)
{
	BIO *bio = BIO_new_mem_buf(data->s, (int)data->len);
	UI_METHOD *ui = asker();
	OSSL_STORE_CTX *store;

	if (bio == NULL)
		util_no_memory();
	store = OSSL_STORE_attach(bio, "file", NULL, NULL, ui, l, NULL, NULL, NULL);
	if (store != NULL) {
		take_all(l, store);
		OSSL_STORE_close(store);
	}
	BIO_free(bio);
	UI_destroy_method(ui);
}

/* Once more with the legacy provider; the default one stays what it is. */
static void
load_legacy(struct load *l, const struct secret *data)
{
	OSSL_PROVIDER *legacy;

	if (l->asked && l->pass == NULL)
		return;
	legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
	if (legacy == NULL)
		return;
	ERR_clear_error();
	load_memory(l, data);
	OSSL_PROVIDER_unload(legacy);
}

static void
load_uri(struct load *l)
{
	UI_METHOD *ui = asker();
	OSSL_STORE_CTX *store = OSSL_STORE_open(l->where, ui, l, NULL, NULL);

	l->opened = store != NULL;
	if (store != NULL) {
		take_all(l, store);
		OSSL_STORE_close(store);
	}
	UI_destroy_method(ui);
}

static bool
empty(const struct load *l)
{
	return l->key == NULL && sk_X509_num(l->certs) == 0;
}

/* A file with a key in it deserves the checks of any secret. */
static int
check_private(const char *path, int fd, struct err *err)
{
	struct stat st;

	return fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ? 0 : file_check_secret(fd, path, err);
}

static int
load_file(struct load *l, const char *path, struct err *err)
{
	struct secret data = SECRET_INIT;
	int fd, rv = -1;

	fd = file_open(path);
	if (fd == -1)
		return err_sys(err, err_kind_unless_out(errno, ERR_CONFIG), STAGE_CREDENTIAL, errno, path,
		    "cannot open");
	if (read_all_secret(fd, FILE_MAX, &data) == -1) {
		err_sys(err, ERR_CONFIG, STAGE_CREDENTIAL, errno, path, "cannot read");
		goto out;
	}
	l->opened = true;
	if (data.len > 0)
		load_memory(l, &data);
	if (empty(l) && data.len > 0 && data.s[0] == 0x30) /* DER: a SEQUENCE */
		load_legacy(l, &data);
	if ((l->key != NULL || l->asked) && check_private(path, fd, err) == -1)
		goto out;
	rv = 0;
out:
	close(fd);
	secret_release(&data);
	return rv;
}

/* The path in where, if it is one or file:; NULL for any other URI (RFC 3986 section 3.1: a scheme). */
static const char *
path_of(const char *where)
{
	const char *p = where;

	if (strncasecmp(where, "file:", 5) == 0) {
		p = where + 5;
		return strncmp(p, "//localhost/", 12) == 0 ? p + 11 : strncmp(p, "///", 3) == 0 ? p + 2 : p;
	}
	while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
	    (p > where && ((*p >= '0' && *p <= '9') || *p == '+' || *p == '-' || *p == '.')))
		p++;
	return p > where && *p == ':' ? NULL : where;
}

/* Takes the certificate that belongs to the key out of the stack, or else the first. */
static X509 *
choose(struct load *l)
{
	int n = sk_X509_num(l->certs), best = 0;

	for (int i = 0; l->key != NULL && i < n; i++) {
		if (X509_check_private_key(sk_X509_value(l->certs, i), l->key) == 1) {
			best = i;
			break;
		}
	}
	ERR_clear_error();
	return n > 0 ? sk_X509_delete(l->certs, best) : NULL;
}

static int
nothing_found(const struct load *l, struct err *err)
{
	const char *what = "neither a certificate nor a private key";

	if (l->asked && l->pass == NULL)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, l->where,
		    "it is encrypted: put the pass phrase into a file and name it by --cert-pass-file");
	if (l->asked)
		what = "cannot decrypt it: is the pass phrase wrong?";
	else if (!l->opened)
		what = "no provider of OpenSSL opens this kind of URI (see openssl.cnf)";
	return sslerr_set(err, ERR_CONFIG, STAGE_CREDENTIAL, l->where, what);
}

int
keystore_load(const char *where, const struct secret *pass, X509 **cert, EVP_PKEY **key, struct err *err)
{
	struct load l = { .where = where, .pass = pass, .certs = sk_X509_new_null() };
	const char *path = path_of(where);
	int rv = -1;

	*cert = NULL;
	*key = NULL;
	if (l.certs == NULL)
		util_no_memory();
	ERR_clear_error();
	if (path != NULL) {
		if (load_file(&l, path, err) == -1)
			goto out;
	} else {
		load_uri(&l);
	}
	/* Half of it is not enough where the rest could not be decrypted. */
	if (empty(&l) || (l.key == NULL && l.asked)) {
		nothing_found(&l, err);
		goto out;
	}
	*cert = choose(&l);
	*key = l.key;
	l.key = NULL;
	rv = 0;
out:
	EVP_PKEY_free(l.key);
	sk_X509_pop_free(l.certs, X509_free);
	ERR_clear_error();
	return rv;
}
