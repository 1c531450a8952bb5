#!/bin/sh
# A changed UIDVALIDITY, a folder made anew, renamed: nothing is fetched twice, nothing is missed, twins are kept.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

fetch() {
	run msfetch $imap_args -u $box "$@" <token
}

serve_odd() {
	[ -z "${exchange_pid:-}" ] || { kill "$exchange_pid"; wait "$exchange_pid" 2>/dev/null; forget "$exchange_pid"; }
	rm -rf md orig
	exchange_up -d "$T/orig" "$@"
}

# tell LINE: one more line of the scenario, while it runs.
tell() {
	before=$(grep -c '^told: \|[^C]told: ' "$exchange_log")
	echo "$1" >exchange.tell
	wait_for "[ \$(grep -c '^told: \\|[^C]told: ' '$exchange_log') -gt $before ]"
}

bodies() {
	grep -c ' bytes)' "$exchange_log"
}

serve_odd -e 'messages 60'
fetch md
status_is 0 'sixty messages'
n=$(bodies)
tell 'renumber INBOX 99'
tell 'messages 3'
fetch md
status_is 0 'numbered anew'
stdout_lines 3 'only what is new is delivered'
is "$(cut -f 3 "$out_file" | sort -u)" 99 'with its new UIDVALIDITY'
is $(($(bodies) - n)) 3 'and only that is fetched'
is "$(ls md/new | wc -l)" 63 'all are there once'
fetch md
stdout_is '' 'nothing more'

# Twins: the same bytes and the same date, twice.
printf 'Subject: twin\r\nMessage-ID: <twin@example>\r\n\r\nbody\r\n' >twin
serve_odd -e 'messages 6' -e "message 2-3 raw $T/twin" -e 'message 2-3 date 1700000000'
fetch md
stdout_lines 6 'two of six are twins'
tell 'renumber INBOX 99'
fetch md
status_is 0 'numbered anew'
stdout_is '' 'nothing is delivered twice'
is "$(ls md/new | wc -l)" 6 'and the twins are both there'
tell 'messages 1'
tell "message 7 raw $T/twin"
fetch md
stdout_lines 1 'a third one is new'

# No Message-ID: content decides.
printf 'Subject: one\r\n\r\nbody\r\n' >one
printf 'Subject: two\r\n\r\nbody\r\n' >two
serve_odd -e 'messages 2' -e "message 1 raw $T/one" -e "message 2 raw $T/two"
fetch md
tell 'renumber INBOX 99'
fetch md
status_is 0 'without Message-ID'
stdout_is '' 'what is fetched is known by its content'
fetch md
status_is 0 'and that is settled'

# The folder is made anew and has its UIDVALIDITY again.
serve_odd -e 'messages 4'
fetch md
tell 'expunge INBOX *'
tell 'uidnext INBOX 1'
tell 'bytes 700'
tell 'messages 3'
tell 'message 1-3 date 1800000000'
fetch md
status_is 0 'made anew, with fewer messages'
stdout_lines 3 'they are delivered'
serve_odd -e 'messages 4'
fetch md
tell 'expunge INBOX *'
tell 'uidnext INBOX 1'
tell 'bytes 700'
tell 'messages 9'
tell 'message 1-9 date 1800000000'
fetch md
status_is 0 'made anew, with more'
is "$(ls md/new | wc -l)" 13 'all of them are delivered, also those below what was settled'
fetch md
stdout_is '' 'once'

# Renamed.
for i in 1 2 3 4 5; do printf 'Message-ID: <%s@old>\r\n\r\n%s\r\n' $i $i >old$i; done
serve_odd -e 'folder Old 77' -e 'messages Old 5' -e "message Old 1 raw $T/old1" -e "message Old 2 raw $T/old2" \
    -e "message Old 3 raw $T/old3" -e "message Old 4 raw $T/old4" -e "message Old 5 raw $T/old5" -e 'messages 2'
