/*
 * Phase 1: what a command on one unit means for the others. A list of steps is worked off; each unit is
 * visited once for each want, so a cycle of dependencies ends by itself. Only asks change here, no state.
 */
#include "supervisor/core/engine_run.h"

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
	{ WANT_START, DEP_CONFLICTS, false, WANT_STOP },
	{ WANT_START, DEP_CONFLICTS, true, WANT_STOP },
	{ WANT_STOP, DEP_REQUIRES, true, WANT_STOP },
	{ WANT_STOP, DEP_BINDS_TO, true, WANT_STOP },
	{ WANT_STOP, DEP_PART_OF, true, WANT_STOP },
	{ WANT_RESTART, DEP_REQUIRES, true, WANT_RESTART },
	{ WANT_RESTART, DEP_BINDS_TO, true, WANT_RESTART },
	{ WANT_RESTART, DEP_PART_OF, true, WANT_RESTART },
};

void engine_set_ask(struct engine *e, uint32_t u, enum ask ask)
{
	life_of(e, u)->ask = ask;
	engine_note_due(e, u);
	engine_wake(e, u);
}

/* An operator who starts it anew does not care how often it failed before. */
static void forget_failure(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->run.restarts = 0;
	if (l->run.state == ST_FAILED)
		l->run.cause[0] = '\0';
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
	else if (l->ask == ASK_STOP && in_states(l, STATES_STARTING))
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
	if (want == WANT_RESTART)
		return in_states(l, STATES_ACTIVE | STATES_STARTING) &&
			(l->ask == ASK_NONE || l->ask == ASK_STARTING);
	return true;
}

static bool apply(struct engine *e, const struct want_step *step, uint32_t root)
{
	uint32_t because = step->unit == root ? NO_UNIT : root;

	if (step->unit != root && !follows(life_of(e, step->unit), step->want))
		return false;
	if (step->want == WANT_START)
		return want_start(e, step->unit);
	if (step->want == WANT_STOP)
		return want_stop(e, step->unit, because);
	return want_restart(e, step->unit, because);
}

static size_t add_step(struct engine *e, size_t n, uint32_t u, enum want want)
{
	struct life *l = life_of(e, u);

	if (l->seen[want] == e->visit)
		return n;
	l->seen[want] = e->visit;
	e->gen.work[n] = (struct want_step){ .unit = u, .want = want };
	return n + 1;
}

void engine_want(struct engine *e, enum want want, uint32_t root, bool manual)
{
	size_t n = 0;

	e->visit++;
	if (manual && want != WANT_STOP)
		forget_failure(e, root);
	n = add_step(e, n, root, want);
	for (size_t i = 0; i < n; i++) {
		struct want_step step = e->gen.work[i];
		const struct node *node = &e->gen.set->nodes[step.unit];

		if (!apply(e, &step, root))
			continue;
		for (size_t p = 0; p < ARRAY_LEN(pulls); p++) {
			const struct edges *edges = pulls[p].incoming ? &node->in[pulls[p].dep]
								      : &node->out[pulls[p].dep];

			if (pulls[p].want != step.want ||
				(e->only_needed && pulls[p].dep == DEP_WANTS))
				continue;
			for (size_t k = 0; k < edges->n; k++)
				n = add_step(e, n, edges->v[k], pulls[p].then);
		}
	}
}
