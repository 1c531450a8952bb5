#!/bin/sh
# Receipts: whole lines, at least once, whatever becomes of standard output.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
corpus=$(stand corpus $box INBOX)
n=$(find "$corpus" -type f | wc -l)
token >token

# Every file in md has a receipt in FILE.
all_told() {
	awk -F '\t' 'NF == 8 { print $8 }' "$1" | sort -u >told
	find "$T/md/new" -type f | sort >there
	cmp told there
}

# A reader that has gone.
mkfifo fifo
: <fifo &
sh -c 'exec msfetch "$@" >fifo 2>err' sh $imap_args -u $box md <token
is $? 74 'nobody reads standard output: 74'
wait $!
like "$(cat err)" 'msfetch: standard output: cannot write receipts' 'it says so'
ok 'what was in hand is committed' test -n "$(ls md/new)"
fetch md
status_is 0 'the next run'
cp "$out_file" got
ok 'pays what is owed' all_told got
ok 'every message is there once' mdcmp md "$corpus"
fetch md
stdout_is '' 'then nothing is owed'

# A standard output that is closed from the start.
rm -rf md
sh -c 'exec msfetch "$@" >&- 2>err' sh $imap_args -u $box md <token
is $? 74 'no standard output at all: 74'
fetch md
cp "$out_file" got
ok 'the receipts are not lost' all_told got

# A full disk under the receipts: a line that did not fit is cut, the others are whole.
full() {
	mount -t tmpfs -o size=16k tmpfs small 2>/dev/null
}
mkdir small
rm -rf md
if full; then
	sh -c 'exec msfetch "$@" >>small/got 2>err' sh $imap_args -u $box md <token
	is $? 74 'a full disk: 74'
	cp small/got got
	umount small
	is "$(tail -c 1 got | od -An -c | tr -d ' ')" '\n' 'the last line is whole'
	fetch md
	cat "$out_file" >>got
	ok 'the next run pays the rest' all_told got
	ok 'every message is there once' mdcmp md "$corpus"
else
	skip 'a full disk: 74' 'cannot mount a tmpfs'
fi

# A torn line of an earlier crash is ended before ours begin.
printf 'box@contoso.exa' >torn
rm -rf md
sh -c 'exec msfetch "$@" >>torn' sh $imap_args -u $box md <token
is "$(head -n 1 torn)" box@contoso.exa 'a torn line is ended'
is "$(wc -l <torn)" $((n + 1)) 'and all of ours follow'

# -q owes nothing; a debt of one user is not paid by another.
rm -rf md
sh -c 'exec msfetch "$@" >/dev/full 2>err' sh $imap_args -u $box md <token
is $? 74 '/dev/full: 74'
run msfetch $imap_args -u other@contoso.example md <token
status_is 0 'another user, the same Maildir'
stdout_is '' 'pays no debt of the first'
fetch -q md
stdout_is '' '-q'
fetch md
stdout_is '' 'clears the debt'

# Two at a time: the first has the lock and waits for its token.
rm -rf md
mkfifo late
hold late
spawn first sh -c 'exec msfetch "$@" <late' sh $imap_args -u $box md
first=$pid
wait_for '[ -s md/.mstools.lock ]'
fetch md
status_is 75 'a second run at the same time: 75'
stderr_like 'msfetch: .*another' 'it says why'
fetch --grace 1h md
status_is 75 'with --grace'
stderr_is '' 'it keeps quiet'
spawn second sh -c 'exec msfetch "$@" <token' sh $imap_args -u $box --lock-wait 60 md
second=$pid
cat token >late
release
finish $first
is "$status" 0 'the first ends well'
finish $second
is "$status" 0 '--lock-wait waits for its turn'
is "$(cat second.out)" '' 'and finds nothing new'
ok 'every message is there once' mdcmp md "$corpus"
done_testing
