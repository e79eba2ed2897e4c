#include "supervisor/core/engine/engine.h"

#include "common/util.h"
#include "common/wire.h"
#include "supervisor/core/engine/engine_run.h"
#include "supervisor/core/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[ST_COUNT] = {
#define X(id, name) [ST_##id] = name,
	STATES(X)
#undef X
};

static const char *const event_names[EV_COUNT] = {
#define X(id, name) [EV_##id] = name,
	EVENTS(X)
#undef X
};

const char *state_name(enum state state)
{
	return (unsigned int)state < ST_COUNT ? state_names[state] : "?";
}

/* ---- creation */

struct engine *engine_new(const struct unit_set *set)
{
	struct arena arena = { 0 };
	struct engine *e = arena_alloc(&arena, sizeof(*e));

	e->arena = arena;
	engine_generation(&e->gen, set);
	engine_set_budget(e, 50, 100 * USEC_PER_MSEC);
	return e;
}

void engine_free(struct engine *e)
{
	struct arena arena = e->arena;

	arena_free(&e->gen.arena);
	arena_free(&arena);
}

void engine_seed(struct engine *e, uint64_t seed)
{
	e->chance = seed;
}

void engine_set_facts(struct engine *e, const struct engine_facts *facts)
{
	e->facts = *facts;
}

const struct unit_set *engine_set(const struct engine *e)
{
	return e->gen.set;
}

const struct run *engine_run(const struct engine *e, uint32_t unit)
{
	return &life_of(e, unit)->run;
}

const char *engine_result(const struct engine *e, uint32_t unit)
{
	return cause_word(&life_of(e, unit)->result);
}

const struct engine_cost *engine_cost(const struct engine *e)
{
	return &e->cost;
}

bool engine_next(struct engine *e, struct action *action)
{
	if (engine_pop(e, action))
		return true;
	if (!engine_reload_is_due(e))
		return false;
	engine_swap(e);
	engine_settle(e);
	*action = (struct action){ .kind = ACT_SWAP };
	return true;
}

uint64_t engine_deadline(const struct engine *e)
{
	uint64_t unit = e->gen.n_heap == 0 ? TIME_INFINITY : life_of(e, e->gen.heap[0])->due;
	uint64_t end = engine_put_off_until(e, NULL);

	return unit < end ? unit : end;
}

/* ---- states */

/* splitmix64: any seed will do, one after the other as well. */
uint64_t engine_draw(struct engine *e, uint64_t most)
{
	uint64_t z = e->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return most == UINT64_MAX ? z : z % (most + 1);
}

void engine_enter(struct engine *e, uint32_t u, enum state state, uint64_t deadline)
{
	struct life *l = life_of(e, u);
	bool was_idle = in_states(l, STATES_IDLE);
	bool was_active = in_states(l, STATES_ACTIVE), was_up = !in_states(l, STATES_DOWN);
	bool was_reload = l->run.state == ST_RELOAD;

	if (!in_states(l, STATES_STARTING | STATES_ACTIVE))
		l->run.begun = e->now;
	l->run.state = state;
	if (!in_states(l, STATE_BIT(RUNNING) | STATE_BIT(RELOAD)))
		l->timers[TIMER_WATCHDOG] = l->timers[TIMER_RUNTIME] = TIME_INFINITY;
	if (!in_states(l, STATES_ACTIVE))
		l->timers[TIMER_STABLE] = TIME_INFINITY;
	l->run.since = e->now;
	if (in_states(l, STATES_ACTIVE) && !was_active)
		l->run.arrived = e->now;
	engine_timer_set(e, u, TIMER_STATE, deadline);
	e->n_up += !in_states(l, STATES_DOWN);
	e->n_up -= was_up;
	engine_note_due(e, u);
	engine_budget_entered(e, u);
	engine_ties_entered(e, u, was_active, was_up);
	/* It ended by itself meanwhile: who waits for the reload need not wait for the stop. */
	if (was_reload && !in_states(l, STATES_ACTIVE) && l->ask == ASK_NONE)
		engine_jobs_done(e, u, EIO, l->run.cause);
	engine_health_entered(e, u);
	engine_timer_note(e, u, was_idle);
	engine_wake(e, u);
}

