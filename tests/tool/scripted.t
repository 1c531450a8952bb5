#!/bin/sh
# shellcheck disable=SC1091,SC2154
# The scripted servers: that they do what a scenario says, so that a test that relies on it tests something.
. "${0%/*}/../lib/sh"

sasl=$(printf 'user=box@contoso.example\001auth=Bearer tok\001\001' | openssl base64 -A)

# talk LINE...: logs in, says the lines at once, prints what the server says until it closes.
talk() {
	{
		printf 'a AUTHENTICATE XOAUTH2 %s\r\n' "$sasl"
		for line; do printf '%s\r\n' "$line"; done
		printf 'z LOGOUT\r\n'
	} | timeout 60 openssl s_client -quiet -ign_eof -verify_return_error -CAfile "$STAND_CA" \
	    -connect "localhost:$exchange_port" 2>talk.err | tr -d '\r' | tr '\0' '@'
}

exchange_up -e 'messages 5' -d "$T/dump"
all=$(talk 'b CAPABILITY' 'c LIST "" "*"' 'd EXAMINE inbox' 'e UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)' \
    'f UID FETCH 2 (UID BODY.PEEK[])' 'g UID SEARCH UNSEEN SINCE 1-Jan-2024' 'h STATUS INBOX (MESSAGES UIDNEXT)' \
    'i UID FETCH 1 (BODYSTRUCTURE)' 'j UID SEARCH CHARSET UTF-8 ALL' 'k UID STORE 1 +FLAGS (\Seen)')
like "$all" '^a OK AUTHENTICATE completed\.$' 'exchange: login'
like "$all" '^\* LIST \(\\HasNoChildren \\Sent\) "/" "Sent Items"$' 'exchange: LIST'
like "$all" '^\* OK \[UIDVALIDITY 14\] UIDVALIDITY value$' 'exchange: EXAMINE'
like "$all" '^\* 5 FETCH \(UID 5 FLAGS \(\) INTERNALDATE " 1-Jan-2024 00:50:00 \+0000" RFC822.SIZE 2063\)$' 'exchange: UID FETCH'
like "$all" '^\* SEARCH 1 2 3 4 5$' 'exchange: UID SEARCH'
like "$all" '^\* STATUS INBOX \(MESSAGES 5 UIDNEXT 6\)$' 'exchange: STATUS'
like "$all" '^i BAD Command Argument Error\. 11$' 'exchange: no BODYSTRUCTURE'
like "$all" '^j NO \[BADCHARSET' 'exchange: no CHARSET'
like "$all" '^k BAD ' 'exchange: no STORE after EXAMINE'
printf '%s\n' "$all" | sed -n '/^\* 2 FETCH (UID 2 BODY\[\] /,/^)$/p' | sed '1d;$d' >fetched
tr -d '\r' <dump/INBOX/2 >original
same_file fetched original 'exchange: the body is the one that was dumped'
digest=$(printf tok | openssl dgst -sha256 -r | cut -c1-16)
ok 'exchange: the log names the token by its digest' grep -q "^1 C: a AUTHENTICATE XOAUTH2 user=box@contoso.example token=$digest" "$exchange_log"

exchange_tell 'message 2 nodata x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 2 (BODY.PEEK[])' 'f UID FETCH 2 (BODY.PEEK[])' | tr '\n' '~')" \
    '~e OK FETCH completed.~\* 2 FETCH .*~f OK' 'exchange: OK without data, once'
exchange_tell 'message 2 substitute x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 2 (BODY.PEEK[])')" '^Subject: Retrieval using the IMAP4 protocol failed' 'exchange: the substitute'
exchange_tell 'message 2 nil x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 2 (BODY.PEEK[])')" '^\* 2 FETCH \(UID 2 BODY\[\] NIL\)$' 'exchange: NIL'
exchange_tell 'message 2 no Server Unavailable. 15 x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 1:3 (BODY.PEEK[])' | tr '\n' '~')" '\* 1 FETCH .*~e NO Server Unavailable\. 15~' 'exchange: NO in the middle'
exchange_tell 'message 2 line Server Unavailable. 15 x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 1:3 (BODY.PEEK[])' | tr '\n' '~')" '~Server Unavailable\. 15~\* 3 FETCH' 'exchange: a bare line'
exchange_tell 'message 2 order uid-last x1'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 2 (UID BODY.PEEK[])')" '^ UID 2\)$' 'exchange: the UID after the body'
exchange_tell 'message 2 cut 100 cut x1'
is "$(talk 'd EXAMINE inbox' 'e UID FETCH 2 (UID BODY.PEEK[])' | sed '1,/2 FETCH/d' | wc -c | awk '{ print ($1 > 80 && $1 <= 100) }')" \
    1 'exchange: a body cut short'
