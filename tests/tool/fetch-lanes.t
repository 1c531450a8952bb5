#!/bin/sh
# -j: several connections where there is enough to do; fewer where the server objects.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

serve_many() {
	mailbox_anew -e 'bytes 300' -e 'messages 1200' "$@"
}

serve_many
fetch -v -j 2 md
status_is 0 '-j 2'
stderr_like 'one more connection' 'there is enough to do for a second connection'
ok 'every message once, byte for byte' mdcmp -n md orig/INBOX
is "$(cut -f 4 "$out_file" | sort -n | uniq | wc -l)" 1200 'each with its receipt'
fetch -v -j 2 md
stdout_is '' 'nothing new'
stderr_unlike 'one more connection' 'is found out with one'

serve_many -e 'on connect #2+: bye Too many connections.'
fetch -j 2 md
status_is 0 'a server that lets in one at a time'
ok 'every message once' mdcmp -n md orig/INBOX

serve_many -e 'on message #300: reset' -e 'on message #900: close'
fetch -j 2 md
status_is 0 'connections that break'
ok 'every message once' mdcmp -n md orig/INBOX

serve_many -e 'message 800 nodata'
fetch -j 2 md
status_is 65 'a message that cannot be had'
rm orig/INBOX/800
ok 'every other message once' mdcmp -n md orig/INBOX
done_testing
