#!/bin/sh
# mstoken's cache, with a real issuer: its access log tells what was asked for.
# shellcheck disable=SC2016,SC2086,SC2153,SC2317
. "${0%/*}/../lib/sh"
stand_up issuer

mstoken_() {
	mstoken $token_args "$@"
}

requests() {
	wc -l <"$STAND_ACCESS_LOG"
}

# asked N DESC: N requests since the last time.
before=0
asked() {
	now=$(requests)
	is $((now - before)) "$1" "$2"
	before=$now
}

token_of() {
	cat "$out_file"
}

base=${token_args%--client-secret-file*}--ca-file=$STAND_CA
cache=$HOME/.cache/mstools
cache_file() {
	ls "$cache"/*.json
}

# edit FILTER: changes the cached file.
edit() {
	jq "$1" "$(cache_file)" >edited && cat edited >"$(cache_file)"
}

#
# Asked once
#

run mstoken_
one=$(token_of)
asked 1 'the first run asks'
run mstoken_
is "$(token_of)" "$one" 'the second one finds it'
asked 0 'without asking'
is "$(stat -c %a "$cache" "$(cache_file)" "$cache"/*.lock | tr '\n' ' ')" '700 600 600 ' 'modes'
run mstoken_ --force
isnt "$(token_of)" "$one" '--force'
asked 1 'asks'
two=$(token_of)
run mstoken_ --no-cache
isnt "$(token_of)" "$two" '--no-cache'
asked 1 'asks'
run mstoken_
is "$(token_of)" "$two" 'and is not cached'
asked 0 'so the cached one is still there'
run mstoken_ --min-valid 86400
asked 1 'a token that does not last long enough is not taken'
run mstoken $base --client-secret-cmd "cat '$STAND_SECRET_FILE'"
asked 1 'another form of the credential has a file of its own'
rm -f "$cache"/*.json
run mstoken_
asked 1 'asked anew'

#
# A hundred at once: all of them wait for the lock before the first one gets it
#

# at_once N STATUS ARGS...: N processes that wait together; counts those with this status in $got.
at_once() {
	count=$1 want=$2
	shift 2
	exec 9>"$lock"
	flock 9 || bail_out 'no flock'
	i=0
	pids=
	rm -f many*
	while [ $i -lt "$count" ]; do
		spawn "many$i" mstoken -v "$@" 9>&-
		pids="$pids $pid"
		i=$((i + 1))
	done
	wait_for "[ \$(cat many*.err | grep -c 'waiting for it') -eq $count ]" 120
	exec 9>&-
	got=0
	for p in $pids; do
		finish "$p" 120
		[ "$status" -ne "$want" ] || got=$((got + 1))
	done
}

rm -rf "${cache:?}"/*
run mstoken_
lock=$(ls "$cache"/*.lock)
rm -f "$cache"/*.json
before=$(requests)
at_once 100 0 $token_args
is $got 100 'a hundred at once all get a token'
is "$(cat many*.out | sort -u | wc -l)" 1 'the same one'
asked 1 'and ask once'

#
# They share a failure, too
#

printf 'wrong\n' >wrong
chmod 600 wrong
run mstoken $base --client-secret-file wrong --cache-dir "$T/fail"
status_is 78 'a wrong secret'
lock=$(ls "$T"/fail/*.lock)
before=$(requests)
at_once 20 78 $base --client-secret-file wrong --cache-dir "$T/fail"
is $got 20 'twenty with a wrong secret all fail'
asked 1 'and ask once'
run mstoken $base --client-secret-file wrong --cache-dir "$T/fail"
status_is 78 'one that comes later'
asked 1 'asks itself: no is not remembered'

#
# A token that was refused
#

rm -f "$cache"/*.json
run mstoken_
before=$(requests)
old=$(token_of)
id=$(printf %s "$old" | sha256sum | cut -c1-16)
run env MSTOOLS_REFUSED="$id" mstoken $token_args
isnt "$(token_of)" "$old" 'a token that was refused is replaced'
asked 1 'by asking'
new=$(token_of)
run env MSTOOLS_REFUSED="$id" mstoken $token_args
is "$(token_of)" "$new" 'who had it refused as well gets the new one'
asked 0 'without asking'
id=$(printf %s "$new" | sha256sum | cut -c1-16)
run env MSTOOLS_REFUSED="$id" mstoken $token_args
is "$(token_of)" "$new" 'if that is refused within a minute, there is no other'
asked 0 'and no asking'
edit '.refused_at -= 61'
run env MSTOOLS_REFUSED="$id" mstoken $token_args
isnt "$(token_of)" "$new" 'a minute later there is'
asked 1 'by asking'

#
# Times
#

run mstoken_
before=$(requests)
edit '.expires_on = (now | floor) + 200'
run mstoken_
asked 1 '200 seconds are not enough'
edit '.refresh_on = (now | floor) - 5'
run mstoken_
asked 1 'after its refresh time it is refreshed'
current=$(token_of)
edit '.refresh_on = (now | floor) - 5'
run mstoken $token_args --proxy http://localhost:1
is "$status $(token_of)" "0 $current" 'if that fails, the old one is still good'
stderr_is '' 'and nothing is said'
asked 0 'nothing was asked for'
edit '.cached_at = (now | floor) + 1000'
run mstoken_
asked 1 'a token from the future is not trusted'
edit '.expires_on = (now | floor) + 10000000'
run mstoken_
asked 1 'nor one that lives too long'

#
# A cache that cannot be used is a warning
#

# spoilt DESC ERE: the token comes by asking, with this warning.
spoilt() {
	run mstoken_
	if [ "$status" -eq 0 ] && [ "$(wc -l <"$out_file")" -eq 1 ] && grep -Eq -e "$2" "$err_file"; then
		pass "$1"
	else
		fail "$1" || show_run
	fi
	asked 1 '  by asking'
}

chmod 644 "$(cache_file)"
spoilt 'a file that others can read' 'not used: open to others'
run mstoken_
stderr_is '' 'it was replaced'
file=$(cache_file)
ln "$file" link
spoilt 'a file with two names' 'hard links'
rm -f link
mv "$file" elsewhere
ln -s "$T/elsewhere" "$file"
spoilt 'a symbolic link' 'cannot open the cached file'
ok 'it was replaced by a file' test ! -h "$file"
: >"$file"
spoilt 'an empty file' 'not understood'
chmod 770 "$cache"
spoilt 'a directory that others can write to' 'chmod 700'
chmod 700 "$cache"
before=$(requests)
: >file
run mstoken $token_args --cache-dir "$T/file/below"
status_is 0 'a directory that cannot be made'
stderr_like 'going on without the cache' 'is a warning'
run mstoken -q $token_args --cache-dir "$T/file/below"
stderr_is '' 'unless -q'
before=$(requests)
run env CACHE_DIRECTORY="$T/systemd:$T/other" mstoken $token_args
ok "\$CACHE_DIRECTORY is taken" test -e "$T"/systemd/*.json

#
# What goes to nobody
#

ok 'the secret is not in the cache' sh -c '! grep -rFq "$(cat "$1")" "$2"' - "$STAND_SECRET_FILE" "$cache"

done_testing
