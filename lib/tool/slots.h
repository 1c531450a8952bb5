/*
 * slots: the files that bodies are written to, and who has them.
 *
 * A slot is a file of the stage (maildir.h), or an unlinked one when there is
 * no Maildir.  It is made here, its descriptor is passed to a lane, and it comes
 * back with a message in it; then it belongs to the commit, until its file has
 * left the stage.  Numbers are never used twice in a run.
 */
#ifndef MSTOOLS_SLOTS_H
#define MSTOOLS_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mail/maildir.h"

/*
 * With one lane at most (WIRE_SLOTS_MAX is not below), and with all together:
 * so many messages can arrive while the parent waits for its disk.
 */
#define SLOTS_LANE 128
#define SLOTS_ALL 512

struct slots;

/* md foreign; NULL: unlinked files in dir (copied). */
struct slots *slots_new(struct maildir *md, const char *dir);
/* Closes all, removes the files of those that no message was given back from. */
void slots_free(struct slots *);

/* Makes a slot for lane.  Its number, and *fd (foreign) to pass on; -1 with err set. */
int slots_give(struct slots *, int lane, int *fd, struct err *);
/* How many lane has. */
unsigned slots_with(const struct slots *, int lane);
/*
 * A message came in slot from lane: *fd is the caller's now, and the number
 * stays taken until slots_release.  0; -1 if the lane has no such slot.
 */
int slots_take(struct slots *, int lane, uint32_t slot, int *fd);
/* The file has left the stage (or never was in it): we are done with it. */
void slots_release(uint32_t slot, void *slots);
/* What came is not wanted: closes, removes. */
void slots_discard(struct slots *, uint32_t slot, int fd);
/* The lane's worker is gone: its slots are removed. */
void slots_lost(struct slots *, int lane);

#endif
