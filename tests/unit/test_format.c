/* text_vprintf() against the libc's own. */
#include "supervisor/core/text.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void __attribute__((format(printf, 1, 2))) same(const char *fmt, ...)
{
	for (size_t size = 0; size <= 80; size++) {
		char ours[80] = "untouched", theirs[80] = "untouched";
		struct text t = { .buf = ours, .size = size };
		va_list ap;
		int n;

		va_start(ap, fmt);
		n = vsnprintf(theirs, size, fmt, ap);
		va_end(ap);
		va_start(ap, fmt);
		text_vprintf(&t, fmt, ap);
		va_end(ap);
		assert_int_equal(t.len, n);
		assert_string_equal(ours, theirs);
	}
}

/* Not known as one like printf(), so that nobody says what is wrong with the format. */
static void put(char *buf, size_t size, const char *fmt, ...)
{
	struct text t = { .buf = buf, .size = size };
	va_list ap;

	va_start(ap, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	text_vprintf(&t, fmt, ap);
#pragma GCC diagnostic pop
	va_end(ap);
}

static void test_numbers(void **data)
{
	static const int ints[] = { 0, 1, -1, 7, 42, -42, 99999, INT_MAX, INT_MIN };

	(void)data;
	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		int v = ints[i];

		same("%d|%i|%u|%x|%X|%o", v, v, (unsigned int)v, (unsigned int)v, (unsigned int)v,
			(unsigned int)v);
		same("%4d|%-4d|%04d|%.3d|%5.3d|%-5.3d|", v, v, v, v, v, v);
		same("%02x|%06u|%08x|%04o", (unsigned int)v, (unsigned int)v, (unsigned int)v,
			(unsigned int)v);
		same("%ld|%lld|%zd|%jd|%td", (long)v, (long long)v, (ssize_t)v, (intmax_t)v,
			(ptrdiff_t)v);
		same("%*d|%-*d|%0*d|%.*d", 6, v, 6, v, 6, v, 4, v);
		same("%*d|", -6, v);
	}
	same("%" PRIu64 "|%" PRIx64 "|%" PRIo64, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	same("%" PRId64 "|%zu", INT64_MIN, SIZE_MAX);
}

/* By these jansson tells objects apart. */
static void test_addresses(void **data)
{
	char one[20], other[20];

	(void)data;
	put(one, sizeof(one), "%p", (void *)one);
	put(other, sizeof(other), "%p", (void *)(one + 1));
	assert_string_not_equal(one, other);
	assert_int_equal(strtoull(one, NULL, 16), (uintptr_t)one);
}

static void test_strings(void **data)
{
	(void)data;
	same("plain");
	same("%s", "");
	same("a%sb%sc", "one", "two");
	same("%8s|%-8s|%2s|%.2s|%8.2s|%-8.2s|", "text", "text", "text", "text", "text", "text");
	same("%*s|%-*s|%*s|%.*s|%.*s", 8, "text", 8, "text", -8, "text", 3, "text", 0, "text");
	same("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	same("100%%, %d%% of it", 50);
	/* No end within the precision: nothing is read behind it. */
	same("%.3s", (const char[3]){ 'a', 'b', 'c' });
}

static void test_arguments_of_all_registers(void **data)
{
	(void)data;
	same("%s %d %s %u %s %d %s %u %s %d", "a", 1, "b", 2u, "c", 3, "d", 4u, "e", 5);
}

static void test_what_it_does_not_know_stands_there(void **data)
{
	char buf[40];
	char unknown[] = "a %5.1f b %q %";

	(void)data;
	put(buf, sizeof(buf), unknown);
	assert_string_equal(buf, unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_arguments_of_all_registers),
		cmocka_unit_test(test_what_it_does_not_know_stands_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
