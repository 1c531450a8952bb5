#!/bin/sh
# The worker, seen from outside while it talks: shut in, alone, without a token.
. "${0%/*}/../lib/sh"

case $BUILD in *-san | *-nocage) skip_all 'this build has no cage' ;; esac
grep -q '^Seccomp:' /proc/self/status || skip_all 'this kernel has no seccomp'

token=token-$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
echo "$token" >token
exchange_up -e 'messages 2' -e 'on examine: stall'
spawn client msls $imap_args -u box@contoso.example INBOX --token-file token
client=$pid
chmod 600 token
wait_for "grep -q 'C: m[0-9]* EXAMINE' '$exchange_log'" 60 || diag_file client client.err

# The child of a process.
child_of() {
	for stat in /proc/[0-9]*/stat; do
		read -r line 2>/dev/null <"$stat" || continue
		rest=${line##*) }
		# shellcheck disable=SC2086
		set -- "$1" $rest
		[ "$3" != "$1" ] || { pid=${stat#/proc/}; echo "${pid%/stat}"; }
	done
}

status_of() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$worker/status"
}

worker=$(child_of "$client")
ok 'one worker' test -d "/proc/$worker"
is "$(tr '\0' ' ' <"/proc/$worker/cmdline" | grep -c "$token")" 0 'no token among its arguments'
is "$(status_of Seccomp)" 2 'a filter for its system calls'
is "$(status_of NoNewPrivs)" 1 'no new privileges'
is "$(status_of Threads)" 1 'one thread'
for p in $worker $client; do
	if [ -r "/proc/$p/limits" ] && grep '^Max core' "/proc/$p/limits" >core 2>/dev/null; then
		is "$(awk '{ print $5 }' core)" 0 'no core file'
	else
		skip 'no core file' 'its limits cannot be read'
	fi
	if [ -r "/proc/$p/environ" ] && env=$(tr '\0' ' ' 2>/dev/null <"/proc/$p/environ"); then
		unlike "$env" "$token" 'no token in its environment'
	else
		skip 'no token in its environment' 'which cannot be read: so much the better'
	fi
done

# what is open: its socket to the parent, the server, standard error, and what stands for the closed ones
if open=$(ls -l "/proc/$worker/fd" 2>/dev/null | sed -n 's/.* -> //p') && [ "$open" ]; then
	is "$(printf '%s\n' "$open" | grep -c '^socket:')" 2 'two sockets'
	is "$(printf '%s\n' "$open" | grep -v '^socket:' | grep -v '^/dev/null$' | grep -vc '/client.err$')" 0 'and no file of ours'
else
	skip 'two sockets' 'its descriptors cannot be seen'
	skip 'and no file of ours' 'its descriptors cannot be seen'
fi

# the token is gone from its memory once it has logged in
memfind=$(helper memfind)
if [ "$("$memfind" "$worker" box@contoso.example || echo 0)" -gt 0 ]; then
	is "$("$memfind" "$worker" "$token")" 0 'no token in its memory'
	sasl=$(printf 'user=%s\001auth=Bearer %s\001\001' box@contoso.example "$token" | base64 -w 0)
	is "$("$memfind" "$worker" "${sasl#????????????????????????????????}")" 0 'nor what it was sent in'
else
	skip 'no token in its memory' 'which cannot be read'
	skip 'nor what it was sent in' 'which cannot be read'
fi

kill "$client"
finish "$client"
is "$status" 143 'the parent dies by the signal'
ok 'and the worker with it' wait_for "! alive $worker"

# and when the parent is killed
spawn client msls $imap_args -u box@contoso.example INBOX --token-file token
client=$pid
wait_for "[ \$(grep -c 'C: m[0-9]* EXAMINE' '$exchange_log') -ge 2 ]" 60
worker=$(child_of "$client")
ok 'another worker' test -d "/proc/$worker"
kill -KILL "$client"
finish "$client"
ok 'ends when its parent is killed' wait_for "! alive $worker"

# a kernel without Landlock: the work is done, and -v says so
if strace -o /dev/null true 2>/dev/null; then
	exchange_tell 'on examine: default'
	cat >worker <<-X
	#!/bin/sh
	exec strace -o "$T/worker-trace" -e inject=landlock_create_ruleset:error=ENOSYS "$BUILD/libexec/msworker"
	X
	chmod +x worker
	run env MSTOOLS_WORKER="$T/worker" msfetch -v $imap_args -u box@contoso.example --token-file token md
	status_is 0 'without Landlock everything works'
	stdout_lines 2
	stderr_like '^msfetch: the worker is shut in by seccomp alone: this kernel has no Landlock$'
	like "$(cat worker-trace)" 'ENOSYS.*INJECTED' 'that kernel was played'
else
	skip 'without Landlock everything works' 'strace does not work here'
fi

done_testing
