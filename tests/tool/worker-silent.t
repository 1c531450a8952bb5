#!/bin/sh
# A worker that is alive and does nothing any more is not waited for; one that has nothing to do is left alone.
# shellcheck disable=SC2086,SC2154
. "${0%/*}/../lib/sh"

box=box@contoso.example
(umask 077; echo token-that-will-do >token)

workers() { # of the process
	for p in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		case $(cat "/proc/$p/comm" 2>/dev/null) in msworker) echo "$p" ;; esac
	done
}

# Stopped in the middle of its work.
exchange_up -e 'messages 12' -e 'delay 300'
spawn stopped msfetch $imap_args --token-file token -u $box --timeout 1 -v md
fetch=$pid
wait_for "grep -q 'bytes)' '$exchange_log'"
worker=$(workers $fetch)
ok 'it has a worker' test "$worker"
begun=$(date +%s)
kill -STOP $worker
finish $fetch 40
status_is 0 'a worker is stopped: another takes over'
ok "after $(($(date +%s) - begun)) s" test $(($(date +%s) - begun)) -ge 11
like "$(cat stopped.err)" 'gave no sign of life and was killed' 'the reason is told'
is "$(find md/new -type f | wc -l)" 12 'all messages are there'
is "$(cut -f 4 stopped.out | sort | uniq -d)" '' 'none of them twice'
ok 'the stopped one has gone' test ! -e "/proc/$worker"

# A command of --pipe that takes longer than a worker may be silent.
exchange_down
exchange_up -e 'messages 3'
run msfetch $imap_args --token-file token -u $box --timeout 1 -v --pipe '[ $MSTOOLS_UID != 2 ] || sleep 15' md2
status_is 0 'we are busy elsewhere'
stderr_unlike 'sign of life' 'no worker is blamed for it'
is "$(grep -c ' connect' "$exchange_log")" 1 'nor replaced'
done_testing
