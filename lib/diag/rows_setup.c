/*
 * diag: options, configuration file, and the credential of the app.
 */
#include "diag/table.h"

#define CONFIG	S(STAGE_CONFIG)
#define CRED	S(STAGE_CREDENTIAL)

#define OVERVIEW "entra.microsoft.com > App registrations > All applications > the app > Overview"

static const struct diag_row rows[] = {
{
	.stages = CONFIG, .pattern = "unknown key|no such option|unknown option|unknown setting|no such key",
	.sample = "unknown key 'tennant'",
	.cause = {
		{ .cause = "the key is misspelt, or stands outside its account: keys are the long options without the dashes",
		  .tell = "the list is mstools-config(5), and PROGRAM --help",
		  .cure = "correct the line that is named in front" },
	},
},
{
	.stages = CONFIG, .pattern = "no account|no such account|unknown account|not find account",
	.sample = "no account 'wrok'",
	.cause = {
		{ .cause = "no configuration file has a section of this name",
		  .tell = "\tgrep -n ^account ~/.config/mstools/config /etc/mstools/config",
		  .cure = "correct -a, or write the section; --config names another file. Cron has its own HOME: files of "
		    "another user are not seen" },
	},
},
{
	.stages = CONFIG, .pattern = "writable by|belongs to|owned by|not owned|owner",
	.sample = "is writable by others; run: chmod go-w ~/.config/mstools/config",
	.cause = {
		{ .cause = "the file names commands that will be run, so nobody else may be able to change it",
		  .tell = "\tls -l {sh:subject}",
		  .cure = "\tchmod go-w {sh:subject} && chown \"$(id -un)\" {sh:subject}" },
	},
},
{
	.stages = CONFIG, .pattern = "unexpected|syntax|parse error|missing*quote|missing*brace|unterminated|premature|invalid value|"
	    "not a number",
	.sample = "unexpected closing brace",
	.title = "the configuration file cannot be parsed",
	.cause = {
		{ .cause = "a value with blanks or other signs is not in double quotes, or a brace or quote is missing above the line",
		  .cure = "the form is\n\taccount work {\n\t    tenant = \"contoso.onmicrosoft.com\"\n\t}" },
	},
},
{
	.stages = CONFIG, .pattern = "tenant",
	.sample = "no tenant is given",
	.cause = {
		{ .cause = "mstoken must know the tenant",
		  .tell = OVERVIEW ": \"Directory (tenant) ID\"",
		  .cure = "set tenant in {config} (the ID, or NAME.onmicrosoft.com), or give --tenant" },
	},
},
{
	.stages = CONFIG, .pattern = "client-id|client id",
	.sample = "no client-id is given",
	.cause = {
		{ .cause = "mstoken must know the app",
		  .tell = OVERVIEW ": \"Application (client) ID\"",
		  .cure = "set client-id in {config}, or give --client-id" },
	},
},
{
	.stages = CONFIG, .pattern = "user|mailbox",
	.sample = "no mailbox is given (--user)",
	.cause = {
		{ .cause = "a token of an app opens many mailboxes, so the program must be told which",
		  .cure = "set user = \"NAME@DOMAIN\" in the account, or give -u" },
	},
},
{
	.stages = CONFIG, .pattern = "maildir|state",
	.sample = "no Maildir is given",
	.cause = {
		{ .cause = "msfetch must know where to deliver",
		  .cure = "name a Maildir on the command line, or set maildir in the account; --pipe without one needs --state" },
	},
},
{
	.stages = CONFIG | S(STAGE_FILE), .pattern = "--pipe|pipe command|filter",
	.kinds = K(ERR_CONFIG),
	.sample = "the --pipe command failed with status 127 (no such command)",
	.cause = {
		{ .cause = "the filter command is not there, is not executable, or complains about its own set-up (64, 78)",
		  .tell = "run it by hand, as the same user:\n\tsh -c 'COMMAND' < FILE; echo $?",
		  .cure = "use absolute paths (cron has a short PATH). Nothing was lost: the message comes again" },
	},
},
{
	.stages = CONFIG,
	.sample = "something in the configuration is wrong",
	.title = "anything else about options and configuration",
	.cause = {
		{ .cause = "an option or a key of {config} has a value that does not do",
		  .cure = "mstools-config(5) describes each key; --config /dev/null leaves the files out" },
	},
},

/* --- credential --- */
{
	.stages = CRED, .pattern = "chmod|readable by|accessible by|access for group|open to others|mode 0|permissions",
	.sample = "can be read by others; run: chmod 600 secret",
	.title = "a secret file that others can read",
	.cause = {
		{ .cause = "anybody on this machine can read the secret; it is refused before it is used",
		  .cure = "\tchmod 600 {sh:subject}\n"
		    "and, if others may have read it, make a new secret in the portal (App registrations > the app > Certificates & "
		    "secrets)" },
	},
},
{
	.stages = CRED, .pattern = "owned by|belongs to|not owned|owner",
	.sample = "belongs to another user",
	.cause = {
		{ .cause = "whoever owns the file can change it; so it must be root's or yours",
		  .tell = "\tls -l {sh:subject}; id -un",
		  .cure = "as root:\n\tchown USER {sh:subject}" },
	},
},
{
	.stages = CRED, .pattern = "token command|token-cmd|token file|token-file",
	.sample = "the token command failed with status 78",
	.cause = {
		{ .cause = "the command that gets the token failed; what it said itself stands above",
		  .tell = "run it by hand, as the same user and with cron's environment:\n"
		    "\tenv -i HOME=\"$HOME\" PATH=/usr/bin:/bin sh -c {sh:tokencmd} >/dev/null; echo $?",
		  .cure = "use absolute paths (cron has a short PATH and its own HOME); walk the chain with\n\t{mscheck}" },
	},
},
{
	.stages = CRED, .pattern = "no credential|no client secret|more than one credential|both a secret and",
	.sample = "no credential: set client-secret-file, client-secret-cmd, or cert and key",
	.cause = {
		{ .cause = "the app needs exactly one: a client secret or a certificate",
		  .tell = "both are made in App registrations > the app > Certificates & secrets",
		  .cure = "set client-secret-file to a file (mode 600) with the secret's Value, or cert and key to the certificate "
		    "and its private key" },
	},
},
{
	.stages = CRED, .pattern = "secret command|secret-cmd|client-secret-cmd",
	.sample = "the client secret command failed with status 1",
	.cause = {
		{ .cause = "the command that prints the secret failed; what it said itself stands above",
		  .tell = "run it by hand, as the same user; it must print the secret and end with 0",
		  .cure = "use absolute paths (cron has a short PATH); a password store that asks somebody cannot work in cron" },
	},
},
{
	.stages = CRED, .pattern = "pass phrase|passphrase|password|mac verify|bad decrypt|maybe wrong",
	.sample = "wrong pass phrase, or the file is damaged",
	.cause = {
		{ .cause = "the pass phrase in cert-pass-file is not that of the key or PKCS#12 file",
		  .tell = "asks for it and shows whether it fits:\n"
		    "\topenssl pkcs12 -in {sh:credential} -noout    (PKCS#12)\n"
		    "\topenssl pkey -in {sh:credential} -noout      (PEM)",
		  .cure = "write the right one to the file, without anything else:\n"
		    "\t(umask 077; printf %s 'PASS-PHRASE' > PASS-FILE)" },
		{ .cause = "no pass phrase is given, and the key has one",
		  .cure = "set cert-pass-file" },
	},
},
{
	.stages = CRED, .pattern = "no private key|no key|without*key|private key*missing|holds no private",
	.sample = "holds a certificate but no private key",
	.cause = {
		{ .cause = "the file is the public half (.cer, .crt), the one that is uploaded to the portal",
		  .tell = "counts private keys:\n\tgrep -c 'PRIVATE KEY' {sh:subject}",
		  .cure = "set key to the file with the private key, or cert to the .pfx or .pem that holds both; without "
		    "it nothing can be signed. A new pair:\n"
		    "\t(umask 077; openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=mstools -keyout key.pem -out cert.pem)\n"
		    "then upload cert.pem: App registrations > the app > Certificates & secrets > Certificates" },
	},
},
{
	.stages = CRED, .pattern = "no certificate|without*certificate|certificate*missing",
	.sample = "holds a private key but no certificate",
	.cause = {
		{ .cause = "the certificate itself is needed too (its thumbprint goes into each request)",
		  .cure = "set cert to the file with the certificate, and key to the one with the private key" },
	},
},
{
	.stages = CRED, .pattern = "do not belong|does not belong|does not match|do not match|mismatch|not a pair",
	.sample = "the private key does not belong to the certificate",
	.cause = {
		{ .cause = "cert and key are of two different pairs",
		  .tell = "the two lines must be equal:\n"
		    "\topenssl x509 -in {sh:credential} -noout -pubkey | sha256sum\n"
		    "\topenssl pkey -in KEY-FILE -pubout | sha256sum",
		  .cure = "set cert and key to files of one pair" },
	},
},
{
	.stages = CRED, .pattern = "certificate*expired|certificate*ran out|not yet valid",
	.sample = "the certificate expired on 2026-11-01",
	.cause = {
		{ .cause = "the app's certificate is no longer (or not yet) valid",
		  .tell = "\topenssl x509 -in {sh:credential} -noout -dates; date -u",
		  .cure = "make a new pair, upload the new certificate, then switch; both may be registered at a time:\n"
		    "\t(umask 077; openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=mstools -keyout key.pem -out cert.pem)" },
	},
},
{
	.stages = CRED, .pattern = "not RSA|RSA|elliptic|unsupported key|too short|bits",
	.sample = "is not an RSA key",
	.cause = {
		{ .cause = "Entra ID takes RSA keys of at least 2048 bits",
		  .cure = "make a new pair and upload cert.pem:\n"
		    "\t(umask 077; openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=mstools -keyout key.pem -out cert.pem)" },
	},
},
{
	.stages = CRED, .pattern = "pkcs11|scheme|provider|unregistered|no store",
	.sample = "no loader for the scheme pkcs11",
	.cause = {
		{ .cause = "OpenSSL has no module for this kind of address",
		  .tell = "\topenssl list -providers; openssl list -store-loaders",
		  .cure = "for a token or HSM install the module (Debian: pkcs11-provider, or libengine-pkcs11-openssl) and name it in "
		    "openssl.cnf" },
	},
},
{
	.stages = CRED, .pattern = "unsupported|digest|RC2|legacy",
	.sample = "PKCS#12 with an unsupported algorithm (RC2-40-CBC)",
	.cause = {
		{ .cause = "an old PKCS#12 file, encrypted in a way that OpenSSL 3 no longer takes",
		  .cure = "write it anew:\n"
		    "\topenssl pkcs12 -legacy -in {sh:subject} -nodes -out both.pem && chmod 600 both.pem" },
	},
},
{
	.stages = CRED, .pattern = "empty|no secret in",
	.sample = "is empty",
	.cause = {
		{ .cause = "there is nothing in the file, or nothing came out of the command",
		  .cure = "write the secret's Value to it, without anything else:\n"
		    "\t(umask 077; printf %s 'THE-VALUE' > {sh:subject})" },
	},
},
{
	.stages = CRED, .pattern = "line|printable|control|binary|blank|too long|longer",
	.sample = "the secret has more than one line",
	.cause = {
		{ .cause = "the file holds more than the secret (a comment, a second line, bytes of another encoding)",
		  .tell = "\twc -lc {sh:subject}",
		  .cure = "write the secret's Value to it, without anything else:\n"
		    "\t(umask 077; printf %s 'THE-VALUE' > {sh:subject})" },
	},
},
{
	.stages = CRED, .pattern = "No such file|not found|does not exist",
	.sample = "cannot open: No such file or directory",
	.cause = {
		{ .cause = "the file is not there for this user: misspelt, or relative to another directory (cron begins in HOME)",
		  .tell = "\tls -l {sh:subject}",
		  .cure = "use an absolute path in {config}" },
	},
},
{
	.stages = CRED, .pattern = "Permission denied",
	.sample = "cannot open: Permission denied",
	.cause = {
		{ .cause = "this user may not read the file, or one of the directories above it",
		  .tell = "\tnamei -l {sh:subject}; id -un",
		  .cure = "give the file to the user who runs this, mode 600, or run it as the user it belongs to" },
	},
},
{
	.stages = CRED,
	.sample = "the credential cannot be used",
	.title = "anything else about the credential",
	.cause = {
		{ .cause = "the secret, certificate or key of the app cannot be used as it is",
		  .tell = "a PEM or PKCS#12 file can be looked into with\n\topenssl storeutl -noout -text -certs {sh:credential}",
		  .cure = "make a new secret or certificate: App registrations > the app > Certificates & secrets" },
	},
},
};

const struct diag_section diag_section_setup = {
	"Configuration and credential", rows, sizeof rows / sizeof rows[0]
};
