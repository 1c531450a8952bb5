#!/bin/sh
# --rebuild: a lost state from the names of the files; the next run fetches what is missing and nothing twice, also
# after kill -9 at any point of the rebuild.  POINTS: how many (30), or "all".
. "${0%/*}/../lib/sh"

points=${POINTS:-30}
box=box@contoso.example
stand_up imap
corpus=$(stand corpus $box INBOX)
n=$(find "$corpus" -type f | wc -l)
first=$(find "$corpus" -type f | sort | head -n 3)
# shellcheck disable=SC2086
stand save $box 'Übersicht/2026' $first
stand save other@contoso.example INBOX "$(find "$corpus" -type f | sort | tail -n 1)"
token >token

names() {
	find "$1" -name '*,S=*' ! -path '*/tmp/*' | sed 's|.*/||; s|:2,.*||' | sort
}

fetch -F '*' md
status_is 0 'a Maildir with two folders'
run msfetch $imap_args -u other@contoso.example md <token
status_is 0 'and a second mailbox'
cp -a md clean

# Nothing is lost: the same again.
fetch --rebuild -v md
status_is 0 '--rebuild of a good one'
stdout_is '' 'no receipts'
stderr_like "$((n + 3)) files recorded, 0 of them twice, 1 left aside" 'it says what it did'
ok 'the old state is kept' test -s md/.mstools.db.old
ok 'nothing else is left' test ! -e md/.mstools.db.new
fetch -F '*' md
status_is 0 'the next run'
stdout_is '' 'fetches nothing'
run msfetch $imap_args -u other@contoso.example md <token
status_is 0 'nor does one'
stdout_is '' 'for the other mailbox, which the old state knew'
names md >after
names clean >before
same_file after before 'every file is there once'

# The state is lost; some messages have been read, some are missing.
rm -rf md
cp -a clean md
rm md/.mstools.db*
for f in $(find md/new -type f | sort | head -n 40); do mv "$f" "md/cur/${f##*/}:2,S"; done
find md/new -name '*U20[0-4]F*' >removed
xargs rm <removed
fetch md
status_is 78 'without its state: 78'
fetch --rebuild md
status_is 0 '--rebuild without a state'
fetch -F '*' md
status_is 0 'the next run'
stdout_lines 5 'fetches what is missing'
names md | uniq -d >twice
same_file twice /dev/null 'and nothing twice'
names md >after
names clean >before
same_file after before 'all is there'

# What belongs to nobody, and nothing to begin from.
rm -rf md
cp -a clean md
cp -a md/.mstools.db before.db
run msfetch $imap_args -u third@contoso.example --rebuild md <token
status_is 78 'a mailbox that none of the files is from: 78'
stderr_like 'none of its files' 'it says so'
ok 'the state is as it was' cmp before.db md/.mstools.db
fetch -F '*' md
stdout_is '' 'and in use'
rm -rf md/new/* md/cur/*
fetch --rebuild md
status_is 78 'a spool that is empty: 78'
stderr_like '--baseline' 'with the other choice'
fetch --rebuild nowhere
status_is 66 'no such Maildir: 66'

# A state elsewhere, and a tree.
fetch -F '*' --tree --state tree.db tree
fetch --rebuild --tree --state tree.db tree
status_is 0 'a tree, its state elsewhere'
fetch -F '*' --tree --state tree.db tree
stdout_is '' 'nothing is fetched twice'

# A folder was renamed: files have its former name, which the old state knows.  Receipts that could not be written
# are owed still.
rm -rf md
fetch -F '*' -q md
stand doveadm mailbox rename -u $box 'Übersicht/2026' 'Ablage'
fetch -F '*' md
stdout_is '' 'a folder is renamed'
fetch -F '*' --rebuild md
status_is 0 '--rebuild'
stderr_is '' 'knows whose its files are'
fetch -F '*' md
status_is 0 'the next run'
stdout_is '' 'fetches nothing again'
# shellcheck disable=SC2086
stand save $box Ablage $first
run sh -c 'exec msfetch "$@" >/dev/full' sh $imap_args -u $box -F '*' md <token
status_is 74 'three more, whose receipts cannot be written'
fetch -F '*' --rebuild md
status_is 0 '--rebuild, with files under both names'
fetch -F '*' md
status_is 0 'the next run'
stdout_lines 3 'writes the three receipts'
names md >after
is "$(wc -l <after)" $((n + 6)) 'and has fetched nothing'
stand doveadm expunge -u $box mailbox Ablage uid 4:6
stand doveadm mailbox rename -u $box Ablage 'Übersicht/2026'

# Killed.
case $BUILD in *-san) skip 'kill -9' 'a traced program cannot look for leaks'; done_testing ;; esac
strace -o /dev/null true 2>/dev/null || { skip 'kill -9' 'strace does not work here'; done_testing; }
calls=openat,unlink,unlinkat,rename,renameat,renameat2,fsync,fdatasync,pwrite64,write,ftruncate,close
copy() {
	rm -rf md
	cp -a clean md
	case $1 in lost) rm -f md/.mstools.db* ;; esac
}
copy good
strace -o trace -e trace=$calls msfetch $imap_args -u $box --rebuild md <token 2>err
sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' trace | awk '{ print $1, ++n[$1] }' >all
# The end of the run is where files change places: half of the points are taken there.
{
	awk -v want="$points" '{ l[NR] = $0 }
	    END { if (want == "all" || want > NR) want = 2 * NR;
		for (i = 0; i < want / 2; i++) print l[int(2 * i * NR / want) + 1] }' all
	[ "$points" = all ] || tail -n 40 all |
	    awk -v want="$points" '{ l[NR] = $0 } END { for (i = 0; i < want / 2; i++) print l[int(2 * i * NR / want) + 1] }'
} | sort -u >sampled
bad=0
killed=0
k=0
while read -r name ordinal; do
	k=$((k + 1))
	case $((k % 2)) in 0) copy good ;; 1) copy lost ;; esac
	strace -o /dev/null -e trace="$name" -e inject="$name:signal=KILL:when=$ordinal" \
	    msfetch $imap_args -u $box --rebuild md <token >/dev/null 2>&1
	[ $? -ne 137 ] || killed=$((killed + 1))
	# Between the two, a run without --rebuild fetches nothing twice either.
	msfetch $imap_args -u $box -F '*' -q md <token >/dev/null 2>&1
	if ! msfetch $imap_args -u $box --rebuild md <token >/dev/null 2>err ||
	    ! msfetch $imap_args -u $box -F '*' md <token >got 2>err || [ -s got ]; then
		bad=$((bad + 1))
		diag "killed at $name $ordinal"
		diag_file 'standard error' err
	fi
	# What the old state knew of the other mailbox is not lost either.
	if [ $((k % 2)) -eq 0 ]; then
		msfetch $imap_args -u other@contoso.example md <token >got 2>err && [ ! -s got ] || {
			bad=$((bad + 1))
			diag "killed at $name $ordinal: the other mailbox"
			diag_file 'standard error' err
		}
	fi
	names md >after
	cmp -s before after || { bad=$((bad + 1)); diag "killed at $name $ordinal: other files than before"; }
done <sampled
is $bad 0 "killed at $k points: run again, nothing is lost or fetched twice"
ok "it was really killed ($killed times)" test $killed -ge $((k * 6 / 10))
done_testing
