#include "tests/sim/checker.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>

void checker_fault(struct checker *c, const char *fmt, ...)
{
	va_list args;

	if (c->fault[0] != '\0')
		return;
	va_start(args, fmt);
	vsnprintf(c->fault, sizeof(c->fault), fmt, args);
	va_end(args);
}

/* ---- at the moment of a rule */

struct ordering {
	enum dependency dep;
	bool incoming;
};

/* Those that this unit is after, and those that are after it. */
static const struct ordering earlier[] = { { DEP_AFTER, false }, { DEP_BEFORE, true } };
static const struct ordering later[] = { { DEP_AFTER, true }, { DEP_BEFORE, false } };
static const struct ordering conflicts[] = { { DEP_CONFLICTS, false }, { DEP_CONFLICTS, true } };
static const struct ordering required[] = { { DEP_REQUIRES, false }, { DEP_BINDS_TO, false } };

typedef const char *judge_fn(const struct engine *e, uint32_t u, const struct life *other);

static const struct edges *edges_of(const struct engine *e, uint32_t u, const struct ordering *o)
{
	const struct node *node = &e->gen.set->nodes[u];

	return o->incoming ? &node->in[o->dep] : &node->out[o->dep];
}

static void judge(struct checker *c, const struct engine *e, uint32_t u,
	const struct ordering orderings[2], judge_fn *fn)
{
	for (size_t i = 0; i < 2; i++) {
		const struct edges *edges = edges_of(e, u, &orderings[i]);

		for (size_t k = 0; k < edges->n; k++) {
			const struct life *other = life_of(e, edges->v[k]);
			const char *wrong = edges->v[k] == u ? NULL : fn(e, u, other);

			if (wrong != NULL)
				checker_fault(c, "%s (%s) moves although %s is %s: %s",
					unit_of(e, u)->name, state_name(life_of(e, u)->run.state),
					unit_of(e, edges->v[k])->name, state_name(other->run.state),
					wrong);
		}
	}
}

static bool goes_down(const struct life *l)
{
	return l->ask == ASK_STOP || l->ask == ASK_STOPPING || l->ask == ASK_RESTART ||
		in_states(l, STATES_STOPPING);
}

/* JobTimeoutSec= gives up waiting for a unit that goes on starting. */
static bool is_given_up(const struct engine *e, const struct life *l)
{
	const struct unit_section *unit = &unit_of(e, (uint32_t)(l - e->gen.life))->unit;

	return l->ask == ASK_NONE &&
		(unit->job_timeout != TIME_INFINITY || unit->job_running_timeout != TIME_INFINITY);
}

static const char *judge_earlier(const struct engine *e, uint32_t u, const struct life *other)
{
	(void)u;
	if (is_given_up(e, other))
		return NULL;
	if (in_states(other, STATES_STARTING | STATE_BIT(WAITING)) || other->ask == ASK_START)
		return "it is ordered after it, and that has not arrived";
	return NULL;
}

static const char *judge_later(const struct engine *e, uint32_t u, const struct life *other)
{
	(void)e;
	(void)u;
	return goes_down(other) ? "that is ordered after it and goes down first" : NULL;
}

static const char *judge_conflict(const struct engine *e, uint32_t u, const struct life *other)
{
	(void)e;
	(void)u;
	if (in_states(other, STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF)))
		return NULL;
	return "they conflict";
}

static bool is_ordered_after(const struct engine *e, uint32_t u, uint32_t other)
{
	for (size_t i = 0; i < ARRAY_LEN(earlier); i++) {
		const struct edges *edges = edges_of(e, u, &earlier[i]);

		for (size_t k = 0; k < edges->n; k++)
			if (edges->v[k] == other)
				return true;
	}
	return false;
}

static const char *judge_required(const struct engine *e, uint32_t u, const struct life *other)
{
	if (!is_ordered_after(e, u, (uint32_t)(other - e->gen.life)))
		return NULL;
	if (in_states(other, STATES_ACTIVE) || (in_states(other, STATES_DOWN) && other->arrived))
		return NULL;
	return "it requires it, and is ordered after it";
}

static void before_rule(struct checker *c, const struct engine *e, const struct event *event)
{
	const uint32_t resting = STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF);
	const struct life *l = life_of(e, event->unit);

	if (event->kind == EV_START) {
		if (!in_states(l, resting))
			checker_fault(c, "%s starts in state %s", unit_of(e, event->unit)->name,
				state_name(l->run.state));
		if (e->ending != 0)
			checker_fault(c, "%s starts while the machine ends",
				unit_of(e, event->unit)->name);
		if (unit_of(e, event->unit)->broken != NULL)
			return;
		judge(c, e, event->unit, earlier, judge_earlier);
		judge(c, e, event->unit, later, judge_later);
		judge(c, e, event->unit, conflicts, judge_conflict);
		judge(c, e, event->unit, required, judge_required);
	} else if ((event->kind == EV_STOP || event->kind == EV_RESTART) &&
		!in_states(l, STATE_BIT(WAITING) | STATE_BIT(BACKOFF))) {
		judge(c, e, event->unit, later, judge_later);
	}
}

