/*
 * Rules on the way up: limits and conditions, setting up, the commands before, the main process, readiness,
 * the commands after.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A network or volume is a handful of system calls; their units have no timeout of their own. */
#define SETUP_TIMEOUT (90 * USEC_PER_SEC)

static const struct kind_trait {
	bool process, setup;
} kinds[KIND_COUNT] = {
	[KIND_CONTAINER] = { .process = true },
	[KIND_SERVICE] = { .process = true },
	[KIND_NETWORK] = { .setup = true },
	[KIND_VOLUME] = { .setup = true },
	[KIND_TARGET] = { .process = false },
	[KIND_TIMER] = { .process = false },
	[KIND_SOCKET] = { .setup = true },
	[KIND_MOUNT] = { .process = true },
};

static size_t n_commands(const struct unit *unit, enum role role)
{
	const struct commands *list = unit_commands(unit, role);

	if (!kinds[unit->kind].process || list == NULL)
		return 0;
	/* What a container runs is said by its image and Exec=. */
	if (role == ROLE_MAIN && unit->kind == KIND_CONTAINER)
		return 1;
	/* ReloadCmd= comes after ExecReload=. */
	return list->n + (role == ROLE_RELOAD && unit->container.reload_cmd.n > 0);
}

bool engine_has_command(const struct engine *e, uint32_t u, enum role role, uint32_t index)
{
	return index < n_commands(unit_of(e, u), role);
}

/* False when the role has no command of this number. */
bool engine_spawn(struct engine *e, uint32_t u, enum role role, uint32_t index)
{
	struct life *l = life_of(e, u);
	struct action *a;

	if (!engine_has_command(e, u, role, index))
		return false;
	l->role = role;
	l->index = index;
	(role == ROLE_MAIN ? &l->main : &l->helper)->asked = true;
	a = engine_push(e, ACT_SPAWN, u);
	a->role = role;
	a->index = index;
	return true;
}

/* ---- arrival */

static const char *word_of(const struct unit *unit)
{
	enum service_type type = engine_type(unit);

	return type == TYPE_HEALTHY ? "healthy" : engine_speaks(unit) ? "ready" : "started";
}

static void set_timers(struct engine *e, uint32_t u, bool lasting)
{
	const struct service_section *s = &unit_of(e, u)->service;
	struct life *l = life_of(e, u);

	if (l->run.restarts > 0)
		engine_timer_set(e, u, TIMER_STABLE, time_after(e->now, s->restart_stable));
	if (lasting)
		return;
	if (l->watchdog != 0)
		engine_timer_set(e, u, TIMER_WATCHDOG, time_after(e->now, l->watchdog));
	if (s->runtime_max != 0 && s->runtime_max != TIME_INFINITY)
		engine_timer_set(e, u, TIMER_RUNTIME,
			time_after(time_after(e->now, s->runtime_max),
				engine_draw(e, s->runtime_extra)));
}

static void arrive(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);
	/* what a mount leaves is no process, and may go by itself */
	bool lasting = kinds[unit->kind].process && unit->kind != KIND_MOUNT && !l->main.live &&
		!l->main.asked && !(unit->service.exit_type == EXIT_TYPE_CGROUP && l->populated);

	l->arrived = true;
	l->was_up = true;
	l->run.failed = false;
	engine_enter(e, u, lasting ? ST_EXITED : ST_RUNNING, TIME_INFINITY);
	if (kinds[unit->kind].process)
		set_timers(e, u, lasting);
	if (l->run.main_pid != 0)
		engine_log(e, u, LOG_LEVEL_INFO, "%s, pid %d", word_of(unit), l->run.main_pid);
	else if (unit->kind == KIND_MOUNT && l->run.cause[0] != '\0')
		engine_log(e, u, LOG_LEVEL_INFO, "%s", l->run.cause);
	else
		engine_log(e, u, LOG_LEVEL_INFO, lasting ? "finished, stays active" : "up");
	if (l->ask == ASK_STARTING)
		engine_set_ask(e, u, ASK_NONE);
	if (l->ask == ASK_NONE)
		engine_jobs_done(e, u, 0, "started");
}

