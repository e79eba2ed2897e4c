/* "Did you mean": the key or section at the smallest edit distance from a word that is none. */
#include "supervisor/core/keys/suggest.h"

#include "supervisor/core/keys/keys.h"

#include <stdbool.h>
#include <string.h>

#define LONGEST 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/*
 * Inserted, lost, changed and swapped characters, whatever their case (Damerau and Levenshtein, without edits
 * of what was swapped). Three rows of the matrix are all that is looked at.
 */
size_t suggest_distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t na = strlen(a), nb = strlen(b);

	if (na > LONGEST || nb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= nb; j++)
		above[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], above[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[nb];
}

size_t suggest_limit(const char *word)
{
	return least(strlen(word) / 3, 3);
}

const char *key_suggest(uint32_t kind_bit, const char *section, const char *name)
{
	const char *wrong = name != NULL ? name : section, *best = NULL;
	size_t best_distance = suggest_limit(wrong) + 1;

	for (size_t i = 0; i < n_keys; i++) {
		const char *word = name != NULL ? key_name(&keys[i]) : key_section(&keys[i]);
		size_t d;

		if ((keys[i].kinds & kind_bit) == 0)
			continue;
		if (name != NULL && strcmp(key_section(&keys[i]), section) != 0)
			continue;
		d = suggest_distance(wrong, word);
		if (d < best_distance) {
			best_distance = d;
			best = word;
		}
	}
	return best;
}
