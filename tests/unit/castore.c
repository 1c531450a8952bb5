/* Unit test of lib/imap/castore: files and directories as they may be, and what an OpenSSL store finds in them. */
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/util.h"
#include "imap/castore.h"
#include "t.h"

#define SEQ 0x30

static char path[4200];
static struct err err;

/* --- certificates --- */

struct maker {
	X509 *x;
	EVP_PKEY *key;
};

static void
extend(const struct maker *m, const struct maker *by, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, by->x, m->x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	X509_add_ext(m->x, e, -1);
	X509_EXTENSION_free(e);
}

/* One for name, of its own key, signed by issuer (NULL: by itself). */
static struct maker
make(const char *name, const struct maker *issuer)
{
	struct maker m = { .x = X509_new(), .key = EVP_EC_gen("P-256") };
	const struct maker *by = issuer != NULL ? issuer : &m;
	X509_NAME *n = X509_get_subject_name(m.x);

	X509_set_version(m.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.x), 1);
	X509_gmtime_adj(X509_getm_notBefore(m.x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(m.x), 86400);
	X509_set_pubkey(m.x, m.key);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(m.x, X509_get_subject_name(by->x));
	extend(&m, by, NID_basic_constraints, "critical,CA:TRUE");
	extend(&m, by, NID_subject_key_identifier, "hash");
	extend(&m, by, NID_authority_key_identifier, "keyid");
	X509_sign(m.x, by->key, EVP_sha256());
	return m;
}

static void
release(struct maker *m)
{
	X509_free(m->x);
	EVP_PKEY_free(m->key);
}

/* What the store says to this certificate, with c behind it. */
static int
verify(struct castore *c, X509 *x)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -1;

	if (castore_attach(c, store) == 0 && X509_STORE_CTX_init(ctx, store, x, NULL) == 1 &&
	    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER) == 1) {
		X509_verify_cert(ctx);
		r = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return r;
}

/* --- files --- */

static FILE *
create(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", t_tmpdir(), name);
	return fopen(path, "we");
}

static void
put(FILE *f, const char *name, const unsigned char *der, size_t n)
{
	PEM_write(f, name, "", der, (long)n);
}

static bool
loads(const char *file, struct castore **c)
{
	err_clear(&err);
	return castore_load(c, file, &err) == 0;
}

static void
refused(const char *file, const char *subject, const char *text, const char *name)
{
	struct castore *c;

	ok(!loads(file, &c) && c == NULL, "%s: refused", name);
	is_int(err.kind, ERR_CONFIG, "%s: kind", name);
	is_int(err.stage, STAGE_TLS, "%s: stage", name);
	is_str(err.subject, subject, "%s: of what", name);
	ok(strstr(err.text, text) != NULL, "%s: says why: %s", name, err.text);
}

#define NONE "no CA certificate (PEM) in this file"

