/*
 * What a reload does with a unit, by what its texts say before and after it. Pure.
 *
 * Keys that are `live` (core/keys/keys.h) change while the unit runs; one that is not takes a restart. A comment changes
 * nothing.
 */
#ifndef CORE_UNIT_CHANGE_H
#define CORE_UNIT_CHANGE_H

#include "supervisor/core/unit/unitset.h"

enum unit_change { CHANGE_NONE, CHANGE_LIVE, CHANGE_RESTART };

/* The two are of one name. Its lines that differ go to `lines` in the arena, "-KEY=..." and "+KEY=..."; NULL: nobody asks. */
enum unit_change unit_change(const struct unit *before, const struct unit *after, struct arena *a,
	const char **lines);
/*
 * Units that need no restart have the digest of before: the engine, which compares those, leaves them alone. A socket at the
 * host's address in a network has another one when that is another.
 */
void unit_changes_carry(const struct unit_set *before, struct unit_set *after);

#endif
