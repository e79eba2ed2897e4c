#include "init/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->len = 0;
	buf[0] = '\0';
}

void text_add(struct text *t, const char *s, size_t len)
{
	size_t room = t->size - 1 - t->len;

	if (len > room)
		len = room;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

static void add_int(struct text *t, int value)
{
	char digits[12];
	size_t at = sizeof(digits);
	unsigned int left = value < 0 ? 0U - (unsigned int)value : (unsigned int)value;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (value < 0)
		digits[--at] = '-';
	text_add(t, digits + at, sizeof(digits) - at);
}

static void add_string(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_vformat(struct text *t, const char *fmt, va_list ap)
{
	int no = errno;

	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			text_add(t, fmt, 1);
			continue;
		}
		switch (*++fmt) {
		case 's':
			add_string(t, va_arg(ap, const char *));
			break;
		case 'd':
			add_int(t, va_arg(ap, int));
			break;
		case 'm':
			add_string(t, strerror(no));
			break;
		case '\0':
			return;
		default:
			text_add(t, fmt, 1);
		}
	}
}

void text_format(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vformat(t, fmt, ap);
	va_end(ap);
}

int text_number(const char *s, int max, int *out)
{
	int value = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		int digit = *s - '0';

		if (digit < 0 || digit > 9 || value > (max - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}

char *text_line(char **rest)
{
	char *line = *rest;
	char *end;

	if (*line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end == NULL) {
		*rest = line + strlen(line);
	} else {
		*end = '\0';
		*rest = end + 1;
	}
	return line;
}

char *text_word(char **rest)
{
	static const char blanks[] = " \t\n";
	char *from = *rest + strspn(*rest, blanks);
	char *word = from;
	char *to = from;
	bool quoted = false;

	if (*from == '\0')
		return NULL;
	for (; *from != '\0' && (quoted || strchr(blanks, *from) == NULL); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*rest = *from == '\0' ? from : from + 1;
	*to = '\0';
	return word;
}
