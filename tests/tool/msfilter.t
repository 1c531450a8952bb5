#!/bin/sh
# msfilter: the status table, what it keeps where, rotation.  kill-msfilter.t kills it.
. "${0%/*}/../lib/sh"

tab=$(printf '\t')
# spool N: a Maildir M with N messages, and their receipts in got.
spool() {
	rm -rf M got got.*
	mkdir -p M/cur M/new M/tmp
	i=1
	while [ $i -le "$1" ]; do
		printf 'Subject: m%s\n\nbody %s\n' $i $i >"M/new/1700000000.V14U$i"
		printf 'box@contoso.example\tIN\\x0aBOX\t14\t%s\t2026-01-01T00:00:00Z\t9\tabc\t%s/M/new/1700000000.V14U%s\n' $i "$T" $i
		i=$((i + 1))
	done >got
}
uids() {
	cut -f 4 "$1" | tr '\n' ' '
}
# A filter that logs what it sees and ends as the file verdict.N says.
cat >flt <<'X'
#!/bin/sh
read -r _ m
echo "$m $MSTOOLS_USER $MSTOOLS_FOLDER $MSTOOLS_UID $MSTOOLS_DATE ${MSTOOLS_FILE##*/}" | tr '\n' '~' >>seen
echo >>seen
echo 'on standard output'
[ ! -e "verdict.$m" ] || . "./verdict.$m"
exit 0
X
chmod +x flt
seen() {
	cut -d ' ' -f 1 seen 2>/dev/null | tr '\n' ' '
}

spool 3
run msfilter -f got ./flt
status_is 0 'all accepted'
is "$(uids "$out_file")" '1 2 3 ' 'their receipts are printed'
stderr_like 'on standard output' "the filter's output goes to standard error"
is "$(head -n 1 seen)" 'm1 box@contoso.example IN~BOX 1 2026-01-01T00:00:00Z 1700000000.V14U1~' 'what the filter is told'
is "$(find M -type f | sort)" 'M/cur/1700000000.V14U1:2,
M/cur/1700000000.V14U2:2,
M/cur/1700000000.V14U3:2,' 'moved to cur'
stdout_like "$tab$T/M/cur/1700000000.V14U2:2,\$" 'where the receipt says'
is "$(ls got* 2>/dev/null)" 'got.lock' 'nothing is left to do'
run msfilter -f got ./flt
status_is 0 'again: nothing to do'
stdout_is '' 'and nothing printed'

#
# The status table
#

for s in 71 73 74 75 124; do
	spool 2
	echo "exit $s" >verdict.m1
	run msfilter -f got ./flt
	status_is 75 "$s: later"
	is "$(uids "$out_file") $(uids got.later)" '2  1 ' "$s: kept for the next run"
done
spool 2
echo 'kill -9 $$' >verdict.m1
run msfilter -f got ./flt
status_is 75 'a signal: later'
spool 2
echo 'sleep 100' >verdict.m1
run msfilter -f got --timeout 1 ./flt
status_is 75 'the time limit: later'
is "$(uids "$out_file")" '2 ' 'and the others go on'
ok 'it stays in new' [ -e M/new/1700000000.V14U1 ]
rm verdict.m1
run msfilter -f got ./flt
status_is 0 'the next run'
is "$(uids "$out_file")" '1 ' 'brings it'

for s in 64 78 125 126 127; do
	spool 3
	rm -f seen
	echo "exit $s" >verdict.m2
	run msfilter -f got ./flt
	status_is 78 "$s: stops"
	stderr_like '^hint: ' "$s: with a hint"
	is "$(seen)" 'm1 m2 ' "$s: the third is not tried"
	rm verdict.m2
	run msfilter -f got ./flt
	is "$(uids "$out_file")" '2 3 ' "$s: the next run goes on there"
done