void engine_push_machine(struct engine *e)
{
	struct action *a = engine_push_text(e, ACT_MACHINE, 0);

	e->ended = true;
	a->arg = e->ending;
	a->index = (uint32_t)(e->exit_status & ~EXIT_GIVEN);
	a->job = (e->exit_status & EXIT_GIVEN) != 0;
	text_copy(a->text, sizeof(a->text), e->ending_text);
}

void engine_settle(struct engine *e)
{
	uint32_t u;

	while ((u = engine_turn_next(e)) != NO_UNIT)
		engine_turn(e, u);
	if (e->ending != 0 && e->n_up == 0 && !e->ended)
		engine_push_machine(e);
}

void engine_dispatch(struct engine *e, const struct event *event)
{
	rules[life_of(e, event->unit)->run.state][event->kind](e, event->unit, event);
}

void rule_ignore(struct engine *e, uint32_t u, const struct event *event)
{
	(void)e;
	(void)u;
	(void)event;
}

void rule_impossible(struct engine *e, uint32_t u, const struct event *event)
{
	engine_log(e, u, LOG_LEVEL_ERROR, "event \"%s\" makes no sense in state \"%s\": ignored",
		event_names[event->kind], state_name(life_of(e, u)->run.state));
}

/* ---- facts, noted whatever the state; false: this event is of no process of the unit */

static void note_main_exit(struct engine *e, uint32_t u, const struct event *event)
{
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);
	struct cause c = cause_of_status(unit, event->status);
	struct text t = { .buf = l->run.cause, .size = sizeof(l->run.cause) };
	const struct commands *list = &unit->service.exec_start;

	l->run.main_pid = 0;
	l->run.last_status = event->status;
	if (unit->kind == KIND_SERVICE && l->index < list->n && l->role == ROLE_MAIN &&
		list->v[l->index].ignore_failure)
		c.kind = CAUSE_CLEAN;
	l->result.has_status = true;
	l->result.status = c.status;
	if (cause_failed(&l->result))
		return;
	l->result.kind = c.kind;
	if (unit->kind == KIND_MOUNT && event->text != NULL && event->text[0] != '\0') {
		text_puts(&t, event->text); /* it speaks better than a number */
	} else if (!cause_failed(&c) || !l->run.oom) {
		cause_put_status(&t, c.status);
	} else {
		l->result.kind = CAUSE_OOM;
		cause_put_oom(&t, unit);
	}
}

static struct proc *proc_of(struct life *l, enum role role)
{
	return role == ROLE_MAIN ? &l->main : role == ROLE_HEALTH ? &l->check : &l->helper;
}

/* What became of the start is news once: sys/ says again what it cannot know to have been heard. */
static bool settle_process(struct proc *p)
{
	bool news = p->live && !p->settled;

	p->settled = p->live;
	return news;
}

/* Events may come twice; of a process that is named and is not the one that is there, they are of an earlier one. */
static bool note_process(struct engine *e, const struct event *event)
{
	struct life *l = life_of(e, event->unit);
	struct proc *p = proc_of(l, event->role);

	if (event->kind == EV_SPAWNED) {
		if (!p->asked)
			return false;
		*p = (struct proc){ .pid = event->pid, .live = true };
		l->populated = true;
		if (event->role == ROLE_MAIN)
			l->run.main_pid = event->pid;
		return true;
	}
	if (event->kind == EV_SPAWN_FAILED && p->asked) {
		p->asked = false;
		return true;
	}
	if (!p->live || (event->pid != 0 && p->pid != 0 && event->pid != p->pid))
		return false;
	if (event->kind != EV_EXITED)
		return settle_process(p);
	*p = (struct proc){ .live = false };
	if (event->role == ROLE_MAIN)
		note_main_exit(e, event->unit, event);
	return true;
}

static void note_words(struct engine *e, uint32_t u, const struct notify *n)
{
	struct life *l = life_of(e, u);

	if (n->status != NULL)
		text_copy(l->run.status_text, sizeof(l->run.status_text), n->status);
	if (n->error != 0)
		l->run.error = n->error;
	/* In a container the number is one of its own PID namespace. */
	if (n->main_pid == 0 || n->main_pid == l->run.main_pid || l->other_main ||
		unit_of(e, u)->kind == KIND_CONTAINER)
		return;
	l->other_main = true;
	engine_log(e, u, LOG_LEVEL_WARNING,
		"MAINPID=%d is not followed: the main process is the one that was started, pid %d; let it "
		"stay in the foreground, or use ExitType=cgroup",
		n->main_pid, l->run.main_pid);
}

