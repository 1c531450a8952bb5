#!/bin/sh
# After a full run with a secret and with a certificate: what is secret stands nowhere but in its own file and the
# cache; and what stands in place of our files (links, FIFOs) is neither followed nor waited for.
. "${0%/*}/../lib/sh"
case $BUILD in *-san) skip_all 'a traced program cannot look for leaks' ;; esac
strace -o /dev/null true 2>/dev/null || skip_all 'strace does not work here'

box=box@contoso.example
stand_up
stand corpus $box Corpus >/dev/null
printf 'From: a@b.example\n\nx\n' >m
stand save $box INBOX m m
mkdir seen

# watched NAME CMD...: with every program that is started, its arguments and its environment.
watched() {
	name=$1
	shift
	run strace -f -qq -v -s 100000 -e trace=execve,prctl,prlimit64 -e signal=none -o "seen/$name.exec" "$@"
	cp "$out_file" "seen/$name.out"
	cp "$err_file" "seen/$name.err"
}

token_cmd="mstoken $token_args"
watched mstoken $token_cmd -vvv
status_is 0 'mstoken, with a secret'
cp "$out_file" token
rm seen/mstoken.out
cert_args="--authority $STAND_AUTHORITY --tenant $STAND_TENANT --client-id $STAND_CERT_CLIENT_ID --ca-file $STAND_CA"
watched mstoken-cert mstoken $cert_args --cert "$STAND_CERT" --key "$STAND_KEY_ENC" --cert-pass-file "$STAND_CERT_PASS_FILE" -vvv
status_is 0 'mstoken, with a certificate and an encrypted key'
cp "$out_file" token2
rm seen/mstoken-cert.out
watched msfetch msfetch $imap_args -u $box -F '*' -vvv --trace seen/msfetch.trace --token-cmd "$token_cmd" md
status_is 0 msfetch
cp "$out_file" got
watched msls msls $imap_args -u $box -vvv --trace seen/msls.trace --token-cmd "$token_cmd" INBOX
status_is 0 msls
watched msmark msmark $imap_args -u $box --seen -vvv --trace seen/msmark.trace --token-cmd "$token_cmd" got
status_is 0 msmark
stand_config </dev/null
watched mscheck mscheck -a work
cp -r md/.mstools* seen/

# What must not be found: the tokens, their last part, the SASL string, the secret, key and password, the assertions.
{
	cat token token2
	cut -d. -f3 token token2
	for t in token token2; do
		printf 'user=%s\001auth=Bearer %s\001\001' $box "$(cat $t)" | openssl base64 -A | cut -c 61-
		echo
	done
	cat "$STAND_SECRET_FILE" "$STAND_CERT_PASS_FILE"
	grep -v -e ----- "$STAND_KEY_ENC" | tail -n 5
	grep -v -e ----- "$STAND_KEY" | tail -n 5
	cut -d. -f3 "$STAND_ASSERTION_LOG"
} | awk 'length >= 6' | sort -u >secrets
ok 'there are secrets to look for' [ "$(wc -l <secrets)" -ge 10 ]
ok 'and they can be found' grep -qF -f secrets token
is "$(grep -rlaF -f secrets seen)" '' 'none in arguments, environments, messages, traces and states'
is "$(find . -name 'core*' -type f)" '' 'no core file'
is "$(find "$HOME/.cache/mstools" md/.mstools* -perm /077)" '' 'what we keep can be read by nobody else'
for p in mstoken msfetch msls msmark; do
	like "$(cat seen/$p.exec)" 'prctl\(PR_SET_DUMPABLE, (0|SUID_DUMP_DISABLE)' "$p is not dumpable"
	like "$(cat seen/$p.exec)" 'prlimit64\(0, RLIMIT_CORE, \{rlim_cur=0,' "$p leaves no core"
done

# A client secret in our environment is for the token command, and for nobody else.
MSTOOLS_CLIENT_SECRET=hush-hush
export MSTOOLS_CLIENT_SECRET
run strace -f -qq -v -s 100000 -e trace=execve -e signal=none -o handed msfetch $imap_args -u $box --max 1 \
    --token-cmd 'exec cat token' --pipe 'exec cat >piped' --state piping
unset MSTOOLS_CLIENT_SECRET
status_is 0 'msfetch, with a client secret in its environment'
given() { # PATTERN: how many of those that were started so, and how many with it
	grep -a "execve($1" handed | awk '/hush-hush|MSTOOLS_CLIENT_SECRET/ { n++ } END { print (NR > 0 ? "some" : "none"), n + 0 }'
}
like "$(given '.*"cat", "token"')" '^some [1-9]' 'the token command has it'
is "$(given '"[^"]*/msworker"')" 'some 0' 'the worker has not'
is "$(given '.*"MSTOOLS_UID=')" 'some 0' 'nor has the filter'

# In place of the cache's files, of lock, state, secret, token and configuration.
echo precious >precious
chmod 600 precious
unharmed() {
	is "$(cat precious)" precious "$1: what the link leads to is unharmed"
	echo precious >precious
	[ "$status" != 124 ] || fail "$1: hangs"
}
for what in symlink hardlink fifo dangling directory; do
	put() {
		rm -rf "$1"
		case $what in
		symlink) ln -s "$T/precious" "$1" ;;
		hardlink) ln "$T/precious" "$1" ;;
		fifo) mkfifo "$1" ;;
		dangling) ln -s "$T/not-there" "$1" ;;
		directory) mkdir "$1" ;;
		esac
	}
	for f in "$HOME"/.cache/mstools/*; do
		[ -d "$f" ] || put "$f"
	done
	run timeout 60 $token_cmd
	unharmed "$what for the cache"
	rm -rf "$HOME/.cache/mstools"
	$token_cmd >again 2>again.err
	for f in .mstools.lock .mstools.db .mstools.id; do
		rm -rf md2
		cp -a md md2
		put md2/$f
		run timeout 60 msfetch $imap_args -u $box md2 <token
		unharmed "$what for $f"
		case $status in 0 | 71 | 73 | 74 | 75 | 78) pass "$what for $f: $status" ;; *) fail "$what for $f: $status"; show_run ;; esac
	done
	if [ $what != fifo ]; then # mstoken.t has that: it takes a minute
		put given
		run timeout 60 msls $imap_args -u $box --config given <token
		unharmed "$what for the configuration"
	fi
	rm -rf md2
	cp -a md md2
	rm -rf md2/tmp/mstools
	[ "$what" = directory ] || put md2/tmp/mstools
	run timeout 60 msfetch $imap_args -u $box -F '*' md2 <token
	unharmed "$what for the stage"
	ok "$what: nothing was made where a dangling link leads" [ ! -e not-there ]
done
done_testing
