#!/bin/sh
# mstoken --follow: newer tokens for as long as somebody reads.
# shellcheck disable=SC2016,SC2086,SC2153
. "${0%/*}/../lib/sh"
scripted_pki

(umask 077; echo 'sec~ret' >secret)
args="--follow --tenant contoso.example --client-id 33333333-aaaa-4bbb-8ccc-444444444444 --ca-file $STAND_CA"
file="--client-secret-file secret"
mkfifo out

lines() {
	if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi
}

# A token that lives long: the next one would come in an hour.
endpoint_up -e 'ttl 3599'
long=$endpoint_url
spawn follow sh -c 'exec mstoken "$@" >out' - $args $file --authority "$long"
head -n 1 <out >got
finish "$pid"
is "$status" 0 'it ends when its reader has gone'
is "$(lines got)" 1 'after one token'
is "$(cat follow.err)" '' 'without a word'

# The reader goes before there is anything to read.
spawn follow sh -c 'mstoken "$@" | exec true' - $args $file --authority "$long"
finish "$pid"
is "$status $(cat follow.err)" '0 ' 'nobody reads at all'

# Tokens that live for four seconds: a new one each two.
endpoint_up -e 'ttl 4'
short=$endpoint_url
spawn follow sh -c 'exec mstoken "$@" >out' - $args $file --authority "$short"
head -n 3 <out >got
finish "$pid"
is "$status $(sort -u got | wc -l)" '0 3' 'three of them, all different'

# A secret that can be read only once.
mkfifo -m 600 pipe
spawn writer sh -c 'cat secret >pipe'
writer=$pid
spawn follow sh -c 'exec mstoken "$@" >out' - $args --client-secret-file pipe --authority "$short"
head -n 2 <out >got
finish "$pid"
is "$status $(lines got)" '0 2' 'with a secret from a FIFO'
finish "$writer"

# Into a file: one line after the other, as --token-file reads them.
spawn follow sh -c 'exec mstoken "$@" >tokens' - $args $file --authority "$short"
ok 'a file gets a line each time' wait_for '[ "$(lines tokens)" -ge 2 ]' 60
ok 'it goes on' alive "$pid"
kill "$pid"
finish "$pid"
is "$status" 143 'and ends by a signal'

# No newer one can be had.
endpoint_up -e 'ttl 10' -e 'refresh-in 1' -e 'on token #1: token' -e 'on token #2+: aadsts 7000222'
spawn follow mstoken $args $file --authority "$endpoint_url"
finish "$pid"
is "$status" 78 'it ends with the status of the failure'
is "$(lines follow.out)" 1 'the one token was written'
like "$(cat follow.err)" 'AADSTS7000222.*trying again' 'it had said so before, and tried again'

# An issuer that gives the same token again, also when it has run out, is not asked without a pause.
printf '{"access_token":"always-the-same","token_type":"Bearer","expires_in":2}' >same
endpoint_up -e "on token: file $T/same"
spawn follow mstoken $args $file --no-cache --authority "$endpoint_url"
sleep 6
ok 'the same token again: it goes on' alive "$pid"
kill "$pid"
finish "$pid"
ok "and asks $(grep -c POST "$endpoint_log") times in six seconds" [ "$(grep -c POST "$endpoint_log")" -le 4 ]
is "$(lines follow.out)" 1 'one that is no newer is not written'

# Not even a first one.
endpoint_up -e 'on token: aadsts 7000215'
run mstoken $args $file --authority "$endpoint_url"
status_is 78 'the first one fails: it ends at once'
is "$(grep -c POST "$endpoint_log")" 1 'after one request'

done_testing
