#!/bin/sh
# Twenty mistakes of setting up, each made, each named first, with its cure on
# the lines below.  mscheck shows them as the programs say them.
# shellcheck disable=SC2086,SC2153
. "${0%/*}/../lib/sh"
scripted_pki

app=33333333-aaaa-4bbb-8ccc-444444444444
oid=99999999-aaaa-4bbb-8ccc-000000000000
(umask 077; echo 'sec~ret' >secret)
endpoint_pid=
exchange_pid=

gone() {
	if [ "$1" ]; then
		kill "$1"
		finish "$1"
	fi
}
# chain ENDPOINT-LINE EXCHANGE-LINE: both servers, with these scenarios; one that has it already stays.
endpoint_line=
exchange_line=
chain() {
	if [ "$endpoint_line" != "${1:-ttl 3599}" ]; then
		gone "$endpoint_pid"
		endpoint_line=${1:-ttl 3599}
		endpoint_up -e "$endpoint_line"
	fi
	if [ "$exchange_line" != "${2:-messages 1}" ]; then
		gone "$exchange_pid"
		exchange_line=${2:-messages 1}
		exchange_up -e 'messages 3' -e "$exchange_line"
	fi
}
# check STATUS NAME CAUSE CURE [OPTIONS]: mscheck ends so, and names this cause first and this cure.
check() {
	want=$1 name=$2 cause=$3 cure=$4
	shift 4
	run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --host localhost --port "$exchange_port" \
	    --tenant contoso.example --client-id $app --timeout 20 "$@"
	is "$status" "$want" "$name: status $want" || show_run
	is "$(grep -m1 'hint: ' "$out_file" | grep -cE "$cause")" 1 "$name: named first" || show_run
	stdout_like "$cure" "$name: the cure"
	[ "$want" = 0 ] || stderr_like '^mscheck: [A-Za-z ]+: .' "$name: one line on standard error"
}
secret='--client-secret-file secret'
box='-u box@contoso.example'

chain 'on token: aadsts 90002'
check 78 'tenant misspelt' 'there is no tenant contoso.example' 'cure: set tenant to the "Directory \(tenant\) ID"' $secret $box
chain 'on token: aadsts 700016'
check 78 'client id of another tenant' "belongs to another tenant" 'cure: take tenant .* and client-id .* from one' $secret $box
chain 'on token: aadsts 7000215'
check 78 'secret ID for the secret value' 'most often its "Secret ID"' 'New client secret, copy the column "Value"' $secret $box
chain 'on token: aadsts 7000222'
check 78 'secret expired' 'the client secret has expired' 'make a new one there' $secret $box
chain 'on token: aadsts 700027'
check 78 'certificate not uploaded' 'not uploaded to this app' 'Upload certificate' --cert "$STAND_PKI/app1.pem" \
    --key "$STAND_PKI/app1.key" $box
chain 'on token: aadsts 1002012'
check 78 'scope without /.default' 'not one resource with /.default' 'set scope in the account, or leave it out' $secret $box \
    --scope https://outlook.office365.com
chain 'on token: aadsts 500011'
check 78 "wrong cloud's host" "host of another cloud" 'cure: leave scope out and set cloud' $secret $box --cloud gcc-high
# Entra's own clock stands in its answer.
chain "on token: error invalid_client AADSTS700024: Client assertion is not within its valid time range. Current time: $(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%S).0000000Z, assertion valid from"
check 78 'clock an hour off' 'clock of this machine is off by (59|60|61) minutes \(ahead\)' 'timedatectl set-ntp true' \
    --cert "$STAND_PKI/app1.pem" --key "$STAND_PKI/app1.key" $box

chain
(umask 077; echo 'sec~ret' >open; chmod 644 open; printf 'sec~ret\nsecond\n' >two; echo wrong >wrong.pass; cat "$STAND_PKI/app1.pem" >public.pem)
check 78 'secret file 0644' 'anybody on this machine can read the secret' 'chmod 600 open' --client-secret-file open $box
check 78 'secret file not there' 'not there for this user' 'it has not been written yet' --client-secret-file "no ~sec'ret" $box
sed -n 's/^ *hint: *\((umask 077; cat > .*)\)$/\1/p' "$out_file" >typed
echo 'sec~ret' | sh ./typed
is "$(stat -c %a:%s "no ~sec'ret")" 600:8 'secret file not there: the line writes it'
check 78 'secret with more than its line' 'more than the secret' 'cat > two' --client-secret-file two $box
check 78 'certificate without private key' 'the public half' 'cure: set key to the file with the private key' --cert public.pem $box
check 78 'wrong pass phrase' 'pass phrase in cert-pass-file is not' 'cat > PASS-FILE' --cert "$STAND_PKI/app1.p12" \
    --cert-pass-file wrong.pass $box

