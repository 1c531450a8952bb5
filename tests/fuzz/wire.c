/* wire: whatever a worker sends: refused, or within its bounds, every text ended and printable. */
#include "fuzz.h"

#include "crew/wire.h"

static void
text(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);

	must(end != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t room[] = { 0, 64, 512, 4096 };
	size_t size;
	struct wire_head *h;
	char *packet;

	/* The first bytes: the type, and room for a text after the head; the head itself is made. */
	if (n < 2)
		return 0;
	size = sizeof *h + (n - 2) + room[data[1] % 4];
	packet = calloc(1, size);
	h = (struct wire_head *)packet;
	memcpy(packet + sizeof *h, data + 2, n - 2);
	wire_head(h, (enum wire_type)data[0], size, 1);
	if (size <= WIRE_MAX && wire_check(packet, size, 1) == 0) {
		must(h->type >= WIRE_HELLO && h->type <= WIRE_ALIVE);
		if (h->type == WIRE_FAIL)
			text(((struct wire_fail *)packet)->text, WIRE_TEXT);
		if (h->type == WIRE_DONE)
			text(((struct wire_done *)packet)->text, WIRE_TEXT);
		if (h->type == WIRE_ROWS)
			must(size ==
			    sizeof(struct wire_rows) +
				((struct wire_rows *)packet)->n * sizeof(struct wire_row));
	}
	free(packet);
	return 0;
}
