#!/bin/sh
# What limits leave out is left for later, and taken when the limit widens; nothing comes twice.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
mkdir orig
i=0
while [ $i -lt 50 ]; do
	i=$((i + 1))
	f=orig/$(printf %03d $i)
	{ printf 'Subject: %s\n\n' $i; [ $((i % 10)) -ne 0 ] || head -c 20000 /dev/zero | tr '\0' x; echo; } >"$f"
	touch -d "2024-01-01 00:00:00 UTC + $i days" "$f"	# what the stand makes its INTERNALDATE
done
stand save $box INBOX orig/*
token >token

fetch whole
cut -f 4,7 "$out_file" | sort -n >whole.got
: >parts
for i in 1 2 3 4 5; do
	fetch --max 10 part
	stdout_lines 10 "--max 10, run $i"
	cut -f 4,7 "$out_file" >>parts
done
sort -n parts >parts.got
same_file parts.got whole.got '--max 10 five times is one whole run'
is "$(cut -f 1 parts | tr '\n' ' ')" "$(seq 50 | tr '\n' ' ')" 'oldest first'
fetch --max 10 part
status_is 0 'and then nothing'
stdout_is ''

fetch --max-bytes 30000 bytes
is "$(uids)" '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19' '--max-bytes stops before the message that is too much'
fetch --max-bytes 1 bytes
is "$(uids)" 20 'the first is taken whatever its size'
fetch bytes
is "$(uids)" "$(seq 21 50 | tr '\n' ' ' | sed 's/ $//')" 'the rest without a limit'

fetch --max-size 10000 size
is "$(uids | wc -w)" 45 '--max-size leaves the large ones out'
fetch --max-size 10000 size
stdout_is '' 'for good'
fetch size
is "$(uids)" '10 20 30 40 50' 'until the limit is lifted'
ok 'all are there once' mdcmp size orig

fetch --since 2024-01-21 --before 2024-01-31 dates
is "$(uids)" '20 21 22 23 24 25 26 27 28 29' '--since and --before, against INTERNALDATE'
fetch --since 2024-01-11 --before 2024-01-31 dates
is "$(uids)" '10 11 12 13 14 15 16 17 18 19' 'an earlier --since brings what lies between'
fetch --max 5 dates
is "$(uids)" '1 2 3 4 5' 'without dates, and --max'
fetch dates
is "$(uids)" '6 7 8 9 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50' 'all the others'
ok 'all are there once' mdcmp dates orig

fetch -n dry
stdout_like "^$box	INBOX	[0-9]*	-	50	" '--dry-run counts'
ok 'and makes nothing' test ! -e dry
fetch -n whole
stdout_is '' 'nothing new, nothing said'
fetch -n --max-size 10000 --json size2
is "$(jq .messages "$out_file")" 45 'with limits, as JSON'

fetch --baseline base
status_is 0 '--baseline'
stdout_is '' 'fetches nothing'
printf 'Subject: later\n\n' >later
stand save $box INBOX later
fetch base
is "$(uids)" 51 'what comes later is fetched'
done_testing
