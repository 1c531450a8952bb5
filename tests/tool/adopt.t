#!/bin/sh
# A mailbox whose numbers mean something else than they did, on a real server: nothing is delivered twice, twins stay
# twins, and at most 1 % of the bytes are fetched again.  COUNT: how many messages (400); LINES: longer ones (with 900,
# of 45 kB, what is sent in all is less than 1 % too).
. "${0%/*}/../lib/sh"

count=${COUNT:-400}
box=box@contoso.example
stand_up imap
token >token

lines=${LINES:-60}
# Every four hundredth has a twin: the same bytes, and the same date.
mkdir orig
seq "$count" | awk -v lines="$lines" '
	BEGIN { for (i = 0; i < lines; i++) text = text "Nothing in this line is worth to be read twice, " i "\n" }
	{
		n = $1 - ($1 % 400 == 0)
		file = "orig/" $1
		printf "From: a@b.example\nSubject: %d\nMessage-ID: <%d@stand.example>\n\n%s", n, n, substr(text, n % 500) >file
		close(file)
	}'
# shellcheck disable=SC2046
stand save $box Ablage $(seq -f 'orig/%.0f' "$count")

fetch() {
	run msfetch $imap_args -u $box -F '*' md <token
}
# Bytes that the server has sent, by its own count: KIND out or body_bytes.
sent() {
	sed -n "s/.*Disconnected: .* $1=\([0-9]*\).*/\1/p" "$STAND_IMAP_LOG" | awk '{ s += $1 } END { print s + 0 }'
}
# Waits until the server has counted the last connection too.
logins() {
	wait_for '[ "$(grep -c "imap-login: Info: Login: " "$STAND_IMAP_LOG")" -eq "$(grep -c "imap(.*Disconnected: " "$STAND_IMAP_LOG")" ]'
}
logins
before=$(sent body_bytes)
fetch
status_is 0 "$count messages"
logins
all=$(($(sent body_bytes) - before))
is "$(find md/new -type f | wc -l)" "$count" 'each has its file'
ok 'the server counts what it sends' test "$all" -gt $((count * 2000))

# again WHAT: the next run.
again() {
	before=$(sent body_bytes)
	total=$(sent out)
	fetch
	status_is 0 "$1: the next run"
	stdout_is '' "$1: nothing is delivered twice"
	logins
	part=$(($(sent body_bytes) - before))
	diag "$1: $part of $all bytes of messages ($((part * 10000 / all)) of 10,000), $(($(sent out) - total)) in all"
	[ "$lines" -lt 900 ] || ok "$1: at most 1 % in all" test $((($(sent out) - total) * 100)) -le "$all"
	ok "$1: at most 1 % of the bytes are fetched again" test $((part * 100)) -le "$all"
	is "$(find md/new -type f | wc -l)" "$count" "$1: each message once, and the twins too"
	fetch
	stdout_is '' "$1: and that is settled"
	logins
}

stand doveadm mailbox update -u $box --uid-validity 4711 Ablage
again 'another UIDVALIDITY'
stand doveadm mailbox rename -u $box Ablage Archiv
again 'renamed'
stand doveadm mailbox delete -u $box Archiv
# shellcheck disable=SC2046
stand save $box Archiv $(seq -f 'orig/%.0f' "$count")
again 'made anew'
done_testing
