/*
 * Text written into a buffer of the caller, never past its end. `len` counts what the whole text needs, as
 * snprintf does, so that a caller can see whether it fitted.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * For sets of characters: what is odd comes before it, in one order, as the linker keeps strings that end the same once. So they are
 * written where they are used, and are no arrays.
 */
#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct text {
	char *buf;
	size_t size;
	size_t len;
};

void text_put(struct text *t, const char *s, size_t n);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * What printf makes of a format and its arguments, in as much as the programs use of it: d i u x X o p c s and "%", the
 * flags "-" and "0", a width, a precision and all lengths. What is none of that stands in the text as it stands in the
 * format, and takes no argument. The libc's own would bring floating point and wide characters (sys/printf.c).
 */
void text_vprintf(struct text *t, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* SEPARATOR when something was written already. */
void text_separate(struct text *t, const char *separator);
/* As much of it as fits in so many bytes, which are more than none, and always ended. */
void text_copy(char *to, size_t size, const char *from);
/* How many bytes the UTF-8 character at s has, of `left` bytes; 0 when it is none. */
size_t text_utf8_length(const unsigned char *s, size_t left);

#endif
