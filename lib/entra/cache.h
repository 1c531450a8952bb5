/*
 * cache: one file for each (authority, tenant, client, scope, credential) in the
 * cache directory: the token, and what is to be known before the next request.
 *
 * - DIGEST.json, replaced by rename, so reading needs no lock; DIGEST.lock is
 *   locked while a request is made, and never removed.  Who has it locked is the
 *   only one to write, and removes what a killed one has left half-written.
 * - All times say when they were noted, because a clock may have been wrong:
 *   what comes from the future or lasts too long is cut (cache_later,
 *   cache_usable).
 */
#ifndef MSTOOLS_CACHE_H
#define MSTOOLS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"

#define CACHE_LATER_MAX 3600  /* longest "later" that is believed, seconds */
#define CACHE_LATER_DEFAULT 5 /* where the server did not say how long, as MSAL does */
#define CACHE_REFUSED_SECS 60 /* a token that was refused is replaced no more often */

struct cache;

struct cache_entry {
	struct secret token; /* empty: none */
	int64_t cached_at, expires_on;
	int64_t refresh_on; /* 0: none */
	int64_t refused_at; /* when a token was replaced because it was refused; 0: never */

	int64_t later_at, later_until; /* "not before", noted at; 0: none */
	struct err later;	       /* the failure that said so */

	uint64_t failed;    /* tells one failure from the next; 0: none since the last token */
	struct err failure; /* for those who were waiting meanwhile */
};

#define CACHE_ENTRY_INIT \
	{ \
		.token = SECRET_INIT \
	}

/*
 * Opens the cache directory (--cache-dir, or its default) for this key;
 * fingerprint is the credential's.
 * 0, or -1 with err set: there is no usable cache.
 */
int cache_open(struct cache **, const struct options *o, const unsigned char fingerprint[32], struct err *);
void cache_free(struct cache *); /* unlocks; NULL is allowed */

/* 1 read, 0 there is none (e is empty), -1 with err set: it cannot be trusted or understood (e is empty). */
int cache_read(struct cache *, struct cache_entry *e, struct err *);
/* Replaces it, durable; with the lock.  0, or -1 with err set. */
int cache_write(struct cache *, const struct cache_entry *e, struct err *);
void cache_entry_release(struct cache_entry *); /* cleanses */

/* 0 locked, -2 somebody else holds it for longer than wait_ms, -1 with err set. */
int cache_lock(struct cache *, int wait_ms, struct err *);
void cache_unlock(struct cache *);

/* The token is there, and good for at least min_valid seconds from now. */
bool cache_usable(const struct cache_entry *, int64_t now, unsigned min_valid);
/* refresh_on is past: time to try for a new one, while the old one is still good. */
bool cache_refresh_due(const struct cache_entry *, int64_t now);
/*
 * How many seconds there is to wait before the next request; 0: none.  A note
 * from the future begins now; *changed tells that e should be written for that.
 */
unsigned cache_later(struct cache_entry *, int64_t now, bool *changed);

#endif
