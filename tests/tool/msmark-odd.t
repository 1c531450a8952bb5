#!/bin/sh
# msmark and servers that lack something, refuse, or break at the wrong moment.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

# serve SCENARIO...: a server with eight messages and a folder Processed; receipts in got.
serve_odd() {
	for line; do
		shift
		set -- "$@" -e "$line"
	done
	rm -f control
	mkfifo control
	exchange_anew -c "$T/control" -e 'folder Processed 99' -e 'messages Processed 2' -e 'messages 8' "$@"
	hold control
	msls $imap_args -u $box INBOX <token >got || diag 'msls fails'
	: >"$exchange_log"
}

# tell LINE...: one more line of the scenario for the server that runs.
tell() {
	for line; do
		echo "$line" >&8
		wait_for "grep -qF 'told: $line' '$exchange_log'"
	done
}

mark() {
	cat token "${receipts:-got}" >in
	run msmark $imap_args --timeout 10 "$@" <in
}

words() {
	cut -f 4,6 "$out_file" | tr '\t\n' ': ' | sed 's/ $//'
}

# The UIDs in a folder, as the server has them now.
uids() {
	msls $imap_args -u $box "$1" <token | cut -f 4 | tr '\n' ' ' | sed 's/ $//'
}

said() {
	grep -c "C: m[0-9]* $1" "$exchange_log"
}

all='1:done 2:done 3:done 4:done 5:done 6:done 7:done 8:done'

# without MOVE
serve_odd 'without MOVE' 'copyuid missing'
mark --move Processed
status_is 0 'without MOVE'
is "$(words)" "$all" 'all are moved'
is "$(uids INBOX)" '' 'none is left'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'all are there'
is "$(said 'EXPUNGE')" 0 'never a bare EXPUNGE'
is "$(said 'UID EXPUNGE 1:8')" 1 'but by UID'

serve_odd 'without MOVE UIDPLUS'
mark --move Processed --seen
status_is 65 'without MOVE and UIDPLUS: refused'
stdout_like 'refused	the server has neither MOVE nor UIDPLUS'
is "$(said 'UID STORE')$(said 'UID COPY')$(said 'UID FETCH')" 000 'before anything was done'
mark --delete
status_is 65 '--delete without UIDPLUS: refused'
is "$(said 'UID STORE')$(said 'EXPUNGE')" 00 'before anything was done'
mark --seen
status_is 0 'flags do not need them'

# forms of COPYUID
for form in before after bare tagged missing empty; do
	serve_odd "copyuid $form"
	mark --move Processed
	status_is 0 "COPYUID $form"
	is "$(words)" "$all" 'all are moved'
done

# PERMANENTFLAGS
serve_odd 'permanent \Seen \Deleted'
mark --seen --answered --move Processed
status_is 65 'a flag that the folder does not keep: 65'
stdout_like 'refused	the folder.s PERMANENTFLAGS do not hold \\\\Answered'
is "$(said 'UID STORE')$(said 'UID MOVE')" 00 'before STORE and MOVE'
mark --seen
status_is 0 'one that it keeps'
serve_odd 'permanent \Seen' 'without MOVE'
mark --move Processed
status_is 65 'no \Deleted, no MOVE: refused'
is "$(said 'UID COPY')" 0 'before COPY'

# folders
serve_odd 'uidvalidity INBOX 15'
receipts=old
sed 's/	15	/	14	/' got >old
mark --move Processed
status_is 65 'a changed UIDVALIDITY: 65'
stdout_like 'refused	the folder.s UIDVALIDITY is 15, the receipt says 14'
is "$(said 'UID STORE')$(said 'UID MOVE')" 00 'nothing was done'
receipts=got
serve_odd
mark --move inbox
status_is 65 'into itself: refused'
is "$(said 'UID MOVE')" 0 'not sent'
serve_odd
mark --move Calendar/x --create
status_is 0 'a new folder'
serve_odd 'on create: no Folder name is reserved'
mark --move Files --create
status_is 66 'a name that is reserved'
stderr_like 'Folder name is reserved'
is "$(words)" "$(echo $all | sed 's/done/refused/g')" 'nothing is done'

# NO
serve_odd
tell 'on /^UID STORE (1:8|5:8|5:6|5) /: no Server Unavailable. 15'
mark --seen
status_is 65 'NO to a STORE'
is "$(words | tr ' ' '\n' | grep refused)" 5:refused 'halving finds the one'
serve_odd
tell 'on uid store: no You may not'
mark --seen
status_is 65 'NO to each'
is "$(words)" "$(echo $all | sed 's/done/refused/g')" 'all are refused'
stdout_like 'refused	STORE: You may not'
serve_odd
tell 'on uid move: no The quota is full'
mark --move Processed
status_is 65 'NO to each MOVE'
stdout_like 'refused	MOVE: The quota is full'
is "$(uids INBOX)" '1 2 3 4 5 6 7 8' 'all are still there'
serve_odd
tell 'on uid move: bad Command Argument Error. 11'
mark --move Processed
status_is 65 'BAD'
is "$(said 'UID MOVE')" 1 'is not said again'

# throttling, tokens
serve_odd
tell 'on uid move #1: no Request is throttled. Suggested Backoff Time: 900 milliseconds; bye Connection closed. 14'
mark --move Processed
status_is 0 'throttled for a moment'
is "$(words)" "$all" 'it waits'
serve_odd
tell 'on uid move #1: no Request is throttled. Suggested Backoff Time: 920000 milliseconds; bye Connection closed. 14'
mark --move Processed
status_is 75 'throttled for long: 75'
mark --seen
status_is 75 'nobody connects before it is over'
is "$(words)" "$(echo $all | sed 's/done/refused/g')" 'and that is what the results say'
stdout_like 'refused	not tried: request is throttled'
rm -rf "$HOME/.cache/mstools"
serve_odd
tell 'on select: expire; default' 'refuse 9'
mark --move Processed
status_is 75 'the token runs out, and there is no other: 75'
stdout_like 'refused	not tried: '

serve_odd
tell 'message 3 gone'
mark --move Processed
status_is 0 'a message that has gone meanwhile'
is "$(words | tr ' ' '\n' | grep 3:)" '3:gone' 'is gone'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9' 'the others are moved'
serve_odd 'message 3 date "no date"'
mark --seen
status_is 0 'a date that nobody can read'
is "$(words)" "$all" 'is "-" in the receipt, too'

done_testing
