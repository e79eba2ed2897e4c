/* What the engine owes the world: checked at each action, at each unit that moved, at calm and at the end. */
#include "tests/sim/sim.h"

#include "common/util.h"
#include "supervisor/core/engine/health.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define KILL_TIME (10 * SEC)

/* ---- actions */

static const struct unit *unit_in(const struct sim *s, const struct box *b)
{
	return unit_of(s->engine, b->unit);
}

static const struct list {
	enum role role;
	size_t offset;
} lists[] = {
	{ ROLE_MAIN, offsetof(struct service_section, exec_start) },
	{ ROLE_CONDITION, offsetof(struct service_section, exec_condition) },
	{ ROLE_START_PRE, offsetof(struct service_section, exec_start_pre) },
	{ ROLE_START_POST, offsetof(struct service_section, exec_start_post) },
	{ ROLE_RELOAD, offsetof(struct service_section, exec_reload) },
	{ ROLE_STOP, offsetof(struct service_section, exec_stop) },
	{ ROLE_STOP_POST, offsetof(struct service_section, exec_stop_post) },
};

static void check_command(struct sim *s, const struct box *b, const struct action *a)
{
	const struct unit *unit = unit_in(s, b);
	const char *base = (const char *)&unit->service;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct commands *list = (const struct commands *)(base + lists[i].offset);
		bool image = unit->kind == KIND_CONTAINER && a->role == ROLE_MAIN;

		if (lists[i].role == a->role && !image && a->index >= list->n)
			checker_fault(&s->checker, "%s: command %s number %u, of %zu", b->name,
				role_name(a->role), a->index, list->n);
	}
}

/* Health commands and "exec" run beside the others. */
static bool runs_beside(enum role role)
{
	return role == ROLE_MAIN || role == ROLE_HEALTH || role == ROLE_EXEC;
}

static void check_spawn(struct sim *s, const struct box *b, const struct action *a)
{
	if ((unsigned int)a->role >= ROLE_COUNT) {
		checker_fault(&s->checker, "%s: role %d", b->name, (int)a->role);
		return;
	}
	for (unsigned int r = 0; r < ROLE_COUNT; r++) {
		const struct process *p = &b->procs[r];
		bool same = r == (unsigned int)a->role ||
			(!runs_beside((enum role)r) && !runs_beside(a->role));

		if (same && (p->live || p->asked) && !b->foreign)
			checker_fault(&s->checker, "%s: %s is started beside %s", b->name,
				role_name(a->role), role_name((enum role)r));
	}
	check_command(s, b, a);
}

/* A reload may follow at once, so it is noted here. */
static void note_survivors(struct sim *s, const struct action *a)
{
	if (a->kind == ACT_LOG && strstr(a->text, "survive SIGKILL") != NULL)
		s->boxes[s->box_of[a->unit]].survivors = true;
}

/* Who dies over an answer leaves it to the next one, who gives it again. */
static void count_answer(struct sim *s, struct job *job, uint32_t number)
{
	if (job->answers > 0 && number != s->job_in_hand)
		checker_fault(&s->checker, "job %u is answered twice", number);
	job->answers = 1;
}

static void check_job(struct sim *s, const struct action *a)
{
	if (a->job == 0 || a->job > s->n_jobs)
		checker_fault(&s->checker, "job %u was never asked for", a->job);
	else
		count_answer(s, &s->jobs[a->job - 1], a->job);
}

void duties_action(struct sim *s, const struct action *a)
{
	bool of_unit = a->kind != ACT_JOB_DONE && a->kind != ACT_MACHINE && a->kind != ACT_SWAP;

	if (of_unit && a->unit >= engine_set(s->engine)->n) {
		checker_fault(&s->checker, "action %d of no unit", (int)a->kind);
		return;
	}
	/* Where the end does not wait for the units, they still begin to stop. */
	if (s->ended &&
		(a->kind == ACT_SETUP || a->kind == ACT_MACHINE ||
			(a->kind == ACT_SPAWN && a->role == ROLE_MAIN)))
		checker_fault(&s->checker, "action %d after the end of the machine", (int)a->kind);
	if (a->kind == ACT_SPAWN)
		check_spawn(s, &s->boxes[s->box_of[a->unit]], a);
	else if (of_unit)
		note_survivors(s, a);
	else if (a->kind == ACT_JOB_DONE)
		check_job(s, a);
}

/* ---- limits: counted here once more, from what was really begun */

static bool leaves_some(const struct service_section *service)
{
	return service->kill_mode == KILL_PROCESS || service->kill_mode == KILL_NONE ||
		!service->send_sigkill;
}

