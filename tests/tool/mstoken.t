#!/bin/sh
# mstoken against a real issuer: every form of credential, every form of output.
# shellcheck disable=SC2016,SC2086,SC2153,SC2317
. "${0%/*}/../lib/sh"
stand_up issuer

base="--authority $STAND_AUTHORITY --tenant $STAND_TENANT --ca-file $STAND_CA"
app="$base --client-id $STAND_CLIENT_ID"
jwt='^eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
secret=$(cat "$STAND_SECRET_FILE")

# good DESC ARGS...: a token, not from the cache, and nothing else anywhere.
good() {
	good_name=$1
	shift
	run mstoken --no-cache "$@"
	if [ "$status" -eq 0 ] && [ ! -s "$err_file" ] && [ "$(wc -l <"$out_file")" -eq 1 ] &&
	    grep -Eq "$jwt" "$out_file"; then
		pass "$good_name"
	else
		fail "$good_name" || show_run
	fi
}

# bad DESC STATUS ERE ARGS...: no token, this message, and the secret nowhere.
bad() {
	bad_name=$1 bad_status=$2 bad_text=$3
	shift 3
	run mstoken --no-cache "$@"
	if [ "$status" -eq "$bad_status" ] && [ ! -s "$out_file" ] && grep -Eq -e "$bad_text" "$err_file" &&
	    ! grep -Fq -e "$secret" "$err_file"; then
		pass "$bad_name"
	else
		diag "expected status $bad_status and: $bad_text"
		fail "$bad_name" || show_run
	fi
}

# A FIFO that nobody writes into does not hold it up for ever; looked at in the end.
mkfifo -m 600 nobody
spawn waits mstoken --no-cache $app --client-secret-file nobody
waits=$pid

#
# A client secret, in each of its five forms
#

{
	good 'a secret in a file' $app --client-secret-file "$STAND_SECRET_FILE"
	printf '%s' "$secret" >bare
	printf '%s\r\n' "$secret" >dos
	chmod 600 bare dos
	good 'without a line end' $app --client-secret-file bare
	good 'with the line end of Windows' $app --client-secret-file dos
	mkfifo -m 600 fifo
	spawn writer sh -c 'cat "$1" >fifo' writer "$STAND_SECRET_FILE"
	good 'a FIFO' $app --client-secret-file fifo
	finish "$pid"
	good 'a command' $app --client-secret-cmd "cat '$STAND_SECRET_FILE'"
	MSTOOLS_CLIENT_SECRET=$secret
	export MSTOOLS_CLIENT_SECRET
	good 'the environment' $app
	unset MSTOOLS_CLIENT_SECRET
	mkdir -m 700 systemd
	cp "$STAND_SECRET_FILE" systemd/client-secret
	chmod 400 systemd/client-secret
	CREDENTIALS_DIRECTORY=$T/systemd
	export CREDENTIALS_DIRECTORY
	good "systemd's \$CREDENTIALS_DIRECTORY" $app
	cp "$STAND_SECRET_FILE" systemd/other
	chmod 400 systemd/other
	good 'a bare name in it' $app --client-secret-file other
	unset CREDENTIALS_DIRECTORY
}

#
# Secrets that are none
#

printf 'not the secret\n' >wrong
: >empty
printf '%s\n%s\n' "$secret" "$secret" >lines
printf 'a\000b\n' >binary
head -c 5000 /dev/zero | tr '\0' x >overlong
cp "$STAND_SECRET_FILE" readable
chmod 600 wrong empty lines binary overlong
chmod 604 readable

{
	bad 'a wrong secret is refused' 78 'invalid_client' $app --client-secret-file wrong
	bad 'an empty secret' 78 'empty: the client secret is empty' $app --client-secret-file empty
	bad 'a secret of two lines' 78 'lines: the client secret must be a single line' $app --client-secret-file lines
	bad 'a binary secret' 78 'binary: this is no client secret: byte 2 is 0x00' $app --client-secret-file binary
	bad 'an overlong secret' 78 'overlong: longer than a secret can be' $app --client-secret-file overlong
	bad 'a secret that others can read' 78 "chmod 600 'readable'" $app --client-secret-file readable
	bad 'no such file' 78 'No such file' $app --client-secret-file none
	bad 'a command that fails' 69 'the client secret command failed with status 69' $app --client-secret-cmd 'exit 69'
	bad 'no credential' 78 'no credential' $app
	bad 'a secret for another application' 78 'invalid_client' $base --client-id 00000000-0000-4000-8000-000000000000 \
	    --client-secret-file "$STAND_SECRET_FILE"
}
{ printf %s "$secret"; echo ' '; } >blank
chmod 600 blank
bad 'a blank at the end is told' 78 'blank: the client secret ends with a blank' $app --client-secret-file blank

#
# A certificate
#

ps="$base --client-id $STAND_CERT_CLIENT_ID"
rs="$base --client-id $STAND_CERT2_CLIENT_ID"
cat "$STAND_KEY" "$STAND_CERT" >both.pem
chmod 600 both.pem
{
	good 'PEM, PS256' $ps --cert "$STAND_CERT" --key "$STAND_KEY"
	good 'PEM, RS256' $rs --cert "$STAND_CERT2" --key "$STAND_KEY2" --alg RS256
	good 'PEM, one file' $ps --cert both.pem
	good 'an encrypted key' $ps --cert "$STAND_CERT" --key "$STAND_KEY_ENC" --cert-pass-file "$STAND_CERT_PASS_FILE"
	good 'PKCS#12' $ps --cert "$STAND_P12" --cert-pass-file "$STAND_CERT_PASS_FILE"
	good 'a file: URI' $ps --cert "file:$STAND_CERT" --key "file://$STAND_KEY"
	bad 'the wrong algorithm for this client' 78 invalid_client $ps --alg RS256 --cert "$STAND_CERT" --key "$STAND_KEY"
	bad 'a certificate that is not registered' 78 invalid_client $ps --cert "$STAND_CERT2" --key "$STAND_KEY2"
	bad 'the key of another certificate' 78 'does not belong' $ps --cert "$STAND_CERT" --key "$STAND_KEY2"
	bad 'no key' 78 'no private key' $ps --cert "$STAND_CERT"
	bad 'no pass phrase' 78 'cert-pass-file' $ps --cert "$STAND_P12"
	bad 'a wrong pass phrase' 78 'pass phrase wrong' $ps --cert "$STAND_P12" --cert-pass-file wrong
}

