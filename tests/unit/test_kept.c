/* Records that describe themselves: packed, read again, read by another version, and by one that is lied to. */
#include "supervisor/core/engine/kept.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct inner {
	bool yes;
	uint32_t n;
};

struct ours {
	uint8_t small;
	uint64_t large; /* with a gap before it */
	struct inner in;
	char text[8];
	int not_kept;
	uint32_t v[2];
};

static const struct kept_field fields[] = {
	KEPT(struct ours, small),
	KEPT(struct ours, large),
	KEPT_AS(struct ours, in.yes, KEPT_BOOL, 0),
	KEPT_AS(struct ours, in.n, KEPT_BELOW, 5),
	KEPT_AS(struct ours, text, KEPT_TEXT, 0),
	KEPT_AS(struct ours, v[1], KEPT_INDEX, 0),
};

static const struct kept_layout layout = { fields, ARRAY_LEN(fields), 1 + 8 + 1 + 4 + 8 + 4 };

static const struct ours some = { .small = 7,
	.large = UINT64_C(0x0102030405060708),
	.in = { .yes = true, .n = 4 },
	.text = "seven",
	.not_kept = 9,
	.v = { 1, 2 } };

static const char description[] = "small 1\nlarge 8\nin.yes 1\nin.n 4\ntext 8\nv[1] 4\n";

static void map_text(struct kept_map *map, const char *text)
{
	assert_int_equal(kept_map_make(map, &layout, text, strlen(text)), 0);
}

static void test_packed_without_gaps_and_back(void **state)
{
	uint8_t packed[26 + 4];
	struct ours back = { .not_kept = 3, .v = { 8, 9 } };
	struct kept_map map;

	(void)state;
	memset(packed, 0xee, sizeof(packed));
	kept_pack(&layout, &some, packed);
	assert_int_equal(packed[0], 7);
	assert_memory_equal(packed + 1, &some.large, 8);
	assert_int_equal(packed[26], 0xee);
	map_text(&map, description);
	assert_int_equal(map.size, 26);
	kept_unpack(&map, packed, &back);
	assert_int_equal(back.small, 7);
	assert_true(back.large == some.large);
	assert_true(back.in.yes);
	assert_int_equal(back.in.n, 4);
	assert_string_equal(back.text, "seven");
	assert_int_equal(back.v[1], 2);
	/* what is not in the layout is not touched */
	assert_int_equal(back.not_kept, 3);
	assert_int_equal(back.v[0], 8);
}

static void test_description_says_what_it_needs(void **state)
{
	char text[128];

	(void)state;
	memset(text, '#', sizeof(text));
	assert_int_equal(kept_describe(&layout, text, sizeof(text)), strlen(description));
	assert_memory_equal(text, description, strlen(description));
	assert_int_equal(text[strlen(description)], '#');
	memset(text, '#', sizeof(text));
	assert_int_equal(kept_describe(&layout, text, 10), strlen(description));
	assert_memory_equal(text, "small 1\nla#", 11);
	assert_int_equal(kept_describe(&layout, NULL, 0), strlen(description));
}

/* Another order, one they do not have, one we do not know, one of another size. */
static void test_another_version(void **state)
{
	static const uint8_t theirs[] = { 2, 0, 0, 0, /* v[1] */
		0xaa, 0xaa, 0xaa,                     /* new */
		5,                                    /* small */
		1, 2,                                 /* text, when it was short */
		3, 0, 0, 0 };                         /* in.n */
	struct ours back = { .large = 77, .text = "mine" };
	struct kept_map map;

	(void)state;
	map_text(&map, "v[1] 4\nnew 3\nsmall 1\ntext 2\nin.n 4\n");
	assert_int_equal(map.size, sizeof(theirs));
	kept_unpack(&map, theirs, &back);
	assert_int_equal(back.v[1], 2);
	assert_int_equal(back.small, 5);
	assert_int_equal(back.in.n, 3);
	assert_true(back.large == 77);
	assert_string_equal(back.text, "mine");
}

static void test_what_is_no_description(void **state)
{
	static const char *const wrong[] = {
		"", "small", "small \n", "small 1", " 1\n", "small 1\n\n", "small x\n", "small 0\n",
		"small -1\n", "small 1 \n", "small 99999999999\n", "other 4\n",
		"small 1\nsmall 1\n", "small  1\n", "small 1\nbig 32767\nbigger 2\n",
		"a-name-of-more-than-so-many-characters-is-nobodys-and-never-was-one 4\nsmall 1\n"
	};
	struct kept_map map;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(kept_map_make(&map, &layout, wrong[i], strlen(wrong[i])), -1);
	assert_int_equal(kept_map_make(&map, &layout, "small 1\nbig 32767\n", 18), 0);
	/* the same unknown name twice is theirs to explain */
	map_text(&map, "small 1\nother 4\nother 4\n");
	assert_int_equal(map.size, 9);
}

/* Any bytes are read or refused, and never beyond their end; what was read fits both records. */
static void test_damaged_descriptions(void **state)
{
	size_t good = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 10000; i++) {
		size_t n = strlen(description);
		char *copy = malloc(n);
		struct kept_map map;

		memcpy(copy, description, n);
		for (int k = rand() % 3; k >= 0; k--)
			copy[(size_t)rand() % n] = (char)(rand() % 4 == 0 ? rand()
									  : '0' + rand() % 12);
		n -= (size_t)(rand() % 2 * rand()) % n;
		if (kept_map_make(&map, &layout, copy, n) == 0) {
			uint8_t *record = calloc(1, map.size);
			struct ours *back = calloc(1, sizeof(*back));

			kept_unpack(&map, record, back);
			good++;
			free(record);
			free(back);
		}
		free(copy);
	}
	assert_true(good > 100 && good < 9000);
}

static void test_values(void **state)
{
	uint8_t raw[sizeof(struct ours)];

	(void)state;
	memcpy(raw, &some, sizeof(raw));
	assert_true(kept_sound(&layout, raw, 3));
	assert_false(kept_sound(&layout, raw, 2)); /* v[1] is 2 */
	memset(raw + offsetof(struct ours, v[1]), 0xff, 4);
	assert_true(kept_sound(&layout, raw, 2));
	raw[offsetof(struct ours, v[1])] = 0xfd;
	assert_false(kept_sound(&layout, raw, 2));
	memcpy(raw, &some, sizeof(raw));
	raw[offsetof(struct ours, in.yes)] = 2;
	assert_false(kept_sound(&layout, raw, 3));
	memcpy(raw, &some, sizeof(raw));
	raw[offsetof(struct ours, in.n)] = 5;
	assert_false(kept_sound(&layout, raw, 3));
	memcpy(raw, &some, sizeof(raw));
	memset(raw + offsetof(struct ours, text), 'x', 8);
	assert_false(kept_sound(&layout, raw, 3));
	raw[offsetof(struct ours, text) + 7] = '\0';
	assert_true(kept_sound(&layout, raw, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed_without_gaps_and_back),
		cmocka_unit_test(test_description_says_what_it_needs),
		cmocka_unit_test(test_another_version),
		cmocka_unit_test(test_what_is_no_description),
		cmocka_unit_test(test_damaged_descriptions),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
