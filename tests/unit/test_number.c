/* Numbers at the edge of what 64 bits hold, and texts that only look like numbers. */
#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool good;
	uint64_t usec;
} times[] = {
	{ "5", true, 5000000 },
	{ "1min 30", true, 90000000 },
	{ "1.5s", true, 1500000 },
	{ "0.0000009", true, 0 },
	{ "infinity", true, TIME_INFINITY },
	{ "18446744073709551613us", true, UINT64_C(18446744073709551613) },
	{ "18446744073709551614us", false, 0 }, /* it has a meaning */
	{ "18446744073709551615us", false, 0 },
	{ "18446744073709551616us", false, 0 },
	{ "184467440737095516150us", false, 0 },
	{ "18446744073709.9s", false, 0 },
	{ "18446744073709551613us 5us", false, 0 },
	{ "584942.99y", false, 0 },
	{ "1.y", false, 0 },
	{ "", false, 0 },
	{ "5 apples", false, 0 },
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		uint64_t usec = 0;

		if ((number_time(times[i].text, &usec) == 0) != times[i].good)
			fail_msg("%s", times[i].text);
		assert_int_equal(usec, times[i].usec);
	}
}

static const struct {
	const char *text;
	bool good;
	uint64_t bytes;
} sizes[] = {
	{ "0", true, 0 },
	{ "7B", true, 7 },
	{ "7b", true, 7 },
	{ "1k", true, 1024 },
	{ "1Kb", true, 1024 },
	{ "1KiB", true, 1024 },
	{ "1.5G", true, 1610612736 },
	{ "15E", true, UINT64_C(15) << 60 },
	{ "16E", false, 0 },
	{ "18446744073709551614", false, 0 },
	{ "1KK", false, 0 },
	{ "1{", false, 0 },
	{ "1z", false, 0 },
	{ "K", false, 0 },
};

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t bytes = 0;

		if ((number_size(sizes[i].text, 1024, &bytes) == 0) != sizes[i].good)
			fail_msg("%s", sizes[i].text);
		assert_int_equal(bytes, sizes[i].bytes);
	}
}

static void test_shares(void **state)
{
	uint32_t permille = 7;

	(void)state;
	assert_int_equal(number_permille("12.5%", &permille), 0);
	assert_int_equal(permille, 125);
	assert_int_equal(number_permille("429496729.5%", &permille), 0);
	assert_int_equal(permille, UINT32_MAX);
	assert_int_equal(number_permille("429496729.6%", &permille), -1);
	assert_int_equal(number_permille("1844674407370955162%", &permille), -1);
	assert_int_equal(number_permille("12", &permille), -1);
	assert_int_equal(number_permille("%", &permille), -1);
}

static void test_whole_numbers(void **state)
{
	int64_t value = 0;

	(void)state;
	assert_int_equal(number_i64("-9223372036854775807", &value), 0);
	assert_true(value == -INT64_MAX);
	assert_int_equal(number_i64("+9223372036854775807", &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(number_i64("9223372036854775808", &value), -1);
	assert_int_equal(number_i64("-", &value), -1);
	assert_int_equal(number_i64("--1", &value), -1);
}

static void test_largest_size_is_printed_whole(void **state)
{
	static const struct {
		uint64_t bytes;
		uint32_t base;
		const char *text;
	} cases[] = {
		{ 0, 1024, "0" },
		{ UINT64_C(1) << 60, 1024, "1E" },
		{ UINT64_C(1000000000000000000), 1000, "1E" },
		{ 1025, 1024, "1025" },
		{ SIZE_INFINITY, 1024, "infinity" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[40];
		struct text t = { buf, sizeof(buf), 0 };

		number_put_size(&t, cases[i].bytes, cases[i].base);
		assert_string_equal(buf, cases[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_largest_size_is_printed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
