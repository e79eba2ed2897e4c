#include "init/hold.h"

#include <string.h>

#include "common/fd.h"

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

	if (slot == NULL) {
		fd_close(&fd);
		return -1;
	}
	if (slot->name[0] != '\0')
		fd_close(&slot->fd);
	memcpy(slot->name, name, strlen(name) + 1);
	slot->fd = fd;
	if (slot == &h->slot[h->used])
		h->used++;
	return 0;
}

void hold_drop(struct hold *h, const char *name)
{
	struct held *slot = find(h, name);

	if (slot == NULL || slot->name[0] == '\0')
		return;
	fd_close(&slot->fd);
	slot->name[0] = '\0';
}

const struct held *hold_next(const struct hold *h, size_t *at)
{
	for (; *at < h->used; ++*at)
		if (h->slot[*at].name[0] != '\0')
			return &h->slot[*at];
	return NULL;
}
