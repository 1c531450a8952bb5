#!/bin/sh
# The rows of lib/diag that mstoken can meet, each provoked: options, the
# configuration, the credential, the token endpoint, and the way to it.
# shellcheck disable=SC2086,SC2153
. "${0%/*}/../lib/sh"
scripted_pki
export MSTOOLS_STAGE=1

(umask 077; echo 'sec~ret' >secret)
id=33333333-aaaa-4bbb-8ccc-444444444444
who="--tenant contoso.example --client-id $id"
args="$who --client-secret-file secret --ca-file $STAND_CA"

# hint STATUS STAGE-TEXT HINT: how the last run ended, and what it advised.
hint() {
	is "$status" "$1" "$2: status $1" || show_run
	stderr_like "^hint: .*$3" "$2: $3"
}

#
# Configuration
#

config() {
	printf '%s\n' "$@" >config
	run mstoken --config config -a work
}
config 'account work {' 'tennant = x' '}'
hint 78 'unknown key' 'keys are the long options'
config 'account wrok {' 'tenant = x' '}'
hint 78 'no such account' 'no configuration file has a section'
config 'account work {' 'tenant x' '}'
hint 78 'no equals sign' 'the form is'
config 'account work {' 'client-secret-cmd = "echo x"' '}'
chmod 666 config
run mstoken --config config -a work
hint 78 'a file of commands that others may write' 'chmod go-w config'
chmod 644 config
config 'account work {' "client-id = $id" '}'
hint 78 'no tenant' 'Directory \(tenant\) ID'
config 'account work {' 'tenant = contoso.example' '}'
hint 78 'no client id' 'Application \(client\) ID'
config 'account work {' 'tenant = contoso.example' "client-id = $id" 'cert = a' 'client-secret-file = b' '}'
hint 78 'two credentials' 'only one can hold'
config 'account work {' 'timeout = soon' '}'
hint 78 'a value that does not do' 'mstools-config\(5\)'
run mstoken --config nowhere -a work
hint 78 'no such file' 'namei -l nowhere'
run mstoken --tenant contoso.example --client-id $id --authority http://login.example
hint 64 'an authority without TLS' 'authority is the login host alone'
run msls --host localhost eyJhbGciOiJSUzI1NiJ9.e30.c2ln
hint 64 'a token as argument' 'count this one as exposed'
run mstoken --client-secret Ab_8Q~abcdefghijklmnopqrstuvwxyz.ABCDEFG
hint 64 'a client secret as argument' 'client-secret-file'
run msls --host localhost INBOX
hint 64 'no mailbox' 'must be told which'
run msfetch -u box@contoso.example
hint 64 'no Maildir' 'must know where to deliver'
run msls -u box@contoso.example --token-cmd 'exit 78'
hint 78 'a token command that fails' 'command that gets the token failed'

#
# Credential
#

credential() {
	run mstoken --no-cache $who --ca-file "$STAND_CA" --authority https://localhost:1 "$@"
}
echo secret >open
chmod 644 open
credential --client-secret-file open
hint 78 'a secret that others can read' 'chmod 600 open'
credential --client-secret-file nowhere
hint 78 'no such secret' 'ls -l nowhere'
(umask 077; : >empty; printf 'a\nb\n' >lines; printf 'a\001b\n' >binary; mkdir folder; cat "$STAND_PKI/app1.pem" >cert.pem
 openssl genrsa -out other.key 2048 2>/dev/null; openssl genrsa -out small.key 1024 2>/dev/null
 openssl ecparam -name prime256v1 -genkey -noout -out ec.key) 2>/dev/null
