/* credential: see credential.h. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/util.h"
#include "command.h"
#include "credential.h"
#include "keystore.h"

#define CMD_SECS 120
#define CMD_MAX (64 * 1024)
#define KEY_BITS 2048 /* Entra takes nothing shorter */
#define READ_MAX (CREDENTIAL_SECRET_MAX + 3)

int
credential_clean(struct secret *s, const char *name, const char **odd, struct err *err)
{
	size_t n = s->len, bad;

	*odd = NULL;
	if (n > 0 && s->s[n - 1] == '\n')
		n -= n > 1 && s->s[n - 2] == '\r' ? 2 : 1;
	if (n == 0)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name, "the client secret is empty");
	if (n > CREDENTIAL_SECRET_MAX)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "the client secret is longer than %d bytes", CREDENTIAL_SECRET_MAX);
	for (bad = 0; bad < n; bad++)
		if (s->s[bad] < ' ' || s->s[bad] > '~')
			break;
	if (bad < n && (s->s[bad] == '\n' || s->s[bad] == '\r'))
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "the client secret must be a single line");
	if (bad < n)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "this is no client secret: byte %zu is 0x%02x, not printable ASCII%s", bad + 1,
		    (unsigned char)s->s[bad],
		    (unsigned char)s->s[bad] == 0xef || (unsigned char)s->s[bad] >= 0xfe
			? " (a byte order mark? save it as plain text)"
			: "");
	explicit_bzero(s->s + n, s->len - n);
	s->len = n;
	if (s->s[0] != ' ' && s->s[n - 1] != ' ')
		return 0;
	*odd =
	    s->s[0] == ' ' ? "the client secret begins with a blank" : "the client secret ends with a blank";
	return 1;
}

static int
clean(struct credential *c, struct err *err)
{
	const char *odd;
	int r = credential_clean(&c->secret, c->name, &odd, err);

	if (r == 1)
		log_v(0, "%s: %s; it is used as it is", c->name, odd);
	return r == -1 ? -1 : 0;
}

/* $CREDENTIALS_DIRECTORY/name if it is there; malloc'd. */
static char *
systemd_file(const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (dir == NULL || *dir != '/')
		return NULL;
	path = xasprintf("%s/%s", dir, name);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static char *
resolve(const char *file)
{
	char *path = strchr(file, '/') == NULL ? systemd_file(file) : NULL;

	return path != NULL ? path : xstrdup(file);
}

static void
fingerprint(struct credential *c, const char *label, const void *data, size_t n)
{
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, label, strlen(label) + 1);
	sha256_add(&s, data, n);
	sha256_end(&s, c->fingerprint);
}

/* A secret file, which c->name names. */
static int
open_file(struct credential *c, struct secret *into, bool *rereadable, struct err *err)
{
	struct stat st;
	int fd, r;

	fd = file_open_secret(c->name, err);
	if (fd == -1)
		return -1;
	*rereadable = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	r = read_all_secret(fd, READ_MAX, into);
	if (r == -1 && errno == EFBIG)
		r = err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, c->name,
		    "longer than a secret can be (%d bytes)", READ_MAX);
	else if (r == -1 && errno == ETIMEDOUT)
		err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, c->name,
		    "nobody has written into it for %d seconds", FILE_WAIT_MS / 1000);
	else if (r == -1)
		err_sys(err, ERR_CONFIG, STAGE_CREDENTIAL, errno, c->name, "cannot read");
	close(fd);
	return r;
}

static int
open_secret_file(struct credential *c, struct err *err)
{
	c->type = CREDENTIAL_SECRET;
	if (open_file(c, &c->secret, &c->rereadable, err) == -1 || clean(c, err) == -1)
		return -1;
	fingerprint(c, "secret", c->secret.s, c->secret.len);
	return 0;
}

static int
open_environment(struct credential *c, char *value, struct err *err)
{
	c->type = CREDENTIAL_SECRET;
	c->name = xstrdup("$MSTOOLS_CLIENT_SECRET");
	c->rereadable = false;
	secret_adds(&c->secret, value);
	if (clean(c, err) == -1)
		return -1;
	fingerprint(c, "secret", c->secret.s, c->secret.len);
	return 0;
}

/* The pass phrase of a key store: any bytes but a line end at the end. */
static int
open_pass(struct credential *c, struct err *err)
{
	struct credential p = { .name = resolve(c->o->cert_pass_file) };
	bool rereadable;
	int r = open_file(&p, &c->pass, &rereadable, err);

	c->rereadable = c->rereadable && rereadable;
	c->has_pass = true;
	if (c->pass.len > 0 && c->pass.s[c->pass.len - 1] == '\n')
		c->pass.s[--c->pass.len] = '\0';
	if (c->pass.len > 0 && c->pass.s[c->pass.len - 1] == '\r')
		c->pass.s[--c->pass.len] = '\0';
	free(p.name);
	return r;
}

static bool
is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int
open_cert(struct credential *c, struct err *err)
{
	unsigned n = sizeof c->fingerprint;

	c->type = CREDENTIAL_CERT;
	c->rereadable = !is_fifo(c->name) && (c->o->key == NULL || !is_fifo(c->o->key));
	if (c->o->cert_pass_file != NULL && open_pass(c, err) == -1)
		return -1;
	if (keystore_load(c->name, c->has_pass ? &c->pass : NULL, &c->cert, &c->key, err) == -1)
		return -1;
	if (c->cert == NULL)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, c->name, "holds no certificate");
	if (X509_digest(c->cert, EVP_sha256(), c->fingerprint, &n) != 1)
		util_no_memory();
	if (c->o->key != NULL) { /* not the one that came with the certificate */
		EVP_PKEY_free(c->key);
		c->key = NULL;
	}
	return 0;
}

