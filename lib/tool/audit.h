/*
 * audit: what --verify and --rebuild ask of the server, one question at a time
 * over one connection, which is made at the first question and made again when
 * it is lost.  Folders are only listed and searched: nothing changes.
 */
#ifndef MSTOOLS_AUDIT_H
#define MSTOOLS_AUDIT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "crew/wire.h"
#include "entra/source.h"
#include "tool/link.h"

struct audit_folder {
	char *name, *raw; /* owned; UTF-8, and as the server spells it */
	char delimiter;
	uint32_t attrs;
	bool counted; /* the numbers are valid: the server answered STATUS */
	uint32_t uidvalidity, uidnext;
};

struct audit {
	const struct options *o; /* foreign, as the next two */
	struct source *source;
	const volatile sig_atomic_t *stop;
	struct link *link;
	int lane;
	bool up, answered;
	uint32_t id; /* of the question */
	struct wire_done done;
	struct audit_folder *folder; /* of audit_look */
	size_t nfolder;
	uint32_t *uid; /* of audit_uids */
	size_t nuid, room;
	_Alignas(16) char packet[WIRE_MAX];
};

struct audit *audit_new(const struct options *, struct source *, const volatile sig_atomic_t *stop);
void audit_free(struct audit *); /* NULL is allowed */

/* Every folder that can hold messages, in a->folder.  0, or -1 with err set (err->sys EINTR: told to stop). */
int audit_look(struct audit *, struct err *);
/* The folder of that name, or NULL. */
const struct audit_folder *audit_find(const struct audit *, const char *name);
/*
 * The UIDs in [lo, hi], ascending, each once, in a->uid.  1; 0 if the folder has
 * gone or has another UIDVALIDITY by now; -1 with err set.
 */
int audit_uids(struct audit *, const struct audit_folder *, uint32_t lo, uint32_t hi, struct err *);

#endif
