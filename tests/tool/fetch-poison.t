#!/bin/sh
# Messages that the server has and cannot give: found, quarantined, and the rest delivered.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

fetch() {
	run msfetch $imap_args -u $box "$@" <token
}

# serve SCENARIO...: a server with ten messages, some of them odd; originals in orig/INBOX.
serve_odd() {
	[ -z "${exchange_pid:-}" ] || { kill "$exchange_pid"; wait "$exchange_pid" 2>/dev/null; forget "$exchange_pid"; }
	rm -rf md orig
	set -- -e 'messages 10' "$@"
	exchange_up -d "$T/orig" "$@"
}

uids() {
	cut -f 4 "$out_file" | sort -n | tr '\n' ' ' | sed 's/ $//'
}

serve_odd -e 'message 4 nodata'
fetch md
status_is 65 'OK without the message: 65'
is "$(uids)" '1 2 3 5 6 7 8 9 10' 'the others are delivered'
stderr_like 'INBOX: message 4 is quarantined' 'it is named'
rm -f orig/INBOX/4
ok 'byte for byte' mdcmp -n md orig/INBOX
fetch md
status_is 0 'it is told once'
stdout_is '' 'and not tried at once'

serve_odd -e 'message 10 nodata'
fetch md
status_is 65 'the last one, where none follows: a message that came before is the proof'
is "$(uids)" '1 2 3 4 5 6 7 8 9' 'the others are delivered'

serve_odd -e 'message 7 no Server Unavailable. 15'
fetch md
status_is 65 'a tagged NO of its own'
is "$(uids)" '1 2 3 4 5 6 8 9 10' 'the others are delivered'
stderr_like 'Server Unavailable' 'with what the server said'

serve_odd -e 'message 3 substitute'
fetch md
status_is 65 "Exchange's substitute"
is "$(uids)" '1 2 4 5 6 7 8 9 10' 'the others are delivered'

serve_odd -e 'message 1 date "not a date"'
fetch md
status_is 0 'a date that cannot be read'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10' 'does not keep the message out'
ok 'byte for byte' mdcmp -n md orig/INBOX

serve_odd -e 'message 5 cut 100 close'
fetch md
status_is 65 'the connection breaks at the same message each time'
is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'

serve_odd -e 'message 5 cut 100 close x1'
fetch md
status_is 0 'the connection breaks once'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10' 'all are delivered'
ok 'the cut body is not' mdcmp -n md orig/INBOX

serve_odd -e 'message * nodata'
fetch md
status_is 75 'a server that gives no message at all is ill: 75'
stdout_is '' 'nothing is delivered'
stderr_unlike quarantined 'and nothing quarantined'

serve_odd -e 'message 6 gone'
fetch md
status_is 0 'a message that goes away between look and fetch'
is "$(uids)" '1 2 3 4 5 7 8 9 10' 'is no error'
fetch md
stdout_is '' 'and is not looked for again'

# A retry: two hours later, by a clock that says so.
case $BUILD in *-san) clock= ;; *) clock=$(command -v faketime) ;; esac	# it must not come before the sanitizer
if [ "$clock" ]; then
	later() {
		run env FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f "$1" msfetch $imap_args -u $box md <token
	}
	serve_odd -e 'message 4 nodata x4' -e 'message 6 nodata'
	fetch md
	status_is 65 'two that cannot be had'
	later +90m
	status_is 0 'the next try fails again: nothing is said'
	later +3h
	stdout_is '' 'the one after it is not due yet'
	later +6h
	is "$(uids)" 4 'what can be had by now is delivered'
	rm orig/INBOX/6
	ok 'all are there but the other' mdcmp -n md orig/INBOX
	later +7h
	stdout_is '' 'once'
else
	skip 'retries' 'no faketime'
fi

serve_odd -e 'message 2 nil' -e 'message 8 quoted' -e 'message 9 empty'
fetch md
is "$(uids)" '1 3 4 5 6 7 8 9 10' 'NIL is no message, a quoted string and nothing are'

# One that the list leaves out: the server gives neither its date nor its size, and yet it is there.
i=1
while [ $i -le 100 ]; do
	[ $i = 50 ] || printf '* %d FETCH (UID %d INTERNALDATE " 1-Jan-2024 00:00:00 +0000" RFC822.SIZE 500)\r\n' $i $i
	i=$((i + 1))
done >list
serve_odd -e 'messages 90' -e "on uid fetch list #1: file $T/list; ok FETCH completed."
fetch md
status_is 0 'a message that the list leaves out'
ok 'is fetched with the others' mdcmp -n md orig/INBOX
serve_odd -e 'messages 90' -e 'on uid search: no SEARCH failed.'
fetch md
status_is 0 'a server that does not search'
ok 'all are there' mdcmp -n md orig/INBOX
serve_odd -e 'messages 90' -e 'on uid search: bad Command Error. 10'
fetch md
status_is 0 'nor knows what that is'
ok 'all are there' mdcmp -n md orig/INBOX
done_testing
