/*
 * Text into a fixed buffer, without stdio. What does not fit is cut; the result is always
 * NUL-terminated. Nothing here can fail.
 */
#ifndef INIT_TEXT_H
#define INIT_TEXT_H

#include <stdarg.h>
#include <stddef.h>

struct text {
	char *buf;
	size_t size; /* of buf, with the NUL; at least 1 */
	size_t len;  /* without the NUL */
};

void text_init(struct text *t, char *buf, size_t size);
void text_add(struct text *t, const char *s, size_t len);

/* Knows %s, %d, %m (the text of errno) and %%. */
void text_format(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vformat(struct text *t, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* A decimal number of 0..max that is all of s. Returns -1 when it is not. */
int text_number(const char *s, int max, int *out);

/* Takes the next line off *rest (NUL-terminated, changed in place); NULL at the end. */
char *text_line(char **rest);

/*
 * The same for words, parted by blanks and newlines. Blanks between double quotes belong to the word,
 * the quotes do not: the kernel's own rule for its command line.
 */
char *text_word(char **rest);

#endif
