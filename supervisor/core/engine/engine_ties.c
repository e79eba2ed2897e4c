/*
 * What a change of state of one unit means for others: the table `follows` is the whole of it. What a command means
 * stands in engine_want.c.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

typedef void then_fn(struct engine *e, uint32_t u, uint32_t other);

static then_fn restart_bound, stop_too, uphold, uphold_self, look, handle, restart_dependent;

/* When this happens to a unit: what becomes of each unit at the other end of its edges. */
static const struct follow {
	enum moment when;
	enum dependency dep;
	bool incoming; /* the units that name it */
	then_fn *then;
} follows[] = {
	{ WHEN_UP, DEP_UPHOLDS, false, uphold },
	{ WHEN_LEAVES, DEP_BINDS_TO, true, restart_bound },
	{ WHEN_LEAVES, DEP_STOPS, false, stop_too },
	{ WHEN_DOWN, DEP_UPHOLDS, true, uphold_self },
	{ WHEN_DOWN, DEP_REQUIRES, false, look },
	{ WHEN_DOWN, DEP_REQUISITE, false, look },
	{ WHEN_DOWN, DEP_WANTS, false, look },
	{ WHEN_DOWN, DEP_BINDS_TO, false, look },
	{ WHEN_DOWN, DEP_UPHOLDS, false, look },
	{ WHEN_FAILED, DEP_ON_FAILURE, false, handle },
	{ WHEN_ENDED_WELL, DEP_ON_SUCCESS, false, handle },
	{ WHEN_RESTARTS, DEP_REQUIRES, true, restart_dependent },
};

/* At most five times in ten seconds: a handler may itself require what ended, and would call itself for ever. */
static bool is_over_limit(struct engine *e, uint32_t u, const struct follow *f)
{
	static const struct unit_section limit = { .start_limit_interval = 10 * USEC_PER_SEC,
		.start_limit_burst = 5 };

	return f->then == handle && e->gen.set->nodes[u].out[f->dep].n > 0 &&
		!restart_count(&life_of(e, u)->alarms, &limit, e->now);
}

void engine_moment(struct engine *e, uint32_t u, enum moment when)
{
	const struct node *node = &e->gen.set->nodes[u];

	for (size_t i = 0; i < ARRAY_LEN(follows); i++) {
		const struct follow *f = &follows[i];
		const struct edges *edges = f->incoming ? &node->in[f->dep] : &node->out[f->dep];

		if (f->when != when || e->ending != 0 || is_over_limit(e, u, f))
			continue;
		for (size_t k = 0; k < edges->n; k++)
			if (edges->v[k] != u)
				f->then(e, u, edges->v[k]);
	}
}

/* RestartMode=direct keeps what is bound until it is known that no restart follows. */
static bool lets_go(const struct engine *e, uint32_t u, bool was_active, bool was_up)
{
	const struct life *l = life_of(e, u);

	if (unit_of(e, u)->service.restart_mode == RESTART_MODE_DIRECT)
		return was_up && in_states(l, STATES_DOWN);
	return was_active && !in_states(l, STATES_ACTIVE);
}

void engine_ties_entered(struct engine *e, uint32_t u, bool was_active, bool was_up)
{
	struct life *l = life_of(e, u);
	bool is_active = in_states(l, STATES_ACTIVE);

	if (is_active)
		l->look = unit_of(e, u)->unit.stop_when_unneeded;
	if (is_active && !was_active)
		engine_moment(e, u, WHEN_UP);
	if (lets_go(e, u, was_active, was_up))
		engine_moment(e, u, WHEN_LEAVES);
	/* Also one that did not get far enough to leave them. */
	if (in_states(l, STATES_DOWN))
		engine_moment(e, u, WHEN_DOWN);
}

/* ---- BindsTo=, PropagatesStopTo=, OnFailure=, OnSuccess= */

/* Up, or on its way there, and nothing else is asked of it. */
static bool stays(const struct life *l)
{
	return in_states(l, STATES_ACTIVE | STATES_STARTING) &&
		(l->ask == ASK_NONE || l->ask == ASK_STARTING);
}

/* What is bound to a unit that leaves goes too, and waits to come back with it. */
static void restart_bound(struct engine *e, uint32_t u, uint32_t other)
{
	(void)u;
	if (stays(life_of(e, other)))
		engine_want(e, WANT_RESTART, other, false);
}

static void stop_too(struct engine *e, uint32_t u, uint32_t other)
{
	if (!stays(life_of(e, other)))
		return;
	engine_want(e, WANT_STOP, other, false);
	life_of(e, other)->because = u;
}

