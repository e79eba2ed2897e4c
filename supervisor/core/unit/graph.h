/* The edges between units: collected, made sound, then laid out for reading. Inside of the unit set. */
#ifndef CORE_GRAPH_H
#define CORE_GRAPH_H

#include "supervisor/core/unit/unitset.h"

struct edge {
	uint32_t from, to; /* from names to */
	uint32_t dep;      /* enum dependency */
	bool implied;      /* by no key: only a default of the supervisor */
};

struct edge_list {
	struct edge *v;
	size_t n;
};

void graph_add(struct arena *a, struct edge_list *list, uint32_t from, enum dependency dep,
	uint32_t to, bool implied);
/* Sorted by from, dep, to, each once. */
void graph_sort(struct edge_list *list);
/* Whether the sorted list has this edge. */
bool graph_has(const struct edge_list *list, uint32_t from, enum dependency dep, uint32_t to);

/*
 * Takes orders out of the sorted list until no unit is after itself. told() is called once for each
 * that goes, with the units of the cycle in order: v[0] is after v[1], ..., the last after v[0]. The
 * order of v[0] after v[1] is the one that went.
 */
void graph_break_cycles(struct edge_list *list, size_t n_units,
	void (*told)(void *user, const uint32_t *v, size_t n), void *user);

/* Fills nodes, one for each unit, from the sorted list. */
void graph_layout(struct arena *a, const struct edge_list *list, struct node *nodes,
	size_t n_units);

#endif
