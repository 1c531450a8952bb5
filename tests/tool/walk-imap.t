#!/bin/sh
# The rows of lib/diag that the programs meet on the way to a mailbox and in it,
# each provoked against a scripted server.
# shellcheck disable=SC2086,SC2153
. "${0%/*}/../lib/sh"
scripted_pki

b64() {
	base64 -w 0 | tr '+/' '-_' | tr -d =
}
# jwt CLAIMS: a token that says this of itself; the scripted server takes any.
jwt() {
	printf '%s.%s.%s\n' "$(printf '{"alg":"RS256","typ":"JWT"}' | b64)" "$(printf '%s' "$1" | b64)" c2ln
}
now=$(date +%s)
good="\"aud\":\"https://outlook.office365.com\",\"appid\":\"11111111-2222-3333-4444-555555555555\""
good="$good,\"oid\":\"99999999-8888-7777-6666-555555555555\",\"app_displayname\":\"Mail o'matic\""
times="\"iat\":$((now - 300)),\"nbf\":$((now - 300)),\"exp\":$((now + 3000))"
roles='"roles":["IMAP.AccessAsApp"]'
jwt "{$good,$times,$roles}" >token

exchange_pid=
exchange() {
	if [ "$exchange_pid" ]; then
		kill "$exchange_pid"
		finish "$exchange_pid"
	fi
	: >scenario
	for line; do printf '%s\n' "$line" >>scenario; done
	exchange_up scenario
}
list() {
	run msls $imap_args -u box@contoso.example --timeout 5 "$@" <token
}
# says STATUS DESC HINT...: how the last run ended, and what it advised, in this order.
says() {
	is "$status" "$1" "$2: status $1" || show_run
	says_name=$2
	shift 2
	for h; do
		stderr_like "^hint: .*$h" "$says_name: $h"
	done
}
first_hint() {
	is "$(grep -m1 '^hint: ' "$err_file" | grep -cE "$1")" 1 "$2: named first" || show_run
}

#
# Name, connection, proxy, TLS, greeting
#

exchange 'messages 3'
list --host no-such-host.invalid
says 69 'a host that is not there' 'misspelt|reaches no name server'
list --port 1
says 69 'a closed port' 'nothing listens'
list --proxy http://no-such-host.invalid:3128
says 69 'a proxy that is not there' "proxy's name"
list --proxy http://localhost:1
says 69 'a proxy that does not listen' 'does not listen there'
list --proxy ftp://localhost:1
says 78 'a proxy of another kind' 'a form that is not known'
relay_up "$exchange_port" -x http -a me:pass
list --proxy "http://localhost:$relay_port"
says 69 'a proxy that wants a password' 'only those through who log in'
relay_up "$exchange_port" -x http -R 403
list --proxy "http://me:geheim@localhost:$relay_port"
says 69 'a proxy that refuses' 'lets nobody through to port 993'
stderr_unlike geheim "a proxy's password is not shown"
list --ca-file token
says 78 'a CA file that is none' 'is no file with PEM'

"$root/tests/stand/pki" bad "$STAND_PKI"
while IFS='|' read -r name text; do
	exchange "certificate bad/$name"
	list
	says 76 "certificate $name" "$text"
done <<'END'
expired|clock of this machine is wrong
not-yet|clock of this machine is behind
wrong-host|another name of the server
self-signed|authority of its own
other-ca|authority of its own
wrong-eku|not Microsoft's certificate
rsa-1024|not Microsoft's certificate
cn-only|another name of the server
END
exchange 'tls TLSv1.1'
list
says 76 'TLS 1.1' 'knows only TLS 1.0 or 1.1'
exchange plain
list
says 76 'no TLS' 'answers in plain text'
exchange 'on tcp: close'
list
is "$status" 69 'closed before TLS' || show_run
stderr_like '^hint: ' 'closed before TLS: a hint'
exchange script 'S: HTTP/1.1 400 Bad Request' '! stall'
list
isnt "$status" 0 'another service'
stderr_like '^hint: .*(another service answers|that of another service)' 'another service: a hint'
exchange 'on connect: bye Connection is closed. 13'
list
is "$(grep -c '^hint: ' "$err_file" | grep -vc '^0$')" 1 'BYE for a greeting: a hint' || show_run
exchange 'before IMAP4 IMAP4rev1 AUTH=PLAIN' 'on authenticate: bad unknown command'
list
isnt "$status" 0 'no XOAUTH2'
stderr_like '^hint: ' 'no XOAUTH2: a hint'

