/*
 * session: the IMAP dialogue of one connection as a state machine: bytes from
 * the server go in, bytes for the server and events come out through the
 * caller's functions.  It owns no socket and never waits, so it can be driven
 * by a worker, a scripted test or a fuzzer alike.
 *
 *	session_new(&params, &ops, arg)
 *	session_job()			any time, also before the login: pipelined
 *	for (;;) {
 *		buf = session_space(s, &n)	read at most n bytes to buf
 *		session_fed(s, got)		events happen in here
 *		session_wants_slot(s): do not read, session_resume(s) when there are slots
 *	}
 *	session_eof(s, err)		the connection has ended: *session_lost() says what it means
 *	session_free(s)
 *
 * Shape: session_in.c cuts the stream into responses and takes the bodies out
 * of it (session_body.c: to a slot's file, CRLF made LF, hashed); a response
 * without its body goes to libetpan (session_parse.c).  So no reply can bring
 * the stream out of step, and one that libetpan cannot parse costs that reply
 * alone.  session_job.c knows the commands, session.c the login and what is in
 * flight.
 */
#ifndef MSTOOLS_SESSION_H
#define MSTOOLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

#define SESSION_LINE_MAX 8000	/* a command line, tag and CRLF included: Exchange's limit is 10240 or less */
#define SESSION_UNANSWERED 8000 /* bytes of commands in flight at most (but always one command) */
#define SESSION_IN_FLIGHT 4	/* commands in flight at most */
#define SESSION_BUFFER (128 * 1024)
#define SESSION_ROWS 1000 /* rows, UIDs × 4 in one event at most */

/* What a FETCH asks for. */
enum session_ask {
	ASK_FLAGS = 1,
	ASK_DATE = 2,
	ASK_SIZE = 4,
	ASK_MSGID = 8,	/* BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)] → row.msgid */
	ASK_BODY = 16,	/* BODY.PEEK[] into slots */
	ASK_HEADER = 32 /* From, Subject, Date for msls */
};

/* IMAP flags. */
enum session_flag {
	MF_SEEN = 1,
	MF_ANSWERED = 2,
	MF_FLAGGED = 4,
	MF_DELETED = 8,
	MF_DRAFT = 16,
	MF_MDNSENT = 32
};
#define MF_ALL 63

#define DATE_NONE INT64_MIN /* the server gave no INTERNALDATE, or none that can be read */

enum session_cap {
	CAP_MOVE = 1,
	CAP_UIDPLUS = 2,
	CAP_SASL_IR = 4,
	CAP_XOAUTH2 = 8,
	CAP_LITERALPLUS = 16,
	CAP_NAMESPACE = 32
};

enum session_result {
	DONE_OK,
	DONE_NO,       /* tagged NO: text */
	DONE_BAD,      /* tagged BAD: text */
	DONE_STALE,    /* another UIDVALIDITY: uidvalidity says which */
	DONE_GONE,     /* the folder cannot be opened: text */
	DONE_FLAG,     /* PERMANENTFLAGS lacks a flag asked for; nothing was stored */
	DONE_READONLY, /* the folder opens read-only; nothing was done */
	DONE_RESULTS
};

enum session_loss {
	LOST_OTHER,	    /* kind, stage and text say it all */
	LOST_REFUSED,	    /* NO AUTHENTICATE failed */
	LOST_NOT_CONNECTED, /* User is authenticated but not connected */
	LOST_EXPIRED,	    /* AccessTokenExpired */
	LOST_THROTTLED,	    /* throttle_ms */
	LOST_STREAM,	    /* reset, EOF, stall, TLS cut, BYE: reconnect */
	LOST_PARSE,	    /* a reply broke a limit: the message being fetched is suspect */
	LOST_BAD,	    /* BAD with other commands in flight */
	LOST_BUDGET,	    /* so many NO and BAD that the server would close soon: reconnect at once */
	LOST_KINDS
};

struct session_range {
	uint32_t lo, hi;
}; /* UIDs, lo <= hi */

struct session_row {
	uint32_t uid, flags;  /* enum session_flag */
	int64_t date;	      /* INTERNALDATE or DATE_NONE */
	uint64_t size, msgid; /* RFC822.SIZE, a hint; header_msgid (asked for, or of a message), 0 = none */
};

enum session_folder_state {
	FOLDER_OK,     /* numbers are valid */
	FOLDER_LISTED, /* listed only: no numbers asked for */
	FOLDER_NOSELECT,
	FOLDER_GONE, /* STATUS or EXAMINE was answered NO: text says why */
	FOLDER_STATES
};
struct session_folder {
	enum session_folder_state state;
	uint32_t attrs;					 /* enum folder_attr */
	uint32_t uidvalidity, uidnext, messages, unseen; /* unseen: 0 from EXAMINE, which does not tell */
	char delimiter;
	const char *raw, *text; /* foreign: valid in the call */
};

struct session_message {
	struct session_row row;
	uint32_t slot;
	bool substitute; /* see imap/quirk.h */
	uint64_t bytes;	 /* in the file */
	unsigned char sha256[32];
};

