/*
 * log: stderr of a program.  The only part of the library that prints, with
 * progress.  Everything is made printable (err_printable); one write per line,
 * so that lines of parent and workers never mix.
 */
#ifndef MSTOOLS_LOG_H
#define MSTOOLS_LOG_H

#include "err.h"

void log_init(const char *program, int verbose); /* verbose: 0, 1 (-v), 2, 3 */
int log_verbose(void);
const char *log_program(void);
/* "program: text": shown always. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Shown when verbose >= level. */
void log_v(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "program: subject: text": what every message looks like. */
void log_err(const struct err *);
/* "hint: text"; text may hold several lines, each gets the prefix. */
void log_hint(const char *text);

#endif