spool 3
echo 'exit 1' >verdict.m2
run msfilter -f got ./flt
status_is 65 'refused'
is "$(uids "$out_file") $(uids got.refused)" '1 3  2 ' 'put aside'
ok 'it stays in new' [ -e M/new/1700000000.V14U2 ]
run msfilter -f got ./flt
status_is 0 'and not tried again'
cat got.refused >>got && rm got.refused verdict.m2
run msfilter -f got ./flt
is "$(uids "$out_file")" '2 ' 'unless asked to'

spool 8
for m in 2 3 4 5 6; do echo 'exit 1' >verdict.m$m; done
run msfilter -f got ./flt
status_is 78 'five refused in a row: stops'
is "$(uids "$out_file")" '1 ' 'the first was accepted'
ok 'none is put aside' [ ! -e got.refused ]
rm verdict.*
run msfilter -f got ./flt
is "$(uids "$out_file")" '2 3 4 5 6 7 8 ' 'they come again'

spool 7
for m in 1 2 4 5 7; do echo 'exit 1' >verdict.m$m; done
echo 'exit 75' >verdict.m3
cp verdict.m3 verdict.m6
run msfilter -f got ./flt
status_is 78 'five refused, with two for later among them: stops'
stdout_is '' 'none was accepted'
is "$(ls got.refused got.later 2>/dev/null)" '' 'nothing is put aside'
rm verdict.*
run msfilter -f got ./flt
is "$(uids "$out_file")" '1 2 3 4 5 6 7 ' 'all come again, each once'
spool 5
for m in 1 2 4; do echo 'exit 1' >verdict.m$m; done
echo 'exit 75' >verdict.m3
run msfilter -f got ./flt
is "$(uids got.refused) $(uids got.later) $(uids "$out_file")" '1 2 4  3  5 ' 'an accepted one ends the row: each has its place'
spool 5
run msfilter --rest rest ./flt <got
is "$(cut -f 4 rest | sort | tr '\n' ' ')" '1 2 3 4 ' 'from standard input likewise'
rm verdict.* rest

spool 2
run msfilter -f got ./no-such-filter
status_is 78 'a filter that is not there'
is "$(wc -l <got)" 2 'nothing was touched'

#
# Files that have moved
#

spool 3
mv M/new/1700000000.V14U1 M/cur/1700000000.V14U1:2,S
rm M/new/1700000000.V14U2
run msfilter -f got ./flt
status_is 0 'moved by a reader, and taken away'
is "$(uids "$out_file")" '1 3 ' 'found in cur; the other is passed over'
ok 'left as the reader has it' [ -e M/cur/1700000000.V14U1:2,S ]
spool 2
run msfilter -f got -u ./flt
is "$(find M -type f)" '' '--unlink'
is "$(uids "$out_file")" '1 2 ' 'with receipts'
spool 1
cat >taker <<'X'
mv "$MSTOOLS_FILE" taken
X
run msfilter -f got sh ./taker
status_is 0 'a filter that takes the file itself'
ok 'has it' [ -e taken ]

#
# Kinds of input
#

spool 2
printf '%s\n' "$T/M/new/1700000000.V14U1" >paths
run msfilter ./flt <paths
stdout_is "$T/M/cur/1700000000.V14U1:2," 'a bare path'
printf '{"user":"b","folder":"I","uidvalidity":14,"uid":2,"date":null,"bytes":9,"sha256":"a","path":"%s"}\n' "$T/M/new/1700000000.V14U2" >json
run msfilter ./flt <json
status_is 0 'JSON'
is "$(cat "$out_file")" "$(cat json)" 'is printed as it came'
spool 2
{ echo junk; cat got; printf 'a\tb\n'; } >mixed
run msfilter ./flt <mixed
status_is 65 'lines that are no receipts'
is "$(uids "$out_file")" '1 2 ' 'the others are done'
stderr_like 'line 1: ' 'the number of the line'
spool 2
echo 'exit 75' >verdict.m2
run msfilter --rest rest ./flt <got
status_is 75 'from standard input'
is "$(uids rest)" '2 ' '--rest keeps what was not accepted'
rm verdict.m2
spool 1
run msfilter -q -f got ./flt
stdout_is '' '--quiet'
spool 1
run msfilter -uqfgot ./flt
status_is 0 'several options in one word'
is "$(find M -type f)" '' 'all of them hold'

