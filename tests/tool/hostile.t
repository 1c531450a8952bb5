#!/bin/sh
# What a server, a sender or an issuer puts into names, headers and texts: it reaches neither the terminal nor the
# file system as it is.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token
esc=$(printf '\033')

# clean FILE...: UTF-8, and no control characters but the end of a line and the tab.
clean() {
	for file; do
		perl -MEncode -0777 -ne 'exit 1 if /[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/;
		    my $copy = $_; exit !defined eval { decode("UTF-8", $copy, FB_CROAK) }' "$file" && continue
		diag "$file:"
		head -n 60 "$file" | cat -v | cut -c1-300 | sed 's/^/# /' >&2
		return 1
	done
}

cleanly() {
	ok "$1: nothing raw on standard output and standard error" clean "$out_file" "$err_file"
	[ ! -e trace ] || ok "$1: nor in the trace" clean trace
	rm -f trace
}

# Everything under here but what the test itself uses.
outside() {
	find "$T" /tmp/mstools-escaped -path "$T/.*" -prune -o -path "$1" -prune -o -path "$HOME/.cache" -prune -o -print 2>/dev/null |
	    grep -v '/exchange\|/endpoint' | sort
}

#
# Folder names: terminal escapes, ways out of a directory, control characters as such and in modified UTF-7
#

cat >names <<E
../../../escaped
/tmp/mstools-escaped
..
.
a/../../b
new
cur
tmp/mstools
.mstools.db
-rf
$(printf '\033]0;owned\007\033[2J')
&ABs-[31m&AAo-forged&AA0-&AH8-&AJs-
$(printf 'tab\there')
$(printf 'c1\302\23331m\377\376')
&bad-utf7
$(head -c 300 /dev/zero | tr '\0' n)
E
{
	n=99
	while read -r name; do
		n=$((n + 1))
		printf 'folder "%s" %s\nmessages "%s" 1\n' "$name" $n "$name"
	done <names
	echo 'messages 2'
	printf 'on list: raw * LIST () "/" {12}\\r\\nline\\r\\nbreak\\r\\n; default\n'
	printf 'on list #2+: raw * LIST (\\x1b) "\\x1b" "odd\\x1bseparator"\\r\\n; default\n'
} >folders
exchange_up folders
for how in '' --json -vvv; do
	run msls $imap_args -u $box $how --trace trace <token
	cleanly "msls $how of folders"
	[ "$how" = --json ] || ok "msls $how: eight columns a line" awk -F '\t' 'NF != 8 { exit 1 }' "$out_file"
	ok "msls $how: all are there" [ "$(wc -l <"$out_file")" -ge 16 ]
done
run msls $imap_args -u $box --json <token
ok 'msls --json is JSON' jq -e . "$out_file"
is "$(jq -r .folder "$out_file" | grep -c '^\.\./\.\./\.\./escaped$')" 1 'a name is told, not obeyed'

before=$(outside "$T/tree")
for how in '' '--json -vvv'; do
	rm -rf tree
	run msfetch $imap_args -u $box --tree -F '*' $how --trace trace tree <token
	cleanly "msfetch --tree $how"
	status_is 73 "msfetch --tree $how: a name that no directory can have is an error, and the others go on"
	is "$(outside "$T/tree")" "$before" "msfetch --tree $how: nothing outside the tree"
	find tree -mindepth 1 >.made
	ok "msfetch --tree $how: file names are clean" clean .made
	is "$(find tree -mindepth 1 -maxdepth 1 -type d ! -name '.*' | sort | tr '\n' ' ')" 'tree/cur tree/new tree/tmp ' \
	    "msfetch --tree $how: a folder's name begins with a dot, whatever it is"
	is "$(find tree -mindepth 5)" '' "msfetch --tree $how: and is one directory"
	is "$(find tree -type l)" '' "msfetch --tree $how: no links"
	ok "msfetch --tree $how: folders are there" [ "$(find tree/.*/new -type f | wc -l)" -ge 8 ]
done
run msfetch $imap_args -u $box -F '*' flat <token
cleanly 'msfetch of all folders into one Maildir'
ok 'all of it' [ "$(find flat/new -type f | wc -l)" -ge 12 ]
ok 'receipts: eight columns a line' awk -F '\t' 'NF != 8 { exit 1 }' "$out_file"
cp "$out_file" got
{ cat token; cat got; } >both
run msmark $imap_args -u $box --seen -vvv <both
cleanly 'msmark of receipts with such folders'

# Receipts that no program of ours wrote.
{
	cat token
	printf '%s\t../../x\\x1b[2J\t14\t1\t-\t1\t%064d\t/tmp/\\x1b]0;owned\n' $box 0
	printf '%s\tIN%sBOX\t14\t1\t-\t1\tx\t/tmp\n' $box "$esc"
	printf '/no/such%s[2J\n' "$esc"
} >both
run msmark $imap_args -u $box --seen <both
cleanly 'msmark of forged receipts'
exchange_down

#
# Headers
#

{
	printf 'From: "\033]0;owned\007" <a\033[2J@x.example>\r\nSubject: =?utf-8?Q?=1B[31m=0A=0Dforged=09=C2=9B31m=00?=\r\n\r\nx\r\n'
} >m1
printf 'From: x@x.example\r\nSubject: \033[2J\0\177 \233 \302\233 =?x?Q?\033?= =?utf-8?B?G1sySgobXTA7eAc=?=\r\nX: y\r\n\r\nx\r\n' >m2
exchange_up -e 'messages 2' -e "message 1 raw $T/m1" -e "message 2 raw $T/m2" -e 'message 2 flags \Seen Odd{x}Flag'
for how in '' --json -vvv; do
	run msls $imap_args -u $box $how --trace trace INBOX <token
	cleanly "msls $how of messages"
	ok "msls $how: two messages" [ "$(wc -l <"$out_file")" -eq 2 ]
done
exchange_down

#
# Texts of the server: greeting, NO, BAD, BYE, and answers that fit nothing
#

nasty='\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\x00\xff'
exchange_up -e 'messages 3'
texts() {
	cat <<-E
	on connect: raw * OK $nasty ready\\r\\n
	on connect: raw * BYE $nasty\\r\\n; close
	on connect: raw HTTP/1.1 $nasty\\r\\n
	on authenticate: raw \$tag NO $nasty\\r\\n
	on authenticate: raw + G10wO293bmVkBw==\\r\\n; raw \$tag NO $nasty\\r\\n
	on first: raw \$tag NO $nasty\\r\\n
	on first: raw \$tag BAD $nasty\\r\\n
	on uid fetch: raw * OK [ALERT] $nasty\\r\\n; default
	message 2 no $esc]0;owned
	E
}
texts >rules
while IFS= read -r rule <&3; do
	exchange_tell forget
	exchange_tell "$rule"
	rm -rf md
	run msfetch $imap_args -u $box -vvv --trace trace md <token
	cleanly "msfetch, $(printf '%s' "$rule" | tr -d "$esc")"
