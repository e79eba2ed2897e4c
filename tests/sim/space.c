/*
 * States, kept and walked through breadth-first, from where all is down and from where all is up. A state is the plain data of the engine and of the world. What counts
 * as the same state: all that decides what happens next. Since when something is so, how often it was, and texts are
 * left out of the hash; of the states that differ in these alone the first one found goes on.
 */
#include "tests/sim/explore.h"

#include "tests/sim/random.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SPAN (UINT64_C(1) << 46)
#define TABLE (1u << 20)

static void shift(void *data, size_t size, uint64_t now)
{
	uint64_t *words = data;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i] > BEGIN - SPAN && words[i] < BEGIN + SPAN)
			words[i] += BEGIN - now;
}

static void save(const struct explorer *x, struct snapshot *s)
{
	const struct engine *e = x->engine;
	size_t n = e->gen.set->n;

	memset(s->heap, 0, sizeof(s->heap));
	s->engine = *e;
	memcpy(s->life, e->gen.life, n * sizeof(*s->life));
	memcpy(s->heap, e->gen.heap, n * sizeof(*s->heap));
	memcpy(s->actors, x->actors, sizeof(s->actors));
	shift(s->life, n * sizeof(*s->life), e->now);
	shift(&s->engine.budget.next, sizeof(s->engine.budget.next), e->now);
	shift(&s->engine.booted, sizeof(s->engine.booted), e->now);
	s->engine.now = BEGIN;
}

/* Arenas and what stands in them belong to the engine as it is, whichever of the sets it has. */
void space_restore(struct explorer *x, const struct snapshot *s)
{
	struct engine kept = *x->engine;
	struct engine *e = x->engine;

	*e = s->engine;
	e->arena = kept.arena;
	e->gen.arena = kept.gen.arena;
	e->gen.life = kept.gen.life;
	e->gen.heap = kept.gen.heap;
	e->gen.work = kept.gen.work;
	e->gen.touched = kept.gen.touched;
	e->gen.is_touched = kept.gen.is_touched;
	e->gen.n_touched = kept.gen.n_touched;
	e->first = e->last = NULL;
	memcpy(e->spare, kept.spare, sizeof(kept.spare));
	e->spare_waiters = kept.spare_waiters;
	memcpy(e->gen.life, s->life, e->gen.set->n * sizeof(*s->life));
	memcpy(e->gen.heap, s->heap, e->gen.set->n * sizeof(*s->heap));
	memcpy(x->actors, s->actors, sizeof(s->actors));
}

/* ---- the same, or another */

struct view { /* what decides */
	uint32_t heap[UNITS_MAX];
	struct actor actors[UNITS_MAX];
	const struct unit_set *set, *next_set;
	uint64_t held;
	int ending;
	bool ended;
	struct life life[UNITS_MAX];
};

static void forget_history(struct life *l)
{
	struct run *r = &l->run;

	memset(r->cause, 0, sizeof(r->cause));
	memset(r->status_text, 0, sizeof(r->status_text));
	memset(l->seen, 0, sizeof(l->seen));
	memset(l->checking.health.last, 0, sizeof(l->checking.health.last));
	memset(&l->timer, 0, sizeof(l->timer));
	r->since = r->begun = 0;
	r->arrived = r->arrived != 0;
	r->restarts = r->restarts > 0;
	l->began = l->ended = l->reload_at = l->checking.begun = l->checking.health.since = 0;
	l->due_since = l->due_since != TIME_INFINITY;
	l->starts.begin = l->alarms.begin = l->upheld.begin = 0;
	l->held_back = l->held_back != 0;
}

/* The size of the view. */
static size_t look_at(const struct snapshot *s, struct view *v)
{
	size_t n = s->engine.gen.set->n;

	memset(v, 0, offsetof(struct view, life));
	memcpy(v->life, s->life, n * sizeof(*v->life));
	memcpy(v->heap, s->heap, sizeof(v->heap));
	memcpy(v->actors, s->actors, sizeof(v->actors));
	for (size_t u = 0; u < n; u++)
		forget_history(&v->life[u]);
	v->set = s->engine.gen.set;
	v->next_set = s->engine.reload.set;
	v->held = s->engine.reload.held;
	v->ending = s->engine.ending;
	v->ended = s->engine.ended;
	return offsetof(struct view, life) + n * sizeof(*v->life);
}

struct class
{ /* a rough view: whatever is alike in it ends alike */
	struct actor actors[UNITS_MAX];
	uint32_t v[UNITS_MAX][4];
	const struct unit_set *set, *next_set;
	int ending;
	bool ended;
};

