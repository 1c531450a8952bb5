#!/bin/sh
# The rows of lib/diag that the programs meet on the way to a mailbox and in it,
# each provoked against a scripted server.
# shellcheck disable=SC2086,SC2153
. "${0%/*}/../lib/sh"
scripted_pki
export MSTOOLS_STAGE=1

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
	run msls $imap_args -u box@contoso.example --timeout 20 "$@" <token
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

# Those that wait, all at once, each with a server of its own.
# apart NAME RULE PROGRAM OPTION...: in the background; met NAME: its outcome, as after run.
apart() {
	apart_name=$1 apart_rule=$2 apart_program=$3 whole=$T kept=$exchange_pid
	shift 3
	T=$T/$apart_name
	mkdir "$T" && cd "$T" || bail_out "no $T"
	exchange_up -e 'messages 3' -e "$apart_rule"
	spawn "$T/client" "$apart_program" $imap_args -u box@contoso.example --token-file "$whole/token" "$@"
	eval "client_$apart_name=\$pid server_$apart_name=\$exchange_pid"
	T=$whole exchange_pid=$kept
	cd "$T" || bail_out "no $T"
}
met() {
	client='' server=''
	eval "client=\$client_$1 server=\$server_$1"
	finish "$client" 120
	kill "$server" && wait "$server" 2>/dev/null
	forget "$server"
	ran="apart $1" exchange_log=$T/$1/exchange.log
	cp "$1/client.out" "$out_file"
	cp "$1/client.err" "$err_file"
	take_rows
}
chmod 600 token
apart greets 'on connect: stall' msls --timeout 5
apart logs_in 'on authenticate: stall' msls --timeout 5
apart stalls 'on uid fetch body: stall' msfetch --timeout 5 box
apart ends_13 'on uid fetch body: bye Connection is closed. 13' msfetch box
apart ends_14 'on uid fetch body: bye Connection closed. 14' msfetch box
apart resets 'on uid fetch body: reset' msfetch box
apart empty 'on uid fetch body: ok FETCH completed.' msfetch box
apart garbles 'on uid fetch body: send garbage (; close' msfetch box

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
exchange 'on connect: send HTTP/1.1 400 Bad Request; stall'
list
is "$status" 76 'another service: status 76'
stderr_like '^hint: .*another service answers' 'another service: why'
exchange 'on connect: bye Connection is closed. 13'
list
is "$(grep -c '^hint: ' "$err_file" | grep -vc '^0$')" 1 'BYE for a greeting: a hint' || show_run
exchange 'before IMAP4 IMAP4rev1 AUTH=PLAIN' 'on authenticate: bad unknown command'
list
isnt "$status" 0 'no XOAUTH2'
stderr_like '^hint: ' 'no XOAUTH2: a hint'

met greets
isnt "$status" 0 'no greeting'
stderr_like '^hint: .*something in between takes the connection' 'no greeting: why'

# A port that nobody takes connections from, and whose queue is full: the kernel drops what comes.
cat >full.pl <<'END'
use Socket;
my ($s, @c);
socket($s, PF_INET, SOCK_STREAM, 0) && bind($s, sockaddr_in(0, INADDR_LOOPBACK)) && listen($s, 0) or die;
for (0 .. 3) {
	socket(my $c, PF_INET, SOCK_STREAM | 04000, 0); # O_NONBLOCK
	connect($c, getsockname($s));
	push @c, $c;
}
my ($port) = sockaddr_in(getsockname($s));
open(my $f, '>', 'full.new') or die;
print $f $port;
close($f);
rename('full.new', 'full.port');
sleep;
END
serve full perl full.pl
list --host 127.0.0.1 --port "$port" --timeout 2
says 69 'a port that does not answer' 'a firewall drops the connection'
list --host 224.0.0.1 --timeout 2
says 69 'an address that no way leads to' 'has no way there'
# failing CALL ERROR OPTION...: list, and that system call of the worker fails.
failing() {
	failing_call=$1 failing_error=$2
	shift 2
	run strace -f -o /dev/null -e trace="$failing_call" -e inject="$failing_call:error=$failing_error" \
	    msls $imap_args -u box@contoso.example --timeout 20 "$@" <token
}
traced=yes
case $BUILD in *-san) traced= ;; esac
strace -o /dev/null true 2>/dev/null || traced=
if [ "$traced" ]; then
	failing connect EPERM --host 127.0.0.1
	says 69 'a rule of this machine' 'a rule of this machine forbids'
	failing connect EADDRNOTAVAIL --host 127.0.0.1
	says 69 'anything else about TCP' 'firewall in between cuts'
	case $BUILD in
	*-nocage) unmet 'seccomp or landlock fails' 'this build has no cage' ;;
	*)
		failing seccomp EPERM
		says 71 'no seccomp' 'forbids the worker to lock itself in'
		;;
	esac
else
	unmet 'operation not permitted' 'strace does not work here'
	unmet 'connection reset, or anything else about TCP' 'strace does not work here'
	unmet 'seccomp or landlock fails' 'strace does not work here'