# A line end after the secret is no mistake any more.
printf 'sec~ret\n' >secret
run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --tenant contoso.example --client-id $app $secret
status_is 0 'secret with a trailing newline: taken off'
is "$(grep -o 'client_secret=[^&]*' "$endpoint_log" | tail -n 1)" 'client_secret=<7>' 'and not sent'

chain 'claims {"aud":"https://graph.microsoft.com"}' 'on authenticate: no AUTHENTICATE failed.'
check 77 'scope of Graph' 'set scope = "https://outlook.office365.com/.default"' 'audience +https://graph.microsoft.com is not Exchange' $secret $box
stdout_like 'hint: the token is for another service: its aud is https://graph.microsoft.com' 'scope of Graph: at the login, too'
chain 'omit roles' 'on authenticate: no AUTHENTICATE failed.'
check 77 'role missing from the token' 'API permissions > Add a permission' 'roles +IMAP.AccessAsApp is missing' $secret $box
stdout_like 'hint: the token does not have the role IMAP.AccessAsApp' 'role missing: at the login, too'
chain delegated 'on first: bad User is authenticated but not connected.'
check 77 'delegated token' 'use the credential of the app' 'roles +the token is delegated' $secret $box
stdout_like 'hint: the token is delegated .*stands for box@contoso.example' 'delegated token: at the mailbox, too'

chain '' 'on authenticate: no AUTHENTICATE failed.'
check 77 'Object ID of the app registration' "wrong Object ID \(that of the app registration" \
    "New-ServicePrincipal -AppId '$app' -ObjectId '$oid'" $secret $box
stdout_like 'Remove-ServicePrincipal' 'a wrong Object ID: removed first'
chain '' 'on first: bad User is authenticated but not connected.'
check 77 'no mailbox permission' 'no permission on the mailbox box@contoso.example' \
    "Add-MailboxPermission -Identity 'box@contoso.example' -User '$oid' -AccessRights FullAccess" $secret $box
stdout_like 'IMAP is switched off' 'IMAP disabled: among the causes'
stdout_like "to tell: ImapEnabled must be True" 'IMAP disabled: how to tell'
stdout_like "Set-CASMailbox -Identity 'box@contoso.example' -ImapEnabled .true" 'IMAP disabled: the cure'
stdout_like 'there is no mailbox box@contoso.example: misspelt' 'mailbox misspelt: among the causes'
stdout_like "Get-EXOMailbox -Identity 'box@contoso.example'" 'mailbox misspelt: how to tell'
check 77 'mailbox without a domain' 'box is no mailbox address' 'set user to NAME@DOMAIN' $secret -u box
stdout_like '\[ ok \] login|\[ ok \] connection' 'what held is said to hold'

# A mailbox that is misspelt, or a permission that is minutes old, may get the bare NO, too.
chain '' 'on authenticate: no AUTHENTICATE failed.'
check 77 'a bare NO' 'wrong Object ID' 'hint: 2. .*within the last two hours' $secret $box
stdout_like 'hint: 3. the mailbox box@contoso.example is misspelt' 'a bare NO: the mailbox, too'

# The clock, by the time in a token that was just made.
chain "claims {\"iat\":$(($(date +%s) + 3600))}"
run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --tenant contoso.example --client-id $app $secret
stdout_like '^\[warn\] clock +this machine is about (59|60) minutes behind' 'a clock that is behind'
chain "claims {\"iat\":$(($(date +%s) - 3600))}"
run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --tenant contoso.example --client-id $app $secret
stdout_like '^\[warn\] clock +this machine seems to be about (60|61) minutes ahead' 'a clock that is ahead'
stdout_like 'hint: set the clock' 'with the cure'
chain

# What is near its end is a warning.
(umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 10 -subj /CN=x -keyout soon.key -out soon.pem 2>/dev/null)
run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --tenant contoso.example --client-id $app --cert soon.pem --key soon.key
status_is 0 'a certificate near its end'
stdout_like '^\[warn\] credential .*soon.pem.*expires in (9|10) days' 'is a warning'

# The company's proxy: breaks up TLS, or refuses the port.
"$root/tests/stand/pki" bad "$STAND_PKI"
chain '' 'certificate bad/other-ca'
check 76 'company proxy that breaks up TLS' 'does not hold the authority|breaks up TLS' 'exempted from inspection' $secret $box
chain
relay_up "$exchange_port" -x http -R 403
run mscheck --authority "$endpoint_url" --ca-file "$STAND_CA" --host localhost --port "$exchange_port" \
    --tenant contoso.example --client-id $app $secret $box --proxy "http://localhost:$relay_port"
status_is 69 'company proxy that refuses: status 69'
stdout_like 'hint: .*lets nobody through' 'company proxy that refuses: the cause'
done_testing
