/*
 * All orders of events to a depth: breadth-first over hashed states of two services with each kind of dependency. The
 * world answers each order of the engine as sys/ may, in any order; the invariants hold in each state.
 *
 * A state is the plain data of the engine and of the world. Times are near BEGIN and nothing else is, so that they
 * can be kept relative to now wherever they stand; texts are no part of it.
 */
#include "tests/sim/checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN (UINT64_C(1) << 50)
#define SPAN (UINT64_C(1) << 46)
#define UNITS_MAX 4
#define TABLE (1u << 20)
#define STATES_PER_SET 8000

struct actor {
	bool asked[ROLE_COUNT], live[ROLE_COUNT];
};

struct snapshot {
	struct engine engine;
	struct life life[UNITS_MAX];
	uint32_t heap[UNITS_MAX];
	struct actor actors[UNITS_MAX];
};

struct explorer {
	struct unit_set set;
	struct engine *engine;
	struct checker checker;
	struct actor actors[UNITS_MAX];
	uint64_t *table;
	struct snapshot *list; /* in the order in which they were found */
	uint32_t n_list;
	uint64_t states, transitions;
	uint32_t depth, sets, closed;
};

static const struct choice {
	enum event_kind kind;
	enum role role;
	int32_t status;
} choices[] = {
	{ EV_START, ROLE_MAIN, 0 },
	{ EV_STOP, ROLE_MAIN, 0 },
	{ EV_RESTART, ROLE_MAIN, 0 },
	{ EV_RESET, ROLE_MAIN, 0 },
	{ EV_SPAWNED, ROLE_MAIN, 0 },
	{ EV_SPAWN_FAILED, ROLE_MAIN, 0 },
	{ EV_EXITED, ROLE_MAIN, 0 },
	{ EV_EXITED, ROLE_MAIN, 1 << 8 },
	{ EV_NOTIFY, ROLE_MAIN, 0 },
	{ EV_OOM, ROLE_MAIN, 0 },
	{ EV_EMPTY, ROLE_MAIN, 0 },
	{ EV_TIMEOUT, ROLE_MAIN, 0 },
};

static bool is_possible(const struct explorer *x, uint32_t u, const struct choice *c)
{
	const struct actor *a = &x->actors[u];

	switch ((int)c->kind) {
	case EV_SPAWNED:
		return a->asked[c->role];
	case EV_SPAWN_FAILED:
		return a->asked[c->role] || a->live[c->role];
	case EV_EXITED:
	case EV_NOTIFY:
	case EV_OOM:
		return a->live[c->role];
	case EV_EMPTY:
		return !a->live[c->role];
	case EV_TIMEOUT:
		return u == 0 && engine_deadline(x->engine) != TIME_INFINITY;
	default:
		return true;
	}
}

static void take_actions(struct explorer *x)
{
	struct action a;
	uint32_t n = 0;

	while (engine_next(x->engine, &a) && n++ < 10000)
		if (a.kind == ACT_SPAWN) {
			if (x->actors[a.unit].live[a.role] || x->actors[a.unit].asked[a.role])
				checker_fault(&x->checker, "two processes of one role");
			x->actors[a.unit].asked[a.role] = true;
		}
	if (n >= 10000)
		checker_fault(&x->checker, "the engine does not come to rest");
	checker_engine(&x->checker, x->engine);
}

static void happen(struct explorer *x, uint32_t u, const struct choice *c)
{
	const struct notify ready = { .ready = true, .watchdog_usec = UINT64_MAX };
	struct actor *a = &x->actors[u];
	const struct event event = { .kind = c->kind,
		.unit = u,
		.role = c->role,
		.pid = 7,
		.status = c->status,
		.notify = &ready,
		.text = "it cannot" };

	if (c->kind == EV_SPAWNED)
		a->live[c->role] = true;
	if (c->kind == EV_SPAWNED || c->kind == EV_SPAWN_FAILED)
		a->asked[c->role] = false;
	if (c->kind == EV_EXITED)
		a->live[c->role] = false;
	if (c->kind == EV_TIMEOUT)
		engine_tick(x->engine, engine_deadline(x->engine));
	else
		engine_event(x->engine, &event, x->engine->now);
	take_actions(x);
	x->transitions++;
}

/* ---- snapshots */

static void rebase(void *data, size_t size, uint64_t now)
{
	uint64_t *words = data;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i] > BEGIN - SPAN && words[i] < BEGIN + SPAN)
			words[i] += BEGIN - now;
}

static void save(const struct explorer *x, struct snapshot *s)
{
	size_t n = x->set.n;

	memset(s, 0, sizeof(*s));
	s->engine = *x->engine;
	memcpy(s->life, x->engine->gen.life, n * sizeof(*s->life));
	memcpy(s->heap, x->engine->gen.heap, n * sizeof(*s->heap));
	memcpy(s->actors, x->actors, sizeof(s->actors));
	for (size_t u = 0; u < n; u++) {
		struct life *l = &s->life[u];

		memset(l->run.cause, 0, sizeof(l->run.cause));
		memset(l->run.status_text, 0, sizeof(l->run.status_text));
		memset(l->seen, 0, sizeof(l->seen));
	}
	rebase(s->life, sizeof(s->life), x->engine->now);
	s->engine.now = BEGIN;
}

