/* The kernel's command line, which a boot loader or a person at it has written. */
#include "init/words.h"
#include "tests/fuzz/fuzz.h"

/* In place of the console's: what cannot be used is told to nobody here. */
void console_say(const struct console *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct console nowhere = { .device = false };
	char *text = fuzz_text(data, size);
	struct words w;

	words_default(&w);
	words_parse(&w, text, &nowhere);
	FUZZ_ASSERT(memchr(w.supervisor, '\0', sizeof(w.supervisor)) != NULL);
	FUZZ_ASSERT(memchr(w.rescue, '\0', sizeof(w.rescue)) != NULL);
	FUZZ_ASSERT(memchr(w.hostname, '\0', sizeof(w.hostname)) != NULL);
	FUZZ_ASSERT(w.supervisor[0] == '/' && w.reboot_delay_s >= 0);
	free(text);
	return 0;
}