static int by_name(const void *name, const void *box)
{
	return strcmp(name, ((const struct box *)box)->name);
}

/* In the middle of a reload the numbers of units are new already, so by name. */
static struct box *box_named(const struct sim *s, uint32_t u)
{
	return bsearch(unit_of(s->engine, u)->name, s->boxes, s->n_boxes, sizeof(*s->boxes),
		by_name);
}

static void arrived(void *data, uint32_t u)
{
	struct sim *s = data;

	box_named(s, u)->arrived = s->now;
}

static void begun(void *data, uint32_t u)
{
	struct sim *s = data;
	struct box *b = box_named(s, u);
	const struct unit *unit = unit_of(s->engine, u);
	const struct unit_section *limit = &unit->unit;

	s->n_starts++;
	b->stopping_since = s->now;
	b->allowance = 0;
	if (b->strays > 0 && !b->foreign && !leaves_some(&unit->service))
		checker_fault(&s->checker, "%s: starts beside what is left of its last run",
			b->name);
	if (limit->start_limit_interval == 0 || limit->start_limit_burst == 0)
		return;
	if (b->starts_in_window == 0 || s->now - b->window >= limit->start_limit_interval) {
		b->window = s->now;
		b->starts_in_window = 0;
	}
	if (++b->starts_in_window > limit->start_limit_burst)
		checker_fault(&s->checker, "%s: start number %u of %u in its interval", b->name,
			b->starts_in_window, limit->start_limit_burst);
}

void duties_begin(struct sim *s)
{
	s->checker.begun = begun;
	s->checker.arrived = arrived;
	s->checker.data = s;
}

/* ---- states */

static uint64_t stop_bound(const struct unit *unit)
{
	uint64_t stop = unit->service.timeout_stop, abort = unit->service.timeout_abort;

	if (stop == TIME_INFINITY || abort == TIME_INFINITY)
		return TIME_INFINITY;
	/* ExecStop=, the signal, the kill, ExecStopPost=, and once more signal and kill; the watchdog and what
	 * is late may abort it. */
	return 4 * stop + 2 * abort + 2 * KILL_TIME + SEC;
}

static void check_stopping(struct sim *s, struct box *b)
{
	uint64_t bound = stop_bound(unit_in(s, b));

	if (bound != TIME_INFINITY && s->now - b->stopping_since > bound + b->allowance)
		checker_fault(&s->checker, "%s: stops since %llu ms, %s", b->name,
			(unsigned long long)((s->now - b->stopping_since) / MS),
			state_name(b->state));
}

static void check_backoff(struct sim *s, const struct box *b)
{
	const struct service_section *service = &unit_in(s, b)->service;
	const struct run *r = engine_run(s->engine, b->unit);
	uint64_t most = service->restart_sec;

	if (r->deadline == TIME_INFINITY && service->restart_sec == TIME_INFINITY)
		return;
	/* Its delay is over: what it waits for is the budget of all. */
	if (life_of(s->engine, b->unit)->has_slot)
		return;
	if (service->restart_max_delay > most && service->restart_steps > 0)
		most = service->restart_max_delay;
	most = time_after(most, service->restart_extra);
	if (r->deadline < r->since + service->restart_sec || r->deadline - r->since > most)
		checker_fault(&s->checker, "%s: restarts after %llu ms", b->name,
			(unsigned long long)((r->deadline - r->since) / MS));
}

/*
 * What is down, or between two tries, has no process, unless its file or the kernel keeps it. A reload may have
 * changed that file since.
 */
static void check_processes(struct sim *s, struct box *b, const struct life *l)
{
	const struct service_section *service = &unit_in(s, b)->service;
	bool some = l->main.live || l->main.asked || l->helper.live || l->helper.asked ||
		l->populated;

	if (leaves_some(service) || l->result.kind == CAUSE_SURVIVOR)
		b->survivors = true;
	b->survivors = b->survivors && some;
	if (in_states(l, STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF)) && some &&
		!b->survivors)
		checker_fault(&s->checker, "%s: %s, but has a process", b->name,
			state_name(l->run.state));
}

void duties_box(struct sim *s, uint32_t box)
{
	struct box *b = &s->boxes[box];
	enum state before = b->state;
	const struct life *l;

	if (b->unit == NO_UNIT)
		return;
	l = life_of(s->engine, b->unit);
	b->state = l->run.state;
	checker_unit(&s->checker, s->engine, b->unit);
	check_processes(s, b, l);
	if (in_states(l, STATES_STOPPING)) {
		if ((STATES_STOPPING >> before & 1) == 0) {
			b->stopping_since = s->now;
			b->allowance = 0;
		}
		check_stopping(s, b);
	}
	if (b->state == ST_BACKOFF && before != ST_BACKOFF)
		check_backoff(s, b);
}

