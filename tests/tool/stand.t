#!/bin/sh
# shellcheck disable=SC1091,SC2154
# The stands themselves: an issuer that issues and refuses, a server that lets in and keeps out, nothing left behind.
. "${0%/*}/../lib/sh"

# ask SECRET: a token request with curl.
ask() {
	curl -s --cacert "$STAND_CA" -d grant_type=client_credentials --data-urlencode "scope=$STAND_SCOPE" \
	    -d "client_id=$STAND_CLIENT_ID" --data-urlencode "client_secret=$1" "$STAND_TOKEN_URL"
}

# login TOKEN: what the server says to it, both forms of the exchange taken together.
login() {
	sasl=$(printf 'user=box@contoso.example\001auth=Bearer %s\001\001' "$1" | openssl base64 -A)
	{
		printf 'a AUTHENTICATE XOAUTH2 %s\r\n' "$sasl"
		printf '\r\n'
		printf 'b LOGOUT\r\n'
	} | timeout 60 openssl s_client -quiet -verify_return_error -CAfile "$STAND_CA" -verify_hostname localhost \
	    -ign_eof -connect "localhost:$STAND_IMAP_PORT" 2>/dev/null
}

# As in the PATH of a user of Debian, where the demo is run.
PATH=$(printf '%s\n' "$PATH" | tr : '\n' | grep -v '/sbin$' | paste -sd :)
STAND_TOKEN_TTL=600 stand_up
like "$(ask "$(cat "$STAND_SECRET_FILE")")" '"expires_in":600' 'the issuer gives a token for the secret'
issued=$(ask "$(cat "$STAND_SECRET_FILE")" | jq -r .access_token)
like "$(ask wrong)" '"error":"invalid_client"' 'and none for another'
is "$(grep -c 'POST .* 200 ' "$STAND_ACCESS_LOG")/$(wc -l <"$STAND_ACCESS_LOG")" 2/3 'each request is a line of its log'
unlike "$(cat "$STAND_ACCESS_LOG")" "client_secret=[^<]" 'which has no secret'

like "$(login "$issued")" '^a OK' "the server takes the issuer's token"
like "$(login "$(token)")" '^a OK' 'and one made without the issuer'
like "$(login "$(token -10)")" '^a NO' 'but none that has expired'
like "$(login "$(token 60 '{"iss":"https://elsewhere.example/v2.0"}')")" '^a NO' 'or comes from elsewhere'
like "$(login "$(token | sed 's/....$/AAAA/')")" '^a NO' 'or has another signature'

corpus=$(stand corpus box@contoso.example INBOX)
originals=$(find "$corpus" -type f | wc -l)
stand save box@contoso.example 'Archive/Übung' "$corpus/100001.stand" "$corpus/100002.stand"
is "$(stand doveadm -f flow mailbox status -u box@contoso.example messages INBOX)" "INBOX messages=$originals" \
    "$originals messages of the corpus are in the mailbox"
is "$(stand doveadm -f flow mailbox status -u box@contoso.example messages 'Archive/*')" 'Archive/Übung messages=2' \
    'and two in another folder'

first=$STAND_DIR
first_run=$(readlink "$first/run")
first_pids=$(awk '{ print $2 }' "$first/sessions")
stand_up -d other imap
isnt "$STAND_DIR" "$first" 'two stands at once'
like "$(login "$(token)")" '^a OK' 'the second works too'
stand_down
ok 'what one leaves is nothing' test ! -e "$STAND_DIR"
. "$first/env"
like "$(login "$(token)")" '^a OK' 'the first still works'
stand_down
ok 'and nothing of it is left' test ! -e "$first" -a ! -e "$first_run"
left=
for p in $first_pids; do ! alive "$p" || left="$left $p"; done
is "$left" '' 'no process either'

# A stand whose test is killed goes down by itself.
sh -c 'echo $$; exec sleep 600' >owner.pid &
owner=$!
STAND_OWNER=$owner STAND_PARTS=imap "$root/tests/stand/stand" up "$T/orphan"
kill -KILL "$owner"
wait "$owner" 2>/dev/null
wait_for '[ ! -e orphan ]'
ok 'a stand does not outlive its test' test ! -e orphan

mkdir box originals box/new box/cur box/tmp
printf 'a\r\nb\nc\r\0' >originals/1
printf 'a\nb\nc\r\200' >'box/new/1.host,S=7'
ok 'mdcmp: equal but for the ends of lines and NUL' mdcmp box originals
printf 'a\nb\nc\r\n\200' >'box/new/1.host,S=7'
ok 'mdcmp: a byte too many' sh -c '! "$@"' sh "$(helper mdcmp)" box originals 2>/dev/null
done_testing
