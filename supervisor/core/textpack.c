#include "supervisor/core/textpack.h"

#include <string.h>

#define NONE UINT32_MAX

enum { AT_UNIT, AT_PATH, AT_TEXT, AT_UNREADABLE, AT_TARGET, STRINGS };

/* Before the strings of each text, which follow one after the other with a NUL each. */
struct head {
	uint32_t role, rank, masked;
	uint32_t size[STRINGS]; /* without the NUL; NONE: NULL */
};

static void head_of(const struct unit_text *t, struct head *h, const char *strings[STRINGS])
{
	strings[AT_UNIT] = t->unit;
	strings[AT_PATH] = t->path;
	strings[AT_TEXT] = t->text;
	strings[AT_UNREADABLE] = t->unreadable;
	strings[AT_TARGET] = t->target;
	*h = (struct head){ .role = (uint32_t)t->role, .rank = t->rank, .masked = t->masked };
	for (size_t i = 0; i < STRINGS; i++)
		h->size[i] = strings[i] != NULL ? (uint32_t)strlen(strings[i]) : NONE;
	/* it may have a NUL in it, which is a fault of that file */
	if (t->text != NULL)
		h->size[AT_TEXT] = (uint32_t)t->size;
}

size_t textpack(const struct unit_text *texts, size_t n, uint8_t *to)
{
	const char *strings[STRINGS];
	struct head h;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		head_of(&texts[i], &h, strings);
		if (to != NULL)
			memcpy(to + used, &h, sizeof(h));
		used += sizeof(h);
		for (size_t k = 0; k < STRINGS; k++) {
			if (h.size[k] == NONE)
				continue;
			if (to != NULL) {
				memcpy(to + used, strings[k], h.size[k]);
				to[used + h.size[k]] = '\0';
			}
			used += (size_t)h.size[k] + 1;
		}
	}
	return used;
}

/* One string at *at; false when it does not fit. */
static bool take_string(struct arena *a, const uint8_t *from, size_t size, size_t *at, uint32_t n,
	const char **to)
{
	*to = NULL;
	if (n == NONE)
		return true;
	if (n >= size - *at || from[*at + n] != '\0')
		return false;
	*to = memcpy(arena_alloc(a, (size_t)n + 1), from + *at, (size_t)n + 1);
	*at += (size_t)n + 1;
	return true;
}

static bool take(struct arena *a, const uint8_t *from, size_t size, size_t *at, struct unit_text *t)
{
	const char *strings[STRINGS];
	struct head h;

	if (size - *at < sizeof(h))
		return false;
	memcpy(&h, from + *at, sizeof(h));
	*at += sizeof(h);
	for (size_t i = 0; i < STRINGS; i++)
		if (!take_string(a, from, size, at, h.size[i], &strings[i]))
			return false;
	if (h.role > TEXT_REQUIRES || strings[AT_UNIT] == NULL || strings[AT_PATH] == NULL ||
		(strings[AT_TARGET] == NULL && h.role >= TEXT_WANTS))
		return false;
	*t = (struct unit_text){
		.unit = strings[AT_UNIT],
		.path = strings[AT_PATH],
		.text = strings[AT_TEXT],
		.size = strings[AT_TEXT] != NULL ? h.size[AT_TEXT] : 0,
		.unreadable = strings[AT_UNREADABLE],
		.role = (enum text_role)h.role,
		.target = strings[AT_TARGET],
		.rank = h.rank,
		.masked = h.masked != 0,
	};
	return true;
}

int textunpack(struct arena *a, const uint8_t *from, size_t size, struct unit_text **texts,
	size_t *n)
{
	struct {
		struct unit_text *v;
		size_t n;
	} list = { 0 };
	size_t at = 0;

	while (at < size)
		if (!take(a, from, size, &at, LIST_ADD(a, &list)))
			return -1;
	*texts = list.v;
	*n = list.n;
	return 0;
}
