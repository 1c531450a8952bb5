/*
 * wire: what parent and worker say to each other.
 *
 * One SOCK_SEQPACKET socket; each packet is one struct below, at most WIRE_MAX
 * bytes, beginning with struct wire_head.  Both ends are the same build; the
 * version makes a stale msworker fail at once.  The parent treats everything
 * it receives as hostile (the worker parses the network): wire_check bounds
 * sizes and counts and terminates every string before anybody looks at it.
 *
 * Descriptors travel by SCM_RIGHTS: with WIRE_CONNECT the trace file, if any;
 * with WIRE_SLOTS the files for bodies.
 *
 * A folder is named on the wire by its raw name (as the server spells it,
 * modified UTF-7); WIRE_FOLDER gives both that and the UTF-8 form.
 */
#ifndef MSTOOLS_WIRE_H
#define MSTOOLS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "imap/session.h" /* enums: session_ask, _flag, _cap, _result, _loss, _move; DATE_NONE */

#define WIRE_VERSION 5
#define WIRE_MAX 65536
#define WIRE_NAME 1024 /* a folder's name, with its NUL */
#define WIRE_USER 512
#define WIRE_HOST 256
#define WIRE_TEXT 1024 /* a text from the server, made printable by the worker and again by wire_check */
#define WIRE_TOKEN 32768
#define WIRE_SLOTS_MAX 128 /* descriptors in one WIRE_SLOTS (SCM_MAX_FD is 253) */
#define WIRE_RANGES_MAX 4000
#define WIRE_ROWS_MAX 2000
#define WIRE_PATTERNS 48000 /* bytes of patterns in one WIRE_LOOK */
#define WIRE_EXPECT 4096    /* bytes of patterns in WIRE_CONNECT */

enum wire_type {
	/* parent → worker */
	WIRE_CONNECT = 1, /* first, once */
	WIRE_LOOK,	  /* → WIRE_FOLDER*, WIRE_DONE */
	WIRE_FETCH,	  /* → WIRE_ROWS* / WIRE_HEADER* / WIRE_MESSAGE*, WIRE_DONE */
	WIRE_SEARCH,	  /* → WIRE_UIDS*, WIRE_DONE */
	WIRE_STORE,	  /* → WIRE_DONE */
	WIRE_MOVE,	  /* → WIRE_DONE */
	WIRE_CREATE,	  /* → WIRE_DONE */
	WIRE_SLOTS,	  /* no answer */
	WIRE_QUIT,	  /* LOGOUT is sent, not waited for; the worker exits */
	/* worker → parent */
	WIRE_HELLO = 64, /* first: the cage it made */
	WIRE_ONLINE,	 /* logged in */
	WIRE_FOLDER,
	WIRE_ROWS,
	WIRE_UIDS,
	WIRE_HEADER,
	WIRE_BEGIN,   /* a body has begun to arrive and is not whole yet (for blame after a loss) */
	WIRE_MESSAGE, /* a body is whole in its slot */
	WIRE_DONE,    /* the job's command has its tagged answer */
	WIRE_FAIL,    /* the connection is lost or was never there; the worker exits after it */
	WIRE_ALIVE /* nothing but that: at least every WIRE_PULSE_MS once it is connected, time-outs apart */
};
#define WIRE_PULSE_MS 5000

struct wire_head {
	uint16_t version;
	uint16_t type;
	uint32_t size; /* of the whole packet */
	uint32_t job;  /* chosen by the parent, echoed; 0 outside jobs */
	uint32_t reserved;
};

enum wire_connect_flags {
	WIRE_C_IPV4 = 1,
	WIRE_C_IPV6 = 2,
	WIRE_C_NO_PIPELINE = 4, /* one command in flight */
	WIRE_C_TRACE = 8,	/* a descriptor comes along: protocol, secrets masked */
	WIRE_C_CRLF = 16,	/* bodies keep CRLF */
	WIRE_C_TWO_STEP = 32	/* AUTHENTICATE without initial response */
};

