#!/bin/sh
# msfleet: many mailboxes at once on the stand, its summary and status, GNU parallel.
# shellcheck disable=SC2086,SC2119,SC2153
. "${0%/*}/../lib/sh"
stand_up

mkdir -p "$HOME/.config/mstools"
cat >"$HOME/.config/mstools/config" <<X
authority = "$STAND_AUTHORITY"
tenant = "$STAND_TENANT"
client-id = "$STAND_CLIENT_ID"
client-secret-file = "$STAND_SECRET_FILE"
ca-file = "$STAND_CA"
host = localhost
port = $STAND_IMAP_PORT
account sales { user = sales@contoso.example
	maildir = "$T/sales"
	token-cmd = "mstoken -a sales"
}
account support { user = support@contoso.example
	maildir = "$T/support"
}
account bad { user = bad@contoso.example
	maildir = "$T/config/none"
}
account lookonly { user = x@contoso.example
}
X
for m in 1 2 3; do printf 'Subject: %s\n\nbody\n' $m >m$m; done
stand save sales@contoso.example INBOX m1 m2
stand save support@contoso.example INBOX m3
stand save info@contoso.example INBOX m1 m2 m3

run msfleet sales support
status_is 0
stdout_lines 2 'a line for each'
stdout_like "^sales	sales@contoso.example	0	2	[0-9]+	[0-9]+	-\$" 'account, mailbox, status, messages, bytes, seconds'
stdout_like "^support	support@contoso.example	0	1	" "the other, whose token comes from mstoken"
is "$(find sales/new support/new -type f | wc -l)" 3 'the messages are there'

run msfleet --all
status_is 73 'the weightiest status'
stdout_lines 3 'accounts with a maildir'
stdout_like '^bad	bad@contoso.example	73	0	0	[0-9]+	.*none' 'what went wrong'
stderr_like '^bad: msfetch: ' 'and all that it said, the account before it'
stderr_like '^msfleet: not all' 'and ours'
mkdir counting
cat >counting/mscheck <<X
#!/bin/sh
echo x >>"$T/asked"
exec "$root/scripts/mscheck" "\$@"
X
chmod +x counting/mscheck
PATH=$T/counting:$PATH msfleet --all >counted 2>&1
ok 'the settings of an account are asked for once, to choose and to run it' [ "$(wc -l <asked)" -le 8 ]
run msfleet --all -q
stdout_lines 1 '--quiet: only what failed'

run msfleet -r got -j 1 "sales:info@contoso.example" -- --state "$T/info.db" --max 2 "$T/info"
status_is 0 'a mailbox of an account, and options of msfetch'
stdout_like '^sales	info@contoso.example	0	2	' 'counted'
is "$(wc -l <'got/sales:info@contoso.example')" 2 'receipts are kept'
run msfleet -r got -j 1 "sales:info@contoso.example" -- --state "$T/info.db" "$T/info"
stdout_like '^sales	info@contoso.example	0	1	' 'the next run counts its own alone'
is "$(wc -l <'got/sales:info@contoso.example')" 3 'and appends'

# Two mailboxes are distinct jobs, the same one twice is one.
printf '# jobs\nsupport\tinfo@contoso.example\t%s/a\nsupport\tsales@contoso.example\t%s/b\n\nsupport\tsales@contoso.example\t%s/b\n' \
    "$T" "$T" "$T" >list.jobs
run msfleet -f list.jobs
status_is 0 'jobs of a file'
stdout_lines 2 'each once'
is "$(find a/new -type f | wc -l) $(find b/new -type f | wc -l)" '3 2' 'each in its Maildir'
run msfleet -f - <list.jobs
status_is 0 'or of standard input'

if command -v parallel >/dev/null; then
	run msfleet -S : -f list.jobs
	status_is 0 'by GNU parallel'
	stdout_lines 2 'a line for each'
	run msfleet -S no-such-host.invalid sales
	status_is 69 'a machine that does not answer'
	stdout_like '^sales	-	69	' 'is said'
	stderr_like '^hint: ' 'with a hint'
else
	skip 'by GNU parallel' 'it is not installed'
fi

run msfleet
status_is 64 'no account'
run msfleet -j 0 sales
status_is 64 '-j 0'
run msfleet -f nowhere
status_is 66 'no such file'
run msfleet nobody
status_is 78 'an account that is not there'
stderr_like '^nobody: hint: ' 'with its hint'
run msfleet "o'neil \$(touch pwned)"
status_is 78 'odd names'
ok 'are only names' [ ! -e pwned ]
done_testing