struct session_done {
	enum session_result result;
	uint32_t uidvalidity;	   /* of the open folder */
	uint32_t permanent;	   /* PERMANENTFLAGS of it */
	uint32_t throttle_ms;	   /* the answer was throttling; the loss follows */
	uint32_t copy_uidvalidity; /* from COPYUID, else 0 */
	const char *text;	   /* foreign, never NULL */
};

struct session_lost {
	enum err_kind kind;
	enum err_stage stage;
	enum session_loss loss;
	uint32_t throttle_ms;
	unsigned in_flight; /* commands */
	char text[1024];    /* printable */
};

enum session_kind { JOB_LOOK, JOB_FETCH, JOB_SEARCH, JOB_STORE, JOB_MOVE, JOB_CREATE };
enum session_move { MOVE_MOVE, MOVE_COPY, MOVE_EXPUNGE };

/* What is to be done.  session_job copies all of it. */
struct session_job {
	enum session_kind kind;
	uint32_t id;		     /* echoed in the events */
	uint32_t uidvalidity;	     /* 0: whatever it is */
	uint32_t ask;		     /* FETCH */
	bool write;		     /* FETCH: open by SELECT */
	bool no_status;		     /* LOOK: names and attributes only */
	uint32_t add, remove;	     /* STORE */
	enum session_move how;	     /* MOVE */
	const char *folder, *target; /* raw */
	const char *criteria;	     /* SEARCH */
	const struct session_range *range;
	uint32_t nrange;
	const char *patterns; /* LOOK: npattern + nexclude strings, each with its NUL, in len bytes; UTF-8 */
	size_t patterns_len;
	unsigned npattern, nexclude;
	uint32_t
	    skip; /* LOOK: so many folders of the list are not reported: they have been, on another connection */
};

/* The caller's functions.  Events of a job come between its start and its done. */
struct session_ops {
	/* Sends to the server; secret: masked in traces.  The session drops the connection on -1. */
	int (*write)(void *arg, const void *, size_t, bool secret);
	/* The next free slot: 1, or 0 when there is none now. */
	int (*slot)(void *arg, int *fd, uint32_t *number);
	/* A slot was not needed after all; its file is empty again. */
	void (*unslot)(void *arg, int fd, uint32_t number);
	void (*online)(void *arg, uint32_t caps, const char *greeting);
	void (*folder)(void *arg, uint32_t job, const struct session_folder *);
	void (*rows)(void *arg, uint32_t job, const struct session_row *, size_t n);
	void (*uids)(void *arg, uint32_t job, const uint32_t *, size_t n);
	/* from, subject: decoded UTF-8, never NULL */
	void (*header)(void *arg, uint32_t job, const struct session_row *, const char *from,
	    const char *subject);
	/* A large body has begun to arrive, most of it is still to come; uid 0: not said yet (then job may be 0 too). */
	void (*begin)(void *arg, uint32_t job, uint32_t uid, uint32_t slot);
	/* fd is the slot's, and the caller's again. */
	void (*message)(void *arg, uint32_t job, int fd, const struct session_message *);
	void (*done)(void *arg, uint32_t job, const struct session_done *);
};

struct session_params {
	const char *user; /* foreign until the login is over */
	const struct secret *token;
	bool two_step;	      /* AUTHENTICATE without initial response */
	bool no_pipeline;     /* one command in flight */
	bool crlf;	      /* bodies keep CRLF */
	uint64_t max_literal; /* 0: 2^32 - 1 */
};

struct session;

struct session *session_new(const struct session_params *, const struct session_ops *, void *arg);
void session_free(struct session *);

/* Queues a job; it starts when what is before it allows. */
void session_job(struct session *, const struct session_job *);
/*
 * The LOOK that is going to be the first job, told before the login: its first
 * command goes into the flight behind the login, and the answer waits for the
 * job.  Another first job drops it.
 */
void session_expect(struct session *, const struct session_job *);
/* Sends LOGOUT if it may. */
void session_logout(struct session *);

/* Where the next bytes of the server go, and how many there is room for (never 0 unless session_wants_slot). */
void *session_space(struct session *, size_t *n);
/* n bytes are there.  0, or -1: the session is over, see session_lost. */
int session_fed(struct session *, size_t n);
/* Both for callers with bytes elsewhere: feeds all of them; stops early (returns 0) when a slot is wanted: *used. */
int session_feed(struct session *, const void *, size_t n, size_t *used);
/* A body waits for a slot: what the server sends must wait too. */
bool session_wants_slot(const struct session *);
/* Goes on with what is buffered.  As session_fed. */
int session_resume(struct session *);
/* The connection has ended, for the reason e (of net); fills in session_lost. */
void session_eof(struct session *, const struct err *e);

/* Is nothing in flight and nothing queued? */
bool session_idle(const struct session *);
/* Why it is over; NULL while it is not. */
const struct session_lost *session_lost(const struct session *);

#endif