#
# Appended to while it runs, and cut off
#

spool 2
exec 5>>got
run msfilter -f got ./flt
status_is 0 'somebody has the file open for writing'
ok 'so it is kept' [ -e got.work ]
printf 'S\n' >M/new/1700000000.V14U9
printf 'box\tINBOX\t14\t9\t-\t9\tabc\t%s/M/new/1700000000.V14U9\n' "$T" >&5
exec 5>&-
run msfilter -f got ./flt
is "$(uids "$out_file")" '9 ' 'what was appended after the rename is not lost'
ok 'then it goes' [ ! -e got.work ]

spool 1
mkfifo gate
echo 'echo >reached; read -r _ <gate' >verdict.m1
spawn first msfilter -f got ./flt
wait_for '[ -e reached ]'
run msfilter -f got ./flt
status_is 75 'a second one at the same time'
echo >gate
finish "$pid"
is "$status" 0 'the first ends well'
rm verdict.m1

# Told to stop, it does not leave the message that the filter has.
for signal in TERM:143 HUP:129; do
	spool 3
	rm -f reached
	echo 'echo >reached; read -r _ <gate' >verdict.m1
	spawn stopped msfilter -f got ./flt
	wait_for '[ -e reached ]'
	kill "-${signal%:*}" "$pid"
	echo >gate
	finish "$pid"
	is "$status" "${signal##*:}" "SIG${signal%:*}: dead by the signal"
	is "$(uids stopped.out)" '1 ' 'the message in hand is dealt with'
	rm verdict.m1
	run msfilter -f got ./flt
	is "$(uids "$out_file")" '2 3 ' 'the next run goes on there'
done

# A torn last line: its writer was killed, and msfetch says it again; the rest of it may be whole.
spool 2
printf %s "$(cat got)" >torn
cp torn got
run msfilter -f got ./flt
status_is 0 'a last line without a newline'
is "$(uids "$out_file")" '1 2 ' 'is a receipt'
spool 2
run msfilter ./flt <torn
is "$(uids "$out_file")" '1 2 ' 'from standard input too'
spool 1
printf 'box@contoso.example\tINB' >>got
run msfilter -f got ./flt
status_is 65 'a torn one'
is "$(uids "$out_file")" '1 ' 'is none'

# The run was killed while the filter had the message, and the filter has moved it: it is accepted.  It was
# not if it was there when the filter had done with it.
spool 4
rm M/new/1700000000.V14U3
mv got got.work
printf '1\n2\nrun 3\n' >got.done
run msfilter -f got ./flt
is "$(uids "$out_file")" '3 4 ' 'what the filter took when the run was killed is accepted'
stdout_like "$tab$T/M/cur/1700000000.V14U3:2,\$" 'with its receipt'
spool 4
rm M/new/1700000000.V14U3
mv got got.work
printf '1\n2\nrun 3\nran 3\n' >got.done
run msfilter -f got ./flt
is "$(uids "$out_file")" '4 ' 'what went afterwards is passed over'

# The filter goes on when msfilter is killed, and takes the file from under that of the next run.
spool 1
cat >slow <<'X'
trap '' TERM
[ ! -e second ] || { mv "$MSTOOLS_FILE" taken.late; exit 1; }
: >first
read -r _ <gate
X
rm -f first second
spawn cut msfilter -f got sh ./slow
wait_for '[ -e first ]'
kill -9 "$pid"
wait "$pid" 2>/dev/null
forget "$pid"
: >second
run msfilter -f got sh ./slow
is "$(uids "$out_file")" '1 ' 'a file that goes while the second filter has it'
ok 'is no refusal' [ ! -e got.refused ]
: >gate &
wait $!

# What the filter leaves running does not hold the lock.
spool 1
echo 'sleep 300 >/dev/null 2>&1 & echo $! >left' >verdict.m1
run msfilter -f got ./flt
run msfilter -f got ./flt
status_is 0 'a filter that leaves something running'
kill "$(cat left)"
rm verdict.m1

