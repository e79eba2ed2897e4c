/* The operator: commands at random moments, other sets of units, the end; and, when all is calm, a proof of life. */
#include "tests/sim/sim.h"

#include "common/util.h"

#include <stdlib.h>

uint32_t operator_job(struct sim *s, uint32_t box)
{
	if (s->n_jobs == s->jobs_room) {
		s->jobs_room = 2 * s->jobs_room + 64;
		s->jobs = realloc(s->jobs, s->jobs_room * sizeof(*s->jobs));
	}
	s->jobs[s->n_jobs++] = (struct job){ .box = box, .asked = s->now };
	return s->n_jobs;
}

static void tell(struct sim *s, enum event_kind kind, uint32_t u)
{
	struct box *b = &s->boxes[s->box_of[u]];

	if (kind == EV_RESET)
		b->starts_in_window = 0;
	sim_event(s,
		&(struct event){ .kind = kind, .unit = u, .job = operator_job(s, s->box_of[u]) });
	sim_touch(s, s->box_of[u]);
}

static void reload(struct sim *s)
{
	size_t other = dice_roll(&s->dice, (uint32_t)s->n_sets);

	sim_say(s, "reload with set %zu", other);
	sim_step(s,
		&(struct step){ .kind = STEP_RELOAD,
			.units = &s->sets[other],
			.job = operator_job(s, BOX_NONE) });
}

void operator_command(struct sim *s)
{
	static const enum event_kind commands[] = { EV_START, EV_START, EV_START, EV_RESTART,
		EV_STOP, EV_RELOAD, EV_RESET };
	size_t n = engine_set(s->engine)->n;

	if (s->size.sparse && dice_roll(&s->dice, 1000) == 0)
		kernel_storm(s);
	else if (s->n_sets > 1 && dice_roll(&s->dice, s->size.sparse ? 1000 : 12) == 0)
		reload(s);
	else
		tell(s, commands[dice_roll(&s->dice, ARRAY_LEN(commands))],
			dice_roll(&s->dice, (uint32_t)n));
	s->next_command = s->now + 1 + dice_time(&s->dice, s->size.interval);
}

void operator_shutdown(struct sim *s)
{
	sim_say(s, "shutdown");
	s->surely = s->shut_down; /* the first is repeated by init, the second by nobody */
	s->shut_down = true;
	sim_step(s, &(struct step){ .kind = STEP_SHUTDOWN });
	s->surely = false;
}

/* ---- whatever can run does */

static const enum dependency pulling[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_WANTS, DEP_UPHOLDS };

/* All that a start pulls in: marked. */
static void mark_pulled(const struct unit_set *set, uint32_t root, bool *marked, uint32_t *list)
{
	size_t n = 0;

	marked[root] = true;
	list[n++] = root;
	for (size_t i = 0; i < n; i++)
		for (size_t d = 0; d < ARRAY_LEN(pulling); d++) {
			const struct edges *edges = &set->nodes[list[i]].out[pulling[d]];

			for (size_t k = 0; k < edges->n; k++)
				if (!marked[edges->v[k]]) {
					marked[edges->v[k]] = true;
					list[n++] = edges->v[k];
				}
		}
}

static bool is_sound(const struct sim *s, uint32_t u)
{
	const struct unit *unit = unit_of(s->engine, u);

	if (unit->unit.refuse_manual_start || unit->unit.stop_when_unneeded ||
		unit->unit.job_timeout != TIME_INFINITY ||
		unit->unit.job_running_timeout != TIME_INFINITY)
		return false;
	if (unit->broken != NULL || s->boxes[s->box_of[u]].survivors ||
		life_of(s->engine, u)->result.kind == CAUSE_SURVIVOR)
		return false;
	return !duties_never_well(unit);
}

/* Started over and over: by its file, or by what its own end calls (OnSuccess=). */
static bool ran_too_often(const struct sim *s, uint32_t u, uint64_t asked)
{
	return life_of(s->engine, u)->result.kind == CAUSE_LIMIT &&
		(duties_some_repeat(s) || s->boxes[s->box_of[u]].arrived >= asked);
}

/* Nothing of it is broken or cannot be killed, and nothing may stop it for another's sake. */
static bool can_run(const struct sim *s, const bool *marked, uint64_t asked)
{
	const struct unit_set *set = engine_set(s->engine);

	for (uint32_t u = 0; u < set->n; u++) {
		const struct node *node = &set->nodes[u];

		if (marked[u] &&
			(!is_sound(s, u) || ran_too_often(s, u, asked) ||
				node->out[DEP_REQUISITE].n > 0 || node->out[DEP_CONFLICTS].n > 0 ||
				node->in[DEP_CONFLICTS].n > 0 || node->in[DEP_STOPS].n > 0 ||
				node->in[DEP_TRIGGERS].n > 0))
			return false;
	}
	return true;
}

void operator_start_all(struct sim *s)
{
	const struct unit_set *set = engine_set(s->engine);
	bool *marked = calloc(set->n, sizeof(*marked));
	uint32_t *list = calloc(set->n, sizeof(*list));
	uint32_t u = dice_roll(&s->dice, (uint32_t)set->n);
	uint64_t asked = s->now;

	mark_pulled(set, u, marked, list);
	s->surely = true;
	for (uint32_t i = 0; i < set->n; i++)
		if (marked[i])
			tell(s, EV_RESET, i);
	tell(s, EV_START, u);
	s->surely = false;
	sim_perform(s);
	sim_pass(s, 200 * SEC);
	if (!s->ended && can_run(s, marked, asked)) {
		const struct life *l = life_of(s->engine, u);

		if (!in_states(l, STATES_ACTIVE) && l->run.arrived < asked &&
			s->boxes[s->box_of[u]].arrived < asked)
			checker_fault(&s->checker, "%s: could run, was asked to, and is %s: %s",
				set->units[u].name, state_name(l->run.state), l->run.cause);
	}
	free(marked);
	free(list);
}
