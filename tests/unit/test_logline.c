/* The format of log files: stamps, the cutting of lines, reading a record back. */
#include "supervisor/core/logline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)

static void check_stamp(uint64_t wall_us, const char *want)
{
	char stamp[LOG_STAMP_SIZE];

	log_stamp(wall_us, stamp);
	assert_string_equal(stamp, want);
}

static void test_stamps(void **data)
{
	(void)data;
	check_stamp(0, "1970-01-01T00:00:00.000000Z");
	check_stamp(86399 * SECOND + 999999, "1970-01-01T23:59:59.999999Z");
	check_stamp(951782400 * SECOND, "2000-02-29T00:00:00.000000Z");
	check_stamp(951868800 * SECOND, "2000-03-01T00:00:00.000000Z");
	check_stamp(1763769600 * SECOND + 42, "2025-11-22T00:00:00.000042Z");
	check_stamp(UINT64_C(4107542399) * SECOND, "2100-02-28T23:59:59.000000Z");
	check_stamp(UINT64_C(4107542400) * SECOND, "2100-03-01T00:00:00.000000Z");
}

/* Whatever the clock says, a stamp has its length: what reads it back counts on that. */
static void test_stamp_of_any_clock(void **data)
{
	char stamp[LOG_STAMP_SIZE];

	(void)data;
	for (uint64_t t = 1; t != 0; t <<= 1) {
		log_stamp(t - 1, stamp);
		assert_int_equal(strlen(stamp), LOG_STAMP_SIZE - 1);
	}
	log_stamp(UINT64_MAX, stamp);
	assert_int_equal(strlen(stamp), LOG_STAMP_SIZE - 1);
}

static void test_record_and_back(void **data)
{
	char record[LOG_RECORD_MAX];
	struct log_view view;
	size_t n = log_record(record, 0, LOG_ERR, true, "two words", 9);

	(void)data;
	assert_int_equal(n, strlen("1970-01-01T00:00:00.000000Z err+ two words\n"));
	assert_memory_equal(record, "1970-01-01T00:00:00.000000Z err+ two words\n", n);
	assert_true(log_parse(&view, record, n - 1));
	assert_int_equal(view.stream_n, 4);
	assert_memory_equal(view.stream, "err+", 4);
	assert_int_equal(view.text_n, 9);
	assert_memory_equal(view.text, "two words", 9);
}

static void test_empty_text(void **data)
{
	char record[LOG_RECORD_MAX];
	struct log_view view;
	size_t n = log_record(record, 0, LOG_OUT, false, "", 0);

	(void)data;
	assert_true(log_parse(&view, record, n - 1));
	assert_int_equal(view.text_n, 0);
}

static void test_longest_record_fits(void **data)
{
	static char text[LOG_LINE_MAX];
	char record[LOG_RECORD_MAX];

	(void)data;
	memset(text, 'x', sizeof(text));
	assert_true(log_record(record, UINT64_MAX, LOG_ERR, true, text, sizeof(text)) <=
		sizeof(record));
}

static void test_no_record(void **data)
{
	static const char *const lines[] = {
		"",
		"x",
		"1970-01-01T00:00:00.000000Z",
		"1970-01-01T00:00:00.000000Z out",
		"1970-01-01T00:00:00.000000Z o text",
		"1970-01-01T00:00:00.000000Z outer text",
		"1970-01-01 00:00:00.000000Z out text",
		"a foreign line that is as long as a record",
	};
	struct log_view view;

	(void)data;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(log_parse(&view, lines[i], strlen(lines[i])));
}

/* The pieces that a stream of n bytes `c`, then a newline, is cut into. */
static void check_pieces(size_t n, size_t want_parts)
{
	static char data[3 * LOG_LINE_MAX + 2];
	size_t at = 0, parts = 0, total = 0, text_n, step;
	bool goes_on = true;

	memset(data, 'x', n);
	data[n] = '\n';
	while (at < n + 1) {
		step = log_next(data + at, n + 1 - at, &text_n, &goes_on);
		assert_true(step > 0 && text_n <= LOG_LINE_MAX);
		at += step;
		total += text_n;
		parts++;
	}
	assert_int_equal(at, n + 1);
	assert_int_equal(total, n);
	assert_int_equal(parts, want_parts);
	assert_false(goes_on);
}

static void test_long_lines(void **data)
{
	(void)data;
	check_pieces(0, 1);
	check_pieces(LOG_LINE_MAX - 1, 1);
	check_pieces(LOG_LINE_MAX, 1);
	check_pieces(LOG_LINE_MAX + 1, 2);
	check_pieces(2 * LOG_LINE_MAX, 2);
	check_pieces(3 * LOG_LINE_MAX, 3);
}

static void test_unfinished(void **data)
{
	static char line[LOG_LINE_MAX + 1];
	size_t text_n;
	bool goes_on;

	(void)data;
	memset(line, 'x', sizeof(line));
	assert_int_equal(log_next(line, 0, &text_n, &goes_on), 0);
	assert_int_equal(log_next(line, 5, &text_n, &goes_on), 0);
	assert_int_equal(log_next(line, LOG_LINE_MAX, &text_n, &goes_on), 0);
	assert_int_equal(log_next(line, LOG_LINE_MAX + 1, &text_n, &goes_on), LOG_LINE_MAX);
	assert_true(goes_on);
}

/* NUL and control bytes are the service's: the file has them as they came, only a newline ends a record. */
static void test_bytes_are_kept(void **data)
{
	static const char bytes[] = "a\0b\033[31m\r\n";
	size_t text_n;
	bool goes_on;

	(void)data;
	assert_int_equal(log_next(bytes, sizeof(bytes) - 1, &text_n, &goes_on), sizeof(bytes) - 1);
	assert_int_equal(text_n, sizeof(bytes) - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_stamp_of_any_clock),
		cmocka_unit_test(test_record_and_back),
		cmocka_unit_test(test_empty_text),
		cmocka_unit_test(test_longest_record_fits),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_bytes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
