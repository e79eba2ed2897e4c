/*
 * Records that outlive the program: some members of a struct, one behind the other without gaps, and beside them
 * a description (names and sizes, as text) of what stands in each record. So another version of the program reads
 * what it knows: a member is found by its name, wherever it stood; one that is unknown here, or has another size, is
 * passed over; one that is missing there stays as it is.
 *
 * Numbers are as the machine has them: a record is read by a program on the same machine, or not at all. Nothing is
 * believed because it was written by ourselves: kept_map_make checks a description, kept_sound the values of a record.
 */
#ifndef CORE_KEPT_H
#define CORE_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_FIELDS_MAX 192u
#define KEPT_NAME_MAX 64u
#define KEPT_RECORD_MAX 32768u

enum kept_kind {
	KEPT_ANY,   /* whatever it is, it is some value */
	KEPT_BOOL,  /* a bool */
	KEPT_BELOW, /* an enumeration or 32-bit number from 0 to `below` - 1 */
	KEPT_INDEX, /* 32 bits: an index, or one of the two greatest numbers, which are names for "none" */
	KEPT_TEXT /* a char array that ends with NUL somewhere */
};

struct kept_field {
	const char *name; /* what it is found by: never given to something else */
	uint16_t offset, size;
	uint16_t kind; /* enum kept_kind */
	uint16_t below;
};

struct kept_layout {
	const struct kept_field *v;
	uint16_t n;
	uint32_t size; /* bytes of a record */
};

#define KEPT_AS(type, member, kind, below)                                                     \
	{                                                                                      \
#member, offsetof(type, member), sizeof(((type *)NULL)->member), (kind), below \
	}
#define KEPT(type, member) KEPT_AS(type, member, KEPT_ANY, 0)

/* to: room for layout->size bytes. */
void kept_pack(const struct kept_layout *layout, const void *from, uint8_t *to);
/*
 * The description, lines of "NAME SIZE\n", without a NUL behind it. Returns the size it has; when that is more than
 * `room`, as much as fits was written.
 */
size_t kept_describe(const struct kept_layout *layout, char *to, size_t room);

/* Where in a record of theirs stands what goes where in a struct of ours. */
struct kept_map {
	uint32_t size; /* bytes of their record */
	uint16_t n;
	struct kept_move {
		uint16_t from, to, size;
	} v[KEPT_FIELDS_MAX];
};

/*
 * Maps what `description` (n bytes, theirs) says to our layout. -1 when it is no description: not in lines of name and
 * size, a name twice, more or longer ones than could be.
 */
int kept_map_make(struct kept_map *map, const struct kept_layout *ours, const char *description,
	size_t n);
/* from: map->size bytes. What the map does not know stays as it is in `to`. */
void kept_unpack(const struct kept_map *map, const uint8_t *from, void *to);
/*
 * Whether all members in the layout have a value that their kind can have; of indices, that is below `indices`. Looks
 * at bytes, so that what makes no sense is never read as what it should be.
 */
bool kept_sound(const struct kept_layout *layout, const void *record, uint32_t indices);

#endif
