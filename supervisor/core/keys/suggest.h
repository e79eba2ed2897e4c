/* How near two words are, for "did you mean". For keys see key_suggest() of keys.h. */
#ifndef CORE_SUGGEST_H
#define CORE_SUGGEST_H

#include <stddef.h>

/* Edits between two words, in any case; a large number when one is longer than 64. */
size_t suggest_distance(const char *a, const char *b);
/* More edits than this, and nobody meant that. */
size_t suggest_limit(const char *word);

#endif
