/*
 * Phase 1: what a command on one unit means for the others. A list of steps is worked off; each unit is
 * visited once for each want, so a cycle of dependencies ends by itself. Only asks change here, no state, but
 * for a reload that is passed on.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <errno.h>

/* Who is asked for what, when a unit is asked for `want`. */
static const struct pull {
	enum want want;
	enum dependency dep;
	bool incoming; /* the units that name this one */
	enum want then;
} pulls[] = {
	{ WANT_START, DEP_REQUIRES, false, WANT_START },
	{ WANT_START, DEP_BINDS_TO, false, WANT_START },
	{ WANT_START, DEP_WANTS, false, WANT_START },
	{ WANT_START, DEP_UPHOLDS, false, WANT_START },
	{ WANT_START, DEP_CONFLICTS, false, WANT_STOP },
	{ WANT_START, DEP_CONFLICTS, true, WANT_STOP },
	{ WANT_STOP, DEP_REQUIRES, true, WANT_STOP },
	{ WANT_STOP, DEP_REQUISITE, true, WANT_STOP },
	{ WANT_STOP, DEP_BINDS_TO, true, WANT_STOP },
	{ WANT_STOP, DEP_PART_OF, true, WANT_STOP },
	{ WANT_RESTART, DEP_REQUIRES, true, WANT_RESTART },
	{ WANT_RESTART, DEP_REQUISITE, true, WANT_RESTART },
	{ WANT_RESTART, DEP_BINDS_TO, true, WANT_RESTART },
	{ WANT_RESTART, DEP_PART_OF, true, WANT_RESTART },
	{ WANT_RELOAD, DEP_RELOADS, false, WANT_RELOAD },
};

/* An operator who starts it anew does not care how often it failed before. */
static void forget_failure(struct engine *e, uint32_t u)
{
	life_of(e, u)->run.restarts = 0;
}

/* Each returns whether the others are to be asked too. */
static bool want_start(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->run.wanted = true;
	/* The reload that takes it down starts it afterwards. */
	if (l->held)
		return false;
	if (l->ask == ASK_STOP || l->ask == ASK_STOPPING)
		engine_jobs_done(e, u, ECANCELED, "cancelled: it is to start again");
	if (l->ask == ASK_STOP && in_states(l, STATES_ACTIVE))
		engine_set_ask(e, u, ASK_NONE);
	else if ((l->ask == ASK_STOP || l->ask == ASK_NONE) && in_states(l, STATES_STARTING))
		engine_set_ask(e, u, ASK_STARTING);
	else if (in_states(l, STATES_STOPPING) || l->ask == ASK_STOP || l->ask == ASK_STOPPING ||
		(l->ask == ASK_NONE && !in_states(l, STATES_ACTIVE)))
		engine_set_ask(e, u, ASK_START);
	return unit_of(e, u)->broken == NULL;
}

static bool want_stop(struct engine *e, uint32_t u, uint32_t because)
{
	struct life *l = life_of(e, u);

	if (l->ask == ASK_START || l->ask == ASK_STARTING || l->ask == ASK_RESTART ||
		(l->held && l->run.wanted))
		engine_jobs_done(e, u, ECANCELED, "cancelled: it was stopped");
	l->run.wanted = false;
	l->because = because;
	if (in_states(l, STATES_DOWN))
		engine_set_ask(e, u, ASK_NONE);
	else if (l->ask != ASK_STOPPING)
		engine_set_ask(e, u, ASK_STOP);
	return true;
}

static bool want_restart(struct engine *e, uint32_t u, uint32_t because)
{
	struct life *l = life_of(e, u);

	l->run.wanted = true;
	if (l->held)
		return false;
	if (l->ask == ASK_STOP || l->ask == ASK_STOPPING)
		engine_jobs_done(e, u, ECANCELED, "cancelled: it is to start again");
	l->because = because;
	engine_set_ask(e, u,
		in_states(l, STATES_ACTIVE | STATES_STARTING) ? ASK_RESTART : ASK_START);
	return true;
}

/* A dependent follows a stop or restart only when it is up or on its way, and not held by a stop already. */
static bool follows(const struct life *l, enum want want)
{
	if (want == WANT_STOP)
		return !in_states(l, STATES_DOWN) || l->ask == ASK_START;
	if (want == WANT_RELOAD)
		return in_states(l, STATES_ACTIVE);
	if (want == WANT_RESTART)
		return in_states(l, STATES_ACTIVE | STATES_STARTING) &&
			(l->ask == ASK_NONE || l->ask == ASK_STARTING);
	return true;
}

static bool want_reload(struct engine *e, uint32_t u, bool is_root)
{
	const struct event event = { .kind = EV_RELOAD, .unit = u };
	const struct life *l = life_of(e, u);
	enum state before = l->run.state;

	/* The root was told before. */
	if (is_root || !unit_has_process(unit_of(e, u)))
		return true;
	engine_dispatch(e, &event);
	return before != ST_RELOAD && l->run.state == ST_RELOAD;
}

