#include "supervisor/core/unit/nameset.h"

#include <stdint.h>
#include <string.h>

#define ROOM_FIRST 64u

/* FNV-1a */
static size_t hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

/* The slot that has the name, or the free one where it belongs. */
static size_t slot_of(const struct name_set *set, const char *name)
{
	size_t at = hash(name) & (set->room - 1);

	while (set->slots[at] != NULL && strcmp(set->slots[at], name) != 0)
		at = (at + 1) & (set->room - 1);
	return at;
}

bool name_set_has(const struct name_set *set, const char *name)
{
	return set->room > 0 && set->slots[slot_of(set, name)] != NULL;
}

static void grow(struct arena *a, struct name_set *set)
{
	struct name_set larger = { .room = set->room == 0 ? ROOM_FIRST : 2 * set->room,
		.n = set->n };

	larger.slots = arena_array(a, larger.room, sizeof(*larger.slots));
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i] != NULL)
			larger.slots[slot_of(&larger, set->slots[i])] = set->slots[i];
	*set = larger;
}

bool name_set_add(struct arena *a, struct name_set *set, const char *name)
{
	size_t at;

	if (2 * (set->n + 1) > set->room)
		grow(a, set);
	at = slot_of(set, name);
	if (set->slots[at] != NULL)
		return false;
	set->slots[at] = name;
	set->n++;
	return true;
}
