#include "base/util.h"
#include "tool/window.h"
#include "t.h"

/* The UIDs of a window, "1-3 7". */
static const char *
text(const struct window *w)
{
	static char buf[400];
	uint32_t i;
	size_t n = 0;

	*buf = '\0';
	for (i = 0; i < w->nrange; i++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%u-%u", i ? " " : "", w->range[i].lo,
		    w->range[i].hi);
	return buf;
}

static void
test_came(void)
{
	struct windows q = { NULL, 0 };
	struct window *w = windows_insert(&q, 0), missing = { .id = 0 };

	window_add(w, 3);
	window_add(w, 4);
	window_add(w, 7);
	is_str(text(w), "3-4 7-7", "ranges grow");
	is_int(window_size(w), 3, "three UIDs");
	ok(window_came(w, 3) && !window_came(w, 3), "each comes once");
	ok(!window_came(w, 5) && !window_came(w, 0), "only what was asked for");
	ok(window_came(w, 7) && window_came(w, 4) && !window_came(w, 4), "in any order");
	is_int(window_missing(w, &missing), 0, "nothing is missing");
	windows_release(&q);
	free(missing.range);
}

static void
test_missing(void)
{
	struct windows q = { NULL, 0 };
	struct window *w = windows_insert(&q, 0), a = { .id = 0 }, b = { .id = 0 };
	static const uint32_t there[] = { 9, 2, 2, 5, 11 };

	window_set(w, 1, 10);
	w->search = 77;
	window_there(w, there, 3);
	window_there(w, there + 3, 2);
	window_came(w, 5);
	is_int(window_missing(w, &a), 2, "what is there and has not come");
	is_str(text(&a), "2-2 9-9", "2 and 9; 11 was not asked for");
	window_reset(w);
	is_int(w->nthere + w->search + w->id, 0, "forgotten");
	is_int(window_missing(w, &b), 9, "without a search: all that has not come");
	is_str(text(&b), "1-4 6-10", "but 5");
	windows_release(&q);
	free(a.range);
	free(b.range);
}

static void
test_halve(void)
{
	struct windows q = { NULL, 0 };
	struct window *w;
	uint32_t uid;
	size_t i, total = 0;

	windows_insert(&q, 0);
	w = windows_insert(&q, 0);
	window_set(w, 1, 5);
	window_set(w, 10, 10);
	window_set(w, 4294967294u, UINT32_MAX);
	window_came(w, 2);
	ok(windows_halve(&q, 0), "eight UIDs");
	is_str(text(&q.w[0]), "1-4", "the first half");
	is_str(text(&q.w[1]), "5-5 10-10 4294967294-4294967295", "the second");
	ok(!window_came(&q.w[0], 2), "what came stays known");
	is_int(q.n, 3, "in its place");
	while (windows_halve(&q, 0))
		;
	is_str(text(&q.w[0]), "1-1", "down to one");
	ok(!windows_halve(&q, 0), "which cannot be halved");
	for (i = 0; i < q.n; i++)
		total += window_size(&q.w[i]);
	is_int(total, 8, "none is lost");
	q.w[1].id = 5;
	is_int(windows_find(&q, 5), 1, "found by its job");
	is_int(windows_find(&q, 6), q.n, "not found");
	for (uid = 0; q.n > 0; uid++)
		windows_drop(&q, 0);
	windows_release(&q);
}

int
main(void)
{
	uint32_t u[] = { 5, 1, 5, 3, 1 };

	is_int(uids_sort(u, 5), 3, "sorted, each once");
	ok(u[0] == 1 && u[1] == 3 && u[2] == 5, "in order");
	is_int(uids_sort(NULL, 0), 0, "nothing");
	test_came();
	test_missing();
	test_halve();
	return done_testing();
}