/* The commands after it are through. */
static void posted(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);

	if (engine_type(unit) == TYPE_ONESHOT && !unit->service.remain_after_exit) {
		/* Its work is done: down again, by way of ExecStop= as any other. */
		l->was_up = true;
		l->arrived = true;
		engine_down(e, u);
	} else {
		arrive(e, u);
	}
}

void engine_ready(struct engine *e, uint32_t u)
{
	engine_enter(e, u, ST_START_POST, life_of(e, u)->run.deadline);
	if (!engine_spawn(e, u, ROLE_START_POST, 0))
		posted(e, u);
}

static void start_main(struct engine *e, uint32_t u, uint32_t index)
{
	struct life *l = life_of(e, u);

	engine_enter(e, u, ST_START, l->run.deadline);
	if (engine_spawn(e, u, ROLE_MAIN, index))
		return;
	if (engine_type(unit_of(e, u)) == TYPE_ONESHOT)
		engine_ready(e, u);
	else
		engine_fail(e, u, CAUSE_SPAWN, "it has no ExecStart=");
}

/* ---- beginning */

/* A unit that never began goes down without a trace of processes. */
static void refuse(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void refuse(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
{
	struct life *l = life_of(e, u);
	va_list args;

	l->result = (struct cause){ .kind = kind };
	va_start(args, fmt);
	vsnprintf(l->run.cause, sizeof(l->run.cause), fmt, args);
	va_end(args);
	engine_land(e, u);
}

static const struct condition *unmet(const struct engine *e, const struct conditions *list)
{
	const struct condition *last_any = NULL;
	bool any = false;

	if (e->facts.condition == NULL)
		return NULL;
	for (size_t i = 0; i < list->n; i++) {
		const struct condition *c = &list->v[i];
		bool holds = e->facts.condition(e->facts.data, c) != c->negate;

		if (!c->any && !holds)
			return c;
		if (c->any) {
			last_any = c;
			any = any || holds;
		}
	}
	return any ? NULL : last_any;
}

static void skip(struct engine *e, uint32_t u, const struct condition *c)
{
	struct run *r = &life_of(e, u)->run;

	life_of(e, u)->arrived = true;
	snprintf(r->cause, sizeof(r->cause), "skipped: Condition%s=%s%s%s is not met",
		condition_name(c->kind), c->any ? "|" : "", c->negate ? "!" : "", c->text);
	engine_land(e, u);
}

static void put_on_feet(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->result = (struct cause){ .kind = CAUSE_NONE };
	l->arrived = l->was_begun = l->was_up = l->asked_down = l->stop_post_begun = false;
	l->told = l->killed = l->other_main = false;
	l->run.error = 0;
	l->watched = false;
	l->because = NO_UNIT;
	l->watchdog = unit_of(e, u)->service.watchdog;
	l->run.oom = false;
	l->run.status_text[0] = '\0';
}

static bool over_limit(struct engine *e, uint32_t u)
{
	static const char limit_hit[] = "start limit hit: ";
	const struct unit_section *s = &unit_of(e, u)->unit;
	struct life *l = life_of(e, u);
	char last[sizeof(l->run.cause)], span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	if (restart_count(&l->starts, s, e->now))
		return false;
	cause_put_time(&t, s->start_limit_interval);
	/* Once is enough: the end that led to it stays in the text, however often it is asked for again. */
	memcpy(last, l->run.cause, sizeof(last));
	if (strncmp(last, limit_hit, sizeof(limit_hit) - 1) == 0)
		refuse(e, u, CAUSE_LIMIT, "%s", last);
	else
		refuse(e, u, CAUSE_LIMIT, "%s%u starts within %s%s%.96s", limit_hit,
			s->start_limit_burst, span, last[0] != '\0' ? ", last: " : "", last);
	return true;
}

static void start_pre(struct engine *e, uint32_t u)
{
	engine_enter(e, u, ST_START_PRE, life_of(e, u)->run.deadline);
	if (!engine_spawn(e, u, ROLE_START_PRE, 0))
		start_main(e, u, 0);
}

static void begin(struct engine *e, uint32_t u)
{
	const struct unit *unit = unit_of(e, u);

	life_of(e, u)->was_begun = true;
	if (kinds[unit->kind].setup) {
		engine_enter(e, u, ST_SETUP, time_after(e->now, SETUP_TIMEOUT));
		engine_push(e, ACT_SETUP, u);
	} else if (kinds[unit->kind].process) {
		engine_enter(e, u, ST_CONDITION, time_after(e->now, unit->service.timeout_start));
		if (!engine_spawn(e, u, ROLE_CONDITION, 0))
			start_pre(e, u);
	} else {
		arrive(e, u);
	}
}

void rule_begin(struct engine *e, uint32_t u, const struct event *event)
{
	const struct unit *unit = unit_of(e, u);
	const struct condition *c;
	char why[128];

	(void)event;
	put_on_feet(e, u);
	if (unit->broken != NULL)
		refuse(e, u, CAUSE_BROKEN, "%s", unit->broken);
	else if (engine_has_survivors(e, u))
		refuse(e, u, CAUSE_SURVIVOR, "processes of its last run are still there");
	else if ((c = unmet(e, &unit->unit.conditions)) != NULL)
		skip(e, u, c);
	else if ((c = unmet(e, &unit->unit.asserts)) != NULL)
		refuse(e, u, CAUSE_ASSERT, "Assert%s=%s%s%s is not met", condition_name(c->kind),
			c->any ? "|" : "", c->negate ? "!" : "", c->text);
	else if (engine_socket_refused(e, u, why, sizeof(why)) != NULL)
		refuse(e, u, CAUSE_SETUP, "%s", why);
	else if (!over_limit(e, u))
		begin(e, u);
}

void engine_dependency_failed(struct engine *e, uint32_t u, uint32_t of)
{
	const struct run *other = &life_of(e, of)->run;

	put_on_feet(e, u);
	if (unit_of(e, u)->broken != NULL)
		refuse(e, u, CAUSE_BROKEN, "%s", unit_of(e, u)->broken);
	else if (other->state == ST_FAILED)
		refuse(e, u, CAUSE_DEPENDENCY, "requires %s, which failed: %s",
			unit_of(e, of)->name, other->cause);
	else if (engine_names(e, u, DEP_REQUISITE, of))
		refuse(e, u, CAUSE_DEPENDENCY, "%s must be up already (Requisite=), it is %s",
			unit_of(e, of)->name, state_name(other->state));
	else if (in_states(life_of(e, of), STATES_STARTING))
		refuse(e, u, CAUSE_DEPENDENCY, "requires %s, which is not up in time",
			unit_of(e, of)->name);
	else
		refuse(e, u, CAUSE_DEPENDENCY, "requires %s, which is not running",
			unit_of(e, of)->name);
}

/* ---- networks and volumes */

void rule_made(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	if (life_of(e, u)->asked_down)
		engine_land(e, u);
	else
		arrive(e, u);
}

void rule_unmade(struct engine *e, uint32_t u, const struct event *event)
{
	refuse(e, u, CAUSE_SETUP, "%s", event->text != NULL ? event->text : "setup failed");
}

void rule_setup_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	refuse(e, u, CAUSE_TIMEOUT, "setup timed out after %llu s",
		(unsigned long long)(SETUP_TIMEOUT / USEC_PER_SEC));
}

void rule_defer(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	life_of(e, u)->asked_down = true;
}

/* ---- the commands before, the main process, the commands after */

static bool failure_ignored(const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);
	const struct commands *list = unit_commands(unit_of(e, u), l->role);

	return list != NULL && l->index < list->n && list->v[l->index].ignore_failure;
}

