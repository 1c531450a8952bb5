/* fuzz: what every target is: one function, fed by libFuzzer, that must not crash, leak or break a promise. */
#ifndef MSTOOLS_FUZZ_H
#define MSTOOLS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A promise of a header that must hold for every input. */
#define must(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

#endif