fetch -F '*' md
stdout_lines 7 'two folders'
tell 'rename Old New'
fetch -F '*' md
status_is 0 'one is renamed'
stdout_is '' 'nothing comes again'
tell 'messages New 1'
fetch -F '*' md
is "$(cut -f 2 "$out_file")" New 'what is new comes under the new name'
fetch --verify md
status_is 0 'and all is well'
stdout_is '' 'nothing of it has gone'

# --baseline, then numbered anew.
serve_odd -e 'messages 8'
fetch --baseline md
stdout_is '' '--baseline'
tell 'messages 1'
fetch md
stdout_lines 1 'one more'
tell 'renumber INBOX 99'
tell 'messages 1'
fetch md
status_is 0 'numbered anew after it'
stdout_lines 1 'what was settled stays so'
fetch -n md
stdout_is '' 'and a dry run knows it too'

# Everything must be compared by its content, on connections that break.
serve_odd -e 'messages 20' -e 'on message #25: close' -e 'on message #31: reset'
fetch md
tell 'renumber INBOX 99'
tell 'message * date 1800000000'
fetch md
status_is 0 'other dates, and connections that break meanwhile'
stdout_is '' 'nothing is delivered twice'
fetch md
stdout_is '' 'and all is settled'

# Numbered anew twice, and the run in between had not come to compare anything.
serve_odd -e 'messages 20'
fetch md
stdout_lines 20 'twenty messages'
tell 'renumber INBOX 99'
tell 'on uid fetch: no Server Unavailable. 15'
fetch md
status_is 75 'numbered anew, and nothing can be had'
tell 'forget'
tell 'renumber INBOX 120'
tell 'messages 1'
fetch md
status_is 0 'numbered anew again'
stdout_lines 1 'only what is new is delivered'
fetch md
stdout_is '' 'and that is settled'

# And where the run in between had done half of it, by content.
serve_odd -e 'messages 20'
fetch md
n=$(bodies)
tell 'renumber INBOX 99'
tell 'message * date 1800000000'
fetch --max 10 md
stdout_is '' 'numbered anew with other dates, and half of it is compared'
ok 'by content' test $(($(bodies) - n)) -ge 5
tell 'renumber INBOX 120'
tell 'message * date 1900000000'
fetch md
status_is 0 'numbered anew again'
stdout_is '' 'nothing is delivered twice'
is "$(ls md/new | wc -l)" 20 'each is there once'
fetch --verify md
status_is 0 'and all is well'

# Renamed there and back, with new mail at each place; twins are kept.  (What the server makes up depends on the folder.)
raw() { # tell | -e, FOLDER, UIDS
	for uid in $(seq $3); do
		[ -e mail$uid ] || printf 'Message-ID: <%s@mail>\r\n\r\n%s\r\n' $uid $uid >mail$uid
		case $1 in
		-e) printf '%s\n' "message $2 $uid raw $T/mail$uid" ;;
		*) tell "message $2 $uid raw $T/mail$uid" ;;
		esac
	done
}
printf 'Message-ID: <2@mail>\r\n\r\n2\r\n' >mail3
cp mail3 mail8
{
	printf '%s\n' 'folder Old 77' 'messages Old 5' 'messages 2' 'message Old 2-3 date 1700000000'
	raw -e Old '1 5'
} >scenario
serve_odd scenario
fetch -F '*' md
stdout_lines 7 'two folders'
tell 'rename Old New'
tell 'messages New 2'
raw tell New '6 7'
fetch -F '*' md
is "$(cut -f 2,4 "$out_file" | tr '\t\n' ' ;')" 'New 6;New 7;' 'one gets another name and more messages'
tell 'rename New Old'
tell 'messages Old 2'
tell 'message Old 8 date 1700000000'
raw tell Old '8 9'
fetch -F '*' md
status_is 0 'and its old name again'
is "$(cut -f 2,4 "$out_file" | tr '\t\n' ' ;')" 'Old 8;Old 9;' 'what came under the other name does not come again'
fetch -F '*' md
stdout_is '' 'nothing more'
tell 'rename Old New'
tell 'messages New 1'
raw tell New '10 10'
fetch -F '*' md
is "$(cut -f 2,4 "$out_file" | tr '\t\n' ' ;')" 'New 10;' 'and once more'
fetch --verify md
status_is 0 'all is well'

