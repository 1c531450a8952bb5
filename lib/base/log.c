/* log: see log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "progress.h"

#define LINE_MAX_BYTES (ERR_TEXT_MAX + ERR_SUBJECT_MAX + 256)

static const char *program = "mstools";
static int verbosity;

void
log_init(const char *name, int verbose)
{
	program = name;
	verbosity = verbose;
}

int
log_verbose(void)
{
	return verbosity;
}

const char *
log_program(void)
{
	return program;
}

/* One line, made printable, in one write: a pipe or terminal shared with workers never mixes lines. */
static void
line(const char *s, size_t len)
{
	char out[LINE_MAX_BYTES];
	size_t n;

	err_printable(out, sizeof out - 1, s, len);
	n = strlen(out);
	out[n++] = '\n';
	progress_clear();
	(void)write_all(STDERR_FILENO, out, n);
}

static void vline(const char *, va_list) __attribute__((format(printf, 1, 0)));

static void
vline(const char *fmt, va_list ap)
{
	char buf[LINE_MAX_BYTES];
	int n, k;

	n = snprintf(buf, sizeof buf, "%.64s: ", program);
	k = vsnprintf(buf + n, sizeof buf - (size_t)n, fmt, ap);
	if (k < 0)
		return;
	line(buf, strlen(buf));
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vline(fmt, ap);
	va_end(ap);
}

void
log_v(int level, const char *fmt, ...)
{
	va_list ap;

	if (verbosity < level)
		return;
	va_start(ap, fmt);
	vline(fmt, ap);
	va_end(ap);
}

void
log_err(const struct err *e)
{
	if (e->subject[0] != '\0')
		log_warn("%s: %s", e->subject, e->text);
	else
		log_warn("%s", e->text);
}

void
log_hint(const char *text)
{
	char buf[LINE_MAX_BYTES];
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "\n");
		snprintf(buf, sizeof buf, "hint: %.*s", (int)(n < ERR_TEXT_MAX ? n : ERR_TEXT_MAX), text);
		line(buf, strlen(buf));
		text += n;
		if (*text == '\n')
			text++;
	}
}
