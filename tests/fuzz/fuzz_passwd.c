/* Users and groups of an image, which may be hostile. Input: who, "\n", the group or nothing, "\n", the file. */
#include "supervisor/core/plan/passwd.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text;
	const char *user = strsep(&rest, "\n"), *group = strsep(&rest, "\n");
	const char *file = rest != NULL ? rest : "";
	size_t n = rest != NULL ? size - (size_t)(rest - text) : 0;
	struct identity id = { .n_groups = 0 };

	/* users and groups have lines of one form: the same text serves as both */
	(void)identity_resolve(&id, user, group != NULL && *group != '\0' ? group : NULL, file, n,
		file, n);
	FUZZ_ASSERT(id.n_groups <= SUPPLEMENTARY_MAX);
	FUZZ_ASSERT(memchr(id.home, '\0', sizeof(id.home)) != NULL);
	free(text);
	return 0;
}
