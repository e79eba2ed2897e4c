/*
 * Timers. One that is up waits for TIMER_TRIGGER; when that comes it asks for a start of its unit, by the ordinary
 * way. While its unit then runs nothing is due: it looks again when the unit is down, and what came meanwhile is
 * made up for, once (so systemd does it).
 *
 * Everything is kept in the engine's clock, and for the calendar on the wall: where the two drift apart or the clock is
 * set, the times of the calendar are looked up again.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <string.h>

/* 2020: a clock that shows an earlier time was never set. */
#define WALL_SANE (UINT64_C(1577836800) * USEC_PER_SEC)
/* What may be between the clocks before times are looked up again. */
#define DRIFT_MAX (10 * (int64_t)USEC_PER_MSEC)
/* However a timer is written, it does not turn in circles. */
#define PERIOD_MIN (100 * USEC_PER_MSEC)

/* ---- small questions */

static uint32_t unit_of_timer(const struct engine *e, uint32_t timer)
{
	const struct edges *starts = &e->gen.set->nodes[timer].out[DEP_TRIGGERS];

	return starts->n > 0 ? starts->v[0] : NO_UNIT;
}

static bool is_up(const struct engine *e, uint32_t u)
{
	return unit_of(e, u)->kind == KIND_TIMER && life_of(e, u)->run.state == ST_RUNNING;
}

/* It runs, or is about to. */
static bool is_at_work(const struct life *l)
{
	return !in_states(l, STATES_DOWN) || l->ask == ASK_START;
}

/* 0: not known. */
static uint64_t wall_at(const struct engine *e, uint64_t time)
{
	return e->wall_known ? (uint64_t)((int64_t)time + e->wall) : 0;
}

