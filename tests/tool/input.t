#!/bin/sh
# What people feed the programs by mistake: each gets one line that says what is wrong, and the right status.
# shellcheck disable=SC2086
. "${0%/*}/../lib/sh"

box=box@contoso.example
exchange_up -e 'messages 3'
printf 'token-one\n' >token
run msfetch $imap_args -u $box good <token
status_is 0 'a token, and it works'
cp "$out_file" receipts
connects=$(grep -c ' connect' "$exchange_log")

# In the token's place.
refused() {
	for p in msfetch msls msmark; do
		case $p in
		msfetch) run $p $imap_args -u $box md <input ;;
		msls) run $p $imap_args -u $box INBOX <input ;;
		msmark) run $p $imap_args --seen <input ;;
		esac
		status_is 78 "$p: $1 for a token: 78"
		stderr_like "^$p: no token on the first line of stdin \(did mstoken fail\?\)" "$p: $1: says so"
		is "$(grep -c "^$p: " "$err_file")" 1 "$p: $1: in one line"
	done
}

: >input
refused nothing
printf '\n' >input
refused 'an empty line'
printf '\ntoken-one\n' >input
refused 'a token in the second line'
head -n 1 receipts >input
refused 'a receipt'
printf '%s\n' "$T/good/new/x" >input
refused 'a path'
head -c 300000 /dev/zero | tr '\0' a >input
refused 'a line of 300 kB'
printf 'abc\001\377def\n' >input
refused 'binary data'
printf 'token\0one\n' >input
refused 'a NUL'
printf 'Bearer abcdef\n' >input
refused 'a header'
printf '{"token_type":"Bearer","access_token":"abc"}\n' >input
refused 'the output of mstoken --json'
printf 'mstoken: the client secret has expired\n' >input
refused 'a message'
is "$(grep -c ' connect' "$exchange_log")" "$connects" 'nobody connected for any of it'
is "$(find md -type f ! -name '.mstools*')" '' 'and nothing was delivered'

# What came in the token's place is not shown: it may be half a secret.
printf 'half a-secret\n' >input
run msfetch $imap_args -u $box -vvv md <input
stderr_unlike 'a-secret' 'what is no token is not shown'

# A token as an argument: wherever it stands, it is neither used nor shown, and no name of anything.
jwt=eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl
secret=Ab_8Q~abcdefghijklmnopqrstuvwxyz.ABCDEFG
long=$(head -c 900 /dev/zero | tr '\0' Q)
argument() { # NAME PROGRAM ARGUMENT...
	what=$1
	shift
	run "$@" <"$T/token"
	status_is 64 "$what: 64"
	stderr_like "^$1: an? (access token|client secret) stands in argument" "$what: says so"
	stderr_like '^hint: .*' "$what: advises"
	stderr_unlike 'eyJ[0a]|QQQQ|8Q~' "$what: does not show it"
	stdout_unlike 'eyJ[0a]|QQQQ|8Q~' "$what: nor on stdout"
}
mkdir empty
connects=$(grep -c ' connect' "$exchange_log")
cd empty || exit 1
argument 'a token for the Maildir' msfetch $imap_args -u $box $jwt
argument 'an encrypted token for the Maildir' msfetch $imap_args -u $box eyJh.b.c.d.e
argument 'an opaque token for the Maildir' msfetch $imap_args -u $box "$long"
argument 'a token after the Maildir' msfetch $imap_args -u $box md $jwt
argument 'a token for --maildir' msfetch $imap_args -u $box --maildir $jwt
argument 'a token for --maildir=' msfetch $imap_args -u $box --maildir=$jwt
argument 'a token for --state=' msfetch $imap_args -u $box --state="$long" md
argument 'a token for -F' msfetch $imap_args -u $box -F$jwt md
argument 'a token for --token-file' msfetch $imap_args -u $box --token-file $jwt md
argument 'a token in --token-cmd' msfetch $imap_args -u $box --token-cmd "echo $jwt" md
argument 'a token after an option that there is not' msfetch $imap_args -u $box --token $jwt md
argument 'a header' msfetch $imap_args -u $box md "Bearer $jwt"
argument 'a token for a folder' msls $imap_args -u $box $jwt
argument 'a token for a file of receipts' msmark $imap_args --seen $jwt
argument 'an opaque token for a file of receipts' msmark $imap_args --seen "$long"
argument 'a token for mstoken' mstoken $jwt
argument 'a secret for its file' mstoken --tenant x --client-id y --client-secret-file "$secret"
argument 'a secret for --client-secret' mstoken --tenant x --client-id y --client-secret "$secret"
argument 'a secret in a command' mstoken --tenant x --client-id y --client-secret-cmd "echo '$secret'"
run mstoken --tenant x --client-id y half~a-secret
status_is 64 'mstoken takes no operand: 64'
stderr_unlike 'a-secret' 'and does not show it: it may be a secret'
cd .. || exit 1
is "$(find empty -mindepth 1)" '' 'no file or directory was made for any of them'
is "$(grep -c ' connect' "$exchange_log")" "$connects" 'and nobody connected'
run msfetch $imap_args -u $box ./$jwt <token
status_is 0 './ makes it a name'
run msfetch $imap_args -u $box heyJoe.a.b <token
status_is 0 'a name that only looks a little like one'
named() { # NAME PROGRAM ARGUMENT...
	what=$1
	shift
	run "$@" <"$T/token"
	stderr_unlike 'stands (in|here)' "$what: no token"
}
named 'a long folder' msls $imap_args -u $box "$long"
named 'a long pattern' msfetch $imap_args -u $box -F "$long" md
named 'a long pattern that is glued' msfetch $imap_args -u $box -F"$long" md
named 'a long pattern to be left out' msfetch $imap_args -u $box -X"$long" md
named 'a long folder to move to' msmark $imap_args --move="$long"
named 'a long set of messages' msls $imap_args -u $box --search "UID${long#???}" INBOX
named 'a long address of a certificate' mstoken --tenant x --client-id y --cert "pkcs11:token=$long"
argument 'an opaque token for a certificate' mstoken --tenant x --client-id y --cert "$long"
stderr_like 'in argument 6:' 'which one'
argument 'an opaque token after the folder' msls $imap_args -u $box INBOX "$long"
argument 'an opaque token for an account' msls -a "$long"
argument 'an opaque token for a mailbox' msls $imap_args -u "$long"
argument 'an opaque token for a port' msls $imap_args -u $box --port "$long" INBOX
argument 'an opaque token for a date' msfetch $imap_args -u $box --since="$long" md
argument 'an opaque token before the options' msfetch "$long" $imap_args -u $box
stderr_like 'in argument 1:' 'which one'
argument 'an opaque token for --trace=' msls $imap_args -u $box INBOX --trace="$long"
stderr_like "in argument $(($(set -- $imap_args; echo $#) + 4)):" 'which one'

