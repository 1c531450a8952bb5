/*
 * progress: one line on a terminal (stderr) for what takes longer than a
 * second: messages, bytes, rate, time left.  Silent when stderr is no
 * terminal, with -q or --no-progress.  log clears the line before it prints.
 */
#ifndef MSTOOLS_PROGRESS_H
#define MSTOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

void progress_init(bool wanted);
void progress_total(uint64_t messages, uint64_t bytes); /* 0: not known */
void progress_add(uint64_t messages, uint64_t bytes);
void progress_clear(void); /* takes the line off the screen; log calls it */
void progress_end(void);

#endif
