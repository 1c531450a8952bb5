#!/bin/sh
# msmark on a real server: flags, move, delete, what is refused, what feeds it.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
token >token

i=0
while [ $((i += 1)) -le 12 ]; do
	printf 'From: a@b.example\nSubject: message %s\nMessage-ID: <%s@b.example>\n\nbody\n' $i $i >m$i
	touch -d "2026-01-$((i + 10)) 10:00:00" m$i
done
stand save $box INBOX m1 m2 m3 m4 m5 m6 m7 m8
stand save $box Archive/2026 m9 m10
stand save other@contoso.example INBOX m11 m12

list() {
	msls $imap_args -u "${2:-$box}" "$1" <token
}

# mark RECEIPTS ARGS...
mark() {
	mark_file=$1
	shift
	cat token "$mark_file" >in
	run msmark $imap_args "$@" <in
}

flags() {
	list "$1" | cut -f 4,7 | tr '\t\n' ': ' | sed 's/ $//'
}

words() {
	cut -f 4,6 "$out_file" | tr '\t\n' ': ' | sed 's/ $//'
}

list INBOX >inbox
is "$(wc -l <inbox)" 8 'eight messages'

# flags
awk -F'\t' '$4 <= 3' inbox >three
mark three --seen --flag
status_is 0 'flags are set'
is "$(words)" '1:done 2:done 3:done' 'a result line for each receipt'
is "$(cut -f 1-5 "$out_file")" "$(cut -f 1-5 three)" 'with the first columns of the receipt'
is "$(flags INBOX)" '1:\\Seen \\Flagged 2:\\Seen \\Flagged 3:\\Seen \\Flagged 4: 5: 6: 7: 8:' 'on the server too'
mark three --unseen --answered -q
status_is 0 'and taken off'
stdout_is '' '-q: no line for what was done'
is "$(flags INBOX)" '1:\\Answered \\Flagged 2:\\Answered \\Flagged 3:\\Answered \\Flagged 4: 5: 6: 7: 8:' 'on the server too'
mark three --unflag --json
is "$(jq -r '"\(.uid) \(.result)"' "$out_file" | tr '\n' ' ')" '1 done 2 done 3 done ' '--json'
cat three three >twice
mark twice --seen
is "$(words)" '1:done 1:done 2:done 2:done 3:done 3:done' 'receipts that come twice get their lines twice'

# nothing by accident
mark inbox -n --delete
status_is 0 'a dry run'
is "$(words)" '1:done 2:done 3:done 4:done 5:done 6:done 7:done 8:done' 'checks all'
is "$(wc -l <"$out_file")" "$(list INBOX | wc -l)" 'and deletes nothing'
awk -F'\t' -v OFS='\t' '$4 == 4 { $5 = "2026-01-14T10:00:01Z" } $4 == 5 { $5 = "-" } { print }' inbox >dates
mark dates --delete -u $box
status_is 65 'another INTERNALDATE: 65'
is "$(words | tr ' ' '\n' | grep refused | sort | tr '\n' ' ')" '4:refused 5:refused ' 'that message is refused'
stderr_like 'INBOX: 2 of 8 refused; UID 4: another message: its INTERNALDATE is 2026-01-14T10:00:00Z, the receipt says 2026-01-14T10:00:01Z'
is "$(flags INBOX)" '4: 5:' 'and the others are deleted'
list INBOX >inbox
awk -F'\t' -v OFS='\t' '{ $3 = $3 + 1; print }' inbox >validity
mark validity --seen --move Archive/2026
status_is 65 'another UIDVALIDITY: 65'
stdout_like 'refused	the folder.s UIDVALIDITY is [0-9]+, the receipt says [0-9]+'
is "$(flags INBOX)" '4: 5:' 'nothing is done'
awk -F'\t' -v OFS='\t' '{ $4 = $4 + 100; print }' inbox >gone
mark gone --delete
status_is 0 'what has gone is no error'
is "$(words)" '104:gone 105:gone' 'gone'
awk -F'\t' -v OFS='\t' '{ $2 = "Nowhere"; print }' inbox >nowhere
mark nowhere --seen
status_is 66 'no such folder: 66'
is "$(words)" '4:refused 5:refused' 'refused'

