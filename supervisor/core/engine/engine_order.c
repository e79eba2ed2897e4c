/*
 * Phase 2: a unit that was asked for something moves when its order allows it.
 *
 * A unit that may not move yet watches one of those that hold it back and looks again when that one has
 * changed, from where it stopped looking. So a target that waits for ten thousand units looks at each of them a
 * few times in all, not at all of them each time.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

enum hold { HOLD_NOT, HOLD_WAIT, HOLD_FAILED };
typedef enum hold check_fn(const struct life *other);

struct relation {
	enum dependency dep;
	bool incoming;
	check_fn *check;
	const char *words; /* between the unit that is held back and the other */
};

static bool stop_is_due(const struct life *l)
{
	return l->ask == ASK_STOP || l->ask == ASK_STOPPING || l->ask == ASK_RESTART ||
		in_states(l, STATES_STOPPING) || (l->run.state == ST_SETUP && l->asked_down);
}

/* This unit is after it. */
static enum hold check_before(const struct life *other)
{
	return other->ask != ASK_NONE ? HOLD_WAIT : HOLD_NOT;
}

/* It is after this unit: it goes down first, whether this one starts or stops. */
static enum hold check_after(const struct life *other)
{
	return stop_is_due(other) ? HOLD_WAIT : HOLD_NOT;
}

static enum hold check_conflict(const struct life *other)
{
	bool down = in_states(other, STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF));

	return down ? HOLD_NOT : HOLD_WAIT;
}

bool engine_is_up_or_coming(const struct life *l)
{
	const uint32_t coming = STATES_STARTING | STATE_BIT(WAITING) | STATE_BIT(BACKOFF);

	return in_states(l, STATES_ACTIVE | coming) || l->ask == ASK_START;
}

static enum hold check_requisite(const struct life *other)
{
	if (other->held && other->run.wanted)
		return HOLD_WAIT;
	return engine_is_up_or_coming(other) ? HOLD_NOT : HOLD_FAILED;
}

/* Required: one that restarts by itself is waited for, one that is down for good fails this unit. */
static enum hold check_required(const struct life *other)
{
	if (other->held || in_states(other, STATES_STOPPING | STATE_BIT(BACKOFF)))
		return HOLD_WAIT;
	if (in_states(other, STATES_DOWN) && other->ask == ASK_NONE && !other->arrived)
		return HOLD_FAILED;
	/* JobTimeoutSec= has given up on it. */
	if (in_states(other, STATES_STARTING) && other->ask == ASK_NONE)
		return HOLD_FAILED;
	return HOLD_NOT;
}

static const struct relation on_start[] = {
	{ DEP_AFTER, false, check_before, "after" },
	{ DEP_BEFORE, true, check_before, "after" },
	{ DEP_AFTER, true, check_after, "behind the stop of" },
	{ DEP_BEFORE, false, check_after, "behind the stop of" },
	{ DEP_CONFLICTS, false, check_conflict, "behind the stop of" },
	{ DEP_CONFLICTS, true, check_conflict, "behind the stop of" },
	{ DEP_REQUIRES, false, check_required, "needs" },
	{ DEP_BINDS_TO, false, check_required, "needs" },
	{ DEP_REQUISITE, false, check_requisite, "needs" },
	/* Two that are bound to each other would else take turns for ever. */
	{ DEP_BINDS_TO, true, check_after, "behind the stop of" },
};

static const struct relation on_stop[] = {
	{ DEP_AFTER, true, check_after, "behind the stop of" },
	{ DEP_BEFORE, false, check_after, "behind the stop of" },
};

struct scan {
	const struct relation *relations;
	size_t n_relations, total;
};

static const struct edges *edges_of(const struct node *node, const struct relation *r)
{
	return r->incoming ? &node->in[r->dep] : &node->out[r->dep];
}

static struct scan scan_of(const struct engine *e, uint32_t u, bool stop)
{
	struct scan s = { .relations = stop ? on_stop : on_start,
		.n_relations = stop ? ARRAY_LEN(on_stop) : ARRAY_LEN(on_start) };

	for (size_t i = 0; i < s.n_relations; i++)
		s.total += edges_of(&e->gen.set->nodes[u], &s.relations[i])->n;
	return s;
}

/* Neighbour number k, counted through all the lists of the scan. */
static enum hold check_at(const struct engine *e, uint32_t u, const struct scan *s, size_t k,
	uint32_t *other)
{
	for (size_t i = 0; i < s->n_relations; i++) {
		const struct edges *edges = edges_of(&e->gen.set->nodes[u], &s->relations[i]);

		if (k < edges->n) {
			*other = edges->v[k];
			return *other == u ? HOLD_NOT : s->relations[i].check(life_of(e, *other));
		}
		k -= edges->n;
	}
	return HOLD_NOT;
}

static enum hold find_hold(struct engine *e, uint32_t u, bool stop, uint32_t *other)
{
	struct scan s = scan_of(e, u, stop);
	struct life *l = life_of(e, u);

	*other = NO_UNIT;
	if (l->cursor >= s.total)
		l->cursor = 0;
	for (size_t i = 0; i < s.total; i++) {
		size_t k = l->cursor + i < s.total ? l->cursor + i : l->cursor + i - s.total;
		enum hold hold = check_at(e, u, &s, k, other);

		e->cost.looks++;
		if (hold != HOLD_NOT) {
			l->cursor = (uint32_t)k;
			return hold;
		}
	}
	return HOLD_NOT;
}

static void unwatch(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (l->watching == NO_UNIT)
		return;
	if (l->prev_watcher != NO_UNIT)
		life_of(e, l->prev_watcher)->next_watcher = l->next_watcher;
	else
		life_of(e, l->watching)->watchers = l->next_watcher;
	if (l->next_watcher != NO_UNIT)
		life_of(e, l->next_watcher)->prev_watcher = l->prev_watcher;
	l->watching = NO_UNIT;
}

