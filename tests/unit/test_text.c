/* What supctl shows people, and JSON text of bytes that nobody vouches for. */
#include "common/jsontext.h"
#include "supctl/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_sizes(void **data)
{
	char buf[HUMAN_MAX];

	(void)data;
	assert_string_equal(human_size(0, buf), "0B");
	assert_string_equal(human_size(1023, buf), "1023B");
	assert_string_equal(human_size(1024, buf), "1.0K");
	assert_string_equal(human_size(1536, buf), "1.5K");
	assert_string_equal(human_size(UINT64_C(100) << 20, buf), "100M");
	assert_string_equal(human_size(UINT64_MAX, buf), "15.9E");
}

static void test_times(void **data)
{
	char buf[HUMAN_MAX];

	(void)data;
	assert_string_equal(human_time(0, buf), "0.0s");
	assert_string_equal(human_time(59999999, buf), "59.9s");
	assert_string_equal(human_time(UINT64_C(60000000), buf), "1m0s");
	assert_string_equal(human_time(UINT64_C(3600000000), buf), "1h0m");
	assert_string_equal(human_time(UINT64_C(90000000000), buf), "1d1h");
}

static void check_safe(const char *text, size_t n, const char *want)
{
	char *got = NULL;
	size_t size;
	FILE *to = open_memstream(&got, &size);

	put_safe_n(to, text, n);
	(void)fclose(to);
	assert_string_equal(got, want);
	free(got);
}

static void test_nothing_steers_the_terminal(void **data)
{
	(void)data;
	check_safe("plain\ttext", 10, "plain\ttext");
	check_safe("\033[31mred\007\r\n\x7f", 12, "?[31mred????");
	check_safe("a\0b", 3, "a?b");
	check_safe("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	/* U+009B is a CSI to many terminals, whichever way it comes */
	check_safe("\xc2\x9b"
		   "31m",
		5, "?31m");
	check_safe("\x9b"
		   "31m",
		4, "?31m");
	/* cut in the middle of a character */
	check_safe("x\xe2\x82", 3, "x??");
}

static void test_width_counts_characters(void **data)
{
	(void)data;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("gr\xc3\xbc\xc3\x9f"), 4);
	assert_int_equal(text_width("\xff\xfe"), 2);
}

/* What put_wrapped prints. */
static void check_wrapped(const char *text, size_t indent, size_t width, const char *want)
{
	char got[512];
	int ends[2], saved = dup(STDOUT_FILENO);
	ssize_t n;

	(void)fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	(void)dup2(ends[1], STDOUT_FILENO);
	(void)close(ends[1]);
	put_wrapped(text, indent, width);
	(void)fflush(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	n = read(ends[0], got, sizeof(got) - 1);
	(void)close(ends[0]);
	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, want);
}

static void test_wrap(void **data)
{
	(void)data;
	check_wrapped("", 2, 20, "");
	check_wrapped("fits", 2, 20, "  fits\n");
	check_wrapped("broken between words", 2, 12, "  broken\n  between\n  words\n");
	check_wrapped("exactly ten", 0, 7, "exactly\nten\n");
	check_wrapped("/a/path/without/any/space", 1, 11, " /a/path/wi\n thout/any/\n space\n");
}

static void check_json(const char *bytes, size_t n, const char *want)
{
	json_t *text = json_bytes(bytes, n);

	assert_non_null(text);
	assert_string_equal(json_string_value(text), want);
	json_decref(text);
}

static void test_any_bytes_become_json(void **data)
{
	(void)data;
	check_json("", 0, "");
	check_json("gr\xc3\xbc\xc3\x9f\n", 7, "gr\xc3\xbc\xc3\x9f\n");
	check_json("a\0b", 3,
		"a\xef\xbf\xbd"
		"b");
	check_json("\xff"
		   "x",
		2, "\xef\xbf\xbdx");
	/* one bad byte does not take the good characters with it */
	check_json("\xc3\xbc\xff\xc3\xbc", 5, "\xc3\xbc\xef\xbf\xbd\xc3\xbc");
	/* over-long, surrogate, beyond the last plane */
	check_json("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	check_json("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	check_json("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	/* cut short */
	check_json("\xf0\x9f\x98", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	check_json("\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80");
}

/* Each pair of bytes: what utf8_length calls valid jansson takes, and nothing else. */
static void test_same_utf8_as_jansson(void **data)
{
	(void)data;
	for (unsigned int i = 0x0101; i <= 0xffff; i++) {
		const char bytes[] = { (char)(i >> 8), (char)(i & 0xff) };
		size_t first = utf8_length(bytes, 2);
		bool ours = first == 2 || (first == 1 && utf8_length(bytes + 1, 1) == 1);
		json_t *theirs = json_stringn(bytes, 2);

		if ((i & 0xff) != 0)
			assert_int_equal(ours, theirs != NULL);
		json_decref(theirs);
	}
}

static void test_members(void **data)
{
	json_t *unit = json_pack("{sssi}", "name", "web", "pid", 7);

	(void)data;
	assert_string_equal(text_of(unit, "name"), "web");
	assert_string_equal(text_of(unit, "pid"), "");
	assert_string_equal(text_of(unit, "nothing"), "");
	assert_int_equal(number_of(unit, "pid"), 7);
	assert_int_equal(number_of(unit, "name"), 0);
	json_decref(unit);
}

static void same_json(json_t *value, const char *wanted)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(value);
}

static void test_json_by_its_form(void **data)
{
	json_t *kept = json_string("kept");

	(void)data;
	same_json(json_build("{}"), "{}");
	same_json(json_build("[]"), "[]");
	same_json(json_build("s", "a"), "\"a\"");
	same_json(json_build("{sssisIsb sb}", "a", "text", "b", -7, "c", (json_int_t)INT64_MAX, "d",
			  true, "e", false),
		"{\"a\":\"text\",\"b\":-7,\"c\":9223372036854775807,\"d\":true,\"e\":false}");
	same_json(json_build("{ss% s[s{si}]}", "a", "cut here", (size_t)3, "b", "c", "d", 1),
		"{\"a\":\"cut\",\"b\":[\"c\",{\"d\":1}]}");
	same_json(json_build("{so sO}", "a", json_integer(1), "b", kept),
		"{\"a\":1,\"b\":\"kept\"}");
	same_json(json_build("{ss* so* sO* si}", "a", NULL, "b", NULL, "c", NULL, "d", 1),
		"{\"d\":1}");
	same_json(json_build("[ss*s]", "a", NULL, "b"), "[\"a\",\"b\"]");
	same_json(json_build("{ss}", "a", "one \xff byte"), "{\"a\":\"one \xef\xbf\xbd byte\"}");

	assert_null(json_build("{ss}", "a", NULL));
	/* What was to be taken over is released, else the sanitizer tells. */
	assert_null(json_build("{so sosO}", "a", NULL, "b", json_object(), "c", kept));
	assert_int_equal(kept->refcount, 1);
	json_decref(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_by_its_form),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_nothing_steers_the_terminal),
		cmocka_unit_test(test_width_counts_characters),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_any_bytes_become_json),
		cmocka_unit_test(test_same_utf8_as_jansson),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
