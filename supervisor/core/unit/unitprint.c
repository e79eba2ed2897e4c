/* The canonical text of a unit, from the key table. */
#include "supervisor/core/text.h"
#include "supervisor/core/unit/unitfile.h"

#include <string.h>

/* One line, with each "%" doubled where it would begin a specifier. */
static void put_line(struct text *t, const struct key *key, const char *line, size_t len)
{
	if (!key_type(key)->prints_names)
		text_printf(t, "%s=", key_name(key));
	for (size_t i = 0; i < len; i++)
		text_puts(t,
			line[i] == '%' && key_type(key)->specifiers
				? "%%"
				: (const char[]){ line[i], '\0' });
	text_puts(t, "\n");
}

size_t unit_print(const struct unit *unit, bool all, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	struct arena a = { NULL };
	struct unit *plain = arena_alloc(&a, sizeof(*plain));
	const char *section = "";

	text_puts(&t, ""); /* one that says nothing is a text, too */
	unit_defaults(&a, unit->kind, plain);
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *key = &keys[i];
		const char *value;

		if ((key->kinds & 1u << unit->kind) == 0)
			continue;
		value = key_print(&a, key, unit);
		if (*value == '\0' || (!all && strcmp(value, key_print(&a, key, plain)) == 0))
			continue;
		if (strcmp(section, key_section(key)) != 0) {
			text_separate(&t, "\n");
			text_printf(&t, "[%s]\n", key_section(key));
			section = key_section(key);
		}
		for (const char *line = value; line != NULL;) {
			const char *end = strchr(line, '\n');

			put_line(&t, key, line, end != NULL ? (size_t)(end - line) : strlen(line));
			line = end != NULL ? end + 1 : NULL;
		}
	}
	arena_free(&a);
	return t.len;
}
