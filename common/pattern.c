#include "common/pattern.h"

#include <stddef.h>
#include <string.h>

/* The end of the set that begins at p, behind its "]"; NULL when it has none: then "[" is itself. */
static const char *set_end(const char *p)
{
	p += p[1] == '!' || p[1] == '^' ? 2 : 1;
	/* a "]" that comes first is one of the set */
	p = *p != '\0' ? strchr(p + 1, ']') : NULL;
	return p != NULL ? p + 1 : NULL;
}

static bool in_set(const char *p, const char *end, unsigned char c)
{
	bool negate = p[1] == '!' || p[1] == '^', found = false;

	for (p += negate ? 2 : 1; p < end - 1; p++) {
		unsigned char low = (unsigned char)*p, high = low;

		if (p[1] == '-' && p + 2 < end - 1) {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (low <= c && c <= high);
	}
	return found != negate;
}

/* One character of the text against one element of the pattern, which *pattern is moved past. */
static bool match_one(const char **pattern, char c)
{
	const char *p = *pattern, *end = *p == '[' ? set_end(p) : NULL;

	if (c == '\0' || *p == '\0')
		return false;
	if (end != NULL) {
		*pattern = end;
		return in_set(p, end, (unsigned char)c);
	}
	if (*p == '\\' && p[1] != '\0')
		p++;
	else if (*p == '?')
		c = '?';
	*pattern = p + 1;
	return *p == c;
}

/* When the rest does not fit, the last "*" takes one character more: earlier ones need not be tried again. */
bool pattern_match(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text != '\0' || *pattern != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (match_one(&pattern, *text)) {
			text++;
		} else if (star != NULL && *from != '\0') {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	return true;
}

bool pattern_is(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}