static void watch(struct engine *e, uint32_t u, uint32_t other)
{
	struct life *l = life_of(e, u), *o = life_of(e, other);

	unwatch(e, u);
	l->watching = other;
	l->prev_watcher = NO_UNIT;
	l->next_watcher = o->watchers;
	if (o->watchers != NO_UNIT)
		life_of(e, o->watchers)->prev_watcher = u;
	o->watchers = u;
}

void engine_wake(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	uint32_t w = l->watchers;

	l->watchers = NO_UNIT;
	while (w != NO_UNIT) {
		struct life *watcher = life_of(e, w);

		engine_turn_later(e, w);
		watcher->watching = NO_UNIT;
		w = watcher->next_watcher;
	}
	engine_turn_later(e, u);
	engine_socket_wake(e, u);
}

/* Before anything else is waited for: what must be up already. */
static enum hold find_first_hold(struct engine *e, uint32_t u, uint32_t *other)
{
	const struct edges *needs = &e->gen.set->nodes[u].out[DEP_REQUISITE];

	/* It fails whatever comes first, and has pulled in nothing that would end the wait: no conflict was stopped for it. */
	if (unit_of(e, u)->broken != NULL)
		return HOLD_NOT;
	for (size_t i = 0; i < needs->n && life_of(e, u)->run.state != ST_WAITING; i++) {
		*other = needs->v[i];
		if (check_requisite(life_of(e, *other)) == HOLD_FAILED)
			return HOLD_FAILED;
	}
	return find_hold(e, u, false, other);
}

static void turn_start(struct engine *e, uint32_t u)
{
	const struct event event = { .kind = EV_START, .unit = u };
	struct life *l = life_of(e, u);
	uint32_t other;

	/* On its way down: its landing gives it another turn. */
	if (!in_states(l, STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF)) || l->held)
		return;
	switch (find_first_hold(e, u, &other)) {
	case HOLD_WAIT:
		if (l->run.state != ST_WAITING)
			engine_enter(e, u, ST_WAITING, TIME_INFINITY);
		watch(e, u, other);
		break;
	case HOLD_FAILED:
		engine_put_ask(e, u, ASK_STARTING);
		engine_dependency_failed(e, u, other);
		break;
	case HOLD_NOT:
		engine_put_ask(e, u, ASK_STARTING);
		engine_dispatch(e, &event);
		break;
	}
}

static void turn_stop(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	const struct event event = { .kind = l->ask == ASK_STOP ? EV_STOP : EV_RESTART, .unit = u };
	uint32_t other;

	/* One that does not run has nothing that another's stop could need. */
	if (!in_states(l, STATE_BIT(WAITING) | STATE_BIT(BACKOFF)) &&
		find_hold(e, u, true, &other) == HOLD_WAIT) {
		watch(e, u, other);
		return;
	}
	engine_set_ask(e, u, l->ask == ASK_STOP ? ASK_STOPPING : ASK_START);
	engine_dispatch(e, &event);
}

void engine_turn(struct engine *e, uint32_t u)
{
	e->cost.turns++;
	switch (life_of(e, u)->ask) {
	case ASK_START:
		turn_start(e, u);
		break;
	case ASK_STOP:
	case ASK_RESTART:
		turn_stop(e, u);
		break;
	case ASK_NONE:
		engine_stop_unneeded(e, u);
		engine_socket_turn(e, u);
		break;
	case ASK_STARTING:
	case ASK_STOPPING:
		break;
	}
}

/* ---- questions, which change nothing */

bool engine_names(const struct engine *e, uint32_t u, enum dependency dep, uint32_t other)
{
	const struct edges *edges = &e->gen.set->nodes[u].out[dep];

	for (size_t i = 0; i < edges->n; i++)
		if (edges->v[i] == other)
			return true;
	return false;
}

/* One that is not held back itself is nearer to the root; of two such, the one that is at it for longer. */
static bool is_worse(const struct life *l, const struct life *than)
{
	bool waits = l->run.state == ST_WAITING, other_waits = than->run.state == ST_WAITING;

	if (waits != other_waits)
		return other_waits;
	return l->run.since < than->run.since;
}

static bool is_needed(const struct engine *e, uint32_t u, uint32_t other)
{
	return engine_names(e, u, DEP_REQUIRES, other) || engine_names(e, u, DEP_BINDS_TO, other) ||
		engine_names(e, u, DEP_WANTS, other);
}

bool engine_holder(const struct engine *e, uint32_t u, struct holder *worst)
{
	bool stop = life_of(e, u)->ask != ASK_START;
	struct scan s = scan_of(e, u, stop);

	*worst = (struct holder){ .unit = NO_UNIT };
	for (size_t i = 0; i < s.n_relations; i++) {
		const struct relation *r = &s.relations[i];
		const struct edges *edges = edges_of(&e->gen.set->nodes[u], r);

		for (size_t k = 0; k < edges->n; k++) {
			const struct life *other = life_of(e, edges->v[k]);

			if (edges->v[k] == u || r->check(other) != HOLD_WAIT)
				continue;
			if (worst->unit != NO_UNIT && !is_worse(other, life_of(e, worst->unit)))
				continue;
			*worst = (struct holder){ .unit = edges->v[k],
				.words = r->words,
				.stops = r->check == check_after || r->check == check_conflict };
		}
	}
	if (worst->unit != NO_UNIT && !stop && !worst->stops && is_needed(e, u, worst->unit))
		worst->words = "needs";
	return worst->unit != NO_UNIT;
}
