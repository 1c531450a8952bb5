/* session_priv: what the session_*.c files share; see session.h for their parts. */
#ifndef MSTOOLS_SESSION_PRIV_H
#define MSTOOLS_SESSION_PRIV_H

#include "base/sha256.h"
#include "base/util.h"
#include "imap/quirk.h"
#include "imap/session.h"

#define LINE_LIMIT (1024 * 1024) /* a response without its bodies */
#define SEARCH_CHUNK (32 * 1024) /* a SEARCH answer is parsed in pieces of this size */
#define LITERAL_KEEP (64 * 1024) /* of a literal that is no body; the rest of a header field is dropped */
#define BEGIN_LEFT (64 * 1024)	 /* of a body still to come: then its beginning is told */
#define CHALLENGES_MAX 3	 /* each is answered, and each answer sets the clocks back */
#define FOLDERS_LIMIT 100000	 /* in a LIST answer */
#define HEARD_LIMIT \
	(64 * 1024 * 1024)     /* what may come before a command is answered: a LIST of 100000 folders … */
#define HEARD_DEAR (16 * 1024) /* a body, a continuation: 4096 of them */

/* --- a body on its way to a slot --- */

struct body {
	struct sha256 md;
	char *out; /* owned, BODY_OUT bytes */
	size_t nout;
	bool keep_crlf;
	bool taken; /* a slot is */
	bool told;  /* that it has begun */
	bool whole; /* all of it is in the file; sha256 is its digest */
	int fd;	    /* foreign */
	uint32_t slot;
	bool cr;	/* a CR came last, whether LF follows is not known */
	bool first;	/* nothing flushed yet */
	uint64_t msgid; /* header_msgid */
	uint64_t bytes;
	unsigned char sha256[32];
	struct quirk_substitute substitute;
};

void body_init(struct body *, bool keep_crlf);
void body_release(struct body *);
void body_begin(struct body *, int fd, uint32_t slot);
/* 0, or -1 with errno. */
int body_add(struct body *, const char *, size_t);
int body_end(struct body *);
/* Empties the file again, for the next one.  0, or -1 with errno. */
int body_undo(struct body *);

/* --- what libetpan found in a response --- */

struct fetched {
	bool has_flags, has_date, has_size;
	struct session_row row;
	bool body;	  /* BODY[] was there and not NIL */
	const char *data; /* its text, if it came as a quoted string; foreign */
	size_t data_len;
	bool header;	   /* BODY[HEADER.FIELDS …] was there */
	const char *block; /* its text; foreign; may be NULL */
	size_t block_len;
};

struct listed {
	const char *raw;
	char delimiter;
	uint32_t attrs;
};

struct status {
	const char *raw;
	bool has_uidvalidity, has_uidnext;
	uint32_t uidvalidity, uidnext, messages, unseen;
};

struct parser;
struct parser *parser_new(void);
void parser_free(struct parser *);
/*
 * Each parses one whole response, CRLF included, NUL behind it.  1 with what was found in
 * it, which lives until the next call; 0 if it holds nothing of the kind; -1 if
 * libetpan cannot parse it.
 */
int parse_fetch(struct parser *, const char *, size_t, struct fetched *);
int parse_list(struct parser *, const char *, size_t, struct listed *);
int parse_status(struct parser *, const char *, size_t, struct status *);
int parse_capability(struct parser *, const char *, size_t, uint32_t *caps);
/* Appends the numbers to a growing array. */
int parse_search(struct parser *, const char *, size_t, void (*uid)(void *, uint32_t), void *);

/* --- session_code.c --- */

/* EXAMINE and SELECT: what their untagged data and codes said. */
struct opened {
	uint32_t uidvalidity, uidnext, exists, permanent;
	bool has_permanent, read_only;
};
/* A response code, "[UIDNEXT 5] …". */
void parse_code(const char *, struct opened *);
/* "* 5 EXISTS"; other lines are left alone. */
void parse_exists(const char *line, struct opened *);
/* "\Seen \Flagged" for the bits. */
void flags_add(struct str *, uint32_t bits);

/* --- commands in flight --- */

struct job;

enum cmd_kind {
	CMD_AUTH,
	CMD_CAPABILITY,
	CMD_OPEN,
	CMD_LIST,
	CMD_STATUS,
	CMD_FETCH,
	CMD_SEARCH,
	CMD_STORE,
	CMD_MOVE,
	CMD_CREATE,
	CMD_LOGOUT
};

struct cmd {
	unsigned tag;
	enum cmd_kind kind;
	struct job *job; /* foreign; NULL: of the session itself */
	size_t size;	 /* bytes sent and not answered */
	size_t folder;	 /* STATUS: index in the job's list */
	char *rest;	 /* owned; to be sent after "+"; NULL */
};

/* A folder that LIST gave. */
struct look_folder {
	char *raw; /* owned */
	char delimiter;
	uint32_t attrs;
	bool answered; /* st has its numbers */
	bool ready;    /* to be reported, if that has not been done */
	char *text;    /* owned; NULL */
	struct session_folder st;
};

