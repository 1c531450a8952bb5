/*
 * diag: the way to the server: name, TCP, proxy, TLS, greeting.
 *
 * Texts of OpenSSL's verifier: X509_verify_cert_error_string(3); of the
 * resolver: gai_strerror(3); of the system: strerror(3).
 */
#include "diag/table.h"

/* clang-format off */

#define DNS	S(STAGE_DNS)
#define TCP	S(STAGE_TCP)
#define PROXY	S(STAGE_PROXY)
#define TLS	S(STAGE_TLS)
#define GREETING S(STAGE_GREETING)
#define ALL_NET	(DNS | TCP | PROXY | TLS | GREETING)

#define WHOSE	"whose certificate is it?\n" \
	"\topenssl s_client -connect {sh:peer} -servername {sh:peerhost} </dev/null 2>/dev/null | " \
	"openssl x509 -noout -issuer -subject -dates"
#define HOSTS	"outlook.office365.com (global), outlook.office365.us (gcc-high), outlook-dod.office365.us (dod), " \
	"partner.outlook.cn (china)"

static const struct diag_row rows[] = {
/* --- proxy first: its own name and port may fail in the ways of the others --- */
{
	.stages = PROXY, .pattern = "HTTP 407|response 407|code 407|proxy authentication",
	.sample = "the proxy proxy:3128 answers HTTP 407 to CONNECT",
	.title = "the proxy wants a name and a password (407)",
	.cause = {
		{ .cause = "the proxy lets only those through who log in",
		  .tell = "the company's browsers do it silently (Kerberos, NTLM); cron cannot",
		  .cure = "ask for a rule that lets this machine reach the login host (443) and the IMAP host (993) "
		    "without logging in, or put a name and a password into the configuration file, mode 0600:\n"
		    "\tproxy = \"http://NAME:PASSWORD@HOST:PORT\"" },
	},
},
{
	.stages = PROXY, .pattern = "HTTP 4*|HTTP 5*|response 4*|response 5*|code 4*|code 5*|forbidden",
	.sample = "the proxy does not connect us: CONNECT tunnel failed, response 403",
	.title = "the proxy refuses CONNECT (403, 405, 503)",
	.cause = {
		{ .cause = "the proxy lets nobody through to port 993 (most let only 443 through)",
		  .tell = "the first works and the second does not:\n"
		    "\tcurl -sv -x {sh:proxy} https://login.microsoftonline.com -o /dev/null\n"
		    "\tcurl -sv -x {sh:proxy} telnet://{sh:host}:993 </dev/null",
		  .cure = "have {host}:993 allowed on the proxy {proxy}, or use a SOCKS proxy "
		    "(proxy = \"socks5h://HOST:PORT\"), or have the firewall let this machine reach port 993 itself" },
		{ .cause = "it is no proxy that knows CONNECT",
		  .cure = "set proxy to the company's own (look into a browser's settings)" },
	},
},
{
	.stages = PROXY, .pattern = "resolve proxy|find the proxy|proxy*not known|proxy*resolve|name resolution",
	.sample = "could not resolve proxy: proxy.example.invalid",
	.cause = {
		{ .cause = "the proxy's name {proxy} is misspelt, or known only inside the company's network",
		  .tell = "\tgetent ahosts {sh:proxyhost}",
		  .cure = "set proxy in {config}, or ALL_PROXY, HTTPS_PROXY in the environment; "
		    "--proxy '' goes without one" },
	},
},
{
	.stages = PROXY, .pattern = "unsupported proxy|proxy scheme|malformed",
	.sample = "unsupported proxy scheme in ftp://proxy (http, socks4a and socks5h are known)",
	.cause = {
		{ .cause = "the proxy {proxy} is written in a form that is not known",
		  .cure = "write it as http://HOST:PORT, socks5h://HOST:PORT or socks4a://HOST:PORT; https:// (TLS to the proxy itself) is not "
		    "supported" },
	},
},
{
	.stages = PROXY,
	.sample = "cannot connect through the proxy proxy:3128: Connection refused",
	.title = "the proxy does not answer, or anything else about it",
	.cause = {
		{ .cond = COND_PROXY,
		  .cause = "the proxy {proxy} does not listen there, or cannot be reached from here",
		  .tell = "\tcurl -sv -x {sh:proxy} https://login.microsoftonline.com -o /dev/null",
		  .cure = "correct proxy in {config} or ALL_PROXY, HTTPS_PROXY in the environment (cron has its own "
		    "environment); --proxy '' goes without one" },
	},
},

/* --- DNS --- */
{
	.stages = DNS, .pattern = "temporary failure|try again|could not contact",
	.sample = "temporary failure in name resolution",
	.cause = {
		{ .cause = "this machine reaches no name server: no network, or /etc/resolv.conf names a dead one",
		  .tell = "\tgetent ahosts {sh:peerhost}; cat /etc/resolv.conf",
		  .cure = "mend the network or the name server; the next run tries again" },
		{ .cond = COND_NO_PROXY,
		  .cause = "names outside are known to the proxy only",
		  .cure = "set proxy = \"http://HOST:PORT\" (or socks5h://, where the proxy resolves)" },
	},
},
{
	.stages = DNS,
	.sample = "name or service not known",
	.title = "a host's name is not known",
	.cause = {
		{ .cond = COND_OWN_HOST,
		  .cause = "the name {peerhost} is misspelt",
		  .tell = "\tgetent ahosts {sh:peerhost}",
		  .cure = "leave host and authority out and set cloud; the IMAP hosts are " HOSTS },
		{ .cond = COND_NO_PROXY,
		  .cause = "from here, names outside are known to the company's proxy only",
		  .tell = "no outside name is known:\n\tgetent ahosts www.microsoft.com",
		  .cure = "set proxy = \"http://HOST:PORT\"" },
		{ .cause = "the name server of this network answers wrongly, or there is no network",
		  .tell = "\tcat /etc/resolv.conf; ip route",
		  .cure = "mend the network or the name server" },
	},
},

/* --- TCP --- */
{
	.stages = TCP, .pattern = "refused|Couldn't connect",
	.sample = "cannot connect: Connection refused",
	.cause = {
		{ .cond = COND_PROXY,
		  .cause = "the proxy {proxy} does not listen there",
		  .tell = "\tcurl -sv -x {sh:proxy} https://login.microsoftonline.com -o /dev/null",
		  .cure = "correct proxy in {config} or ALL_PROXY, HTTPS_PROXY in the environment; --proxy '' goes without one" },
		{ .cause = "nothing listens on that host and port: host, port or authority is wrong",
		  .tell = "the login host listens on port 443, Exchange Online on port 993 of " HOSTS,
		  .cure = "leave host, port and authority out and set cloud" },
		{ .cond = COND_NO_PROXY,
		  .cause = "a firewall refuses the connection; from here it goes only through a proxy",
		  .tell = "port 443 of the same host works:\n\tcurl -sI https://{sh:peerhost} | head -n 1",
		  .cure = "have {peer} opened, or set proxy = \"http://HOST:PORT\"" },
	},
},
{
	.stages = TCP, .pattern = "timed out|timeout|time-out|no answer|in time",
	.sample = "no connection within 60 s: connection timed out",
	.cause = {
		{ .cond = COND_NO_PROXY,
		  .cause = "a firewall drops the connection: the company lets only its proxy out",
		  .tell = "port 443 of the same host works, or a browser here needs a proxy:\n"
		    "\tcurl -sI -m 20 https://{sh:peerhost} | head -n 1",
		  .cure = "have {peer} opened, or set proxy = \"http://HOST:PORT\"" },
		{ .cause = "IPv6 is announced here but leads nowhere",
		  .tell = "with -4 it works",
		  .cure = "run with -4, and mend IPv6" },
		{ .cause = "the network is down or slow just now",
		  .cure = "nothing: the next run tries again; timeout sets how long to wait" },
	},
},
{
	.stages = TCP, .pattern = "unreachable|no route",
	.sample = "network is unreachable",
	.cause = {
		{ .cause = "this machine has no way there: no network, no default route, or IPv6 only on paper",
		  .tell = "\tip route get 1.1.1.1; ip -6 route get 2606:4700::1111",
		  .cure = "mend the network; -4 or -6 keeps to one of the two" },
	},
},
{
	.stages = TCP, .pattern = "permission denied|operation not permitted",
	.sample = "operation not permitted",
	.cause = {
		{ .cause = "a rule of this machine forbids the connection (nftables, SELinux, a unit's IPAddressDeny or "
		    "RestrictAddressFamilies)",
		  .cure = "allow {subject} there" },
	},
},
{
	.stages = TCP,
	.sample = "connection reset by peer",
	.title = "connection reset, or anything else about TCP",
	.cause = {
		{ .cause = "a firewall in between cuts the connection, or the server is being restarted",
		  .tell = "it comes back at each try only with a firewall:\n\t{mscheck}",
		  .cure = "the next run tries again; if it lasts, have {peer} let through unchanged" },
	},
},

/* --- TLS --- */
{
	.stages = TLS, .pattern = "has expired",
	.sample = "certificate not accepted: certificate has expired",
	.cause = {
		{ .cause = "the clock of this machine is wrong",
		  .tell = "\tdate -u",
		  .cure = "set the clock and keep it so, as root:\n\ttimedatectl set-ntp true" },
		{ .cause = "somebody else answers with an old certificate: a proxy that breaks up TLS, or a wrong host",
		  .tell = WHOSE,
		  .cure = "have its administrators renew it, or leave host out" },
	},
},
{
	.stages = TLS, .pattern = "not yet valid",
	.sample = "certificate is not yet valid",
	.cause = {
		{ .cause = "the clock of this machine is behind",
		  .tell = "\tdate -u",
		  .cure = "set the clock and keep it so, as root:\n\ttimedatectl set-ntp true" },
	},
},
{
	.stages = TLS, .pattern = "CA file|no CA cert",
	.sample = "no CA certificate (PEM) in this file",
	.cause = {
		{ .cond = COND_CA_FILE,
		  .cause = "{ca} is no file with PEM certificates",
		  .tell = "\topenssl storeutl -noout -certs {sh:ca}",
		  .cure = "give a PEM file (-----BEGIN CERTIFICATE-----), or leave ca-file out for the system's store" },
		{ .cond = COND_NO_CA_FILE,
		  .cause = "the system has no certificates of authorities",
		  .tell = "\tls -l /etc/ssl/certs/ca-certificates.crt",
		  .cure = "\tapt-get install ca-certificates" },
	},
},
{
	.stages = TLS, .pattern = "local issuer|self-signed|self signed|unable to get issuer|first certificate|"
	    "unknown ca|issuer certificate|not trusted|untrusted",
	.sample = "self-signed certificate in certificate chain",
	.title = "unknown issuer: \"unable to get local issuer certificate\", \"self-signed certificate\"",
	.cause = {
		{ .cond = COND_CA_FILE,
		  .cause = "{ca} does not hold the authority that signed this server's certificate",
		  .tell = WHOSE,
		  .cure = "leave ca-file out for Microsoft's servers, or add the authority to the file" },
		{ .cause = "a proxy or virus scanner of the company breaks up TLS and signs with an authority of its own",
		  .tell = "Microsoft's are issued by DigiCert or Microsoft. " WHOSE,
		  .cure = "have the login host and {host} exempted from inspection (Microsoft asks for that), or get the "
		    "company's authority as a PEM file, if you trust it to read this mail, and set\n"
		    "\tca-file = \"/etc/ssl/certs/COMPANY.pem\"" },
		{ .cond = COND_NO_CA_FILE,
		  .cause = "this machine has no certificates of authorities, or very old ones",
		  .tell = "\tls -l /etc/ssl/certs/ca-certificates.crt",
		  .cure = "\tapt-get install ca-certificates" },
	},
},
{
	.stages = TLS, .pattern = "hostname mismatch|IP address mismatch|name mismatch|does not match|wrong host|not for host|"
	    "no alternative certificate subject name",
	.sample = "certificate not accepted: hostname mismatch",
	.title = "the certificate is for another host",
	.cause = {
		{ .cause = "host or authority is another name of the server, or its IP address",
		  .tell = "the certificate's own names:\n"
		    "\topenssl s_client -connect {sh:peer} </dev/null 2>/dev/null | "
		    "openssl x509 -noout -ext subjectAltName",
		  .cure = "leave host and authority out and set cloud; the IMAP hosts are " HOSTS },
		{ .cause = "something in between answers in the server's place (a guest network, a proxy)",
		  .tell = WHOSE,
		  .cure = "sign in to the network, or set proxy" },
	},
},
{
	.stages = TLS, .pattern = "key too small|md too weak|too weak|unsuitable|purpose|invalid CA|path length|"
	    "bad signature|signature failure|insecure",
	.sample = "EE certificate key too weak",
	.title = "a certificate that is too weak or made for something else",
	.cause = {
		{ .cause = "this is not Microsoft's certificate: its key is too short, its signature too old, or it is not "
		    "made for servers",
		  .tell = WHOSE,
		  .cure = "have the login host and {host} exempted from the proxy's inspection, or a proper "
		    "certificate put on the server" },
	},
},
{
	.stages = TLS, .pattern = "wrong version number|packet length|http request|record layer|unexpected message|"
	    "bad record type",
	.sample = "TLS: wrong version number",
	.title = "the other side does not speak TLS (\"wrong version number\")",
	.cause = {
		{ .cause = "the port is not one where TLS begins at once: 143 and 587 are not, 993 is",
		  .cure = "leave port out, or set port = 993" },
		{ .cause = "something in between answers in plain text (a proxy, a guest network)",
		  .tell = "\tcurl -sv -m 10 telnet://{sh:peer} </dev/null",
		  .cure = "set proxy, or have {peer} let through unchanged" },
	},
},
{
	.stages = TLS, .pattern = "protocol version|unsupported protocol|no protocols|handshake failure|no shared cipher|"
	    "inappropriate fallback",
	.sample = "tlsv1 alert protocol version",
	.title = "no common TLS version or cipher",
	.cause = {
		{ .cause = "something in between, or an old server, knows only TLS 1.0 or 1.1; ours begin with 1.2, and "
		    "Exchange Online does too",
		  .tell = "\topenssl s_client -connect {sh:peer} -tls1_2 </dev/null 2>&1 | grep -E 'Protocol|Cipher'",
		  .cure = "have the login host and {host} exempted from the proxy's inspection" },
		{ .cause = "openssl.cnf of this machine switches off what the server offers",
		  .tell = "it works with\n\tOPENSSL_CONF=/dev/null {mscheck}",
		  .cure = "mend MinProtocol and CipherString in /etc/ssl/openssl.cnf" },
	},
},
{
	.stages = TLS,
	.sample = "connection closed by peer in the handshake",
	.title = "the connection ends in the handshake, or anything else about TLS",
	.cause = {
		{ .cause = "a firewall or proxy in between cuts TLS to {host}",
		  .tell = "from another network it works:\n"
		    "\topenssl s_client -connect {sh:peer} -servername {sh:peerhost} </dev/null",
		  .cure = "have {peer} let through unchanged, or set proxy" },
		{ .cause = "the server is being restarted", .cure = "nothing: the next run tries again" },
	},
},

/* --- greeting --- */
{
	.stages = GREETING, .pattern = "greeting: HTTP/|greeting: 2|greeting: 5|greeting: +OK|greeting: -ERR|greeting: SSH-",
	.sample = "unexpected greeting: HTTP/1.1 400 Bad Request",
	.cause = {
		{ .cause = "another service answers on this port",
		  .cure = "leave host and port out (IMAP with TLS is on 993, POP on 995, web on 443)" },
	},
},
{
	.stages = GREETING, .pattern = "BYE|closed. 1*|too many",
	.sample = "Connection is closed. 13",
	.cause = {
		{ .cause = "the server is full or being restarted, or has had too many connections from here",
		  .tell = "how many are open from this machine?\n\tss -tn dport = :993",
		  .cure = "the next run tries again; fewer programs on one mailbox at a time, and a lower -j" },
	},
},
{
	.stages = GREETING,
	.sample = "no greeting within 60 s",
	.title = "no greeting, or one that is not IMAP",
	.cause = {
		{ .cause = "something in between takes the connection and does not pass it on (a scanner, a proxy)",
		  .tell = "\topenssl s_client -quiet -connect {sh:peer} -servername {sh:peerhost} </dev/null",
		  .cure = "have {host}:993 let through unchanged" },
		{ .cause = "the server is busy or being restarted", .cure = "nothing: the next run tries again" },
		{ .cause = "host or port is that of another service",
		  .cure = "leave host and port out and set cloud" },
	},
},
};
/* clang-format on */

const struct diag_section diag_section_net = {
	"The way to the server: name, connection, proxy, TLS, greeting", rows, sizeof rows / sizeof rows[0]
};
