#!/bin/sh
# Few descriptors: 71, and the reason is told, wherever they run out; with enough of them all goes well.
# shellcheck disable=SC2086,SC2154
. "${0%/*}/../lib/sh"

box=box@contoso.example
(umask 077; echo token-that-will-do >token)
exchange_up -e 'messages 40'
for n in 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 20 24 32 48; do
	rm -rf md
	run prlimit --nofile=$n:$n msfetch $imap_args --token-file token -u $box --timeout 5 md
	status_is 71 "$n descriptors: 71"
	stderr_like 'Too many open files' 'they are named'
	is "$(find md/new -type f 2>/dev/null | wc -l)" "$(wc -l <"$out_file")" 'no file without its receipt'
done
run msfetch $imap_args --token-file token -u $box md
status_is 0 'the next run is not limited'
is "$(find md/new -type f | wc -l)" 40 'and brings all'
for what in 'msls -F INBOX' 'msmark --seen'; do
	for n in 4 5 6 7 8 9 10 11 12; do
		run prlimit --nofile=$n:$n ${what%% *} $imap_args --token-file token -u $box --timeout 5 ${what#* } </dev/null
		case $status in
		0) ;; # so few are enough
		*)
			status_is 71 "$what, $n descriptors: 71"
			stderr_like 'Too many open files' 'they are named' ;;
		esac
	done
done
done_testing
