#!/bin/sh
# What stands in place of the files that hold a secret, a token, a command or the state: links, FIFOs, directories,
# devices, another user's; and a cache that belongs to another user.  And no core file, when a program crashes.
# shellcheck disable=SC2086,SC2154
. "${0%/*}/../lib/sh"

box=box@contoso.example
app='--client-id 33333333-aaaa-4bbb-8ccc-444444444444'
stand_up imap
endpoint_up
printf 'From: a@b.example\n\nx\n' >m
stand save $box INBOX m
token >token
endpoint_down() {
	kill -KILL "$endpoint_pid" && finish "$endpoint_pid"
}
umask 077
echo the-client-secret >secret
tr -d '\n' <token | cut -c 1-200 >words
cat secret >>words

asks() {
	grep -c ' POST ' "$endpoint_log"
}
unshown() {
	is "$(cat "$out_file" "$err_file" | grep -cFf words)" 0 "$1: no secret shown"
}

#
# In place of a secret and of a token
#

# instead NAME STATUS ERE: given, in place of both; after "as": 0 it is taken.
instead() {
	before=$(asks)
	run timeout 20 mstoken --no-cache $token_args $app --client-secret-file given
	status_is "$2" "a secret: $1"
	if [ "$2" = 0 ]; then
		asked=1
	else
		asked=0
		unshown "a secret: $1"
		stderr_like "given: .*$3" 'says why'
	fi
	is $(($(asks) - before)) $asked 'and nobody was asked in vain'
	rm -rf given
}

# The same of a token.
instead_token() {
	run timeout 20 msls $imap_args -u $box --token-file given INBOX
	status_is "$2" "a token: $1"
	unshown "a token: $1"
	[ "$2" = 0 ] || stderr_like "given: .*$3" 'says why'
	rm -rf given
}

both() { # NAME STATUS ERE COMMAND...: COMMAND makes given, out of a file that is in order
	name=$1 want=$2 why=$3
	shift 3
	for f in secret token; do
		cp $f whole
		"$@"
		case $f in
		secret) instead "$name" $want "$why" ;;
		token) instead_token "$name" $want "$why" ;;
		esac
		cmp -s whole $f || fail "$name: the file is changed"
		rm -f whole
	done
}

open_to_others() {
	chmod 644 whole
	ln -s whole given
}
fifo_for_others() {
	mkfifo given
	chmod 666 given
}
foreign() {
	chown 65534 whole
	"$@" whole given
}
both 'a link to it' 0 '' ln -s whole given
both 'a second name' 0 '' ln whole given
both 'a link to one that others can read' 78 'chmod 600' open_to_others
both 'a link to nothing' 78 'No such file' ln -s nothing given
both 'a link to itself' 78 'symbolic links' ln -s given given
both 'a directory' 78 'neither a file nor a FIFO' mkdir given
both 'a device without an end' 78 'neither a file nor a FIFO' ln -s /dev/zero given
both 'a FIFO that others can write to' 78 'chmod 600' fifo_for_others
if [ "$(id -u)" = 0 ]; then
	both "another user's" 78 'belongs to user 65534' foreign cp -p
	both "a link to another user's" 78 'belongs to user 65534' foreign ln -s
	both "another user's by a second name" 78 'belongs to user 65534' foreign ln
else
	skip "another user's secret" 'only root can make one'
fi

#
# In place of a command, and of the configuration that names one
#

for what in 'ln -s nothing' mkfifo mkdir 'ln -s /dev/zero'; do
	$what command
	chmod 755 command 2>/dev/null
	run timeout 20 msls $imap_args -u $box --token-cmd ./command INBOX
	status_is 78 "$what, in place of the token command"
	run timeout 20 mstoken --no-cache $token_args $app --client-secret-cmd ./command
	status_is 78 "$what, in place of the command for the secret"
	rm -rf command
done
printf 'account x {\n\ttoken-cmd = "touch ran; cat token"\n}\n' >config
ln -s config link
run timeout 20 msls $imap_args -u $box -a x --config link INBOX
status_is 0 'a link to a configuration of ours'
rm -f ran
chmod 666 config
run timeout 20 msls $imap_args -u $box -a x --config link INBOX
status_is 78 'a link to one that others can write to'
ok 'its command did not run' test ! -e ran
if [ "$(id -u)" = 0 ]; then
	chmod 600 config
	chown 65534 config
	run timeout 20 msls $imap_args -u $box -a x --config link INBOX
	status_is 78 "a link to another user's"
	ok 'its command did not run' test ! -e ran
fi

#
# In place of the state, its lock, and what SQLite keeps beside it
#

msfetch $imap_args -u $box --state "$T/st" md <token >got
ls -A st* >state-files
like "$(cat state-files)" '^st\.lock$' 'the state has a lock'
echo precious >precious
for what in 'ln -s precious' 'ln precious' mkfifo 'ln -s nothing' mkdir 'ln -s /dev/zero'; do
	for f in st st.lock st-wal st-journal st-shm; do
		rm -rf at
		mkdir at
		cp -a md "$(head -n 1 state-files)" st.lock at/
		rm -rf "at/$f"
		(cd at && cp ../precious . && $what $f)
		run timeout 20 msfetch $imap_args -u $box --state at/st at/md <token
		case $status in 0 | 71 | 73 | 74 | 78) pass "$what, in place of $f: $status" ;; *) fail "$what, in place of $f: $status" ;; esac
		is "$(cat at/precious)" precious 'and what a link leads to is unharmed'
		ok 'nothing was made' test ! -e at/nothing
	done
done

#
# Another user
#

if [ "$(id -u)" != 0 ]; then
	skip "another user's cache" 'only root can be two users'
