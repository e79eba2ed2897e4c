/* What conditions compare by: versions, operators, pressure. The checks themselves are asked of a real machine. */
#include "supervisor/core/unit/condition.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int sign(int order)
{
	return (order > 0) - (order < 0);
}

static void test_versions(void **data)
{
	static const struct {
		const char *left, *right;
		int order;
	} rows[] = {
		{ "6.1", "6.1", 0 },
		{ "6.10", "6.9", 1 },
		{ "6.1.0-13", "6.1", 1 },
		{ "6.1~rc1", "6.1", -1 },
		{ "12", "9", 1 },
		{ "007", "7", 0 },
		{ "1.2.3", "1.2.10", -1 },
		{ "a1", "a01", 0 },
		{ "", "1", -1 },
		{ "6.18.0-cloud", "6.2", 1 },
		{ "2a", "2b", -1 },
		{ "~", "", -1 },
		{ "18446744073709551616", "18446744073709551615", 1 },
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sign(compare_versions(rows[i].left, rows[i].right)),
			rows[i].order);
		assert_int_equal(sign(compare_versions(rows[i].right, rows[i].left)),
			-rows[i].order);
	}
}

static void test_operators(void **data)
{
	/* what holds of: less, equal, more */
	static const struct {
		const char *text, *holds;
	} rows[] = {
		{ "< 1", "x--" },
		{ "<=1", "xx-" },
		{ "=1", "-x-" },
		{ " == 1", "-x-" },
		{ "!=1", "x-x" },
		{ "<> 1", "x-x" },
		{ ">=\t1", "-xx" },
		{ ">1", "--x" },
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *s = rows[i].text;
		enum compare how = compare_take(&s);

		assert_string_equal(s, "1");
		for (int order = -1; order <= 1; order++)
			assert_int_equal(compare_holds(how, order),
				rows[i].holds[order + 1] == 'x');
	}
}

static void test_no_operator(void **data)
{
	const char *s = "~1";

	(void)data;
	assert_int_equal(compare_take(&s), COMPARE_NONE);
	assert_string_equal(s, "~1");
	assert_false(compare_holds(COMPARE_NONE, 0));
}

static void test_pressure(void **data)
{
	struct pressure_limit limit;

	(void)data;
	assert_int_equal(pressure_parse("10%", &limit), 0);
	assert_int_equal(limit.permille, 100);
	assert_string_equal(limit.average, "avg300");
	assert_string_equal(limit.unit, "");
	assert_int_equal(pressure_parse("web.container:2.5%/10s", &limit), 0);
	assert_int_equal(limit.permille, 25);
	assert_string_equal(limit.average, "avg10");
	assert_string_equal(limit.unit, "web.container");
	assert_int_equal(pressure_parse("10", &limit), -1);
	assert_int_equal(pressure_parse("10%/2min", &limit), -1);
	assert_int_equal(pressure_parse("10%/", &limit), -1);
	assert_int_equal(pressure_parse("", &limit), -1);
}

static void test_names(void **data)
{
	(void)data;
	assert_string_equal(condition_name(CONDITION_PATH_EXISTS), "PathExists");
	assert_string_equal(condition_name(CONDITION_IO_PRESSURE), "IOPressure");
	assert_string_equal(condition_name(CONDITION_COUNT), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_no_operator),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
