/* Timers in the engine: when they elapse, what they start, what a clock that is set does to them. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TIMED, TIMER };

/* 2026-01-05 00:00:00 UTC, a Monday. */
#define MIDNIGHT (UINT64_C(1767571200) * SEC)
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static uint64_t kept; /* what is on the disk */

static uint64_t read_stamp(void *data, const char *timer)
{
	(void)data;
	(void)timer;
	return kept;
}

static struct world *begin(void)
{
	struct world *w = world_new(4);
	struct unit *timer;

	world_add(w, "a.service", KIND_SERVICE)->service.type = TYPE_ONESHOT;
	w->actors[TIMED].ends_at_once = true;
	timer = world_add(w, "a.timer", KIND_TIMER);
	timer->timer.remain_after_elapse = true;
	world_edge(w, TIMER, DEP_TRIGGERS, TIMED);
	world_edge(w, TIMER, DEP_BEFORE, TIMED);
	world_begin(w);
	engine_set_facts(w->engine, &(struct engine_facts){ .stamp = read_stamp });
	kept = 0;
	return w;
}

static void on(struct world *w, enum trigger_base base, uint64_t span)
{
	*LIST_ADD(&w->set.arena, &w->set.units[TIMER].timer.triggers) = (struct trigger){
		.base = base, .span = span
	};
}

static void on_calendar(struct world *w, const char *text)
{
	struct calendar *c = arena_alloc(&w->set.arena, sizeof(*c));
	char why[100];
	size_t at;

	assert_int_equal(calendar_parse(text, c, why, sizeof(why), &at), 0);
	*LIST_ADD(&w->set.arena, &w->set.units[TIMER].timer.triggers) = (struct trigger){
		.base = ON_CALENDAR, .calendar = c
	};
}

static void set_wall(struct world *w, uint64_t wall, bool set)
{
	engine_set_clock(w->engine, (int64_t)wall - (int64_t)w->now, set, w->now);
	world_perform(w);
}

static uint64_t next(const struct world *w)
{
	return engine_timer(w->engine, TIMER).next;
}

static uint32_t spawns(struct world *w, uint64_t span)
{
	uint32_t before = w->actors[TIMED].spawns;

	world_pass(w, span);
	return w->actors[TIMED].spawns - before;
}

static void start(struct world *w)
{
	world_command(w, EV_START, TIMER, 1);
	assert_int_equal(w->job_result[1], 0);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
}

static void test_active(void **data)
{
	struct world *w = begin();

	(void)data;
	on(w, ON_ACTIVE, 5 * SEC);
	on(w, ON_ACTIVE, 20 * SEC);
	start(w);
	assert_int_equal(next(w), w->now + 5 * SEC);
	assert_int_equal(spawns(w, 4 * SEC), 0);
	assert_int_equal(spawns(w, 2 * SEC), 1);
	assert_int_equal(spawns(w, 20 * SEC), 1);
	assert_int_equal(next(w), TIME_INFINITY);
	assert_int_equal(spawns(w, DAY), 0);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
	/* Started anew it elapses anew. */
	world_command(w, EV_RESTART, TIMER, 2);
	assert_int_equal(spawns(w, 6 * SEC), 1);
	world_command(w, EV_STOP, TIMER, 3);
	assert_int_equal(next(w), TIME_INFINITY);
	assert_int_equal(spawns(w, DAY), 0);
	world_free(w);
}

static void test_boot_is_past(void **data)
{
	struct world *w = begin();

	(void)data;
	on(w, ON_BOOT, 5 * SEC);
	w->now = MINUTE;
	start(w);
	assert_int_equal(spawns(w, 0), 1);
	assert_int_equal(spawns(w, DAY), 0);
	world_free(w);
}

static void test_again_and_again(void **data)
{
	struct world *w = begin();

	(void)data;
	on(w, ON_BOOT, 10 * SEC);
	on(w, ON_UNIT_ACTIVE, 30 * SEC);
	start(w);
	assert_int_equal(spawns(w, 10 * SEC), 1);
	assert_int_equal(spawns(w, 5 * MINUTE), 10);
	/* By hand: counted from there. */
	world_pass(w, 10 * SEC);
	world_command(w, EV_START, TIMED, 2);
	assert_int_equal(next(w), w->now + 30 * SEC);
	world_free(w);
}

static void test_inactive(void **data)
{
	struct world *w = begin();

	(void)data;
	on(w, ON_ACTIVE, SEC);
	on(w, ON_UNIT_INACTIVE, 10 * SEC);
	w->actors[TIMED].ends_at_once = false;
	start(w);
	assert_int_equal(spawns(w, 2 * SEC), 1);
	assert_int_equal(next(w), TIME_INFINITY);
	assert_int_equal(engine_started_by(w->engine, TIMED), TIMER);
	assert_int_equal(spawns(w, 20 * SEC), 0);
	world_exit(w, TIMED, 0);
	assert_int_equal(engine_started_by(w->engine, TIMED), NO_UNIT);
	assert_int_equal(next(w), w->now + 10 * SEC);
	assert_int_equal(spawns(w, 10 * SEC), 1);
	world_free(w);
}

