#!/bin/sh
# --verify: the server, the state and the files compared; --prune.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
corpus=$(stand corpus $box INBOX)
n=$(find "$corpus" -type f | wc -l)
# shellcheck disable=SC2046
stand save $box Kunden $(find "$corpus" -type f | sort | head -n 4)
token >token

fetch -F '*' md
status_is 0 'two folders'
fetch --verify -v md
status_is 0 'all is well: 0'
stdout_is '' 'and nothing is printed'
stderr_like "$((n + 4)) messages on the server, $((n + 4)) files compared: 0 missing" 'but a summary with -v'
stderr_like 'online archive' 'and what cannot be reached'
fetch --verify md
stderr_is '' 'silent without -v'

# A reader has moved some: all is well.
for f in $(find md/new -type f | sort | head -n 20); do mv "$f" "md/cur/${f##*/}:2,RS"; done
fetch --verify md
status_is 0 'files in cur with flags are found'

# Files that went, and files that are others now.
inbox=$(find md/new -name '*U100F*')
rm "$inbox"
altered=$(find md/new -name '*U120F*')
tr 'a-z' 'b-za' <"$altered" >other
cat other >"$altered"
longer=$(find md/new -name '*U121F*')
echo more >>"$longer"
fetch --verify md
status_is 65 'missing and altered: 65'
stdout_lines 3 'a line for each'
stdout_like "^$box	INBOX	[0-9]+	100	[0-9-]+T[0-9:]+Z	missing	" 'missing'
stdout_like '	120	[^	]*	altered	SHA-256 [0-9a-f]{64}$' 'altered, same size'
stdout_like '	121	[^	]*	altered	[0-9]+ bytes instead of [0-9]+$' 'altered, another size'
stderr_like 'md: 1 messages are missing, 2 are altered' 'and the sum'
fetch --verify --json md
status_is 65 'as JSON'
jq . "$out_file" >parsed || :
ok 'that jq reads' test -s parsed
is "$(jq -r 'select(.uid == 100) | .status' "$out_file")" missing 'with the same names'
fetch --verify -F Kunden md
status_is 0 'another folder alone is well'
fetch --verify -X INBOX md
status_is 0 'also by exclusion'
sh -c 'exec msfetch "$@" >/dev/full 2>err' sh $imap_args -u $box --verify md <token
is $? 74 'lines that cannot be written: 74'

# Gone from the server.
rm -rf md
fetch -F '*' md
stand doveadm expunge -u $box mailbox INBOX uid 10,11,200
before=$(find md/new -type f | wc -l)
fetch --verify md
status_is 0 'gone from the server is no error'
stdout_lines 3 'but told'
stdout_like '	11	[^	]*	gone	its file is here$' 'with what is here'
fetch --verify --prune -v md
status_is 0 '--prune'
stdout_lines 3 'tells them once more'
stderr_like '3 records pruned' 'and drops them'
is "$(find md/new -type f | wc -l)" "$before" 'but no file'
fetch --verify md
stdout_is '' 'then they are forgotten'
fetch -F '*' md
status_is 0 'the next run'
stdout_is '' 'fetches nothing again'

# A folder that has gone is not pruned: it may have been renamed.
stand doveadm mailbox delete -u $box Kunden
fetch --verify --prune -v md
status_is 0 'a folder that has gone'
stdout_lines 4 'all of its messages'
stderr_like ' 0 records pruned' 'nothing of it is pruned'