static uint64_t min_time(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_time(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Chance that is the same each time it is asked for the same thing: FNV-1a, its ends mixed. */
static uint64_t chance(const struct engine *e, const char *name, uint64_t what)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ e->facts.device;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	for (int i = 0; i < 8; i++, what >>= 8)
		hash = (hash ^ (what & 0xff)) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

/* ---- when */

/* The moment between the two at which all timers of this machine like to wake it: so it is woken once for many. */
static uint64_t coalesce(const struct engine *e, uint64_t from, uint64_t to)
{
	static const uint64_t grids[] = { 60 * USEC_PER_SEC, 10 * USEC_PER_SEC, USEC_PER_SEC,
		250 * USEC_PER_MSEC };

	for (size_t i = 0; i < ARRAY_LEN(grids) && to != TIME_INFINITY; i++) {
		uint64_t own = e->facts.device % grids[i];
		uint64_t at = to < own ? 0 : (to - own) / grids[i] * grids[i] + own;

		if (at >= from && at <= to)
			return at;
	}
	return to != TIME_INFINITY ? to : from;
}

static uint64_t calendar_time(const struct engine *e, const struct timer_life *t,
	const struct calendar *calendar, uint64_t *wall)
{
	const struct calendar_zone zone = { .utc_offset = e->facts.utc_offset,
		.data = e->facts.data };
	uint64_t base = t->last_wall != 0 ? t->last_wall : t->armed_wall;
	int64_t next, here;

	if (!e->wall_known || base == 0 ||
		!calendar_next(calendar, &zone, (int64_t)(base / USEC_PER_SEC), &next))
		return TIME_INFINITY;
	*wall = (uint64_t)next * USEC_PER_SEC;
	here = (int64_t)*wall - e->wall;
	/* What was missed while the machine was off is due since it is up again. */
	return here > (int64_t)e->booted ? (uint64_t)here : e->booted;
}

/* After some moment; NEVER: there was no such moment, or that time has come already. */
static uint64_t span_time(const struct engine *e, const struct timer_life *t,
	const struct life *target, const struct trigger *trigger)
{
	uint64_t base = 0, at;
	bool once = true;

	switch (trigger->base) {
	case ON_ACTIVE:
		base = t->armed;
		break;
	case ON_STARTUP:
		base = e->booted;
		break;
	case ON_UNIT_ACTIVE:
	case ON_UNIT_INACTIVE:
		base = trigger->base == ON_UNIT_ACTIVE ? target->began : target->ended;
		base = max_time(base, t->last);
		once = false;
		break;
	case ON_BOOT:
	case ON_CALENDAR:
		break;
	}
	at = time_after(base, trigger->span);
	if (once)
		return t->last != 0 && at <= t->last ? TIME_INFINITY : at;
	return base != 0 ? at : TIME_INFINITY;
}

/* The first of its times; *lasting when another one may come of something that is not a time. */
static uint64_t first_time(const struct engine *e, uint32_t timer, uint64_t *wall, bool *lasting)
{
	const struct timer_section *s = &unit_of(e, timer)->timer;
	const struct life *l = life_of(e, timer), *target = life_of(e, unit_of_timer(e, timer));
	uint64_t first = TIME_INFINITY;

	*wall = 0;
	*lasting = s->on_clock_change || s->on_timezone_change;
	for (size_t i = 0; i < s->triggers.n; i++) {
		const struct trigger *trigger = &s->triggers.v[i];
		uint64_t on_wall = 0,
			 at = trigger->base == ON_CALENDAR
			? calendar_time(e, &l->timer, trigger->calendar, &on_wall)
			: span_time(e, &l->timer, target, trigger);

		*lasting = *lasting || trigger->base == ON_UNIT_ACTIVE ||
			trigger->base == ON_UNIT_INACTIVE ||
			(trigger->base == ON_CALENDAR && !e->wall_known);
		if (at >= first)
			continue;
		first = at;
		*wall = on_wall;
	}
	return first;
}

/* Not so soon that a unit which cannot run is tried again and again. */
static uint64_t not_before(const struct engine *e, uint32_t timer)
{
	const struct life *l = life_of(e, timer), *target = life_of(e, unit_of_timer(e, timer));
	const struct unit *unit = unit_of(e, unit_of_timer(e, timer));

	if (l->timer.last == 0)
		return 0;
	if (target->run.state == ST_FAILED && target->result.kind == CAUSE_LIMIT)
		return time_after(target->run.since, unit->unit.start_limit_interval);
	return l->timer.last + PERIOD_MIN;
}

static uint64_t delayed(const struct engine *e, uint32_t timer, uint64_t at)
{
	const struct timer_section *s = &unit_of(e, timer)->timer;
	uint64_t delay = 0;

	if (s->random_delay != 0)
		delay = chance(e, unit_of(e, timer)->name, s->fixed_random_delay ? 0 : at) %
			s->random_delay;
	at = max_time(time_after(at, delay), not_before(e, timer));
	return at <= e->now ? e->now : coalesce(e, at, time_after(at, s->accuracy));
}

/* False when nothing is to come any more. */
static bool set_next(struct engine *e, uint32_t timer)
{
	struct life *l = life_of(e, timer);
	uint64_t first = TIME_INFINITY;
	bool lasting = true;

	/* A reload has taken its unit away; another may bring it back. */
	if (unit_of_timer(e, timer) == NO_UNIT) {
		l->timer.busy = false;
		engine_timer_set(e, timer, TIMER_TRIGGER, TIME_INFINITY);
		return true;
	}
	l->timer.busy = l->timer.busy && is_at_work(life_of(e, unit_of_timer(e, timer)));
	l->timer.next_wall = 0;
	if (!l->timer.busy)
		first = first_time(e, timer, &l->timer.next_wall, &lasting);
	engine_timer_set(e, timer, TIMER_TRIGGER,
		first != TIME_INFINITY ? delayed(e, timer, first) : TIME_INFINITY);
	return first != TIME_INFINITY || lasting;
}

void engine_timer_rearm(struct engine *e, uint32_t timer)
{
	const struct life *l = life_of(e, timer);

	if (!set_next(e, timer) && l->timer.last != 0 && l->ask == ASK_NONE &&
		!unit_of(e, timer)->timer.remain_after_elapse)
		engine_down(e, timer);
}

/* ---- what happens */

static void keep(struct engine *e, uint32_t timer)
{
	if (unit_of(e, timer)->timer.persistent && e->wall_known)
		engine_push(e, ACT_STAMP, timer);
}

void engine_timer_elapsed(struct engine *e, uint32_t timer, const struct event *event)
{
	struct life *l = life_of(e, timer);

	(void)event;
	if (l->ask != ASK_NONE || !is_up(e, timer) || unit_of_timer(e, timer) == NO_UNIT)
		return;
	l->timer.last = e->now;
	/* By a clock that drifted it may be a moment too early: that moment comes no second time. */
	l->timer.last_wall = e->wall_known ? max_time(wall_at(e, e->now), l->timer.next_wall) : 0;
	l->timer.busy = true;
	keep(e, timer);
	engine_want(e, WANT_START, unit_of_timer(e, timer), false);
	/* What it pulls in may exclude it: then it will not end, as it does not begin. */
	if (!is_at_work(life_of(e, unit_of_timer(e, timer))))
		engine_timer_rearm(e, timer);
}

/* A stop that waited for its turn is withdrawn: what came due meanwhile was let go. */
void engine_timer_unasked(struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);

	if (is_up(e, u) && l->timers[TIMER_TRIGGER] == TIME_INFINITY && !l->timer.busy &&
		e->ending == 0)
		(void)set_next(e, u);
}

/* The wall says less than it did, or something for the first time. */
static void believe_wall(struct engine *e, uint32_t timer)
{
	struct timer_life *t = &life_of(e, timer)->timer;
	uint64_t wall = wall_at(e, e->now);

	if (!e->wall_known)
		return;
	t->last_wall = min_time(t->last_wall, wall);
	if (t->armed_wall == 0 && t->last_wall == 0) {
		t->armed_wall = wall;
		keep(e, timer);
	}
	t->armed_wall = min_time(t->armed_wall, wall);
}

static void arm(struct engine *e, uint32_t timer)
{
	struct timer_life *t = &life_of(e, timer)->timer;

	*t = (struct timer_life){ .armed = e->now };
	if (unit_of(e, timer)->timer.persistent && e->facts.stamp != NULL)
		t->last_wall = e->facts.stamp(e->facts.data, unit_of(e, timer)->name);
	believe_wall(e, timer);
	engine_timer_rearm(e, timer);
}

void engine_timer_note(struct engine *e, uint32_t u, bool was_idle)
{
	const struct edges *timers = &e->gen.set->nodes[u].in[DEP_TRIGGERS];
	struct life *l = life_of(e, u);

	if (was_idle && !in_states(l, STATES_IDLE))
		l->began = e->now;
	else if (!was_idle && in_states(l, STATES_IDLE))
		l->ended = e->now;
	if (is_up(e, u))
		arm(e, u);
	else if (unit_of(e, u)->kind == KIND_TIMER)
		engine_timer_set(e, u, TIMER_TRIGGER, TIME_INFINITY);
	for (size_t i = 0; i < timers->n; i++)
		if (is_up(e, timers->v[i]))
			engine_timer_rearm(e, timers->v[i]);
}

/* ---- the clock on the wall */

static void each_timer(struct engine *e, bool set, bool zone)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		const struct timer_section *s = &unit_of(e, u)->timer;

		if (!is_up(e, u))
			continue;
		believe_wall(e, u);
		if ((set && s->on_clock_change) || (zone && s->on_timezone_change))
			engine_timer_elapsed(e, u, NULL);
		engine_timer_rearm(e, u);
	}
	engine_settle(e);
}