static void restore(struct explorer *x, const struct snapshot *s)
{
	struct engine kept = *x->engine;

	*x->engine = s->engine;
	x->engine->arena = kept.arena;
	x->engine->gen.arena = kept.gen.arena;
	x->engine->first = x->engine->last = NULL;
	memcpy(x->engine->spare, kept.spare, sizeof(kept.spare));
	x->engine->spare_waiters = kept.spare_waiters;
	memcpy(x->engine->gen.life, s->life, x->set.n * sizeof(*s->life));
	memcpy(x->engine->gen.heap, s->heap, x->set.n * sizeof(*s->heap));
	memcpy(x->actors, s->actors, sizeof(s->actors));
}

static bool is_new(struct explorer *x, const struct snapshot *s)
{
	const uint64_t *words = (const uint64_t *)s->life;
	uint64_t hash = 1469598103934665603u;
	size_t n = (sizeof(s->life) + sizeof(s->heap) + sizeof(s->actors)) / sizeof(*words);

	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	hash |= 1;
	for (size_t at = hash % TABLE;; at = (at + 1) % TABLE) {
		if (x->table[at] == hash)
			return false;
		if (x->table[at] == 0) {
			x->table[at] = hash;
			return true;
		}
	}
}

static void add(struct explorer *x)
{
	struct snapshot *s = &x->list[x->n_list];

	save(x, s);
	if (is_new(x, s))
		x->n_list++;
}

/* ---- one set */

static void explore_set(struct explorer *x, uint32_t depth)
{
	uint32_t from = 0, to, level = 0;

	memset(x->table, 0, TABLE * sizeof(*x->table));
	x->n_list = 0;
	x->engine->now = BEGIN;
	add(x);
	for (to = x->n_list; level < depth && from < to && x->n_list < STATES_PER_SET;
		level += x->n_list < STATES_PER_SET, to = x->n_list) {
		for (; from < to; from++)
			for (uint32_t i = 0; i < 2 * sizeof(choices) / sizeof(choices[0]); i++) {
				const struct choice *c = &choices[i / 2];

				if (x->n_list >= STATES_PER_SET || x->checker.fault[0] != '\0')
					break;
				restore(x, &x->list[from]);
				if (!is_possible(x, i % 2, c))
					continue;
				happen(x, i % 2, c);
				add(x);
			}
	}
	x->closed += from == x->n_list && x->n_list < STATES_PER_SET;
	/* A set that is known to the last state is known to any depth. */
	if (from == x->n_list && x->n_list < STATES_PER_SET)
		level = UINT32_MAX;
	x->depth = level < x->depth ? level : x->depth;
	x->states += x->n_list;
	x->sets++;
}

static const char *const deps[] = {
#define X(id, key) key,
	DEPENDENCIES(X)
#undef X
};

static void explore_pair(struct explorer *x, uint32_t variant, uint32_t depth)
{
	static const char *const types[] = { "simple", "notify", "oneshot" };
	char a[300], b[300];
	struct unit_text texts[] = { { .unit = "a.service", .path = "a.service", .text = a },
		{ .unit = "b.service", .path = "b.service", .text = b } };
	uint32_t type = variant % 3, restart = variant / 3 % 2, after = variant / 6 % 2;

	snprintf(a, sizeof(a),
		"[Unit]\n%s=b.service\n%s[Service]\nType=%s\nExecStart=/a\nRestart=%s\n",
		deps[variant / 12], after != 0 ? "After=b.service\n" : "", types[(type + 1) % 3],
		restart != 0 ? "on-failure" : "no");
	snprintf(b, sizeof(b), "[Service]\nType=%s\nExecStart=/b\nRestart=%s\n", types[type],
		restart != 0 ? "on-failure" : "no");
	texts[0].size = strlen(a);
	texts[1].size = strlen(b);
	unit_set_build(&x->set, texts, 2);
	x->engine = engine_new(&x->set);
	checker_attach(&x->checker, x->engine);
	memset(x->actors, 0, sizeof(x->actors));
	if (x->set.n <= UNITS_MAX)
		explore_set(x, depth);
	else
		checker_fault(&x->checker, "more units than expected");
	if (x->checker.fault[0] != '\0')
		printf("explore: %s=, type %u, restart %u, after %u: %s\n", deps[variant / 12],
			type, restart, after, x->checker.fault);
	engine_free(x->engine);
	unit_set_free(&x->set);
}

static void print_cells(const struct checker *c)
{
	uint32_t reached = 0, possible = 0;

	for (size_t state = 0; state < ST_COUNT; state++)
		for (size_t event = 0; event < EV_COUNT; event++) {
			possible += engine_rules[state][event] != rule_impossible;
			reached += c->cells[state][event] > 0;
		}
	printf("explore: %u of %u cells of the table that can be reached\n", reached, possible);
}

int main(int argc, char **argv)
{
	uint32_t depth = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 9, failed = 0;
	struct explorer x = { .table = calloc(TABLE, sizeof(*x.table)),
		.list = calloc(STATES_PER_SET + 1, sizeof(*x.list)),
		.depth = UINT32_MAX };

	for (uint32_t v = 0; v < DEP_COUNT * 12; v++) {
		explore_pair(&x, v, depth);
		failed += x.checker.fault[0] != '\0';
		x.checker.fault[0] = '\0';
	}
	printf("explore: %u sets (%u of them to the last state), %llu states, %llu transitions, "
	       "all orders "
	       "of %u events in each\n",
		x.sets, x.closed, (unsigned long long)x.states, (unsigned long long)x.transitions,
		x.depth);
	print_cells(&x.checker);
	printf("[  PASSED  ] %u test(s).\n", x.sets - failed);
	if (failed > 0)
		printf("[  FAILED  ] %u test(s).\n", failed);
	free(x.table);
	free(x.list);
	return failed > 0;
}