# A spool that was consumed.
rm -f md/new/* md/cur/*
fetch --verify -F INBOX md
status_is 0 'a spool that was consumed is well'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" " $((n - 3)) consumed" 'and its messages are called so'

# Baselined, left out, and not fetched yet.
rm -rf md
fetch --baseline md
fetch --verify md
status_is 0 'after --baseline'
is "$(cut -f 6 "$out_file" | sort -u)" baselined 'what was never fetched is told'
rm -rf md
fetch --max 10 md
fetch --verify -v md
status_is 0 'what is still to come'
stderr_like "10 files compared.* $((n - 13)) not fetched yet" 'is counted'
fetch --verify nowhere
status_is 66 'no such Maildir: 66'
ok 'and none is made' test ! -e nowhere
stand_down

# A mailbox of a scripted server, and an empty Maildir.
odd() {
	[ -z "${exchange_pid:-}" ] || exchange_down
	rm -rf md
	exchange_up "$@"
}

# Quarantined.
odd -e 'messages 10' -e 'message 4 nodata'
fetch md
status_is 65 'a message that the server does not give'
fetch --verify md
status_is 0 'quarantined is no news'
stdout_lines 1 'it is told'
stdout_like '	4	-	quarantined	.*tried 1 times, next on [0-9]+-' 'with the reason and the next try'

# Left out by limits, and UIDs that are far apart: asked for in several windows.
odd -e 'bytes 500' -e 'messages 3' -e 'uidnext INBOX 300000' -e 'bytes 9000' -e 'messages 2' \
    -e 'uidnext INBOX 4000000000' -e 'bytes 500' -e 'messages 1'
fetch --max-size 5k md
stdout_lines 4 'two are too large'
fetch --verify -v md
status_is 0 'what limits left out is well'
stdout_is '' 'and not told'
stderr_like '6 messages on the server, 4 files compared: 0 missing.* 2 left out by limits, 0 not' 'but counted'
exchange_tell 'expunge INBOX 2'
exchange_tell 'expunge INBOX 4000000000'
fetch --verify --prune -v md
is "$(cut -f 4,6 "$out_file")" "2	gone
4000000000	gone" 'what has gone is found in each of them'
stderr_like ' 2 records pruned' 'and pruned'
fetch --max-size 5k md
stdout_is '' 'what is there is not fetched again'

# Baselined ones that have gone.
odd -e 'messages 4'
fetch --baseline md
exchange_tell 'messages 1'
fetch md
stdout_lines 1 'one more after --baseline'
exchange_tell 'expunge INBOX 1-2'
fetch --verify --prune -v md
status_is 0 'baselined ones that have gone'
is "$(cut -f 4,6 "$out_file" | grep -c baselined)" 2 'are not told, those that are there are'

# A receipt that is owed is not pruned: the next run pays it.
odd -e 'messages 5'
sh -c 'exec msfetch "$@" >/dev/full 2>err' sh $imap_args -u $box md <token
is $? 74 'receipts that cannot be written'
exchange_tell 'expunge INBOX 1-3'
fetch --verify --prune -v md
status_is 0 'three have gone whose receipts are owed'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 3 gone' 'they are told'
stderr_like ' 0 records pruned' 'but not pruned'
fetch md
stdout_lines 5 'all are paid'
fetch --verify --prune -v md
stderr_like ' 3 records pruned' 'then they are pruned'

# Numbered anew: of the old numbers only what was not found again has gone, and not before all is compared.
odd -e 'messages 6'
fetch md
exchange_tell 'expunge INBOX 1'
exchange_tell 'renumber INBOX 99'
fetch --verify --prune -v md
status_is 0 'numbered anew, and no run since'
stderr_like 'the server has numbered it anew' 'is said'
stdout_is '' 'nothing has gone yet'
stderr_like '6 files compared.* 0 gone' 'the files are compared'
stderr_like ' 0 records pruned' 'and nothing is pruned'
fetch md
stdout_is '' 'the next run fetches nothing again'
fetch --verify --prune -v md
status_is 0 'after it'
is "$(cut -f 3,6 "$out_file")" '14	gone' 'the one that was not found again has gone'
stderr_like ' 1 records pruned' 'and is pruned'
fetch --verify -v md
stdout_is '' 'once'
stderr_like '5 messages on the server' 'those that are there are well'
fetch md
stdout_is '' 'and nothing comes again'

# Numbered anew, and removed, while it is looked at.
odd -e 'folder Other 77' -e 'messages Other 4'
fetch -F 'O*' md
exchange_tell 'expunge Other 2'
exchange_tell 'on examine #1: renumber Other 99; default'
fetch -F 'O*' --verify --prune -v md
status_is 0 'numbered anew between the first look and the second'
stderr_like 'Other: the folder was made anew or removed meanwhile' 'is said'
stdout_is '' 'nobody says that a message has gone'
stderr_like ' 0 records pruned' 'and nothing is pruned'
fetch -F 'O*' md
stdout_is '' 'so that nothing comes again'
odd -e 'folder Other 77' -e 'messages Other 4'
fetch -F 'O*' md
exchange_tell 'on examine: no-folder Other; default'
fetch -F 'O*' --verify --prune -v md
status_is 0 'removed meanwhile'
stderr_like 'Other: the folder was made anew or removed meanwhile' 'is said, too'
stderr_like ' 0 records pruned' 'and nothing is pruned'
exchange_down
done_testing
