#!/bin/sh
# mstoken against a scripted token endpoint: what Entra ID and those in between answer when something is wrong.
# shellcheck disable=SC2016,SC2086,SC2153,SC2317
. "${0%/*}/../lib/sh"
scripted_pki

(umask 077; echo 'sec~ret' >secret)
args="--tenant contoso.example --client-id 33333333-aaaa-4bbb-8ccc-444444444444 --client-secret-file secret"
args="$args --ca-file $STAND_CA"

endpoint_pid=

# endpoint LINE...: an endpoint with this scenario instead of the last one.
endpoint() {
	if [ "$endpoint_pid" ]; then
		kill "$endpoint_pid"
		finish "$endpoint_pid"
	fi
	: >scenario
	for line; do printf '%s\n' "$line" >>scenario; done
	endpoint_up scenario
}

requests() {
	grep -c 'POST /contoso.example/oauth2/v2.0/token' "$endpoint_log"
}

# after REQUESTS STATUS DESC: how the last run ended.
after() {
	is "$status after $(requests)" "$2 after $1" "$3" || show_run
}

get() {
	run mstoken --no-cache --authority "$endpoint_url" $args "$@"
}

#
# Tokens
#

endpoint opaque 'expires-in missing'
get
after 1 0 'an opaque token without expires_in'
stdout_like '^EwBAA8l6BAAU[A-Za-z0-9_-]+$' 'it is printed'
get --json
is "$(jq '.expires_on - .obtained_on' "$out_file")" 600 'it is taken to live for ten minutes'
get --claims
status_is 65 'it has no claims to show'

endpoint 'expires-in string' 'ttl 1234' 'refresh-in 600'
get --json
is "$(jq -c '[.expires_on - .obtained_on, .refresh_on - .obtained_on]' "$out_file")" '[1234,600]' \
    'expires_in as a string; refresh_in'

endpoint 'omit roles'
run mstoken --authority "$endpoint_url" $args
after 1 0 'a token without roles'
stderr_like 'holds no permission' 'is warned about'
run mstoken --authority "$endpoint_url" $args
after 2 0 'and not cached'
endpoint delegated
run mstoken --authority "$endpoint_url" $args
stderr_is '' 'one with scp is fine'

endpoint 'token-type mac'
get
after 1 76 'a token of another type'

#
# Refusals
#

endpoint 'on token: aadsts 7000215'
get
after 1 78 'a wrong secret: 78, asked once'
stderr_like '^mstoken: localhost:[0-9]+: AADSTS7000215: .*invalid_client.*Trace ID: [^,]+, Correlation ID: [^,]+' \
    'code first, then ids'
stderr_unlike 'sec~ret' 'the secret is not shown'
is "$(grep -c 'Trace ID' "$err_file")" 1 'the ids stand there once'
endpoint crlf 'on token: aadsts 700016'
get
after 1 78 'an unknown application'
stderr_like 'AADSTS700016: .*Timestamp: ' 'in one line, whatever the server wrote'
endpoint 'on token: aadsts 90033'
get
after 2 75 "temporarily unavailable: 75"
endpoint 'on token: error invalid_scope AADSTS70011: no such scope'
get
after 1 78 'a wrong scope: 78'

#
# Later
#

endpoint 'on token: header Retry-After: 60; status 429 Too Many Requests'
run mstoken --authority "$endpoint_url" $args
after 1 75 '429 in plain text: 75'
stderr_like 'again in 60 seconds.*Too Many Requests' 'with the time'
run mstoken --authority "$endpoint_url" $args
after 1 75 'for that long nothing is asked'
stderr_like 'not asked again for another [0-9]+ seconds' 'which is said'
run mstoken --authority "$endpoint_url" $args --force
after 1 75 'not even with --force'
for f in "$HOME"/.cache/mstools/*.json; do
	jq 'if .later then .later.noted_at += 100000 | .later.until += 100000 else . end' "$f" >edited && cat edited >"$f"
done
run mstoken --authority "$endpoint_url" $args
stderr_like 'for another (60|59|5[0-9]) seconds' 'a note from the future counts from now'
for f in "$HOME"/.cache/mstools/*.json; do
	jq 'if .later then .later.noted_at -= 100 | .later.until -= 100 else . end' "$f" >edited && cat edited >"$f"
done
run mstoken --authority "$endpoint_url" $args
after 2 75 'when the time is over it asks again'

endpoint 'on token #1: status 503 busy' 'on token #2+: token'
get
after 2 0 'a 503 is tried once more'
endpoint 'on token: status 500 <html>trouble'
get
after 2 75 'but no more than that: 75'
endpoint 'on token: header Retry-After: 5; status 503 busy'
get
after 1 75 'not with Retry-After'
endpoint 'on token #1: reset' 'on token #2+: token'
get
after 2 0 'so is a reset connection'
endpoint 'on token #1: close' 'on token #2+: token'
get
after 2 0 'and one that is closed without an answer'
endpoint 'on token: cut'
get
after 2 69 'an answer that breaks off is none'

#
# Answers of others
#

endpoint 'on token: status 200 <html>Please sign in to the guest network'
get
after 1 76 "a portal's page"
stderr_like 'not JSON \(HTTP 200\)'
endpoint 'on token: redirect https://localhost:1/'
get
after 1 76 'a redirect is not followed'
endpoint 'on token: status 403 <html>Blocked by policy'
get
after 1 76 "a firewall's page"
stderr_like 'HTTP 403: <html>Blocked by policy'
endpoint 'on token: endless'
get
after 1 76 'an answer without end'
stderr_like 'larger than'
endpoint 'on token: stall'
get --timeout 3
after 1 75 'no answer in time'
endpoint 'on token: slow 400'
get --timeout 3
after 1 75 'nor one that drips'

#
# Certificates: nothing is sent to a server that cannot show who it is
#

"$root/tests/stand/pki" bad "$STAND_PKI"
for c in expired not-yet wrong-host self-signed wrong-eku rsa-1024 cn-only other-ca sha1; do
	endpoint "certificate bad/$c"
	get
	after 0 76 "a server with a certificate that is $c"
done
endpoint 'tls TLSv1.1'
get
after 0 76 'a server that has nothing better than TLS 1.1'
endpoint plain
get
after 0 76 'a server without TLS'

done_testing
