#include "common/jsontext.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* By first byte: the length, and what the second byte may be (RFC 3629: no over-long form, no surrogate, up to U+10FFFF). */
static const struct {
	unsigned char first, last, length, second_min, second_max;
} forms[] = {
	{ 0x01, 0x7f, 1, 0, 0 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_length(const char *data, size_t n)
{
	const unsigned char *d = (const unsigned char *)data;
	size_t i = 0;

	while (i < sizeof(forms) / sizeof(forms[0]) &&
		(d[0] < forms[i].first || d[0] > forms[i].last))
		i++;
	if (i == sizeof(forms) / sizeof(forms[0]) || n < forms[i].length)
		return 0;
	if (forms[i].length > 1 && (d[1] < forms[i].second_min || d[1] > forms[i].second_max))
		return 0;
	for (size_t k = 2; k < forms[i].length; k++)
		if ((d[k] & 0xc0) != 0x80)
			return 0;
	return forms[i].length;
}

json_t *json_bytes(const char *data, size_t n)
{
	size_t room = n * (sizeof(replacement) - 1) + 1, used = 0, step;
	json_t *text = memchr(data, '\0', n) == NULL ? json_stringn(data, n) : NULL;
	char *copy;

	if (text != NULL)
		return text;
	copy = malloc(room);
	for (size_t i = 0; copy != NULL && i<n; i += step> 0 ? step : 1) {
		step = utf8_length(data + i, n - i);
		if (step > 0) {
			memcpy(copy + used, data + i, step);
			used += step;
		} else {
			memcpy(copy + used, replacement, sizeof(replacement) - 1);
			used += sizeof(replacement) - 1;
		}
	}
	text = copy != NULL ? json_stringn(copy, used) : NULL;
	free(copy);
	return text;
}

json_t *json_text(const char *text)
{
	return json_bytes(text, strlen(text));
}

struct building {
	const char *form; /* what is left of it */
	va_list ap;
	bool failed;
};

static json_t *build_text(struct building *b)
{
	const char *text = va_arg(b->ap, const char *);

	if (*b->form == '%') {
		b->form++;
		return json_bytes(text, va_arg(b->ap, size_t));
	}
	return text != NULL ? json_text(text) : NULL;
}

static json_t *build_value(struct building *b);

/* What stands between the brackets. Our own forms nest no deeper than a hand's fingers. */
static json_t *build_members(struct building *b, json_t *whole, char end)
{
	for (b->form += strspn(b->form, " "); *b->form != end; b->form += strspn(b->form, " ")) {
		const char *name = NULL;
		json_t *value;

		if (end == '}') {
			name = va_arg(b->ap, const char *);
			b->form++;
		}
		value = build_value(b);
		if (*b->form == '*') {
			b->form++;
			if (value == NULL)
				continue;
		}
		if ((name != NULL ? json_object_set_new(whole, name, value)
				  : json_array_append_new(whole, value)) < 0)
			b->failed = true;
	}
	b->form++;
	return whole;
}

static json_t *build_value(struct building *b)
{
	switch (*b->form++) {
	case 's':
		return build_text(b);
	case 'i':
		return json_integer(va_arg(b->ap, int));
	case 'I':
		return json_integer(va_arg(b->ap, json_int_t));
	case 'b':
		return json_boolean(va_arg(b->ap, int));
	case 'o':
		return va_arg(b->ap, json_t *);
	case 'O':
		return json_incref(va_arg(b->ap, json_t *));
	case '{':
		return build_members(b, json_object(), '}');
	default:
		return build_members(b, json_array(), ']');
	}
}

json_t *json_build(const char *form, ...)
{
	struct building b = { .form = form };
	json_t *whole;

	va_start(b.ap, form);
	whole = build_value(&b);
	va_end(b.ap);
	if (b.failed) {
		json_decref(whole);
		return NULL;
	}
	return whole;
}
