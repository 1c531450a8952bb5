#!/bin/sh
# A server that announces more than it has: nothing is reserved for it, and nothing waits for it longer than it must.
# shellcheck disable=SC2046,SC2086,SC2154
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token
memory=$((256 << 20)) # bytes that any of the processes may reserve

# serve_odd ARGS...: a server of ten messages
serve_odd() {
	[ -z "${exchange_pid:-}" ] || exchange_down
	rm -rf md
	exchange_up -e 'messages 10' "$@"
}

fetch() {
	run prlimit --as=$memory timeout 60 msfetch $imap_args -u $box --timeout 3 md <token
}

uids() {
	echo $(cut -f 4 "$out_file")
}

serve_odd
fetch
status_is 0 'ten messages in little memory'

for n in 3000000000 4294967301 9223372036854775808 18446744073709551621 99999999999999999999999; do
	serve_odd -e "message 5 literal $n"
	begun=$(date +%s)
	fetch
	status_is 65 "a message of $n bytes announced: it is quarantined"
	stderr_like "message 5 .*a literal of .* bytes announced" 'with its reason'
	is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'
	ok 'nobody waited for it' test $(($(date +%s) - begun)) -le 20
	serve_odd -e "on list: send * LIST () \"/\" {$n}"
	run prlimit --as=$memory timeout 60 msfetch $imap_args -u $box --timeout 3 -F '*' md <token
	ok "a name of $n bytes: $status" test "$status" -eq 76 -o "$status" -eq 75
	stdout_is '' 'and nothing is taken for one'
	stderr_unlike 'memory' 'nor was memory asked for'
done

# As much as is allowed, and it does not come.
for n in 2000000000 2147483647; do
	serve_odd -e "message 5 literal $n"
	fetch
	is "$(uids)" '1 2 3 4 6 7 8 9 10' "a message of $n bytes that does not come: the others are delivered"
	is "$(find md/new -size +100k)" '' 'nothing cut is'
	ok "the status is of a message, or of a connection: $status" test "$status" -eq 65 -o "$status" -eq 75
done
done_testing
