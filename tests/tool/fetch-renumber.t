#!/bin/sh
# A changed UIDVALIDITY, a folder made anew: nothing is fetched twice, nothing is missed, twins are kept.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

bodies() {
	grep -c ' bytes)' "$exchange_log"
}

mailbox_anew -e 'messages 60'
fetch md
status_is 0 'sixty messages'
n=$(bodies)
exchange_tell 'renumber INBOX 99'
exchange_tell 'messages 3'
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
mailbox_anew -e 'messages 6' -e "message 2-3 raw $T/twin" -e 'message 2-3 date 1700000000'
fetch md
stdout_lines 6 'two of six are twins'
exchange_tell 'renumber INBOX 99'
fetch md
status_is 0 'numbered anew'
stdout_is '' 'nothing is delivered twice'
is "$(ls md/new | wc -l)" 6 'and the twins are both there'
exchange_tell 'messages 1'
exchange_tell "message 7 raw $T/twin"
fetch md
stdout_lines 1 'a third one is new'

# No Message-ID: content decides.
printf 'Subject: one\r\n\r\nbody\r\n' >one
printf 'Subject: two\r\n\r\nbody\r\n' >two
mailbox_anew -e 'messages 2' -e "message 1 raw $T/one" -e "message 2 raw $T/two"
fetch md
exchange_tell 'renumber INBOX 99'
fetch md
status_is 0 'without Message-ID'
stdout_is '' 'what is fetched is known by its content'
fetch md
status_is 0 'and that is settled'

# The folder is made anew and has its UIDVALIDITY again.
mailbox_anew -e 'messages 4'
fetch md
exchange_tell 'expunge INBOX *'
exchange_tell 'uidnext INBOX 1'
exchange_tell 'bytes 700'
exchange_tell 'messages 3'
exchange_tell 'message 1-3 date 1800000000'
fetch md
status_is 0 'made anew, with fewer messages'
stdout_lines 3 'they are delivered'
mailbox_anew -e 'messages 4'
fetch md
exchange_tell 'expunge INBOX *'
exchange_tell 'uidnext INBOX 1'
exchange_tell 'bytes 700'
exchange_tell 'messages 9'
exchange_tell 'message 1-9 date 1800000000'
fetch md
status_is 0 'made anew, with more'
is "$(ls md/new | wc -l)" 13 'all of them are delivered, also those below what was settled'
fetch md
stdout_is '' 'once'

# Renamed.
for i in 1 2 3 4 5; do printf 'Message-ID: <%s@old>\r\n\r\n%s\r\n' $i $i >old$i; done
mailbox_anew -e 'folder Old 77' -e 'messages Old 5' -e "message Old 1 raw $T/old1" -e "message Old 2 raw $T/old2" \
    -e "message Old 3 raw $T/old3" -e "message Old 4 raw $T/old4" -e "message Old 5 raw $T/old5" -e 'messages 2'
fetch -F '*' md
stdout_lines 7 'two folders'
exchange_tell 'rename Old New'
fetch -F '*' md
status_is 0 'one is renamed'
stdout_is '' 'nothing comes again'
exchange_tell 'messages New 1'
fetch -F '*' md
is "$(cut -f 2 "$out_file")" New 'what is new comes under the new name'
fetch --verify md
status_is 0 'and all is well'
stdout_is '' 'nothing of it has gone'

# --baseline, then numbered anew.
mailbox_anew -e 'messages 8'
fetch --baseline md
stdout_is '' '--baseline'
exchange_tell 'messages 1'
fetch md
stdout_lines 1 'one more'
exchange_tell 'renumber INBOX 99'
exchange_tell 'messages 1'
fetch md
status_is 0 'numbered anew after it'
stdout_lines 1 'what was settled stays so'
fetch -n md
stdout_is '' 'and a dry run knows it too'

# Everything must be compared by its content, on connections that break.
mailbox_anew -e 'messages 20' -e 'on message #25: close' -e 'on message #31: reset'
fetch md
exchange_tell 'renumber INBOX 99'
exchange_tell 'message * date 1800000000'
fetch md
status_is 0 'other dates, and connections that break meanwhile'
stdout_is '' 'nothing is delivered twice'
fetch md
stdout_is '' 'and all is settled'

# Numbered anew twice, and the run in between had not come to compare anything.
mailbox_anew -e 'messages 20'
fetch md
stdout_lines 20 'twenty messages'
exchange_tell 'renumber INBOX 99'
exchange_tell 'on uid fetch: no Server Unavailable. 15'
fetch md
status_is 75 'numbered anew, and nothing can be had'
exchange_tell 'forget'
exchange_tell 'renumber INBOX 120'
exchange_tell 'messages 1'
fetch md
status_is 0 'numbered anew again'
stdout_lines 1 'only what is new is delivered'
fetch md
stdout_is '' 'and that is settled'

# And where the run in between had done half of it, by content.
mailbox_anew -e 'messages 20'
fetch md
n=$(bodies)
exchange_tell 'renumber INBOX 99'
exchange_tell 'message * date 1800000000'
fetch --max 10 md
stdout_is '' 'numbered anew with other dates, and half of it is compared'
ok 'by content' test $(($(bodies) - n)) -ge 5
exchange_tell 'renumber INBOX 120'
exchange_tell 'message * date 1900000000'
fetch md
status_is 0 'numbered anew again'
stdout_is '' 'nothing is delivered twice'
is "$(ls md/new | wc -l)" 20 'each is there once'
fetch --verify md
status_is 0 'and all is well'

# Made anew with its UIDVALIDITY: three of a kind, in two windows.
mailbox_anew -e 'messages 3' -e "message * raw $T/twin" -e 'message * date 1700000000' -e 'uidnext INBOX 80000'
fetch md
stdout_lines 3 'three of a kind'
exchange_tell 'expunge INBOX *'
exchange_tell 'uidnext INBOX 2'
exchange_tell 'messages 1'
exchange_tell 'uidnext INBOX 70000'
exchange_tell 'messages 2'
exchange_tell "message * raw $T/twin"
exchange_tell 'message * date 1700000000'
fetch md
status_is 0 'made anew'
stdout_is '' 'and all three are known'
done_testing