struct job {
	struct job *next;
	struct session_job j; /* its pointers are owned */
	unsigned cmds;	      /* in flight */
	bool issued;	      /* nothing more to send */
	bool opening;	      /* waits for its folder */
	bool expected;	      /* a LOOK that nobody has asked for yet: nothing of it is reported */
	bool dropped;	      /* nor ever will be */
	enum session_result result;
	char *text; /* owned; NULL */
	uint32_t throttle_ms, copy_uidvalidity;
	/* FETCH, STORE, MOVE: how far */
	uint32_t range; /* the next one */
	int phase;	/* STORE: 0 adds, 1 removes; LOOK: see session_look.c */
	/* LOOK */
	struct look_folder *folders; /* owned */
	size_t nfolder, next_folder;
};

enum in_mode { IN_LINE, IN_LITERAL, IN_BODY, IN_COMPLETE };
enum resp_kind { RESP_OTHER, RESP_STATUS, RESP_FETCH, RESP_SEARCH, RESP_DATA };

struct input {
	char *buf; /* owned, SESSION_BUFFER bytes */
	size_t start, end;
	enum in_mode mode;
	struct str resp; /* the response so far, without its bodies */
	size_t line;	 /* where its last line begins */
	bool known;	 /* kind is */
	enum resp_kind kind;
	uint64_t left, keep; /* of the literal: to come, to keep */
	unsigned bodies;     /* in this response */
	bool skip;	     /* the body that is coming goes nowhere */
};

enum session_state { S_GREETING, S_AUTH, S_ON, S_OVER };

struct session {
	struct session_params p;
	struct session_ops ops;
	void *arg; /* foreign */
	enum session_state state;
	struct session_lost lost;
	char *greeting;	 /* owned */
	char *challenge; /* owned; what the server said instead of letting us in */
	char *bye;	 /* owned; text of a BYE */
	unsigned challenges;
	bool two_step, sent_token, online, answered, logout, wants_slot;
	uint32_t caps;
	struct quirk_budget budget;

	struct input in;
	struct body body;
	struct parser *parser;

	uint64_t heard; /* cost of what has come since a command was answered */

	unsigned tag;
	struct cmd cmd[SESSION_IN_FLIGHT + 2]; /* oldest first */
	unsigned ncmd;
	size_t unanswered;
	bool literal_wait; /* the newest command waits for "+" */

	struct job *jobs; /* owned; oldest first */
	char *open;	  /* owned; raw name of the open folder, NULL */
	bool open_write;
	struct opened sel;

	struct session_row rows[SESSION_ROWS];
	size_t nrow;
	struct job *row_job;
	uint32_t uids[SESSION_ROWS * 4];
	size_t nuid;
	uint32_t uid_job;
};

/* session.c */
int session_over(struct session *, enum err_kind, enum err_stage, enum session_loss, const char *fmt, ...)
    __attribute__((format(printf, 5, 6))); /* -1; the first one counts */
enum err_stage session_stage(const struct session *);
bool session_may_send(const struct session *, size_t size);
/* Sends tag + line (without CRLF) as a command; name, if not NULL, is put in place of the "%" of line. */
struct cmd *session_command(struct session *, enum cmd_kind, struct job *, const char *line,
    const char *name);
/* A text from the server that means the end of the connection, whatever was asked?  -1 if so. */
int session_grave(struct session *, const char *text);
int session_untagged(struct session *, const char *, size_t, enum resp_kind);
int session_tagged(struct session *, const char *);
/* The first line. */
int session_greeting(struct session *, const char *);
int session_continue(struct session *, const char *, size_t);

/* session_in.c */
int input_run(struct session *);

/* session_job.c */
void jobs_pump(struct session *);
void jobs_free(struct session *);
int job_answer(struct session *, struct cmd *, enum session_result, const char *text);
void job_fail(struct job *, enum session_result, const char *text);
/* Any untagged line that is nobody else's, and lines with neither tag nor star. */
void job_untagged(struct session *, const char *);
/* Sends EXAMINE or SELECT for the job, if job_may_open. */
void job_open(struct session *, struct job *, const char *raw, bool writable);
bool job_may_open(const struct session *);
/* The job whose command is the oldest of a kind in flight; NULL. */
struct job *job_of(const struct session *, enum cmd_kind);

/* session_look.c */
bool look_pump(struct session *, struct job *);
void look_listed(struct session *, const struct listed *);
void look_status(struct session *, const struct status *);
void look_answer(struct session *, struct cmd *, enum session_result, const char *text);
void look_opened(struct session *, struct job *, enum session_result, const char *text);
void look_free(struct job *);
/* What was expected has been asked for.  False: it is something else. */
bool look_adopt(struct session *, struct job *, const struct session_job *);

/* session_fetch.c */
/* The job in flight that asked for uid, with or without its body; NULL. */
struct job *job_asking(struct session *, uint32_t uid, bool body);
bool jobs_want_bodies(const struct session *);
void rows_flush(struct session *);
void uids_flush(struct session *);
void uid_add(void *session, uint32_t uid);
int fetch_response(struct session *, const char *, size_t);
bool fetch_needs_slot(struct session *);

#endif
