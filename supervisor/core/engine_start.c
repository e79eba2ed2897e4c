/*
 * Rules on the way up: limits and conditions, setting up, the commands before, the main process, readiness,
 * the commands after; and what a running unit says and is told.
 */
#include "supervisor/core/engine_run.h"

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
};

static const size_t lists[ROLE_COUNT] = {
	[ROLE_MAIN] = offsetof(struct service_section, exec_start),
	[ROLE_START_PRE] = offsetof(struct service_section, exec_start_pre),
	[ROLE_START_POST] = offsetof(struct service_section, exec_start_post),
	[ROLE_RELOAD] = offsetof(struct service_section, exec_reload),
	[ROLE_STOP] = offsetof(struct service_section, exec_stop),
	[ROLE_STOP_POST] = offsetof(struct service_section, exec_stop_post),
};

static const struct commands *commands_of(const struct unit *unit, enum role role)
{
	return (const struct commands *)((const char *)&unit->service + lists[role]);
}

static size_t n_commands(const struct unit *unit, enum role role)
{
	if (!kinds[unit->kind].process)
		return 0;
	/* What a container runs is said by its image and Exec=. */
	if (role == ROLE_MAIN && unit->kind == KIND_CONTAINER)
		return 1;
	return commands_of(unit, role)->n;
}

static enum service_type type_of(const struct unit *unit)
{
	if (unit->kind == KIND_CONTAINER && unit->container.notify == NOTIFY_TRUE)
		return TYPE_NOTIFY;
	return (enum service_type)unit->service.type;
}

/* False when the role has no command of this number. */
bool engine_spawn(struct engine *e, uint32_t u, enum role role, uint32_t index)
{
	struct life *l = life_of(e, u);
	struct action *a;

	if (index >= n_commands(unit_of(e, u), role))
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

static void arrive(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);
	bool lasting = kinds[unit->kind].process && !l->main.live && !l->main.asked;
	uint64_t deadline = l->watchdog != 0 && !lasting ? time_after(e->now, l->watchdog)
							 : TIME_INFINITY;

	l->arrived = true;
	l->was_up = true;
	l->run.failed = false;
	engine_enter(e, u, lasting ? ST_EXITED : ST_RUNNING, deadline);
	if (l->run.main_pid != 0)
		engine_log(e, u, LOG_LEVEL_INFO, "%s, pid %d",
			type_of(unit) == TYPE_NOTIFY ? "ready" : "started", l->run.main_pid);
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

	if (type_of(unit) == TYPE_ONESHOT && !unit->service.remain_after_exit) {
		/* Its work is done: down again, by way of ExecStop= as any other. */
		l->was_up = true;
		l->arrived = true;
		engine_down(e, u);
	} else {
		arrive(e, u);
	}
}

static void ready(struct engine *e, uint32_t u)
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
	if (type_of(unit_of(e, u)) == TYPE_ONESHOT)
		ready(e, u);
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

static const struct condition *unmet(const struct engine *e, const struct unit *unit)
{
	const struct conditions *list = &unit->unit.conditions;
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
	static const char *const names[] = {
		[CONDITION_PATH_EXISTS] = "ConditionPathExists",
		[CONDITION_KERNEL_COMMAND_LINE] = "ConditionKernelCommandLine",
	};
	struct run *r = &life_of(e, u)->run;

	life_of(e, u)->arrived = true;
	snprintf(r->cause, sizeof(r->cause), "skipped: %s=%s%s%s is not met",
		c->kind < ARRAY_LEN(names) ? names[c->kind] : "Condition", c->any ? "|" : "",
		c->negate ? "!" : "", c->text);
	engine_land(e, u);
}

static void put_on_feet(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->result = (struct cause){ .kind = CAUSE_NONE };
	l->arrived = l->was_begun = l->was_up = l->asked_down = l->stop_post_begun = false;
	l->because = NO_UNIT;
	l->watchdog = unit_of(e, u)->service.watchdog;
	l->run.oom = false;
	l->run.status_text[0] = '\0';
}

static bool over_limit(struct engine *e, uint32_t u)
{
	const struct unit_section *s = &unit_of(e, u)->unit;
	struct life *l = life_of(e, u);
	char last[sizeof(l->run.cause)], span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	if (restart_count(&l->starts, s, e->now))
		return false;
	cause_put_time(&t, s->start_limit_interval);
	memcpy(last, l->run.cause, sizeof(last));
	refuse(e, u, CAUSE_LIMIT, "start limit hit: %u starts within %s%s%.96s",
		s->start_limit_burst, span, last[0] != '\0' ? ", last: " : "", last);
	return true;
}

static void begin(struct engine *e, uint32_t u)
{
	const struct unit *unit = unit_of(e, u);

	life_of(e, u)->was_begun = true;
	if (kinds[unit->kind].setup) {
		engine_enter(e, u, ST_SETUP, time_after(e->now, SETUP_TIMEOUT));
		engine_push(e, ACT_SETUP, u);
	} else if (kinds[unit->kind].process) {
		engine_enter(e, u, ST_START_PRE, time_after(e->now, unit->service.timeout_start));
		if (!engine_spawn(e, u, ROLE_START_PRE, 0))
			start_main(e, u, 0);
	} else {
		arrive(e, u);
	}
}

void rule_begin(struct engine *e, uint32_t u, const struct event *event)
{
	const struct unit *unit = unit_of(e, u);
	const struct condition *c;

	(void)event;
	put_on_feet(e, u);
	if (unit->broken != NULL)
		refuse(e, u, CAUSE_BROKEN, "%s", unit->broken);
	else if (engine_has_survivors(e, u))
		refuse(e, u, CAUSE_SURVIVOR, "processes of its last run are still there");
	else if ((c = unmet(e, unit)) != NULL)
		skip(e, u, c);
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
	const struct commands *list = commands_of(unit_of(e, u), l->role);

	return l->index < list->n && list->v[l->index].ignore_failure;
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
	if (event->role == ROLE_MAIN && type_of(unit_of(e, u)) == TYPE_SIMPLE)
		ready(e, u);
}

