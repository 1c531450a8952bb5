/*
 * credential: by which the application proves who it is to Entra ID: a client
 * secret or a certificate with its key.
 *
 * Exactly one of --client-secret-file, --client-secret-cmd and --cert; where
 * there is none, $MSTOOLS_CLIENT_SECRET, then the file client-secret in
 * $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=).  A file option
 * whose value is a bare name is looked for in $CREDENTIALS_DIRECTORY first.
 *
 * Two steps, so that a token that is still good in the cache costs neither a
 * command nor a smart card's PIN: credential_open finds out who we are,
 * credential_load what is needed for a request.
 */
#ifndef MSTOOLS_CREDENTIAL_H
#define MSTOOLS_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

#define CREDENTIAL_SECRET_MAX 4096
#define CREDENTIAL_WARN_SECS (30 * 86400)

enum credential_type { CREDENTIAL_SECRET, CREDENTIAL_CMD, CREDENTIAL_CERT };

struct credential {
	enum credential_type type;
	unsigned char fingerprint[32]; /* of the secret, the command's text, or the certificate */
	bool rereadable;	       /* false: opening it again would find nothing (FIFO, environment) */
	char *name;		       /* owned: file, URI or variable, for messages */
	struct secret secret;	       /* the client secret, once loaded */
	X509 *cert;		       /* owned; NULL unless CREDENTIAL_CERT */
	EVP_PKEY *key;		       /* owned; once loaded */

	const struct options *o; /* foreign */
	struct secret pass;	 /* of the key store */
	bool has_pass;
};

/*
 * Chooses and opens the credential of o, which must outlive it.  Takes
 * $MSTOOLS_CLIENT_SECRET out of the environment.  c must be released in any
 * case.  0, or -1 with err set (STAGE_CREDENTIAL; ERR_CONFIG).
 */
int credential_open(struct credential *c, const struct options *o, struct err *);

/* Runs the secret command, or loads the private key; twice is harmless.  0, or -1 with err set. */
int credential_load(struct credential *c, struct err *);
void credential_release(struct credential *); /* cleanses */

/* When it expires, as far as we know (--client-secret-expires, the certificate); 0: not known. */
int64_t credential_expires(const struct credential *);

/*
 * Makes a client secret out of what a file or command gave: takes one line end
 * off the end.  1 and a text for a warning in *odd if blanks remain at an end,
 * 0 if all is well, -1 with err set if it is empty, overlong, of several lines,
 * or not printable ASCII.  name: where it comes from.
 */
int credential_clean(struct secret *, const char *name, const char **odd, struct err *);

#endif
