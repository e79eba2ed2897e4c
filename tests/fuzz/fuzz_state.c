/* Files that the supervisor keeps, after a power cut or a hand that edited them: addresses; defaults of images. */
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/unitset.h"
#include "tests/fuzz/fuzz.h"

static void leases(const char *text)
{
	struct arena a = { 0 };
	struct leases first = { 0 }, second = { 0 };
	const char *printed;

	ipam_parse(&first, text, &a);
	printed = ipam_print(&first, &a);
	ipam_parse(&second, printed, &a);
	FUZZ_ASSERT(strcmp(printed, ipam_print(&second, &a)) == 0);
	arena_free(&a);
}

static void sidecar(const char *text, size_t size)
{
	struct arena a = { 0 };
	struct image_section image;
	struct err e;

	if (image_file_parse(&a, "image.ini", text, size, &image, &e) < 0)
		FUZZ_ASSERT(e.msg[0] != '\0');
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	leases(text);
	sidecar(text, size);
	free(text);
	return 0;
}
