/*
 * err: see err.h.
 *
 * - Text from a server or a file goes through err_printable once, here, so
 *   nothing above has to think of terminals.
 * - The exit status of each kind stands in one table.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "err.h"

static const int status[] = {
	[ERR_NONE] = EX_OK,
	[ERR_CONFIG] = EX_CONFIG,
	[ERR_REFUSED] = EX_NOPERM,
	[ERR_PROTO] = EX_PROTOCOL,
	[ERR_IO] = EX_IOERR,
	[ERR_CREATE] = EX_CANTCREAT,
	[ERR_OS] = EX_OSERR,
	[ERR_INTERNAL] = EX_SOFTWARE,
	[ERR_UNAVAIL] = EX_UNAVAILABLE,
	[ERR_AGAIN] = EX_TEMPFAIL,
	[ERR_NOENT] = EX_NOINPUT,
	[ERR_DATA] = EX_DATAERR,
	[ERR_USAGE] = EX_USAGE,
};
_Static_assert(sizeof status / sizeof status[0] == ERR_KINDS, "a status for every kind");

static const char *const stages[] = {
	[STAGE_NONE] = "none",
	[STAGE_CONFIG] = "config",
	[STAGE_CREDENTIAL] = "credential",
	[STAGE_TOKEN] = "token",
	[STAGE_CLAIMS] = "claims",
	[STAGE_DNS] = "dns",
	[STAGE_TCP] = "tcp",
	[STAGE_PROXY] = "proxy",
	[STAGE_TLS] = "tls",
	[STAGE_GREETING] = "greeting",
	[STAGE_LOGIN] = "login",
	[STAGE_FIRST] = "first",
	[STAGE_FOLDER] = "folder",
	[STAGE_FETCH] = "fetch",
	[STAGE_MARK] = "mark",
	[STAGE_FILE] = "file",
	[STAGE_STDIN] = "stdin",
};
_Static_assert(sizeof stages / sizeof stages[0] == STAGES, "a name for every stage");

/*
 * Length of the valid UTF-8 sequence (RFC 3629) at s, of at most len bytes,
 * that may be shown; 0 if there is none: broken, a control character (C1
 * included), or one of the marks that turn the direction of text around.
 */
static size_t
utf8_shown(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char mask, lead;
		size_t n;
		uint32_t min;
	} form[] = {
		{ 0x80, 0x00, 1, 0x20 },
		{ 0xe0, 0xc0, 2, 0xa0 }, /* above the C1 controls */
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};
	uint32_t c;

	for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
		if ((s[0] & form[i].mask) != form[i].lead)
			continue;
		if (form[i].n > len)
			return 0;
		c = s[0] & (unsigned char)~form[i].mask;
		for (size_t k = 1; k < form[i].n; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3f);
		}
		if (c < form[i].min || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ||
		    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			return 0;
		return form[i].n;
	}
	return 0;
}

char *
err_printable(char *dst, size_t size, const char *s, size_t len)
{
	size_t n, o = 0;

	if (size == 0)
		return dst;
	for (size_t i = 0; i < len; i += n) {
		n = utf8_shown((const unsigned char *)s + i, len - i);
		if (o + (n > 0 ? n : 1) >= size)
			break;
		if (n > 0) {
			memcpy(dst + o, s + i, n);
			o += n;
		} else {
			dst[o++] = '?';
			n = 1;
		}
	}
	dst[o] = '\0';
	return dst;
}

static void fill(struct err *, enum err_kind, enum err_stage, int, const char *, const char *, va_list)
    __attribute__((format(printf, 6, 0)));

static void
fill(struct err *e, enum err_kind kind, enum err_stage stage, int sys, const char *subject, const char *fmt,
    va_list ap)
{
	char raw[ERR_TEXT_MAX], subj[ERR_SUBJECT_MAX];
	size_t len;

	/* The arguments may point into *e: nothing of it is touched before they are used. */
	vsnprintf(raw, sizeof raw, fmt, ap);
	if (sys != 0) {
		len = strlen(raw);
		snprintf(raw + len, sizeof raw - len, ": %s", strerror(sys));
	}
	if (subject == NULL)
		subject = "";
	err_printable(subj, sizeof subj, subject, strlen(subject));
	memcpy(e->subject, subj, sizeof subj);
	err_printable(e->text, sizeof e->text, raw, strlen(raw));
	e->kind = kind;
	e->stage = stage;
	e->sys = sys;
}

int
err_set(struct err *e, enum err_kind kind, enum err_stage stage, const char *subject, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	fill(e, kind, stage, 0, subject, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, enum err_kind kind, enum err_stage stage, int errnum, const char *subject,
    const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	fill(e, kind, stage, errnum, subject, fmt, ap);
	va_end(ap);
	return -1;
}

void
err_clear(struct err *e)
{
	e->kind = ERR_NONE;
	e->stage = STAGE_NONE;
	e->sys = 0;
	e->subject[0] = e->text[0] = '\0';
}

void
err_merge(struct err *into, const struct err *e)
{
	if (e->kind == ERR_NONE)
		return;
	if (into->kind == ERR_NONE || e->kind < into->kind)
		*into = *e;
}

int
err_status(enum err_kind kind)
{
	if ((size_t)kind >= ERR_KINDS)
		return EX_SOFTWARE;
	return status[kind];
}

enum err_kind
err_kind_of_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return ERR_NONE;
	case EACCES:
	case EPERM:
	case EROFS:
	case EEXIST:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOENT:
	case ENOTEMPTY:
	case EINVAL:
		return ERR_CREATE;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
	case ENOSYS:
		return ERR_OS;
	default:
		return ERR_IO;
	}
}

enum err_kind
err_kind_unless_out(int errnum, enum err_kind kind)
{
	return err_kind_of_errno(errnum) == ERR_OS ? ERR_OS : kind;
}

const char *
err_stage_name(enum err_stage stage)
{
	if ((size_t)stage >= STAGES)
		return "unknown";
	return stages[stage];
}