void engine_set_clock(struct engine *e, int64_t wall_minus_now, bool set, uint64_t now)
{
	int64_t drift = wall_minus_now - e->wall;
	bool known = (int64_t)now + wall_minus_now >= (int64_t)WALL_SANE;

	e->now = now;
	if (!set && known == e->wall_known && drift < DRIFT_MAX && drift > -DRIFT_MAX)
		return;
	e->wall = wall_minus_now;
	e->wall_known = known;
	each_timer(e, set, false);
}

void engine_zone_changed(struct engine *e, uint64_t now)
{
	e->now = now;
	each_timer(e, false, true);
}

/* ---- what is told */

struct timer_view engine_timer(const struct engine *e, uint32_t timer)
{
	const struct life *l = life_of(e, timer);

	return (struct timer_view){
		.next = l->timers[TIMER_TRIGGER],
		.last_wall = l->timer.last_wall != 0
			? l->timer.last_wall
			: wall_at(e, l->timer.last) * (l->timer.last != 0),
		.starts = unit_of_timer(e, timer),
	};
}

uint32_t engine_started_by(const struct engine *e, uint32_t unit)
{
	const struct edges *timers = &e->gen.set->nodes[unit].in[DEP_TRIGGERS];

	for (size_t i = 0; i < timers->n; i++)
		if (is_up(e, timers->v[i]) && life_of(e, timers->v[i])->timer.busy)
			return timers->v[i];
	return NO_UNIT;
}

void engine_timer_why(const struct engine *e, uint32_t timer, struct text *t)
{
	const struct life *l = life_of(e, timer);
	uint64_t next = l->timers[TIMER_TRIGGER], wall;
	bool lasting;

	if (unit_of_timer(e, timer) == NO_UNIT) {
		text_puts(t, "the unit that it starts is gone");
	} else if (l->timer.busy) {
		text_printf(t, "has elapsed, waits for the end of %s",
			unit_of(e, unit_of_timer(e, timer))->name);
	} else if (next != TIME_INFINITY) {
		text_puts(t, "elapses in ");
		next = next > e->now ? next - e->now : 0;
		cause_put_time(t, next - next % USEC_PER_MSEC);
	} else if (!e->wall_known && first_time(e, timer, &wall, &lasting) == TIME_INFINITY &&
		lasting) {
		text_puts(t, "waits for the clock to be set");
	} else {
		text_puts(t, "nothing is to come");
	}
}
