#!/bin/sh
# kill -9 of msfilter before its system calls, and run again: the filter gets every message, every receipt comes out,
# no file is lost, and nothing is left.  POINTS: how many (16), or "all".
. "${0%/*}/../lib/sh"
case $BUILD in *-san) skip_all 'a script has no sanitizer' ;; esac
strace -o /dev/null true 2>/dev/null || skip_all 'strace does not work here'

points=${POINTS:-16}
# Its reading of a byte at a time is left out.
calls=clone,clone3,fork,vfork,wait4,openat,write,fcntl,dup2,close

# receipts FIRST LAST: messages in M, with their receipts.
receipts() {
	i=$1
	while [ "$i" -le "$2" ]; do
		printf 'Subject: m%s\n\nbody %s\n' "$i" "$i" >"M/new/1700000000.V14U$i"
		printf 'box\tINBOX\t14\t%s\t-\t9\tabc\t%s/M/new/1700000000.V14U%s\n' "$i" "$T" "$i"
		i=$((i + 1))
	done
}
spool() {
	rm -rf M got got.* looked accepted go taken
	mkdir -p M/cur M/new M/tmp taken
	receipts 1 3 >got
}
# Says which messages it has seen; puts 2 off at first, and refuses 3.
cat >look <<'X'
cat "$MSTOOLS_FILE" >/dev/null && echo "$MSTOOLS_UID" >>looked
[ -e go ] || case $MSTOOLS_UID in 2) exit 75 ;; 3) exit 1 ;; esac
X
# Takes each away itself, as mrefile does.
cat >take <<'X'
[ -e go ] || case $MSTOOLS_UID in 2) exit 75 ;; 3) exit 1 ;; esac
mv "$MSTOOLS_FILE" taken/ 2>/dev/null || [ -e "taken/${MSTOOLS_FILE##*/}" ] && echo "$MSTOOLS_UID" >>looked
X
kind() {
	options='' filter=look kept=M/cur
	case $1 in
	unlink)	options=-u kept=none ;;
	take)	filter=take kept=taken ;;
	esac
}

# One whole run of each kind, to know its calls: KIND, SYSCALL, which one.
for k in move unlink take; do
	kind "$k"
	spool
	# shellcheck disable=SC2086
	strace -o trace -e trace=$calls msfilter -f got $options sh ./$filter >accepted 2>err
	is $? 75 "$k: a traced run is like any other"
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' trace | awk -v kind="$k" '{ print kind, $1, ++n[$1] }' >>all
done
awk -v want="$points" '{ l[NR] = $0 }
    END { if (want == "all" || want > NR) want = NR; for (i = 0; i < want; i++) print l[int(i * NR / want) + 1] }' all >sampled

n=0
killed=0
bad=0
wrong() {
	bad=$((bad + 1))
	diag "killed at $where: $1"
	diag_file 'standard error' err
}
while read -r k name ordinal; do
	n=$((n + 1))
	where="$k $name $ordinal"
	kind "$k"
	spool
	# shellcheck disable=SC2086
	strace -o /dev/null -e trace="$name" -e inject="$name:signal=KILL:when=$ordinal" \
	    msfilter -f got $options sh ./$filter >>accepted 2>err
	[ $? -ne 137 ] || killed=$((killed + 1))
	: >go
	# msfetch brings one more; what was refused is tried again.
	receipts 4 4 >>got
	# shellcheck disable=SC2086
	msfilter -f got $options sh ./$filter >>accepted 2>err || wrong "exit $?"
	[ ! -s got.refused ] || cat got.refused >>got
	rm -f got.refused
	# shellcheck disable=SC2086
	msfilter -f got $options sh ./$filter >>accepted 2>err || wrong "exit $?"
	[ "$(sort -u looked | tr -d '\n')" = 1234 ] || wrong "the filter had $(tr '\n' ' ' <looked)"
	# Once each, and once more what was put off, refused, or in hand.
	[ "$(wc -l <looked)" -le 8 ] || wrong "the filter had $(tr '\n' ' ' <looked)"
	[ "$(cut -f 4 accepted | sort -u | tr -d '\n')" = 1234 ] || wrong "receipts of $(cut -f 4 accepted | tr '\n' ' ')"
	[ "$(find M/new -type f | wc -l)" -eq 0 ] || wrong "left in new: $(ls M/new)"
	[ $kept = none ] || [ "$(find $kept -type f | wc -l)" -eq 4 ] || wrong "in $kept: $(ls $kept)"
	[ "$(echo got*)" = got.lock ] || wrong "left: $(echo got*)"
done <sampled
is $bad 0 "killed at $n points, and run again: no message, receipt or file is lost"
ok "it was really killed ($killed times)" test $killed -ge $((n * 8 / 10))
done_testing
