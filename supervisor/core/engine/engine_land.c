/*
 * The landing: all processes of a unit are gone, or it never had one. What follows is decided here and
 * nowhere else: the start that was asked for, an automatic restart, a failure with all it sets off, or rest.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

/* What processes still stand on stays until the last of them is gone. */
void engine_teardown(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->kept = engine_has_survivors(e, u);
	if (!l->kept)
		engine_push(e, ACT_TEARDOWN, u);
}

static void rest(struct engine *e, uint32_t u, enum state state, int error, const char *text)
{
	struct life *l = life_of(e, u);

	engine_enter(e, u, state, TIME_INFINITY);
	engine_put_ask(e, u, ASK_NONE);
	engine_teardown(e, u); /* first: who stopped it may look at once for what it leaves */
	/* A start commanded while a reload takes it down is answered by the start that follows. */
	if (!l->held || !l->run.wanted)
		engine_jobs_done(e, u, error, text);
	engine_reload_landed(e, u);
}

/* A start was asked for meanwhile (so no reload holds it): its turn comes when the order allows, nothing is torn down. */
static void land_for_start(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->arrived = false;
	engine_log(e, u, LOG_LEVEL_INFO, "stopped, starts again");
	engine_enter(e, u, ST_INACTIVE, TIME_INFINITY);
}

static int exit_code_of(const struct life *l)
{
	if (!l->result.has_status || !WIFEXITED(l->result.status))
		return 1;
	return WEXITSTATUS(l->result.status);
}

static int exit_status_of(int given, int otherwise)
{
	return given != INT_UNSET ? given | EXIT_GIVEN : otherwise;
}

static void land_in_backoff(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	struct run *r = &l->run;
	const struct service_section *s = &unit_of(e, u)->service;
	uint64_t delay = time_after(restart_delay(s, r->restarts + 1),
		engine_draw(e, s->restart_extra));
	char next[64];
	struct text t = { .buf = next, .size = sizeof(next) };

	r->restarts++;
	r->failed = cause_failed(&l->result);
	l->arrived = false;
	text_puts(&t, "restart in ");
	cause_put_time(&t, delay);
	text_puts(&t, " (");
	cause_put_ordinal(&t, r->restarts);
	text_puts(&t, ")");
	engine_log(e, u, r->failed ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s; %s", r->cause, next);
	engine_jobs_done(e, u, EIO, r->cause);
	engine_put_ask(e, u, ASK_NONE);
	engine_enter(e, u, ST_BACKOFF, time_after(e->now, delay));
	if (s->restart_mode == RESTART_MODE_NORMAL)
		engine_moment(e, u, r->failed ? WHEN_FAILED : WHEN_ENDED_WELL);
	if (r->failed)
		engine_moment(e, u, WHEN_RESTARTS);
}

static void land_failed(struct engine *e, uint32_t u)
{
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);
	/* Down is down, however it went; but who survives SIGKILL is not down. */
	bool done = (l->ask == ASK_STOPPING || l->ask == ASK_STOP) &&
		l->result.kind != CAUSE_SURVIVOR;
	char text[128];

	l->run.failed = true;
	l->arrived = false;
	engine_log(e, u, LOG_LEVEL_ERROR, "failed: %s", l->run.cause);
	rest(e, u, ST_FAILED, done ? 0 : EIO, l->run.cause);
	if (l->result.kind == CAUSE_LIMIT)
		engine_socket_over_limit(e, u);
	if (e->ending != 0)
		return;
	snprintf(text, sizeof(text), "%s failed: %.48s", unit->name, l->run.cause);
	if (l->result.kind == CAUSE_LIMIT)
		engine_end(e, unit->unit.start_limit_action, exit_code_of(l), text);
	engine_end(e, unit->unit.failure_action,
		exit_status_of(unit->unit.failure_exit, exit_code_of(l)), text);
	engine_moment(e, u, WHEN_FAILED);
}

static void say_stopped(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	struct run *r = &l->run;

	if (!l->asked_down)
		return;
	l->arrived = false;
	if (e->ending != 0)
		snprintf(r->cause, sizeof(r->cause), "stopped by the shutdown");
	else if (l->held)
		snprintf(r->cause, sizeof(r->cause), "stopped by a reload: its file changed");
	else if (l->because == UNNEEDED)
		snprintf(r->cause, sizeof(r->cause), "stopped: no unit needs it any more");
	else if (l->because != NO_UNIT)
		snprintf(r->cause, sizeof(r->cause), "stopped with %s",
			unit_of(e, l->because)->name);
	else
		snprintf(r->cause, sizeof(r->cause), "stopped by operator");
}

static void land_at_rest(struct engine *e, uint32_t u)
{
	const uint32_t unbegun = STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF);
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);
	bool has_ended = !in_states(l, unbegun) && !l->held;
	char text[128];

	say_stopped(e, u);
	l->run.failed = false;
	/* It has done what it was wanted for, or is not wanted any more. */
	if (!l->held)
		l->run.wanted = false;
	engine_log(e, u, LOG_LEVEL_INFO, "%s", l->run.cause[0] != '\0' ? l->run.cause : "stopped");
	rest(e, u, ST_INACTIVE, 0, l->run.cause);
	if (!has_ended)
		return;
	snprintf(text, sizeof(text), "%s has ended well", unit->name);
	engine_end(e, unit->unit.success_action, exit_status_of(unit->unit.success_exit, 0), text);
	engine_moment(e, u, WHEN_ENDED_WELL);
}

void engine_land(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (l->ask == ASK_RESTART)
		engine_put_ask(e, u, ASK_START);
	if (l->ask == ASK_START && e->ending == 0 && l->result.kind != CAUSE_SURVIVOR)
		land_for_start(e, u);
	else if (!l->asked_down && !l->held && e->ending == 0 && l->ask != ASK_STOP &&
		l->run.wanted && l->was_begun &&
		restart_wanted(&unit_of(e, u)->service, &l->result))
		land_in_backoff(e, u);
	else if (cause_failed(&l->result))
		land_failed(e, u);
	else
		land_at_rest(e, u);
}

/* Held back by the order, or between two tries: there is nothing to take down but what was kept for it. */
void rule_cancel(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	l->asked_down = true;
	l->result = (struct cause){ .kind = CAUSE_NONE };
	engine_land(e, u);
}

/* Through phase 1 again, so that what it requires is there too. */
void rule_again(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	/* Unless a stop waits for its turn. */
	if (life_of(e, u)->ask == ASK_NONE && engine_budget_take(e, u, TIMER_STATE))
		engine_want(e, WANT_START, u, false);
}

void engine_stable(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	life_of(e, u)->run.restarts = 0;
}

void rule_reset(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	l->run.restarts = 0;
	l->run.failed = false;
	l->starts = (struct start_count){ .n = 0 };
	if (l->run.state == ST_FAILED) {
		/* Unless a reload is to start it. */
		if (!l->held)
			l->run.wanted = false;
		engine_enter(e, u, ST_INACTIVE, TIME_INFINITY);
	}
	engine_job_done(e, u, event->job, 0, "failure forgotten");
}