struct wire_connect {
	struct wire_head head;
	uint32_t flags;
	uint32_t port;
	uint32_t timeout_ms; /* for any wait; less than 1 KiB/s over it is a stall too */
	uint32_t verbose;
	uint64_t max_literal; /* a literal above it ends the connection (2^32 wraps in the parser) */
	char host[WIRE_HOST];
	char user[WIRE_USER];
	char ca_file[4096]; /* "" = the system's */
	char proxy[1024];   /* "" = none; the parent has looked at the environment */
	uint32_t token_len;
	char token[WIRE_TOKEN];
	/*
	 * The WIRE_LOOK that will be the first job, as there (npattern 0: not
	 * known): it is asked for in the flight of the login and answered when it
	 * comes.  Another first job costs one command that was not needed.
	 */
	uint16_t npattern, nexclude;
	uint32_t patterns_len;
	char patterns[WIRE_EXPECT];
};

/* Special-use and LIST attributes. */
enum wire_attr {
	ATTR_NOSELECT = 1,
	ATTR_NOINFERIORS = 2,
	ATTR_HASCHILDREN = 4,
	ATTR_NONEXISTENT = 8,
	ATTR_SENT = 16,
	ATTR_TRASH = 32,
	ATTR_DRAFTS = 64,
	ATTR_JUNK = 128,
	ATTR_ARCHIVE = 256,
	ATTR_ALL = 512,
	ATTR_FLAGGED = 1024,
	ATTR_IMPORTANT = 2048,
	ATTR_MARKED = 4096
};

enum wire_look_flags {
	WIRE_L_NO_STATUS = 1 /* LIST only: names and attributes */
};

/*
 * Patterns, UTF-8, each NUL-terminated: first npattern wanted ones, then
 * nexclude excluded ones.  A pattern is a name with * and %, or \Attribute.
 * One wanted pattern without wildcard and no exclude: EXAMINE of that folder,
 * no LIST.  Otherwise LIST, then STATUS of each wanted selectable folder,
 * pipelined, at most 8 kB unanswered; the first skip of them have been reported
 * on an earlier connection.
 */
struct wire_look {
	struct wire_head head;
	uint32_t flags;
	uint32_t skip;
	uint16_t npattern, nexclude;
	uint32_t len; /* bytes of patterns */
	char patterns[];
};

struct wire_folder {
	struct wire_head head;
	uint32_t state; /* enum session_folder_state */
	uint32_t attrs;
	uint32_t uidvalidity, uidnext, messages, unseen;
	char delimiter;	      /* 0: flat */
	char name[WIRE_NAME]; /* UTF-8; INBOX upper case */
	char raw[WIRE_NAME];
	char text[WIRE_TEXT];
};

struct wire_range {
	uint32_t lo, hi;
}; /* UIDs, lo <= hi */

enum wire_fetch_flags {
	WIRE_F_WRITE = 1 /* SELECT, not EXAMINE, when the folder is not open yet */
};

/*
 * UID FETCH of the ranges.  The worker opens the folder if it is not the open
 * one and answers DONE_STALE if its UIDVALIDITY is another.  The parent may
 * send two at a time; the worker has both commands in flight, unless told not
 * to.  Without ASK_BODY/ASK_HEADER the answer comes in WIRE_ROWS.
 */
struct wire_fetch {
	struct wire_head head;
	uint32_t ask, flags; /* enum session_ask, wire_fetch_flags */
	uint32_t uidvalidity;
	uint32_t nrange;
	char folder[WIRE_NAME]; /* raw */
	struct wire_range range[];
};

/* UID SEARCH criteria, as given (7-bit, checked by the parent for CR, LF, literals); no CHARSET. */
struct wire_search {
	struct wire_head head;
	uint32_t uidvalidity; /* 0: whatever it is */
	char folder[WIRE_NAME];
	char criteria[4096];
};

/* UID STORE of +add then -remove; refused with DONE_FLAG if PERMANENTFLAGS does not hold one. */
struct wire_store {
	struct wire_head head;
	uint32_t uidvalidity, add, remove, nrange;
	char folder[WIRE_NAME];
	struct wire_range range[];
};

struct wire_move {
	struct wire_head head;
	uint32_t uidvalidity, how,
	    nrange; /* how: enum session_move: UID MOVE, UID COPY alone, UID EXPUNGE (no target) */
	char folder[WIRE_NAME], target[WIRE_NAME];
	struct wire_range range[];
};

struct wire_create {
	struct wire_head head;
	char folder[WIRE_NAME];
};

