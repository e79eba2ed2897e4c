#include "supervisor/core/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small for the plan of one start, and doubled up to the large for a whole configuration. */
#define BLOCK_FIRST 2048u
#define BLOCK_LARGEST 65536u

struct arena_block {
	struct arena_block *next;
	size_t size, used; /* of data */
	max_align_t data[];
};

static struct arena_block *block_new(struct arena *a, size_t need)
{
	size_t size = BLOCK_FIRST;
	struct arena_block *b;

	/* never above the largest on its own account: such a block would not become the head, and not be filled */
	if (a->head != NULL && a->head->size >= BLOCK_FIRST)
		size = a->head->size < BLOCK_LARGEST / 2 ? 2 * a->head->size : BLOCK_LARGEST;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(*b))
		abort();
	b = calloc(1, sizeof(*b) + size);
	if (b == NULL)
		abort();
	b->size = size;
	return b;
}

/* A block of its own for a large object goes behind the head, whose rest stays in use. */
static void block_link(struct arena *a, struct arena_block *b)
{
	struct arena_block *head = a->head;

	if (head != NULL && b->size > BLOCK_LARGEST) {
		b->next = head->next;
		head->next = b;
	} else {
		b->next = head;
		a->head = b;
	}
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_block *b = a->head;
	char *p;

	if (size > SIZE_MAX - align)
		abort();
	size = (size + align - 1) / align * align;
	if (b == NULL || b->size - b->used < size) {
		b = block_new(a, size);
		block_link(a, b);
	}
	p = (char *)b->data + b->used;
	b->used += size;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		abort();
	return arena_alloc(a, n * size);
}

void *arena_grow(struct arena *a, void *v, size_t n, size_t size)
{
	void *bigger;

	if (n > 0 && (n & (n - 1)) != 0)
		return v;
	bigger = arena_array(a, n == 0 ? 1 : 2 * n, size);
	if (n > 0)
		memcpy(bigger, v, n * size);
	return bigger;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	s = arena_alloc(a, (size_t)len + 1);
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return s;
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->head;

	while (b != NULL) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	a->head = NULL;
}

void strv_add(struct arena *a, struct strv *list, const char *s)
{
	/* One more than n is in use, for the final NULL, so that is the count that grows. */
	if (list->n == 0)
		list->v = arena_array(a, 2, sizeof(*list->v));
	else
		list->v = arena_grow(a, (void *)list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = s;
	list->v[list->n] = NULL;
}

const char *strv_find(const struct strv *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], s) == 0)
			return list->v[i];
	return NULL;
}
