#!/bin/sh
# Many folders: patterns, attributes, --tree that Dovecot itself opens, flags.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
mkdir orig
for i in 1 2 3 4 5 6 7 8 9; do printf 'Subject: %s\n\nbody %s\n' $i $i >orig/$i; done
stand save $box INBOX orig/1
stand save $box 'Archiv/Übergänge & mehr' orig/2 orig/3
stand save $box 'Archiv/2024' orig/4
stand save $box 'Mit Leerzeichen' orig/5
stand save $box 'Sent Items' orig/6 orig/7
stand save $box '日本' orig/8
stand save $box 'Archiv' orig/9
token >token

folders() {
	cut -f 2 "$out_file" | LC_ALL=C sort | uniq -c | sed 's/^ *//' | tr '\n' ';'
}

fetch -F '*' flat
status_is 0 'all folders into one Maildir'
is "$(folders)" "1 Archiv;1 Archiv/2024;2 Archiv/Übergänge & mehr;1 INBOX;1 Mit Leerzeichen;2 Sent Items;1 日本;" 'receipts tell them apart'
ok 'all are there' mdcmp flat orig
fetch -F '*' flat
stdout_is '' 'nothing new'

fetch -F '%' -X 'Sent*' some
is "$(folders)" '1 Archiv;1 INBOX;1 Mit Leerzeichen;1 日本;' 'a pattern for one level, and one excluded'
fetch -F 'Archiv/*' -F inbox some2
is "$(folders)" '1 Archiv/2024;2 Archiv/Übergänge & mehr;1 INBOX;' 'two patterns; INBOX in any case'
fetch -F 'Archiv/Übergänge & mehr' some3
is "$(folders)" '2 Archiv/Übergänge & mehr;' 'a name as it is read'

fetch -F Nowhere none
status_is 66 'no such folder: 66'
stderr_like 'Nowhere' 'its name is told'
fetch -F 'No*' -F INBOX none
status_is 66 'one pattern of two fits nothing: 66'
is "$(folders)" '1 INBOX;' 'the other is done'

fetch --tree -F '*' tree
status_is 0 '--tree'
is "$(cd tree && find . -path '*/new/*' -printf '%h\n' | LC_ALL=C sort | uniq -c | sed 's/^ *//' | tr '\n' ';')" \
    '1 ./.&ZeVnLA-/new;2 ./.Archiv.&ANw-berg&AOQ-nge &- mehr/new;1 ./.Archiv.2024/new;1 ./.Archiv/new;1 ./.Mit Leerzeichen/new;2 ./.Sent Items/new;1 ./new;' \
    'Maildir++ names'
ok 'all are there' mdcmp -r tree orig
is "$(cut -f 8 "$out_file" | while read -r f; do [ -f "$f" ] || echo "$f"; done)" '' 'receipts name the files'

run msfetch $imap_args -u other@contoso.example --tree tree <token
status_is 78 'a tree holds one mailbox'

# Dovecot opens the tree as its own and finds the folders' names again.
# What is at hand here runs it as nobody, or as us; both may read.
chmod -R a+rwX tree
chmod a+rx "$T"
tree() {
	stand doveadm -o "mail_location=maildir:$T/tree" -o namespace/inbox/separator=/ "$@" 2>>tree.err
}
tree mailbox list -u $box | grep -vx 'Deleted Items\|Drafts\|Junk Email' | LC_ALL=C sort >listed
is "$(tr '\n' ';' <listed)" 'Archiv;Archiv/2024;Archiv/Übergänge & mehr;INBOX;Mit Leerzeichen;Sent Items;日本;' \
    'Dovecot lists the folders of the tree'
is "$(tree -f flow mailbox status -u $box messages 'Archiv/Übergänge & mehr')" \
    'Archiv/Übergänge & mehr messages=2' 'and finds the messages'
fetch --tree -F '*' tree
stdout_is '' 'nothing new for msfetch'

# A literal dot, a folder that holds none, one with a wildcard in its name; flags.
exchange_up -e 'folder a.b 21' -e 'messages a.b 2' -e 'folder Shell 22 \Noselect' -e 'messages 4' \
    -e 'message 2 flags \Seen \Flagged' -e 'message 3 flags \Draft'
fetch --tree --keep-flags -F '*' dots
status_is 0 'a scripted server'
is "$(find dots/.a\\2eb/new -type f | wc -l)" 2 'a literal dot is escaped'
is "$(find dots/cur -type f -name '*:2,FS' | wc -l)/$(find dots/cur -type f -name '*:2,D' | wc -l)/$(find dots/new -type f | wc -l)" \
    1/1/2 '--keep-flags'
fetch -F Shell dots2
status_is 66 'a folder that holds only folders, asked for by name'
fetch -F '\Sent' -F '\Trash' dots2
status_is 0 'attributes'
fetch -F '\Archive' dots2
status_is 66 'an attribute that no folder has'

# One folder that no directory can stand for is no reason to leave the others.
long=$(printf 'L%0260d' 1)
exchange_down
exchange_up -e "folder $long 31" -e "messages $long 1" -e 'messages 4'
fetch --tree -F '*' long
status_is 73 'a name of more than 255 bytes'
stderr_like 'hint: .*255 bytes' 'with the cause'
stdout_lines 4 'the other folders are fetched'

# More folders whose STATUS is refused than a connection may have errors.
set --
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do set -- "$@" -e "folder Bad$i"; done
exchange_down
exchange_up "$@" -e 'folder Zoo 77' -e 'messages Zoo 3' -e 'messages 4' -e 'on /STATUS "Bad/: no Server Unavailable. 15'
fetch -F '*' many
status_is 0 'twenty-five folders that cannot be looked at'
is "$(folders)" '4 INBOX;3 Zoo;' 'the others are fetched'
is "$(grep -c 'STATUS "Bad7"' "$exchange_log")" 1 'each is asked once'
unlike "$(cat "$exchange_log")" 'Connection closed. 14' 'and the server never had enough'
run msls $imap_args -u $box -F '*' <token
status_is 0 'msls'
is "$(cut -f 2 "$out_file" | grep -c Bad)" 25 'lists them all'
done_testing
