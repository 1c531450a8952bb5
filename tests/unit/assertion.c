/* Unit test of lib/entra/assertion: taken apart and verified by OpenSSL alone. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <jansson.h>

#include "base/util.h"
#include "entra/assertion.h"
#include "t.h"

#define URL "https://login.test/T/oauth2/v2.0/token"
#define NOW 1700000000

static struct err err;

static X509 *
make_cert(EVP_PKEY *key)
{
	X509 *x = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	return x;
}

/* Part n of a JWT, decoded. */
static unsigned char *
part(const char *jwt, int n, size_t *len)
{
	while (n-- > 0)
		jwt += strcspn(jwt, ".") + 1;
	return unbase64(jwt, strcspn(jwt, "."), len);
}

static json_t *
json_part(const char *jwt, int n)
{
	size_t len = 0;
	unsigned char *p = part(jwt, n, &len);
	json_t *j = json_loadb((char *)p, len, JSON_REJECT_DUPLICATES, NULL);

	free(p);
	return j;
}

static bool
verified(const char *jwt, EVP_PKEY *key, enum opt_alg alg)
{
	size_t n, text = (size_t)(strrchr(jwt, '.') - jwt);
	unsigned char *sig = part(jwt, 2, &n);
	EVP_MD_CTX *ctx;
	EVP_PKEY_CTX *p = NULL;
	bool good;

	if (sig == NULL)
		return false; /* the flipped bit made no digit of it */
	ctx = EVP_MD_CTX_new();
	good = EVP_DigestVerifyInit(ctx, &p, EVP_sha256(), NULL, key) == 1;
	if (alg == ALG_PS256)
		good = good && EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 32) == 1;
	good = good && EVP_DigestVerify(ctx, sig, n, (const unsigned char *)jwt, text) == 1;
	EVP_MD_CTX_free(ctx);
	free(sig);
	return good;
}

static const char *
get(const json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static void
check_header(const char *jwt, X509 *cert, const char *alg)
{
	json_t *j = json_part(jwt, 0);
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *thumb;

	X509_digest(cert, EVP_sha256(), md, &n);
	thumb = base64url(md, n);
	is_str(get(j, "alg"), alg, "alg");
	is_str(get(j, "typ"), "JWT", "typ");
	is_str(get(j, "x5t#S256"), thumb, "x5t#S256");
	is_int(json_object_size(j), 3, "and no more in the header");
	free(thumb);
	json_decref(j);
}

static void
check_claims(const char *jwt)
{
	json_t *j = json_part(jwt, 1);
	const char *jti = get(j, "jti");

	is_str(get(j, "aud"), URL, "aud");
	is_str(get(j, "iss"), "APP", "iss");
	is_str(get(j, "sub"), "APP", "sub");
	ok(jti != NULL && strlen(jti) == 36 && jti[14] == '4' && strchr("89ab", jti[19]) != NULL,
	    "jti: a UUID, version 4");
	is_int(json_integer_value(json_object_get(j, "nbf")), NOW, "nbf");
	is_int(json_integer_value(json_object_get(j, "iat")), NOW, "iat");
	is_int(json_integer_value(json_object_get(j, "exp")), NOW + 600, "exp");
	is_int(json_object_size(j), 7, "and no more claims");
	json_decref(j);
}

static void
one(EVP_PKEY *key, X509 *cert, enum opt_alg alg, const char *name)
{
	struct assertion a = {
		.key = key,
		.cert = cert,
		.alg = alg,
		.audience = URL,
		.client_id = "APP",
		.now = NOW,
	};
	struct secret x = SECRET_INIT, y = SECRET_INIT;

	is_int(assertion_make(&a, &x, &err), 0, "%s: made", name);
	check_header(x.s, cert, name);
	check_claims(x.s);
	ok(verified(x.s, key, alg), "its signature is good");
	is_int(strspn(x.s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."), x.len,
	    "base64url without padding");
	is_int(assertion_make(&a, &y, &err), 0, "another one");
	ok(strcmp(x.s, y.s) != 0, "is another one: a jti is never used twice");
	x.s[x.len / 2] ^= 1;
	ok(!verified(x.s, key, alg), "a flipped bit shows");
	secret_release(&x);
	secret_release(&y);
}

static void
bad_key(void)
{
	EVP_PKEY *ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = make_cert(ec);
	struct assertion a = { .key = ec, .cert = cert, .audience = URL, .client_id = "APP", .now = NOW };
	struct secret x = SECRET_INIT;

	is_int(assertion_make(&a, &x, &err), -1, "an EC key cannot do it");
	is_int(err.stage, STAGE_CREDENTIAL, "which is the credential's fault");
	secret_release(&x);
	X509_free(cert);
	EVP_PKEY_free(ec);
}

int
main(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	X509 *cert = make_cert(key);

	one(key, cert, ALG_PS256, "PS256");
	one(key, cert, ALG_RS256, "RS256");
	bad_key();
	X509_free(cert);
	EVP_PKEY_free(key);
	return done_testing();
}
