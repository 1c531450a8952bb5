/* mark_batch: sets of items that go through the phases together, and the rows that came for them. */
#include <stdlib.h>
#include <string.h>

#include "tool/mark_int.h"

/* Does item i repeat the one before it?  Receipts come at least once. */
bool
batch_is_twin(const struct visit *v, const struct mark_batch *b, size_t i)
{
	const struct mark_item *it = &v->m->in.item[i];

	return i > b->first && it[-1].uid == it->uid && it[-1].date == it->date;
}

uint32_t
batch_ranges(const struct visit *v, const struct mark_batch *b, enum mark_state state, struct wire_range *r)
{
	const struct mark_item *item = v->m->in.item;
	uint32_t n = 0;
	size_t i;

	for (i = b->first; i < b->end; i++) {
		if (item[i].state != state || (n > 0 && r[n - 1].hi == item[i].uid))
			continue;
		if (n > 0 && r[n - 1].hi + 1 == item[i].uid)
			r[n - 1].hi++;
		else
			r[n++] = (struct wire_range){ item[i].uid, item[i].uid };
	}
	return n;
}

size_t
batch_finish(struct visit *v, struct mark_batch *b, enum mark_state state, enum mark_word w,
    const char *detail)
{
	struct mark_item *item = v->m->in.item;
	size_t i, n = 0;

	for (i = b->first; i < b->end; i++)
		if (item[i].state == state) {
			mark_result(v->m, b->group, &item[i], w, detail);
			n++;
		}
	return n;
}

void
batch_free(struct visit *v)
{
	struct mark_batch *b = v->batch;

	v->batch = b->next;
	free(b);
}

bool
batch_halve(struct visit *v, enum mark_state state)
{
	struct mark_batch *b = v->batch, *half;
	const struct mark_item *item = v->m->in.item;
	size_t i, n = 0, mid = 0, end = b->end;
	uint32_t last = 0;

	for (i = b->first; i < b->end; i++)
		n += item[i].state == state;
	/* the first place behind half of them where one UID's items end */
	for (i = b->first; i < b->end; i++) {
		if (item[i].state != state)
			continue;
		if (mid >= n / 2 && mid > 0 && item[i].uid != last) {
			end = i;
			break;
		}
		last = item[i].uid;
		mid++;
	}
	if (end == b->end) /* all of one UID, or the rest is: the other way round */
		for (i = b->end; i-- > b->first;)
			if (item[i].state == state && item[i].uid != last) {
				end = i + 1;
				break;
			}
	if (end == b->end)
		return false;
	half = xcalloc(1, sizeof *half);
	*half = *b;
	half->first = end;
	b->end = end;
	b->next = half;
	return true;
}

/* --- rows --- */

static int
by_uid(const void *a, const void *b)
{
	const struct wire_row *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

void
rows_sort(struct visit *v)
{
	if (v->nrow > 1)
		qsort(v->row, v->nrow, sizeof *v->row, by_uid);
}

const struct wire_row *
rows_find(const struct visit *v, uint32_t uid)
{
	struct wire_row key = { .uid = uid };

	return v->nrow == 0 ? NULL : bsearch(&key, v->row, v->nrow, sizeof *v->row, by_uid);
}

void
work_rows(struct visit *v, const struct wire_rows *r)
{
	if (v->nrow + r->n > v->cap) {
		v->cap = 2 * v->cap + r->n;
		v->row = xreallocarray(v->row, v->cap, sizeof *v->row);
	}
	memcpy(v->row + v->nrow, r->row, r->n * sizeof *r->row);
	v->nrow += r->n;
}