static void classify(const struct snapshot *s, struct class *c)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->actors, s->actors, sizeof(c->actors));
	for (size_t u = 0; u < s->engine.gen.set->n; u++) {
		const struct life *l = &s->life[u];

		c->v[u][0] = (uint32_t)l->run.state * 8 + (uint32_t)l->ask;
		c->v[u][1] = l->held * 16u + l->populated * 8u + l->asked_down * 4u + l->told * 2u +
			l->was_up;
		c->v[u][2] = (uint32_t)l->role;
		c->v[u][3] = l->watching;
	}
	c->set = s->engine.gen.set;
	c->next_set = s->engine.reload.set;
	c->ending = s->engine.ending;
	c->ended = s->engine.ended;
}

static bool is_new(uint64_t *table, const void *data, size_t size)
{
	const uint64_t *words = data;
	uint64_t hash = 1469598103934665603u;

	for (size_t i = 0; i < size / sizeof(*words); i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	hash |= 1;
	for (size_t at = hash % TABLE;; at = (at + 1) % TABLE) {
		if (table[at] == hash)
			return false;
		if (table[at] == 0) {
			table[at] = hash;
			return true;
		}
	}
}

static void add(struct explorer *x, uint32_t from, uint32_t u, const struct choice *c)
{
	struct snapshot *s = &x->list[x->n_list];
	struct class class;
	struct view view;

	save(x, s);
	s->from = from;
	s->unit = u;
	s->choice = c;
	if (!is_new(x->table, &view, look_at(s, &view)))
		return;
	x->n_list++;
	classify(s, &class);
	if (x->checker.fault[0] == '\0' && is_new(x->classes, &class, sizeof(class)))
		endings_check(x, x->n_list - 1);
}

void space_print_way(const struct explorer *x, uint32_t at)
{
	const struct snapshot *s = &x->list[at];

	if (s->choice == NULL) {
		printf("    %s\n", s->unit == 0 ? "all are down" : "all are started");
		return;
	}
	space_print_way(x, s->from);
	world_print(x, s->unit, s->choice);
}

/* ---- breadth-first */

static void walk_on(struct explorer *x, uint32_t from)
{
	for (size_t i = 0; i < n_choices * x->n_own; i++) {
		const struct choice *c = &choices[i / x->n_own];
		uint32_t u = x->own[i % x->n_own];

		if (x->n_list >= x->room)
			return;
		space_restore(x, &x->list[from]);
		if (!world_can(x, u, c))
			continue;
		world_does(x, u, c);
		if (x->checker.fault[0] != '\0') {
			space_print_way(x, from);
			world_print(x, u, c);
			return;
		}
		add(x, from, u, c);
		if (x->checker.fault[0] != '\0')
			return;
	}
}

void space_explore(struct explorer *x, uint32_t depth)
{
	uint32_t from = 0, to, level = 0;

	memset(x->table, 0, TABLE * sizeof(*x->table));
	memset(x->classes, 0, TABLE * sizeof(*x->classes));
	x->n_list = 0;
	x->engine->now = BEGIN;
	add(x, 0, 0, NULL);
	endings_raise(x);
	add(x, 0, 1, NULL);
	for (to = x->n_list; level < depth && from < to && x->n_list < x->room;
		level += x->n_list < x->room, to = x->n_list)
		for (; from < to && x->checker.fault[0] == '\0'; from++)
			walk_on(x, from);
	/* A set that is known to the last state is known to any depth. */
	if (from == x->n_list && x->n_list < x->room) {
		x->closed++;
		level = UINT32_MAX;
	}
	x->depth = level < x->depth ? level : x->depth;
	x->states += x->n_list;
}

/* ---- by chance */

#define WALKS 40
#define WALK_LENGTH 150

static bool pick(struct explorer *x, struct dice *dice, uint32_t *u, const struct choice **c)
{
	for (int tries = 0; tries < 200; tries++) {
		*c = &choices[dice_roll(dice, (uint32_t)n_choices)];
		*u = x->own[dice_roll(dice, x->n_own)];
		/* Not all the time: after the end there is nothing. */
		if ((*c)->events == EVENTS_MACHINE && dice_roll(dice, 16) != 0)
			continue;
		if (world_can(x, *u, *c))
			return true;
	}
	return false;
}

/* The states of a walk stand in the list, each after the one before, and behind the two that all began with. */
static void walk(struct explorer *x, struct dice *dice)
{
	const struct choice *c;
	uint32_t u;

	x->list[2] = x->list[dice_roll(dice, 2)];
	space_restore(x, &x->list[2]);
	x->n_list = 3;
	while (x->n_list < WALK_LENGTH && pick(x, dice, &u, &c)) {
		struct snapshot *s = &x->list[x->n_list++];

		world_does(x, u, c);
		save(x, s);
		s->from = x->n_list - 2;
		s->unit = u;
		s->choice = c;
		if (x->checker.fault[0] != '\0') {
			space_print_way(x, x->n_list - 1);
			return;
		}
		space_restore(x, s);
	}
	endings_check(x, x->n_list - 1);
}

void space_wander(struct explorer *x)
{
	struct dice dice;

	dice_seed(&dice, 1);
	for (int i = 0; i < WALKS && x->checker.fault[0] == '\0'; i++)
		walk(x, &dice);
}
