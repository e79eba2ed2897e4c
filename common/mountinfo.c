#include "common/mountinfo.h"

#include <stddef.h>
#include <string.h>

/* The third word is the device, the next two are what of it and the place; type and source stand behind the "-" that ends the optional words. */
#define DEVICE 2
#define ROOT 3
#define PLACE 4
#define OPTIONS 5

static bool is_octal(const char *s)
{
	for (int i = 0; i < 3; i++)
		if (s[i] < '0' || s[i] > '7')
			return false;
	return true;
}

/* Blanks, line ends and backslashes stand as three octal digits. */
static void decode(char *path)
{
	char *to = path;

	while (*path != '\0') {
		if (path[0] == '\\' && is_octal(path + 1)) {
			*to++ = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 |
				(path[3] - '0'));
			path += 4;
		} else {
			*to++ = *path++;
		}
	}
	*to = '\0';
}

static bool parse(char *line, struct mountinfo *m)
{
	char *place = NULL, *source = NULL, *super = NULL, *word;
	size_t n = 0;

	m->type = NULL;
	m->options = "";
	while ((word = strsep(&line, " ")) != NULL) {
		if (n == DEVICE)
			m->device = word;
		if (n == ROOT)
			m->root = word;
		if (n == OPTIONS)
			m->options = word;
		if (n++ == PLACE)
			place = word;
		if (place == NULL || strcmp(word, "-") != 0)
			continue;
		m->type = strsep(&line, " ");
		source = strsep(&line, " ");
		super = strsep(&line, " ");
		break;
	}
	if (m->type == NULL || *place != '/')
		return false;
	decode(place);
	m->place = place;
	if (source != NULL)
		decode(source);
	m->source = source != NULL ? source : "";
	m->super = super != NULL ? super : "";
	return true;
}

bool mountinfo_next(char **rest, struct mountinfo *m)
{
	char *line;

	while ((line = strsep(rest, "\n")) != NULL)
		if (parse(line, m))
			return true;
	return false;
}