static bool note(struct engine *e, const struct event *event)
{
	struct life *l = life_of(e, event->unit);

	if (event->kind == EV_EMPTY)
		l->populated = false;
	if (event->kind == EV_OOM)
		l->run.oom = true;
	if (event->kind == EV_NOTIFY)
		note_words(e, event->unit, event->notify);
	if (event->kind != EV_SPAWNED && event->kind != EV_SPAWN_FAILED &&
		event->kind != EV_EXECED && event->kind != EV_EXITED)
		return true;
	/* "supctl exec" is no part of a unit's life. */
	if (event->role == ROLE_EXEC || event->role >= ROLE_COUNT)
		return false;
	if (!note_process(e, event))
		return false;
	engine_health_note(e, event);
	/* A check changes what is known of the unit, and no rule. */
	return event->role != ROLE_HEALTH;
}

/* ---- events */

/* What it pulls in has stopped it again. */
static void excluded(struct engine *e, const struct event *event)
{
	struct run *r = &life_of(e, event->unit)->run;

	snprintf(r->cause, sizeof(r->cause), "what it requires or wants conflicts with it");
	engine_job_done(e, event->unit, event->job, ECANCELED, r->cause);
}

static void command_start(struct engine *e, const struct event *event)
{
	struct life *l = life_of(e, event->unit);

	engine_want(e, event->kind == EV_RESTART ? WANT_RESTART : WANT_START, event->unit, true);
	if (l->ask == ASK_NONE && !l->held && in_states(l, STATES_DOWN))
		excluded(e, event);
	else if (l->ask == ASK_NONE && !l->held)
		engine_job_done(e, event->unit, event->job, 0, "is up already");
	else
		engine_job_add(e, event->unit, event->job);
}

static void command_stop(struct engine *e, const struct event *event)
{
	struct life *l = life_of(e, event->unit);

	engine_want(e, WANT_STOP, event->unit, true);
	if (l->ask == ASK_NONE)
		engine_job_done(e, event->unit, event->job, 0, "is down already");
	else
		engine_job_add(e, event->unit, event->job);
}

static const char *refusal(const struct unit_section *unit, enum event_kind kind)
{
	bool starts = kind == EV_START || kind == EV_RESTART;
	bool stops = kind == EV_STOP || kind == EV_RESTART;

	if (starts && unit->refuse_manual_start)
		return "only other units may start it (RefuseManualStart=)";
	if (stops && unit->refuse_manual_stop)
		return "only other units may stop it (RefuseManualStop=)";
	return NULL;
}

/* True when the event was a command of order: it has set asks and waits for its turn. */
static bool command(struct engine *e, const struct event *event)
{
	bool starts = event->kind == EV_START || event->kind == EV_RESTART;
	const char *refused = refusal(&unit_of(e, event->unit)->unit, event->kind);

	if (starts && e->ending != 0)
		engine_job_done(e, event->unit, event->job, ESHUTDOWN, "the machine is going down");
	else if (refused != NULL)
		engine_job_done(e, event->unit, event->job, EPERM, refused);
	else if (starts)
		command_start(e, event);
	else if (event->kind == EV_STOP)
		command_stop(e, event);
	else if (event->kind == EV_RELOAD)
		engine_command_reload(e, event);
	return starts || event->kind == EV_STOP || event->kind == EV_RELOAD;
}

void engine_event(struct engine *e, const struct event *event, uint64_t now)
{
	e->now = now;
	if (event->unit >= e->gen.set->n || (unsigned int)event->kind >= EV_COUNT)
		return;
	if (event->job != 0)
		life_of(e, event->unit)->asked_job = event->job;
	if (!command(e, event) && note(e, event))
		engine_dispatch(e, event);
	engine_settle(e);
}

void engine_state_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)u;
	engine_dispatch(e, event);
}

static rule_fn *const on_timer[TIMER_COUNT] = {
#define X(id, rule) [TIMER_##id] = rule,
	TIMERS(X)
#undef X
};

