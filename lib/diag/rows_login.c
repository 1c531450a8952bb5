/*
 * diag: a token's claims; login, and the first command after it, where Exchange Online says
 * almost nothing and the token says nearly all.
 *
 * Sources: office-developer-exchange-docs, "Authenticate an IMAP, POP or SMTP
 * connection using OAuth" (service principal, Object ID, permissions);
 * imapsync #250, MailKit #1135, email-oauth2-proxy #275 (not connected);
 * OPS New-ServicePrincipal, Add-MailboxPermission, Set-CASMailbox.
 */
#include "diag/table.h"

/* clang-format off */

#define CLAIMS	S(STAGE_CLAIMS)
#define LOGIN	S(STAGE_LOGIN)
#define FIRST	S(STAGE_FIRST)
#define BOTH	(LOGIN | FIRST)

#define IN_EXCHANGE "an Exchange administrator, after Connect-ExchangeOnline (msgrant prints all of it):\n"
#define ADD_PERMISSION \
	"\tAdd-MailboxPermission -Identity {ps:user} -User {ps:oid} -AccessRights FullAccess"

#define SCOPE_CURE \
	"set scope = \"https://outlook.office365.com/.default\", or leave scope out and set cloud; then a fresh token:\n" \
	"\t{mstoken} --force --claims"
#define APP_PERMISSIONS \
	"entra.microsoft.com > App registrations > the app with client ID {appid} > API permissions"
#define GRANT_ROLE \
	APP_PERMISSIONS " > Add a permission > APIs my organization uses > Office 365 Exchange Online > " \
	"Application permissions > IMAP.AccessAsApp, then \"Grant admin consent\"; then a fresh token:\n" \
	"\t{mstoken} --force --claims"

/* What the token itself gives away; the same for a bare NO and for "not connected". */
#define TOKEN_CAUSES \
	{ .cond = COND_EXPIRED, \
	  .cause = "the token ran out at {exp}", \
	  .tell = "its exp is past (and the clock of this machine is right: date -u)", \
	  .cure = "get a fresh one for each run:\n\t{mstoken} | ..." }, \
	{ .cond = COND_AUD, \
	  .cause = "the token is for another service: its aud is {aud}, not https://outlook.office365.com " \
	    "(scope of Graph?)", \
	  .tell = "aud in\n\t{mstoken} --claims", \
	  .cure = SCOPE_CURE }, \
	{ .cond = COND_ROLE, \
	  .cause = "the token does not have the role IMAP.AccessAsApp (roles: {roles})", \
	  .tell = "roles in\n\t{mstoken} --claims", \
	  .cure = GRANT_ROLE }