/* One that runs is left alone; what was missed meanwhile comes once. */
static void test_unit_runs_long(void **data)
{
	struct world *w = begin();

	(void)data;
	on_calendar(w, "minutely");
	w->set.units[TIMED].service.timeout_start = TIME_INFINITY;
	w->actors[TIMED].ends_at_once = false;
	set_wall(w, MIDNIGHT, false);
	start(w);
	assert_int_equal(spawns(w, 5 * MINUTE + 30 * SEC), 1);
	world_exit(w, TIMED, 0);
	assert_int_equal(spawns(w, 0), 1);
	world_exit(w, TIMED, 0);
	assert_int_equal(spawns(w, 29 * SEC), 0);
	assert_int_equal(spawns(w, SEC), 1);
	world_free(w);
}

static void test_unit_fails(void **data)
{
	struct world *w = begin();

	(void)data;
	w->set.units[TIMED].unit.start_limit_burst = 5;
	w->set.units[TIMED].unit.start_limit_interval = 10 * SEC;
	w->actors[TIMED].main_status = EXIT_STATUS(1);
	on(w, ON_ACTIVE, 0);
	on(w, ON_UNIT_INACTIVE, 0);
	start(w);
	/* Five starts in ten seconds, whatever the timer wants. */
	assert_in_range(spawns(w, MINUTE), 20, 31);
	assert_true(w->logs < 200);
	world_free(w);
}

static void test_unit_is_broken(void **data)
{
	struct world *w = begin();

	(void)data;
	w->set.units[TIMED].broken = "it is broken";
	on(w, ON_ACTIVE, SEC);
	on(w, ON_UNIT_ACTIVE, 10 * SEC);
	start(w);
	world_pass(w, MINUTE);
	assert_int_equal(world_state(w, TIMED), ST_FAILED);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
	assert_in_range(w->logs, 5, 9);
	world_free(w);
}

static void test_calendar(void **data)
{
	struct world *w = begin();

	(void)data;
	on_calendar(w, "*-*-* 04:00");
	set_wall(w, MIDNIGHT, false);
	start(w);
	assert_int_equal(next(w), w->now + 4 * HOUR);
	assert_int_equal(spawns(w, 4 * HOUR - 1), 0);
	assert_int_equal(spawns(w, 1), 1);
	assert_int_equal(engine_timer(w->engine, TIMER).last_wall, MIDNIGHT + 4 * HOUR);
	assert_int_equal(next(w), w->now + DAY);
	assert_int_equal(spawns(w, 10 * DAY), 10);
	world_free(w);
}

static void test_clock_not_set(void **data)
{
	struct world *w = begin();
	char why[100];

	(void)data;
	on_calendar(w, "*-*-* 04:00");
	set_wall(w, 5 * SEC, false);
	start(w);
	assert_int_equal(next(w), TIME_INFINITY);
	assert_string_equal(engine_why(w->engine, TIMER, why, sizeof(why)),
		"waits for the clock to be set");
	assert_int_equal(spawns(w, DAY), 0);
	/* The time comes from the network: nothing was missed. */
	set_wall(w, MIDNIGHT, true);
	assert_int_equal(next(w), w->now + 4 * HOUR);
	assert_string_equal(engine_why(w->engine, TIMER, why, sizeof(why)), "elapses in 240 min");
	world_free(w);
}

static void test_clock_is_set(void **data)
{
	struct world *w = begin();

	(void)data;
	on_calendar(w, "*-*-* 04:00");
	set_wall(w, MIDNIGHT, false);
	start(w);
	assert_int_equal(spawns(w, 5 * HOUR), 1);
	/* A year forward: one for all. */
	set_wall(w, MIDNIGHT + 365 * DAY, true);
	assert_int_equal(spawns(w, 0), 1);
	assert_int_equal(next(w), w->now + 4 * HOUR);
	/* Two years back: none, and it goes on as usual. */
	set_wall(w, MIDNIGHT - 365 * DAY, true);
	assert_int_equal(spawns(w, 0), 0);
	assert_int_equal(next(w), w->now + 4 * HOUR);
	assert_int_equal(spawns(w, 2 * DAY), 2);
	set_wall(w, MIDNIGHT, true);
	assert_int_equal(spawns(w, 0), 1);
	/* To and fro: never more than one each time it goes forward. */
	for (uint64_t i = 1; i < 20; i++) {
		set_wall(w, MIDNIGHT + i % 2 * 100 * DAY, true);
		assert_in_range(spawns(w, 0), 0, i % 2);
	}
	world_free(w);
}

