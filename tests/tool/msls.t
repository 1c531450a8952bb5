#!/bin/sh
# msls: folders and messages of a real server, and of one that is odd.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
token >token

ls_box() {
	run msls $imap_args -u $box "$@" <token
}

# folders
printf 'From: a@b.example\nSubject: hello\n\nbody\n' >m
touch -d '2026-03-01 12:00:00' m
stand save $box 'Entwürfe & mehr/Größe' m
stand save $box INBOX m m
ls_box
status_is 0 'folders'
stdout_like '^box@contoso.example	INBOX	[0-9]+	-	3	2	2	$'
stdout_like '^box@contoso.example	Entwürfe & mehr/Größe	[0-9]+	-	2	1	1	'
stdout_like '^box@contoso.example	Sent Items	[0-9]+	-	1	0	0	\\\\Sent$'
stderr_is '' 'silent'
ls_box --json
is "$(jq -r 'select(.folder == "INBOX") | "\(.user) \(.uidnext) \(.messages) \(.unseen) \(.attributes)"' "$out_file")" \
    "$box 3 2 2 " '--json'
ls_box -F inbox
is "$(cut -f 2 "$out_file")" INBOX '-F with a name, in any case for INBOX'
ls_box -F '%' -F '\Trash'
stdout_unlike 'Größe' '% stops at the separator'
stdout_like '	Deleted Items	'
is "$(cut -f 2 "$out_file" | sort | uniq -d)" '' 'each folder once'
ls_box -F '*/Gr*'
is "$(cut -f 2 "$out_file")" 'Entwürfe & mehr/Größe' '* does not'
ls_box -F Nowhere -F INBOX
status_is 66 'a folder that is not there: 66'
is "$(cut -f 2 "$out_file")" INBOX 'the others are listed'
stderr_like '^msls: Nowhere: no such folder'
ls_box -F '\Important'
status_is 66 'an attribute that no folder has: 66'
run msls $imap_args -u BOX@Contoso.Example -v <token
is "$(cut -f 1 "$out_file" | sort -u)" $box 'the mailbox is in lower case'
stderr_like '^msls: connected to localhost:[0-9]+ \((127\.0\.0\.1|::1)\), TLSv1\.[23] '

# messages
ls_box 'Entwürfe & mehr/Größe'
status_is 0 'messages'
stdout_like '^box@contoso.example	Entwürfe & mehr/Größe	[0-9]+	1	2026-03-01T12:00:00Z	[0-9]+		a@b.example	hello$'
ls_box 'Sent Items'
status_is 0 'an empty folder'
stdout_is '' 'has no messages'
ls_box '\Sent'
status_is 0 'a folder by its attribute'
ls_box Nowhere
status_is 66 'no such folder: 66'
ls_box 'IN*'
status_is 64 'a pattern for FOLDER: 64'
stand save odd@contoso.example INBOX m m m
corpus=$(stand corpus $box Corpus)
ls_box Corpus
status_is 0 'mail that nobody here wrote'
is "$(cut -f 4 "$out_file")" "$(seq "$(find "$corpus" -type f | wc -l)")" 'all of it, in order'
is "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" "$out_file")" 0 'control characters are escaped'
is "$(iconv -f UTF-8 -t UTF-8 "$out_file" | cmp - "$out_file" && awk -F'\t' 'NF != 9' "$out_file")" '' 'valid UTF-8, nine columns'
cp "$out_file" corpus
ls_box --no-pipeline Corpus
same_file "$out_file" corpus 'one command at a time: the same'
ls_box --json Corpus
is "$(jq -rs length "$out_file")" "$(wc -l <corpus)" '--json: as many'
ls_box --newest 3 Corpus
is "$(cat "$out_file")" "$(tail -n 3 corpus)" '--newest'
ls_box --newest 100000 Corpus
same_file "$out_file" corpus '--newest more than there are'
ls_box --search 'SUBJECT test' Corpus
ok '--search finds some' [ "$(wc -l <"$out_file")" -gt 1 ]
is "$(sort "$out_file" corpus | uniq -d | wc -l)" "$(wc -l <"$out_file")" 'of them'
tail -n 2 "$out_file" >found
ls_box --search 'SUBJECT test' --newest 2 Corpus
same_file "$out_file" found '--search and --newest'
ls_box --search 'SINCE 1-Jan-2030' Corpus
status_is 0 'nothing is found'
stdout_is '' 'no line'
for criteria in 'FOO' 'SUBJECT {3}' 'CHARSET UTF-8 ALL' "$(printf 'SUBJECT \374')" "$(printf 'ALL\r\nLOGOUT')"; do
	ls_box --search "$criteria" Corpus
	status_is 64 'criteria that are none: 64'
