/* Nothing that a unit file of systemd or Quadlet may say is a word that nobody knows. */
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/keys/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *section, *words;
} sections[] = {
#include "tests/unit/words.inc"
};

static bool is_known(const char *section, const char *word)
{
	return key_find(UINT32_MAX, section, word) != NULL ||
		key_known_elsewhere(section, word) != NULL ||
		word_refused(section, word, "") != NULL || section_known_elsewhere(section) != NULL;
}

static void test_all_words_are_known(void **data)
{
	char words[16384], *rest;
	const char *word;
	size_t unknown = 0;

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		assert_true(strlen(sections[i].words) < sizeof(words));
		strcpy(words, sections[i].words);
		rest = words;
		while ((word = strsep(&rest, " ")) != NULL)
			if (!is_known(sections[i].section, word)) {
				print_message("[%s] %s=\n", sections[i].section, word);
				unknown++;
			}
	}
	assert_int_equal(unknown, 0);
}

/* A word that is done and has a hint, too, would be told of as not done. */
static void test_no_word_is_both(void **data)
{
	(void)data;
	for (size_t i = 0; i < n_keys; i++)
		assert_null(key_known_elsewhere(key_section(&keys[i]), key_name(&keys[i])));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_words_are_known),
		cmocka_unit_test(test_no_word_is_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
