/* assertion: see assertion.h. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <jansson.h>

#include "assertion.h"
#include "base/util.h"
#include "sslerr.h"

#define UUID_SIZE 37

static const char *const alg_name[] = { [ALG_PS256] = "PS256", [ALG_RS256] = "RS256" };

/* A random UUID (RFC 4122 section 4.4). */
static int
uuid(char out[UUID_SIZE])
{
	unsigned char b[16];
	char h[33];

	if (RAND_bytes(b, sizeof b) != 1)
		return -1;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	hex(h, b, sizeof b);
	snprintf(out, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
	return 0;
}

/* Appends j, base64url; takes j over. */
static void
add_part(struct secret *out, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER), *b;

	if (text == NULL)
		util_no_memory();
	b = base64url(text, strlen(text));
	secret_adds(out, b);
	free(b);
	free(text);
	json_decref(j);
}

static int
add_header(const struct assertion *a, struct secret *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *thumb;

	if (X509_digest(a->cert, EVP_sha256(), md, &n) != 1)
		return -1;
	thumb = base64url(md, n);
	add_part(out, json_pack("{s:s, s:s, s:s}", "alg", alg_name[a->alg], "typ", "JWT", "x5t#S256", thumb));
	free(thumb);
	return 0;
}

static int
add_claims(const struct assertion *a, struct secret *out)
{
	char jti[UUID_SIZE];
	json_t *j;

	if (uuid(jti) == -1)
		return -1;
	j = json_pack("{s:s, s:s, s:s, s:s}", "aud", a->audience, "iss", a->client_id, "sub", a->client_id,
	    "jti", jti);
	json_object_set_new(j, "nbf", json_integer(a->now));
	json_object_set_new(j, "iat", json_integer(a->now));
	json_object_set_new(j, "exp", json_integer(a->now + ASSERTION_SECS));
	add_part(out, j);
	return 0;
}

/* RFC 7518: RS256 is section 3.3; PS256 (3.5) has MGF1 with SHA-256, and a salt as long as the digest. */
static int
sign_init(const struct assertion *a, EVP_MD_CTX *ctx)
{
	EVP_PKEY_CTX *p = NULL;

	if (EVP_DigestSignInit_ex(ctx, &p, "SHA256", NULL, NULL, a->key, NULL) != 1)
		return -1;
	if (a->alg == ALG_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PADDING) == 1 ? 0 : -1;
	if (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha256()) != 1 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) != 1)
		return -1;
	return 0;
}

static int
add_signature(const struct assertion *a, struct secret *out)
{
	const unsigned char *text = (const unsigned char *)out->s;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *sig = NULL;
	size_t n = 0;
	char *b;
	int rv = -1;

	if (ctx == NULL || sign_init(a, ctx) == -1 || EVP_DigestSign(ctx, NULL, &n, text, out->len) != 1)
		goto out;
	sig = xmalloc(n);
	if (EVP_DigestSign(ctx, sig, &n, text, out->len) != 1)
		goto out;
	b = base64url(sig, n);
	secret_adds(out, ".");
	secret_adds(out, b);
	secret_free_string(b);
	rv = 0;
out:
	free(sig);
	EVP_MD_CTX_free(ctx);
	return rv;
}

int
assertion_make(const struct assertion *a, struct secret *out, struct err *err)
{
	secret_clear(out);
	if (add_header(a, out) == -1)
		return sslerr_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL, "cannot digest the certificate");
	secret_adds(out, ".");
	if (add_claims(a, out) == -1)
		return sslerr_set(err, ERR_OS, STAGE_CREDENTIAL, NULL, "no random numbers");
	if (add_signature(a, out) == -1)
		return sslerr_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL,
		    "cannot sign with the private key");
	return 0;
}
