#!/bin/sh
# kill -9 before a system call, at points sampled over a whole run; the next run must leave every message in the
# Maildir once, whole, and told of.  POINTS: how many for msfetch (60; a third of it for msworker), or "all".
. "${0%/*}/../lib/sh"
case $BUILD in *-san) skip_all 'a traced program cannot look for leaks' ;; esac
strace -o /dev/null true 2>/dev/null || skip_all 'strace does not work here'

points=${POINTS:-60}
box=box@contoso.example
calls=openat,unlinkat,renameat2,fsync,fdatasync,syncfs,pwrite64,write,ftruncate,utimensat,mkdirat,close,sendmsg

stand_up imap
corpus=$(stand corpus $box INBOX)
token >token

# Names of calls in the order made, from a trace, each with how many there were of it so far.
ordinals() {
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$1" | awk '{ print $1, ++n[$1] }'
}

# So many of the lines, evenly spread.
sample() {
	awk -v want="$1" '{ l[NR] = $0 }
	    END { if (want == "all" || want > NR) want = NR; for (i = 0; i < want; i++) print l[int(i * NR / want) + 1] }'
}

fetch() {
	msfetch $imap_args -u $box "$@" <token
}

# Everything there is there once, and has a receipt.
all_there() {
	mdcmp md "$corpus" || return 1
	[ -z "$(find md/tmp -type f)" ] || { diag 'something is left in the stage'; return 1; }
	tr -d '\000' <got | awk -F '\t' 'NF == 8 { print $8 }' | sort -u >told
	find "$T/md/new" -type f | sort >there
	cmp -s told there || { diag "receipts: $(wc -l <told), files: $(wc -l <there)"; return 1; }
}

# after NAME ORDINAL: kills, runs again, compares.
killed=0
bad=0
judge() {
	case $first in 137) killed=$((killed + 1)) ;; esac
	if ! fetch md >>got 2>err; then
		bad=$((bad + 1))
		diag "killed at $*: the next run fails"
		diag_file 'its standard error' err
	elif ! all_there; then
		bad=$((bad + 1))
		diag "killed at $*"
	fi
}

strace -o trace -e trace=$calls msfetch $imap_args -u $box md <token >got 2>err
ok 'a traced run is like any other' all_there
ordinals trace | sample "$points" >sampled
n=0
while read -r name k; do
	n=$((n + 1))
	rm -rf md got
	strace -o /dev/null -e trace="$name" -e inject="$name:signal=KILL:when=$k" msfetch $imap_args -u $box md <token \
	    >got 2>err
	first=$?
	judge "$name $k"
done <sampled
is $bad 0 "msfetch killed at $n points: nothing lost, doubled or cut"
ok "it was really killed ($killed times)" test $killed -ge $((n * 8 / 10))

# The worker is killed once; msfetch starts another and goes on.
real=$MSTOOLS_WORKER
cat >worker <<X
#!/bin/sh
[ -e killed-once ] && exec "$real" "\$@"
: >killed-once
exec strace -o "\${TRACE:-/dev/null}" \$INJECT "$real" "\$@"
X
chmod +x worker
MSTOOLS_WORKER=$T/worker
rm -rf md got killed-once
INJECT='' TRACE=$T/trace
export MSTOOLS_WORKER INJECT TRACE
fetch md >got 2>err
unset TRACE
[ "$points" = all ] || points=$((points / 5))
ordinals trace | sample "$points" >sampled
n=0
bad=0
while read -r name k; do
	n=$((n + 1))
	rm -rf md got killed-once
	INJECT="-e trace=$name -e inject=$name:signal=KILL:when=$k"
	fetch md >got 2>err
	first=$?
	judge "$name $k"
done <sampled
is $bad 0 "msworker killed at $n points: nothing lost, doubled or cut"
done_testing
