/*
 * What every fuzz target is: a file fuzz_NAME.c with this one function, run by libFuzzer with the corpus in corpus/NAME
 * and the words of the key tables as its dictionary. It aborts, by assert or a sanitizer, when what it tests is wrong.
 *
 *      make test-fuzz                       each target for ten seconds
 *      make fuzz NAME=units SECONDS=3600    one of them for longer
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as text with a NUL behind it, to be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Said when an invariant of the target's own does not hold. */
#define FUZZ_ASSERT(holds)       \
	do {                     \
		if (!(holds))    \
			abort(); \
	} while (0)

#endif