/* ---- calm: no more faults for long */

/* So often and so seldom as it is to pass, the check of the startup takes longer than the start may. */
static bool is_late_by_its_file(const struct unit *unit)
{
	struct health_check startup = health_times(&unit->container, NULL, CHECK_STARTUP);

	return health_has(&unit->container, NULL, false, CHECK_STARTUP) && startup.success > 1 &&
		(startup.success - 1) * startup.interval + SEC > unit->service.timeout_start;
}

bool duties_never_well(const struct unit *unit)
{
	return engine_type(unit) == TYPE_HEALTHY &&
		(unit->container.health.cmd.n == 0 || is_late_by_its_file(unit));
}

static bool repeats(const struct unit *unit)
{
	const struct service_section *service = &unit->service;

	if (duties_never_well(unit))
		return true;
	if (unit->kind == KIND_TIMER)
		return true;
	if (service->runtime_max != 0 && service->runtime_max != TIME_INFINITY)
		return true;
	return engine_type(unit) == TYPE_ONESHOT &&
		(service->restart == RESTART_ALWAYS || service->restart == RESTART_ON_SUCCESS);
}

bool duties_some_repeat(const struct sim *s)
{
	for (uint32_t i = 0; i < s->n_boxes; i++)
		if (s->boxes[i].unit != NO_UNIT &&
			(repeats(unit_in(s, &s->boxes[i])) ||
				engine_set(s->engine)->nodes[s->boxes[i].unit].out[DEP_UPHOLDS].n >
					0))
			return true;
	return false;
}

uint64_t duties_stop_bound(const struct sim *s)
{
	uint64_t sum = 0;

	for (uint32_t u = 0; u < engine_set(s->engine)->n; u++) {
		uint64_t bound = stop_bound(unit_of(s->engine, u));

		if (bound == TIME_INFINITY)
			return TIME_INFINITY;
		/* What it is told to do while it is set up waits for that. */
		sum += bound + 90 * SEC + s->boxes[s->box_of[u]].allowance;
	}
	return sum;
}

/* A unit whose file sets no end to its start or stop may hold up all the others. */
static bool hangs_by_its_file(const struct sim *s)
{
	for (uint32_t u = 0; u < engine_set(s->engine)->n; u++) {
		const struct life *l = life_of(s->engine, u);
		const struct service_section *service = &unit_of(s->engine, u)->service;

		if (in_states(l, STATES_STOPPING) && service->timeout_stop == TIME_INFINITY)
			return true;
		if (in_states(l, STATES_STARTING) && service->timeout_start == TIME_INFINITY)
			return true;
	}
	return false;
}

void duties_at_calm(struct sim *s)
{
	if (hangs_by_its_file(s) || duties_some_repeat(s))
		return;
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		const struct box *b = &s->boxes[i];
		const struct life *l;
		char why[256];

		if (b->unit == NO_UNIT)
			continue;
		l = life_of(s->engine, b->unit);
		if (!in_states(l, STATES_DOWN | STATES_ACTIVE))
			checker_fault(&s->checker, "%s: all is calm, but it is %s: %s", b->name,
				state_name(l->run.state),
				engine_why(s->engine, b->unit, why, sizeof(why)));
		if (l->run.state == ST_FAILED && l->run.cause[0] == '\0')
			checker_fault(&s->checker, "%s: failed without a reason", b->name);
		if (l->run.state == ST_INACTIVE && l->run.wanted)
			checker_fault(&s->checker, "%s: is wanted, down, and nothing holds it",
				b->name);
		if (in_states(l, STATES_ACTIVE) && !l->run.wanted)
			checker_fault(&s->checker, "%s: is %s, and nobody wants it", b->name,
				state_name(l->run.state));
	}
}

void duties_at_end(struct sim *s)
{
	for (uint32_t i = 0; i < s->n_jobs; i++)
		if (s->jobs[i].answers != 1)
			checker_fault(&s->checker, "job %u is answered %u times", i + 1,
				s->jobs[i].answers);
	for (uint32_t u = 0; u < engine_set(s->engine)->n; u++)
		if (!in_states(life_of(s->engine, u), STATES_DOWN) && s->shut_down)
			checker_fault(&s->checker, "%s: the machine ended, and it is %s",
				unit_of(s->engine, u)->name,
				state_name(engine_run(s->engine, u)->state));
}
