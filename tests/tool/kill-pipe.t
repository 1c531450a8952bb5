#!/bin/sh
# kill -9 with --pipe: the command gets every message at least once, the Maildir every one once.  POINTS: how many.
. "${0%/*}/../lib/sh"
case $BUILD in *-san) skip_all 'a traced program cannot look for leaks' ;; esac
strace -o /dev/null true 2>/dev/null || skip_all 'strace does not work here'

points=${POINTS:-16}
box=box@contoso.example
calls=openat,unlinkat,renameat2,fsync,fdatasync,syncfs,pwrite64,write,utimensat,close,sendmsg,clone3,vfork,wait4
mkdir orig
for i in 1 2 3 4 5 6 7 8 9; do printf 'Subject: %s\n\nbody\n' $i >orig/$i; done
stand_up imap
stand save $box INBOX orig/*
token >token
cat >keep <<'X'
#!/bin/sh
cat >/dev/null && echo "$MSTOOLS_UID" >>seen
X
chmod +x keep

strace -o trace -e trace=$calls msfetch $imap_args -u $box --pipe ./keep md <token >got 2>err
is "$(sort -n seen | tr '\n' ' ')" '1 2 3 4 5 6 7 8 9 ' 'a traced run is like any other'
sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' trace | awk '{ print $1, ++n[$1] }' |
    awk -v want="$points" '{ l[NR] = $0 }
	END { if (want == "all" || want > NR) want = NR; for (i = 0; i < want; i++) print l[int(i * NR / want) + 1] }' >sampled
n=0
bad=0
while read -r name k; do
	n=$((n + 1))
	rm -rf md got seen
	strace -o /dev/null -e trace="$name" -e inject="$name:signal=KILL:when=$k" \
	    msfetch $imap_args -u $box --pipe ./keep md <token >got 2>err
	if msfetch $imap_args -u $box --pipe ./keep md <token >>got 2>err && mdcmp md orig &&
	    [ "$(sort -nu seen | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 ' ] && [ "$(cut -f 4 got | sort -u | wc -l)" -eq 9 ]; then
		continue
	fi
	bad=$((bad + 1))
	diag "killed at $name $k"
done <sampled
is $bad 0 "killed at $n points: nothing lost"
done_testing
