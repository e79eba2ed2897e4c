#include "supervisor/sys/recover/held.h"

#include "common/fd.h"
#include "supervisor/sys/supervisor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void drop(struct supervisor *s, const char *name)
{
	char kind[WIRE_NAME_MAX];
	size_t n = strcspn(name, ":");

	if (name[n] == '\0' || n >= sizeof(kind))
		return;
	memcpy(kind, name, n);
	kind[n] = '\0';
	link_drop(&s->link, kind, name + n + 1);
}

static uint32_t hash(uint32_t h, const char *text)
{
	while (*text != '\0')
		h = h * 31 + (unsigned char)*text++;
	return h;
}

void held_add(void *supervisor, const char *name, int fd)
{
	struct supervisor *s = supervisor;
	size_t size = strlen(name) + 1;
	struct held **chain = &s->held[hash(0, name) % HELD_CHAINS], *h = *chain;

	/* an init that has crashed over the answer may say one of them twice */
	while (h != NULL && strcmp(h->name, name) != 0)
		h = h->next;
	if (h != NULL) {
		fd_close(&fd);
		return;
	}
	h = malloc(sizeof(*h) + size);
	if (h == NULL) {
		drop(s, name);
		fd_close(&fd);
		return;
	}
	*h = (struct held){ .next = *chain, .fd = fd };
	memcpy(h->name, name, size);
	*chain = h;
}

static struct held **find(struct supervisor *s, const char *kind, const char *name)
{
	uint32_t h = hash(hash(hash(0, kind), ":"), name);
	struct held **at = &s->held[h % HELD_CHAINS];
	size_t n = strlen(kind);

	while (*at != NULL &&
		(strncmp((*at)->name, kind, n) != 0 || (*at)->name[n] != ':' ||
			strcmp((*at)->name + n + 1, name) != 0))
		at = &(*at)->next;
	return at;
}

int held_take(struct supervisor *s, const char *kind, const char *name)
{
	struct held **at = find(s, kind, name), *h = *at;
	int fd;

	if (h == NULL)
		return -1;
	fd = h->fd;
	*at = h->next;
	free(h);
	return fd;
}

bool held_has(const struct supervisor *s, const char *kind, const char *name)
{
	return *find((struct supervisor *)(uintptr_t)s, kind, name) != NULL;
}

static void drop_rest(struct supervisor *s, struct held **at,
	bool (*keep)(const struct supervisor *s, const char *kind_and_name))
{
	while (*at != NULL) {
		struct held *h = *at;

		if (keep != NULL && keep(s, h->name)) {
			at = &h->next;
			continue;
		}
		drop(s, h->name);
		fd_close(&h->fd);
		*at = h->next;
		free(h);
	}
}

void held_drop_rest(struct supervisor *s,
	bool (*keep)(const struct supervisor *s, const char *kind_and_name))
{
	for (size_t i = 0; i < HELD_CHAINS; i++)
		drop_rest(s, &s->held[i], keep);
}
