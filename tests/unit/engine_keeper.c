#include "tests/unit/engine_keeper.h"

#include "supervisor/core/engine/engine_run.h"

#include <stdlib.h>
#include <string.h>

static void put(void *data, enum kept_part part, uint32_t index, const uint8_t *packed)
{
	struct keeper *k = data;

	if (part == KEPT_LIFE && index >= k->n)
		abort();
	k->puts += part == KEPT_LIFE;
	memcpy(k->records[part] + index * k->size[part], packed, k->size[part]);
}

/* No line of the log is to be left out, however long. */
static size_t room_for(const struct engine *e)
{
	size_t n = 2;

	for (const struct item *item = e->first; item != NULL; item = item->next)
		n++;
	return n * 2 * sizeof(struct action);
}

void keeper_look(struct keeper *k, struct engine *e, const struct action *doing)
{
	size_t n = engine_set(e)->n, room;

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
	room = room_for(e);
	if (room > k->queue_room) {
		k->queue_room = 2 * room;
		k->queue = realloc(k->queue, k->queue_room);
	}
	k->queue_size = engine_kept_queue(e, doing, k->queue, k->queue_room);
}

static const uint8_t *record(void *data, enum kept_part part, uint32_t index)
{
	const struct keeper *k = data;

	return k->records[part] + index * k->size[part];
}

static struct kept_map map_of(struct keeper *k, enum kept_part part)
{
	const struct kept_layout *layout = engine_kept_layout(part);
	char text[8192];

	if (k->map[part].n == 0 &&
		kept_map_make(&k->map[part], layout, text,
			kept_describe(layout, text, sizeof(text))) < 0)
		abort();
	return k->map[part];
}

void keeper_past(struct keeper *k, struct engine_past *past)
{
	*past = (struct engine_past){
		.record = record, .data = k, .queue = k->queue, .queue_size = k->queue_size
	};
	for (int p = 0; p < KEPT_PARTS; p++)
		past->map[p] = map_of(k, (enum kept_part)p);
}

uint32_t keeper_restore(struct keeper *k, struct engine *e, uint64_t now)
{
	struct engine_past past;

	keeper_past(k, &past);
	return engine_restore(e, &past, now);
}

void keeper_free(struct keeper *k)
{
	for (int p = 0; p < KEPT_PARTS; p++)
		free(k->records[p]);
	free(k->queue);
	*k = (struct keeper){ .n = 0 };
}