#
# Login: what the token gives away
#

exchange 'messages 3' 'on authenticate: no AUTHENTICATE failed.'
list
says 77 'a bare NO, the token is right' \
    "New-ServicePrincipal -AppId '11111111-2222-3333-4444-555555555555' -ObjectId '99999999-8888-7777-6666-555555555555' -DisplayName 'Mail o''matic'" \
    "Add-MailboxPermission -Identity 'box@contoso.example' -User '99999999-8888-7777-6666-555555555555'" 'mstoken --force'
first_hint 'does not know the app|Object ID' 'the service principal'
stderr_unlike 'aud is' 'what the token rules out is not named'

login() {
	jwt "$1" >odd
	run msls $imap_args -u box@contoso.example <odd
	says 77 "$2" "$3"
	first_hint "$3" "$2"
}
login "{\"aud\":\"https://graph.microsoft.com\",$times,$roles}" "Graph's audience" 'is for another service.*graph.microsoft.com'
login "{$good,$times,\"roles\":[\"Mail.Read\"]}" 'no role' 'does not have the role IMAP.AccessAsApp'
login "{$good,$times}" 'no roles at all' 'does not have the role IMAP.AccessAsApp'
login "{$good,$times,\"scp\":\"Mail.Read\"}" 'delegated, without the scope' 'delegated'
login "{$good,$roles,\"exp\":$((now - 10))}" 'expired' 'ran out at'
login "{\"aud\":\"https://outlook.office365.us\",\"appid\":\"a\",\"oid\":\"b\",$times,$roles}" 'another cloud, host of our own' 'does not know the app'
login "{\"aud\":\"https://outlook.office365.com\",\"appid\":\"a\",$times,$roles}" 'no oid' 'no enterprise application'
echo EwBAA8l6BAAUopaque >opaque
run msls $imap_args -u box@contoso.example <opaque
says 77 'an opaque token' "New-ServicePrincipal -AppId 'APP-ID'" 'Graph'

#
# The first command after it
#

exchange 'messages 3' 'on first: bad User is authenticated but not connected.'
list
says 77 'not connected' 'no permission on the mailbox box@contoso.example' 'there is no mailbox' 'IMAP is switched off' \
    'last two hours' 'too many connections'
first_hint 'no permission on the mailbox' 'permission'
run msls $imap_args -u 'box' <token
says 77 'not connected, no address' 'is no mailbox address'
jwt "{$good,$times,\"scp\":\"IMAP.AccessAsUser.All\",\"upn\":\"ann@contoso.example\"}" >odd
run msls $imap_args -u box@contoso.example <odd
says 77 'not connected, delegated' 'delegated .*stands for ann@contoso.example'
exchange 'on first: no Request is throttled. Suggested Backoff Time: 92415 milliseconds'
list --cache-dir "$T/throttled"
says 75 'throttled' 'wants a pause'
list --cache-dir "$T/throttled"
says 75 'throttled, the next run' 'wants a pause'

#
# Folders and messages
#

exchange 'messages 3'
list Nope
says 66 'a folder that is not there' 'there is no folder Nope'
exchange 'messages 3' 'on uid fetch: bad Command Argument Error. 11'
list INBOX
isnt "$status" 0 'a command that Exchange dislikes'
stderr_like '^hint: ' 'a command that Exchange dislikes: a hint'
exchange 'messages 3' 'on uid fetch body: bye Session invalidated - AccessTokenExpired'
run msfetch $imap_args -u box@contoso.example box1 <token
says 75 'the token runs out in mid-run' 'longer than the token lives'
exchange 'messages 3' 'on uid fetch body: no Server Unavailable. 15'
run msfetch $imap_args -u box@contoso.example box2 <token
isnt "$status" 0 'Server Unavailable. 15'
stderr_like '^hint: |quarantined' 'Server Unavailable. 15: said so'
exchange 'messages 3' 'message 2 nodata'
run msfetch $imap_args -u box@contoso.example box3 <token
is "$status" 65 'a message that does not come' || show_run
stderr_like '^hint: .*cannot render' 'a message that does not come: why'

