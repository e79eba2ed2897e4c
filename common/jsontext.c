#include "common/jsontext.h"

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