fi
# A name server that never answers.
cat >silent.js <<'END'
require('dgram').createSocket('udp4').bind(53, '127.7.7.53', () => require('fs').writeFileSync('silent.port', '53'));
END
echo 'nameserver 127.7.7.53' >resolv.conf
dns='temporary failure in name resolution'
if unshare -m mount --bind resolv.conf /etc/resolv.conf 2>/dev/null && grep -Eq '^hosts:[[:space:]]*files dns' /etc/nsswitch.conf; then
	serve silent node silent.js
	# shellcheck disable=SC2016
	run unshare -m sh -c 'mount --bind resolv.conf /etc/resolv.conf && exec msls "$@"' sh $imap_args \
	    --host mail.contoso.example -u box@contoso.example --timeout 2 <token
	says 69 'a name server that does not answer' 'reaches no name server'
else
	unmet "$dns" 'the name server cannot be another one here'
fi

#
# Login: what the token gives away
#

endpoint_up -e opaque
(umask 077; echo secret >secret)
run mstoken --no-cache $token_args --client-id x --client-secret-file secret --claims
says 65 'the claims of an opaque token' 'tokens of personal accounts'
met logs_in
says 69 'no answer to the login' 'the connection broke, or nothing came'
exchange 'on authenticate: no Server Unavailable. 15'
list
says 75 'a server that is ill, at login' 'behind the mailbox is ill'
exchange 'on first: bye Session invalidated - AccessTokenExpired'
list
says 75 'the token runs out at login' 'the token ran out'
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
says 66 'a folder that is not there' 'there is no folder Nope' ' +mstoken . msls$'
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

fetch() {
	run msfetch $imap_args -u box@contoso.example --timeout 20 "$@" <token
}
# session NAME STATUS-RE HINT: what became of a fetch with that.
session() {
	met "$1"
	like "$status" "^($2)$" "a fetch where the server $1: status $2" || show_run
	stderr_like "^hint: .*$3" "a fetch where the server $1: $3"
}
session ends_13 75 'ended the session'
session ends_14 75 'about ten errors'
session stalls 75 'firewall forgot the connection'
session resets 75 'the connection broke'
session empty 75 'the server is ill'
session garbles '7[56]' 'does not belong here|connection broke'
exchange 'messages 9'
fetch --pipe 'exit 1' boxp1
says 78 'a filter that takes nothing' 'refuses whatever it gets'
fetch --pipe /nowhere/filter boxp2
says 78 'a filter that is not there' 'filter command is not there'
fetch --pipe 'exit 75' boxp3
says 75 'a filter that wants them later' 'could not take them just now'
fetch --pipe 'test "$MSTOOLS_UID" -ne 2' boxp4
says 65 'a filter that rejects one' 'rejected this message'
exchange 'messages 3' 'on uid fetch #1: renumber INBOX 99; cut'
fetch boxuv
says 75 'a folder that is made anew meanwhile' 'was made anew'
exchange 'messages 3' 'on command: bad Command received in Invalid state.'
list
says 76 'Invalid state' 'does not regard the connection as logged in'
exchange 'messages 3' 'on list: no something new'
list
isnt "$status" 0 'folders that cannot be listed'
stderr_like '^hint: .*does not belong here' 'folders that cannot be listed: why'

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
says 65 'a flag that is not kept' 'does not keep that flag'
exchange 'messages 3' 'without MOVE UIDPLUS'
mark --delete
says 65 'no UIDPLUS' 'would also remove what others have marked'
exchange 'messages 3' 'uidvalidity INBOX 77'
mark --seen
says 65 'receipts of a folder that was made anew' 'older than the folder'
exchange 'messages 3' 'on create: no Folder name is reserved'
mark --create --move Files
isnt "$status" 0 'a reserved name'
stderr_like '^hint: .*keeps this name for itself' 'a reserved name: why'
exchange 'messages 3' 'folder Done 30' 'on uid move #1: expunge INBOX 2; cut'
mark --move Done
says 75 'a message that is neither here nor there' 'broke after the command was sent'
exchange 'messages 3' 'on create: no Permission denied'
mark --create --move New
isnt "$status" 0 'a folder that must not be made'
stderr_like "^hint: .*permission does not reach" 'a folder that must not be made: why'
exchange 'messages 3' 'on first: bad User is authenticated but not connected.'
mark --seen
says 77 'not connected, marking' 'no permission on the mailbox'
echo junk >got
mark --seen
says 65 'a line that is no receipt' 'the line with this number' 'a message itself was named'
run msmark $imap_args --seen </dev/null
says 78 'no token, marking' 'mstoken failed'

#
# Local files and standard input
#

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
stderr_like '^hint:  +mkdir -p -- (/.*/)?no/such$' 'a Maildir without a parent: what to type'
fetch box9
status_is 0 'a fetch that works'
rm -f box9/.mstools.db*
fetch box9
says 78 'a lost state' 'use an account without maildir' 'the state .* was lost' 'msfetch --rebuild box9|--rebuild' '--baseline'
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
	unmet 'write: No space left on device' 'nothing can be mounted here'