void engine_stop_bound(struct engine *e, uint32_t u)
{
	const struct edges *bound = &e->gen.set->nodes[u].in[DEP_BINDS_TO];

	for (size_t i = 0; i < bound->n; i++)
		if (bound->v[i] != u)
			stop_too(e, u, bound->v[i]);
}

static void handle(struct engine *e, uint32_t u, uint32_t other)
{
	(void)u;
	engine_want(e, WANT_START, other, false);
}

/* ---- RestartDependents= */

static void restart_dependent(struct engine *e, uint32_t u, uint32_t other)
{
	bool is_after = engine_names(e, other, DEP_AFTER, u) ||
		engine_names(e, u, DEP_BEFORE, other);

	if (!unit_of(e, u)->unit.restart_dependents || !is_after || !stays(life_of(e, other)))
		return;
	engine_log(e, other, LOG_LEVEL_INFO, "restarts with %s", unit_of(e, u)->name);
	engine_want(e, WANT_RESTART, other, false);
}

/* ---- Upholds= */

/* Those that are found down start at once, or when their start limit allows it. */
static void uphold(struct engine *e, uint32_t u, uint32_t other)
{
	const struct unit *unit = unit_of(e, other);
	struct life *l = life_of(e, other);
	uint64_t when = e->now, limit;

	(void)u;
	if (!in_states(l, STATES_DOWN) || unit->broken != NULL)
		return;
	limit = time_after(l->starts.begin, unit->unit.start_limit_interval);
	if (l->result.kind == CAUSE_LIMIT && limit > when)
		when = limit;
	engine_timer_set(e, other, TIMER_UPHOLD, when);
}

static bool holds_up(const struct life *l)
{
	return in_states(l, STATES_ACTIVE) && l->ask != ASK_STOP;
}

static void uphold_self(struct engine *e, uint32_t u, uint32_t other)
{
	if (holds_up(life_of(e, other)))
		uphold(e, other, u);
}

static uint32_t holder_of(const struct engine *e, uint32_t u)
{
	const struct edges *by = &e->gen.set->nodes[u].in[DEP_UPHOLDS];

	for (size_t i = 0; i < by->n; i++)
		if (holds_up(life_of(e, by->v[i])))
			return by->v[i];
	return NO_UNIT;
}

void engine_uphold_due(struct engine *e, uint32_t u, const struct event *event)
{
	/* As systemd's: what cannot even begin does not count for its own start limit. */
	static const struct unit_section limit = { .start_limit_interval = 10 * USEC_PER_SEC,
		.start_limit_burst = 16 };
	struct life *l = life_of(e, u);
	uint32_t by = holder_of(e, u);

	(void)event;
	if (e->ending != 0 || by == NO_UNIT || !in_states(l, STATES_DOWN) || l->held ||
		l->ask != ASK_NONE) {
		engine_budget_entered(e, u);
		return;
	}
	if (!l->has_slot && !restart_count(&l->upheld, &limit, e->now)) {
		engine_timer_set(e, u, TIMER_UPHOLD,
			time_after(l->upheld.begin, limit.start_limit_interval));
		return;
	}
	if (!engine_budget_take(e, u, TIMER_UPHOLD))
		return;
	engine_log(e, u, LOG_LEVEL_INFO, "starts again: %s upholds it", unit_of(e, by)->name);
	engine_want(e, WANT_START, u, false);
}

/* ---- StopWhenUnneeded= */

static void look(struct engine *e, uint32_t u, uint32_t other)
{
	(void)u;
	if (!unit_of(e, other)->unit.stop_when_unneeded)
		return;
	life_of(e, other)->look = true;
	engine_turn_later(e, other);
}

static bool is_needed(const struct engine *e, uint32_t u)
{
	static const enum dependency needing[] = { DEP_REQUIRES, DEP_REQUISITE, DEP_WANTS,
		DEP_BINDS_TO, DEP_UPHOLDS };

	for (size_t d = 0; d < ARRAY_LEN(needing); d++) {
		const struct edges *by = &e->gen.set->nodes[u].in[needing[d]];

		for (size_t i = 0; i < by->n; i++) {
			const struct life *l = life_of(e, by->v[i]);

			if (!in_states(l, STATES_DOWN) || l->ask == ASK_START ||
				(l->held && l->run.wanted))
				return true;
		}
	}
	return false;
}

void engine_stop_unneeded(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (!l->look || !in_states(l, STATES_ACTIVE) || e->ending != 0)
		return;
	l->look = false;
	if (is_needed(e, u))
		return;
	engine_want(e, WANT_STOP, u, false);
	l->because = UNNEEDED;
}
