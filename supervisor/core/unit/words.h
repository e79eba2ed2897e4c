/*
 * Words of a line, quoted and escaped as in systemd.syntax(7): 'single' and "double" quotes, C escapes
 * inside and outside of them; an escape that is none stays as it is written.
 */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "supervisor/core/arena.h"
#include "supervisor/core/text.h"

#include <stdbool.h>

#define WORD_LINE_MAX 8192 /* with the final NUL, the longest line that is taken */

struct word {
	const char *text;
	size_t at;  /* where it begins in the line */
	bool plain; /* no quote and no escape was used */
};

/*
 * The next word from *pos on, which moves behind it: 1, 0 at the end of the line, -1 when a quote is
 * not closed (word->at is the quote), an escape gives a NUL byte or the line is too long.
 */
int word_next(struct arena *a, const char *line, size_t *pos, struct word *word);
/* A whole text with C escapes and no quotes, as word_next has them; NULL when an escape gives a NUL byte. */
const char *text_unescape(struct arena *a, const char *text);
/* Writes a word so that word_next reads it back. */
void word_put(struct text *t, const char *word);

#endif
