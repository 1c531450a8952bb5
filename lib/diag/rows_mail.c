/*
 * diag: folders, fetching, marking.
 *
 * Texts of Exchange: imapsync #198, #250, #459, imapsync FAQ.Office365,
 * offlineimap #62, MailKit #555, #808, #834, node-imap #602, nextcloud/mail #6038.
 */
#include "diag/table.h"

/* clang-format off */

#define FOLDER	S(STAGE_FOLDER)
#define FETCH	S(STAGE_FETCH)
#define MARK	S(STAGE_MARK)
#define SESSION	(FOLDER | FETCH | MARK)

static const struct diag_row rows[] = {
{
	.stages = SESSION, .pattern = "AccessTokenExpired|token*expired|token has run out",
	.sample = "BYE Session invalidated - AccessTokenExpired",
	.cause = {
		{ .cond = COND_STDIN,
		  .cause = "the run took longer than the token lives (60 to 90 minutes); all that came before is safe",
		  .cure = "run again, it goes on where it ended; or let newer tokens come by themselves:\n"
		    "\t{mstoken} --follow | msfetch ...\n"
		    "or set token-cmd in {config}" },
		{ .cause = "the token command or file gave no newer token",
		  .cure = "let token-cmd be mstoken itself (it minds MSTOOLS_REFUSED); a token-file must be written anew "
		    "by somebody:\n\t{mstoken} --force --json" },
	},
},
{
	.stages = SESSION, .pattern = "authenticated but not connected",
	.sample = "BAD User is authenticated but not connected.",
	.cause = {
		{ .cause = "the permission on {user} was taken away, or IMAP switched off, while connected",
		  .tell = "\tGet-MailboxPermission -Identity {ps:user}\n\tGet-CASMailbox -Identity {ps:user} | Format-List Imap*",
		  .cure = "run msgrant for the commands that give it" },
		{ .cause = "too many connections to {user} at once", .cure = "-j 1, and fewer programs at a time" },
	},
},
{
	.stages = SESSION, .pattern = "Connection is closed. 13",
	.sample = "BYE Connection is closed. 13",
	.cause = {
		{ .cause = "Exchange ended the session (idle for long, or its end of life)",
		  .cure = "nothing: the next run goes on where this one ended" },
	},
},
{
	.stages = SESSION, .pattern = "Connection closed. 14|too many errors",
	.sample = "BYE Connection closed. 14",
	.cause = {
		{ .cause = "Exchange counted about ten errors on one connection and closed it",
		  .tell = "which ones?\n\tmsfetch --trace FILE ...",
		  .cure = "the next run goes on where this one ended; --no-pipeline, if it comes back" },
	},
},
{
	.stages = SESSION, .pattern = "Server Unavailable|[UNAVAILABLE]|[SERVERBUG]|Internal server error",
	.sample = "NO Server Unavailable. 15",
	.cause = {
		{ .cause = "the server behind the mailbox is ill, or the mailbox is over its quota",
		  .tell = "\tGet-EXOMailboxStatistics -Identity {ps:user} | Format-List TotalItemSize,IsQuarantined",
		  .cure = "nothing: the next run tries again; a single message that always fails is quarantined, and named" },
	},
},
{
	.stages = SESSION, .pattern = "Command Error. 10|Command Argument Error|BADCHARSET",
	.sample = "BAD Command Argument Error. 11",
	.title = "\"Command Error. 10\", \"Command Argument Error. 11\" or \"12\", BADCHARSET",
	.cause = {
		{ .cause = "Exchange does not take this form of command: a keyword flag, a search with CHARSET or non-ASCII "
		    "words, nested OR, or a folder name it dislikes",
		  .tell = "the talk, secrets masked:\n\tmsls --trace FILE ...",
		  .cure = "simpler --search criteria in ASCII (filter the rest with grep or awk); only system flags" },
	},
},
{
	.stages = FOLDER | MARK, .pattern = "reserved",
	.sample = "NO Folder name is reserved",
	.cause = {
		{ .cause = "Exchange keeps this name for itself (Files, Calendar, Contacts and others)",
		  .cure = "choose another name for --move" },
	},
},
{
	.stages = FOLDER | MARK, .kinds = K(ERR_NOENT),
	.sample = "no such folder",
	.title = "a folder that does not exist",
	.cause = {
		{ .cause = "there is no folder {subject}: misspelt, or named in the mailbox's own language",
		  .tell = "all folders and their attributes:\n\tmstoken ... | msls",
		  .cure = "copy the name from there (levels are separated by \"/\"), or name it by attribute: -F '\\Sent', "
		    "'\\Trash', '\\Drafts', '\\Junk'; msmark --create makes a missing --move target" },
	},
},
{
	.stages = FOLDER, .pattern = "UIDVALIDITY|UIDNEXT was",
	.sample = "UIDVALIDITY was 14 and is 15: the server has numbered its messages anew",
	.cause = {
		{ .cause = "the mailbox or folder was made anew (moved, restored, migrated): the server's UIDs mean other messages now",
		  .tell = "\tGet-MoveRequest -Identity {ps:user}",
		  .cure = "what was delivered before is recognised by its date and Message-ID where it can be, in the next run; a folder "
		    "that stays refused is begun anew with --baseline, or in another Maildir" },
	},
},
{
	.stages = MARK, .pattern = "unknown",
	.sample = "the answer to MOVE was lost: unknown whether it happened",
	.cause = {
		{ .cause = "the connection broke after the command was sent and before its answer",
		  .cure = "run msmark again with the same receipts: it looks first, and \"gone\" is then the proof" },
	},
},
{
	.stages = SESSION, .pattern = "stall|timed out|time-out|no data|KiB/s|slow",
	.sample = "stalled: less than 1 KiB/s over 60 s",
	.cause = {
		{ .cause = "the network or Exchange is slow, or a firewall forgot the connection",
		  .cure = "the next run goes on where this one ended; timeout in {config} says how long to wait" },
	},
},
{
	.stages = SESSION, .pattern = "reset|cut|closed|EOF|close_notify|broken pipe|lost|ended",
	.sample = "connection cut in the middle of a message",
	.cause = {
		{ .cause = "the connection broke; nothing half-received was delivered",
		  .cure = "the next run goes on where this one ended; if it comes back at the same message, --no-pipeline and "
		    "-j 1 narrow it down" },
	},
},
{
	.stages = FETCH, .pattern = "quarantined|substitute|could not retrieve|couldn't retrieve|no data",
	.kinds = K(ERR_DATA),
	.sample = "UID 4711 quarantined: the server answers OK without the message",
	.title = "a message is quarantined",
	.cause = {
		{ .cause = "Exchange cannot render this message for IMAP (often a meeting request or a damaged item)",
		  .tell = "open it in Outlook on the web, folder {folder}",
		  .cure = "nothing has to be done: it is tried again later and less and less often; forwarding or deleting it there "
		    "ends it. All other messages were fetched" },
	},
},
{
	.stages = MARK, .pattern = "PERMANENTFLAGS|permanent",
	.sample = "the folder's PERMANENTFLAGS do not hold \\Answered",
	.cause = {
		{ .cause = "this folder does not keep that flag, or is read-only for the app",
		  .tell = "FullAccess must be among the rights:\n"
		    "\tGet-MailboxPermission -Identity {ps:user} | Format-List User,AccessRights",
		  .cure = "give FullAccess, or use a folder as the mark: --move Processed" },
	},
},
{
	.stages = MARK, .pattern = "read-only|readonly",
	.sample = "the folder can only be opened read-only",
	.cause = {
		{ .cause = "the app may read this folder but not change it",
		  .cure = "an Exchange administrator:\n"
		    "\tAdd-MailboxPermission -Identity {ps:user} -User {ps:oid} -AccessRights FullAccess" },
	},
},
{
	.stages = MARK, .pattern = "UIDPLUS",
	.sample = "the server has neither MOVE nor UIDPLUS",
	.cause = {
		{ .cause = "without UIDPLUS a delete would also remove what others have marked; so it is refused",
		  .cure = "this is not Exchange Online (which has both): leave host out, or use --seen or --flag instead" },
	},
},
{
	.stages = MARK, .pattern = "UIDVALIDITY|INTERNALDATE|another message|differs",
	.sample = "refused: UIDVALIDITY is 15, the receipt says 14",
	.cause = {
		{ .cause = "the receipt is older than the folder: it was made anew, and its UIDs mean other messages now",
		  .cure = "run msfetch again (it adopts what it can) and use the receipts that it writes; old ones stay refused" },
	},
},
{
	.stages = FOLDER | MARK, .kinds = K(ERR_REFUSED) | K(ERR_CONFIG),
	.sample = "the server refuses this folder",
	.title = "a folder is refused, or anything else refused about folders and marking",
	.cause = {
		{ .cause = "the app's permission does not reach this folder",
		  .tell = "FullAccess must be among the rights:\n"
		    "\tGet-MailboxPermission -Identity {ps:user} | Format-List User,AccessRights",
		  .cure = "an Exchange administrator:\n"
		    "\tAdd-MailboxPermission -Identity {ps:user} -User {ps:oid} -AccessRights FullAccess" },
	},
},
{
	.stages = SESSION, .kinds = K(ERR_PROTO) | K(ERR_UNAVAIL) | K(ERR_REFUSED) | K(ERR_CONFIG),
	.sample = "a reply that is not IMAP",
	.title = "anything else while talking to the mailbox",
	.cause = {
		{ .cause = "the server said something that does not belong here",
		  .tell = "the talk, secrets masked:\n\tmsfetch --no-pipeline --trace FILE ...",
		  .cure = "the next run tries again; with --no-pipeline one command at a time is sent" },
	},
},
};
/* clang-format on */

const struct diag_section diag_section_mail = { "Folders, fetching, marking", rows,
	sizeof rows / sizeof rows[0] };