static void tell(struct checker *c, const struct life *l, uint32_t u, bool starts, bool had_arrived)
{
	if (starts && l->was_begun && c->begun != NULL)
		c->begun(c->data, u);
	/* A start forgets that the run before it had arrived. */
	if (l->arrived && (starts || !had_arrived) && c->arrived != NULL)
		c->arrived(c->data, u);
}

static void probe(struct engine *e, uint32_t u, const struct event *event)
{
	struct checker *c = e->facts.data;
	enum state state = life_of(e, u)->run.state;
	bool had_arrived = life_of(e, u)->arrived;
	rule_fn *rule = engine_rules[state][event->kind];

	c->rules_called++;
	c->cells[state][event->kind]++;
	if (rule == rule_impossible)
		checker_fault(c, "%s: event %d came in state %s, where it cannot",
			unit_of(e, u)->name, (int)event->kind, state_name(state));
	before_rule(c, e, event);
	rule(e, u, event);
	tell(c, life_of(e, u), u, event->kind == EV_START, had_arrived);
}

/* clang-format off */
rule_fn *const rules[ST_COUNT][EV_COUNT] = {
	[0 ... ST_COUNT - 1] = { [0 ... EV_COUNT - 1] = probe }
};
/* clang-format on */

static bool holds(void *data, const struct condition *condition)
{
	const struct checker *c = data;
	uint32_t hash = 5381;

	for (const char *s = condition->text; *s != '\0'; s++)
		hash = hash * 33 + (unsigned char)*s;
	return (c->unmet >> hash % 32 & 1) == 0;
}

void checker_attach(struct checker *c, struct engine *e)
{
	const struct engine_facts facts = { .condition = holds, .data = c };

	engine_set_facts(e, &facts);
}

/* ---- when the engine is at rest */

/* Without an end of its own because its file says so. */
static bool may_wait_for_ever(const struct unit *unit)
{
	return unit->service.timeout_start == TIME_INFINITY ||
		unit->service.timeout_stop == TIME_INFINITY;
}

/* What moves has a reason to end it: a deadline, or a blocker that it watches. */
static void check_waiting(struct checker *c, const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);
	char why[200];

	if (l->run.state == ST_WAITING) {
		if (!l->held && l->watching == NO_UNIT)
			checker_fault(c, "%s: %s, and watches nothing", unit->name,
				state_name(l->run.state));
	} else if (!in_states(l, STATES_DOWN | STATES_ACTIVE) && l->due == TIME_INFINITY &&
		!may_wait_for_ever(unit)) {
		checker_fault(c, "%s: %s without a deadline", unit->name, state_name(l->run.state));
	}
	if (l->ask == ASK_NONE || e->ended)
		return;
	engine_why(e, u, why, sizeof(why));
	if (why[0] == '\0' || strcmp(why, "about to move") == 0)
		checker_fault(c, "%s: %s, asked %d, and nothing says what it waits for", unit->name,
			state_name(l->run.state), (int)l->ask);
}

static void check_jobs(struct checker *c, const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);

	if (l->jobs != NULL && !l->held && l->ask == ASK_NONE && l->run.state != ST_RELOAD)
		checker_fault(c, "%s: %s, nothing is asked, but job %u waits", unit_of(e, u)->name,
			state_name(l->run.state), l->jobs->job);
	if (in_states(l, STATES_DOWN) && !l->held && l->ask != ASK_NONE)
		checker_fault(c, "%s: %s, but asked %d", unit_of(e, u)->name,
			state_name(l->run.state), (int)l->ask);
	if (l->queued)
		checker_fault(c, "%s: still has its turn", unit_of(e, u)->name);
}

static void check_timers(struct checker *c, const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);
	uint64_t due = TIME_INFINITY;

	for (size_t i = 0; i < TIMER_COUNT; i++)
		due = l->timers[i] < due ? l->timers[i] : due;
	if (l->due != due || l->run.deadline != l->timers[TIMER_STATE])
		checker_fault(c, "%s: its timers disagree", unit_of(e, u)->name);
	if ((due == TIME_INFINITY) != (l->heap_at == 0) ||
		(l->heap_at != 0 &&
			(l->heap_at > e->gen.n_heap || e->gen.heap[l->heap_at - 1] != u)))
		checker_fault(c, "%s: not where it belongs among the timers", unit_of(e, u)->name);
	if (l->heap_at > 1 && life_of(e, e->gen.heap[l->heap_at / 2 - 1])->due > due)
		checker_fault(c, "%s: a later timer comes before it", unit_of(e, u)->name);
}

void checker_unit(struct checker *c, const struct engine *e, uint32_t u)
{
	check_waiting(c, e, u);
	check_jobs(c, e, u);
	check_timers(c, e, u);
}

void checker_engine(struct checker *c, const struct engine *e)
{
	size_t n_up = 0;

	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		n_up += !in_states(life_of(e, u), STATES_DOWN);
		checker_unit(c, e, u);
	}
	if (n_up != e->n_up)
		checker_fault(c, "%zu units are up, the engine counts %zu", n_up, e->n_up);
	if (e->gen.first_turn != NO_UNIT || e->first != NULL)
		checker_fault(c, "the engine is not at rest");
}
