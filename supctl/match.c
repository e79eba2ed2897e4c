#include "supctl/match.h"

#include "common/pattern.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

bool match_unit(const char *pattern, const char *name)
{
	char stem[256];
	const char *dot = strrchr(name, '.');

	if (pattern_match(pattern, name))
		return true;
	(void)snprintf(stem, sizeof(stem), "%.*s",
		(int)(dot != NULL ? (size_t)(dot - name) : strlen(name)), name);
	return pattern_match(pattern, stem);
}

int match_nothing(const char *pattern)
{
	(void)fputs("supctl: ", stderr);
	put_safe(stderr, pattern);
	(void)fputs(": no such unit: none is called like that\n", stderr);
	return EXIT_NO_UNIT;
}

json_t *match_names(struct context *c, const char *word, int *status)
{
	json_t *names = json_array(), *answer, *unit;
	size_t i;

	if (!pattern_is(word)) {
		(void)json_array_append_new(names, json_string(word));
		return names;
	}
	answer = ask(c, "Status", NULL, status);
	json_array_foreach(json_object_get(answer, "units"), i, unit)
	{
		if (match_unit(word, text_of(unit, "name")))
			(void)json_array_append(names, json_object_get(unit, "name"));
	}
	if (answer != NULL && json_array_size(names) == 0)
		*status = match_nothing(word);
	json_decref(answer);
	if (json_array_size(names) > 0)
		return names;
	json_decref(names);
	return NULL;
}
