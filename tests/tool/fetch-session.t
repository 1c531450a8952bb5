#!/bin/sh
# Tokens that are refused or run out, throttling, connections that break, certificates, signals.
. "${0%/*}/../lib/sh"

box=box@contoso.example
printf 'token-one\n' >token

# serve LINE...: a scripted server with twenty messages; originals in orig/INBOX.
serve_odd() {
	rm -rf md orig "$HOME/.cache"
	set -- -e 'messages 20' "$@"
	exchange_anew -d "$T/orig" "$@"
}

whole() {
	mdcmp -n md orig/INBOX
}

logins() {
	grep -c 'C: .* AUTHENTICATE' "$exchange_log"
}

# A token that is refused.
serve_odd -e 'refuse 1'
fetch md
status_is 77 'a refused token, and no other: 77'
serve_odd -e 'refuse 1'
printf 'token-one\ntoken-two\n' >two
run msfetch $imap_args -u $box md <two
status_is 0 'the next one on standard input is taken'
ok 'all is there' whole
serve_odd -e 'refuse 1'
cat >cmd <<'X'
#!/bin/sh
echo "${MSTOOLS_REFUSED-none}" >>asked
echo token-$(wc -l <asked)
X
chmod +x cmd
run msfetch $imap_args -u $box --token-cmd ./cmd md </dev/null
status_is 0 'a fresh one by --token-cmd'
is "$(head -n 1 asked)" none 'the first time nothing was refused'
is "$(tail -n 1 asked)" "$(printf token-1 | sha256sum | cut -c 1-16)" 'then it is told which token was'
run msfetch $imap_args -u $box --token-cmd 'exit 75' md </dev/null
status_is 75 "the command's exit status is passed on"

# A token that runs out in mid-run.
serve_odd -e 'on message #7: expire'
run msfetch $imap_args -u $box md <two
status_is 0 'a newer token on standard input goes on with the run'
ok 'all is there' whole
is "$(logins)" 2 'with a second login'
serve_odd -e 'on message #7: expire'
fetch md
status_is 75 'none: 75'
ok 'what came before is delivered' mdcmp -ns md orig/INBOX
isnt "$(wc -l <"$out_file")" 0 'with its receipts'
serve_odd -e 'on examine: bye Session invalidated - AccessTokenExpired'
rm -f asked
run msfetch $imap_args -u $box --token-cmd ./cmd md </dev/null
status_is 75 'tokens without end that have all expired: 75'

# Authenticated, but not connected.
serve_odd -e 'on first #1-2: bad User is authenticated but not connected.'
fetch md
status_is 0 'not connected twice: the third time it is'
serve_odd -e 'on first: bad User is authenticated but not connected.'
fetch md
status_is 77 'not connected at all: 77'
serve_odd -e 'on examine: bad User is authenticated but not connected.'
fetch md
status_is 77 'also where CAPABILITY is answered even so'
ok 'after a few tries' [ "$(logins)" -le 4 ]

# Throttled.
serve_odd -e 'on uid fetch #1: bad Request is throttled. Suggested Backoff Time: 1200 milliseconds; bye Connection closed. 14'
fetch md
status_is 0 'a short throttling is waited for'
ok 'all is there' whole
serve_odd -e 'on uid fetch #1: bad Request is throttled. Suggested Backoff Time: 92415 milliseconds; bye Connection closed. 14'
fetch md
status_is 75 'a long one: 75'
before=$(logins)
fetch md
status_is 75 'and the next run does not even connect'
is "$(logins)" "$before" 'so it is'

serve_odd -e 'on uid fetch: bad Request is throttled. Suggested Backoff Time: 100 milliseconds; bye Connection closed. 14'
fetch md
status_is 75 'short ones without end: 75'

