/* header: fields are found and decoded within their bounds, whatever the block is. */
#include "fuzz.h"

#include "imap/header.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *block = malloc(n + 1);
	struct str field = STR_INIT, text = STR_INIT;

	memcpy(block, data, n);
	block[n] = '\0';
	if (header_field(&field, block, n, "Subject", 300) == 1) {
		must(field.len <= 300);
		header_decode(&text, field.s == NULL ? "" : field.s, field.len, 200);
		must(text.len <= 200);
	}
	(void)header_msgid(block, n);
	str_release(&field);
	str_release(&text);
	free(block);
	return 0;
}
