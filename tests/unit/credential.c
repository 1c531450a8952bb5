/* Unit test of lib/entra/credential and keystore: keys and certificates are made here. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/log.h"
#include "entra/credential.h"
#include "t.h"

static struct err err;
static struct options o;
static char name_buf[8][4300];
static int name_next;

/* A path in the test's directory; the last eight live. */
static char *
path(const char *name)
{
	char *p = name_buf[name_next++ % 8];

	snprintf(p, sizeof name_buf[0], "%s/%s", t_tmpdir(), name);
	return p;
}

static char *
put(const char *name, const void *data, size_t n, mode_t mode)
{
	char *p = path(name);
	int fd = open(p, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)!write_all(fd, data, n);
	fchmod(fd, mode);
	close(fd);
	return p;
}

static EVP_PKEY *
make_key(int bits)
{
	return bits == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
			 : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
}

static X509 *
make_cert(EVP_PKEY *key, long days)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 86400 + 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_sign(x, key, EVP_sha256());
	return x;
}

/* Writes what is not NULL as PEM. */
static char *
pem(const char *name, X509 *cert, EVP_PKEY *key, const char *pass, mode_t mode)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *data = NULL, *p;
	long n;

	if (key != NULL)
		PEM_write_bio_PrivateKey(b, key, pass != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
		    (void *)(uintptr_t)pass);
	if (cert != NULL)
		PEM_write_bio_X509(b, cert);
	n = BIO_get_mem_data(b, &data);
	p = put(name, data, (size_t)n, mode);
	BIO_free(b);
	return p;
}

static char *
p12(const char *name, X509 *cert, EVP_PKEY *key, const char *pass)
{
	PKCS12 *p = PKCS12_create(pass, "n", key, cert, NULL, 0, 0, 0, 0, 0);
	BIO *b = BIO_new(BIO_s_mem());
	char *data = NULL, *file;
	long n;

	i2d_PKCS12_bio(b, p);
	n = BIO_get_mem_data(b, &data);
	file = put(name, data, (size_t)n, 0600);
	BIO_free(b);
	PKCS12_free(p);
	return file;
}

static void
clean(const char *in, size_t n, int want, const char *result, const char *name)
{
	struct secret s = SECRET_INIT;
	const char *odd;

	secret_add(&s, in, n);
	err_clear(&err);
	is_int(credential_clean(&s, "f", &odd, &err), want, "%s", name);
	if (want != -1)
		is_str(s.s, result, "  what is left of it");
	else
		ok(err.kind == ERR_CONFIG && strstr(err.text, result) != NULL, "  it says %s", result);
	secret_release(&s);
}

#define CLEAN(in, ...) clean(in, sizeof(in) - 1, __VA_ARGS__)

static void
cleaning(void)
{
	char *big = xmalloc(CREDENTIAL_SECRET_MAX + 2), *longest;

	CLEAN("a8Q~x", 0, "a8Q~x", "a secret");
	CLEAN("a8Q~x\n", 0, "a8Q~x", "with a line end");
	CLEAN("a8Q~x\r\n", 0, "a8Q~x", "with that of Windows");
	CLEAN("a b", 0, "a b", "a blank inside");
	CLEAN("ab \n", 1, "ab ", "a blank at the end stays, and is told");
	CLEAN(" ab", 1, " ab", "one at the beginning, too");
	CLEAN("", -1, "empty", "nothing");
	CLEAN("\n", -1, "empty", "a line end alone");
	CLEAN("a\n\n", -1, "single line", "two line ends");
	CLEAN("a\nb\n", -1, "single line", "two lines");
	CLEAN("a\r", -1, "single line", "half a line end");
	CLEAN("a\0b", -1, "byte 2 is 0x00", "a NUL");
	CLEAN("a\tb", -1, "byte 2 is 0x09", "a tab");
	CLEAN("\xef\xbb\xbf"
	      "ab",
	    -1, "byte order mark", "UTF-8 with a mark");
	CLEAN("\xff\xfe"
	      "a\0b\0",
	    -1, "byte order mark", "UTF-16");
	CLEAN("gr\xc3\xbc"
	      "n",
	    -1, "byte 3 is 0xc3, not printable ASCII", "not ASCII");
	memset(big, 'a', CREDENTIAL_SECRET_MAX + 1);
	longest = xstrndup(big, CREDENTIAL_SECRET_MAX);
	big[CREDENTIAL_SECRET_MAX] = '\n';
	clean(big, CREDENTIAL_SECRET_MAX + 1, 0, longest, "as long as may be");
	big[CREDENTIAL_SECRET_MAX] = 'a';
	clean(big, CREDENTIAL_SECRET_MAX + 1, -1, "longer than", "one byte more");
	free(longest);
	free(big);
}

static void
reset(void)
{
	memset(&o, 0, sizeof o);
	err_clear(&err);
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("MSTOOLS_CLIENT_SECRET");
}