done 3<rules
exchange_tell forget
exchange_tell "on first: raw \$tag NO $nasty\\r\\n"
run msls $imap_args -u $box -v INBOX <token
cleanly 'msls'
exchange_down

#
# The issuer's
#

(umask 077; echo secret >secret)
printf '{"error":"invalid_client\\u001b[2J","error_description":"AADSTS7000215: \\u001b]0;owned\\u0007 x\\r\\nforged\\u009b31m","trace_id":"\\u001b","correlation_id":"\\u009b1"}' >e1
printf 'HTTP \033]0;owned\007 no JSON \302\233 \377\0' >e2
for body in e1 e2; do
	endpoint_up -e "on token: status 400; file $T/$body"
	run mstoken $token_args --client-id x --client-secret-file secret --no-cache -vvv
	cleanly "mstoken, $body"
	endpoint_up -e "on token: body $(tr -d '\0' <e1)"
	run mstoken $token_args --client-id x --client-secret-file secret --no-cache
	cleanly "mstoken, $body in 200"
done
endpoint_up -e "on token: header Retry-After: 1${esc}[2J; status 429 x${esc}[2J"
run mstoken $token_args --client-id x --client-secret-file secret --no-cache
cleanly 'mstoken, headers'
printf '{"access_token":"tok%s[2Jen","token_type":"Bearer","expires_in":3599}' '\u001b' >e3
endpoint_up -e "on token: file $T/e3"
run mstoken $token_args --client-id x --client-secret-file secret --no-cache
isnt "$status" 0 'a token with an escape is none'
cleanly 'mstoken, such a token'
endpoint_up -e 'claims {"upn":"\u001b]0;owned\u0007","roles":["\u009b31m\r\nforged"],"app_displayname":"\u001b[2J"}'
run mstoken $token_args --client-id x --client-secret-file secret --no-cache --claims
status_is 0
cleanly 'mstoken --claims'
run mstoken $token_args --client-id x --client-secret-file secret --no-cache
cp "$out_file" evil
exchange_up -e 'on authenticate: no AUTHENTICATE failed.'
run msfetch $imap_args -u $box -v md2 <evil
cleanly 'msfetch, refused, with the claims in the hint'

#
# mscheck, of all that
#

exchange_up -e 'messages 2' -e "message 1 raw $T/m1" -e "message 2 raw $T/m2" folders
mkdir -p "$HOME/.config/mstools"
(umask 077; cat >"$HOME/.config/mstools/config" <<X2
account work {
	user = "$box"
	host = "localhost"
	port = $exchange_port
	ca-file = "$STAND_CA"
	token-file = "$T/evil"
}
X2
)
run mscheck -a work
cleanly mscheck
done_testing