else
	chmod 711 "$T"
	mkdir open
	cp "$BUILD/bin/mstoken" "$STAND_CA" open/
	cp secret open/secret
	chmod 755 open/mstoken
	chmod 644 "open/${STAND_CA##*/}"
	chown -R 65534 open
	theirs="./mstoken --authority ${endpoint_url} --ca-file ${STAND_CA##*/} $app --client-secret-file secret"
	case $token_args in *--tenant*) theirs="$theirs --tenant $(echo "$token_args" | sed 's/.*--tenant \([^ ]*\).*/\1/')" ;; esac
	as_nobody="env -C $T/open HOME=$T/open setpriv --reuid=65534 --regid=65534 --clear-groups"
	tree() {
		(cd "$1" && find . -type f -exec sha256sum {} + | sort; find . -printf '%p %U %m %T@\n' | sort)
	}
	# untouched NAME DIR WARNING CMD...: a token, a fresh one, and the directory is as it was
	untouched() {
		name=$1 dir=$2 warning=$3
		shift 3
		tree "$dir" >tree.before
		jq -r .token "$dir"/*.json >token.there
		before=$(asks)
		run timeout 20 "$@"
		status_is 0 "$name"
		stderr_like "$warning" 'says why it is not used'
		is $(($(asks) - before)) 1 'a token of its own'
		isnt "$(cat "$out_file")" "$(cat token.there)" 'not the one that is there'
		tree "$dir" >tree.after
		same_file tree.after tree.before 'and nothing was changed'
	}
	run $as_nobody $theirs --cache-dir "$T/open/cache"
	status_is 0 'another user has a cache'
	run mstoken $token_args $app --client-secret-file secret --cache-dir "$T/ours"
	status_is 0 'and we have'
	untouched "another user's cache" open/cache 'belongs to user 65534' mstoken $token_args $app \
	    --client-secret-file secret --cache-dir "$T/open/cache"
	untouched "root's cache" ours 'Permission denied' $as_nobody $theirs --cache-dir "$T/ours"
	chmod 755 ours
	untouched "root's cache, which may be listed" ours 'belongs to user 0' $as_nobody $theirs --cache-dir "$T/ours"
	chmod 777 ours
	untouched "root's cache, which may be written to" ours 'belongs to user 0' $as_nobody $theirs --cache-dir "$T/ours"
	chmod 700 ours
	chown 65534 ours/*.json
	run mstoken $token_args $app --client-secret-file secret --cache-dir "$T/ours"
	status_is 0 "another user's file in our cache"
	stderr_like 'belongs to another user' 'is not used'
	is "$(stat -c '%u %a' ours/*.json)" '0 600' 'but replaced'
	chown 65534 ours/*.lock
	run mstoken $token_args $app --client-secret-file secret --cache-dir "$T/ours" --force
	status_is 0 "another user's lock in our cache"
	stderr_like 'lock file must be' 'is not used'
	chown 65534 md/.mstools.lock
	run msfetch $imap_args -u $box --state "$T/st" md <token
	status_is 73 "another user's lock in the Maildir"
fi
endpoint_down

#
# A crash, where core files are allowed
#

mkdir cores
crash=$T/crash
cat >"$crash" <<'S'
#!/bin/sh
cd cores || exit
ulimit -S -c "$(ulimit -H -c)"
exec "$@"
S
chmod 700 "$crash"

# crashed NAME PID: core files in the directory it runs in.
crashed() {
	kill -SEGV "$2"
	finish "$2"
	is "$status" 139 "$1 crashes"
	is "$(find cores -name 'core*' -type f)" '' 'and leaves no core file'
	rm -f cores/core*
}
manners=no
spawn victim "$crash" sleep 100
wait_for "grep -qx sleep /proc/$pid/comm"
kill -SEGV $pid
finish $pid
case $BUILD in *-san) set -- ;; *) set -- cores/core* ;; esac # sanitizers have a say of their own
if [ ! -s "${1:-}" ]; then
	skip 'a crash' 'core files do not come here, or not in this build'
else
	rm -f cores/core*
	endpoint_up -e 'on token: stall'
	spawn victim "$crash" mstoken --no-cache $token_args $app --client-secret-file ../secret
	wait_for "grep -q ' POST ' '$endpoint_log'"
	crashed 'mstoken, with a secret' $pid
	endpoint_down
	tokened() {
		exec "$crash" "$@" <token
	}
	# crash_at EVENT PROGRAM ARG...: of the parent, then of the worker: it is the child of the one that we started
	crash_at() {
		at=$1 program=$2
		shift
		exchange_up -e 'messages 2' -e "on $at: stall"
		for who in parent worker; do
			: >"$exchange_log"
			spawn victim tokened "$@" $imap_args -u $box --timeout 30
			wait_for "grep -qi ' C: .*$at' '$exchange_log'"
			worker=$(cat /proc/$pid/task/$pid/children)
			is "$(cat /proc/${worker% }/comm)" msworker "$program, at $at: there is a worker"
			if [ $who = parent ]; then
				crashed "$program, at $at" $pid
			else
				kill -SEGV ${worker% }
				wait_for "! alive ${worker% }"
				is "$(find cores -name 'core*' -type f)" '' "a worker of $program that crashes at $at leaves no core file"
				kill $pid
				finish $pid
			fi
			unlike "$(cat victim.out victim.err)" "$(cut -c 1-100 token)" 'no token shown'
		done
		exchange_down
	}
	exchange_up -e 'messages 2'
	msfetch $imap_args -u $box md3 <token >receipts
	exchange_down
	crash_at authenticate msfetch ../md2
	crash_at examine msfetch ../md2
	crash_at authenticate msls INBOX
	crash_at 'uid fetch' msls INBOX
	crash_at authenticate msmark --seen ../receipts
	crash_at 'uid store' msmark --seen ../receipts
fi
done_testing
