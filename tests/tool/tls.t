#!/bin/sh
# Servers that must not be believed: neither a token request nor an IMAP login gets as far as its first byte.
. "${0%/*}/../lib/sh"

"$root/tests/stand/pki" bad "$BUILD/stand-pki" || bail_out 'no certificates'
pki=$BUILD/stand-pki

quiet() {
	"$@" >openssl.log 2>&1 || { cat openssl.log >&2; bail_out "$*"; }
}

# One key serves all: what matters is what is said about it.
quiet openssl ecparam -name prime256v1 -genkey -noout -out any.key

san='subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'
leaf="basicConstraints=CA:FALSE
extendedKeyUsage=serverAuth"

# certify NAME CA SUBJECT EXTENSIONS [OPTIONS...]: NAME.pem, signed by CA.pem with CA.key.
certify() {
	name=$1 ca=$2 subject=$3
	printf '%s\n' "$4" >ext
	shift 4
	quiet openssl req -new -key any.key -subj "$subject" -out csr
	quiet openssl x509 -req -in csr -CA "$ca.pem" -CAkey "$ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 30 \
	    -extfile ext "$@" -out "$name.pem"
	cp any.key "$name.key"
}

cp "$pki/ca.pem" "$pki/ca.key" .
certify partial-wildcard ca /CN=localhost "subjectAltName=DNS:loc*
$leaf"
certify wildcard-above ca /CN=localhost "subjectAltName=DNS:*.localhost
$leaf"
certify wildcard-all ca /CN=localhost "subjectAltName=DNS:*
$leaf"
certify name-with-nul ca /CN=localhost "subjectAltName=DER:301982176c6f63616c686f7374002e6576696c2e6578616d706c65
$leaf"
certify trailing ca /CN=localhost "subjectAltName=DNS:localhost.evil.example
$leaf"
certify address-as-name ca /CN=127.0.0.1 "subjectAltName=DNS:127.0.0.1
$leaf"
certify mail-name ca /CN=x "subjectAltName=email:localhost,URI:https://localhost/
$leaf"
certify unknown-critical ca /CN=localhost "$san
1.2.3.4.5=critical,DER:0500
$leaf"
certify not-for-servers ca /CN=localhost "$san
extendedKeyUsage=codeSigning,emailProtection"
# chains: FOO-issuer is sent along
certify plain-issuer ca '/CN=no authority' 'basicConstraints=CA:FALSE'
certify by-a-leaf plain-issuer /CN=localhost "$san
$leaf"
certify nosign-issuer ca '/CN=may not sign' 'basicConstraints=critical,CA:TRUE
keyUsage=critical,digitalSignature'
certify by-one-that-may-not nosign-issuer /CN=localhost "$san
$leaf"
certify old-issuer ca '/CN=old authority' 'basicConstraints=critical,CA:TRUE' -days -1
certify by-an-expired-one old-issuer /CN=localhost "$san
$leaf"
certify narrow-issuer ca '/CN=narrow authority' 'basicConstraints=critical,CA:TRUE
nameConstraints=critical,excluded;DNS:localhost'
certify excluded-name narrow-issuer /CN=localhost "$san
$leaf"
certify last-issuer ca '/CN=last authority' 'basicConstraints=critical,CA:TRUE,pathlen:0'
certify toolong-issuer last-issuer '/CN=one too many' 'basicConstraints=critical,CA:TRUE'
certify too-long toolong-issuer /CN=localhost "$san
$leaf"
cat last-issuer.pem >>toolong-issuer.pem
certify good-issuer ca '/CN=intermediate' 'basicConstraints=critical,CA:TRUE'
certify missing-issuer good-issuer /CN=localhost "$san
$leaf"
certify good-chain good-issuer /CN=localhost "$san
$leaf"
quiet openssl req -x509 -new -key any.key -days 30 -subj "$(openssl x509 -noout -subject -nameopt RFC2253 -in ca.pem |
    sed 's/^subject=/\//')" -out same-name.pem
cp any.key same-name.key
certify by-a-namesake same-name /CN=localhost "$san
$leaf"
certify spoilt ca /CN=localhost "$san
$leaf"
# the last byte of the signature
openssl x509 -in spoilt.pem -outform DER >der
size=$(wc -c <der)
last=$(tail -c 1 der | od -An -tu1 | tr -d ' ')
{ head -c $((size - 1)) der; printf "\\$(printf %o $((last ^ 1)))"; } | openssl x509 -inform DER -out spoilt.pem ||
    bail_out 'no spoilt certificate'