# A server that repeats itself.
printf '* 1 FETCH (UID 1 INTERNALDATE " 1-Jan-2024 00:00:00 +0000" BODY[] {12}\r\nA: b\r\n\r\nhi\r\n)\r\n' >again
cat again again again again again again >six
serve_odd -e "on uid fetch body #1: file $T/six; ok FETCH completed."
fetch md
status_is 0 'a message that comes six times'
is "$(find md/new -type f -name '*U1F*' | wc -l)" 1 'is delivered once'
is "$(find md/new -type f | wc -l)" 20 'and the others after it'
serve_odd -e "on uid fetch body #1: $(printf "file $T/six; %.0s" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)stall"
fetch --timeout 20 md
status_is 76 'and one that never stops: 76'

# Connections that break.
serve_odd -e 'on message #5: reset' -e 'on message #9: cut'
fetch md
status_is 0 'reset, and cut without close_notify'
ok 'all is there, once' whole
serve_odd -e 'message 11 cut 700 stall x1'
fetch --timeout 2 md
status_is 0 'a stall'
ok 'all is there, once' whole
serve_odd -e 'on uid fetch: close'
fetch md
status_is 75 'a server that hangs up each time: 75'
serve_odd
kill "$exchange_pid"
wait "$exchange_pid" 2>/dev/null
forget "$exchange_pid"
exchange_pid=
fetch md
status_is 69 'nobody there: 69'
fetch --grace 1h md
status_is 69 'with --grace the same status'
stderr_is '' 'and not a word, for an hour'

# Two commands in flight are more than it takes: one at a time, and remembered.
serve_odd -e 'inflight any bad Command Error. 10' -e 'messages 300'
fetch md
status_is 0 'a server that takes one command at a time'
ok 'all is there' mdcmp -n md orig/INBOX
connects=$(grep -c ' connect' "$exchange_log")
printf 'messages 100\n' >exchange.tell
wait_for 'grep -q told "$exchange_log"'
fetch md
status_is 0 'the next run'
is "$(grep -c ' connect' "$exchange_log")" $((connects + 1)) 'remembers'

# What has no gaps is fetched unlisted; what has some, or must be chosen, is listed first.
lists() {
	grep -c 'C: .* UID FETCH .*RFC822.SIZE' "$exchange_log"
}
serve_odd -e 'messages 280'
fetch md
status_is 0 'messages without a gap'
ok 'all are there' whole
is "$(lists)" 0 'and none was listed'
serve_odd -e 'messages 280' -e 'expunge INBOX 20-29' -e 'expunge INBOX 250'
rm -f orig/INBOX/2[0-9] orig/INBOX/250
fetch md
status_is 0 'with gaps'
ok 'all are there' whole
is "$(lists)" 1 'and listed'
serve_odd -e 'messages 280' -e 'on uid fetch #1: expunge INBOX 30-39; expunge INBOX 100-199; default'
fetch md
status_is 0 'what goes meanwhile is not missed'
stdout_lines 190 'all others are there'
fetch md
stdout_is '' 'and that is all'
serve_odd -e 'messages 280'
fetch --max-size 1g md
status_is 0 'chosen by size'
is "$(lists)" 1 'listed'

# Certificates: not a byte of the token.
scripted_pki
"$root/tests/stand/pki" bad "$STAND_PKI"
serve_odd -e 'certificate bad/wrong-host'
fetch md
status_is 76 'a certificate for another host: 76'
unlike "$(cat "$exchange_log")" 'C:' 'nothing was said'

# A signal: what is complete is committed, with its receipts; and it dies by it.
serve_odd -e 'message 12 cut 100 stall'
spawn sig sh -c 'exec msfetch "$@" <token' sh $imap_args -u $box md
wait_for '[ "$(ls md/new 2>/dev/null | wc -l)" -ge 8 ]'
kill -TERM "$pid"
finish "$pid"
is "$status" 143 'SIGTERM: dead by the signal'
is "$(wc -l <sig.out)" "$(ls md/new | wc -l)" 'what was complete has been delivered, with receipts'
is "$(find md/tmp -type f)" '' 'nothing is left in the stage'
done_testing