# The first run saw its name and no more.
echo 'on /EXAMINE "Old"/ #1: rename Old New; default' >>scenario
serve_odd scenario
fetch -F '*' md
stdout_lines 2 'renamed before it was opened'
fetch -F '*' md
stdout_lines 5 'fetched under the new name'
tell 'rename New Old'
fetch -F '*' md
status_is 0 'its old name again'
stdout_is '' 'nothing comes again'

# UIDVALIDITY alone is no evidence: another folder had the same, and has gone.
tab=$(printf '\t')
got() {
	cut -f 2,4 "$out_file" | tr '\t\n' ' ;'
}
for i in 1 2 3 4 5 6 7; do printf 'Message-ID: <%s@other>\r\n\r\nother %s\r\n' $i $i >other$i; done
printf 'Message-ID: <both@other>\r\n\r\nboth\r\n' >mail8
cp mail8 other1
{
	printf '%s\n' 'folder Old 77' 'messages Old 5' 'folder Other 77' 'messages Other 7' 'message Other 1 date 1700000000'
	raw -e Old '1 5'
	for i in 1 2 3 4 5 6 7; do printf '%s\n' "message Other $i raw $T/other$i"; done
} >scenario
serve_odd scenario
fetch -F '*' md
stdout_lines 12 'two folders with the same UIDVALIDITY'
tell 'no-folder Other'
tell 'rename Old New'
tell 'messages New 1'
raw tell New '6 6'
fetch -F '*' md
is "$(got)" 'New 6;' 'one is deleted, one renamed'
tell 'rename New Old'
tell 'messages Old 3'
tell 'message Old 8 date 1700000000'
raw tell Old '7 9'
fetch -n -F '*' md
is "$(cut -f 2,5 "$out_file")" "Old${tab}3" 'and has its name again: a dry run tells what comes'
fetch -F '*' md
status_is 0 'which is right'
is "$(got)" 'Old 7;Old 8;Old 9;' 'what is new comes, also what the deleted one had, and nothing else'
serve_odd scenario
fetch -F '*' md
tell 'no-folder Other'
tell 'rename Old New'
tell 'messages New 3'
tell 'message New 8 date 1700000000'
raw tell New '6 8'
fetch -n -F '*' md
is "$(cut -f 2,5 "$out_file")" "New${tab}3" 'the deleted one had more: in a dry run'
fetch -F '*' md
status_is 0 'and in a real one'
is "$(got)" 'New 6;New 7;New 8;' 'the renamed one is known'

# Numbered anew, renamed, renamed back: and each time only some of it is compared.
{
	printf '%s\n' 'folder Old 77' 'messages Old 20'
	raw -e Old '1 20'
} >scenario
serve_odd scenario
fetch -F '*' md
stdout_lines 20 'twenty messages'
tell 'renumber Old 99'
tell 'message Old * date 1800000000'
fetch -F '*' --max 10 md
stdout_is '' 'numbered anew, and half of it is compared'
tell 'rename Old New'
fetch -F '*' --max 3 md
stdout_is '' 'renamed, and some more'
tell 'rename New Old'
fetch -F '*' md
status_is 0 'its old name again'
stdout_is '' 'nothing comes twice'
is "$(ls md/new | wc -l)" 20 'each is there once'
fetch -F '*' md
stdout_is '' 'and all is settled'

# Made anew with its UIDVALIDITY: three of a kind, in two windows.
serve_odd -e 'messages 3' -e "message * raw $T/twin" -e 'message * date 1700000000' -e 'uidnext INBOX 80000'
fetch md
stdout_lines 3 'three of a kind'
tell 'expunge INBOX *'
tell 'uidnext INBOX 2'
tell 'messages 1'
tell 'uidnext INBOX 70000'
tell 'messages 2'
tell "message * raw $T/twin"
tell 'message * date 1700000000'
fetch md
status_is 0 'made anew'
stdout_is '' 'and all three are known'
done_testing
