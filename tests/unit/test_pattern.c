#include "common/pattern.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_matches(void **data)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "*", "", true },
		{ "*", "web.container", true },
		{ "web*", "web.container", true },
		{ "*.container", "web.container", true },
		{ "*.container", "web.service", false },
		{ "w?b", "web", true },
		{ "w?b", "wb", false },
		{ "a*b*c", "aXbYbZc", true },
		{ "a*b*c", "aXbYbZ", false },
		{ "***a", "bca", true },
		{ "[a-c]x", "bx", true },
		{ "[a-c]x", "dx", false },
		{ "[!a-c]x", "dx", true },
		{ "[^a-c]x", "ax", false },
		{ "[]]", "]", true },
		{ "[a-]", "-", true },
		{ "[ab", "[ab", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "worker@[0-9]*", "worker@12", true },
		{ "a", "ab", false },
		{ "?", "?", true },
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (pattern_match(rows[i].pattern, rows[i].text) != rows[i].match)
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].text);
}

static void test_long_text_is_no_work(void **data)
{
	char text[4001];

	(void)data;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = 'a';
	text[sizeof(text) - 1] = '\0';
	assert_false(pattern_match("*a*a*a*a*a*a*a*a*a*b", text));
}

static void test_is_pattern(void **data)
{
	(void)data;
	assert_true(pattern_is("web*"));
	assert_true(pattern_is("[ab]"));
	assert_false(pattern_is("web.container"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_long_text_is_no_work),
		cmocka_unit_test(test_is_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
