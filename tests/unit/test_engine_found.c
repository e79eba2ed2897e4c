/* What the simulation (tests/sim) found in the engine, each as the smallest case that shows it. */
#include "tests/unit/engine_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What it requires conflicts with it, so its own start stops it: that is no success. */
static void test_start_that_excludes_itself(void **data)
{
	struct world *w = world_new(2);

	(void)data;
	world_add(w, "a.service", KIND_SERVICE);
	world_add(w, "b.service", KIND_SERVICE);
	world_edge(w, 0, DEP_REQUIRES, 1);
	world_edge(w, 1, DEP_CONFLICTS, 0);
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	assert_int_equal(w->job_result[1], ECANCELED);
	assert_non_null(strstr(w->job_text[1], "conflicts with it"));
	world_free(w);
}

/* The process of a slow SPAWN_ comes after its unit was left alone: it is known, and told to stop. */
static void test_process_that_comes_after_the_landing(void **data)
{
	struct world *w = world_new(1);
	struct unit *unit;

	(void)data;
	unit = world_add(w, "a.service", KIND_SERVICE);
	unit->service.send_sigkill = false;
	unit->service.timeout_stop = SEC;
	world_begin(w);
	w->actors[0].hold_spawn = true;
	world_command(w, EV_START, 0, 1);
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 2 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_clear(w);
	w->actors[0].main = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .unit = 0, .pid = 7 });
	assert_true(world_in_order(w, "signal-all a.service 15\n", NULL));
	assert_int_equal(world_count(w, "makes no sense"), 0);
	world_free(w);
}

/* A start that waits for a reload is answered, also when reset-failed comes between. */
static void test_reset_does_not_forget_a_start(void **data)
{
	struct world *w = world_new(2), *other = world_new(2);

	(void)data;
	for (int i = 0; i < 2; i++) {
		world_add(i == 0 ? w : other, "a.service", KIND_SERVICE)->digest = 1 + (uint64_t)i;
		world_add(i == 0 ? w : other, "b.service", KIND_SERVICE)->digest = 1 + (uint64_t)i;
	}
	w->actors[0].fail_spawn = true;
	w->actors[1].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	world_command(w, EV_START, 1, 2);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	w->actors[0].fail_spawn = false;
	engine_reload(w->engine, &other->set, 3, w->now);
	world_perform(w);
	world_command(w, EV_START, 0, 4);
	world_command(w, EV_RESET, 0, 5);
	world_pass(w, 200 * SEC);
	assert_int_equal(w->job_result[3], 0);
	assert_int_equal(w->job_result[4], 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
	world_free(other);
}

/* One whose file is broken has stopped nothing that is in conflict with it, so it must not wait for that either. */
static void test_broken_unit_waits_for_nobody(void **data)
{
	struct world *w = world_new(2);

	(void)data;
	world_add(w, "a.service", KIND_SERVICE)->broken = "a.service:1:1: wrong";
	world_add(w, "b.service", KIND_SERVICE);
	world_edge(w, 0, DEP_CONFLICTS, 1);
	world_begin(w);
	world_command(w, EV_START, 1, 1);
	world_command(w, EV_START, 0, 2);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(world_state(w, 1), ST_RUNNING);
	assert_string_equal(w->job_text[2], "a.service:1:1: wrong");
	world_free(w);
}

/* Between two tries nothing runs, so its stop is done at once, whatever goes down before it. */
static void test_stop_between_two_tries_waits_for_nobody(void **data)
{
	struct world *w = world_new(2);
	struct unit *unit;

	(void)data;
	unit = world_add(w, "a.service", KIND_SERVICE);
	unit->service.restart = RESTART_ALWAYS;
	unit->service.restart_sec = 30 * SEC;
	world_add(w, "b.service", KIND_SERVICE);
	world_edge(w, 1, DEP_AFTER, 0);
	world_begin(w);
	w->actors[1].ignore_term = true;
	world_command(w, EV_START, 0, 1);
	world_command(w, EV_START, 1, 2);
	world_exit(w, 0, 256);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	world_command(w, EV_STOP, 1, 3);
	world_command(w, EV_STOP, 0, 4);
	assert_int_equal(world_state(w, 1), ST_STOP_TERM);
	assert_int_equal(w->job_result[4], 0);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

/* Asked for again and again, it still says how it ended before there were too many starts. */
static void test_limit_keeps_its_first_words(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->set.units[0].unit.start_limit_interval = 1000 * SEC;
	w->set.units[0].unit.start_limit_burst = 1;
	world_start(w);
	world_exit(w, 0, 3 << 8);
	for (uint32_t job = 2; job < 5; job++)
		world_command(w, EV_START, 0, job);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_non_null(strstr(world_run(w, 0)->cause, "start limit hit: 1 starts within "));
	assert_non_null(strstr(world_run(w, 0)->cause, ", last: exit code 3"));
	world_free(w);
}

/* A reload takes the unit of a running timer away, and another one brings it back. */
static void test_timer_without_its_unit(void **data)
{
	struct world *w = world_new(2), *less = world_new(1), *again = world_new(2);
	struct world *const full[] = { w, again };
	const struct trigger trigger = { .base = ON_UNIT_ACTIVE, .span = 60 * SEC };
	char why[100];

	(void)data;
	for (int i = 0; i < 2; i++)
		world_add(full[i], "a.service", KIND_SERVICE)->service.type = TYPE_ONESHOT;
	for (int i = 0; i < 3; i++) {
		struct world *each = i < 2 ? full[i] : less;
		struct unit *timer = world_add(each, "a.timer", KIND_TIMER);

		timer->timer.remain_after_elapse = true;
		*LIST_ADD(&each->set.arena, &timer->timer.triggers) = trigger;
		if (i < 2)
			world_edge(each, 1, DEP_TRIGGERS, 0);
	}
	w->actors[0].ends_at_once = true;
	world_begin(w);
	world_command(w, EV_START, 1, 1);
	engine_reload(w->engine, &less->set, 2, w->now);
	world_perform(w);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(engine_timer(w->engine, 0).starts, UINT32_MAX);
	assert_non_null(strstr(engine_why(w->engine, 0, why, sizeof(why)), "is gone"));
	engine_set_clock(w->engine, INT64_C(1800000000) * (int64_t)SEC, true, w->now);
	engine_reload(w->engine, &again->set, 3, w->now);
	world_perform(w);
	assert_int_equal(world_state(w, 1), ST_RUNNING);
	assert_int_equal(engine_timer(w->engine, 1).starts, 0);
	world_free(w);
	world_free(less);
	world_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_that_excludes_itself),
		cmocka_unit_test(test_process_that_comes_after_the_landing),
		cmocka_unit_test(test_reset_does_not_forget_a_start),
		cmocka_unit_test(test_broken_unit_waits_for_nobody),
		cmocka_unit_test(test_stop_between_two_tries_waits_for_nobody),
		cmocka_unit_test(test_limit_keeps_its_first_words),
		cmocka_unit_test(test_timer_without_its_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
