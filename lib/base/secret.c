/*
 * secret: see secret.h.
 *
 * - Each secret has pages of its own, so that they can be kept out of core
 *   files and swap; neither failing is an error.
 * - The worker's cage lets mmap and munmap through; madvise and mlock are
 *   refused there, which is the same as not being able to.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secret.h"
#include "util.h"

static void *
pages_get(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		util_no_memory();
	(void)madvise(p, n, MADV_DONTDUMP);
	(void)mlock(p, n);
	return p;
}

static void
secret_room(struct secret *x, size_t n)
{
	size_t cap = x->cap > 0 ? x->cap : (size_t)sysconf(_SC_PAGESIZE);
	char *p;

	if (n >= SIZE_MAX / 2 - x->len)
		util_no_memory();
	while (cap < x->len + n + 1)
		cap *= 2;
	if (cap == x->cap)
		return;
	p = pages_get(cap);
	if (x->s != NULL) {
		memcpy(p, x->s, x->len + 1);
		explicit_bzero(x->s, x->cap);
		munmap(x->s, x->cap);
	}
	x->s = p;
	x->cap = cap;
}

void
secret_add(struct secret *x, const void *p, size_t n)
{
	secret_room(x, n);
	if (n > 0)
		memcpy(x->s + x->len, p, n);
	x->len += n;
	x->s[x->len] = '\0';
}

void
secret_adds(struct secret *x, const char *s)
{
	secret_add(x, s, strlen(s));
}

void
secret_clear(struct secret *x)
{
	if (x->s != NULL)
		explicit_bzero(x->s, x->len);
	x->len = 0;
}

void
secret_release(struct secret *x)
{
	if (x->s != NULL) {
		explicit_bzero(x->s, x->cap);
		munmap(x->s, x->cap);
	}
	*x = (struct secret)SECRET_INIT;
}

void
secret_free_string(char *s)
{
	if (s == NULL)
		return;
	explicit_bzero(s, strlen(s));
	free(s);
}

void
secret_hide(char *text)
{
	static const char mask[] = "[secret]";
	char *to = text, *from = text;
	size_t n;

	for (; *from != '\0'; from += n) {
		n = strcspn(from, " ");
		if (n > SECRET_WORD) {
			memcpy(to, mask, sizeof mask - 1);
			to += sizeof mask - 1;
		} else {
			n += from[n] == ' ';
			memmove(to, from, n);
			to += n;
		}
	}
	explicit_bzero(to, (size_t)(from - to) + 1);
}

void
secret_process(void)
{
	struct rlimit lim;

	/* Only the soft limit: a filter or token command may raise it again for itself. */
	if (getrlimit(RLIMIT_CORE, &lim) == 0) {
		lim.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &lim);
	}
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
