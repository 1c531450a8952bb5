/* receipt: a line that was parsed can be written and parsed again, to the same fields. */
#include "fuzz.h"

#include "mail/receipt.h"

static void
again(const struct receipt_line *l)
{
	struct receipt r = { .user = l->user,
		.folder = l->folder,
		.uidvalidity = l->uidvalidity,
		.uid = l->uid,
		.date = l->has_date ? l->date : INT64_MIN,
		.path = "/p" };
	struct receipt_line back;
	struct str line = STR_INIT;
	struct err err = ERR_INIT;

	receipt_format(&line, &r, RECEIPT_TSV);
	must(line.len > 0 && line.s[line.len - 1] == '\n');
	must(memchr(line.s, '\n', line.len) == line.s + line.len - 1);
	if (line.len <= RECEIPT_LINE_MAX) {
		must(receipt_parse(line.s, line.len - 1, &back, &err) == 0);
		must(back.kind == LINE_RECEIPT && strcmp(back.user, r.user) == 0 &&
		    strcmp(back.folder, r.folder) == 0);
		must(back.uid == r.uid && back.uidvalidity == r.uidvalidity);
	}
	str_release(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct receipt_line l;
	struct err err = ERR_INIT;
	char *line = malloc(n + 1);

	memcpy(line, data, n);
	line[n] = '\0';
	if (receipt_parse(line, n, &l, &err) == 0 && l.kind == LINE_RECEIPT)
		again(&l);
	free(line);
	return 0;
}
