#!/bin/sh
# Connections that break at a message: its fault, or nobody's.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

# serve SCENARIO...: a server with ten messages, some of them odd; originals in orig/INBOX.
serve_odd() {
	mailbox_anew -e 'messages 10' "$@"
}

serve_odd -e 'message 4-8 cut 100 close'
fetch md
status_is 65 'at five in a row'
is "$(uids)" '1 2 3 9 10' 'the others are delivered'
is "$(grep -c 'message [45678] is quarantined' "$err_file")" 5 'each is named'

serve_odd -e 'message 4-5 cut 100 close x4' -e 'message 7-8 no Server Busy x3'
fetch md
status_is 0 'a server that is ill for a while'
ok 'all are delivered' mdcmp -n md orig/INBOX

serve_odd -e 'bytes 200000' -e 'messages 1' -e 'bytes 30000' -e 'messages 3' -e 'message 11 cut 150000 close'
fetch md
status_is 65 'where much of it came, more must come after it'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10 12 13 14' 'the others are delivered'
stderr_like 'message 11 is quarantined' 'and are proof enough, asked for again and again'

serve_odd -e 'message 5 cut 100 close' -e 'message 2 cut 10 reset x1'
fetch md
status_is 75 'the connection breaks elsewhere too'
is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'
stderr_like 'message 5 cannot be had now' 'that may be all that is wrong with it'
fetch md
status_is 65 'it does no more: now it is quarantined'

serve_odd -e 'message 5 cut 100 slow 200'
fetch --timeout 1 md
status_is 75 'the line is merely slow'
is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'
stderr_like 'message 5 cannot be had now \(stalled: less than 1 KiB/s' 'and it is not held against the message'

serve_odd -e 'bytes 20000' -e 'messages 100' -e 'delay 20' -e 'message 60 cut 1000 reset'
fetch -j 4 md
status_is 65 'with four connections'
is "$(uids | wc -w)" 109 'the others are delivered'
stderr_like 'message 60 is quarantined' 'the one is not'

# Something between here and the server ends each connection after so many bytes: that is no message's fault.
serve_odd -e 'bytes 60000' -e 'messages 1' -e 'bytes 500' -e 'messages 10' -e 'bytes 20000' -e 'messages 3'
relay_up "$exchange_port" -d reset:50000
run msfetch --host localhost --port "$relay_port" --ca-file "$STAND_CA" -u $box md <token
status_is 75 'each connection ends after 50,000 bytes'
stderr_unlike 'is quarantined, and' 'nothing is quarantined'
stderr_like 'message 11 cannot be had now' 'what is too long for that is named'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10 12 13 14 15 16 17 18 19 20 21 22 23 24' 'what fits is delivered'
fetch md
is "$status $(uids)" '0 11' 'the rest by the next run'
ok 'byte for byte' mdcmp -n md orig/INBOX
done_testing