static int
none(struct err *err)
{
	return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL,
	    "no credential: give --client-secret-file, --client-secret-cmd or --cert, "
	    "or set $MSTOOLS_CLIENT_SECRET");
}

/* The kinds of credential that need no option. */
static int
open_unnamed(struct credential *c, char *env, struct err *err)
{
	if (env != NULL)
		return open_environment(c, env, err);
	c->name = systemd_file("client-secret");
	return c->name != NULL ? open_secret_file(c, err) : none(err);
}

int
credential_open(struct credential *c, const struct options *o, struct err *err)
{
	int named = (o->client_secret_file != NULL) + (o->client_secret_cmd != NULL) + (o->cert != NULL),
	    r = 0;
	char *env = getenv("MSTOOLS_CLIENT_SECRET");

	memset(c, 0, sizeof *c);
	c->o = o;
	c->rereadable = true;
	if (named > 1) {
		r = err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, NULL,
		    "more than one credential: choose one "
		    "of client-secret-file, client-secret-cmd and cert");
	} else if (named == 0) {
		r = open_unnamed(c, env, err);
	} else if (o->client_secret_file != NULL) {
		c->name = resolve(o->client_secret_file);
		r = open_secret_file(c, err);
	} else if (o->cert != NULL) {
		c->name = resolve(o->cert);
		r = open_cert(c, err);
	} else {
		c->type = CREDENTIAL_CMD;
		c->name = xstrdup("the client secret command");
		fingerprint(c, "command", o->client_secret_cmd, strlen(o->client_secret_cmd));
	}
	if (env != NULL) {
		explicit_bzero(env, strlen(env));
		unsetenv("MSTOOLS_CLIENT_SECRET");
	}
	return r;
}

/* The first line is the secret; password stores keep more below it. */
static int
run_command(struct credential *c, struct err *err)
{
	const struct command cmd = {
		.cmd = c->o->client_secret_cmd,
		.what = c->name,
		.secs = CMD_SECS,
		.max = CMD_MAX,
	};
	char *nl;

	if (command_run(&cmd, &c->secret, err) == -1)
		return -1;
	nl = c->secret.len > 0 ? memchr(c->secret.s, '\n', c->secret.len) : NULL;
	if (nl != NULL) {
		explicit_bzero(nl + 1, c->secret.len - (size_t)(nl + 1 - c->secret.s));
		c->secret.len = (size_t)(nl + 1 - c->secret.s);
	}
	return clean(c, err);
}

static int
check_key(const struct credential *c, const char *name, struct err *err)
{
	if (!EVP_PKEY_is_a(c->key, "RSA") && !EVP_PKEY_is_a(c->key, "RSA-PSS"))
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "the key is not an RSA key, and Entra ID takes no other");
	if (EVP_PKEY_get_bits(c->key) < KEY_BITS)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "the key has only %d bits; Entra ID wants at least %d", EVP_PKEY_get_bits(c->key),
		    KEY_BITS);
	if (X509_check_private_key(c->cert, c->key) != 1)
		return err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name,
		    "the key does not belong to the certificate %s", c->name);
	return 0;
}

static int
load_key(struct credential *c, struct err *err)
{
	char *name = c->o->key != NULL ? resolve(c->o->key) : xstrdup(c->name);
	X509 *ignored = NULL;
	int r = 0;

	if (c->key == NULL && c->o->key != NULL) {
		r = keystore_load(name, c->has_pass ? &c->pass : NULL, &ignored, &c->key, err);
		X509_free(ignored);
	}
	if (r == 0 && c->key == NULL)
		r = err_set(err, ERR_CONFIG, STAGE_CREDENTIAL, name, "holds no private key%s",
		    c->o->key == NULL ? ": name it by --key" : "");
	if (r == 0)
		r = check_key(c, name, err);
	free(name);
	return r;
}

int
credential_load(struct credential *c, struct err *err)
{
	switch (c->type) {
	case CREDENTIAL_SECRET:
		return 0;
	case CREDENTIAL_CMD:
		return c->secret.len > 0 ? 0 : run_command(c, err);
	case CREDENTIAL_CERT:
		return load_key(c, err);
	}
	return err_set(err, ERR_INTERNAL, STAGE_CREDENTIAL, NULL, "no such credential");
}

void
credential_release(struct credential *c)
{
	secret_release(&c->secret);
	secret_release(&c->pass);
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	free(c->name);
	memset(c, 0, sizeof *c);
}

int64_t
credential_expires(const struct credential *c)
{
	time_t t;
	struct tm tm;

	if (c->type == CREDENTIAL_CERT) {
		if (ASN1_TIME_to_tm(X509_get0_notAfter(c->cert), &tm) != 1)
			return 0;
		return timegm(&tm);
	}
	if (c->o->client_secret_expires == NULL ||
	    parse_date(c->o->client_secret_expires, time(NULL), &t) == -1)
		return 0;
	return t;
}
