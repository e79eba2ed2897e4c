/* The count of boots that did not become well: what follows from what, and the record of it. */
#include "supervisor/core/engine/bootcount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A boot that nobody told to end, and that said no word. */
static void crash(struct boot_count *c)
{
	assert_true(c->open);
	boot_count_next(c);
}

static void test_first_boot(void **state)
{
	struct boot_count c = { .boot = 0 };

	(void)state;
	boot_count_next(&c);
	assert_int_equal(c.boot, 1);
	assert_int_equal(c.failed, 0);
	assert_true(c.open);
	assert_false(boot_count_wants_safe(&c, 3));
}

static void test_safe_after_so_many(void **state)
{
	struct boot_count c = { .boot = 0 };

	(void)state;
	boot_count_next(&c);
	for (uint32_t failed = 1; failed <= 4; failed++) {
		crash(&c);
		assert_int_equal(c.failed, failed);
		assert_int_equal(boot_count_wants_safe(&c, 3), failed >= 3);
		assert_false(boot_count_wants_safe(&c, 0));
	}
	assert_int_equal(c.boot, 5);
}

static void test_a_good_boot_forgets(void **state)
{
	struct boot_count c = { .boot = 0 };

	(void)state;
	boot_count_next(&c);
	crash(&c);
	crash(&c);
	boot_count_good(&c);
	assert_int_equal(c.failed, 0);
	assert_int_equal(c.n_failures, 0);
	boot_count_next(&c); /* whatever ends a good boot */
	assert_int_equal(c.failed, 0);
	assert_int_equal(c.boot, 4);
}

/* It neither counts nor makes the ones before it undone. */
static void test_an_operator_ends_it(void **state)
{
	struct boot_count c = { .boot = 0 };

	(void)state;
	boot_count_next(&c);
	crash(&c);
	boot_count_ended(&c);
	boot_count_next(&c);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.n_failures, 1);
}

static void test_reasons(void **state)
{
	struct boot_count c = { .boot = 0 };
	char why[32];

	(void)state;
	boot_count_next(&c);
	crash(&c);
	assert_int_equal(c.failures[0].boot, 1);
	assert_non_null(strstr(c.failures[0].why, "power cut"));
	for (int i = 2; i <= 8; i++) {
		(void)snprintf(why, sizeof(why), "reason %d\nnot a line", i);
		boot_count_why(&c, why);
		crash(&c);
		assert_string_equal(c.why, "");
	}
	assert_int_equal(c.n_failures, BOOT_FAILURES_MAX);
	assert_int_equal(c.failures[0].boot, 4);
	assert_int_equal(c.failures[4].boot, 8);
	assert_string_equal(c.failures[4].why, "reason 8?not a line");
}

static void fill(struct boot_count *c)
{
	char why[BOOT_WHY_MAX + 50];

	memset(c, 0, sizeof(*c));
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	boot_count_next(c);
	for (int i = 0; i < 7; i++) {
		boot_count_why(c, why);
		crash(c);
	}
	boot_count_why(c, why);
	c->safe = true;
}

static void test_record_reads_back(void **state)
{
	char text[BOOT_COUNT_TEXT_MAX], again[BOOT_COUNT_TEXT_MAX];
	struct boot_count c, read;
	size_t n;

	(void)state;
	fill(&c);
	n = boot_count_print(&c, text, sizeof(text));
	assert_true(n < sizeof(text));
	assert_int_equal(boot_count_parse(&read, text, n), 0);
	assert_int_equal(boot_count_print(&read, again, sizeof(again)), n);
	assert_string_equal(again, text);
	assert_int_equal(read.failed, 7);
	assert_true(read.safe);
	assert_true(read.open);
}

/* A record that was cut, at any byte, or that is another file, says nothing at all. */
static void test_torn_records(void **state)
{
	static const char *const bad[] = {
		"",
		"hello\n",
		"sup-boot 1\nend\n",
		"sup-boot 1\nboot=1\nfailed=x\nend\n",
		"sup-boot 1\nboot=4294967296\nend\n",
		"sup-boot 1\nboot=1\nopen=2\nend\n",
		"sup-boot 1\nboot=1\nfailure=3\nend\n",
		"sup-boot 1\nboot=1\nunknown=3\nend\n",
		"sup-boot 1\nboot=1\nend\nmore\n",
		"sup-boot 1\nboot=1\nfailure=1 a\nfailure=1 a\nfailure=1 a\nfailure=1 a\n"
		"failure=1 a\nfailure=1 a\nend\n",
	};
	char text[BOOT_COUNT_TEXT_MAX];
	struct boot_count c;
	size_t n;

	(void)state;
	fill(&c);
	n = boot_count_print(&c, text, sizeof(text));
	for (size_t cut = 0; cut < n; cut++) {
		assert_int_equal(boot_count_parse(&c, text, cut), -1);
		assert_int_equal(c.boot, 0);
		assert_int_equal(c.failed, 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(boot_count_parse(&c, bad[i], strlen(bad[i])), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_boot),
		cmocka_unit_test(test_safe_after_so_many),
		cmocka_unit_test(test_a_good_boot_forgets),
		cmocka_unit_test(test_an_operator_ends_it),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_record_reads_back),
		cmocka_unit_test(test_torn_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
