#!/bin/sh
# The mailbox changes under two runs of msfetch: four other clients put in, flag, expunge and move messages, a folder is
# renamed and one is made anew.  When all is quiet each message is there once, whole, and told of.
# shellcheck disable=SC2086,SC2154
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
token >token
chmod 600 token
imap_args="$imap_args --token-file token"
mkdir orig

# letters FROM TO: originals of that number.
letters() {
	awk -v from="$1" -v to="$2" 'BEGIN {
		for (i = from; i <= to; i++) {
			f = "orig/" i
			printf "Subject: %d\nMessage-ID: <%d@example>\n\n", i, i >f
			for (j = 0; j < i % 60; j++)
				printf "line %d of letter %d, and some more to make it longer\n", j, i >f
			close(f)
		}
	}'
}

# put FOLDER FROM TO
put() {
	stand save $box "$1" $(seq -f 'orig/%.0f' "$2" "$3")
}

uids() {
	stand doveadm -f flow fetch -u $box uid mailbox "$1" 2>/dev/null | sed 's/^uid=//'
}

mailbox() {
	stand doveadm mailbox "$1" -u $box "$2" ${3:+"$3"}
}

letters 1 2000
put INBOX 1 200
put Work 201 320
put Archive 321 360
put Moving 361 420
put Renewed 421 480

# The clients, each for so long as the file "go" is there.
appends() {
	n=1001
	while [ -e go ]; do
		put INBOX $n $((n + 2))
		put Work $((n + 3)) $((n + 4))
		n=$((n + 5))
		echo $n >appended
	done
}

flags() {
	while [ -e go ]; do
		for folder in INBOX Work Moving Renewed; do
			stand doveadm flags add -u $box '\Seen' mailbox $folder uid 1:40 2>/dev/null
			stand doveadm flags remove -u $box '\Seen' mailbox $folder uid 10:60 2>/dev/null
		done
	done
}

expunges() {
	while [ -e go ]; do
		for folder in Work INBOX Archive; do
			for uid in $(uids $folder | shuf -n 2); do
				stand doveadm expunge -u $box mailbox $folder uid $uid && echo "$folder $uid" >>expunged
			done
		done
	done
}

moves() {
	while [ -e go ]; do
		for pair in INBOX:Archive Archive:Work Work:INBOX; do
			for uid in $(uids ${pair%:*} | shuf -n 2); do
				stand doveadm move -u $box ${pair#*:} mailbox ${pair%:*} uid $uid && echo "$pair $uid" >>moved
			done
		done
	done
}

# Not every minute, but again and again: one folder gets another name, one is exchanged for a new one of the same messages.
folders() {
	name=Moving
	while [ -e go ]; do
		sleep 0.3
		other=Moved
		[ $name = Moving ] || other=Moving
		mailbox rename $name $other && name=$other && echo $name >>renamed
		mailbox delete 'Renewed next' 2>/dev/null
		put 'Renewed next' 421 480
		mailbox delete Renewed && mailbox rename 'Renewed next' Renewed && echo anew >>renewed
	done
}

# fetches MAILDIR: 0, and 75 when numbers change in mid-run, is all that may come of it.
fetches() {
	while [ -e go ]; do
		msfetch $imap_args --port $relay_port -u $box -F '*' -X 'Renewed next' $1 >>$1.got 2>$1.err
		code=$?
		echo $code >>$1.codes
		case $code in
		0) ;;
		75) grep -q 'UIDVALIDITY changed' $1.err || cat $1.err >>$1.odd ;;
		*) cat $1.err >>$1.odd ;;
		esac
	done
}

# A round trip of 60 ms: a run takes long enough for the mailbox to change in the middle of it.
relay_up $STAND_IMAP_PORT -r 60
: >go
set --
for client in appends flags expunges moves folders 'fetches one' 'fetches two'; do
	spawn "client-${client#* }" $client
	set -- "$@" $pid
done
sleep 12
wait_for '[ "$(cat expunged moved renamed renewed | wc -l)" -ge 40 ]' 20
rm go
for p; do finish $p; done
for did in expunged moved renamed renewed; do
	ok "the mailbox changed: $did" test "$(wc -l <$did)" -ge 3
done
ok 'and grew' test "$(cat appended)" -gt 1020
for md in one two; do
	ok "$md: several runs" test "$(wc -l <$md.codes)" -ge 5
	is "$(cat $md.odd 2>/dev/null)" '' "$md: none failed but for numbers that changed"
	run msfetch $imap_args -u $box -F '*' -X 'Renewed next' $md
	status_is 0 "$md: a run when all is quiet"
	cat "$out_file" >>$md.got
	run msfetch $imap_args -u $box -F '*' -X 'Renewed next' $md
	stdout_is '' "$md: and nothing is left"
done

# What the server has: folder, UIDVALIDITY, UID, number of the letter.
stand doveadm -f tab fetch -u $box 'mailbox uid hdr.subject' all | sed 1d | LC_ALL=C sort >fetched
stand doveadm -f tab mailbox status -u $box uidvalidity '*' | sed 1d | LC_ALL=C sort >validity
LC_ALL=C join -t "$(printf '\t')" -o 1.1,2.2,1.2,1.3 fetched validity >server
(cd orig && sha256sum -- *) | awk '{ print $1 "\t" $2 }' >sums

