#!/bin/sh
# msmark when the connection breaks between a command and its answer.
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

# a command whose answer is lost
serve_odd
tell 'on uid move #1: cut'
mark --move Processed
status_is 0 'a MOVE that did not happen before the connection broke'
is "$(words)" "$all" 'is done again'
is "$(said 'UID MOVE')" 2 'once'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'

# moved UIDS: what makes the server do a MOVE of these UIDs without saying so
moved() {
	for uid; do
		printf 'expunge INBOX %s; ' $uid
	done
	printf 'messages Processed %s; ' $#
	at=2
	for uid; do
		at=$((at + 1))
		printf 'message Processed %s date %s; ' $at $((1704067200 + 600 * uid))
	done
}

serve_odd
tell "on uid move #1: $(moved 1 2 3 4 5 6 7 8)cut"
mark --move Processed
status_is 0 'a MOVE that happened before the connection broke'
is "$(words)" "$all" 'is found out'
is "$(said 'UID MOVE')" 1 'and not done again'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'

serve_odd
tell "on uid move #1: $(moved 1 2 3)cut"
mark --move Processed
status_is 0 'a MOVE that happened in part'
is "$(words | tr ' ' '\n' | sort | tr '\n' ' ')" "$all " 'is found out'
is "$(said 'UID MOVE 4:8')" 1 'and the rest is done'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'

serve_odd
tell 'on uid move #1: expunge INBOX 2; cut'
mark --move Processed
status_is 75 'one that is neither here nor there: 75'
is "$(words | tr ' ' '\n' | grep 2:)" '2:unknown' 'is unknown'
stderr_like '^msmark: INBOX: unknown what became of 1 of 8; UID 2: the answer to MOVE was lost'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9' 'the others are moved'
mark --move Processed
status_is 0 'run again'
is "$(words)" "$(echo $all | sed 's/done/gone/g')" 'all have gone'

serve_odd
tell 'on uid move: cut'
mark --move Processed
status_is 65 'a server that breaks at each MOVE'
stdout_like 'refused	the connection breaks each time at MOVE; the message is still here'
is "$(said 'UID MOVE')" 3 'is not asked for ever'

serve_odd
tell 'on uid move: expire; default' 'refuse 9'
mark --move Processed
status_is 75 'the token runs out at MOVE, and there is no other: 75'
is "$(words)" "$(echo $all | sed 's/done/unknown/g')" 'unknown: it cannot be looked'
stderr_like 'AccessTokenExpired'

serve_odd 'without MOVE'
tell 'on uid copy #1: cut'
mark --move Processed
status_is 0 'a COPY that did not happen before the connection broke'
is "$(words)" "$all" 'is done again'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'

serve_odd 'without MOVE'
tell "on uid copy #1: $(moved 1 2 3 4 5 6 7 8 | sed 's/expunge INBOX [0-9]; //g')cut"
mark --move Processed
status_is 0 'a COPY that happened before the connection broke'
is "$(words)" "$all" 'is found out'
is "$(said 'UID COPY')" 1 'and not done again'
is "$(uids INBOX)" '' 'the originals are deleted'
is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'

for command in store expunge; do
	serve_odd 'without MOVE'
	tell "on uid $command #1: cut"
	mark --move Processed --seen
	status_is 0 "the connection breaks at $command"
	is "$(words)" "$all" 'it is done again'
	is "$(uids Processed)" '1 2 3 4 5 6 7 8 9 10' 'none is there twice'
done

done_testing
