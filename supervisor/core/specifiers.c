/* The "%" words of unit files. What only the running host knows (its name, its ids) is not done here. */
#include "common/util.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unitfile.h"
#include "supervisor/core/words.h"

#include <stdio.h>
#include <string.h>

static const struct {
	char letter;
	const char *text;
} fixed[] = {
	{ '%', "%" },
	{ 't', "/run" },
	{ 'S', "/var/lib" },
	{ 'C', "/var/cache" },
	{ 'L', "/var/log" },
	{ 'E', "/etc" },
	{ 'T', "/tmp" },
	{ 'V', "/var/tmp" },
	{ 'u', "root" },
	{ 'U', "0" },
	{ 'g', "root" },
	{ 'G', "0" },
	{ 'h', "/root" },
	{ 's', "/bin/sh" },
};

/* %i of "getty@tty1.service" is "tty1", %p is "getty"; without "@" they are "" and the stem. */
static bool put_name(struct text *t, const char *unit, char letter)
{
	size_t stem = (size_t)(strrchr(unit, '.') - unit);
	const char *at = memchr(unit, '@', stem);
	const char *dash;
	size_t prefix = at != NULL ? (size_t)(at - unit) : stem;

	switch (letter) {
	case 'n':
		text_puts(t, unit);
		return true;
	case 'N':
		text_put(t, unit, stem);
		return true;
	case 'p':
		text_put(t, unit, prefix);
		return true;
	case 'i':
		if (at != NULL)
			text_put(t, at + 1, stem - prefix - 1);
		return true;
	case 'j':
		dash = memrchr(unit, '-', prefix);
		dash = dash != NULL ? dash + 1 : unit;
		text_put(t, dash, prefix - (size_t)(dash - unit));
		return true;
	default:
		return false;
	}
}

static bool put_specifier(struct text *t, const char *unit, char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].letter == letter) {
			text_puts(t, fixed[i].text);
			return true;
		}
	return put_name(t, unit, letter);
}

const char *specifiers_expand(struct arena *a, const char *unit, const char *value, char *why,
	size_t why_size)
{
	char buf[WORD_LINE_MAX];
	struct text t = { buf, sizeof(buf), 0 };
	const char *percent;

	if (strchr(value, '%') == NULL)
		return value;
	for (; (percent = strchr(value, '%')) != NULL; value = percent + 2) {
		char letter = percent[1];

		text_put(&t, value, (size_t)(percent - value));
		if (letter != '\0' && put_specifier(&t, unit, letter))
			continue;
		if (letter != '\0' && strchr("aAbBdDfHIJlmMoPqvwWyY", letter) != NULL)
			(void)snprintf(why, why_size, "%%%c is not done here", letter);
		else
			(void)snprintf(why, why_size,
				"\"%%\" begins a specifier such as %%n; write \"%%%%\" for a percent sign");
		return NULL;
	}
	text_puts(&t, value);
	if (t.len >= sizeof(buf)) {
		(void)snprintf(why, why_size, "the value is too long with its specifiers");
		return NULL;
	}
	return arena_strndup(a, buf, t.len);
}
