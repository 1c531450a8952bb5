#!/bin/sh
# --pipe: every message to the command at least once, and its exit status decides what follows.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
all=$(stand corpus nobody@contoso.example INBOX)
corpus=$T/orig
mkdir orig
for f in $(ls "$all" | head -n 40); do cp -p "$all/$f" orig; done
stand save $box INBOX orig/*
n=40
token >token

# keep: a filter that keeps each message, and says which it was.
cat >keep <<'X'
#!/bin/sh
mkdir -p kept/new kept/cur
cat >"kept/new/$MSTOOLS_UID" && echo "$MSTOOLS_USER $MSTOOLS_FOLDER $MSTOOLS_UID $MSTOOLS_DATE" >>said
X
# only UIDS STATUS: accepts all but those, for which it exits with STATUS.
cat >but <<'X'
#!/bin/sh
case " $1 " in *" $MSTOOLS_UID "*) exit $2 ;; esac
cat >/dev/null
echo $MSTOOLS_UID >>seen
X
chmod +x keep but
mkdir kept

fetch --state state --pipe ./keep
status_is 0 '--pipe without a Maildir'
stdout_lines "$n" 'a receipt for each message'
is "$(cut -f 8 "$out_file" | sort -u)" - 'whose path is -'
ok 'each message went to the command, byte for byte' mdcmp kept "$corpus"
is "$(head -n 1 said)" "$box INBOX 1 2023-11-14T23:13:20Z" 'which knew what it was given'
fetch --state state --pipe ./keep
stdout_is '' 'once'

fetch --pipe './but "7 9" 75' md
status_is 75 'later: 75'
stdout_lines $((n - 2)) 'the others are delivered, and kept in the Maildir'
is "$(ls md/new | wc -l)" $((n - 2)) 'which has their files'
fetch --pipe './but "" 0' md
status_is 0 'the next run gives them again'
stdout_lines 2 'these two'
ok 'all are there once' mdcmp md "$corpus"
is "$(sort -n seen | uniq -d)" '' 'and each was accepted once'

fetch --pipe './but "20 21 22" 1' md2
status_is 65 'rejected: 65'
stdout_lines $((n - 3)) 'the others are delivered'
stderr_like 'message 21 .*quarantined' 'they are named'
fetch --pipe ./keep md2
stdout_is '' 'and not given again at once'

for s in 71 73 74 143 192; do # from 129 on what sh says of a signal
	rm -rf md3
	fetch --pipe "./but 20 $s" --max 30 md3
	status_is 75 "$s: later"
	stdout_lines 29 "$s: the others are delivered"
done
for s in 64 78 126 127; do
	rm -rf md3
	fetch --pipe "./but 20 $s" --max 30 md3
	status_is 78 "$s: the run stops"
	stdout_lines 19 "$s: what came before is delivered"
done
for s in 124 125 193 255; do
	rm -rf md3
	fetch --pipe "./but 20 $s" --max 30 md3
	status_is 65 "$s: rejected"
done
rm -rf md3

fetch --pipe './but "30 31 32 33 34" 1' md3
status_is 78 'five rejected in a row: the run stops'
stderr_unlike quarantined 'and nothing is quarantined'
fetch --pipe './but "" 0' md3
status_is 0 'with a command that works'
ok 'all come' mdcmp md3 "$corpus"

fetch --pipe ./nothing md4
status_is 78 'a command that does not exist: 78'
is "$(ls md4/new | wc -l)" 0 'nothing is lost or settled'
fetch --pipe 'kill -KILL $$' --max 1 md4
status_is 75 'a command that is killed: later'
fetch --pipe 'sleep 100' --pipe-timeout 1 --max 1 md4
status_is 75 'a command that takes too long: later'
fetch --pipe 'i=3; while [ $i -lt 100 ]; do [ ! -e /proc/$$/fd/$i ] || exit 78; i=$((i + 1)); done' --max 1 md4
status_is 0 'it inherits standard descriptors, nothing else'

# All that the filter has of us, where the token comes from a command and a client secret is in our environment.
cat >look <<'X'
for fd in /proc/$$/fd/[0-9]; do readlink "$fd"; done
tr '\0' '\n' </proc/$$/environ >environment
tr '\0' '\n' </proc/$$/cmdline >cmdline
X
tr -d '\n' <token >secret
export MSTOOLS_CLIENT_SECRET=hush-hush
run msfetch $imap_args -u $box --token-cmd "cat '$T/token'" --pipe '. ./look' --max 1 md4
unset MSTOOLS_CLIENT_SECRET
status_is 0 'a filter that looks at what it has'
cp "$err_file" fds
like "$(head -n 1 fds)" "^$T/md4/tmp/mstools/" 'on descriptor 0 the message'
is "$(sed 1d fds | sort -u)" "$(readlink -f "$err_file")" 'and for the rest standard error'
is "$(wc -l <fds)" 3 'three in all'
ok 'no token in its environment or argument' sh -c '! cat environment cmdline | grep -qFf secret'
unlike "$(cat environment cmdline)" hush-hush 'and no client secret'
is "$(sed -n 's/^\(MSTOOLS_[A-Z]*\)=.*/\1/p' environment | grep -v WORKER | sort | tr '\n' ' ')" \
    'MSTOOLS_DATE MSTOOLS_FOLDER MSTOOLS_UID MSTOOLS_UIDVALIDITY MSTOOLS_USER ' 'what it is told'

printf '#!/bin/sh\ncat /proc/$PPID/comm >parent\n' >parent.sh
chmod +x parent.sh
for cmd in ./parent.sh 'sh parent.sh x'; do
	rm -f parent
	fetch --pipe "$cmd" --max 1 md4
	is "$(cat parent)" msfetch "$cmd: no shell stays beside it"
done
fetch --pipe 'exit 74' --max 1 md4
status_is 75 "a word of the shell's"
fetch --pipe 'A=75 B=1; exit $A' --max 1 md4
status_is 75 'a text of it'
fetch --pipe 'A=75 sh -c "exit $A"' --max 1 md4
status_is 0 'and a variable before a command'
fetch md4
status_is 0 'without a command again'
ok 'all come' mdcmp md4 "$corpus"

# A process for each message, and none of the syncs.
case $BUILD in
*-san) skip 'what it costs' 'a traced program cannot look for leaks' ;;
*)
	if strace -o /dev/null true 2>/dev/null; then
		stand save many@contoso.example INBOX orig/* orig/* orig/* orig/* orig/*
		run strace -f -o calls -e trace=fork,vfork,clone,clone3,fsync,fdatasync,syncfs \
		    msfetch $imap_args -u many@contoso.example --state many --pipe /bin/true <token
		stdout_lines 200 'two hundred messages'
		grep -v 'CLONE_THREAD\|resumed>' calls >counted
		forks=$(grep -c 'fork(\|clone3*(' counted)
		ok "one process for each, and the worker: $forks" test "$forks" -ge 201 -a "$forks" -le 202
		syncs=$(grep -c 'sync(\|syncfs(' counted)
		ok "fewer syncs than messages: $syncs" test "$syncs" -gt 0 -a "$syncs" -lt 100
	else
		skip 'what it costs' 'strace does not work here'
	fi ;;
esac
done_testing