for bad in "$pki"/bad/*.pem; do
	cp "$bad" "${bad%.pem}.key" .
done

# NAME [HOST [OPTIONS]] a line: the servers
cat >peers <<'X'
good-chain localhost {"send":"good-issuer"}
expired
not-yet
wrong-host
self-signed
wrong-eku
rsa-1024
cn-only
other-ca
sha1
partial-wildcard
wildcard-above
wildcard-all
name-with-nul
trailing
address-as-name 127.0.0.1
mail-name
unknown-critical
not-for-servers
by-a-leaf localhost {"send":"plain-issuer"}
by-one-that-may-not localhost {"send":"nosign-issuer"}
by-an-expired-one localhost {"send":"old-issuer"}
excluded-name localhost {"send":"narrow-issuer"}
too-long localhost {"send":"toolong-issuer"}
missing-issuer
by-a-namesake localhost {"send":"same-name"}
spoilt
tls-1.0 localhost {"cert":"server","max":"TLSv1"}
tls-1.1 localhost {"cert":"server","max":"TLSv1.1"}
anonymous localhost {"cert":null,"max":"TLSv1.2","ciphers":"aNULL:@SECLEVEL=0"}
no-encryption localhost {"cert":"server","max":"TLSv1.2","ciphers":"eNULL:@SECLEVEL=0"}
imap-in-plain localhost {"plain":"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n"}
http-in-plain localhost {"plain":"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}
noise localhost {"plain":"\u0016\u0003\u0003\u0000\u0005hello"}
alert localhost {"plain":"\u0015\u0003\u0003\u0000\u0002\u0002\u0028"}
closes localhost {"plain":""}
X
cp "$pki/server.pem" "$pki/server.key" .

cat >peers.js <<'X'
'use strict';
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const log = (line) => fs.appendFileSync('log', `${line}\n`);
const ports = [];

/* Whoever gets through the handshake is served, so that what it has to say is seen. */
function
secured(name, socket)
{
	log(`${name} secured`);
	socket.on('error', () => {});
	socket.on('data', (d) => log(`${name} data ${d.length}`));
	socket.write('* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n');
}

function
server(name, o)
{
	if (o.plain !== undefined)
		return net.createServer((s) => {
			log(`${name} connected`);
			s.on('error', () => {});
			s.once('data', () => s.end(Buffer.from(o.plain, 'latin1')));
			s.on('data', (d) => log(/AUTHENTICATE|grant_type/.test(d) ? `${name} data` : `${name} bytes`));
			if (!o.plain)
				s.end();
		});

	const file = o.cert === undefined ? name : o.cert;
	const pem = (f) => fs.readFileSync(`${f}.pem`);
	const s = tls.createServer({
		cert: file ? [pem(file), o.send ? pem(o.send) : ''].join('\n') : undefined,
		key: file ? fs.readFileSync(`${file}.key`) : undefined,
		ciphers: o.ciphers || 'DEFAULT:@SECLEVEL=0', minVersion: o.max || 'TLSv1.2', maxVersion: o.max || 'TLSv1.3',
		ecdhCurve: 'auto',
	}, (socket) => secured(name, socket));

	s.on('connection', () => log(`${name} connected`));
	s.on('tlsClientError', () => {});
	return s;
}

const lines = fs.readFileSync('peers', 'utf8').trim().split('\n');
let left = lines.length;

lines.forEach((line, i) => {
	const [, name, host, options] = /^(\S+)(?: (\S+))?(?: (.*))?$/.exec(line);
	const s = server(name, options ? JSON.parse(options) : {});

	s.listen(0, '127.0.0.1', () => {
		ports[i] = `${name} ${host || 'localhost'} ${s.address().port}`;
		if (--left === 0) {
			fs.writeFileSync('ports.new', `${ports.join('\n')}\n`);
			fs.renameSync('ports.new', 'ports');
		}
	});
});
X
: >log
spawn peers node peers.js
wait_for '[ -s ports ]' 60 || { diag_file peers peers.err; bail_out 'no servers'; }

echo token-that-nobody-may-see >token
(umask 077; echo secret-that-nobody-may-see >secret)

imap() {
	run msls -4 --host "$host" --port "$port" --ca-file ca.pem --timeout 20 -u box@contoso.example <token
}

entra() {
	run mstoken --authority "https://$host:$port" --tenant contoso.example --client-id 1 --ca-file ca.pem --timeout 20 \
	    --client-secret-file secret --no-cache
}

# The trials prove something only if a good server is believed.
read -r name host port <ports
is "$name" good-chain 'the first server is good'
spawn good msls -4 --host "$host" --port "$port" --ca-file ca.pem --timeout 20 -u box@contoso.example --token-file secret
ok 'msls believes it, and says something' wait_for 'grep -q "^good-chain data" log'
kill "$pid" 2>/dev/null
finish "$pid"
: >log
spawn good mstoken --authority "https://$host:$port" --tenant contoso.example --client-id 1 --ca-file ca.pem --timeout 20 \
    --client-secret-file secret --no-cache
ok 'mstoken believes it, and says something' wait_for 'grep -q "^good-chain data" log'
kill "$pid" 2>/dev/null
finish "$pid"

tail -n +2 ports >bad
ok 'at least 22 bad servers' [ "$(wc -l <bad)" -ge 22 ]
while read -r name host port <&3; do
	for client in imap entra; do
		: >log
		$client
		verdict="status $status"
		case $status in 69 | 76) verdict=refused ;; esac
		case $name in closes | noise | alert) ;; *) [ "$status" != 69 ] || verdict='status 69' ;; esac
		! grep -Eq ' (secured|data)' log || verdict="$verdict, $(tr '\n' ' ' <log)"
		grep -q ' connected' log || verdict="$verdict, not even connected"
		is "$verdict" refused "$client: $name"
		[ "$verdict" = refused ] || show_run
	done
done 3<bad

done_testing
