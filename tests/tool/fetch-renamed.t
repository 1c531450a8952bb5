#!/bin/sh
# Folders that get another name, and their old one again, that change places, are numbered anew meanwhile: nothing is
# fetched twice, nothing is missed.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

fetch() { # all folders
	run msfetch $imap_args -u $box -F '*' "$@" <token
}

serve_odd() {
	rm -rf md
	exchange_anew "$@"
}

# mail tell | -e, FOLDER, UIDS: what is in them; in each folder the same.
mail() {
	for uid in $(seq $3); do
		[ -e mail$uid ] || printf 'Message-ID: <%s@mail>\r\n\r\n%s\r\n' $uid $uid >mail$uid
		case $1 in
		-e) printf '%s\n' "message $2 $uid raw $T/mail$uid" ;;
		*) exchange_tell "message $2 $uid raw $T/mail$uid" ;;
		esac
	done
}

# The receipts: folder and UID.
got() {
	cut -f 2,4 "$out_file" | LC_ALL=C sort -k 1,1 -k 2,2n | tr '\t\n' ' ;'
}

# Five messages in Old, which are fetched.
five_in_old() {
	{
		printf '%s\n' 'folder Old 77' 'messages Old 5'
		mail -e Old '1 5'
	} >scenario
	serve_odd scenario
	fetch md
}

# nothing NAME: a run that brings nothing, and is content.
nothing() {
	fetch md
	is "$status $(got)" '0 ' "$1"
}

# There and back, with new mail at each place; twins are kept.  (What the server makes up depends on the folder.)
printf 'Message-ID: <2@mail>\r\n\r\n2\r\n' >mail3
cp mail3 mail8
{
	printf '%s\n' 'folder Old 77' 'messages Old 5' 'messages 2' 'message Old 2-3 date 1700000000'
	mail -e Old '1 5'
} >scenario
serve_odd scenario
fetch md
stdout_lines 7 'two folders'
exchange_tell 'rename Old New'
exchange_tell 'messages New 2'
mail tell New '6 7'
fetch md
is "$(got)" 'New 6;New 7;' 'one gets another name and more messages'
exchange_tell 'rename New Old'
exchange_tell 'messages Old 2'
exchange_tell 'message Old 8 date 1700000000'
mail tell Old '8 9'
fetch md
status_is 0 'and its old name again'
is "$(got)" 'Old 8;Old 9;' 'what came under the other name does not come again'
fetch md
stdout_is '' 'nothing more'
exchange_tell 'rename Old New'
exchange_tell 'messages New 1'
mail tell New '10 10'
fetch md
is "$(got)" 'New 10;' 'and once more'
fetch --verify md
status_is 0 'all is well'

# The first run saw its name and no more.
echo 'on /EXAMINE "Old"/ #1: rename Old New; default' >>scenario
serve_odd scenario
fetch md
stdout_lines 2 'renamed before it was opened'
fetch md
stdout_lines 5 'fetched under the new name'
exchange_tell 'rename New Old'
fetch md
status_is 0 'its old name again'
stdout_is '' 'nothing comes again'

# UIDVALIDITY alone is no evidence: another folder had the same, and has gone.
tab=$(printf '\t')
for i in 1 2 3 4 5 6 7; do printf 'Message-ID: <%s@other>\r\n\r\nother %s\r\n' $i $i >other$i; done
printf 'Message-ID: <both@other>\r\n\r\nboth\r\n' >mail8
cp mail8 other1
{
	printf '%s\n' 'folder Old 77' 'messages Old 5' 'folder Other 77' 'messages Other 7' 'message Other 1 date 1700000000'
	mail -e Old '1 5'
	for i in 1 2 3 4 5 6 7; do printf '%s\n' "message Other $i raw $T/other$i"; done
} >scenario
serve_odd scenario
fetch md
stdout_lines 12 'two folders with the same UIDVALIDITY'
exchange_tell 'no-folder Other'
exchange_tell 'rename Old New'
exchange_tell 'messages New 1'
mail tell New '6 6'
fetch md
is "$(got)" 'New 6;' 'one is deleted, one renamed'
exchange_tell 'rename New Old'
exchange_tell 'messages Old 3'
exchange_tell 'message Old 8 date 1700000000'
mail tell Old '7 9'
fetch -n md
is "$(cut -f 2,5 "$out_file")" "Old${tab}3" 'and has its name again: a dry run tells what comes'
fetch md
status_is 0 'which is right'
is "$(got)" 'Old 7;Old 8;Old 9;' 'what is new comes, also what the deleted one had, and nothing else'
serve_odd scenario
fetch md
exchange_tell 'no-folder Other'
exchange_tell 'rename Old New'
exchange_tell 'messages New 3'
exchange_tell 'message New 8 date 1700000000'
mail tell New '6 8'
fetch -n md
is "$(cut -f 2,5 "$out_file")" "New${tab}3" 'the deleted one had more: in a dry run'
fetch md
status_is 0 'and in a real one'
is "$(got)" 'New 6;New 7;New 8;' 'the renamed one is known'