static void fire(struct engine *e, uint32_t u)
{
	const struct event event = { .kind = EV_TIMEOUT, .unit = u };
	const struct life *l = life_of(e, u);
	size_t timer = 0;

	while (l->timers[timer] != l->due)
		timer++;
	engine_timer_set(e, u, (enum timer)timer, TIME_INFINITY);
	on_timer[timer](e, u, &event);
}

void engine_tick(struct engine *e, uint64_t now)
{
	e->now = now;
	engine_put_off_tick(e);
	while (e->gen.n_heap > 0 && life_of(e, e->gen.heap[0])->due <= now) {
		fire(e, e->gen.heap[0]);
		engine_settle(e);
	}
}

void engine_boot(struct engine *e, uint64_t now)
{
	int u = unit_set_find(e->gen.set, BOOT_TARGET);

	e->now = e->booted = now;
	if (u >= 0)
		engine_want(e, WANT_START, (uint32_t)u, false);
	engine_settle(e);
}

/* ---- the end */

static void stop_all(struct engine *e)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		struct life *l = life_of(e, u);

		l->run.wanted = false;
		engine_jobs_done(e, u, ESHUTDOWN, "the machine is going down");
		if (in_states(l, STATES_DOWN))
			engine_set_ask(e, u, ASK_NONE);
		else if (l->ask != ASK_STOPPING)
			engine_set_ask(e, u, ASK_STOP);
	}
}

/* Order and patience are over. */
static void kill_all(struct engine *e)
{
	const uint32_t quick = STATE_BIT(WAITING) | STATE_BIT(BACKOFF) | STATE_BIT(SETUP);

	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		struct life *l = life_of(e, u);

		if (in_states(l, STATES_DOWN))
			continue;
		l->ask = ASK_STOPPING;
		l->asked_down = true;
		l->stop_post_begun = true;
		l->killed = true;
		if (in_states(l, quick) || !engine_has_survivors(e, u))
			engine_land(e, u);
		else if (l->run.state != ST_STOP_KILL)
			engine_kill(e, u);
	}
}

void engine_shutdown(struct engine *e, int wire_end, uint64_t now)
{
	bool again = e->ending != 0;

	e->now = now;
	e->ending = wire_end;
	engine_reload_drop(e, "the machine is going down");
	if (again)
		kill_all(e);
	else
		stop_all(e);
	engine_settle(e);
}

static const struct end {
	int wire_end;
	bool at_once; /* -force, -immediate: no unit is stopped first */
} ends[] = {
	[ACTION_NONE] = { 0, false },
	[ACTION_REBOOT] = { END_REBOOT, false },
	[ACTION_REBOOT_FORCE] = { END_REBOOT, true },
	[ACTION_REBOOT_IMMEDIATE] = { END_REBOOT, true },
	[ACTION_POWEROFF] = { END_POWEROFF, false },
	[ACTION_POWEROFF_FORCE] = { END_POWEROFF, true },
	[ACTION_POWEROFF_IMMEDIATE] = { END_POWEROFF, true },
	[ACTION_EXIT] = { END_EXIT, false },
	[ACTION_EXIT_FORCE] = { END_EXIT, true },
	[ACTION_HALT] = { END_HALT, false },
	[ACTION_HALT_FORCE] = { END_HALT, true },
	[ACTION_HALT_IMMEDIATE] = { END_HALT, true },
	[ACTION_KEXEC] = { END_KEXEC, false },
	[ACTION_KEXEC_FORCE] = { END_KEXEC, true },
};

/* An end action of a unit, enum end_action. Called between events: stopping all only changes asks. */
void engine_end(struct engine *e, int action, int exit_status, const char *text)
{
	if (action <= ACTION_NONE || action >= (int)ARRAY_LEN(ends) || e->ending != 0)
		return;
	if ((ends[action].wire_end == END_REBOOT || ends[action].wire_end == END_KEXEC) &&
		engine_put_off(e, action, exit_status, text))
		return;
	e->ending = ends[action].wire_end;
	e->exit_status = exit_status;
	text_copy(e->ending_text, sizeof(e->ending_text), text);
	engine_reload_drop(e, "the machine is going down");
	stop_all(e);
	if (ends[action].at_once)
		engine_push_machine(e);
}