/* Opens and loads; the secret is compared with want, NULL for failure with the text say. */
static void
secret(const char *want, const char *say, const char *name)
{
	struct credential c;
	int r;

	r = credential_open(&c, &o, &err);
	if (r == 0)
		r = credential_load(&c, &err);
	if (want == NULL)
		ok(r == -1 && err.stage == STAGE_CREDENTIAL && err.kind == ERR_CONFIG &&
			strstr(err.text, say) != NULL,
		    "%s: %s", name, err.text);
	else
		is_str(r == 0 ? c.secret.s : err.text, want, "%s", name);
	credential_release(&c);
}

static void
files(void)
{
	char *fifo;
	pid_t pid;

	reset();
	o.client_secret_file = put("s1", "from-file\r\n", 11, 0600);
	secret("from-file", NULL, "a file");
	o.client_secret_file = put("s2", "from-file\n", 10, 0640);
	(void)!chown(o.client_secret_file, (uid_t)-1, 1); /* group root would do for systemd */
	secret(NULL, "chmod 600", "a file that others can read");
	o.client_secret_file = path("none");
	secret(NULL, "No such file", "no file");
	o.client_secret_file = path(".");
	secret(NULL, "neither a file nor a FIFO", "a directory");
	o.client_secret_file = fifo = path("fifo");
	mkfifo(fifo, 0600);
	pid = fork();
	if (pid == 0) {
		int fd = open(fifo, O_WRONLY);

		_exit(write(fd, "from-fifo\n", 10) == 10 ? 0 : 1);
	}
	secret("from-fifo", NULL, "a FIFO");
	waitpid(pid, NULL, 0);
}

static void
other_ways(void)
{
	char *dir;

	reset();
	secret(NULL, "no credential", "none");
	o.client_secret_cmd = memcpy(path(""), "echo \"from-cmd${MSTOOLS_CLIENT_SECRET-}\"", 40);
	setenv("MSTOOLS_CLIENT_SECRET", "from-env", 1);
	secret("from-cmd", NULL, "a command, which does not get the variable");
	is_str(getenv("MSTOOLS_CLIENT_SECRET"), NULL, "which is out of the environment, used or not");
	reset();
	setenv("MSTOOLS_CLIENT_SECRET", "from-env", 1);
	secret("from-env", NULL, "the environment");
	is_str(getenv("MSTOOLS_CLIENT_SECRET"), NULL, "is read once");
	dir = path("systemd");
	mkdir(dir, 0700);
	put("systemd/client-secret", "from-systemd\n", 13, 0400);
	put("systemd/named", "from-systemd too\n", 17, 0400);
	reset();
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	secret("from-systemd", NULL, "systemd's directory");
	o.client_secret_file = memcpy(path(""), "named", 6);
	secret("from-systemd too", NULL, "a bare name is looked for there");
	o.cert = o.client_secret_file;
	secret(NULL, "more than one credential", "two at once");
	reset();
	o.client_secret_cmd = memcpy(path(""), "echo first; echo user: me", 26);
	secret("first", NULL, "the first line of a command's output");
	o.client_secret_cmd = memcpy(path(""), "exit 3", 7);
	secret(NULL, "the client secret command failed with status 3", "a command that fails");
	o.client_secret_cmd = memcpy(path(""), ":", 2);
	secret(NULL, "empty", "a command that prints nothing");
}

static void
fingerprints(void)
{
	struct credential a, b, c;

	reset();
	o.client_secret_file = put("f1", "one", 3, 0600);
	credential_open(&a, &o, &err);
	o.client_secret_file = put("f2", "one\n", 4, 0600);
	credential_open(&b, &o, &err);
	o.client_secret_file = put("f3", "two", 3, 0600);
	credential_open(&c, &o, &err);
	is_mem(a.fingerprint, b.fingerprint, 32, "one secret, one fingerprint");
	ok(memcmp(a.fingerprint, c.fingerprint, 32) != 0, "another secret, another one");
	credential_release(&a);
	credential_release(&b);
	credential_release(&c);
	reset();
	o.client_secret_cmd = memcpy(path(""), "exit 1", 7);
	is_int(credential_open(&a, &o, &err), 0, "a command is not run for its fingerprint");
	credential_release(&a);
}

/* Certificate and key in the given places. */
static void
cert(const char *want, char *where, char *key, char *pass, const char *name)
{
	struct credential c;
	int r;

	reset();
	o.cert = where;
	o.key = key;
	o.cert_pass_file = pass;
	r = credential_open(&c, &o, &err);
	if (r == 0)
		r = credential_load(&c, &err);
	if (want == NULL)
		ok(r == 0 && c.cert != NULL && c.key != NULL && X509_check_private_key(c.cert, c.key) == 1,
		    "%s: %s", name, err.text);
	else
		ok(r == -1 && err.kind == ERR_CONFIG && err.stage == STAGE_CREDENTIAL &&
			strstr(err.text, want) != NULL,
		    "%s: %s", name, err.text);
	credential_release(&c);
}