# A reader renames files while they are looked for and opened: each is found.
spool 60
perl -e '
	while (!-e "stop") {
		for my $i (1 .. 60) {
			my $f = "M/cur/1700000000.V14U$i:2,";
			rename("${f}S", "${f}FS") || rename("${f}FS", "${f}S");
		}
		select(undef, undef, undef, 0.001);
	}' &
reader=$!
for f in M/new/*; do mv "$f" "M/cur/${f##*/}:2,S"; done
msfilter -f got true >found 2>err
: >stop
wait "$reader"
is "$(wc -l <found) $(cat err)" '60 ' 'renamed by a reader all the time, and found each time'

# Gone when it is opened, and there again when it is looked at: once, and always.
if strace -o /dev/null true 2>/dev/null; then
	for n in 1 1+; do
		spool 1
		f=$T/M/new/1700000000.V14U1
		run strace -o /dev/null -P "$f" -e trace=openat -e inject=openat:error=ENOENT:when=$n msfilter -f got ./flt
		case $n in
		1) status_is 0 'an open that fails once' ;;
		*) status_is 74 'one that always fails' ;;
		esac
	done
	stderr_like "$f: cannot read it" 'is named'
else
	skip 'an open that fails' 'no strace'
fi

# A directory of that name above the Maildir.
spool 1
rm -rf new
mkdir new
mv M new/M
mv new/M/new/1700000000.V14U1 new/M/cur/1700000000.V14U1:2,S
sed "s|$T/M|$T/new/M|" got >got.new && mv got.new got
run msfilter -f got ./flt
status_is 0 'a Maildir in a directory called new'
ok 'has what it had' [ -e new/M/cur/1700000000.V14U1:2,S ]

# What a full disk has cut off.
spool 15
rm M/new/1700000000.V14U2
mv got got.work
printf '1\n1' >got.done
echo 'exit 78' >verdict.m3
run msfilter -f got ./flt
rm verdict.m3
run msfilter -f got ./flt
is "$(uids "$out_file")" '3 4 5 6 7 8 9 10 11 12 13 14 15 ' 'a count cut off: none is skipped'
spool 2
mv got got.work
printf 'box@contoso.example\tINBOX\t14\t7\t2026-01-0' >got.later
cp got.later got.refused
cp got.later accepted
echo 'exit 75' >verdict.m1
echo 'exit 1' >verdict.m2
run msfilter -f got ./flt
rm verdict.*
is "$(uids got.refused)" '7 2 ' 'a refused receipt cut off: the next has its own line'
run msfilter -f got ./flt
is "$(uids "$out_file")" '1 ' 'and what was left for later is a receipt'
spool 1
msfilter -f got ./flt >>accepted 2>err
is "$(uids accepted)" '7 1 ' 'an accepted one likewise'

# Standard output is a descriptor; what its name leads to is another matter.
spool 1
{ printf torn; msfilter -f got ./flt 2>err; } >accepted
is "$(sed 's/\t.*//' accepted)" 'torn
box@contoso.example' 'written to at another offset'
spool 1
{ printf torn; chmod 0400 accepted; msfilter -f got ./flt 2>err; status=$?; } >accepted
status_is 0 'a file that this user may not open for writing'
chmod 0600 accepted
is "$(uids accepted | tail -n 1)" 'torn 1 ' 'is written to'

spool 1
export MSTOOLS_CLIENT_SECRET=hush
run msfilter -f got sh -c 'env >environment'
unset MSTOOLS_CLIENT_SECRET
like "$(cat environment)" '^MSTOOLS_FILE=' 'the filter has its environment'
unlike "$(cat environment)" hush 'but no client secret'

#
# Usage
#

run msfilter
status_is 64 'no command'
run msfilter -f got --rest rest ./flt
status_is 64 '--rest with -f'
run msfilter --timeout soon ./flt </dev/null
status_is 64 '--timeout that is no number'
run msfilter -f M ./flt
status_is 66 'a directory for a file'
done_testing
