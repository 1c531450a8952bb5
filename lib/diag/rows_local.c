/*
 * diag: local files (Maildir, state, lock, cache, output), standard input, and
 * faults of our own.
 */
#include "diag/table.h"

/* clang-format off */

#define LOCAL	S(STAGE_FILE)
#define INPUT	S(STAGE_STDIN)
#define ANY	((1u << STAGES) - 1)

static const struct diag_row rows[] = {
{
	.stages = LOCAL, .kinds = K(ERR_CONFIG), .pattern = "--rebuild",
	.sample = "it was filled by msfetch, but the state that belongs to it is not there: choose --rebuild (the files "
	    "are there) or --baseline (they were consumed)",
	.cause = {
		{ .cause = "the state (.mstools.db, or --state) was lost, or belongs to another Maildir; going on would fetch everything again",
		  .tell = "is the Maildir a full archive, or a spool that others have emptied?",
		  .cure = "files are there (archive): the state is made from their names with\n"
		    "\tmsfetch --rebuild {sh:maildir}\n"
		    "they were consumed (spool): what the server has now counts as fetched with\n"
		    "\tmsfetch --baseline {sh:maildir}" },
		{ .cause = "--state names another state than the one that this Maildir was filled with; the Maildir may be that of "
		    "the account, though --pipe alone was meant",
		  .tell = "it has a state of its own:\n\tls -l {sh:maildir}/.mstools.db",
		  .cure = "leave --state out; or, to give messages to --pipe alone, use an account without maildir" },
	},
},
{
	.stages = LOCAL, .pattern = "newer mstools",
	.sample = "the state was written by a newer mstools (schema 2, this one knows 1): use that one",
	.cause = {
		{ .cause = "a newer mstools has used this Maildir; an older one must not",
		  .cure = "upgrade mstools on this machine" },
	},
},
{
	.stages = LOCAL, .pattern = "another run",
	.sample = "another run (process 4711) has this Maildir, since 2026-11-28T10:00:00Z",
	.cause = {
		{ .cause = "a run from before has not ended; two at once would get in each other's way",
		  .tell = "\tps -o pid,etime,args -C msfetch",
		  .cure = "nothing, if it ends; --lock-wait waits for it, --grace 2h keeps cron silent until it has lasted "
		    "so long" },
	},
},
{
	.stages = LOCAL, .pattern = "No space left|Disk quota|quota exceeded|File too large|disk is full",
	.sample = "write: No space left on device",
	.cause = {
		{ .cause = "the disk or the user's quota is full; nothing half-delivered was left",
		  .tell = "\tdf -h {sh:maildir}; df -i {sh:maildir}; quota",
		  .cure = "make room; the next run goes on where this one ended" },
	},
},
{
	.stages = LOCAL, .pattern = "not a state of mstools|no regular file",
	.sample = "is not a state of mstools: file is not a database",
	.cause = {
		{ .cause = "--state names another file, or something has overwritten the state",
		  .tell = "\tfile {sh:subject}",
		  .cure = "correct --state; if it was the state, move it away and make it anew from the files:\n"
		    "\tmsfetch --rebuild {sh:maildir}" },
	},
},
{
	.stages = LOCAL, .pattern = "Input/output error|fsync|damaged|malformed|not a database|corrupt",
	.sample = "fsync: Input/output error",
	.cause = {
		{ .cause = "the disk or file system is failing",
		  .tell = "\tdmesg | tail; journalctl -k -p err",
		  .cure = "mend it first. Then, if the state is damaged, move .mstools.db* away and make it anew from the files:\n"
		    "\tmsfetch --rebuild {sh:maildir}" },
	},
},
{
	.stages = LOCAL, .pattern = "Read-only file system",
	.sample = "cannot create: Read-only file system",
	.cause = {
		{ .cause = "the file system is mounted read-only (by fstab, by a unit's ProtectSystem, or after an error)",
		  .tell = "\tfindmnt -T {sh:subject}; dmesg | tail",
		  .cure = "mount it writable; in a unit, ReadWritePaths= for Maildir and state, CacheDirectory= for the tokens" },
	},
},
{
	.stages = LOCAL, .pattern = "Permission denied|Operation not permitted",
	.sample = "cannot create: Permission denied",
	.cause = {
		{ .cause = "this user may not write there",
		  .tell = "\tnamei -l {sh:subject}; id",
		  .cure = "give the directory to the user who runs this, or name another" },
	},
},
{
	.stages = LOCAL, .pattern = "no Maildir",
	.sample = "is not empty and no Maildir (there is no tmp)",
	.cause = {
		{ .cause = "the directory has other things in it, and no cur, new and tmp: delivering there would mix them",
		  .tell = "\tls -a {sh:subject}",
		  .cure = "name an empty or missing directory, or one that is a Maildir" },
	},
},
{
	.stages = LOCAL, .pattern = "Not a directory|is no directory",
	.sample = "is no directory",
	.cause = {
		{ .cause = "a Maildir is a directory; this is a file (an mbox?)",
		  .cure = "name another path; an mbox can be delivered to by --pipe with procmail or maildrop" },
	},
},
{
	.stages = LOCAL, .pattern = "No such file",
	.sample = "cannot create: No such file or directory",
	.cause = {
		{ .cause = "the directory above does not exist (msfetch makes the Maildir, not its parents), or a disk is not mounted",
		  .tell = "\tnamei -l {sh:subject}",
		  .cure = "mount the disk, or make the directory:\n\tmkdir -p -- {sh:parent}" },
	},
},
{
	.stages = LOCAL | S(STAGE_FOLDER), .pattern = "File name too long|255 bytes",
	.sample = "folder name is longer than 255 bytes as a directory",
	.cause = {
		{ .cause = "--tree makes one directory of a folder with all its levels; file systems end at 255 bytes",
		  .cure = "shorten the folder's name on the server, or leave it out with -X; without --tree names do not matter" },
	},
},
{
	.stages = LOCAL, .pattern = "Broken pipe",
	.sample = "standard output: Broken pipe",
	.cause = {
		{ .cause = "the program that reads the output has ended, or refused its arguments",
		  .tell = "what it said itself stands beside this",
		  .cure = "mend what it says; nothing is lost: the next run of msfetch writes the receipts that are owed" },
	},
},
{
	.stages = LOCAL, .pattern = "another file by the name",
	.sample = "there is another file by the name of 1.V14U1F0.host,S=9; the new one stays in tmp/mstools/1",
	.cause = {
		{ .cause = "somebody changed a delivered file in place, or two states deliver into one Maildir",
		  .cure = "both files were kept; move the older one away and run again" },
	},
},
{
	.stages = LOCAL, .pattern = "write-ahead log|cannot be written back",
	.sample = "the file system does not let the state have a write-ahead log",
	.cause = {
		{ .cause = "the state lies on a file system without shared memory or locks (NFS, SMB, FUSE), or a read-only one",
		  .tell = "\tfindmnt -T {sh:subject}",
		  .cure = "put the state on a local disk: state = \"/var/lib/mstools/NAME.db\"; the Maildir may stay where it is" },
	},
},
{
	.stages = LOCAL, .pattern = "others can write|others may write|belongs to user|must be a regular file",
	.sample = "others can write to the cache directory (mode 0777): chmod 700 '/tmp/cache'",
	.cause = {
		{ .cause = "somebody else could put files there, or owns it; so it is not used",
		  .tell = "\tls -ld {sh:subject}; id -un",
		  .cure = "make it yours alone (chmod 700), or name another one" },
	},
},
{
	.stages = LOCAL, .kinds = K(ERR_CONFIG), .pattern = "none of its files is",
	.sample = "none of its files is from a folder of sales@contoso.com at outlook.office365.com",
	.cause = {
		{ .cause = "the files were fetched for another mailbox or from another host: the name of a file tells the folder, the "
		    "mailbox and the host",
		  .tell = "\tls {sh:subject}/new {sh:subject}/cur | head",
		  .cure = "give -u and --host as they were when the files came" },
	},
},
{
	.stages = LOCAL, .kinds = K(ERR_CONFIG), .pattern = "name the MAILDIR",
	.sample = "the state has messages that are not in their Maildir yet; name the MAILDIR once more",
	.cause = {
		{ .cause = "a run that delivered to a Maildir was interrupted, and this one (--pipe with the same --state) has none",
		  .cure = "run msfetch once with that Maildir and the same --state, without --pipe; then go on as you like" },
	},
},
{
	.stages = LOCAL, .kinds = K(ERR_CONFIG), .pattern = "holds mail of",
	.sample = "it holds mail of sales@contoso.com already: with --tree each mailbox needs a Maildir of its own",
	.cause = {
		{ .cause = "a tree of folders is one mailbox's: INBOX is its root, and two of them could not be told apart",
		  .tell = "the mailbox is the first column of the receipts of that Maildir",
		  .cure = "name another Maildir for this mailbox, or leave --tree out (then receipts tell mailboxes and folders apart)" },
	},
},
{
	.stages = LOCAL, .kinds = K(ERR_DATA), .pattern = "are missing",
	.sample = "2 messages are missing, 1 are altered",
	.title = "msfetch --verify: messages are missing or altered",
	.cause = {
		{ .cause = "files that were delivered have been taken, moved or changed since: by a mail reader, a filter, a cleaner or a "
		    "person (a spool that others empty always looks so)",
		  .tell = "the lines on standard output name each one",
		  .cure = "restore them from a backup, if they should be there. To fetch everything again, name an empty Maildir; if they "
		    "were consumed, nothing has to be done" },
	},
},
{
	.stages = LOCAL, .kinds = K(ERR_CONFIG) | K(ERR_REFUSED) | K(ERR_PROTO) | K(ERR_UNAVAIL),
	.sample = "something about a local file",
	.title = "anything else about local files",
	.cause = {
		{ .cause = "a file or directory that mstools uses is not as it should be",
		  .tell = "\tls -la {sh:subject}",
		  .cure = "mend what is named above; the next run goes on where this one ended" },
	},
},

/* --- standard input --- */
{
	.stages = INPUT, .kinds = K(ERR_CONFIG), .pattern = "token",
	.sample = "no token on the first line of stdin (did mstoken fail?)",
	.cause = {
		{ .cause = "mstoken failed, and says above why (a shell's pipe goes on nevertheless)",
		  .tell = "\t{mstoken} >/dev/null; echo $?",
		  .cure = "mend what it says; or set token-cmd in {config}, then nothing is needed on stdin" },
		{ .cause = "nothing was piped in (cron, ssh -n and units give an empty standard input), or the token was given as an "
		    "argument, where everybody on this machine can read it",
		  .cure = "\t{mstoken} | PROGRAM ...\nor, for cron and units, set token-cmd in {config}" },
		{ .cause = "receipts or something else came in the token's place",
		  .cure = "the token comes first, then the receipts:\n"
		    "\t{ {mstoken}; cat got; } | msmark ..." },
	},
},

{
	.stages = INPUT, .kinds = K(ERR_DATA),
	.sample = "malformed receipt: no uid",
	.title = "a line that is no receipt",
	.cause = {
		{ .cause = "the line with this number is neither a receipt, nor a line of msls or msmark, nor the path of a delivered "
		    "file; the others were done",
		  .tell = "FILE being what was read; from standard input, the token is line 1:\n\tsed -n NUMBERp FILE | cat -A",
		  .cure = "take the line out; keep the tabs when cutting and joining (cut, awk -F'\\t' -v OFS='\\t')" },
		{ .cause = "a message itself was named: the operands of msmark are files of receipts",
		  .tell = "the name in front of the line's number is that of a delivered file",
		  .cure = "give its path as a line of standard input:\n"
		    "\t{ {mstoken}; printf '%s\\n' /PATH/OF/FILE; } | msmark -u {sh:user} ..." },
	},
},

/* --- any stage --- */
{
	.stages = ANY, .kinds = K(ERR_OS), .pattern = "Too many open files|Cannot allocate memory|Resource temporarily",
	.sample = "Too many open files",
	.cause = {
		{ .cause = "a limit of this machine or unit is too low",
		  .tell = "\tulimit -a",
		  .cure = "raise it (ulimit -n, LimitNOFILE=, MemoryMax=)" },
	},
},
{
	.stages = ANY, .kinds = K(ERR_OS), .pattern = "run the worker|cannot fork|make a socket",
	.sample = "cannot run the worker: No such file or directory",
	.cause = {
		{ .cause = "msworker is not where make install puts it (libexec/mstools), or a limit on processes is reached",
		  .tell = "\tls -l \"$(dirname \"$(command -v msfetch)\")/../libexec/mstools/msworker\"; ulimit -u",
		  .cure = "install again, or set MSTOOLS_WORKER to the file; raise the limit (TasksMax=)" },
	},
},
{
	.stages = ANY, .kinds = K(ERR_OS), .pattern = "load the filter|add a rule|make a rule set|cannot enter|new privileges",
	.sample = "cannot load the filter: Operation not permitted",
	.title = "seccomp or landlock fails",
	.cause = {
		{ .cause = "the container or unit that this runs in forbids the worker to lock itself in",
		  .tell = "\tgrep -E 'Seccomp|NoNewPrivs' /proc/self/status",
		  .cure = "allow seccomp(2) and prctl(2) there (SystemCallFilter=, the container's profile)" },
	},
},
{
	.stages = ANY, .kinds = K(ERR_INTERNAL),
	.sample = "a state that must not be",
	.title = "status 70",
	.cause = {
		{ .cause = "a fault of mstools itself; nothing was lost by it",
		  .cure = "run again; if it comes back, report it with the output of the same command and -vv "
		    "(secrets are not in it)" },
	},
},
{
	.stages = ANY, .kinds = K(ERR_CONFIG) | K(ERR_REFUSED) | K(ERR_PROTO) | K(ERR_UNAVAIL),
	.sample = "something that this table does not know",
	.title = "anything else",
	.cause = {
		{ .cause = "this table does not know the cause",
		  .cure = "walk the whole chain, from the configuration to the newest messages:\n\t{mscheck} -v" },
	},
},
};
/* clang-format on */

const struct diag_section diag_section_local = { "Local files, standard input, and the rest", rows,
	sizeof rows / sizeof rows[0] };
