/* Who keeps what an engine gives (engine_kept.h), and makes another engine of it: in memory, for tests. */
#ifndef TESTS_ENGINE_KEEPER_H
#define TESTS_ENGINE_KEEPER_H

#include "supervisor/core/engine/engine_kept.h"

struct keeper {
	size_t n;                /* units; a set of another size is a new generation */
	size_t size[KEPT_PARTS]; /* of a record */
	uint8_t *records[KEPT_PARTS];
	struct kept_map map[KEPT_PARTS];
	uint8_t *queue;
	size_t queue_size, queue_room;
	size_t puts; /* records of units given in the last look */
};

/* What is different since the last look; doing: the action that is about to be performed, or NULL. */
void keeper_look(struct keeper *k, struct engine *e, const struct action *doing);
/* The maps are those of this version. */
void keeper_past(struct keeper *k, struct engine_past *past);
/* Gives a fresh engine of the same set what was kept. Returns what engine_restore does. */
uint32_t keeper_restore(struct keeper *k, struct engine *e, uint64_t now);
void keeper_free(struct keeper *k);

#endif