# Numbered anew, renamed, renamed back: and each time only some of it is compared.
{
	printf '%s\n' 'folder Old 77' 'messages Old 20'
	mail -e Old '1 20'
} >scenario
serve_odd scenario
fetch md
stdout_lines 20 'twenty messages'
exchange_tell 'renumber Old 99'
exchange_tell 'message Old * date 1800000000'
fetch --max 10 md
stdout_is '' 'numbered anew, and half of it is compared'
exchange_tell 'rename Old New'
fetch --max 3 md
stdout_is '' 'renamed, and some more'
exchange_tell 'rename New Old'
fetch md
status_is 0 'its old name again'
stdout_is '' 'nothing comes twice'
is "$(ls md/new | wc -l)" 20 'each is there once'
fetch md
stdout_is '' 'and all is settled'

# What another name has claimed is known under the first one, when that is numbered anew: at once or later.
old_new_old() { # what is done when it has its name again
	five_in_old
	stdout_lines 5 "five messages; $1"
	exchange_tell 'rename Old New'
	exchange_tell 'messages New 2'
	mail tell New '6 7'
	fetch md
	is "$(got)" 'New 6;New 7;' 'another name, and two more'
	exchange_tell 'rename New Old'
}
old_new_old 'then all is compared'
exchange_tell 'messages Old 2'
mail tell Old '8 9'
fetch md
is "$(got)" 'Old 8;Old 9;' 'its name again, and two more'
exchange_tell 'renumber Old 99'
nothing 'numbered anew: nothing comes twice'
exchange_tell 'renumber Old 120'
nothing 'nor once more'
fetch --verify md
status_is 0 'all is well'

old_new_old 'then one message is compared'
exchange_tell 'messages Old 2'
mail tell Old '8 9'
fetch --max 1 md
is "$(got)" 'Old 8;' 'its name again, and one of two more'
exchange_tell 'renumber Old 99'
fetch md
is "$(got)" 'Old 9;' 'numbered anew: the other one comes'
nothing 'and that is all'

old_new_old 'then it is numbered anew before anybody looks'
exchange_tell 'renumber Old 99'
exchange_tell 'messages Old 1'
mail tell Old 8
fetch md
is "$(got)" 'Old 8;' 'what is new comes'
is "$(ls md/new | wc -l)" 8 'each is there once'
exchange_tell 'renumber Old 120'
nothing 'numbered anew again'

# Another folder of that name, at once.
for uv in 99 77; do
	five_in_old
	exchange_tell 'rename Old Older'
	exchange_tell "folder Old $uv"
	nothing "renamed, and a new one of that name, UIDVALIDITY $uv"
	exchange_tell 'messages Older 2'
	exchange_tell 'messages Old 1'
	mail tell Older '6 7'
	mail tell Old 1
	fetch md
	is "$(got)" 'Old 1;Older 6;Older 7;' 'what is new comes from both, also a copy of what had come'
	exchange_tell 'no-folder Old'
	exchange_tell 'rename Older Old'
	exchange_tell 'messages Old 1'
	mail tell Old 8
	fetch md
	is "$(got)" 'Old 8;' 'the new one is deleted, and the other has its name again'
	nothing 'and that is all'
done

# And where the new one held nothing.
five_in_old
exchange_tell 'rename Old Older'
exchange_tell 'folder Old 77'
fetch md
exchange_tell 'no-folder Old'
exchange_tell 'rename Older Old'
nothing 'a new one of that name, which stayed empty, is gone again'

