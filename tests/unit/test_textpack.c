/* What unit files said, as bytes and back; and bytes that are none of ours. */
#include "supervisor/core/textpack.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct unit_text texts[] = {
	{ .unit = "web.container",
		.path = "/etc/web.container",
		.text = "[Container]\n\0x",
		.size = 14 },
	{ .unit = "web.container", .path = "/etc/web.container.d/a.conf", .text = "", .rank = 1 },
	{ .unit = "gone.service", .path = "/etc/gone.service", .text = "", .unreadable = "no" },
	{ .unit = "dead.service", .path = "/etc/dead.service", .text = "", .masked = true },
	{ .unit = "a@1.service", .path = "/run/a@1.service", .role = TEXT_INSTANCE },
	{ .unit = "x.target",
		.path = "/x.target.wants/y.service",
		.role = TEXT_WANTS,
		.target = "y.service" },
};

static void assert_same_string(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a != NULL)
		assert_string_equal(a, b);
}

static void test_there_and_back(void **state)
{
	size_t size = textpack(texts, ARRAY_LEN(texts), NULL), n = 0;
	uint8_t *bytes = malloc(size);
	struct unit_text *got = NULL;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(textpack(texts, ARRAY_LEN(texts), bytes), size);
	assert_int_equal(textunpack(&a, bytes, size, &got, &n), 0);
	assert_int_equal(n, ARRAY_LEN(texts));
	for (size_t i = 0; i < n; i++) {
		assert_same_string(got[i].unit, texts[i].unit);
		assert_same_string(got[i].path, texts[i].path);
		assert_same_string(got[i].unreadable, texts[i].unreadable);
		assert_same_string(got[i].target, texts[i].target);
		assert_int_equal(got[i].size, texts[i].size);
		if (texts[i].text != NULL)
			assert_memory_equal(got[i].text, texts[i].text, texts[i].size);
		assert_int_equal(got[i].role, texts[i].role);
		assert_int_equal(got[i].rank, texts[i].rank);
		assert_int_equal(got[i].masked, texts[i].masked);
	}
	free(bytes);
	arena_free(&a);
}

static void test_nothing(void **state)
{
	struct unit_text *got = NULL;
	struct arena a = { 0 };
	size_t n = 1;

	(void)state;
	assert_int_equal(textpack(NULL, 0, NULL), 0);
	assert_int_equal(textunpack(&a, (const uint8_t *)"", 0, &got, &n), 0);
	assert_int_equal(n, 0);
}

/* A copy of just that length, so that a look beyond its end is seen. */
static int unpack_cut(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = memcpy(malloc(size + 1), bytes, size);
	struct unit_text *got;
	struct arena a = { 0 };
	size_t n;
	int rc;

	copy = realloc(copy, size > 0 ? size : 1);
	rc = textunpack(&a, copy, size, &got, &n);
	free(copy);
	arena_free(&a);
	return rc;
}

static void test_cut_short(void **state)
{
	size_t size = textpack(texts, ARRAY_LEN(texts), NULL), whole = 0;
	uint8_t *bytes = malloc(size);

	(void)state;
	(void)textpack(texts, ARRAY_LEN(texts), bytes);
	for (size_t cut = 1; cut <= size; cut++)
		whole += unpack_cut(bytes, cut) == 0;
	/* only between two texts */
	assert_int_equal(whole, ARRAY_LEN(texts));
	free(bytes);
}

static void test_damaged(void **state)
{
	size_t size = textpack(texts, ARRAY_LEN(texts), NULL);
	uint8_t *bytes = malloc(size);
	uint32_t dice = 1;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		(void)textpack(texts, ARRAY_LEN(texts), bytes);
		for (int k = 0; k < 3; k++) {
			dice = dice * 1664525u + 1013904223u;
			bytes[(dice >> 8) % size] = (uint8_t)(dice >> 24);
		}
		(void)unpack_cut(bytes, size); /* whatever it says: nothing beyond is read */
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
