#include "init/hold.h"

#include <stdatomic.h>
#include <string.h>

#include "common/fd.h"
#include "init/init.h"

/* The slot of that name, or a free one, or NULL when all are taken. */
static struct held *find(struct hold *h, const char *name)
{
	struct held *room = NULL;

	for (size_t i = 0; i < h->used; i++) {
		struct held *slot = &h->slot[i];

		if (strcmp(slot->name, name) == 0)
			return slot;
		if (slot->name[0] == '\0' && room == NULL)
			room = slot;
	}
	if (room == NULL && h->used < HOLD_MAX)
		room = &h->slot[h->used];
	return room;
}

int hold_put(struct hold *h, const char *name, int fd)
{
	struct held *slot = find(h, name);
	int before;

	if (slot == NULL) {
		fd_close(&fd);
		return -1;
	}
	before = slot->name[0] != '\0' ? slot->fd : -1;
	/* True at each instant: a crash between two of these lines finds one descriptor or the other. */
	slot->fd = fd;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(slot->name, name, strlen(name) + 1);
	if (slot == &h->slot[h->used])
		h->used++;
	fd_close(&before);
	return 0;
}

void hold_drop(struct hold *h, const char *name)
{
	struct held *slot = find(h, name);

	if (slot == NULL || slot->name[0] == '\0')
		return;
	slot->name[0] = '\0';
	fd_close(&slot->fd);
}

const struct held *hold_next(const struct hold *h, size_t *at)
{
	for (; *at < h->used; ++*at)
		if (h->slot[*at].name[0] != '\0')
			return &h->slot[*at];
	return NULL;
}

void hold_resume(struct init *init)
{
	struct hold *h = &init->hold;
	size_t count = state_count(init, STATE_HELD);
	size_t lost = 0;
	struct {
		size_t used;
		bool full_said;
	} before;

	if (!state_read(init, STATE_HOLD, 0, &before, sizeof(before)))
		return;
	h->full_said = state_flag(&before.full_said);
	count = state_at_most(state_at_most(before.used, count), HOLD_MAX);
	for (size_t i = 0; i < count; i++) {
		struct held *slot = &h->slot[i];

		(void)state_read(init, STATE_HELD, i, slot, sizeof(*slot));
		h->used = i + 1;
		if (slot->name[0] == '\0' ||
			(memchr(slot->name, '\0', sizeof(slot->name)) != NULL &&
				state_claim(slot->fd)))
			continue;
		slot->name[0] = '\0';
		lost++;
	}
	if (lost > 0)
		console_say(&init->console, "%d held descriptors are lost", (int)lost);
}