for md in one two; do
	ok "$md: receipts tell what the files are" sh -c "awk -F'\t' '{print \$7\"  \"\$8}' $md.got | sha256sum -c --quiet"
	is "$(find $md -type f -path '*/new/*' | LC_ALL=C sort | sed "s|^|$T/|")" "$(cut -f 8 $md.got | LC_ALL=C sort)" \
	    "$md: one receipt for each file"
	is "$(cut -f 2-4 $md.got | LC_ALL=C sort | uniq -d)" '' "$md: no message twice"
	is "$(find $md/tmp -type f | wc -l)" 0 "$md: nothing half done"
	is "$(find $md -type f -path '*/new/*' -exec sha256sum {} + | awk 'NR == FNR { is[$1] = 1; next } !($1 in is)' sums -)" '' \
	    "$md: each file is a letter, whole"
	# By identity where folders stayed; by content where the numbers changed.
	awk -F'\t' 'FILENAME == "sums" { n[$1] = $2; next } { print $2 "\t" $3 "\t" $4 "\t" n[$7] }' sums $md.got |
	    LC_ALL=C sort >$md.have
	is "$(grep -v '^Renewed\|^Mov' server | LC_ALL=C sort | LC_ALL=C comm -23 - $md.have)" '' \
	    "$md: all that the server has is there"
	is "$(awk -F'\t' '$1 ~ /^(Renewed|Mov)/ { n[$4]++ } END { for (i = 361; i <= 480; i++) if (n[i] != 1) print i, n[i] + 0 }' \
	    $md.have)" '' "$md: once, also what got another number or folder"
	run msfetch $imap_args -u $box -F '*' -X 'Renewed next' --verify $md
	status_is 0 "$md: --verify"
done

# Two at once on one Maildir.
relay_up $STAND_IMAP_PORT -r 400
spawn first msfetch $imap_args --port $relay_port -u $box -F INBOX same
first=$pid
wait_for '[ -e same/.mstools.db ]'
run msfetch $imap_args -u $box -F INBOX same
status_is 75 'a second run on the same Maildir: 75'
stdout_is '' 'and nothing of it'
finish $first
status_is 0 'the first is not disturbed'
run msfetch $imap_args -u $box -F INBOX same
is "$status$(cat "$out_file")" 0 'and nothing is left over'
is "$(find same/new -type f | wc -l)" "$(grep -c '^INBOX' server)" 'each message is there once'

# Renamed, and made anew, between the look at the folders and their turn.
relay_up $STAND_IMAP_PORT -r 800
spawn mid msfetch $imap_args --port $relay_port -v -u $box -F INBOX -F Archive -F Mov% -F Renewed mid
mid=$pid
wait_for 'grep -q "Renewed: 60 new" mid.err'
mailbox rename "$(tail -n 1 renamed)" Elsewhere
put 'Renewed next' 421 480
mailbox delete Renewed && mailbox rename 'Renewed next' Renewed
finish $mid
case $status in
0) pass 'in mid-run: what was renewed had been fetched' ;;
*) status_is 75 'in mid-run: its numbers change' ;;
esac
run msfetch $imap_args -u $box -F INBOX -F Archive -F Elsewhere -F Renewed mid
status_is 0 'the next run has all'
is "$(cat mid.out "$out_file" |
    awk -F'\t' 'NR == FNR { n[$1] = $2; next } $2 !~ /INBOX|Archive/ { print n[$7] }' sums - |
    sort -n)" "$(seq 361 480)" 'each letter of theirs once'
run msfetch $imap_args -u $box -F INBOX -F Archive -F Elsewhere -F Renewed --verify mid
status_is 0 '--verify'

# The same at the very moment that the folder is opened.
exchange_up -e 'messages 3' -e 'folder Zoo 77' -e 'messages Zoo 5' -e 'folder Yak 78' -e 'messages Yak 5' \
    -e 'on /EXAMINE "Zoo"/ #1: renumber Zoo 99; default' -e 'on /EXAMINE "Yak"/ #1: rename Yak Emu; default'
imap_args="$imap_args --token-file token"
run msfetch $imap_args -u $box -F INBOX -F Zoo -F Yak -F Emu% opened
status_is 75 'the numbers change when it is opened: 75'
stderr_like 'Zoo: UIDVALIDITY changed' 'it says so'
stderr_like 'Yak: the folder has gone' 'and of the one that has another name'
cp "$out_file" opened.got
run msfetch $imap_args -u $box -F INBOX -F Zoo -F Emu opened
status_is 0 'the next run has all'
is "$(cat opened.got "$out_file" | cut -f 2,3 | sort | uniq -c | awk '{ print $2, $3, $1 }' | tr '\n' ';')" \
    'Emu 78 5;INBOX 14 3;Zoo 99 5;' 'each message once'
done_testing