/* The certificate is that of the key, not the first. */
static void
chain(X509 *first, X509 *second, EVP_PKEY *key)
{
	struct str s = STR_INIT;

	file_read(pem("head.pem", first, NULL, NULL, 0600), 100000, &s, NULL);
	file_read(pem("tail.pem", second, key, NULL, 0600), 100000, &s, NULL);
	cert(NULL, put("chain.pem", s.s, s.len, 0600), NULL, NULL, "the right one of a chain");
	str_release(&s);
}

static void
certificates(void)
{
	EVP_PKEY *k = make_key(2048), *k2 = make_key(2048), *small = make_key(1024), *ec = make_key(0);
	X509 *x = make_cert(k, 400), *x2 = make_cert(k2, 400), *xs = make_cert(small, 400),
	     *xe = make_cert(ec, 400);
	char *pass = xstrdup(put("pass", "pass phrase\n", 12, 0600));
	char *wrong = xstrdup(put("wrong", "other", 5, 0600));

	cert(NULL, pem("c.pem", x, NULL, NULL, 0644), pem("k.pem", NULL, k, NULL, 0600), NULL,
	    "PEM, two files");
	cert(NULL, pem("ck.pem", x, k, NULL, 0600), NULL, NULL, "PEM, one file");
	cert("chmod 600", pem("ck644.pem", x, k, NULL, 0644), NULL, NULL, "a key that others can read");
	cert("chmod 600", pem("c.pem", x, NULL, NULL, 0644), pem("k644.pem", NULL, k, NULL, 0644), NULL,
	    "in a file of its own, too");
	cert("no private key", pem("c.pem", x, NULL, NULL, 0644), NULL, NULL, "a certificate alone");
	cert("no certificate", pem("k.pem", NULL, k, NULL, 0600), NULL, NULL, "a key alone");
	cert("does not belong", pem("c.pem", x, NULL, NULL, 0644), pem("k2.pem", NULL, k2, NULL, 0600), NULL,
	    "another key");
	cert(NULL, pem("c.pem", x, NULL, NULL, 0644), pem("ke.pem", NULL, k, "pass phrase", 0600), pass,
	    "an encrypted key");
	cert("--cert-pass-file", pem("c.pem", x, NULL, NULL, 0644),
	    pem("ke.pem", NULL, k, "pass phrase", 0600), NULL, "without its pass phrase");
	cert("pass phrase wrong", pem("c.pem", x, NULL, NULL, 0644),
	    pem("ke.pem", NULL, k, "pass phrase", 0600), wrong, "with a wrong one");
	cert(NULL, p12("b.p12", x, k, "pass phrase"), NULL, pass, "PKCS#12");
	cert("--cert-pass-file", p12("b.p12", x, k, "pass phrase"), NULL, NULL, "without its pass phrase");
	cert("pass phrase wrong", p12("b.p12", x, k, "pass phrase"), NULL, wrong, "with a wrong one");
	cert(NULL, p12("e.p12", x, k, ""), NULL, put("empty", "\n", 1, 0600), "PKCS#12 with an empty one");
	cert("1024 bits", pem("s.pem", xs, small, NULL, 0600), NULL, NULL, "a short key");
	cert("not an RSA key", pem("e.pem", xe, ec, NULL, 0600), NULL, NULL, "an EC key");
	cert("neither a certificate nor", put("junk", "junk\n", 5, 0600), NULL, NULL, "neither");
	cert("neither a certificate nor", put("nil", "", 0, 0600), NULL, NULL, "an empty file");
	cert("No such file", path("none.pem"), NULL, NULL, "no file");
	cert("URI", memcpy(path(""), "no-such-scheme:x", 17), NULL, NULL, "an unknown kind of URI");

	chain(x2, x, k);
	free(pass);
	free(wrong);
	EVP_PKEY_free(k);
	EVP_PKEY_free(k2);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ec);
	X509_free(x);
	X509_free(x2);
	X509_free(xs);
	X509_free(xe);
}

static void
expiry(void)
{
	EVP_PKEY *k = make_key(2048);
	X509 *x = make_cert(k, 10);
	struct credential c;
	char day[] = "2031-05-01";
	int64_t left;

	reset();
	o.cert = pem("x.pem", x, k, NULL, 0600);
	credential_open(&c, &o, &err);
	left = credential_expires(&c) - (int64_t)time(NULL);
	ok(left > 9 * 86400 && left < 11 * 86400, "a certificate tells when it expires");
	credential_release(&c);
	reset();
	o.client_secret_file = put("x", "x", 1, 0600);
	credential_open(&c, &o, &err);
	is_int(credential_expires(&c), 0, "a secret does not");
	o.client_secret_expires = day;
	ok(credential_expires(&c) > 1900000000, "--client-secret-expires does");
	credential_release(&c);
	EVP_PKEY_free(k);
	X509_free(x);
}

int
main(void)
{
	log_init("test", -1);
	cleaning();
	files();
	other_ways();
	fingerprints();
	certificates();
	expiry();
	return done_testing();
}