void rule_ready(struct engine *e, uint32_t u, const struct event *event)
{
	if (event->role == ROLE_MAIN && type_of(unit_of(e, u)) == TYPE_EXEC)
		ready(e, u);
}

/* The main process has ended before the unit was ready: that is how a oneshot works. */
void rule_start_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (cause_failed(&l->result)) {
		engine_main_ended(e, u);
	} else if (type_of(unit_of(e, u)) != TYPE_ONESHOT) {
		char why[64];
		struct text t = { .buf = why, .size = sizeof(why) };

		cause_put_status(&t, l->result.status);
		engine_fail(e, u, CAUSE_PROTOCOL, "ended before it was ready: %s", why);
	} else if (!engine_spawn(e, u, ROLE_MAIN, l->index + 1)) {
		ready(e, u);
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
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	(void)event;
	cause_put_time(&t, unit_of(e, u)->service.timeout_start);
	engine_fail(e, u, CAUSE_TIMEOUT, "start timed out after %s", span);
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

/* ---- what a running unit says */

/* EXTEND_TIMEOUT_USEC=: never shortens. */
void rule_extend(struct engine *e, uint32_t u, const struct event *event)
{
	struct run *r = &life_of(e, u)->run;
	uint64_t until = time_after(e->now, event->notify->extend_timeout);

	if (event->notify->extend_timeout != 0 && until > r->deadline)
		engine_timer_set(e, u, TIMER_STATE, until);
}

void rule_hello(struct engine *e, uint32_t u, const struct event *event)
{
	rule_extend(e, u, event);
	if (event->notify->watchdog_usec != UINT64_MAX)
		life_of(e, u)->watchdog = event->notify->watchdog_usec;
	if (event->notify->ready && type_of(unit_of(e, u)) == TYPE_NOTIFY)
		ready(e, u);
}

void rule_word(struct engine *e, uint32_t u, const struct event *event)
{
	const struct notify *n = event->notify;
	struct life *l = life_of(e, u);

	if (n->watchdog_usec != UINT64_MAX)
		l->watchdog = n->watchdog_usec;
	if (n->watchdog_trigger && l->watchdog != 0)
		rule_watchdog(e, u, event);
	else if (n->reloading && !n->ready)
		engine_enter(e, u, ST_RELOAD,
			time_after(e->now, unit_of(e, u)->service.timeout_start));
	else if (n->watchdog || n->watchdog_usec != UINT64_MAX)
		engine_timer_set(e, u, TIMER_STATE,
			l->watchdog != 0 ? time_after(e->now, l->watchdog) : TIME_INFINITY);
}

/* ---- reload: by ExecReload=, or of its own accord (RELOADING=1 ... READY=1) */

static void reload_over(struct engine *e, uint32_t u, int error, const char *text)
{
	struct life *l = life_of(e, u);
	bool lasting = !l->main.live;

	engine_enter(e, u, lasting ? ST_EXITED : ST_RUNNING,
		l->watchdog != 0 && !lasting ? time_after(e->now, l->watchdog) : TIME_INFINITY);
	if (error != 0)
		engine_log(e, u, LOG_LEVEL_WARNING, "%s; goes on as before", text);
	else
		engine_log(e, u, LOG_LEVEL_INFO, "%s", text);
	if (l->ask == ASK_NONE)
		engine_jobs_done(e, u, error, text);
}

void rule_reload(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	/* One that timed out may still be dying. */
	if (l->helper.live || l->helper.asked || !engine_spawn(e, u, ROLE_RELOAD, 0)) {
		rule_no_reload(e, u, event);
		return;
	}
	engine_job_add(e, u, event->job);
	engine_enter(e, u, ST_RELOAD, time_after(e->now, unit_of(e, u)->service.timeout_start));
}

void rule_no_reload(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	if (in_states(l, STATES_ACTIVE) && n_commands(unit_of(e, u), ROLE_RELOAD) == 0)
		engine_job_done(e, u, event->job, EOPNOTSUPP, "it has no ExecReload=");
	else
		engine_job_done(e, u, event->job, EBUSY, state_name(l->run.state));
}

void rule_reload_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	char why[96];
	struct text t = { .buf = why, .size = sizeof(why) };

	if (event->role == ROLE_MAIN) {
		engine_main_ended(e, u);
	} else if (!engine_helper_ok(e, u, event)) {
		text_puts(&t, "reload failed: ExecReload: ");
		cause_put_status(&t, event->status);
		reload_over(e, u, EIO, why);
	} else if (!engine_spawn(e, u, ROLE_RELOAD, l->index + 1)) {
		reload_over(e, u, 0, "reloaded");
	}
}

void rule_reload_unborn(struct engine *e, uint32_t u, const struct event *event)
{
	char why[160];

	if (event->role == ROLE_MAIN) {
		rule_doomed(e, u, event);
		return;
	}
	snprintf(why, sizeof(why), "reload failed: ExecReload: %s",
		event->text != NULL ? event->text : "could not be started");
	reload_over(e, u, EIO, why);
}

void rule_reloaded(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	rule_extend(e, u, event);
	if (event->notify->ready && !l->helper.live && !l->helper.asked)
		reload_over(e, u, 0, "reloaded");
}

void rule_reload_late(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (l->helper.live)
		engine_signal(e, u, l->role, SIGKILL);
	reload_over(e, u, ETIMEDOUT, "reload timed out");
}
