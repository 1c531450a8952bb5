/* config: any text is taken or refused with the line it is refused for. */
#include "fuzz.h"

#include "base/config.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config c = CONFIG_INIT;
	struct err err = ERR_INIT;
	char *text = malloc(n + 1);

	memcpy(text, data, n);
	text[n] = '\0';
	if (config_parse(&c, "fuzz", text, n, &err) == -1)
		must(err.kind == ERR_CONFIG && strncmp(err.subject, "fuzz", 4) == 0 && err.text[0] != '\0');
	config_release(&c);
	free(text);
	return 0;
}