exchange_tell 'on message #2: expire'
like "$(talk 'd EXAMINE inbox' 'e UID FETCH 1:3 (BODY.PEEK[])' | tail -n 1)" 'BYE Session invalidated - AccessTokenExpired' 'exchange: the token expires'
like "$(talk)" '^a NO AUTHENTICATE failed\.$' 'exchange: and is then refused'
exchange_down

exchange_up - <<E2
greeting new
bytes 300
messages 12
folder Archive 30
folder "Gesendete Elemente" 31 \\HasNoChildren \\Sent
on first #1: bad User is authenticated but not connected.
on uid fetch #2: send * BYE Connection is closed. 13; close
on /status archive/ #1: no Request is throttled. Suggested Backoff Time: 92415 milliseconds; bye Connection closed. 14; close
copyuid bare
E2
first=$(talk 'b NOOP')
like "$first" '^\* OK Microsoft Exchange IMAP4 service ready\. .*tcpproxy' 'exchange: the new greeting'
like "$first" '^b BAD User is authenticated but not connected\.$' 'exchange: not connected'
like "$(talk 'b EXAMINE INBOX' 'c UID FETCH 1 (FLAGS)' 'd UID FETCH 1 (FLAGS)' | tail -n 1)" 'BYE Connection is closed. 13' \
    'exchange: BYE at the second fetch'
like "$(talk 'b STATUS Archive (MESSAGES)' | tr '\n' '~')" 'b NO Request is throttled.*milliseconds~\* BYE Connection closed. 14~$' 'exchange: throttled'
moved=$(talk 'b SELECT INBOX' 'c UID MOVE 2:3 Archive' 'd UID COPY 4 Archive' 'e SELECT Archive' 'f UID FETCH 1:* (FLAGS)')
like "$moved" '^\[COPYUID 30 2,3 1,2\]$' 'exchange: a bare COPYUID'
like "$moved" '^\* 2 EXPUNGE$' 'exchange: EXPUNGE'
like "$moved" '^d OK \[COPYUID 30 4 3\] COPY completed' 'exchange: COPY'
like "$moved" '^\* 3 FETCH \(UID 3 ' 'exchange: all are there'
like "$(talk 'b SELECT INBOX' 'c EXAMINE Archive' 'd NOOP')" '^\* 3 EXISTS$' 'exchange: also for the next connection'
like "$(talk b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 | tail -n 1)" 'BYE Connection closed. 14' 'exchange: closes after ten errors'
exchange_tell 'errors 99'
exchange_tell 'inflight fetch bye Connection is closed. 13; reset'
unlike "$(talk 'b EXAMINE INBOX' 'c UID FETCH 1 (FLAGS)' 'd UID FETCH 2 (FLAGS)')" '^d OK' 'exchange: breaks under commands in flight'
exchange_down

exchange_up - <<'E2'
script
S: * OK hello
C: ^authenticate
S: * CAPABILITY IMAP4rev1
S: $tag OK [ALERT]
! close
E2
is "$(talk)" '* OK hello
* CAPABILITY IMAP4rev1
a OK [ALERT]' 'exchange: a script'
exchange_down

# ask: the answer of the token endpoint.
ask() {
	curl -si -m 30 --cacert "$STAND_CA" -d client_id=x -d client_secret=s3cret "$endpoint_url/t/oauth2/v2.0/token" 2>ask.err | tr -d '\r'
}
endpoint_up - <<'E2'
on token #1: aadsts 7000215
on token #2: header Retry-After: 60; status 429 Too Many Requests
on token #3: expires-in string; omit roles; token
on token #4: reset
E2
like "$(ask)" '"error":"invalid_client","error_description":"AADSTS7000215: .*"error_codes":\[7000215\]' 'endpoint: an AADSTS code'
like "$(ask)" '^Retry-After: 60$' 'endpoint: 429'
reply=$(ask)
like "$reply" '"expires_in":"3599"' 'endpoint: a string for a number'
unlike "$(printf '%s\n' "$reply" | sed -n 's/.*"access_token":"[^.]*\.\([^.]*\).*/\1==/p' | tr _- /+ | base64 -d 2>decode.err)" roles \
    'endpoint: a token without roles'
is "$(ask)" '' 'endpoint: reset'
like "$(sed -n 's/.* agent/agent/p' "$endpoint_log" | head -n 1)" 'client_id=x&client_secret=<6>$' 'endpoint: the log has no secret'

relay_up "${endpoint_url##*:}" -x http -a me:pw
like "$(curl -si -p -x "http://me:pw@127.0.0.1:$relay_port" --cacert "$STAND_CA" -d x=y "$endpoint_url/token")" access_token 'relay: a proxy'
wait_for "grep -q 'target localhost:' '$relay_log'"
ok 'relay: its log' grep -q '^1 target localhost:' "$relay_log"
done_testing
