/*
 * err: what went wrong, as a value that travels up to the command.
 *
 * Every library function that can fail takes a struct err and returns -1 (or
 * NULL) with it set; the library neither prints nor exits.  kind alone decides
 * the exit status (err_status), stage and text are what diag matches for its
 * hints.  text never holds a secret; control characters in it are made '?' at
 * the moment it is set, so it may be printed as it is.
 */
#ifndef MSTOOLS_ERR_H
#define MSTOOLS_ERR_H

#include <stddef.h>

/* Kinds, each one exit status of sysexits(3).  Of several causes the first of this order wins. */
enum err_kind {
	ERR_NONE,
	ERR_CONFIG,   /* 78 configuration or credential */
	ERR_REFUSED,  /* 77 refused: token at login, mailbox */
	ERR_PROTO,    /* 76 protocol or certificate */
	ERR_IO,	      /* 74 input/output */
	ERR_CREATE,   /* 73 cannot create */
	ERR_OS,	      /* 71 operating system */
	ERR_INTERNAL, /* 70 a fault of ours */
	ERR_UNAVAIL,  /* 69 cannot reach the server */
	ERR_AGAIN,    /* 75 try again later */
	ERR_NOENT,    /* 66 no such folder or file */
	ERR_DATA,     /* 65 newly quarantined, or malformed receipt */
	ERR_USAGE,    /* 64 command line; never competes with the others */
	ERR_KINDS
};

/* Where it went wrong: the first column of the diagnosis table. */
enum err_stage {
	STAGE_NONE,
	STAGE_CONFIG, /* options and configuration file */
	STAGE_CREDENTIAL,
	STAGE_TOKEN, /* the token endpoint's answer */
	STAGE_CLAIMS,
	STAGE_DNS,
	STAGE_TCP,
	STAGE_PROXY,
	STAGE_TLS,
	STAGE_GREETING,
	STAGE_LOGIN,
	STAGE_FIRST, /* first command after login */
	STAGE_FOLDER,
	STAGE_FETCH,
	STAGE_MARK,
	STAGE_FILE,  /* local files: Maildir, state, lock, cache, output */
	STAGE_STDIN, /* what was expected on standard input */
	STAGES
};

#define ERR_TEXT_MAX 1600
#define ERR_SUBJECT_MAX 400

struct err {
	enum err_kind kind;
	enum err_stage stage;
	int sys;		       /* errno, or 0 */
	char subject[ERR_SUBJECT_MAX]; /* file, host, folder …; may be empty */
	char text[ERR_TEXT_MAX];       /* lower case, no full stop */
};

#define ERR_INIT \
	{ \
		.kind = ERR_NONE \
	}

/*
 * Sets e (NULL is allowed) and returns -1.  subject may be NULL.  The text is
 * cut at ERR_TEXT_MAX and made printable: valid UTF-8 passes, control
 * characters and broken bytes become '?'.
 */
int err_set(struct err *e, enum err_kind, enum err_stage, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with ": strerror(errnum)" after the text, and e->sys set. */
int err_sys(struct err *e, enum err_kind, enum err_stage, int errnum, const char *subject, const char *fmt,
    ...) __attribute__((format(printf, 6, 7)));
void err_clear(struct err *e);
/* Keeps in *into whichever of the two comes first in the order above (ERR_NONE loses). */
void err_merge(struct err *into, const struct err *e);
/* sysexits(3) status of a kind: the one place where it is mapped.  ERR_NONE is 0. */
int err_status(enum err_kind);
/* The kind that fits an errno met with a local file: ENOSPC, EDQUOT, EIO … → ERR_IO; EACCES, EROFS … on
 * creation → ERR_CREATE; EMFILE, ENOMEM … → ERR_OS. */
enum err_kind err_kind_of_errno(int errnum);
/* ERR_OS when the system has run out of something (EMFILE, ENOMEM …), else kind. */
enum err_kind err_kind_unless_out(int errnum, enum err_kind kind);
const char *err_stage_name(enum err_stage);

/* Copies s into dst printable as text above is; cuts at size (UTF-8 boundaries kept).  Returns dst. */
char *err_printable(char *dst, size_t size, const char *s, size_t len);

#endif
