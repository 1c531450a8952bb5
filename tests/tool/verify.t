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

fetch() {
	run msfetch $imap_args -u $box "$@" <token
}

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

# Quarantined.
rm -rf md
exchange_up -e 'messages 10' -e 'message 4 nodata'
fetch md
status_is 65 'a message that the server does not give'
fetch --verify md
status_is 0 'quarantined is no news'
stdout_lines 1 'it is told'
stdout_like '	4	-	quarantined	.*tried 1 times, next on [0-9]+-' 'with the reason and the next try'
exchange_down
done_testing
