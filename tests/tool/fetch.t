#!/bin/sh
# msfetch, INBOX into a Maildir: everything once, byte for byte; then nothing, then what is new.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
corpus=$(stand corpus $box INBOX)
n=$(find "$corpus" -type f | wc -l)
token >token

# The Maildir and the receipts agree: each file has one, with its size and digest.
agree() {
	awk -F '\t' '{ print $7 "  " $8 }' "$1" | sha256sum -c --quiet - &&
	    [ "$(cut -f 8 "$1" | sort -u | wc -l)" -eq "$(find "$2/new" "$2/cur" -type f | wc -l)" ]
}

# The state has no more than it needs, and nothing is left in the stage.
clean() {
	[ -z "$(find "$1/tmp" -type f)" ]
}

umask 077
fetch md
status_is 0 'the first fetch'
stdout_lines "$n" "a receipt for each of $n messages"
stderr_is '' 'nothing on standard error'
cp "$out_file" got
ok 'each message is there, byte for byte' mdcmp md "$corpus"
ok 'size and digest of each receipt are those of its file' agree got md
ok 'nothing is left in the stage' clean md
is "$(stat -c %a md)/$(find md/new -type f ! -perm 600 | wc -l)" 700/0 'nobody else may read it'
is "$(cut -f 4 got | sort -n | uniq -d)" '' 'no UID twice'
is "$(head -n 1 got | cut -f 1-2)" "$box	INBOX" 'user and folder are in the receipt'
is "$(date -u -d "$(head -n 1 got | cut -f 5)" +%s)" "$(head -n 1 got | cut -f 8 | xargs stat -c %Y)" \
    'mtime is the INTERNALDATE'

listing() { find md -type f ! -name .mstools.lock -printf '%p %T@ %s\n' | sort; }
listing >before
fetch md
status_is 0 'the second fetch'
stdout_is '' 'brings nothing'
listing >after
same_file after before 'and touches nothing'

# Round trips after the connection, by a relay that counts them.
count_flights 6 "$STAND_IMAP_PORT" msfetch --host localhost --ca-file "$STAND_CA" -u $box md <token
status_is 0 'the third, through a relay'
case $BUILD in
*/valgrind) skip 'nothing new costs at most 6 round trips' 'a program so slow takes an answer in pieces' ;;
*) ok "nothing new costs at most 6 round trips ($flights)" test "$flights" -le 6 ;;
esac

mkdir -p new
for i in 1 2 3; do printf 'Subject: new %s\n\nbody\n' $i >new/$i; done
stand save $box INBOX new/1 new/2 new/3
rm -r md/new/*
fetch md
stdout_lines 3 'new mail only, also when the reader has taken the rest away'
ok 'it is the new mail' mdcmp md new

fetch --crlf --json -u Box@Contoso.Example crlf
status_is 0 'CRLF, JSON'
is "$(jq -r .user "$out_file" | sort -u)" $box 'the user is in lower case'
cp new/* "$T/" && mkdir all && cp "$corpus"/* new/* all
ok 'CRLF is kept on request' mdcmp -c crlf all

fetch -0 paths
is "$(tr '\0' '\n' <"$out_file" | sort)" "$(find "$T/paths/new" -type f | sort)" '-0 gives the paths alone'
fetch -q quiet
stdout_is '' '-q writes no receipts'
fetch quiet
stdout_is '' 'and owes none'
ok 'all the same' mdcmp quiet all

# The operand, the option and the configuration name the same Maildir.
fetch --maildir md
status_is 0 '--maildir'
stdout_is '' 'the same Maildir'

# Mail that arrives while the run lasts: what was not there at the first look comes with the next run.
for i in 4 5 6 7 8 9; do printf 'Subject: new %s\n\nbody\n' $i >new/$i; done
spawn during sh -c 'exec msfetch "$@" <token' sh $imap_args -u $box during
stand save $box INBOX new/4 new/5 new/6
finish "$pid"
is "$status" 0 'a run during which mail arrives'
stand save $box INBOX new/7 new/8 new/9
fetch during
status_is 0 'mail that arrives during a run'
cp new/* all
ok 'none is lost, none comes twice' mdcmp during all
cat "$out_file" >>during.out
ok 'receipts and files agree' agree during.out during
done_testing