/* nslot descriptors come along; they are the slots first … first+nslot-1. */
struct wire_slots {
	struct wire_head head;
	uint32_t first, nslot;
};

struct wire_quit {
	struct wire_head head;
};

/* ---- worker → parent ---- */

struct wire_alive {
	struct wire_head head;
};

enum wire_cage { CAGE_SECCOMP = 1, CAGE_LANDLOCK = 2 };
struct wire_hello {
	struct wire_head head;
	uint32_t cage; /* 0 in sanitizer and valgrind builds */
	int32_t pid;
};

struct wire_online {
	struct wire_head head;
	uint32_t caps;	  /* enum session_cap, as listed after login */
	char address[64]; /* the peer's, numeric */
	char tls[64];	  /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
	char proxy[256];  /* without credentials; "" = none */
	char greeting[WIRE_TEXT];
};

struct wire_row {
	uint32_t uid, flags;
	int64_t date;
	uint64_t size, msgid;
}; /* msgid: 64-bit hash, 0 = none */
struct wire_rows {
	struct wire_head head;
	uint32_t n, reserved;
	struct wire_row row[];
};

struct wire_uids {
	struct wire_head head;
	uint32_t n, reserved;
	uint32_t uid[];
};

struct wire_header {
	struct wire_head head;
	struct wire_row row;
	char from[1024], subject[2048]; /* UTF-8, decoded (RFC 2047), control characters as they came */
};

struct wire_begin {
	struct wire_head head;
	uint32_t uid; /* 0: the server has not said yet */
	uint32_t slot;
};

enum wire_message_flags {
	WM_SUBSTITUTE =
	    1 /* Exchange's "Retrieval using the IMAP4 protocol failed" message: see imap/quirk.h */
};
struct wire_message {
	struct wire_head head;
	struct wire_row row; /* size: RFC822.SIZE or 0; a hint only */
	uint32_t slot, flags;
	uint64_t bytes;		  /* in the file */
	uint64_t carried;	  /* by the connection so far (net_carried) */
	unsigned char sha256[32]; /* of the file */
};

/*
 * A job is answered by one WIRE_DONE, unless the connection is lost before.
 * An answer that was throttling gives DONE_NO or DONE_BAD with throttle_ms, and
 * WIRE_FAIL (LOST_THROTTLED) follows: nothing was done, and nothing is wrong
 * with the messages.
 */
struct wire_done {
	struct wire_head head;
	uint32_t result; /* enum session_result */
	uint32_t uidvalidity;
	uint32_t throttle_ms;	   /* from "Suggested Backoff Time", else 0 */
	uint32_t permanent;	   /* PERMANENTFLAGS of the open folder, enum session_flag */
	uint32_t copy_uidvalidity; /* from COPYUID, else 0 */
	uint32_t reserved;
	char text[WIRE_TEXT];
};

struct wire_fail {
	struct wire_head head;
	uint32_t kind, stage; /* enum err_kind, enum err_stage */
	uint32_t loss;	      /* enum session_loss */
	uint32_t throttle_ms;
	uint32_t in_flight; /* commands in flight when it happened */
	uint32_t reserved;
	uint64_t carried; /* by the connection (net_carried) */
	char subject[WIRE_HOST];
	char text[WIRE_TEXT];
};

/*
 * Checks a packet of n bytes: version, type (from the worker if from_worker),
 * size, counts, and terminates its strings.  0, or -1: the peer is not to be
 * trusted any longer.
 */
int wire_check(void *packet, size_t n, int from_worker);

/*
 * Sends one packet with nfd descriptors.  flags as send(2) (MSG_DONTWAIT …).
 * 0; -1 with errno (EAGAIN: the queue is full and nothing was sent).
 */
int wire_send(int sock, const void *packet, const int *fds, size_t nfd, int flags);
/*
 * Receives one packet into buf (WIRE_MAX bytes) and at most *nfd descriptors
 * (close-on-exec); *nfd is set to the count received.  Returns its size, 0 at
 * EOF, -1 with errno (EAGAIN, or EBADMSG: truncated).
 */
long wire_recv(int sock, void *buf, int *fds, size_t *nfd, int flags);
/* Fills the head. */
void wire_head(struct wire_head *, enum wire_type, size_t size, uint32_t job);

#endif
