/*
 * Rules of a unit that is up: what it says by sd_notify(3), and its reload, commanded or of its own accord.
 */
#include "supervisor/core/engine/engine_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* ---- what a unit says */

/* EXTEND_TIMEOUT_USEC=: of the time that runs in this state; never shortens. */
static void extend(struct engine *e, uint32_t u, enum timer timer, const struct event *event)
{
	uint64_t until = time_after(e->now, event->notify->extend_timeout);

	if (event->notify->extend_timeout != 0 && until > life_of(e, u)->timers[timer])
		engine_timer_set(e, u, timer, until);
}

void rule_extend(struct engine *e, uint32_t u, const struct event *event)
{
	extend(e, u, TIMER_STATE, event);
}

void rule_hello(struct engine *e, uint32_t u, const struct event *event)
{
	rule_extend(e, u, event);
	if (event->notify->watchdog_usec != UINT64_MAX)
		life_of(e, u)->watchdog = event->notify->watchdog_usec;
	if (event->notify->ready && engine_speaks(unit_of(e, u)))
		engine_ready(e, u);
}

/* What is said of watchdog and end in any state in which it is up; true when that ended the state. */
static bool heed(struct engine *e, uint32_t u, const struct event *event)
{
	const struct notify *n = event->notify;
	struct life *l = life_of(e, u);

	if (n->watchdog_usec != UINT64_MAX)
		l->watchdog = n->watchdog_usec;
	if (n->stopping) {
		engine_stopping(e, u);
		return true;
	}
	if (n->watchdog_trigger && l->watchdog != 0) {
		rule_watchdog(e, u, event);
		return true;
	}
	if (n->watchdog || n->watchdog_usec != UINT64_MAX)
		engine_timer_set(e, u, TIMER_WATCHDOG,
			l->watchdog != 0 ? time_after(e->now, l->watchdog) : TIME_INFINITY);
	return false;
}

static void enter_reload(struct engine *e, uint32_t u, enum reload_phase phase)
{
	life_of(e, u)->reload = phase;
	engine_enter(e, u, ST_RELOAD, time_after(e->now, unit_of(e, u)->service.timeout_start));
}

void rule_word(struct engine *e, uint32_t u, const struct event *event)
{
	extend(e, u, TIMER_RUNTIME, event);
	if (heed(e, u, event))
		return;
	if (event->notify->reloading && !event->notify->ready)
		enter_reload(e, u, RELOAD_BEGUN);
}

/* ---- reload: by ReloadSignal=, by ExecReload=, or of its own accord (RELOADING=1 ... READY=1) */

static bool helper_is_there(const struct life *l)
{
	return l->helper.live || l->helper.asked;
}

static void reload_over(struct engine *e, uint32_t u, int error, const char *text)
{
	struct life *l = life_of(e, u);
	bool lasting = !l->main.live &&
		!(unit_of(e, u)->service.exit_type == EXIT_TYPE_CGROUP && l->populated);

	engine_enter(e, u, lasting ? ST_EXITED : ST_RUNNING, TIME_INFINITY);
	if (error != 0)
		engine_log(e, u, LOG_LEVEL_WARNING, "%s; goes on as before", text);
	else
		engine_log(e, u, LOG_LEVEL_INFO, "%s", text);
	if (l->ask == ASK_NONE)
		engine_jobs_done(e, u, error, text);
}

static bool has_reload(const struct unit *unit)
{
	return unit->service.exec_reload.n > 0 || unit->container.reload_cmd.n > 0 ||
		unit->container.reload_signal != 0;
}

/* ReloadSignal= of a container follows the last command, and nobody answers it. */
static void send_container_signal(struct engine *e, uint32_t u)
{
	int sig = unit_of(e, u)->container.reload_signal;

	if (sig != 0 && life_of(e, u)->main.live)
		engine_signal(e, u, ROLE_MAIN, sig);
}

/* The signal goes out before the command, as systemd does it; the reload is over when both have been answered. */
void rule_reload(struct engine *e, uint32_t u, const struct event *event)
{
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);
	bool by_signal = engine_type(unit) == TYPE_NOTIFY_RELOAD && l->main.live;
	bool by_command;

	/* One that timed out may still be dying. */
	if (helper_is_there(l) || (!by_signal && !has_reload(unit))) {
		rule_no_reload(e, u, event);
		return;
	}
	if (by_signal) {
		engine_signal(e, u, ROLE_MAIN,
			unit->service.reload_signal != 0 ? unit->service.reload_signal : SIGHUP);
		l->reload_at = e->now;
	}
	by_command = engine_spawn(e, u, ROLE_RELOAD, 0);
	engine_job_add(e, u, event->job);
	enter_reload(e, u, by_signal ? RELOAD_ASKED : RELOAD_BY_COMMAND);
	if (by_command || by_signal)
		return;
	send_container_signal(e, u);
	reload_over(e, u, 0, "reloaded");
}

void rule_no_reload(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	if (in_states(l, STATES_ACTIVE) && l->run.state != ST_RELOAD && !helper_is_there(l))
		engine_job_done(e, u, event->job, EOPNOTSUPP,
			"it has neither ExecReload= nor Type=notify-reload, ReloadCmd= or ReloadSignal=");
	else
		engine_job_done(e, u, event->job, EBUSY, state_name(l->run.state));
}

static void over_if_answered(struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);

	if (!helper_is_there(l) && (l->reload == RELOAD_BY_COMMAND || l->reload == RELOAD_READY))
		reload_over(e, u, 0, "reloaded");
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
		send_container_signal(e, u);
		over_if_answered(e, u);
	}
}

void rule_reload_unborn(struct engine *e, uint32_t u, const struct event *event)
{
	char why[224];

	if (event->role == ROLE_MAIN) {
		rule_doomed(e, u, event);
		return;
	}
	snprintf(why, sizeof(why), "reload failed: ExecReload: %s",
		event->text != NULL ? event->text : "could not be started");
	reload_over(e, u, EIO, why);
}

/* An answer to the signal is one that is not older than it: the service may have begun a reload of its own before. */
void rule_reloaded(struct engine *e, uint32_t u, const struct event *event)
{
	const struct notify *n = event->notify;
	struct life *l = life_of(e, u);

	rule_extend(e, u, event);
	if (heed(e, u, event))
		return;
	if (n->reloading && l->reload == RELOAD_BY_COMMAND)
		l->reload = RELOAD_BEGUN;
	if (n->reloading && l->reload == RELOAD_ASKED && n->at != 0 && n->at >= l->reload_at)
		l->reload = RELOAD_BEGUN;
	if (n->ready && l->reload == RELOAD_BEGUN)
		l->reload = RELOAD_READY;
	if (l->reload == RELOAD_READY)
		over_if_answered(e, u);
}

void rule_reload_late(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (l->helper.live)
		engine_signal(e, u, l->role, SIGKILL);
	reload_over(e, u, ETIMEDOUT,
		l->reload == RELOAD_ASKED
			? "reload timed out: the service has not said RELOADING=1 with MONOTONIC_USEC="
			: "reload timed out");
}