fi
exchange 'messages 3'
run msls $imap_args -u box@contoso.example </dev/null
says 78 'no token' 'mstoken failed'
# first BOX: one message in it, and then a second one on the server.
first() {
	exchange 'messages 1'
	fetch "$1"
	exchange 'messages 2'
}
first twin
fetch twin
name=$(cd twin/new && for f in *U2F*; do echo "$f"; done)
first clash
echo 'something else' >"clash/new/$name"
fetch clash
says 70 'a name that is taken' 'changed a delivered file in place'
rm "twin/new/$name"
run msfetch $imap_args -u box@contoso.example --verify twin <token
says 65 'a message that is missing' 'have been taken, moved or changed'
first others
fetch --tree others
run msfetch $imap_args -u sales@contoso.example --tree others <token
says 78 "a tree with another's mail" 'name another Maildir'
first wide
chmod 777 wide/tmp/mstools
fetch wide
says 73 'a stage that others may write' 'somebody else could put files there'
mkdir -p newer/cur newer/new newer/tmp
first damaged
cp -R damaged newer2
# user_version stands at byte 60 of an SQLite file
printf '\143' | dd of=newer2/.mstools.db bs=1 seek=63 conv=notrunc 2>/dev/null
fetch newer2
says 78 'a state of a newer mstools' 'upgrade mstools'
dd if=/dev/zero of=damaged/.mstools.db bs=1024 seek=4 count=40 conv=notrunc 2>/dev/null
fetch damaged
says 74 'a state that is damaged' 'disk or file system is failing'
: >shut && chmod 000 shut
if [ "$(id -u)" -eq 0 ]; then
	run setpriv --bounding-set=-all msmark $imap_args --token-file shut --seen shut </dev/null
	run setpriv --bounding-set=-all msfetch $imap_args -u box@contoso.example --state shut/x box <token
	chmod 500 wide
	run setpriv --bounding-set=-all msfetch $imap_args -u box@contoso.example wide/below <token
else
	chmod 500 wide
	fetch wide/below
fi
chmod 700 wide
says 73 'a directory that this user may not write to' 'may not write there'
long=$(printf '%0300d' 0)
exchange 'messages 1' "folder $long 40" "messages $long 1"
fetch -F "$long" --tree longname
isnt "$status" 0 'a name that is too long'
stderr_like '^hint: .*end at 255 bytes' 'a name that is too long: why'
exchange 'messages 1'
mkfifo reader
# shellcheck disable=SC2016
run sh -c 'exec 3<>reader 4>reader 3<&-; exec msfetch "$@" >&4' sh $imap_args -u box@contoso.example piped <token
says 74 'nobody reads the receipts' 'that reads the output has ended'
# shellcheck disable=SC2016
run sh -c 'ulimit -n 6; exec msfetch "$@"' sh $imap_args -u box@contoso.example fewfiles <token
says 71 'few open files' 'limit of this machine'
first sealed
printf x >sealed/.mstools.db-wal
chmod 400 sealed/.mstools.db
chmod 500 sealed
if [ "$(id -u)" -eq 0 ]; then
	run setpriv --bounding-set=-all msfetch $imap_args -u box@contoso.example --verify sealed <token
else
	fetch --verify sealed
fi
says 74 'a state that cannot be written, with a log' 'without shared memory or locks .*, or a read-only one'
chmod 700 sealed
first alone
run msfetch $imap_args -u sales@contoso.example --rebuild alone <token
says 78 'another mailbox' 'fetched for another mailbox'
if unshare -m mount -t tmpfs -o ro tmpfs small 2>/dev/null; then
	# shellcheck disable=SC2016
	run unshare -m sh -c 'mount -t tmpfs -o ro tmpfs small && exec msfetch "$@"' sh $imap_args \
	    -u box@contoso.example small/box <token
	says 73 'a read-only file system' 'mounted read-only'
else
	unmet 'cannot create: Read-only file system' 'nothing can be mounted here'
fi
# shellcheck disable=SC2016
printf '#!/bin/sh\nkill -SYS $$\n' >killed && chmod 755 killed
MSTOOLS_WORKER=$T/killed
list
MSTOOLS_WORKER=$BUILD/libexec/msworker
says 70 'a worker that breaks its bounds' 'a fault of mstools itself'
printf 'a\tb\tc\n' >receipt
run msls $imap_args -u box@contoso.example <receipt
says 78 'a receipt for a token' 'mstoken failed|in the token.s place'
run msls $imap_args -u box@contoso.example --token-cmd 'exit 78'
says 78 'a token command that fails' 'command that gets the token failed'
run msls $imap_args --token-file token
isnt "$status" 0 'no mailbox'
unmet 'the folder can only be opened read-only' 'the scripted server opens none so'
unmet 'the state has messages that are not in their Maildir yet; name the MAILDIR once more' \
    'wants a run that was killed between two steps of a commit'
for guard in 'anything else at login' 'anything else at the first command after login' 'anything else about local files' \
    'anything else'; do
	unmet "$guard" 'for what is not known today'
done
all_rows_met 'The way' "The token's claims" 'Folders' 'Local'
done_testing
