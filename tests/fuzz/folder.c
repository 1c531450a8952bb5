/* folder: what decodes encodes to itself; matching ends. */
#include "fuzz.h"

#include "imap/folder.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str name = STR_INIT, raw = STR_INIT;
	char *s = malloc(n + 1);

	memcpy(s, data, n);
	s[n] = '\0';
	if (utf7_decode(&name, s) == 0) {
		must(utf7_encode(&raw, name.s == NULL ? "" : name.s) == 0);
		must(strcmp(raw.s == NULL ? "" : raw.s, s) == 0);
	}
	str_clear(&name);
	folder_name(&name, s, '/');
	if (n < 200)
		(void)folder_match(s, name.s == NULL ? "" : name.s, '/', 0);
	str_release(&name);
	str_release(&raw);
	free(s);
	return 0;
}
