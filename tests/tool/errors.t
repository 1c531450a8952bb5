#!/bin/sh
# A system call fails, at points sampled over a whole run of msfetch: the run ends with a line that says so or goes on,
# and the next one leaves every message in the Maildir once, whole, and told of.  POINTS: how many (32), or "all".
. "${0%/*}/../lib/sh"
case $BUILD in *-san) skip_all 'a traced program cannot look for leaks' ;; esac
strace -o /dev/null true 2>/dev/null || skip_all 'strace does not work here'

points=${POINTS:-32}
box=box@contoso.example
# what can go wrong with each call; pwrite64, ftruncate and some fdatasync are SQLite's own
faults='openat EMFILE
openat EACCES
openat EINTR
write ENOSPC
write EIO
write EINTR
pwrite64 ENOSPC
pwrite64 EIO
fsync EIO
fdatasync EIO
syncfs EIO
ftruncate EIO
renameat2 EIO
renameat2 EINVAL
unlinkat EIO
mkdirat ENOSPC
utimensat EIO
sendmsg EAGAIN
recvmsg EINTR
recvmsg ECONNRESET
fstat EIO'

stand_up imap
mkdir orig
n=0
for f in "$(stand corpus)"/*; do
	[ $n -lt 40 ] || break
	n=$((n + 1))
	cp -p "$f" "orig/$(printf %03d $n)"
done
stand save $box INBOX orig/*
token >token

all_there() {
	mdcmp md orig || return 1
	[ -z "$(find md/tmp -type f)" ] || { diag 'something is left in the stage'; return 1; }
	tr -d '\000' <got | awk -F '\t' 'NF == 8 { print $8 }' | sort -u >told
	find "$T/md/new" -type f | sort >there
	cmp -s told there || { diag "receipts: $(wc -l <told), files: $(wc -l <there)"; return 1; }
}

# Every call of a whole run with its ordinal and a fault, evenly sampled.
strace -o trace -e "trace=$(echo "$faults" | cut -d' ' -f1 | sort -u | paste -sd ,)" msfetch $imap_args -u $box md <token >got 2>err
ok 'a traced run is like any other' all_there
echo "$faults" >faults
sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' trace | awk 'NR == FNR { f[$1] = f[$1] " " $2; next }
	{ n = split(f[$1], e, " "); k = ++c[$1]; for (i = 1; i <= n; i++) print $1, k, e[i] }' faults - >all
awk -v want="$points" '{ l[NR] = $0 }
	END { if (want == "all" || want > NR) want = NR; for (i = 0; i < want; i++) print l[int(i * NR / want) + 1] }' all >sampled

n=0 bad=0 failed_runs=0
while read -r name k error; do
	n=$((n + 1))
	rm -rf md got
	timeout 60 strace -o /dev/null -e trace="$name" -e inject="$name:error=$error:when=$k" \
		msfetch $imap_args -u $box --timeout 20 md <token >got 2>err
	first=$?
	case $first in
	0) ;;
	65 | 69 | 7[0-8])
		failed_runs=$((failed_runs + 1))
		grep -q '^msfetch: ' err || { bad=$((bad + 1)); diag "$name $k $error: status $first and not a word"; }
		case $first in
		69 | 76 | 77 | 78) grep -q '^hint: ' err || { bad=$((bad + 1)); diag "$name $k $error: status $first and no hint"; } ;;
		esac
		;;
	*)
		# before main the loader and libc speak for themselves
		grep -q 'error while loading shared libraries\|cannot' err || {
			bad=$((bad + 1))
			diag "$name $k $error: status $first"
			diag_file 'its standard error' err
		}
		;;
	esac
	if ! timeout 60 msfetch $imap_args -u $box md <token >>got 2>err; then
		bad=$((bad + 1))
		diag "$name $k $error (status $first): the next run fails"
		diag_file 'its standard error' err
	elif ! all_there; then
		bad=$((bad + 1))
		diag "after $name $k $error (status $first)"
	fi
done <sampled
is $bad 0 "msfetch with $n faults: each told, nothing lost, doubled or cut"
ok "some did stop it ($failed_runs)" test $failed_runs -ge $((n / 8))
done_testing