static bool apply(struct engine *e, const struct want_step *step, uint32_t root)
{
	uint32_t because = step->unit == root ? NO_UNIT : root;

	if (step->unit != root && !follows(life_of(e, step->unit), step->want))
		return false;
	switch (step->want) {
	case WANT_START:
		return want_start(e, step->unit);
	case WANT_STOP:
		return want_stop(e, step->unit, because);
	case WANT_RESTART:
		return want_restart(e, step->unit, because);
	case WANT_RELOAD:
		return want_reload(e, step->unit, step->unit == root);
	case WANT_COUNT:
		break;
	}
	return false;
}

/* ---- the list of steps */

struct steps {
	size_t n, done, last_done;
};

static void add_step(struct engine *e, struct steps *s, uint32_t u, enum want want)
{
	struct life *l = life_of(e, u);

	if (l->seen[want] == e->visit)
		return;
	l->seen[want] = e->visit;
	e->gen.work[s->n++] = (struct want_step){ .unit = u, .want = want };
}

/* One that would fail for its Requisite= pulls in nothing, unless what it needs is started by the same propagation. */
static bool is_held_back(struct engine *e, uint32_t u)
{
	const struct edges *needs = &e->gen.set->nodes[u].out[DEP_REQUISITE];

	for (size_t i = 0; i < needs->n; i++) {
		if (!engine_is_up_or_coming(life_of(e, needs->v[i]))) {
			life_of(e, u)->held_back = e->visit;
			return true;
		}
	}
	return false;
}

/* u is asked to start: those that waited for that look again, once. */
static void let_go(struct engine *e, struct steps *s, uint32_t u)
{
	const struct edges *by = &e->gen.set->nodes[u].in[DEP_REQUISITE];

	for (size_t i = 0; i < by->n; i++) {
		struct life *l = life_of(e, by->v[i]);

		if (l->held_back != e->visit || is_held_back(e, by->v[i]))
			continue;
		l->held_back = 0;
		e->gen.work[s->n++] = (struct want_step){ .unit = by->v[i], .want = WANT_START };
	}
}

static void pull(struct engine *e, struct steps *s, uint32_t u, const struct pull *p)
{
	const struct node *node = &e->gen.set->nodes[u];
	const struct edges *edges = p->incoming ? &node->in[p->dep] : &node->out[p->dep];

	if (e->only_needed && (p->dep == DEP_WANTS || p->dep == DEP_UPHOLDS))
		return;
	for (size_t k = 0; k < edges->n; k++)
		add_step(e, s, edges->v[k], p->then);
}

static void work_off(struct engine *e, struct steps *s, uint32_t root)
{
	for (; s->done < s->n; s->done++) {
		struct want_step *step = &e->gen.work[s->done];
		bool others = apply(e, step, root);

		e->cost.visits++;
		if (step->want == WANT_START) {
			let_go(e, s, step->unit);
			/* One that is up, or past its beginning, is not asked for it again. */
			if (life_of(e, step->unit)->ask == ASK_START)
				others = others && !is_held_back(e, step->unit);
		}
		step->pulls = others;
		for (size_t p = 0; p < ARRAY_LEN(pulls) && others; p++)
			if (pulls[p].want == step->want)
				pull(e, s, step->unit, &pulls[p]);
	}
}

/*
 * PropagatesStopTo=, once all the others are known: a stop or restart of this unit stops those, and one that is asked to
 * start at the same time is restarted.
 */
static void pull_last(struct engine *e, struct steps *s, const struct want_step *step)
{
	const struct edges *edges = &e->gen.set->nodes[step->unit].out[DEP_STOPS];

	if (!step->pulls || (step->want != WANT_STOP && step->want != WANT_RESTART))
		return;
	for (size_t k = 0; k < edges->n; k++) {
		const uint32_t *seen = life_of(e, edges->v[k])->seen;

		if (seen[WANT_STOP] != e->visit && seen[WANT_RESTART] != e->visit)
			add_step(e, s, edges->v[k],
				seen[WANT_START] == e->visit ? WANT_RESTART : WANT_STOP);
	}
}

void engine_want(struct engine *e, enum want want, uint32_t root, bool manual)
{
	struct steps s = { .n = 0 };

	e->visit++;
	if (manual && want != WANT_STOP)
		forget_failure(e, root);
	/* A restart by command starts one that is down, and what it needs. */
	if (manual && want == WANT_RESTART) {
		add_step(e, &s, root, WANT_START);
		work_off(e, &s, root);
	}
	add_step(e, &s, root, want);
	work_off(e, &s, root);
	for (; s.last_done < s.n; s.last_done++) {
		pull_last(e, &s, &e->gen.work[s.last_done]);
		work_off(e, &s, root);
	}
}

void engine_command_reload(struct engine *e, const struct event *event)
{
	uint32_t u = event->unit;
	bool passes_on = e->gen.set->nodes[u].out[DEP_RELOADS].n > 0;
	struct life *l = life_of(e, u);
	enum state before = l->run.state;

	if (!unit_has_process(unit_of(e, u)) && passes_on && in_states(l, STATES_ACTIVE)) {
		engine_want(e, WANT_RELOAD, u, false);
		engine_job_done(e, u, event->job, 0, "passed on to the units it names");
		return;
	}
	engine_dispatch(e, event);
	if (passes_on && before != ST_RELOAD && l->run.state == ST_RELOAD)
		engine_want(e, WANT_RELOAD, u, false);
}