/* The end of a helper command: true when the next of its list may follow. */
bool engine_helper_ok(const struct engine *e, uint32_t u, const struct event *event)
{
	return cause_command_ok(event->status) || failure_ignored(e, u);
}

static void helper_failed(struct engine *e, uint32_t u, const struct event *event)
{
	char why[64];
	struct text t = { .buf = why, .size = sizeof(why) };

	cause_put_status(&t, event->status);
	engine_fail(e, u, CAUSE_EXIT, "%s: %s", role_name(life_of(e, u)->role), why);
}

/* Skipped, it goes down as any other, by way of ExecStopPost=, but counts as arrived. */
void rule_condition_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	struct cause c = cause_of_condition(unit_of(e, u), event->status);
	struct text t = { .buf = l->run.cause, .size = sizeof(l->run.cause) };

	if (c.kind == CAUSE_CLEAN || failure_ignored(e, u)) {
		if (!engine_spawn(e, u, ROLE_CONDITION, l->index + 1))
			start_pre(e, u);
	} else if (c.kind == CAUSE_SKIPPED) {
		l->result.kind = CAUSE_SKIPPED;
		l->arrived = true;
		text_puts(&t, "skipped: ExecCondition: ");
		cause_put_status(&t, event->status);
		engine_term(e, u);
	} else {
		helper_failed(e, u, event);
	}
}