done
msls $imap_args -u $box Corpus <token | head -n 1 >first
is "$(cat first)" "$(head -n 1 corpus)" 'the reader may leave'
if [ -w /dev/full ]; then
	# shellcheck disable=SC2016
	run sh -c 'exec msls "$@" >/dev/full' sh $imap_args -u $box Corpus <token
	status_is 74 'a full disk: 74'
fi
run msls $imap_args -u $box INBOX </dev/null
status_is 78 'no token: 78'
ls_box --trace trace INBOX
ok 'the trace shows the talk' grep -q ' C: m[0-9]* EXAMINE "INBOX"$' trace
is "$(grep -c "$(cut -c1-20 token)" trace)" 0 'but not the token'
ok 'which is masked' grep -q 'AUTHENTICATE XOAUTH2 \[secret\]$' trace
stand_down

# headers
echo token-that-will-do >token
printf 'From: =?iso-8859-1?q?J=FCrgen?= <j@b.example>\nSubject: =?utf-8?B?R3LDvMOf?=\n =?utf-8?B?ZSBhbiBhbGxl?=\n\nx\n' >five
printf 'From: caf\351 <c@b.example>\nSubject: a\tb \033[31mred =?koi8-r?B?0NLJ?=\n\nx\n' >six
exchange_up -e 'messages 6' -e 'message 2 date "no date"' -e 'message 4 gone' -e 'order reverse' \
    -e "message 5 file $T/five" -e "message 6 file $T/six"
ls_box INBOX
status_is 0 'a server with odd messages'
is "$(cut -f 4 "$out_file" | sort -n | tr '\n' ' ')" '1 2 3 5 6 ' 'all are there that are there'
stdout_like '	2	-	[0-9]+			$' 'with what can be had of one whose date cannot be read'
stdout_like '	5	.*	Jürgen <j@b.example>	Grüße an alle$' 'RFC 2047'
stdout_like '	6	.*	café <c@b.example>	a\\tb \\x1b\[31mred =\?koi8-r\?B\?0NLJ\?=$' 'raw 8-bit; control characters escaped; other charsets as they are'

# many, in windows; the connection breaks in the middle
exchange_up -e 'bytes 500' -e 'messages 3000' -e 'expunge INBOX 100-900' \
    -e 'on uid fetch #2: default; cut' -e 'on uid fetch #4: cut'
ls_box INBOX
status_is 0 'a connection that breaks'
is "$(cut -f 4 "$out_file" | sort -n)" "$(seq 99; seq 901 3000)" 'each message once'
ls_box --newest 5 INBOX
is "$(cut -f 4 "$out_file" | tr '\n' ' ')" '2996 2997 2998 2999 3000 ' '--newest of many'
ok 'asks for few' [ "$(grep -c 'C: m[0-9]* UID FETCH' "$exchange_log")" -lt 25 ]
exchange_up -e 'messages 5' -e 'on uid fetch: no Server Unavailable. 15'
ls_box INBOX
stderr_like 'Server Unavailable' 'a NO is told'

# a folder of any size in the same memory: the peak of both processes, when all but the last window has come
peak() {
	exchange_up -e 'bytes 300' -e "messages $(($1 + 1000))" -e "on /^uid fetch .*:$(($1 + 1000)) [(]/: stall"
	spawn long msls $imap_args -u $box --token-file token INBOX
	wait_for 'grep -q "server: stall" "$exchange_log" || ! alive $pid' 60
	rows=$(wc -l <long.out)
	peak=$(for p in $pid $(pgrep -P "$pid"); do cat "/proc/$p/status"; done | awk '/^VmHWM:/ { n++; s += $2 } END { print n == 2 ? s : "" }')
	kill "$pid"
	finish "$pid"
	exchange_down
}
chmod 600 token
case $BUILD in
*-san) skip 'a folder of any size in the same memory' 'the sanitizers keep what was freed' ;;
*)
	peak 1000
	small=$peak
	peak ${MSLS_MANY:-20000}
	diag "peak of msls and its worker: $small kB for 1000 messages, $peak kB for ${MSLS_MANY:-20000}"
	ok 'what has come is written' [ "$rows" -gt $((${MSLS_MANY:-20000} - 1000)) ]
	ok 'a folder of any size in the same memory' [ "${small:-0}" -gt 0 -a "${peak:-99999999}" -le $((${small:-0} + 1024)) ]
	;;
esac

done_testing
