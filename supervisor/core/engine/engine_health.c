/*
 * Health checks, as podman-run(1) has them: a command in the container, again and again, and what follows from its
 * exit codes. The first one begins with the program, the next one HealthInterval= after the end of the one before, so
 * no two overlap. A unit that leaves the states in which it runs has no health any more.
 *
 * A check that is late is killed and has failed at once; its end is awaited before the next one begins. One that cannot
 * even be killed fails anew at each interval.
 */
#include "supervisor/core/engine/engine_run.h"
#include "supervisor/core/engine/health.h"

#include "common/util.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STATES_CHECKED \
	(STATE_BIT(START) | STATE_BIT(START_POST) | STATE_BIT(RUNNING) | STATE_BIT(RELOAD))

enum outcome {
	PASSED,
	FAILED,
	EARLY, /* failed within HealthStartPeriod=, which does not count */
	OUTCOME_COUNT
};

static const char *const names[HEALTH_COUNT] = {
#define X(id, name) [HEALTH_##id] = name,
	HEALTHS(X)
#undef X
};

const char *health_name(enum health_state state)
{
	return (unsigned int)state < HEALTH_COUNT ? names[state] : "?";
}

const struct health *engine_health(const struct engine *e, uint32_t unit)
{
	return &life_of(e, unit)->checking.health;
}

const char *engine_health_text(const struct engine *e, uint32_t unit, char *buf, size_t size)
{
	const struct health *h = engine_health(e, unit);
	struct text t = { .buf = buf, .size = size };

	if (size > 0)
		buf[0] = '\0';
	if (h->state == HEALTH_STARTUP || h->state == HEALTH_STARTING) {
		text_puts(&t, h->state == HEALTH_STARTUP ? "startup check " : "health ");
		text_printf(&t, h->retries != 0 ? "%u of %u" : "%u", h->failures, h->retries);
	} else if (h->state != HEALTH_NONE) {
		text_puts(&t, health_name(h->state));
	}
	return buf;
}

/* ---- what the keys and the image say together */

/* A container whose program has ended is none that could be entered, though ExitType=cgroup may call it up. */
static bool is_checked(const struct life *l)
{
	return in_states(l, STATES_CHECKED) && l->main.live;
}

static enum check check_of(const struct life *l)
{
	return l->checking.health.state == HEALTH_STARTUP ? CHECK_STARTUP : CHECK_HEALTH;
}

static struct health_check times_of(const struct engine *e, uint32_t u, enum check which)
{
	return health_times(&unit_of(e, u)->container, &life_of(e, u)->checking.image, which);
}

static bool has_check(const struct engine *e, uint32_t u, enum check which)
{
	const struct unit *unit = unit_of(e, u);
	const struct checking *c = &life_of(e, u)->checking;

	return unit->kind == KIND_CONTAINER &&
		health_has(&unit->container, &c->image, c->image_has, which);
}

/* ---- states */

static void become(struct engine *e, uint32_t u, enum health_state state)
{
	struct health *h = &life_of(e, u)->checking.health;

	h->state = state;
	h->since = e->now;
	h->failures = h->passes = 0;
	h->retries = times_of(e, u, check_of(life_of(e, u))).retries;
}

static void stay(struct engine *e, uint32_t u)
{
	(void)e;
	(void)u;
}

static void pass(struct engine *e, uint32_t u)
{
	life_of(e, u)->checking.health.failures = 0;
}

static void get_well(struct engine *e, uint32_t u)
{
	bool again = life_of(e, u)->checking.health.state == HEALTH_UNHEALTHY;

	become(e, u, HEALTH_HEALTHY);
	/* Too many failures before the first success make it late, not lost. */
	if (unit_of(e, u)->container.notify == NOTIFY_HEALTHY &&
		life_of(e, u)->run.state == ST_START)
		engine_ready(e, u);
	else
		engine_log(e, u, LOG_LEVEL_INFO, again ? "healthy again" : "healthy");
}

static void startup_pass(struct engine *e, uint32_t u)
{
	struct health *h = &life_of(e, u)->checking.health;

	h->failures = 0;
	h->passes++;
	if (h->passes < times_of(e, u, CHECK_STARTUP).success)
		return;
	become(e, u, HEALTH_STARTING);
	engine_timer_set(e, u, TIMER_HEALTH, e->now);
}