static const struct diag_row rows[] = {
/* --- the token's claims --- */
{
	.stages = CLAIMS, .pattern = "opaque",
	.sample = "the token is opaque: only Microsoft can read its claims",
	.cause = {
		{ .cause = "tokens of personal accounts (outlook.com) are not made to be read; they may work all the same",
		  .cure = "nothing; for an organisation's mailbox set tenant to its directory ID" },
	},
},

/* --- login --- */
{
	.stages = BOTH | S(STAGE_FOLDER) | S(STAGE_FETCH) | S(STAGE_MARK),
	.pattern = "throttled|backoff time|not before",
	.sample = "Request is throttled. Suggested Backoff Time: 92415 milliseconds",
	.cause = {
		{ .cause = "Exchange wants a pause for this mailbox; it is not a fault of the set-up",
		  .tell = "other programs that read {user} at the same time (backups, clients) share its allowance",
		  .cure = "nothing: the next run that comes after the pause goes on where this one ended, and none "
		    "connects before. Run less often, with -j 1, or raise max-backoff to wait within the run" },
	},
},
{
	.stages = BOTH, .pattern = "authenticated but not connected|not connected",
	.sample = "BAD User is authenticated but not connected.",
	.cause = {
		{ .cond = COND_USER_FORM,
		  .cause = "{user} is no mailbox address (Exchange wants the primary SMTP address of the mailbox; "
		    "user\\shared and shared/user do not work with OAuth)",
		  .cure = "set user to NAME@DOMAIN; for a shared mailbox its own address" },
		{ .cond = COND_DELEGATED,
		  .cause = "the token is delegated (scp {scp}): it stands for {upn} and opens only mailboxes that this person may open",
		  .tell = "scp in\n\t{mstoken} --claims",
		  .cure = "use the app's own credential (client-secret-file, or cert and key), or give that person "
		    "access:\n\tAdd-MailboxPermission -Identity {ps:user} -User {ps:upn} -AccessRights FullAccess" },
		{ .cause = "the app has no permission on the mailbox {user}",
		  .tell = "no line shows the app's name or ID:\n"
		    "\tGet-MailboxPermission -Identity {ps:user} | Format-List User,AccessRights",
		  .cure = IN_EXCHANGE ADD_PERMISSION },
		{ .cause = "there is no mailbox {user}: misspelt, an alias or a group, or deleted",
		  .tell = "prints the mailbox, and its address, if there is one:\n"
		    "\tGet-EXOMailbox -Identity {ps:user} | Format-List PrimarySmtpAddress,RecipientTypeDetails",
		  .cure = "set user to the PrimarySmtpAddress" },
		{ .cause = "IMAP is switched off for the mailbox (some plans begin so), or by an authentication policy",
		  .tell = "ImapEnabled must be True, BlockModernAuthImap not True:\n"
		    "\tGet-CASMailbox -Identity {ps:user} | Format-List ImapEnabled\n"
		    "\tGet-AuthenticationPolicy | Format-List Name,BlockModernAuthImap",
		  .cure = IN_EXCHANGE "\tSet-CASMailbox -Identity {ps:user} -ImapEnabled $true" },
		{ .cause = "the permission was given or IMAP switched on within the last two hours and is not known "
		    "everywhere yet",
		  .cure = "try again later:\n\t{mscheck}" },
		{ .cause = "too many connections to {user} at once (Exchange says the same then)",
		  .tell = "it comes and goes; another program holds this mailbox open",
		  .cure = "-j 1, and fewer programs at a time: Exchange allows about 16 connections to a mailbox, all together" },
	},
},
{
	.stages = BOTH, .pattern = "AccessTokenExpired|token*expired",
	.sample = "BYE Session invalidated - AccessTokenExpired",
	.title = "the token runs out at login: \"BYE Session invalidated - AccessTokenExpired\"",
	.cause = {
		{ .cause = "the token ran out",
		  .cure = "use token-cmd, which is run again by itself, or a stream of tokens:\n"
		    "\t{mstoken} --follow | ..." },
	},
},
{
	.stages = BOTH, .pattern = "Server Unavailable|Connection*closed|BYE|[UNAVAILABLE]|unavailable",
	.sample = "NO Server Unavailable. 15",
	.title = "\"Server Unavailable. 15\", \"Connection is closed. 13\", \"Connection closed. 14\" at login",
	.cause = {
		{ .cause = "the server behind the mailbox is ill or busy, or the mailbox is being moved",
		  .tell = "admin.microsoft.com > Health > Service health; or\n"
		    "\tGet-MoveRequest -Identity {ps:user}",
		  .cure = "nothing: the next run tries again" },
		{ .cause = "too many connections to {user} at once",
		  .cure = "-j 1, and fewer programs at a time" },
	},
},
{
	.stages = BOTH | S(STAGE_FOLDER) | S(STAGE_FETCH), .pattern = "Invalid state",
	.sample = "BAD Command received in Invalid state.",
	.cause = {
		{ .cause = "Exchange does not regard the connection as logged in, though it said so",
		  .tell = "the talk, secrets masked:\n\t{mscheck} -v",
		  .cure = "the next run tries again; if it lasts, it is \"authenticated but not connected\": permission, "
		    "ImapEnabled and spelling of {user} (msgrant prints the commands)" },
	},
},
{
	.stages = LOGIN, .kinds = K(ERR_REFUSED) | K(ERR_CONFIG),
	.sample = "NO AUTHENTICATE failed.",
	.cause = {
		TOKEN_CAUSES,
		{ .cond = COND_SCP,
		  .cause = "the token is delegated and its scp has no IMAP.AccessAsUser.All (scp: {scp})",
		  .tell = "scp in\n\t{mstoken} --claims",
		  .cure = "use the app's own credential (client-secret-file, or cert and key), or ask for "
		    "https://outlook.office.com/IMAP.AccessAsUser.All when signing in" },
		{ .cond = COND_CLOUD,
		  .cause = "the token is for {aud}, but the IMAP host is {host}: two different national clouds",
		  .tell = "aud in\n\t{mstoken} --claims",
		  .cure = "leave host and scope out and set cloud (global, gcc-high, dod, china)" },
		{ .cond = COND_NO_OID,
		  .cause = "the token has no oid: the app has no enterprise application in tenant {tenant}",
		  .cure = "an administrator of the tenant opens:\n"
		    "\thttps://login.microsoftonline.com/{tenant}/v2.0/adminconsent?client_id={appid}"
		    "&redirect_uri=https://localhost&scope=https://ps.outlook.com/.default" },
		{ .cause = "Exchange does not know the app {appid}, or knows it by a wrong Object ID (that of the app "
		    "registration instead of the enterprise application's, which is {oid}). The aud, roles and times of "
		    "the token are right, so this is the likeliest",
		  .tell = "ObjectId must be {oid}:\n"
		    "\tGet-ServicePrincipal | Where-Object AppId -eq {ps:appid} | Format-List AppId,ObjectId",
		  .cure = IN_EXCHANGE
		    "\tRemove-ServicePrincipal -Identity 'WRONG-OBJECT-ID'   # only if there was a wrong one: Set- cannot change it\n"
		    "\tNew-ServicePrincipal -AppId {ps:appid} -ObjectId {ps:oid} -DisplayName {ps:displayname}\n"
		    ADD_PERMISSION "\n"
		    "and, if a role or permission changed within the last hour, a fresh token:\n"
		    "\t{mstoken} --force" },
		{ .cause = "the app was made known to Exchange (New-ServicePrincipal) within the last two hours, and not all of "
		    "its servers know yet",
		  .tell = "the command above shows {oid} already",
		  .cure = "try again later:\n\t{mscheck}" },
		{ .cause = "the mailbox {user} is misspelt, or belongs to another tenant than {tenant}",
		  .tell = "prints the mailbox if there is one:\n"
		    "\tGet-EXOMailbox -Identity {ps:user} | Format-List PrimarySmtpAddress,RecipientTypeDetails",
		  .cure = "set user to the PrimarySmtpAddress, and tenant to the mailbox's own" },
	},
},
{
	.stages = LOGIN, .kinds = K(ERR_PROTO),
	.sample = "BAD unknown command",
	.title = "the server says BAD to AUTHENTICATE XOAUTH2",
	.cause = {
		{ .cause = "{host} is not Exchange Online: another server, or an old Exchange on the premises",
		  .tell = "Exchange Online greets with \"Microsoft Exchange IMAP4 service\", and offers AUTH=XOAUTH2:\n"
		    "\tprintf 'a CAPABILITY\\r\\nb LOGOUT\\r\\n' | openssl s_client -quiet -ign_eof -connect {sh:host}:993",
		  .cure = "leave host out and set cloud (global, gcc-high, dod, china)" },
	},
},
{
	.stages = BOTH, .kinds = K(ERR_AGAIN) | K(ERR_UNAVAIL),
	.sample = "no answer within 60 s",
	.title = "the connection breaks, or nothing comes, at login",
	.cause = {
		{ .cause = "the connection broke, or nothing came: the server is busy, or something in between (a firewall, a "
		    "scanner) lets the first bytes through and no more",
		  .tell = "it comes back at each try only with the latter:\n\t{mscheck} -v",
		  .cure = "the next run tries again; if it lasts, have {host}:993 let through unchanged" },
	},
},
{
	.stages = LOGIN,
	.sample = "the answer to AUTHENTICATE cannot be parsed",
	.title = "anything else at login",
	.cause = {
		{ .cause = "the server's answer to the login is one that this table does not know",
		  .tell = "the talk, secrets masked:\n\t{mscheck} -v",
		  .cure = "look into the token ({mstoken} --claims) and walk the whole chain:\n\t{mscheck}" },
	},
},
{
	.stages = FIRST,
	.sample = "NO something new",
	.title = "anything else at the first command after login",
	.cause = {
		{ .cause = "the login was accepted, the mailbox was not opened: most often the permission on {user} is missing, "
		    "its name misspelt, or IMAP switched off for it",
		  .tell = "\tGet-MailboxPermission -Identity {ps:user}\n\tGet-CASMailbox -Identity {ps:user} | Format-List Imap*",
		  .cure = IN_EXCHANGE ADD_PERMISSION },
	},
},
};
/* clang-format on */

const struct diag_section diag_section_login = { "The token's claims, login, and the first command after it",
	rows, sizeof rows / sizeof rows[0] };
