/*
 * Users and groups of a container: which ids of the host they are.
 *
 * A container with UserNS=auto has a range of the host's ids of its own, given once and kept in a table (the caller
 * reads and writes its text), so that it is the same after a restart and a reboot. Ranges begin at multiples of 65,536, so
 * no two share one, and none has an id of the host's own users. Pure.
 */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include "common/err.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/unit.h"

#define ID_NONE UINT32_MAX
#define IDS_SIZE 0x10000u
#define IDS_SIZE_MAX 0x1000000u
#define IDS_EXTENTS_MAX 340u /* of a map, user_namespaces(7) */

/* The maps of one user namespace. */
struct ids {
	struct id_map uid, gid;
};

/*
 * What the unit asks for, with what follows from its other keys where it does not say: USERNS_UNSET is UIDMap=. *why, of
 * USERNS_HOST that nobody asked for: the key it comes from.
 */
enum userns_mode ids_mode(const struct unit *u, const char **why);
/* The host's id, or ID_NONE. */
uint32_t id_host(const struct id_map *map, uint32_t inside);
/* Those inside are the host's own: nothing that is mounted need be mapped. */
bool ids_are_same(const struct ids *ids);
/* -1: two lines of a map share ids, or root has none. */
int ids_check(const struct ids *ids, struct err *e);
/* "INSIDE HOST AMOUNT", a line each, as in /proc/PID/uid_map, and back. */
const char *id_map_print(const struct id_map *map, struct arena *a);
void id_map_read(struct id_map *map, const char *text, struct arena *a);
/* "INSIDE:HOST:AMOUNT" as UIDMap= has it, with blanks between. */
void id_map_put(struct text *t, const struct id_map *map);

/* ---- the table */

struct id_range {
	const char *unit;
	uint32_t base, count;
};
struct id_ranges {
	struct id_range *v;
	size_t n;
};

/* Reading skips lines that it does not understand: a torn file costs ranges, not the start. */
void id_ranges_read(struct id_ranges *ranges, const char *text, struct arena *a);
const char *id_ranges_print(const struct id_ranges *ranges, struct arena *a);
struct id_range *id_range_of(const struct id_ranges *ranges, const char *unit);
/* The range of the unit, which is given one if it has none of that size. NULL: all are taken. */
struct id_range *id_range_give(struct id_ranges *ranges, const char *unit, uint32_t count,
	struct arena *a);

#endif
