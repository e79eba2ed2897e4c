/* A set of strings, for names that are asked for again and again while a unit set is built. */
#ifndef CORE_NAMESET_H
#define CORE_NAMESET_H

#include "supervisor/core/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* All zero is the empty set. The strings are the caller's and outlive the set. */
struct name_set {
	const char **slots;
	size_t room, n; /* room: a power of two, never full */
};

bool name_set_has(const struct name_set *set, const char *name);
/* False when it was there already. */
bool name_set_add(struct arena *a, struct name_set *set, const char *name);

#endif
