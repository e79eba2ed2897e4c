/* How many records of a service are kept in an interval. */
#include "supervisor/core/loglimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEC UINT64_C(1000000)

static void test_none_is_the_default(void **state)
{
	static const struct log_limit off[] = { { 0 }, { .interval = SEC }, { .burst = 5 } };

	(void)state;
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		struct log_limit l = off[i];

		log_limit_count(&l, SEC, 1000);
		assert_int_equal(log_limit_room(&l, SEC), LOG_LIMIT_NONE);
		assert_int_equal(log_limit_end(&l, SEC), SEC);
	}
}

static void test_a_burst_in_an_interval(void **state)
{
	struct log_limit l = { .interval = 10 * SEC, .burst = 5 };

	(void)state;
	assert_int_equal(log_limit_room(&l, 0), 5);
	log_limit_count(&l, 0, 3);
	assert_int_equal(log_limit_room(&l, 9 * SEC), 2);
	log_limit_count(&l, 9 * SEC, 2);
	assert_int_equal(log_limit_room(&l, 9 * SEC), 0);
	assert_int_equal(log_limit_end(&l, 9 * SEC), 10 * SEC);
	assert_int_equal(log_limit_room(&l, 10 * SEC - 1), 0);
	assert_int_equal(log_limit_room(&l, 10 * SEC), 5);
	assert_int_equal(log_limit_end(&l, 10 * SEC), 10 * SEC);
}

static void test_an_interval_begins_with_a_record(void **state)
{
	struct log_limit l = { .interval = 10 * SEC, .burst = 5 };

	(void)state;
	log_limit_count(&l, 100 * SEC, 5);
	log_limit_count(&l, 105 * SEC, 0); /* nothing came */
	assert_int_equal(log_limit_end(&l, 105 * SEC), 110 * SEC);
	log_limit_count(&l, 117 * SEC, 4);
	assert_int_equal(log_limit_room(&l, 126 * SEC), 1);
	assert_int_equal(log_limit_end(&l, 126 * SEC), 127 * SEC);
}

static void test_one_without_end(void **state)
{
	struct log_limit l = { .interval = UINT64_MAX, .burst = 2 };

	(void)state;
	log_limit_count(&l, SEC, 2);
	assert_int_equal(log_limit_room(&l, UINT64_MAX - 1), 0);
	assert_true(log_limit_end(&l, 2 * SEC) == UINT64_MAX);
}

/* It may have become lower meanwhile, by a reload. */
static void test_a_limit_that_has_become_lower(void **state)
{
	struct log_limit l = { .interval = 10 * SEC, .burst = 5 };

	(void)state;
	log_limit_count(&l, 0, 4);
	l.burst = 3;
	assert_int_equal(log_limit_room(&l, SEC), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_is_the_default),
		cmocka_unit_test(test_a_burst_in_an_interval),
		cmocka_unit_test(test_an_interval_begins_with_a_record),
		cmocka_unit_test(test_one_without_end),
		cmocka_unit_test(test_a_limit_that_has_become_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