static void say_failed(struct engine *e, uint32_t u, const char *what)
{
	const struct health *h = &life_of(e, u)->checking.health;
	char of[16] = "";

	/* Without a limit it may fail for ever: said once. */
	if (h->retries == 0 && h->failures > 1)
		return;
	if (h->retries != 0)
		snprintf(of, sizeof(of), " of %u", h->retries);
	engine_log(e, u, LOG_LEVEL_WARNING, "%s failed, %u%s: %s", what, h->failures, of, h->last);
}

static void startup_fail(struct engine *e, uint32_t u)
{
	struct health *h = &life_of(e, u)->checking.health;

	h->passes = 0;
	h->failures++;
	if (h->retries == 0 || h->failures < h->retries)
		say_failed(e, u, "startup check");
	else
		engine_fail(e, u, CAUSE_HEALTH_RESTART, "%u of %u startup checks failed: %s",
			h->failures, h->retries, h->last);
}

static void fall_ill(struct engine *e, uint32_t u)
{
	struct health *h = &life_of(e, u)->checking.health;
	char why[sizeof(life_of(e, u)->run.cause)];

	snprintf(why, sizeof(why), "unhealthy: %u of %u checks failed: %.96s", h->failures,
		h->retries, h->last);
	h->state = HEALTH_UNHEALTHY;
	h->since = e->now;
	switch ((enum health_action)unit_of(e, u)->container.health_on_failure) {
	case HEALTH_NO_ACTION:
		engine_log(e, u, LOG_LEVEL_WARNING, "%s", why);
		break;
	case HEALTH_KILL:
		engine_spoil(e, u, CAUSE_HEALTH, "%s", why);
		engine_kill(e, u);
		break;
	case HEALTH_RESTART:
		engine_fail(e, u, CAUSE_HEALTH_RESTART, "%s", why);
		break;
	case HEALTH_STOP:
		engine_fail(e, u, CAUSE_HEALTH_STOP, "%s", why);
		break;
	}
}

static void fail(struct engine *e, uint32_t u)
{
	struct health *h = &life_of(e, u)->checking.health;

	h->failures++;
	if (h->failures >= h->retries)
		fall_ill(e, u);
	else
		say_failed(e, u, "health check");
}

static void fail_on(struct engine *e, uint32_t u)
{
	life_of(e, u)->checking.health.failures++;
}

/* What the end of a check does, by the health there is; a failure of the startup's check always counts. */
static void (*const steps[HEALTH_COUNT][OUTCOME_COUNT])(struct engine *e, uint32_t u) = {
	[HEALTH_NONE] = { [PASSED] = stay, [FAILED] = stay, [EARLY] = stay },
	[HEALTH_STARTUP] = { [PASSED] = startup_pass,
		[FAILED] = startup_fail,
		[EARLY] = startup_fail },
	[HEALTH_STARTING] = { [PASSED] = get_well, [FAILED] = fail, [EARLY] = stay },
	[HEALTH_HEALTHY] = { [PASSED] = pass, [FAILED] = fail, [EARLY] = stay },
	[HEALTH_UNHEALTHY] = { [PASSED] = get_well, [FAILED] = fail_on, [EARLY] = stay },
};

static void conclude(struct engine *e, uint32_t u, bool passed)
{
	struct life *l = life_of(e, u);
	struct health_check times = times_of(e, u, check_of(l));
	bool early = e->now - l->checking.begun < times.start_period;

	engine_timer_set(e, u, TIMER_HEALTH, time_after(e->now, times.interval));
	steps[l->checking.health.state][passed ? PASSED : early ? EARLY : FAILED](e, u);
}

/* ---- one check */

static void set_last(struct life *l, const char *what, const char *line)
{
	struct health *h = &l->checking.health;
	bool has_line = line != NULL && line[0] != '\0';

	snprintf(h->last, sizeof(h->last), "%s%s%s", what, has_line ? ": " : "",
		has_line ? line : "");
}

