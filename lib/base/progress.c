/*
 * progress: see progress.h.
 *
 * - Nothing is shown in the first second, and then at most five lines a second,
 *   so that adding costs a clock reading and no more.
 * - The line is drawn over itself and cut to the terminal's width: one that
 *   wrapped could not be taken off again.
 */
#include <sys/ioctl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "progress.h"
#include "util.h"

#define QUIET_MS 1000
#define EVERY_MS 200

static struct {
	bool on, shown;
	int64_t start, last; /* now_ms() */
	uint64_t msgs, bytes, all_msgs, all_bytes;
} p;

void
progress_init(bool wanted)
{
	const char *term = getenv("TERM");

	memset(&p, 0, sizeof p);
	p.on = wanted && isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
	p.start = now_ms();
}

void
progress_total(uint64_t messages, uint64_t bytes)
{
	p.all_msgs = messages;
	p.all_bytes = bytes;
}

static const char *
human(char buf[32], double n)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	size_t i = 0;

	while (n >= 1000 && i + 1 < sizeof unit / sizeof unit[0]) {
		n /= 1000;
		i++;
	}
	snprintf(buf, 32, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
	return buf;
}

/* What is left by bytes where their number is known, else by messages; -1: cannot be told. */
static double
seconds_left(double elapsed)
{
	double done = 0;

	if (p.all_bytes > 0)
		done = (double)p.bytes / (double)p.all_bytes;
	else if (p.all_msgs > 0)
		done = (double)p.msgs / (double)p.all_msgs;
	if (done <= 0 || done > 1)
		return -1;
	return elapsed / done - elapsed;
}

static size_t
columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == -1 || w.ws_col == 0)
		return 80;
	return w.ws_col;
}

static void
draw(int64_t now)
{
	double elapsed = (double)(now - p.start) / 1000, left = seconds_left(elapsed);
	struct str s = STR_INIT;
	uint64_t secs;
	char buf[32];
	size_t width = columns();

	str_addf(&s, "%s: %" PRIu64, log_program(), p.msgs);
	if (p.all_msgs > 0)
		str_addf(&s, " of %" PRIu64, p.all_msgs);
	str_addf(&s, " messages, %s", human(buf, (double)p.bytes));
	if (p.all_bytes > 0)
		str_addf(&s, " of %s", human(buf, (double)p.all_bytes));
	str_addf(&s, ", %s/s", human(buf, (double)p.bytes / elapsed));
	if (left >= 0 && left < 360000) {
		secs = (uint64_t)left;
		if (secs >= 3600)
			str_addf(&s, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", secs / 3600,
			    secs / 60 % 60, secs % 60);
		else
			str_addf(&s, ", %" PRIu64 ":%02" PRIu64 " left", secs / 60, secs % 60);
	}
	if (s.len >= width)
		s.len = width - 1;
	(void)write_all(STDERR_FILENO, "\r", 1);
	(void)write_all(STDERR_FILENO, s.s, s.len);
	(void)write_all(STDERR_FILENO, "\033[K", 3);
	p.shown = true;
	str_release(&s);
}

void
progress_add(uint64_t messages, uint64_t bytes)
{
	int64_t now;

	p.msgs += messages;
	p.bytes += bytes;
	if (!p.on)
		return;
	now = now_ms();
	if (now - p.start < QUIET_MS || now - p.last < EVERY_MS)
		return;
	p.last = now;
	draw(now);
}

void
progress_clear(void)
{
	if (!p.shown)
		return;
	(void)write_all(STDERR_FILENO, "\r\033[K", 4);
	p.shown = false;
	p.last = 0; /* drawn again with the next addition */
}

void
progress_end(void)
{
	progress_clear();
	p.on = false;
}
