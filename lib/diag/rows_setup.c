/*
 * diag: options, configuration file, and the credential of the app.
 */
#include "diag/table.h"

/* clang-format off */

#define CONFIG	S(STAGE_CONFIG)
#define CRED	S(STAGE_CREDENTIAL)

#define OVERVIEW "entra.microsoft.com > App registrations > All applications > the app > Overview"

static const struct diag_row rows[] = {
{
	.stages = CONFIG, .pattern = "access token stands",
	.sample = "an access token stands in argument 1: it is neither used nor shown",
	.cause = {
		{ .cause = "the token was pasted, or put there by $(mstoken ...): everybody on this machine can read "
		    "arguments, and the shell's history keeps them",
		  .tell = "it begins with eyJ and has dots; or it has 400 characters and no blank, and stands for no folder or "
		    "search",
		  .cure = "pipe it:\n\t{mstoken} | PROGRAM ...\nand count this one as exposed: take it out of the history; "
		    "it opens the mailboxes of the app until it expires (60 to 90 minutes)" },
		{ .cause = "it is the name of a file or directory, and no token",
		  .cure = "write ./ in front of it" },
	},
},
{
	.stages = CONFIG, .pattern = "client secret stands",
	.sample = "a client secret stands in argument 2: it is neither used nor shown",
	.cause = {
		{ .cause = "the secret itself was given where the name of a file that holds it should be; everybody on this "
		    "machine can read arguments, and the shell's history keeps them",
		  .cure = "write it into a file, and name that by client-secret-file:\n"
		    "\t(umask 077; cat > ~/.config/mstools/work.secret)\n"
		    "if it stood in an argument, count it as exposed: make a new one, and delete this one (App registrations > the "
		    "app > Certificates & secrets)" },
	},
},
{
	.stages = CONFIG, .pattern = "unknown key|on the command line, not into",
	.sample = "unknown key 'tennant': did you mean 'tenant'?",
	.cause = {
		{ .cause = "the key is misspelt, or stands outside its account: keys are the long options without the dashes",
		  .tell = "the list is mstools-config(5), and PROGRAM --help",
		  .cure = "correct the line that is named in front" },
	},
},
{
	.stages = CONFIG, .pattern = "no such account",
	.sample = "no such account in ~/.config/mstools/config (there are: work)",
	.cause = {
		{ .cause = "no configuration file has a section of this name",
		  .tell = "\tgrep -n ^account ~/.config/mstools/config /etc/mstools/config",
		  .cure = "correct -a, or write the section (--config names another file; cron has its own HOME, and files of "
		    "another user are not seen):\n"
		    "\taccount work {\n"
		    "\t    tenant = contoso.onmicrosoft.com\n"
		    "\t    client-id = APPLICATION-ID\n"
		    "\t    client-secret-file = ~/.config/mstools/work.secret\n"
		    "\t    user = NAME@DOMAIN\n"
		    "\t    maildir = ~/Mail/work\n"
		    "\t    token-cmd = \"mstoken -a work\"\n"
		    "\t}" },
	},
},
{
	.stages = CONFIG, .pattern = "it names a command",
	.sample = "it names a command (token-cmd) and others may write it (mode 0666): chmod go-w 'config'",
	.cause = {
		{ .cause = "the file names commands that will be run, so nobody else may be able to change it",
		  .tell = "\tls -l {sh:subject}",
		  .cure = "\tchmod go-w {sh:subject} && chown \"$(id -un)\" {sh:subject}" },
	},
},
{
	.stages = CONFIG, .pattern = "should be|quote|takes one value|already set|without a name|already in line|is missing|"
	    "an account within|control character",
	.sample = "the line ends where '=' should be",
	.title = "the configuration file cannot be parsed",
	.cause = {
		{ .cause = "a value with blanks or other signs is not in double quotes, or a brace or quote is missing above the line",
		  .cure = "the form is\n\taccount work {\n\t    tenant = \"contoso.onmicrosoft.com\"\n\t}" },
	},
},
{
	.stages = CONFIG, .pattern = "no tenant|from one tenant",
	.sample = "no tenant: the account has no 'tenant' (or give --tenant ID)",
	.cause = {
		{ .cause = "mstoken must know the tenant",
		  .tell = OVERVIEW ": \"Directory (tenant) ID\"",
		  .cure = "set tenant in {config} (the ID, or NAME.onmicrosoft.com), or give --tenant" },
	},
},
{
	.stages = CONFIG, .pattern = "no application|no client id",
	.sample = "no application: the account has no 'client-id' (or give --client-id ID)",
	.cause = {
		{ .cause = "mstoken must know the app",
		  .tell = OVERVIEW ": \"Application (client) ID\"",
		  .cure = "set client-id in {config}, or give --client-id" },
	},
},
{
	.stages = CONFIG, .pattern = "no mailbox|not the address of a mailbox",
	.sample = "no mailbox: the account has no 'user' (or give -u MAILBOX)",
	.cause = {
		{ .cause = "a token of an app opens many mailboxes, so the program must be told which",
		  .cure = "set user = \"NAME@DOMAIN\" in the account, or give -u" },
	},
},
{
	.stages = CONFIG, .pattern = "no Maildir|no state",
	.sample = "no Maildir: the account has no 'maildir' (or give MAILDIR)",
	.cause = {
		{ .cause = "msfetch must know where to deliver",
		  .cure = "name a Maildir on the command line, or set maildir in the account; --pipe without one needs --state" },
	},
},
{
	.stages = CONFIG, .pattern = "exclude each other",
	.sample = "'cert' and 'client-secret-file' exclude each other: the configuration has both",
	.cause = {
		{ .cause = "the account (or the part of the file before all accounts) has two settings of which only one can hold",
		  .cure = "take one of them out; a setting on the command line wins over the file" },
	},
},
{
	.stages = CONFIG, .pattern = "authority",
	.sample = "the authority must be an https URL",
	.cause = {
		{ .cause = "authority is the login host alone",
		  .cure = "leave authority out and set cloud, or write it as in\n\tauthority = \"https://login.microsoftonline.com\"" },
	},
},
{
	.stages = CONFIG, .pattern = "No such file|cannot open|cannot read",
	.sample = "cannot open: Permission denied",
	.title = "the configuration file cannot be read",
	.cause = {
		{ .cause = "--config names a file that is not there, or that this user may not read",
		  .tell = "\tnamei -l {sh:subject}; id -un",
		  .cure = "correct the name, or give the file to the user who runs this; without --config, "
		    "~/.config/mstools/config and /etc/mstools/config are read" },
	},
},
{
	.stages = CONFIG, .kinds = K(ERR_CONFIG), /* a usage error names its option, and what to write */
	.sample = "something in the configuration is wrong",
	.title = "anything else about the configuration",
	.cause = {
		{ .cause = "a key of {config} has a value that does not do",
		  .cure = "mstools-config(5) describes each key; --config /dev/null leaves the files out" },
	},
},

/* --- credential --- */
{
	.stages = CRED, .pattern = "others can",
	.sample = "others can read it (mode 0644): chmod 600 'secret'",
	.title = "a secret file that others can read",
	.cause = {
		{ .cause = "anybody on this machine can read the secret; it is refused before it is used",
		  .cure = "\tchmod 600 {sh:subject}\n"
		    "and, if others may have read it, make a new secret in the portal (App registrations > the app > Certificates & "
		    "secrets)" },
	},
},
{
	.stages = CRED, .pattern = "belongs to user",
	.sample = "belongs to user 1000, not to user 0 or root: chown 0 'secret'",
	.cause = {
		{ .cause = "whoever owns the file can change it; so it must be root's or yours",
		  .tell = "\tls -l {sh:subject}; id -un",
		  .cure = "as root:\n\tchown USER {sh:subject}" },
	},
},
{
	.stages = CRED, .pattern = "is no token",
	.sample = "its last line is no token",
	.title = "--token-file or --token-cmd: what came is no token",
	.cause = {
		{ .cause = "what is read holds something else: a message, JSON, an empty line, the wrong file",
		  .tell = "whatever mstoken writes is one line of printable characters without blanks:\n"
		    "\t{mstoken} > FILE && wc FILE",
		  .cure = "write the file by mstoken and nothing else (umask 077), or let token-cmd be mstoken itself" },
	},
},
{
	.stages = CRED, .pattern = "token command|token file",
	.sample = "the token command failed with status 78",
	.cause = {
		{ .cause = "the command that gets the token failed; what it said itself stands above",
		  .tell = "run it by hand, as the same user and with cron's environment:\n"
		    "\tenv -i HOME=\"$HOME\" PATH=/usr/bin:/bin sh -c {sh:tokencmd} >/dev/null; echo $?",
		  .cure = "use absolute paths (cron has a short PATH and its own HOME); walk the chain with\n\t{mscheck}" },
	},
},
{
	.stages = CRED, .pattern = "no credential|more than one credential",
	.sample = "no credential: give --client-secret-file, --client-secret-cmd or --cert, or set $MSTOOLS_CLIENT_SECRET",
	.cause = {
		{ .cause = "the app needs exactly one: a client secret or a certificate",
		  .tell = "both are made in App registrations > the app > Certificates & secrets",
		  .cure = "set client-secret-file to a file (mode 600) with the secret's Value, or cert and key to the certificate "
		    "and its private key" },
	},
},
{
	.stages = CRED, .pattern = "command",
	.sample = "the command for the client secret failed with status 1",
	.cause = {
		{ .cause = "the command that prints the secret failed; what it said itself stands above",
		  .tell = "run it by hand, as the same user; it must print the secret and end with 0",
		  .cure = "use absolute paths (cron has a short PATH); a password store that asks somebody cannot work in cron" },
	},
},
{
	.stages = CRED, .pattern = "pass phrase|mac verify|bad decrypt|bad password",
	.sample = "cannot decrypt it: is the pass phrase wrong?",
	.cause = {
		{ .cause = "the pass phrase in cert-pass-file is not that of the key or PKCS#12 file",
		  .tell = "asks for it and shows whether it fits:\n"
		    "\topenssl pkcs12 -in {sh:credential} -noout    (PKCS#12)\n"
		    "\topenssl pkey -in {sh:credential} -noout      (PEM)",
		  .cure = "write the right one to the file: type this, then the pass phrase, Enter, Ctrl-D (as an argument it would "
		    "stay in the shell's history):\n"
		    "\t(umask 077; cat > PASS-FILE)" },
		{ .cause = "no pass phrase is given, and the key has one",
		  .cure = "set cert-pass-file" },
	},
},
{
	.stages = CRED, .pattern = "no private key",
	.sample = "holds no private key: name it by --key",
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
	.stages = CRED, .pattern = "no certificate",
	.sample = "holds no certificate",
	.cause = {
		{ .cause = "the certificate itself is needed too (its thumbprint goes into each request)",
		  .cure = "set cert to the file with the certificate, and key to the one with the private key" },
	},
},
{
	.stages = CRED, .pattern = "does not belong",
	.sample = "the key does not belong to the certificate cert.pem",
	.cause = {
		{ .cause = "cert and key are of two different pairs",
		  .tell = "the two lines must be equal:\n"
		    "\topenssl x509 -in {sh:credential} -noout -pubkey | sha256sum\n"
		    "\topenssl pkey -in KEY-FILE -pubout | sha256sum",
		  .cure = "set cert and key to files of one pair" },
	},
},
{
	.stages = CRED, .pattern = "not an RSA key|bits; Entra",
	.sample = "the key is not an RSA key, and Entra ID takes no other",
	.cause = {
		{ .cause = "Entra ID takes RSA keys of at least 2048 bits",
		  .cure = "make a new pair and upload cert.pem:\n"
		    "\t(umask 077; openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=mstools -keyout key.pem -out cert.pem)" },
	},
},
{
	.stages = CRED, .pattern = "this kind of URI|unregistered scheme",
	.sample = "no provider of OpenSSL opens this kind of URI (see openssl.cnf): unsupported",
	.cause = {
		{ .cause = "OpenSSL has no module for this kind of address",
		  .tell = "\topenssl list -providers; openssl list -store-loaders",
		  .cure = "for a token or HSM install the module (Debian: pkcs11-provider, or libengine-pkcs11-openssl) and name it in "
		    "openssl.cnf" },
	},
},
{
	.stages = CRED, .pattern = "neither a certificate nor",
	.sample = "neither a certificate nor a private key",
	.cause = {
		{ .cause = "the file is of another kind: the client secret in the certificate's place, a certificate request, DER of "
		    "something else",
		  .tell = "\tfile {sh:subject}; openssl storeutl -noout -text {sh:subject}",
		  .cure = "cert is a PEM or PKCS#12 (.pfx) file, or a pkcs11: address; a client secret goes into client-secret-file" },
		{ .cause = "an old PKCS#12 file, encrypted in a way that this OpenSSL does not know without its legacy provider",
		  .tell = "\topenssl list -providers -provider legacy",
		  .cure = "write it anew, where the provider is:\n"
		    "\topenssl pkcs12 -legacy -in {sh:subject} -nodes -out both.pem && chmod 600 both.pem" },
	},
},
{
	.stages = CRED, .pattern = "neither a file nor a FIFO",
	.sample = "neither a file nor a FIFO",
	.cause = {
		{ .cause = "the name is that of a directory or device",
		  .tell = "\tls -ld {sh:subject}",
		  .cure = "name the file itself" },
	},
},
{
	.stages = CRED, .pattern = "is empty",
	.sample = "the client secret is empty",
	.cause = {
		{ .cause = "there is nothing in the file, or nothing came out of the command",
		  .cure = "write the secret's Value to it, without anything else: " PASTE "\n"
		    "\t(umask 077; cat > {sh:subject})" },
	},
},
{
	.stages = CRED, .pattern = "single line|no client secret|longer than|too long",
	.sample = "the client secret must be a single line",
	.cause = {
		{ .cause = "the file holds more than the secret (a comment, a second line, bytes of another encoding)",
		  .tell = "\twc -lc {sh:subject}",
		  .cure = "write the secret's Value to it, without anything else: " PASTE "\n"
		    "\t(umask 077; cat > {sh:subject})" },
	},
},
{
	.stages = CRED, .pattern = "No such file|not found|does not exist",
	.sample = "cannot open: No such file or directory",
	.cause = {
		{ .cause = "the file is not there for this user: misspelt, or relative to another directory (cron begins in HOME)",
		  .tell = "\tls -l {sh:subject}",
		  .cure = "use an absolute path in {config}" },
		{ .cause = "it has not been written yet",
		  .cure = "a certificate or key: copy it to there, mode 600; a secret: " PASTE "\n"
		    "\t(umask 077; cat > {sh:subject})" },
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
/* clang-format on */

const struct diag_section diag_section_setup = { "Configuration and credential", rows,
	sizeof rows / sizeof rows[0] };