# The configuration.
mkdir -p "$HOME/.config/mstools"
conf=$HOME/.config/mstools/config
misconfigured() { # lines of the account, message, description
	printf 'account work {\n\tuser = %s\n%b' $box "$1" >"$conf"
	run msfetch -a work md <token
	status_is 78 "$3: 78"
	stderr_like "$2" 'names file and line'
}
misconfigured '\tfoldr = INBOX\n}\n' "config:3: .*unknown key 'foldr': did you mean 'folder'\?" 'an unknown key'
misconfigured '\tport = 99999\n}\n' 'config:3: .*port' 'a port out of range'
for bad in "client-secret-file = \"$secret\"" "token-file = $jwt"; do
	misconfigured "\\t$bad\\n}\\n" 'config:3: .* stands here: it is neither used nor shown' 'a secret for the name of a file'
	stderr_unlike 'eyJ[0a]|8Q~' 'does not show it'
done
misconfigured '' 'config:' 'an account that does not end'
printf 'account work {\n\tuser = %s\n}\n' $box >"$conf"
run msfetch -a wrk md <token
status_is 78 'an unknown account: 78'
stderr_like "'?wrk'?" 'names it'
rm "$conf"

not_told() { # it is a matter of usage, or of the configuration
	case $status in
	64 | 78) pass "$1" ;;
	*) fail "$1" || show_run ;;
	esac
}

# The destination.
echo x >file
run msfetch $imap_args -u $box file <token
status_is 73 'a Maildir that is a file: 73'
stderr_like '^msfetch: .*file' 'names it'
run msfetch $imap_args -u $box no/where/md <token
status_is 73 'a Maildir in a directory that is not there: 73'
run msfetch $imap_args -u $box -F Nonsense md <token
status_is 66 'an unknown folder: 66'
stderr_like '^msfetch: .*Nonsense' 'names it'
run msls $imap_args -u $box Nonsense <token
status_is 66 'msls: an unknown folder: 66'
run msfetch $imap_args -u '' md <token
not_told 'an empty mailbox name'
run msfetch $imap_args md <token
not_told 'no mailbox name'
stderr_like '^msfetch: ' 'says so'
run msfetch $imap_args -u $box <token
not_told 'no Maildir'
stderr_like '^msfetch: .*[Mm]aildir' 'says so'

# Receipts: the good ones are done, the bad ones named by their line.
{
	cat token
	sed -n 1p receipts
	echo 'a line that is none'
	sed -n 2p receipts | cut -f 1-3
	sed -n 2p receipts | sed 's/	1	/	notanumber	/; s/	2	/	notanumber	/; s/	3	/	notanumber	/'
	sed -n 3p receipts
} >input
run msmark $imap_args --seen <input
status_is 65 'malformed receipts: 65'
is "$(grep -c '	done	' "$out_file")" 2 'the good ones are done'
for n in 3 4 5; do
	stderr_like "^msmark: line $n: " "line $n is named"
done
done_testing