credential --client-secret-file empty
hint 78 'an empty secret' 'nothing in the file'
credential --client-secret-file lines
hint 78 'a secret of two lines' 'more than the secret'
credential --client-secret-file binary
hint 78 'a secret with control characters' 'more than the secret'
credential --client-secret-file folder
hint 78 'a directory for a secret' 'name the file itself|directory or device'
credential --client-secret-cmd 'exit 3'
hint 78 'a secret command that fails' 'absolute paths'
credential
hint 78 'no credential' 'exactly one'
credential --cert "$STAND_PKI/app1.pem" --key other.key
hint 78 'a key of another pair' 'of two different pairs'
credential --cert "$STAND_PKI/app1.pem" --key small.key
hint 78 'a short key' 'at least 2048 bits'
credential --cert "$STAND_PKI/app1.pem" --key ec.key
hint 78 'a key that is not RSA' 'RSA keys'
credential --cert "$STAND_PKI/app1.pem"
hint 78 'no private key' 'public half'
credential --cert other.key
hint 78 'no certificate' 'the certificate itself is needed'
credential --cert secret
hint 78 'no certificate and no key' 'of another kind'
credential --cert "$STAND_PKI/app1.p12" --cert-pass-file secret
hint 78 'a wrong pass phrase' 'pass phrase in cert-pass-file'
chmod 000 empty
if [ "$(id -u)" -ne 0 ]; then
	credential --client-secret-file empty
else
	run setpriv --bounding-set=-all mstoken --no-cache $who --client-secret-file empty
fi
hint 78 'a secret that this user cannot read' 'give the file to the user who runs this'
if chown 12345 lines 2>/dev/null; then
	credential --client-secret-file lines
	hint 78 "somebody else's secret" 'whoever owns the file can change it'
else
	unmet "belongs to user 1000, not to user 0 or root: chown 0 'secret'" 'only root can give a file away'
fi
(umask 077; head -c 100 /dev/zero >zeros)
credential --cert zeros
hint 78 'a certificate of zeros' 'the file is of another kind'
run msls --host localhost -u box@contoso.example --token-file zeros
hint 78 'a token file of zeros' 'what is read holds something else'
credential --client-secret-cmd 'yes | head -c 100000'
hint 78 'a secret command that says too much' 'prints the secret'
credential --cert 'pkcs11:object=x'
hint 78 'a store that is not there' 'no module for this kind'

#
# The token endpoint's answers
#

mkfifo control
endpoint_up -c control
hold control
told=0
tell() {
	printf '%s\n' "$1" >&8
	told=$((told + 1))
	wait_for "[ \$(grep -c 'told: ' endpoint.out endpoint.err endpoint.log 2>/dev/null | sed 's/.*://' | sort -n | tail -n 1) -ge $told ]"
}
answer() {
	tell "on token: $1"
	run mstoken --no-cache --authority "$endpoint_url" $args
	hint "$2" "$1" "$3"
}

while read -r code want text; do
	case $code in '' | '#'*) continue ;; esac
	answer "aadsts $code" "$want" "$text"
done <<'END'
7000215 78 most often its "Secret ID"
7000222 78 the client secret has expired
700016 78 the app is not in this tenant
90002 78 there is no tenant contoso.example
900023 78 there is no tenant
700027 78 the certificate is not uploaded
700024 78 clock
700021 78 names another token endpoint
700022 78 is not one resource with
700023 78 names another token endpoint
50027 78 names another token endpoint
5002730 78 alg = RS256
7000216 78 carried no secret
7000218 78 carried no secret
1002012 78 is not one resource with /.default
70011 78 is not one resource with
500011 78 another cloud
65001 78 nobody has consented
90094 78 nobody has consented
7000112 78 switched off
70001 78 switched off
53003 78 Conditional Access
530035 78 tenant's security defaults block
50034 78 a person's sign-in
50053 78 a person's sign-in
50076 78 a person's sign-in
50126 78 a person's sign-in
50059 78 one tenant by name
9001023 78 one tenant by name
90013 78 incomplete or changed
90014 78 incomplete or changed
900144 78 incomplete or changed
9002313 78 incomplete or changed
901002 78 is not one resource with
90024 75 a passing trouble
90033 75 a passing trouble
90006 75 a passing trouble
50033 75 a passing trouble
90012 75 a passing trouble
90055 75 more tokens are asked for
50196 78 more tokens are asked for
90038 78 different national clouds
900382 78 different national clouds
900432 78 different national clouds
END
answer 'error invalid_client no' 78 'do not belong together'
invalid='error invalid_client AADSTS700027: Client assertion contains an invalid signature. [Reason -'
answer "$invalid The key used is expired., Thumbprint of key used by client: 'AB']" 78 'the certificate has run out'
answer "$invalid The provided signature value did not match the expected signature value.]" 78 'not that of the certificate'
answer 'error unauthorized_client AADSTS7000229: The client application is missing service principal in the tenant.' 78 \
    'no enterprise application'
