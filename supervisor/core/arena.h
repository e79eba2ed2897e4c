/*
 * An arena: memory that is freed all at once. One arena holds one generation of the configuration, another
 * the plan of one start; there is no free of a single object, hence no leak of one.
 *
 * arena.c is the only object of core that calls malloc. Allocation never returns NULL: when memory is
 * gone the program aborts; init starts it again and it recovers, which is the one way it restarts.
 * Memory comes zeroed.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
};

void *arena_alloc(struct arena *a, size_t size);
/* An array of n elements; aborts when n * size overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/*
 * Room for one more element at v[n]; the room doubles whenever n is a power of two, so the length is all
 * that a list needs to know. Two copies of one list must not both grow.
 */
void *arena_grow(struct arena *a, void *v, size_t n, size_t size);
/* Appends a zeroed element to any `struct { T *v; size_t n; }` and gives its address. */
#define LIST_ADD(a, list)                                                       \
	((list)->v = arena_grow((a), (list)->v, (list)->n, sizeof(*(list)->v)), \
		&(list)->v[(list)->n++])

char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

/* A list of strings that grows inside an arena. */
struct strv {
	const char **v; /* always NULL-terminated once something was added: usable as argv */
	size_t n;
};

void strv_add(struct arena *a, struct strv *list, const char *s);
/* The one of the list that is the same; NULL: none. */
const char *strv_find(const struct strv *list, const char *s);

#endif
