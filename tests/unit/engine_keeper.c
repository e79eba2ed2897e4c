#include "tests/unit/engine_keeper.h"

#include "supervisor/core/engine_run.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MORE 4096

static void put(void *data, enum kept_part part, uint32_t index, const uint8_t *packed)
{
	struct keeper *k = data;

	if (part == KEPT_LIFE && index >= k->n)
		abort();
	k->puts += part == KEPT_LIFE;
	memcpy(k->records[part] + index * k->size[part], packed, k->size[part]);
}

void keeper_look(struct keeper *k, struct engine *e, const struct action *doing)
{
	size_t n = engine_set(e)->n;

	if (k->records[KEPT_ENGINE] == NULL || n != k->n) {
		for (int p = 0; p < KEPT_PARTS; p++) {
			k->size[p] = engine_kept_layout((enum kept_part)p)->size;
			free(k->records[p]);
			k->records[p] = calloc(p == KEPT_LIFE ? n + 1 : 1, k->size[p]);
		}
		k->n = n;
	}
	k->puts = 0;
	engine_kept_changed(e, put, k);
	while ((k->queue_size = engine_kept_queue(e, doing, k->queue, k->queue_room)) >
		k->queue_room) {
		k->queue_room = k->queue_size + QUEUE_MORE;
		k->queue = realloc(k->queue, k->queue_room);
	}
}

static const uint8_t *record(void *data, enum kept_part part, uint32_t index)
{
	const struct keeper *k = data;

	return k->records[part] + index * k->size[part];
}

void keeper_past(struct keeper *k, struct engine_past *past)
{
	*past = (struct engine_past){
		.record = record, .data = k, .queue = k->queue, .queue_size = k->queue_size
	};
	for (int p = 0; p < KEPT_PARTS; p++) {
		char text[8192];
		const struct kept_layout *layout = engine_kept_layout((enum kept_part)p);

		if (kept_map_make(&past->map[p], layout, text,
			    kept_describe(layout, text, sizeof(text))) < 0)
			abort();
	}
}

struct engine *keeper_restore(struct keeper *k, const struct unit_set *set,
	const struct engine_facts *facts, uint64_t now, uint32_t *lost)
{
	struct engine *e = engine_new(set);
	struct engine_past past;
	uint32_t n;

	if (facts != NULL)
		engine_set_facts(e, facts);
	keeper_past(k, &past);
	n = engine_restore(e, &past, now);
	if (lost != NULL)
		*lost = n;
	return e;
}

void keeper_free(struct keeper *k)
{
	for (int p = 0; p < KEPT_PARTS; p++)
		free(k->records[p]);
	free(k->queue);
	*k = (struct keeper){ .n = 0 };
}
