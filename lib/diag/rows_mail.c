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
	.stages = FETCH, .kinds = K(ERR_CONFIG), .pattern = "in a row were rejected",
	.sample = "5 messages in a row were rejected, and the run stops: the command of --pipe exited with 1",
	.title = "--pipe: five messages in a row were rejected",
	.cause = {
		{ .cause = "the --pipe command refuses whatever it gets: its rules or its set-up are wrong, not the messages",
		  .tell = "run it by hand, as the same user:\n\tsh -c 'COMMAND' < FILE; echo $?",
		  .cure = "let it end with 75 for what it cannot do just now; nothing was lost, and none of these messages was put aside" },
	},
},
{
	.stages = FETCH, .kinds = K(ERR_CONFIG), .pattern = "the run stops",
	.sample = "the run stops: the command of --pipe exited with 127 (message 5)",
	.title = "--pipe: the command cannot be run (64, 78, 126, 127)",
	.cause = {
		{ .cause = "the filter command is not there, is not executable, or complains about its own set-up (64, 78)",
		  .tell = "run it by hand, as the same user:\n\tsh -c 'COMMAND' < FILE; echo $?",
		  .cure = "use absolute paths (cron has a short PATH). Nothing was lost: the message comes again" },
	},
},
{
	.stages = FETCH, .kinds = K(ERR_AGAIN), .pattern = "left for later",
	.sample = "1 message was left for later; last: the command of --pipe exited with 75",
	.title = "--pipe: messages are left for later (71, 73, 74, 75, a signal, too long)",
	.cause = {
		{ .cause = "the --pipe command could not take them just now: a full disk, a lock, a service that is down, or it "
		    "took too long",
		  .tell = "what it said itself stands above; by hand, as the same user:\n\tsh -c 'COMMAND' < FILE; echo $?",
		  .cure = "nothing, if it passes: the next run gives it the same messages again" },
	},
},
{
	.stages = FETCH, .kinds = K(ERR_DATA), .pattern = "quarantined*the command of --pipe",
	.sample = "message 5 is quarantined, and tried again from time to time: the command of --pipe exited with 1",
	.title = "--pipe: a message is rejected, and quarantined",
	.cause = {
		{ .cause = "the --pipe command rejected this message (a status that is neither 0 nor one of those for later or stop), "
		    "and took others",
		  .tell = "fetch it into a Maildir of its own, and give it to the command by hand:\n"
		    "\tsh -c 'COMMAND' < FILE; echo $?",
		  .cure = "mend the command's rules: the message comes again, later and later; 0 accepts it for good" },
	},
},
{
	.stages = FETCH, .pattern = "quarantined",
	.kinds = K(ERR_DATA),
	.sample = "message 4711 is quarantined, and tried again from time to time: the server answers OK without the message",
	.title = "a message is quarantined",
	.cause = {
		{ .cause = "Exchange cannot render this message for IMAP (often a meeting request or a damaged item)",
		  .tell = "open it in Outlook on the web, folder {folder}",
		  .cure = "nothing has to be done: it is tried again later and less and less often; forwarding or deleting it there "
		    "ends it. All other messages were fetched" },
	},
},
{
	.stages = SESSION, .pattern = "AccessTokenExpired|token*expired|token has run out",
	.sample = "BYE Session invalidated - AccessTokenExpired",
	.title = "the token runs out in mid-run: \"BYE Session invalidated - AccessTokenExpired\"",
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
		  .cure = "nothing: the next run tries again; a message that fails while others come is quarantined, and named" },
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
	.stages = FOLDER | MARK, .pattern = "denied|[NOPERM]|[CANNOT]|cannot be made|cannot be opened",
	.sample = "Permission denied",
	.title = "a folder is refused: \"Permission denied\", \"the folder cannot be made\" or \"opened\"",
	.cause = {
		{ .cause = "the app's permission does not reach this folder",
		  .tell = "FullAccess must be among the rights:\n"
		    "\tGet-MailboxPermission -Identity {ps:user} | Format-List User,AccessRights",
		  .cure = "an Exchange administrator:\n"
		    "\tAdd-MailboxPermission -Identity {ps:user} -User {ps:oid} -AccessRights FullAccess" },
	},
},
{
	.stages = FOLDER | MARK, .kinds = K(ERR_NOENT),
	.sample = "no such folder",
	.title = "a folder that does not exist",
	.cause = {
		{ .cause = "there is no folder {subject}: misspelt, or named in the mailbox's own language",
		  .tell = "all folders and their attributes:\n\t{mstoken} | {msls}",
		  .cure = "copy the name from there (levels are separated by \"/\"), or name it by attribute: -F '\\Sent', "
		    "'\\Trash', '\\Drafts', '\\Junk'; msmark --create makes a missing --move target" },
	},
},
{
	.stages = FOLDER, .pattern = "UIDVALIDITY changed|made anew",
	.sample = "UIDVALIDITY changed from 14 to 15 during the run",
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
		{ .cause = "something on the way (a proxy, a firewall, a tunnel) ends each connection after so many bytes or minutes, "
		    "and a message is longer than that",
		  .tell = "it is one of the longest in the folder, and from another network it comes:\n"
		    "\t{mstoken} | {msls} {sh:folder}",
		  .cure = "have that limit raised, or fetch from elsewhere; what is short enough has been fetched" },
	},
},
{
	.stages = FETCH, .pattern = "cannot be had now",
	.kinds = K(ERR_AGAIN),
	.sample = "message 4711 cannot be had now (the server says OK and does not send it), and nothing shows that it is the "
	    "message's fault",
	.title = "a message cannot be had now",
	.cause = {
		{ .cause = "the server is ill: what it gave before it does not give now either",
		  .cure = "nothing: the next run tries again; no message is quarantined without proof that the server is well" },
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
