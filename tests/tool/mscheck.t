#!/bin/sh
# mscheck on the real stand: every step, its options, the settings it reads.
# shellcheck disable=SC2086,SC2094,SC2119,SC2153
. "${0%/*}/../lib/sh"
stand_up

(umask 077; mkdir -p "$HOME/.config/mstools")
stand_config <<X
	folder = { INBOX, 'Lists/*' } # patterns
	client-secret-expires = "$(date -d '10 days' +%Y-%m-%d)"
X
printf 'From: Ann <ann@contoso.example>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nhi\n' >m1
printf 'From: Bob\nSubject: two\033[31m\n\nhi\n' >m2
stand save box@contoso.example INBOX m1 m2
stand save box@contoso.example Lists/a m1

run mscheck -a work --move Lists/done
status_is 0
stderr_is '' 'nothing on standard error'
for step in configuration token clock application audience roles connection login folders INBOX messages; do
	stdout_like "^\\[ ok \\] $step" "$step holds"
done
stdout_like '^\[ ok \] configuration +account work of ' 'which file'
stdout_like 'good until 20..-..-..T' 'end of life'
stdout_like "^\\[ ok \\] connection .*localhost:$STAND_IMAP_PORT .*TLSv1.3" 'server and TLS version'
stdout_like "oid $STAND_OBJECT_ID" 'Object ID'
stdout_like 'folders, 3 messages, 3 unseen' 'counts'
stdout_like 'Ann <ann@contoso.example>  Grüße' 'a message, decoded'
is "$(grep -c "$(printf '\033')" "$out_file")" 0 'no control character reaches the terminal'
stdout_like '^\[warn\] credential .*expires in (9|10) days' 'a secret near its end'
stdout_like '^\[warn\] move +Lists/done is among' 'a target of --move that would be fetched'
stdout_like "hint: exclude it" 'with the cure'
is "$(find "$HOME/.cache" -name "*.json" 2>/dev/null)" '' 'no token was cached'
run mscheck -a work --move Archive
stdout_like '^\[ ok \] move ' 'a target that would not'
run mscheck -a work --move Lists/done -X Lists/done
stdout_like '^\[ ok \] move ' 'or is excluded'

stdout_unlike 'connections' 'one connection is no matter'
run mscheck -a work -j 8
stdout_like '^\[warn\] connections +8 at a time.*about 16 to a mailbox' 'many connections are warned of'
run mscheck -a work -F Lists/a --newest 1
status_is 0
stdout_like '^\[ ok \] Lists/a +1 messages' 'another folder'
run mscheck -a work -F Nope
status_is 66 'a folder that is not there'
stdout_like '^\[fail\] folder ' 'is a failure of that step'
stdout_like '^\[skip\] messages' 'the rest is skipped'
stdout_like '^       hint: there is no folder Nope' 'with the cure'
stderr_like '^mscheck: folder: ' 'one line on standard error'

run mscheck -a work -v
status_is 0
stdout_like '\| .* C: .*AUTHENTICATE XOAUTH2 \[secret\]' 'the protocol, tokens masked'
stdout_unlike 'eyJ' 'no token anywhere'

relay_up "$STAND_IMAP_PORT" -x http
run mscheck -u box@contoso.example --host localhost --port "$STAND_IMAP_PORT" --ca-file "$STAND_CA" \
    --token-cmd 'mstoken -a work' --proxy "http://localhost:$relay_port"
status_is 0 'by way of a proxy'
stdout_like "^\\[ ok \\] connection .*through .*localhost:$relay_port" 'the proxy used'
ok 'which was asked' grep -q 'proxy 200' "$relay_log"

run mscheck $token_args
status_is 0 'without a mailbox'
stdout_like '^\[skip\] mailbox' 'the token alone'
run mscheck --authority "$STAND_AUTHORITY" --tenant "$STAND_TENANT" --client-id "$STAND_CERT_CLIENT_ID" --cert "$STAND_P12" \
    --cert-pass-file "$STAND_CERT_PASS_FILE" --ca-file "$STAND_CA" --scope https://outlook.office365.com/.default \
    -u sales@contoso.example --host localhost --port "$STAND_IMAP_PORT" -F INBOX
status_is 0 'PKCS#12 certificate, pass phrase, scope, mailbox and folder on the command line'
run mscheck -awork --user=sales@contoso.example
status_is 0 'short and long forms'
stdout_like '^\[ ok \] login +sales@contoso.example' 'the mailbox of the command line'
run mscheck -a work --host localhost --port 1
status_is 69 'a closed port'
stdout_like '^\[ ok \] roles' 'the token held'
stdout_like '^\[fail\] connection' 'the connection did not'
stdout_like '^\[skip\] login' 'nothing behind it was reached'
run mscheck -a work --client-secret-file nowhere
status_is 78 'a secret that is not there'
stdout_like '^\[ ok \] configuration' 'the configuration held'
stdout_like '^\[fail\] credential' 'the credential did not'
run mscheck -a wrok
status_is 78 'an account that is not there'
stdout_like '^\[fail\] configuration' 'is a failure of the configuration'
run mscheck -a work --json
status_is 64 'an option that has no place'
run mscheck work
status_is 64 'an operand'

# A token of another program.
stand token 3600 >token
cat >config <<X
account other {
	token-cmd = "cat $T/token"
	user = box@contoso.example
	host = localhost
	port = $STAND_IMAP_PORT
	ca-file = "$STAND_CA"
}
X
run mscheck --config config -a other
status_is 0 'a token command'
stdout_like '^\[ ok \] token +of the token command' 'is said'
stand token -60 >token
run mscheck --config config -a other
status_is 77 'a token that has run out'
stdout_like '^\[fail\] token +it ran out' 'is said'

# The settings, as the programs see them.
mkdir -p etc
cat >config <<'X'
# for all
tenant = contoso.example; client-id=app
folder = { INBOX, "Sent Items",
	'\Drafts' }	# goes on
account one {
	user = "one@contoso.example"
	token-cmd = "mstoken -a \"one\" # not a comment"
	proxy = ''
}
account "two words" { user = b@c.d }
X
run mscheck --config config --accounts
stdout_is 'one
two words' 'accounts'
run mscheck --config config -a one --settings
stdout_is 'tenant	contoso.example
client-id	app
folder	INBOX
folder	Sent Items
folder	\Drafts
user	one@contoso.example
token-cmd	mstoken -a "one" # not a comment
proxy	' 'settings'
run msls --config config -a one --host localhost --port 1 </dev/null
stderr_unlike 'config:[0-9]+' 'the programs take the same file'
done_testing
