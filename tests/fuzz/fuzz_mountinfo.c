/* The list of mounts: the kernel writes it, but the names in it are anybody's. */
#include "common/mountinfo.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text;
	struct mountinfo m;

	while (mountinfo_next(&rest, &m)) {
		FUZZ_ASSERT(m.place >= text && m.place + strlen(m.place) <= text + size);
		FUZZ_ASSERT(m.type >= text && m.type + strlen(m.type) <= text + size);
		FUZZ_ASSERT(m.place[0] == '/');
	}
	free(text);
	return 0;
}
