/*
 * Rules of a unit that is up: what it says by sd_notify(3), and its reload, commanded or of its own accord.
 */
#include "supervisor/core/engine_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

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
	if (event->notify->ready && engine_type(unit_of(e, u)) == TYPE_NOTIFY)
		engine_ready(e, u);
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

	if (in_states(l, STATES_ACTIVE) && unit_of(e, u)->service.exec_reload.n == 0)
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
