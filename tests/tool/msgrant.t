#!/bin/sh
# msgrant: the PowerShell it prints, quoting, what it says of the token, what it refuses.
# shellcheck disable=SC1112,SC2016,SC2119,SC2153
. "${0%/*}/../lib/sh"

cat >claims <<'X'
{"aud":"https://outlook.office365.com/","appid":"11111111-2222-3333-4444-555555555555","oid":"99999999-8888-7777-6666-555555555555",
 "app_displayname":"Mail o'matic","roles":["IMAP.AccessAsApp"],"tid":"77777777-0000-0000-0000-000000000000"}
X
app="'11111111-2222-3333-4444-555555555555'"
oid="'99999999-8888-7777-6666-555555555555'"
name="'Mail o''matic'"

run msgrant --claims claims sales@contoso.com support@contoso.com
status_is 0
is "$(grep '^[^#]' "$out_file" | grep -v '^$')" "Install-Module ExchangeOnlineManagement -Scope CurrentUser
Connect-ExchangeOnline
Get-ServicePrincipal | Where-Object { \$_.AppId -eq $app -and \$_.ObjectId -ne $oid } | ForEach-Object { Remove-ServicePrincipal -Identity \$_.ObjectId }
New-ServicePrincipal -AppId $app -ObjectId $oid -DisplayName $name
Add-MailboxPermission -Identity 'sales@contoso.com' -User $oid -AccessRights FullAccess
Add-MailboxPermission -Identity 'support@contoso.com' -User $oid -AccessRights FullAccess
Get-ServicePrincipal | Where-Object { \$_.AppId -eq $app } | Format-List DisplayName,AppId,ObjectId
Get-MailboxPermission -Identity 'sales@contoso.com' | Format-List User,AccessRights
Get-CASMailbox -Identity 'sales@contoso.com' | Format-List ImapEnabled,ImapUseProtocolDefaults,ImapMessagesRetrievalMimeFormat,ImapForceICalForCalendarRetrievalOption,ImapSuppressReadReceipt
Get-MailboxPermission -Identity 'support@contoso.com' | Format-List User,AccessRights
Get-CASMailbox -Identity 'support@contoso.com' | Format-List ImapEnabled,ImapUseProtocolDefaults,ImapMessagesRetrievalMimeFormat,ImapForceICalForCalendarRetrievalOption,ImapSuppressReadReceipt" \
    'the commands, and nothing else outside comments'
for what in '-ServiceId' 'public client flows' 'ImapSuppressReadReceipt: ' 'ImapForceICalForCalendarRetrievalOption: ' \
    'IMAP.AccessAsApp: right' 'Grant admin consent' 'not Secret ID' 'Set-ServicePrincipal' 'two hours'; do
	stdout_like "$(printf '%s' "$what" | sed 's/[.]/\\&/g')" "it speaks of $what"
done

# Any address is one quoted word; U+2018 to U+201B end a string in PowerShell, too.
run msgrant --claims claims "o'neil@contoso.com" 'x‘; Remove-Item ’‚‛ $(y) `z` "@contoso.com' '--'
status_is 0
stdout_like "^Add-MailboxPermission -Identity 'o''neil@contoso.com' -User" 'a quote is doubled'
stdout_like '^Add-MailboxPermission -Identity .x‘‘; Remove-Item ’’‚‚‛‛ \$\(y\) `z` "@contoso.com. -User' 'curly quotes are doubled'
run msgrant --claims claims -- -dash@contoso.com
stdout_like "^Add-MailboxPermission -Identity '-dash@contoso.com'" 'an address may begin with a dash'
run msgrant --claims claims "a
Remove-Mailbox b"
status_is 64 'a line end in an address is refused'
stdout_is '' 'and nothing printed'
jq '.app_displayname = "x\nRemove-Mailbox y\u202e"' claims >odd
run msgrant --claims odd a@b.c
status_is 0
stdout_unlike '^Remove-Mailbox' 'a line end in the name of the app stays in its line'

run msgrant --remove --claims claims sales@contoso.com
status_is 0
stdout_like "^Remove-MailboxPermission -Identity 'sales@contoso.com' -User $oid -AccessRights FullAccess" 'how to undo it'
stdout_like "^#Remove-ServicePrincipal -Identity $oid" 'the app itself stays, unless asked for'
run msgrant --remove --claims claims
stdout_like "^Remove-ServicePrincipal -Identity $oid" 'without a mailbox: the app itself'

jq '.aud = "https://outlook.office365.us" | .roles = []' claims >odd
run msgrant --claims odd a@b.c
status_is 0
stdout_like '^Connect-ExchangeOnline -ExchangeEnvironmentName O365USGovGCCHigh' "the cloud of the token's audience"
stdout_like 'IMAP.AccessAsApp is MISSING' 'a missing role is said'
stdout_like 'portal.azure.us' 'its portal'
run msgrant --claims claims --cloud china a@b.c
stdout_like '^Connect-ExchangeOnline -ExchangeEnvironmentName O365China' 'or the one that is named'
run msgrant --claims claims --cloud chnia a@b.c
status_is 64 'a cloud that there is not'
stdout_is '' 'nothing is printed for another one'
mkdir beside
cp "$root/scripts/msgrant" beside/ && ln -s "$BUILD/bin/mstoken" beside/mstoken
run env PATH=/usr/bin:/bin beside/msgrant -V
stdout_like '^msgrant .mstools. [0-9]' 'it finds mstoken beside itself, also for --version'
jq '.aud = "https://graph.microsoft.com"' claims | { msgrant --claims - a@b.c >"$out_file"; }
stdout_like 'NOT Exchange Online' "another service's audience is said"

jq 'del(.oid)' claims >odd
run msgrant --claims odd a@b.c
status_is 78 'no oid: refused'
stderr_like '^hint: .*adminconsent' 'with the cure'
jq '.scp = "IMAP.AccessAsUser.All" | del(.roles)' claims >odd
run msgrant --claims odd a@b.c
status_is 78 'a delegated token: refused'
stderr_like '^hint: .*app-only' 'with the cure'
run msgrant --claims /dev/null a@b.c
status_is 78 'no claims'
run msgrant --claims nowhere a@b.c
status_is 66 'no such file'
run msgrant --claims
status_is 64 'an option without its value'

# The token of a real issuer.
stand_up issuer
stand_config </dev/null
run msgrant -a work sales@contoso.example
status_is 0 'with mstoken'
stdout_like "^New-ServicePrincipal -AppId '$STAND_CLIENT_ID' -ObjectId '$STAND_OBJECT_ID' " 'the IDs of its token'
run msgrant -a nobody sales@contoso.example
status_is 78 "mstoken's status is passed on"
stderr_like '^mstoken: ' 'with what it said'
stderr_like '^msgrant: no token' 'and ours'
done_testing
