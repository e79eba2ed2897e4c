#include "supervisor/core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_put(struct text *t, const char *s, size_t n)
{
	if (t->len < t->size) {
		size_t room = t->size - t->len - 1;
		size_t fits = n < room ? n : room;

		memcpy(t->buf + t->len, s, fits);
		t->buf[t->len + fits] = '\0';
	}
	t->len += n;
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room > 0 ? t->buf + t->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
}

void text_separate(struct text *t, const char *separator)
{
	if (t->len > 0)
		text_puts(t, separator);
}