static void test_clock_drifts(void **data)
{
	struct world *w = begin();
	uint64_t wall = MIDNIGHT;

	(void)data;
	on_calendar(w, "*:0/30");
	set_wall(w, MIDNIGHT, false);
	start(w);
	/* It loses 5 ms each minute, then wins them back: one start each half hour all the same. */
	for (uint64_t i = 1; i <= 240; i++) {
		w->actors[TIMED].spawns = 0;
		world_pass(w, MINUTE);
		wall += i <= 120 ? MINUTE - 5 * MS : MINUTE + 5 * MS;
		set_wall(w, wall, false);
		world_pass(w, SEC);
		wall += SEC;
		assert_in_range(w->actors[TIMED].spawns, 0, 1);
	}
	assert_int_equal(engine_timer(w->engine, TIMER).last_wall / SEC / 1800 * 1800,
		wall / SEC / 1800 * 1800);
	world_free(w);
	/* Less than 10 ms is not looked at. */
	w = begin();
	on_calendar(w, "*:0/30");
	set_wall(w, MIDNIGHT + MINUTE, false);
	start(w);
	set_wall(w, MIDNIGHT + MINUTE - 9 * MS, false);
	assert_int_equal(next(w), w->now + 29 * MINUTE);
	set_wall(w, MIDNIGHT + MINUTE - 10 * MS, false);
	assert_int_equal(next(w), w->now + 29 * MINUTE + 10 * MS);
	world_free(w);
}

static void test_clock_change(void **data)
{
	struct world *w = begin();

	(void)data;
	w->set.units[TIMER].timer.on_clock_change = true;
	w->set.units[TIMER].timer.remain_after_elapse = false;
	set_wall(w, MIDNIGHT, false);
	start(w);
	assert_int_equal(spawns(w, DAY), 0);
	set_wall(w, MIDNIGHT, true);
	assert_int_equal(w->actors[TIMED].spawns, 1);
	engine_zone_changed(w->engine, w->now);
	world_perform(w);
	assert_int_equal(w->actors[TIMED].spawns, 1);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
	world_free(w);
}

static void test_persistent(void **data)
{
	struct world *w = begin();

	(void)data;
	w->set.units[TIMER].timer.persistent = true;
	on_calendar(w, "daily");
	set_wall(w, MIDNIGHT + HOUR, false);
	/* Nothing is kept: the first time nothing was missed. */
	start(w);
	assert_true(world_in_order(w, "stamp a.timer\n", NULL));
	assert_int_equal(spawns(w, 0), 0);
	/* It ran yesterday at noon, and midnight was missed. */
	kept = MIDNIGHT - 12 * HOUR;
	world_clear(w);
	world_command(w, EV_RESTART, TIMER, 2);
	assert_int_equal(spawns(w, 0), 1);
	assert_true(world_in_order(w, "stamp a.timer\n", NULL));
	/* It ran at midnight. */
	kept = MIDNIGHT;
	world_command(w, EV_RESTART, TIMER, 3);
	assert_int_equal(spawns(w, 0), 0);
	assert_int_equal(next(w), w->now + 23 * HOUR);
	/* It will have run next year, says the disk. */
	kept = MIDNIGHT + 365 * DAY;
	world_command(w, EV_RESTART, TIMER, 4);
	assert_int_equal(next(w), w->now + 23 * HOUR);
	/* Without Persistent= nobody looks at what is left of another time. */
	w->set.units[TIMER].timer.persistent = false;
	kept = MIDNIGHT - 12 * HOUR;
	world_command(w, EV_RESTART, TIMER, 5);
	assert_int_equal(spawns(w, 0), 0);
	world_free(w);
}

static void test_remain_after_elapse(void **data)
{
	struct world *w = begin();

	(void)data;
	w->set.units[TIMER].timer.remain_after_elapse = false;
	on(w, ON_ACTIVE, SEC);
	start(w);
	assert_int_equal(spawns(w, 2 * SEC), 1);
	assert_int_equal(world_state(w, TIMER), ST_INACTIVE);
	world_command(w, EV_START, TIMER, 2);
	assert_int_equal(spawns(w, 2 * SEC), 1);
	world_free(w);
	/* One that never was to elapse has not elapsed. */
	w = begin();
	w->set.units[TIMER].timer.remain_after_elapse = false;
	on_calendar(w, "2000-01-01");
	set_wall(w, MIDNIGHT, false);
	start(w);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
	assert_int_equal(next(w), TIME_INFINITY);
	world_free(w);
}

