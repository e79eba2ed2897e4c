/*
 * Files that the supervisor keeps, after a power cut or a hand that edited them: addresses, defaults of images, the record
 * of boots.
 */
#include "supervisor/core/engine/bootcount.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/unit/unitset.h"
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

/* What is believed is written so that it is believed again, and counts on; what is not is a machine that never booted. */
static void boots(const char *text, size_t size)
{
	static const struct boot_count none;
	struct boot_count first, second;
	char printed[BOOT_COUNT_TEXT_MAX];
	size_t n;

	if (boot_count_parse(&first, text, size) < 0) {
		FUZZ_ASSERT(memcmp(&first, &none, sizeof(none)) == 0);
		return;
	}
	FUZZ_ASSERT(first.n_failures <= BOOT_FAILURES_MAX);
	n = boot_count_print(&first, printed, sizeof(printed));
	FUZZ_ASSERT(n < sizeof(printed) && boot_count_parse(&second, printed, n) == 0);
	FUZZ_ASSERT(second.boot == first.boot && second.failed == first.failed &&
		strcmp(second.why, first.why) == 0 && second.n_failures == first.n_failures);
	boot_count_next(&second);
	FUZZ_ASSERT(second.open && second.failed >= (uint32_t)first.open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	leases(text);
	sidecar(text, size);
	boots(text, size);
	free(text);
	return 0;
}
