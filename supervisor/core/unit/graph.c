#include "supervisor/core/unit/graph.h"

#include <stdlib.h>
#include <string.h>

/* So many cycles are named and broken at their weakest order; the rest goes in one pass, untold. */
#define CYCLES_TOLD 100u

void graph_add(struct arena *a, struct edge_list *list, uint32_t from, enum dependency dep,
	uint32_t to, bool implied)
{
	struct edge *e = LIST_ADD(a, list);

	*e = (struct edge){ from, to, dep, implied };
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_edges(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;
	int order = compare_numbers(a->from, b->from);

	if (order == 0)
		order = compare_numbers(a->dep, b->dep);
	return order != 0 ? order : compare_numbers(a->to, b->to);
}

void graph_sort(struct edge_list *list)
{
	size_t kept = 0;

	if (list->n == 0)
		return;
	qsort(list->v, list->n, sizeof(*list->v), compare_edges);
	for (size_t i = 1; i < list->n; i++) {
		if (compare_edges(&list->v[kept], &list->v[i]) != 0)
			list->v[++kept] = list->v[i];
		else
			list->v[kept].implied = list->v[kept].implied && list->v[i].implied;
	}
	list->n = kept + 1;
}

static const struct edge *find_edge(const struct edge_list *list, uint32_t from,
	enum dependency dep, uint32_t to)
{
	struct edge wanted = { from, to, dep, false };

	return list->n == 0 ? NULL
			    : bsearch(&wanted, list->v, list->n, sizeof(*list->v), compare_edges);
}

bool graph_has(const struct edge_list *list, uint32_t from, enum dependency dep, uint32_t to)
{
	return find_edge(list, from, dep, to) != NULL;
}

/* ---- cycles ---- */

/* "later starts after earlier", by After= of the one or Before= of the other. */
struct order {
	uint32_t later, earlier;
	bool gone;
};

/* White: not looked at. Grey: on the path from the root. Black: no cycle can be reached from it. */
enum colour { WHITE, GREY, BLACK };

struct walk {
	struct arena arena;
	const struct edge_list *edges;
	struct order *orders; /* sorted, each once */
	size_t n_orders;
	size_t *first; /* of each unit in orders; one more for the end */
	unsigned char *colour;
	uint32_t *path; /* units, the later before the earlier */
	size_t *next;   /* of each unit on the path: the order to look at next */
	size_t depth;
	uint32_t *cycle;
	size_t n_told;
	void (*told)(void *user, const uint32_t *v, size_t n);
	void *user;
};

static int compare_orders(const void *left, const void *right)
{
	const struct order *a = left, *b = right;
	int order = compare_numbers(a->later, b->later);

	return order != 0 ? order : compare_numbers(a->earlier, b->earlier);
}

static void collect_orders(struct walk *w, size_t n_units)
{
	const struct edge_list *list = w->edges;
	size_t n = 0, kept = 0;

	w->orders = arena_array(&w->arena, list->n + 1, sizeof(*w->orders));
	for (size_t i = 0; i < list->n; i++) {
		const struct edge *e = &list->v[i];

		if (e->dep == DEP_AFTER)
			w->orders[n++] = (struct order){ e->from, e->to, false };
		else if (e->dep == DEP_BEFORE)
			w->orders[n++] = (struct order){ e->to, e->from, false };
	}
	qsort(w->orders, n, sizeof(*w->orders), compare_orders);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || compare_orders(&w->orders[kept - 1], &w->orders[i]) != 0)
			w->orders[kept++] = w->orders[i];
	w->n_orders = kept;
	w->first = arena_array(&w->arena, n_units + 1, sizeof(*w->first));
	for (size_t i = 0, unit = 0; unit <= n_units; unit++) {
		while (i < kept && w->orders[i].later < unit)
			i++;
		w->first[unit] = i;
	}
}

/* How much would be lost without it: an order that goes with a requirement matters most. */
static int strength(const struct walk *w, const struct order *o)
{
	const struct edge *after = find_edge(w->edges, o->later, DEP_AFTER, o->earlier);
	bool written = graph_has(w->edges, o->earlier, DEP_BEFORE, o->later);

	if (!written && after != NULL && after->implied)
		return 0;
	if (graph_has(w->edges, o->later, DEP_REQUIRES, o->earlier) ||
		graph_has(w->edges, o->later, DEP_BINDS_TO, o->earlier) ||
		graph_has(w->edges, o->later, DEP_REQUISITE, o->earlier))
		return 3;
	return graph_has(w->edges, o->later, DEP_WANTS, o->earlier) ? 2 : 1;
}

/* The order that the walk took out of path[i]. */
static struct order *taken(struct walk *w, size_t i)
{
	return &w->orders[w->next[w->path[i]] - 1];
}