#
# Marking
#

mark() {
	cat token got >in
	run msmark $imap_args "$@" <in
}
exchange 'messages 3'
run msfetch $imap_args -u box@contoso.example marked <token
status_is 0 'three messages to mark'
cp "$out_file" got
mark --move Nope
says 66 'a target that is not there' 'there is no folder Nope'
exchange 'messages 3' 'permanent \\Seen'
mark --flag
is "$status" 65 'a flag that is not kept' || show_run
exchange 'messages 3' 'without MOVE UIDPLUS'
mark --delete
isnt "$status" 0 'no UIDPLUS'
exchange 'messages 3' 'on first: bad User is authenticated but not connected.'
mark --seen
says 77 'not connected, marking' 'no permission on the mailbox'
echo junk >got
mark --seen
says 65 'a line that is no receipt' 'the line with this number'
run msmark $imap_args --seen </dev/null
says 78 'no token, marking' 'mstoken failed'

#
# Local files and standard input
#

fetch() {
	run msfetch $imap_args -u box@contoso.example "$@" <token
}
exchange 'messages 3'
: >file
fetch file
isnt "$status" 0 'a Maildir that is a file'
stderr_like '^hint: .*this is a file' 'a Maildir that is a file: why'
mkdir other && : >other/thing
fetch other
isnt "$status" 0 'a directory that is no Maildir'
stderr_like '^hint: .*other things in it' 'a directory that is no Maildir: why'
fetch no/such/parent
isnt "$status" 0 'a Maildir without a parent'
stderr_like '^hint: .*directory above does not exist' 'a Maildir without a parent: why'
fetch box9
status_is 0 'a fetch that works'
rm -f box9/.mstools.db*
fetch box9
says 78 'a lost state' 'the state .* was lost' 'msfetch --rebuild box9|--rebuild' '--baseline'
echo 'this is no database' >text.db
fetch --state "$T/text.db" box10
says 78 'a state that is none' '--state names another file'
(
	flock 9
	echo >locked
	exec sleep 1000
) 9>>box9b.lock &
locker=$!
spawned="$spawned $locker"
wait_for '[ -e locked ]'
fetch --state box9b box11
says 75 'a state in use' 'a run from before has not ended'
kill "$locker"
finish "$locker"
MSTOOLS_WORKER=$T/no-msworker
run msls $imap_args -u box@contoso.example <token
MSTOOLS_WORKER=$BUILD/libexec/msworker
says 71 'no worker' 'msworker is not where'
run msls $imap_args -u box@contoso.example --trace no/such/trace <token
isnt "$status" 0 'a trace file that cannot be made'
stderr_like '^hint: .*(directory above|not there)' 'a trace file that cannot be made: why'
mkdir small
if unshare -m mount -t tmpfs -o size=256k tmpfs small 2>/dev/null; then
	exchange 'bytes 100000' 'messages 9'
	# shellcheck disable=SC2016
	run unshare -m sh -c 'mount -t tmpfs -o size=256k tmpfs small && exec msfetch "$@"' sh $imap_args \
	    -u box@contoso.example small/box <token
	says 74 'a full disk' 'disk or the user.s quota is full'
else
	skip 'a full disk' 'nothing can be mounted here'
fi
exchange 'messages 3'
run msls $imap_args -u box@contoso.example </dev/null
says 78 'no token' 'mstoken failed'
printf 'a\tb\tc\n' >receipt
run msls $imap_args -u box@contoso.example <receipt
says 78 'a receipt for a token' 'mstoken failed|in the token.s place'
run msls $imap_args -u box@contoso.example --token-cmd 'exit 78'
says 78 'a token command that fails' 'command that gets the token failed'
run msls $imap_args --token-file token
isnt "$status" 0 'no mailbox'
done_testing
