#!/bin/sh
# msmark and the names of delivered files: msfetch, find -print0, a reader that moves files, -0.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
token >token
for i in 1 2 3 4 5; do
	printf 'From: a@b.example\nSubject: %s\n\n%s\n' $i $i >m$i
	touch -d "2026-02-0$i 08:00:00" m$i
done
stand save $box INBOX m1 m2 m3
stand save $box 'Süd/Été' m4 m5
run msfetch $imap_args -u $box -F INBOX -F 'Süd/Été' md <token
status_is 0 'msfetch delivers'
cp "$out_file" got
cut -f 8 got >paths

mark() {
	run msmark $imap_args "$@" <in
}

cat token got >in
mark --seen
status_is 0 'the receipts of msfetch'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 5 done' 'are marked'
cat token paths >in
mark --flag -u $box
status_is 0 'paths'
is "$(cut -f 2,4,6 "$out_file" | sort | tr '\t\n' ': ')" \
    'INBOX:1:done INBOX:2:done INBOX:3:done Süd/Été:1:done Süd/Été:2:done ' 'their folders are found by hashing'
mark --flag
status_is 65 'without -u: 65'
stderr_like 'give -u MAILBOX'

# a reader has moved one to cur/
first=$(head -n 1 paths)
mkdir -p md/cur
mv "$first" "md/cur/${first##*/}:2,S"
find md/cur md/new -type f -print0 | { cat token -; } >in
mark --answered -0 -u $box
status_is 0 'find -print0 | msmark -0'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 5 done' 'all five'
mkdir 'with
newline'
cp md/new/* 'with
newline'
find './with
newline' -type f -print0 >null
{ cat token null; } >in
mark --unflag -0 -u $box
status_is 0 '-0 and a newline in a name'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 4 done' 'all four'
run msmark $imap_args --token-cmd "cat $T/token" --flag -0 -u $box <null
status_is 0 '-0 without a token on standard input'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 4 done' 'all four'
run msmark $imap_args --flag -0 -u $box null <token
status_is 0 '-0 and a file of paths'
is "$(cut -f 6 "$out_file" | sort | uniq -c | tr -s ' ')" ' 4 done' 'all four'

# a long stream without a newline
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cat null null >many
	mv many null
done
cat token null >in
mark --unflag -0 -u $box -q
status_is 0 'a stream of many paths'

# what is none of ours
{ cat token; echo /etc/passwd; echo "$first" | sed 's/F[0-9a-f]*\./F0123456789abcdef./'; } >in
mark --seen -u $box
status_is 65 'other names: 65'
stderr_like '^msmark: line 2: not the name of a delivered message'
stdout_like 'refused	no folder of this mailbox fits the name of the file'
{ cat token; echo "${first##*/}"; } >in
mark --seen -u $box
status_is 65 'a bare name is no path'
{ cat token; echo "./${first##*/}"; } >in
mark --move 'Süd/Neu' --create -u $box
status_is 0 'a path that is not absolute'
stdout_like 'done	moved to Süd/Neu'

done_testing