/* The path from `begin` to its end, and back to its beginning, is a cycle. */
static void break_cycle(struct walk *w, size_t begin)
{
	size_t n = w->depth - begin, weakest = begin;
	int least = 4;

	for (size_t i = begin; i < w->depth; i++) {
		int s = strength(w, taken(w, i));

		if (s < least || (s == least && w->path[i] < w->path[weakest])) {
			least = s;
			weakest = i;
		}
	}
	for (size_t i = 0; i < n; i++)
		w->cycle[i] = w->path[begin + (weakest - begin + i) % n];
	taken(w, weakest)->gone = true;
	w->told(w->user, w->cycle, n);
	/* What is below the lost order is looked at again, as it may be on other cycles. */
	while (w->depth > weakest + 1)
		w->colour[w->path[--w->depth]] = WHITE;
}

static void close_cycle(struct walk *w, struct order *closing)
{
	size_t begin = w->depth - 1;

	if (w->n_told++ >= CYCLES_TOLD) {
		closing->gone = true;
		if (w->n_told == CYCLES_TOLD + 1)
			w->told(w->user, NULL, 0);
		return;
	}
	while (w->path[begin] != closing->earlier)
		begin--;
	break_cycle(w, begin);
}

static void push(struct walk *w, uint32_t unit)
{
	w->colour[unit] = GREY;
	w->next[unit] = w->first[unit];
	w->path[w->depth++] = unit;
}

/* Depth first without recursion: a chain may be as long as there are units. */
static void walk_from(struct walk *w, uint32_t root)
{
	push(w, root);
	while (w->depth > 0) {
		uint32_t unit = w->path[w->depth - 1];
		struct order *o;

		if (w->next[unit] == w->first[unit + 1]) {
			w->colour[unit] = BLACK;
			w->depth--;
			continue;
		}
		o = &w->orders[w->next[unit]++];
		if (o->gone)
			continue;
		if (w->colour[o->earlier] == WHITE)
			push(w, o->earlier);
		else if (w->colour[o->earlier] == GREY)
			close_cycle(w, o);
	}
}

static bool is_gone(const struct walk *w, const struct edge *e)
{
	struct order wanted = { e->from, e->to, false };
	const struct order *o;

	if (e->dep == DEP_BEFORE)
		wanted = (struct order){ e->to, e->from, false };
	else if (e->dep != DEP_AFTER)
		return false;
	o = bsearch(&wanted, w->orders, w->n_orders, sizeof(*w->orders), compare_orders);
	return o != NULL && o->gone;
}

void graph_break_cycles(struct edge_list *list, size_t n_units,
	void (*told)(void *user, const uint32_t *v, size_t n), void *user)
{
	struct walk w = { .edges = list, .told = told, .user = user };
	size_t kept = 0;

	collect_orders(&w, n_units);
	w.colour = arena_array(&w.arena, n_units + 1, sizeof(*w.colour));
	w.path = arena_array(&w.arena, n_units + 1, sizeof(*w.path));
	w.next = arena_array(&w.arena, n_units + 1, sizeof(*w.next));
	w.cycle = arena_array(&w.arena, n_units + 1, sizeof(*w.cycle));
	for (uint32_t unit = 0; unit < n_units; unit++)
		if (w.colour[unit] == WHITE)
			walk_from(&w, unit);
	for (size_t i = 0; i < list->n; i++)
		if (!is_gone(&w, &list->v[i]))
			list->v[kept++] = list->v[i];
	list->n = kept;
	arena_free(&w.arena);
}

/* ---- layout ---- */

void graph_layout(struct arena *a, const struct edge_list *list, struct node *nodes, size_t n_units)
{
	uint32_t *outs = arena_array(a, list->n + 1, sizeof(*outs));
	uint32_t *ins = arena_array(a, list->n + 1, sizeof(*ins));

	for (size_t i = 0; i < list->n; i++) {
		const struct edge *e = &list->v[i];
		struct edges *out = &nodes[e->from].out[e->dep];

		outs[i] = e->to;
		if (out->n++ == 0)
			out->v = &outs[i];
		nodes[e->to].in[e->dep].n++;
	}
	for (size_t unit = 0; unit < n_units; unit++)
		for (size_t dep = 0; dep < DEP_COUNT; dep++) {
			nodes[unit].in[dep].v = ins;
			ins += nodes[unit].in[dep].n;
			nodes[unit].in[dep].n = 0;
		}
	for (size_t i = 0; i < list->n; i++) {
		struct edges *in = &nodes[list->v[i].to].in[list->v[i].dep];

		in->v[in->n++] = list->v[i].from;
	}
}