/* Many timers within their accuracy elapse at one moment, and not before their time. */
static void test_accuracy(void **data)
{
	struct world *w = begin();

	(void)data;
	engine_set_facts(w->engine, &(struct engine_facts){ .device = 12345678901 });
	w->set.units[TIMER].timer.accuracy = MINUTE;
	on(w, ON_ACTIVE, 5 * SEC);
	start(w);
	assert_in_range(next(w), w->now + 5 * SEC, w->now + 65 * SEC);
	assert_int_equal(next(w) % MINUTE, 12345678901 % MINUTE);
	w->set.units[TIMER].timer.accuracy = 3 * SEC;
	world_command(w, EV_RESTART, TIMER, 2);
	assert_in_range(next(w), w->now + 5 * SEC, w->now + 8 * SEC);
	assert_int_equal(next(w) % SEC, 12345678901 % SEC);
	w->set.units[TIMER].timer.accuracy = TIME_INFINITY;
	world_command(w, EV_RESTART, TIMER, 3);
	assert_int_equal(next(w), w->now + 5 * SEC);
	/* One that is at that moment anyway is not put off to a lesser one. */
	engine_set_facts(w->engine, &(struct engine_facts){ .device = 0 });
	w->set.units[TIMER].timer.accuracy = 2 * SEC;
	world_pass(w, MINUTE - (w->now + 5 * SEC) % MINUTE);
	world_command(w, EV_RESTART, TIMER, 4);
	assert_int_equal(next(w), w->now + 5 * SEC);
	world_free(w);
}

static void test_random_delay(void **data)
{
	struct world *w = begin();
	uint64_t seen[4];

	(void)data;
	w->set.units[TIMER].timer.random_delay = HOUR;
	on_calendar(w, "*-*-* 04:00");
	set_wall(w, MIDNIGHT, false);
	start(w);
	for (int i = 0; i < 4; i++) {
		assert_in_range(next(w) - w->now, 0, 28 * HOUR);
		world_pass(w, next(w) - w->now);
		seen[i] = engine_timer(w->engine, TIMER).last_wall % DAY;
		assert_in_range(seen[i], 4 * HOUR, 5 * HOUR);
	}
	assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[2] != seen[3]);
	w->set.units[TIMER].timer.fixed_random_delay = true;
	world_command(w, EV_RESTART, TIMER, 2);
	for (int i = 0; i < 4; i++) {
		world_pass(w, next(w) - w->now);
		seen[i] = engine_timer(w->engine, TIMER).last_wall % DAY;
	}
	assert_true(seen[0] == seen[1] && seen[1] == seen[2] && seen[2] == seen[3]);
	world_free(w);
}

static void test_reload_keeps_it(void **data)
{
	struct world *w = begin(), *other = begin();
	uint64_t before;

	(void)data;
	on(w, ON_ACTIVE, 5 * SEC);
	on(w, ON_UNIT_ACTIVE, MINUTE);
	on(other, ON_ACTIVE, 5 * SEC);
	on(other, ON_UNIT_ACTIVE, MINUTE);
	start(w);
	world_pass(w, 20 * SEC);
	before = next(w);
	other->set.units[TIMED].digest = 2;
	engine_reload(w->engine, &other->set, 2, w->now);
	world_perform(w);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(next(w), before);
	/* A timer that changed begins anew. */
	w->set.units[TIMED].digest = 2;
	w->set.units[TIMER].digest = 2;
	engine_reload(w->engine, &w->set, 3, w->now);
	world_perform(w);
	assert_int_equal(world_state(w, TIMER), ST_RUNNING);
	assert_int_equal(next(w), w->now + 5 * SEC);
	world_free(w);
	world_free(other);
}

static void test_shutdown(void **data)
{
	struct world *w = begin();

	(void)data;
	on(w, ON_ACTIVE, SEC);
	on(w, ON_UNIT_ACTIVE, SEC);
	w->actors[TIMED].ends_at_once = false;
	w->actors[TIMED].ignore_term = true;
	start(w);
	world_pass(w, 5 * SEC);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	world_pass(w, HOUR);
	assert_int_equal(w->machine, 1);
	assert_int_equal(w->actors[TIMED].spawns, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_boot_is_past),
		cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_inactive),
		cmocka_unit_test(test_unit_runs_long),
		cmocka_unit_test(test_unit_fails),
		cmocka_unit_test(test_unit_is_broken),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_clock_not_set),
		cmocka_unit_test(test_clock_is_set),
		cmocka_unit_test(test_clock_drifts),
		cmocka_unit_test(test_clock_change),
		cmocka_unit_test(test_persistent),
		cmocka_unit_test(test_remain_after_elapse),
		cmocka_unit_test(test_accuracy),
		cmocka_unit_test(test_random_delay),
		cmocka_unit_test(test_reload_keeps_it),
		cmocka_unit_test(test_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
