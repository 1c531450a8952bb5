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
