/*
 * Writes the manual page of unit files: its frame from the standard input, and in place of each line "@KEYS SECTION@"
 * the keys of that section from the table that the supervisor reads them by. Runs on the machine that builds.
 */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024
#define WIDTH 78

/* A backslash, a dot or a quote at the beginning of a line, and a minus mean something to mdoc(7). */
static void put_word(const char *word, size_t len, bool first)
{
	if (first && (*word == '.' || *word == '\''))
		(void)fputs("\\&", stdout);
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\\')
			(void)fputs("\\e", stdout);
		else
			(void)printf("%s%c", word[i] == '-' ? "\\" : "", word[i]);
}

/* Each sentence begins a line, as mdoc(7) wants it, and no line is long. */
static void put_text(const char *s)
{
	size_t column = 0;
	bool ended = false;

	while (*s != '\0') {
		size_t len = strcspn(s, " ");

		if (column > 0 && (ended || column + len >= WIDTH)) {
			(void)putchar('\n');
			column = 0;
		}
		if (column > 0)
			(void)putchar(' ');
		put_word(s, len, column == 0);
		column += len + 1;
		ended = s[len - 1] == '.';
		s += len + strspn(s + len, " ");
	}
	(void)putchar('\n');
}

/* The kinds that have any key of the section. */
static uint32_t section_kinds(const char *section)
{
	uint32_t kinds = 0;

	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(key_section(&keys[i]), section) == 0)
			kinds |= keys[i].kinds;
	return kinds;
}

static void put_kinds(const struct key *key)
{
	const char *gap = "Only in ";

	if (key->kinds == section_kinds(key_section(key)))
		return;
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		if ((key->kinds & 1u << kind) != 0) {
			(void)printf("%s.%s", gap, unit_kind_name((enum unit_kind)kind));
			gap = ", ";
		}
	(void)fputs(" files.\n", stdout);
}

static void put_choices(const struct key *key)
{
	char list[400];
	struct text t = { list, sizeof(list), 0 };

	if (key_choices(key) == NULL || key_type(key) != &key_type_choice)
		return;
	text_puts(&t, "One of");
	for (const char *const *choice = key_choices(key); *choice != NULL; choice++)
		if (**choice != '\0')
			text_printf(&t, "%s %s", t.len > 6 ? "," : "", *choice);
	text_puts(&t, ".");
	put_text(list);
}

static void put_key(const struct key *key)
{
	(void)printf(".It Cm %s Ns = Ns Ar ", key_name(key));
	put_text(key_type(key)->name);
	put_text(key->doc);
	put_choices(key);
	if (key_type(key)->list)
		(void)fputs("May be given more than once.\n", stdout);
	put_kinds(key);
	if (key_default(key) != NULL)
		(void)printf("The default is\n.Li %s .\n", key_default(key));
}

static int put_section(const char *section)
{
	size_t n = 0;

	(void)fputs(".Bl -tag -width Ds\n", stdout);
	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(key_section(&keys[i]), section) == 0) {
			put_key(&keys[i]);
			n++;
		}
	(void)fputs(".El\n", stdout);
	return n > 0 ? 0 : -1;
}

int main(void)
{
	static const char begin[] = "@KEYS ";
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *end = strrchr(line, '@');

		if (strncmp(line, begin, sizeof(begin) - 1) != 0 || end == line) {
			(void)fputs(line, stdout);
			continue;
		}
		*end = '\0';
		if (put_section(line + sizeof(begin) - 1) < 0) {
			(void)fprintf(stderr, "keys-man: no key is in [%s]\n",
				line + sizeof(begin) - 1);
			return 1;
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