answer 'error interaction_required the request needs a person' 78 'wants a person to sign in'
answer 'error slow_down never seen' 78 'does not know'
answer 'error unauthorized_client no' 78 'does not let it have this token'
answer 'error invalid_request AADSTS12345678: new' 78 'error.code=12345678'
answer 'header Retry-After: 60; status 429 Too Many Requests' 75 'more tokens are asked for'
answer 'status 500 trouble' 75 'a passing trouble'
answer 'redirect https://localhost:1/' 76 "answers in Microsoft's place"
answer 'status 404 not found' 76 'there is no token endpoint'
answer 'status 403 Blocked by proxy' 76 'refuses the way'
answer 'status 200 <html>guest network' 76 'something else than Entra ID'
answer 'reset' 69 'cut the connection'
tell 'on token: stall'
run mstoken --no-cache --authority "$endpoint_url" $args --timeout 1
hint 75 'no answer' 'drops the connection|is slow'
release

#
# The way to it
#

way() {
	run mstoken --no-cache $args "$@"
}
way --authority https://no-such-host.invalid
hint 69 'a host that is not there' 'misspelt|reaches no name server'
way --authority https://localhost:1
hint 69 'a closed port' 'nothing listens'
way --authority "$endpoint_url" --proxy http://no-such-host.invalid:3128
hint 69 'a proxy that is not there' "proxy's name"
way --authority "$endpoint_url" --proxy http://localhost:1
hint 69 'a proxy that does not listen' 'does not listen there'
relay_up "${endpoint_url##*:}" -x http -a me:pass
way --authority "$endpoint_url" --proxy "http://localhost:$relay_port"
hint 69 'a proxy that wants a password' 'only those through who log in'
relay_up "${endpoint_url##*:}" -x http -R 403
way --authority "$endpoint_url" --proxy "http://localhost:$relay_port"
hint 69 'a proxy that refuses' 'lets nobody through'
way --authority "$endpoint_url" --ca-file secret
hint 78 'a CA file that is none' 'is no file with PEM certificates'

"$root/tests/stand/pki" bad "$STAND_PKI"
bad() {
	kill "$endpoint_pid"
	finish "$endpoint_pid"
	endpoint_up -e "$1"
	way --authority "$endpoint_url"
	hint 76 "$1" "$2"
}
bad 'certificate bad/expired' 'clock of this machine is wrong'
bad 'certificate bad/not-yet' 'clock of this machine is behind'
bad 'certificate bad/wrong-host' 'another name of the server'
bad 'certificate bad/self-signed' 'authority that signed|signs with an authority of its own'
bad 'certificate bad/other-ca' 'authority that signed|signs with an authority of its own'
bad 'certificate bad/wrong-eku' "not Microsoft's certificate"
bad 'certificate bad/rsa-1024' "not Microsoft's certificate"
bad 'certificate bad/sha1' "not Microsoft's certificate"
bad 'certificate bad/cn-only' 'another name of the server'
bad 'tls TLSv1.1' 'knows only TLS 1.0 or 1.1'
bad plain 'plain text'
unmet 'anything else about the credential' 'for what is not known today'
all_rows_met 'Configuration' 'The token: '
done_testing