# Microsoft's PFX files of some years ago: RC2, which OpenSSL 3 has in its legacy provider only.
if openssl pkcs12 -legacy -export -in "$STAND_CERT" -inkey "$STAND_KEY" -out old.p12 -passout pass:old 2>/dev/null; then
	chmod 600 old.p12
	(umask 077; echo old >old.pass)
		good 'PKCS#12 of older Windows' $ps --cert old.p12 --cert-pass-file old.pass
else
	skip 'PKCS#12 of older Windows' 'no legacy provider'
fi

is "$(sort "$STAND_ASSERTION_LOG" | uniq -d)" '' 'no assertion was sent twice'

#
# What is printed
#

{
	run mstoken $token_args
	cp "$out_file" tok
	run mstoken $token_args --json
	is "$(jq -r .access_token "$out_file")" "$(cat tok)" '--json has the token'
	is "$(jq '.expires_on - .obtained_on, .cached' "$out_file" | tr '\n' ' ')" "$STAND_TOKEN_TTL true " \
	    'when it ends, and that it is from the cache'
	run mstoken $token_args --claims
	is "$(jq -r '.appid, .oid, .roles[0]' "$out_file" | tr '\n' ' ')" \
	    "$STAND_CLIENT_ID $STAND_OBJECT_ID IMAP.AccessAsApp " '--claims are the claims'
	stdout_unlike "$(cut -d. -f3 tok)" 'and not the token'
	run mstoken $token_args --xoauth2 box@contoso.example
	printf 'user=box@contoso.example\001auth=Bearer %s\001\001' "$(cat tok)" >want
	base64 -d "$out_file" >got
	same_file got want '--xoauth2 is what SASL wants'
	run sh -c 'mstoken "$@" >/dev/full' - $token_args
	status_is 74 'a full disk is an error'
	stderr_like 'No space left' 'which is said'
	run sh -c 'mstoken "$@" >&-' - $token_args
	status_is 74 'so is a closed standard output'
}

#
# Before anything is asked
#

requests=$(wc -l <"$STAND_ACCESS_LOG")
{
	bad 'a tenant that is none' 78 'neither a GUID nor a domain' --authority "$STAND_AUTHORITY" --tenant a/b \
	    --client-id x --client-secret-file bare
	bad 'common is no tenant' 78 'one tenant' --authority "$STAND_AUTHORITY" --tenant common \
	    --client-id x --client-secret-file bare
}
is "$(wc -l <"$STAND_ACCESS_LOG")" "$requests" 'nothing was sent for these'

#
# Where it cannot connect
#

{
	run mstoken --no-cache --authority https://localhost:1 --tenant t --client-id x --client-secret-file bare
	status_is 69 'nobody listens: 69'
	# A label of 64 letters: no resolver has to be asked to know that there is none.
	run mstoken --no-cache --authority "https://$(printf '%064d' 0).invalid" --tenant t --client-id x \
	    --client-secret-file bare
	status_is 69 'no such host: 69'
	run mstoken --no-cache --proxy http://localhost:1 $app --client-secret-file bare
	status_is 69 'no proxy: 69'
	run mstoken --no-cache --authority "$STAND_AUTHORITY" --tenant "$STAND_TENANT" --client-id x --client-secret-file bare
	status_is 76 'an unknown issuer of certificates: 76'
}
is "$(wc -l <"$STAND_ACCESS_LOG")" "$requests" 'nothing was sent to any of them'

#
# Proxies
#

issuer_port=${STAND_AUTHORITY##*:}
relay_up "$issuer_port" -x http -a me:sesame
good 'an HTTP proxy' $app --client-secret-file bare --proxy "http://me:sesame@localhost:$relay_port"
like "$(cat "$relay_log")" "target localhost:$issuer_port" 'it is gone through'
run mstoken --no-cache $app --client-secret-file bare --proxy "http://me:wrong@localhost:$relay_port"
status_is 69 'a proxy that refuses: 69'
stderr_like 'the proxy does not connect us: .*407' 'which is said'
stderr_unlike 'me:wrong' 'without the password'
relay_up "$issuer_port" -x socks5
good 'a SOCKS proxy' $app --client-secret-file bare --proxy "socks5h://localhost:$relay_port"
ALL_PROXY=socks5h://localhost:$relay_port
export ALL_PROXY
good 'the same from the environment' $app --client-secret-file bare
is "$(grep -c target "$relay_log")" 2 'both went through it'
good "--proxy '' means none" $app --client-secret-file bare --proxy ''
is "$(grep -c target "$relay_log")" 2 'and goes past it'
unset ALL_PROXY

finish "$waits" 120
is "$status" 78 'a FIFO that nobody writes into: 78, after a minute'
like "$(cat waits.err)" '^mstoken: .*nobody: nobody has written into it' 'says so'
done_testing