static void
bad_files(const struct maker *ca)
{
	FILE *f = create("empty");

	fclose(f);
	refused(path, path, NONE, "an empty file");
	f = create("text");
	fputs("no certificate\n", f);
	fclose(f);
	refused(path, path, NONE, "another file");
	f = create("key");
	PEM_write_PrivateKey(f, ca->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	refused(path, path, NONE, "a key");
	f = create("der");
	i2d_X509_fp(f, ca->x);
	fclose(f);
	refused(path, path, NONE, "a certificate that is not PEM");
	f = create("large");
	ok(ftruncate(fileno(f), (16 << 20) + 1) == 0, "a large file");
	fclose(f);
	refused(path, path, "cannot read: File too large", "larger than any bundle");
	refused(t_tmpdir(), t_tmpdir(), "cannot", "a directory");
	refused("/nonexistent/ca.pem", "/nonexistent/ca.pem", "cannot open: No such file", "no file");
	f = create("sealed");
	PEM_write_X509(f, ca->x);
	fclose(f);
	chmod(path, 0);
	if (access(path, R_OK) != 0)
		refused(path, path, "cannot open: Permission denied", "one that we may not read");
}

static void
bad_der(const struct maker *ca, const struct maker *leaf)
{
	static const struct {
		const char *name;
		size_t n;
		unsigned char der[24];
	} bad[] = {
		{ "no SEQUENCE", 2, { 0x04, 0 } },
		{ "nothing in it", 2, { SEQ, 0 } },
		{ "nothing in that", 4, { SEQ, 2, SEQ, 0 } },
		{ "a version that is longer than all", 6, { SEQ, 4, SEQ, 2, 0xa0, 5 } },
		{ "a length that is longer than all", 6, { SEQ, 0x84, 0x7f, 0xff, 0xff, 0xff } },
		{ "no subject", 13, { SEQ, 11, SEQ, 9, 2, 1, 1, SEQ, 0, SEQ, 0, SEQ, 0 } },
		{ "a subject of another kind", 15,
		    { SEQ, 13, SEQ, 11, 2, 1, 1, SEQ, 0, SEQ, 0, SEQ, 0, 4, 0 } },
		{ "two serial numbers", 10, { SEQ, 8, SEQ, 6, 2, 1, 1, 2, 1, 1 } },
	};
	unsigned char *der = NULL, *copy;
	struct castore *c;
	int n = i2d_X509(ca->x, &der), i, kept = 0;
	size_t k;
	FILE *f;

	for (k = 0; k < sizeof bad / sizeof bad[0]; k++) {
		f = create("bad");
		put(f, PEM_STRING_X509, bad[k].der, bad[k].n);
		fclose(f);
		refused(path, path, NONE, bad[k].name);
	}
	/* Each beginning, in a buffer of just that size. */
	for (i = 0; i < n; i++) {
		f = create("bad");
		put(f, PEM_STRING_X509, der, (size_t)i);
		fclose(f);
		if (loads(path, &c))
			kept++;
		castore_free(c);
	}
	is_int(kept, 0, "no beginning of a certificate counts as one");
	/* Spoilt ones before the good one: it is found all the same. */
	copy = xmalloc((size_t)n);
	f = create("mixed");
	for (i = 0; i < n; i++) {
		memcpy(copy, der, (size_t)n);
		copy[i] ^= 0xff;
		put(f, i % 2 ? PEM_STRING_X509 : PEM_STRING_X509_TRUSTED, copy, (size_t)n);
	}
	PEM_write_PrivateKey(f, ca->key, NULL, NULL, 0, NULL, NULL);
	PEM_write_X509(f, ca->x);
	fclose(f);
	if (ok(loads(path, &c), "a good one behind spoilt ones"))
		is_int(verify(c, leaf->x), X509_V_OK, "is found");
	castore_free(c);
	free(copy);
	OPENSSL_free(der);
}

static void
good_files(const struct maker *ca, const struct maker *leaf)
{
	struct maker twin = make("ca", NULL), other = make("other", NULL);
	struct castore *c;
	FILE *f = create("both");

	PEM_write_X509(f, other.x);
	PEM_write_X509(f, twin.x);
	PEM_write_X509(f, ca->x);
	fclose(f);
	if (ok(loads(path, &c), "two authorities of one name"))
		is_int(verify(c, leaf->x), X509_V_OK, "the one that fits is taken");
	castore_free(c);
	f = create("twin");
	PEM_write_X509(f, twin.x);
	fclose(f);
	if (ok(loads(path, &c), "one of the same name alone"))
		ok(verify(c, leaf->x) > 0, "is not believed");
	castore_free(c);
	f = create("trusted");
	PEM_write_X509_AUX(f, ca->x);
	fclose(f);
	if (ok(loads(path, &c), "a \"TRUSTED CERTIFICATE\""))
		is_int(verify(c, leaf->x), X509_V_OK, "is found");
	castore_free(c);
	X509_add1_reject_object(ca->x, OBJ_nid2obj(NID_server_auth));
	f = create("distrusted");
	PEM_write_X509_AUX(f, ca->x);
	fclose(f);
	if (ok(loads(path, &c), "one that says it is not for servers"))
		is_int(verify(c, leaf->x), X509_V_ERR_CERT_REJECTED, "is heeded");
	castore_free(c);
	X509_reject_clear(ca->x);
	f = create("other");
	PEM_write_X509(f, other.x);
	fclose(f);
	if (ok(loads(path, &c), "another authority alone"))
		is_int(verify(c, leaf->x), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		    "does not vouch for it");
	castore_free(c);
	release(&twin);
	release(&other);
}

/* --- the system's --- */

static void
in_dir(const char *name, const struct maker *m)
{
	FILE *f = create(name);

	PEM_write_X509(f, m->x);
	fclose(f);
}

static void
system_ones(const struct maker *ca, const struct maker *leaf)
{
	struct maker other = make("other", NULL);
	char *dirs = xasprintf("/nonexistent:%s/plain:%s/hashed", t_tmpdir(), t_tmpdir());
	char *plain = xasprintf("%s/plain", t_tmpdir()), *hashed = xasprintf("%s/hashed", t_tmpdir());
	struct castore *c;

	mkdir(plain, 0700);
	mkdir(hashed, 0700);
	in_dir("plain/ca.pem", ca);
	in_dir("plain/0123456.0", ca);
	in_dir("plain/01234567.r0", ca); /* a CRL's name */
	in_dir("hashed/01234567.0", ca);
	in_dir("hashed/89abcdef.1", &other);
	unsetenv("SSL_CERT_FILE");
	setenv("SSL_CERT_DIR", dirs, 1);
	if (ok(loads(NULL, &c), "$SSL_CERT_DIR"))
		is_int(verify(c, leaf->x), X509_V_OK, "each of its directories");
	castore_free(c);
	setenv("SSL_CERT_DIR", plain, 1);
	refused(NULL, "", "the system has no CA certificates", "only files that c_rehash has named");
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
	refused("", "", "the system has no CA certificates", "no such directory");
	setenv("SSL_CERT_DIR", hashed, 1);
	fclose(create("none"));
	setenv("SSL_CERT_FILE", path, 1);
	refused(NULL, "", "the system has no CA certificates", "an empty $SSL_CERT_FILE, and no other place");
	in_dir("file", ca);
	setenv("SSL_CERT_FILE", path, 1);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
	if (ok(loads(NULL, &c), "$SSL_CERT_FILE"))
		is_int(verify(c, leaf->x), X509_V_OK, "comes first");
	castore_free(c);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	if (loads(NULL, &c)) /* there is a system that has some */
		is_int(verify(c, leaf->x), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		    "the system's do not know ours");
	castore_free(c);
	free(dirs);
	free(plain);
	free(hashed);
	release(&other);
}

int
main(void)
{
	struct maker ca = make("ca", NULL), leaf = make("leaf", &ca);

	bad_files(&ca);
	bad_der(&ca, &leaf);
	good_files(&ca, &leaf);
	system_ones(&ca, &leaf);
	castore_free(NULL);
	release(&leaf);
	release(&ca);
	return done_testing();
}