void rule_pre_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	if (!engine_helper_ok(e, u, event))
		helper_failed(e, u, event);
	else if (!engine_spawn(e, u, ROLE_START_PRE, l->index + 1))
		start_main(e, u, 0);
}

void rule_born(struct engine *e, uint32_t u, const struct event *event)
{
	enum service_type type = engine_type(unit_of(e, u));

	if (event->role == ROLE_MAIN && (type == TYPE_SIMPLE || type == TYPE_IDLE))
		engine_ready(e, u);
}

void rule_ready(struct engine *e, uint32_t u, const struct event *event)
{
	if (event->role == ROLE_MAIN && engine_type(unit_of(e, u)) == TYPE_EXEC)
		engine_ready(e, u);
}

/* The main process has ended before the unit was ready: that is how a oneshot works. */
void rule_start_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (cause_failed(&l->result)) {
		engine_main_ended(e, u);
	} else if (engine_type(unit_of(e, u)) != TYPE_ONESHOT) {
		char why[64];
		struct text t = { .buf = why, .size = sizeof(why) };

		cause_put_status(&t, l->result.status);
		engine_fail(e, u, CAUSE_PROTOCOL, "ended before it was ready: %s", why);
	} else if (!engine_spawn(e, u, ROLE_MAIN, l->index + 1)) {
		engine_ready(e, u);
	}
}

void rule_post_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	if (event->role == ROLE_MAIN) {
		engine_main_ended(e, u);
	} else if (!engine_helper_ok(e, u, event)) {
		helper_failed(e, u, event);
	} else if (!engine_spawn(e, u, ROLE_START_POST, l->index + 1)) {
		posted(e, u);
	}
}

void rule_start_late(struct engine *e, uint32_t u, const struct event *event)
{
	const char *status = life_of(e, u)->run.status_text;
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	(void)event;
	cause_put_time(&t, unit_of(e, u)->service.timeout_start);
	if (engine_type(unit_of(e, u)) == TYPE_HEALTHY && engine_health(e, u)->last[0] != '\0')
		engine_spoil(e, u, CAUSE_TIMEOUT, "start timed out after %s, not healthy: %s", span,
			engine_health(e, u)->last);
	else
		engine_spoil(e, u, CAUSE_TIMEOUT, "start timed out after %s%s%s", span,
			status[0] != '\0' ? ": " : "", status);
	engine_give_up(e, u, unit_of(e, u)->service.timeout_start_mode);
}

void rule_no_helper(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	if (!failure_ignored(e, u)) {
		engine_fail(e, u, CAUSE_SPAWN, "%s: %s", role_name(event->role),
			event->text != NULL ? event->text : "could not be started");
	} else if (!l->helper.live) {
		/* As if it had run and ended; one that was made ends by itself. */
		const struct event ended = { .kind = EV_EXITED, .unit = u, .role = event->role };

		rules[l->run.state][EV_EXITED](e, u, &ended);
	}
}

void rule_no_main(struct engine *e, uint32_t u, const struct event *event)
{
	engine_fail(e, u, CAUSE_SPAWN, "%s",
		event->text != NULL ? event->text : "could not be started");
}