static void spawn_check(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	enum check which = check_of(l);
	struct action *a = engine_push(e, ACT_SPAWN, u);

	a->role = ROLE_HEALTH;
	a->index = which;
	l->check.asked = true;
	l->checking.counted = false;
	engine_timer_set(e, u, TIMER_HEALTH, time_after(e->now, times_of(e, u, which).timeout));
}

void engine_health_due(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	char why[64];
	struct text t = { .buf = why, .size = sizeof(why) };

	(void)event;
	if (!l->check.asked && !l->check.live) {
		spawn_check(e, u);
		return;
	}
	text_puts(&t,
		l->checking.counted ? "the check before still hangs after " : "timed out after ");
	cause_put_time(&t, times_of(e, u, check_of(l)).timeout);
	set_last(l, why, NULL);
	l->checking.counted = true;
	if (l->check.live)
		engine_signal(e, u, ROLE_HEALTH, SIGKILL);
	conclude(e, u, false);
}

static void check_ended(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	char why[64];
	struct text t = { .buf = why, .size = sizeof(why) };

	if (l->checking.counted || !is_checked(l))
		return;
	cause_put_status(&t, event->status);
	if (!cause_command_ok(event->status))
		set_last(l, why, event->text);
	conclude(e, u, cause_command_ok(event->status));
}

/* Not made, or made and then not executed: its end follows, and is no other failure. */
static void check_unborn(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	if (l->checking.counted || !is_checked(l))
		return;
	l->checking.counted = true;
	set_last(l, event->text != NULL ? event->text : "could not be started", NULL);
	conclude(e, u, false);
}

static void begin(struct engine *e, uint32_t u)
{
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);

	if (!is_checked(l))
		return;
	l->checking.begun = e->now;
	l->checking.health.last[0] = '\0';
	if (!has_check(e, u, CHECK_HEALTH)) {
		if (unit->kind == KIND_CONTAINER && unit->container.notify == NOTIFY_HEALTHY)
			engine_fail(e, u, CAUSE_SPAWN,
				"Notify=healthy needs a check: there is no HealthCmd= in the unit or its image");
		return;
	}
	become(e, u, has_check(e, u, CHECK_STARTUP) ? HEALTH_STARTUP : HEALTH_STARTING);
	spawn_check(e, u);
}

static void note_image(struct life *l, const struct health_check *image)
{
	struct checking *c = &l->checking;

	*c = (struct checking){ .image_has = image != NULL && health_is_set(image) };
	if (!c->image_has)
		return;
	c->image = *image;
	c->image.cmd = (struct strv){ .n = 0 };
}

/* No check goes on in a unit that does not run. */
static void end(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (is_checked(l) || l->checking.health.state == HEALTH_NONE)
		return;
	l->checking.health.state = HEALTH_NONE;
	l->checking.health.since = e->now;
	engine_timer_set(e, u, TIMER_HEALTH, TIME_INFINITY);
	if (l->check.live)
		engine_signal(e, u, ROLE_HEALTH, SIGKILL);
}

static void note_check(struct engine *e, const struct event *event)
{
	uint32_t u = event->unit;
	struct life *l = life_of(e, u);

	/* It came into a stop, or was failed while it was made. */
	if (event->kind == EV_SPAWNED && (l->checking.counted || !is_checked(l)))
		engine_signal(e, u, ROLE_HEALTH, SIGKILL);
	else if (event->kind == EV_EXITED)
		check_ended(e, u, event);
	else if (event->kind == EV_SPAWN_FAILED)
		check_unborn(e, u, event);
	/* The stop may wait for nothing else. */
	if (event->kind != EV_SPAWNED &&
		in_states(l, STATE_BIT(STOP_TERM) | STATE_BIT(STOP_ABORT) | STATE_BIT(STOP_KILL)))
		rule_gone(e, u, event);
}

void engine_health_note(struct engine *e, const struct event *event)
{
	uint32_t u = event->unit;

	if (event->role == ROLE_HEALTH)
		note_check(e, event);
	else if (event->role != ROLE_MAIN)
		return;
	else if (event->kind == EV_SPAWNED)
		note_image(life_of(e, u), event->health);
	else if (event->kind == EV_EXECED)
		begin(e, u);
	else
		end(e, u);
}

void engine_health_entered(struct engine *e, uint32_t u)
{
	end(e, u);
}