# move
mark inbox --move Processed
status_is 66 'no target: 66'
is "$(words)" '4:refused 5:refused' 'nothing is moved'
stderr_like '^msmark: Processed: no such folder'
mark inbox --move Processed --create -n
status_is 0 'a dry run with --create'
is "$(list INBOX | wc -l)" 2 'moves nothing'
run msls $imap_args -u $box -F Processed <token
status_is 66 'and makes no folder'
mark inbox --move Processed --create --seen
status_is 0 '--create'
stdout_like 'done	moved to Processed'
is "$(flags Processed)" '1:\\Seen 2:\\Seen' 'flags first, then the move'
is "$(list INBOX | wc -l)" 0 'they are no longer where they were'
mark inbox --move Processed
status_is 0 'once more'
is "$(words)" '4:gone 5:gone' 'gone'
list Processed >processed
for to in Processed processed PROCESSED/; do
	mark processed --move $to
	status_is 65 "into the folder itself, as $to: 65"
	stdout_like 'refused	the message is in the folder of --move already'
done
is "$(list Processed | cut -f 4 | tr '\n' ' ')" '1 2 ' 'nothing has moved'
mark processed --move '\Trash'
status_is 0 'a target by its attribute'
is "$(list 'Deleted Items' | wc -l)" 2 'is found'
list 'Deleted Items' >trash
mark trash --move inbox
status_is 0 'INBOX in any case'
is "$(list INBOX | wc -l)" 2 'is INBOX'

# several mailboxes and folders
list INBOX >all
list Archive/2026 >>all
list INBOX other@contoso.example >>all
mark all --flag
status_is 0 'receipts of two mailboxes and three folders'
is "$(cut -f 1,2,4,6 "$out_file" | sort | tr '\t\n' ': ')" \
    'box@contoso.example:Archive/2026:1:done box@contoso.example:Archive/2026:2:done box@contoso.example:INBOX:10:done box@contoso.example:INBOX:9:done other@contoso.example:INBOX:1:done other@contoso.example:INBOX:2:done ' \
    'all are done' || diag "$(cut -f 1-6 "$out_file")"
mark all --unflag -u $box
status_is 65 '-u refuses others'
is "$(grep -c 'refused	the receipt is of another mailbox' "$out_file")" 2 'those of the other mailbox'
is "$(flags INBOX)" '9:\\Seen 10:\\Seen' 'the others are done'
is "$(list INBOX other@contoso.example | cut -f 7 | tr '\n' ' ')" '\\Flagged \\Flagged ' 'the other mailbox is as it was'

# what is no receipt
{ echo 'no receipt'; head -n 1 all; printf 'a\tb\tc\td\te\n'; printf 'box@contoso.example\tINBOX\t1\n'; echo; } >bad
mark bad --flag
status_is 65 'malformed lines: 65'
stderr_like '^msmark: line 2: malformed receipt'
stderr_like '^msmark: line 4: malformed receipt'
stderr_like '^msmark: 3 lines are no receipts'
stderr_unlike 'no receipt$' 'the line itself is not repeated'
is "$(words)" '9:done' 'the good one is done'
run msmark $imap_args --flag </dev/null
status_is 78 'no token: 78'
cp token in
run msmark $imap_args --flag <in
status_is 0 'no receipts'
stdout_is '' 'nothing to do'
run msmark $imap_args --flag all nofile <token
status_is 66 'no such file of receipts: 66'
stdout_is '' 'nothing is done'
run msmark $imap_args --flag all bad <token
status_is 65 'receipts from files'
stderr_like '^msmark: bad: line 1: malformed'
is "$(grep -c '	done	' "$out_file")" 7 'all of them'
for to in '' 'a*' "$(printf 'a\377')" '\Snet'; do
	mark all --move "$to"
	status_is 64 "--move '$to': a usage error"
done

# a full mailbox of receipts in one go
awk -F'\t' -v OFS='\t' 'NR == 1 { for (i = 1000; i < 41000; i += 2) { $4 = i; print } }' all >many
head -n 1 all >>many
mark many --seen -q
status_is 0 '20000 receipts'
is "$(grep -c '	gone	' "$out_file")" 20000 'in commands that are short enough'

# pipelines
msls $imap_args -u $box Archive/2026 <token | awk -F'\t' '$9 ~ /message 10/' | { cat token -; } >in
run msmark $imap_args --move 'B & C' --create <in
status_is 0 'msls | awk | msmark'
run msls $imap_args -u $box 'B & C' <token
stdout_like 'B & C	.*message 10$' 'moved to a name with &'
msls $imap_args -u $box --json 'B & C' <token | jq -c 'select(.subject == "message 10")' | { cat token -; } >in
run msmark $imap_args --delete --json <in
status_is 0 'msls --json | jq | msmark --json'
is "$(jq -r '.result + " " + .detail' "$out_file")" 'done deleted' 'deleted'
cat token "$out_file" >in
run msmark $imap_args --delete <in
is "$(words)" '1:gone' 'result lines are receipts too'
run msmark $imap_args --token-cmd "cat $T/token" --seen all
status_is 0 'token by --token-cmd, receipts from a file'

done_testing
