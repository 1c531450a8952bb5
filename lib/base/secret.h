/*
 * secret: bytes that are cleansed when they go (explicit_bzero), never
 * swapped or dumped where the system allows (MADV_DONTDUMP), never logged.
 */
#ifndef MSTOOLS_SECRET_H
#define MSTOOLS_SECRET_H

#include <stddef.h>

struct secret {
	char *s; /* owned; NUL-terminated; NULL when empty */
	size_t len, cap;
};
#define SECRET_INIT \
	{ \
		NULL, 0, 0 \
	}

void secret_add(struct secret *, const void *, size_t); /* grows by copy and cleanse */
void secret_adds(struct secret *, const char *);
void secret_clear(struct secret *);   /* cleanse, keep memory */
void secret_release(struct secret *); /* cleanse and free; twice is harmless */
/* Cleanses and frees a malloc'd string; NULL is allowed. */
void secret_free_string(char *);

/*
 * For a text of a peer that has just been given a token: words of more than
 * SECRET_WORD bytes, in which it may have been sent back, become "[secret]".
 */
#define SECRET_WORD 100
void secret_hide(char *text);

/* No core file, not dumpable, for the rest of this process's life.  Called first by every main. */
void secret_process(void);

#endif
