/*
 * Writes docs/units.md: each key of unit files and of sup.conf with what becomes of it, from the tables that the
 * supervisor reads them by; or with --dictionary the words of these tables for the fuzzers. Runs on the machine that builds.
 */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/keys/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 512

static const char head[] =
	"# Unit files: every key\n"
	"\n"
	"Made by `make units-table` from the tables that the supervisor reads unit files by. The words are those of systemd\n"
	"and of Podman Quadlet; sup.unit(5) says what each one does here.\n"
	"\n"
	"- **done**: it works, with the meaning it has there. \n"
	"- **warned**: known, but not done. A unit that has it works without it, and a warning with the place names the\n"
	"  key and says what to use instead.\n"
	"- **refused**: an error with the place and the reason; the unit does not start, because without the key it would not be\n"
	"  what its author meant.\n"
	"\n"
	"A word that is in none of the tables is an error with file, line, column and the nearest word that there is.\n";

/* The bar ends a cell. */
static void put_cell(const char *text)
{
	for (; *text != '\0'; text++)
		(void)printf("%s%c", *text == '|' ? "\\" : "", *text);
}

static const char *kind_of_bit(unsigned int bit)
{
	return bit < KIND_COUNT ? unit_kind_name((enum unit_kind)bit) : NULL;
}

static void put_kinds(uint32_t kinds)
{
	const char *gap = "";

	if (kinds == (1u << KIND_COUNT) - 1) {
		(void)fputs("every kind", stdout);
		return;
	}
	for (unsigned int bit = 0; bit < 32; bit++)
		if ((kinds >> bit & 1) != 0 && kind_of_bit(bit) != NULL) {
			(void)printf("%s.%s", gap, kind_of_bit(bit));
			gap = " ";
		}
}

static void put_values(const struct key *key)
{
	const char *gap = "";

	if (key_choices(key) == NULL || key_type(key) != &key_type_choice) {
		put_cell(key_type(key)->name);
		return;
	}
	for (const char *const *choice = key_choices(key); *choice != NULL; choice++)
		if (**choice != '\0') {
			(void)printf("%s`%s`", gap, *choice);
			gap = " ";
		}
}

static void put_key(const struct key *key)
{
	(void)printf("| `%s=` | done | ", key_name(key));
	put_values(key);
	(void)printf("%s | ", key_type(key)->list ? ", list" : "");
	if (key_default(key) != NULL)
		(void)printf("`%s`", key_default(key));
	(void)fputs(" | ", stdout);
	put_kinds(key->kinds);
	(void)fputs(" |\n", stdout);
}

struct word {
	char *text;
	const char *instead;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static size_t words_of(const char *section, const struct known *rows, size_t n_rows,
	struct word *words)
{
	size_t n = 0;

	for (size_t i = 0; i < n_rows; i++) {
		char *copy, *word;

		if (strcmp(rows[i].section, section) != 0)
			continue;
		copy = strdup(rows[i].words); /* freed with the program */
		while ((word = strsep(&copy, " ")) != NULL && n < WORDS_MAX)
			words[n++] = (struct word){ word, rows[i].instead };
	}
	qsort(words, n, sizeof(*words), by_text);
	return n;
}

static void put_words(const char *section, const char *state, const struct known *rows,
	size_t n_rows)
{
	struct word words[WORDS_MAX];
	size_t n = words_of(section, rows, n_rows, words);

	for (size_t i = 0; i < n; i++) {
		bool has_value = strchr(words[i].text, '=') != NULL;

		(void)printf("| `%s%s` | %s | ", words[i].text, has_value ? "" : "=", state);
		put_cell(words[i].instead[0] != '\0' ? words[i].instead : "nothing");
		(void)fputs(" | | |\n", stdout);
	}
}

static void put_section(const char *section)
{
	(void)printf(
		"\n## [%s]\n\n| key | state | value, or what to use instead | default | in |\n",
		section);
	(void)fputs("|---|---|---|---|---|\n", stdout);
	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(key_section(&keys[i]), section) == 0)
			put_key(&keys[i]);
	put_words(section, "warned", known_keys, n_known_keys);
	put_words(section, "refused", refused_words, n_refused_words);
}

/* True when no row before has the same section. */
static bool is_new_section(size_t row)
{
	for (size_t i = 0; i < row; i++)
		if (strcmp(key_section(&keys[i]), key_section(&keys[row])) == 0)
			return false;
	return true;
}

/* ---- the dictionary of the fuzzers: one quoted word a line */

static void put_entries(const struct known *rows, size_t n_rows, const char *end)
{
	for (size_t i = 0; i < n_rows; i++) {
		char *copy = strdup(rows[i].words); /* freed with the program */
		const char *word;

		while ((word = strsep(&copy, " ")) != NULL)
			(void)printf("\"%s%s\"\n", word, strchr(word, '=') != NULL ? "" : end);
	}
}

static void put_dictionary(void)
{
	for (size_t i = 0; i < n_keys; i++) {
		if (is_new_section(i))
			(void)printf("\"\\x0a[%s]\\x0a\"\n", key_section(&keys[i]));
		(void)printf("\"%s=\"\n", key_name(&keys[i]));
		for (const char *const *c = key_choices(&keys[i]); c != NULL && *c != NULL; c++)
			if (**c != '\0')
				(void)printf("\"=%s\\x0a\"\n", *c);
		if (key_default(&keys[i]) != NULL)
			(void)printf("\"=%s\\x0a\"\n", key_default(&keys[i]));
	}
	put_entries(known_keys, n_known_keys, "=");
	put_entries(refused_words, n_refused_words, "=");
	put_entries(known_sections, n_known_sections, "");
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		(void)printf("\"\\x0a=== a.%s\\x0a\"\n", unit_kind_name((enum unit_kind)kind));
}

static void put_table(void)
{
	(void)fputs(head, stdout);
	for (size_t i = 0; i < n_keys; i++)
		if (is_new_section(i))
			put_section(key_section(&keys[i]));
	(void)fputs(
		"\n## Sections and kinds that are not there\n\n| section | state | what to use instead |\n|---|---|---|\n",
		stdout);
	for (size_t i = 0; i < n_known_sections; i++) {
		(void)fputs("| ", stdout);
		put_cell(known_sections[i].words);
		(void)printf(" | warned | %s |\n",
			known_sections[i].instead[0] != '\0' ? known_sections[i].instead
							     : "nothing");
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--dictionary") == 0)
		put_dictionary();
	else
		put_table();
	return fflush(stdout) == 0 ? 0 : 1;
}
