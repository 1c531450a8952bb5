#!/bin/sh
# What takes long or is large: a run that outlives its token, a message of 150 MB, a mailbox of 20,000, progress on a
# terminal.  Memory is the highest sum of the resident sets of all processes of a run (tests/bench/meter.c).
# shellcheck disable=SC2016,SC2086,SC2153
. "${0%/*}/../lib/sh"

box=box@contoso.example
printf 'token-one\n' >token
cc -O1 -o meter "$root/tests/bench/meter.c" || bail_out 'meter does not compile'

# mstoken --follow: the next token comes while the run lasts, and carries it over the end of the first one.
scripted_pki
(umask 077; echo 'sec~ret' >secret)
endpoint_up -e 'ttl 4'
# by the time that the 9th message is asked for the first token is refused for ever
exchange_up -d "$T/orig" -e 'messages 20' -e 'on message #9: sleep 3000; expire'
cat >both <<'X2'
mstoken --follow --authority "$1" --tenant contoso.example --client-id 33333333-aaaa-4bbb-8ccc-444444444444 \
	--ca-file "$2" --client-secret-file secret | {
	shift 2
	msfetch "$@"
	echo $? >fetch.status
}
X2
spawn both sh both "$endpoint_url" "$STAND_CA" $imap_args -u $box followed
finish "$pid"
is "$(cat fetch.status)" 0 'mstoken --follow | msfetch goes on where the first token ended'
is "$status" 0 'and mstoken ends with it'
ok 'all is there, once' mdcmp -n followed orig/INBOX
is "$(grep -c 'C: .* AUTHENTICATE' "$exchange_log")" 2 'with a second login'
ok 'by another token' test "$(grep 'C: .* AUTHENTICATE' "$exchange_log" | awk '{ print $NF }' | sort -u | wc -l)" -eq 2

# Progress: on a terminal, for what takes longer than a second; nowhere else.
exchange_up -e 'messages 20' -e 'delay 150'
cat >on-terminal <<X2
msfetch $imap_args -u $box "\$@" <token >got
X2
TERM=vt100 COLUMNS=80 script -qec 'sh on-terminal seen' typescript >/dev/null 2>&1
is "$(wc -l <got)" 20 'on a terminal: all receipts on standard output'
ok 'and a line of progress' grep -qaE '[0-9]+ (messages|of)' typescript
TERM=vt100 script -qec 'sh on-terminal --no-progress still' typescript >/dev/null 2>&1
is "$(wc -l <got) $(grep -aEc '[0-9]+ (messages|of)' typescript)" '20 0' 'none with --no-progress'
run msfetch $imap_args -u $box unseen <token
stderr_is '' 'none where standard error is no terminal'

# A mailbox of 20,000: what is new costs no more than in a small one, in memory, in round trips.
exchange_up -e 'bytes 300' -e 'messages 20000'
./meter mem.many msfetch $imap_args -u $box -q many <token
is "$?" 0 'a mailbox of 20,000'
is "$(ls many/new | wc -l)" 20000 'all of it'
count_flights 6 "$exchange_port" msfetch --host localhost --ca-file "$STAND_CA" -u $box many <token
status_is 0 'nothing new in it'
ok "at most 6 round trips ($flights)" test "$flights" -le 6
state_bytes=$(stat -c %s many/.mstools.db)
ok "state: at most 100 bytes a message ($state_bytes)" test "$state_bytes" -le 2000000
exchange_down

# A message of 150 MB, and one of 2 KB.
stand_up imap
token >real
seq 1 30 | sed 's/^/Subject: small\n\nline /' >small
{ printf 'Subject: large\n\n'; head -c 78000000 /dev/urandom | od -An -v -tx1 -w36 | tr -d ' '; } >large
ok 'it has 150 MB' test "$(stat -c %s large)" -gt 150000000
stand save $box INBOX small
./meter mem.small msfetch $imap_args -u $box spool <real >got
is "$?" 0 'a small message'
stand save $box INBOX large
./meter mem.large msfetch $imap_args -u $box spool <real >>got
is "$?" 0 'a message of 150 MB'
ok 'it is whole' cmp -s large "$(tail -n 1 got | cut -f 8)"
kib() { sed -n 's/.* rss \([0-9]*\).*/\1/p' "$1"; }
case ${BUILD##*-} in
san) skip 'memory' 'the sanitizers take some of their own' ;;
*)
	for m in small large many; do
		ok "memory at most 40 MiB: $m ($(kib mem.$m) KiB)" test "$(kib mem.$m)" -le 40960
	done
	ok '150 MB cost no more memory than 2 KB' test "$(kib mem.large)" -le $(($(kib mem.small) + 8192))
	;;
esac
done_testing