# Two that change places.
{
	printf '%s\n' 'folder One 77' 'messages One 3' 'folder Two 88' 'messages Two 4'
	mail -e One '1 3'
	for uid in 1 2 3 4; do printf '%s\n' "message Two $uid raw $T/other$uid"; done
} >scenario
serve_odd scenario
fetch md
stdout_lines 7 'two folders'
exchange_tell 'rename One Between'
exchange_tell 'rename Two One'
exchange_tell 'rename Between Two'
exchange_tell 'messages Two 1'
mail tell Two 4
fetch md
is "$(got)" 'Two 4;' 'each has the name of the other'
nothing 'and that is all'

# --max is used up at the end of a window that is not the last, while another folder waits for its turn.
pair() { # A and B, three messages each, $1 and $2 their UIDVALIDITY, $3 one more line
	{
		printf '%s\n' "folder A $1" 'messages A 3' "folder B $2" 'messages B 3'
		mail -e A '1 3'
		for uid in 1 2 3; do printf '%s\n' "message B $uid raw $T/other$uid"; done
		echo "${3:-}"
	} >scenario
	serve_odd scenario
	fetch md
	stdout_lines 6 'two folders'
}
pair 77 77
exchange_tell 'renumber A 99'
exchange_tell 'renumber B 99'
exchange_tell 'messages A 2'
mail tell A '4 5'
exchange_tell 'uidnext A 80000'
fetch --max 2 md
is "$status $(got)" '0 A 4;A 5;' 'both numbered anew: as many as --max says'
nothing 'then nothing'

# A folder that is found to be made anew waits for one that comes after it.
pair 77 88 'message A * date 1700000000'
exchange_tell 'messages A 2'
mail tell A '4 5'
exchange_tell 'message A * date 1800000000'
exchange_tell 'renumber B 99'
fetch -n md
is "$status $(cut -f 2,5 "$out_file")" "0 A${tab}5" 'one made anew, one numbered anew: a dry run ends'
fetch md
is "$status $(got)" '0 A 4;A 5;' 'and a real one'

# One that is deleted is no former name of one that is numbered anew; what was moved out of it comes.
{
	printf '%s\n' 'folder Box 77' 'messages Box 3' 'folder Other 77' 'messages Other 7'
	mail -e Box '1 3'
	for uid in 1 2 3 4 5 6 7; do printf '%s\n' "message Other $uid raw $T/other$uid"; done
	printf '%s\n' 'message Other 6 date 1700000000'
} >scenario
serve_odd scenario
fetch md
exchange_tell 'no-folder Other'
exchange_tell 'renumber Box 99'
exchange_tell 'messages Box 1'
exchange_tell "message Box 4 raw $T/other6"
exchange_tell 'message Box 4 date 1700000000'
fetch md
is "$status $(got)" '0 Box 4;' 'moved out of a deleted folder'

# What was in quarantine came under the other name: a retry under the first one does not bring it again.
{
	printf '%s\n' 'folder Old 77' 'messages Old 5' 'message Old 3 nodata x4'
	mail -e Old '1 5'
} >scenario
serve_odd scenario
fetch md
is "$status $(got)" '65 Old 1;Old 2;Old 4;Old 5;' 'one cannot be had'
exchange_tell 'rename Old New'
fetch md
is "$(got)" 'New 3;' 'another name: it can'
exchange_tell 'rename New Old'
sqlite3 md/.mstools.db 'UPDATE poison SET next = 0'
nothing 'its name again, and the retry is due'

# A parent is renamed while its children, which have one UIDVALIDITY, are being compared; twins in both.
{
	printf '%s\n' 'folder P' 'folder P/A 77' 'messages P/A 6' 'folder P/B 77' 'messages P/B 8'
	mail -e P/A '1 6'
	mail -e P/B '1 8'
	printf '%s\n' 'message P/A * date 1700000000' 'message P/B * date 1700000000'
} >scenario
serve_odd scenario
fetch md
stdout_lines 14 'two children'
for child in A B; do
	exchange_tell "renumber P/$child 99"
	exchange_tell "message P/$child * date 1800000000"
done
fetch --max 5 md
is "$(got)" '' 'numbered anew, and some of it is compared'
exchange_tell 'folder Q'
exchange_tell 'rename P/A Q/A'
exchange_tell 'rename P/B Q/B'
exchange_tell 'no-folder P'
exchange_tell 'messages Q/B 1'
mail tell Q/B 9
fetch md
is "$(got)" 'Q/B 9;' 'the parent is renamed'
nothing 'and that is all'
is "$(ls md/new | wc -l)" 15 'each is there once'
done_testing
