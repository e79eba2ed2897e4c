/*
 * What is asked of a unit, systemd's "job", and how long that may take: JobTimeoutSec= counts from when it is asked,
 * JobRunningTimeoutSec= from when its turn has come. What is late is cancelled; the unit stays as it is.
 */
#include "supervisor/core/engine/engine_run.h"

#include <errno.h>
#include <stdio.h>

enum job { JOB_NONE, JOB_START, JOB_STOP };

static enum job job_of(enum ask ask)
{
	if (ask == ASK_NONE)
		return JOB_NONE;
	return ask == ASK_STOP || ask == ASK_STOPPING ? JOB_STOP : JOB_START;
}

static uint64_t end_of(const struct engine *e, uint64_t span)
{
	return span == 0 ? TIME_INFINITY : time_after(e->now, span);
}

void engine_put_ask(struct engine *e, uint32_t u, enum ask ask)
{
	const struct unit_section *unit = &unit_of(e, u)->unit;
	struct life *l = life_of(e, u);
	uint64_t end = l->timers[TIMER_JOB];
	bool begins = ask == ASK_STARTING || ask == ASK_STOPPING ||
		(ask == ASK_START && l->ask == ASK_RESTART);

	if (ask == l->ask)
		return;
	if (job_of(ask) != job_of(l->ask))
		end = end_of(e, unit->job_timeout);
	if (begins && end_of(e, unit->job_running_timeout) < end)
		end = end_of(e, unit->job_running_timeout);
	if (ask == ASK_NONE)
		end = TIME_INFINITY;
	l->ask = ask;
	if (end != l->timers[TIMER_JOB])
		engine_timer_set(e, u, TIMER_JOB, end);
	if (ask == ASK_NONE)
		engine_timer_unasked(e, u);
}

void engine_set_ask(struct engine *e, uint32_t u, enum ask ask)
{
	engine_put_ask(e, u, ask);
	engine_note_due(e, u);
	engine_wake(e, u);
}

static const char *const words[] = {
	[ASK_NONE] = "",
	[ASK_START] = "start",
	[ASK_STARTING] = "start",
	[ASK_STOP] = "stop",
	[ASK_STOPPING] = "stop",
	[ASK_RESTART] = "restart",
};

/* It was held back all the time: down again, and not failed. */
static void give_up_waiting(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->asked_down = false;
	l->result = (struct cause){ .kind = CAUSE_NONE };
	engine_land(e, u);
}

void engine_job_late(struct engine *e, uint32_t u, const struct event *event)
{
	const struct unit *unit = unit_of(e, u);
	struct life *l = life_of(e, u);
	char why[200], text[256];

	(void)event;
	/* A reload waits for its stop, or the shutdown does. */
	if (l->ask == ASK_NONE || l->held || e->ending != 0)
		return;
	snprintf(text, sizeof(text), "%s not done in time (JobTimeoutSec=): %s", words[l->ask],
		engine_why(e, u, why, sizeof(why)));
	engine_log(e, u, LOG_LEVEL_WARNING, "%s", text);
	engine_jobs_done(e, u, ETIMEDOUT, text);
	if (l->ask == ASK_STOP && in_states(l, STATES_ACTIVE))
		l->run.wanted = true;
	engine_set_ask(e, u, ASK_NONE);
	if (l->run.state == ST_WAITING) {
		text_copy(l->run.cause, sizeof(l->run.cause), text);
		give_up_waiting(e, u);
	}
	snprintf(text, sizeof(text), "%.40s: %.80s", unit->name, l->run.cause);
	engine_end(e, unit->unit.job_timeout_action, 0, text);
}
