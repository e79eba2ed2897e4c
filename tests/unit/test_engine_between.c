/* Rare orders of events between units: what one does while another hangs. */
#include "common/util.h"
#include "tests/unit/engine_world.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { A, B, C };

/* Three services: a, b, c. */
static struct world *three(void)
{
	struct world *w = world_new(3);

	world_add(w, "a", KIND_SERVICE);
	world_add(w, "b", KIND_SERVICE);
	world_add(w, "c", KIND_SERVICE);
	return w;
}

static void states(const struct world *w, enum state a, enum state b, enum state c)
{
	assert_int_equal(world_state(w, A), a);
	assert_int_equal(world_state(w, B), b);
	assert_int_equal(world_state(w, C), c);
}

/* a restarts always; b is after it and hangs in its stop. */
static struct world *held_by_b(void)
{
	struct world *w = three();

	world_edge(w, B, DEP_AFTER, A);
	world_edge(w, C, DEP_CONFLICTS, A);
	w->set.units[A].service.restart = RESTART_ALWAYS;
	w->actors[B].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, B, 2);
	world_command(w, EV_STOP, B, 3);
	states(w, ST_RUNNING, ST_STOP_TERM, ST_INACTIVE);
	return w;
}

/* What is between two tries is down: neither its stop nor what conflicts with it waits for b. */
static void test_stop_between_two_tries(void **data)
{
	struct world *w = held_by_b();

	(void)data;
	world_exit(w, A, EXIT_STATUS(1));
	world_command(w, EV_STOP, A, 4);
	states(w, ST_INACTIVE, ST_STOP_TERM, ST_INACTIVE);
	assert_int_equal(w->job_result[4], 0);
	world_pass(w, SEC);
	assert_int_equal(w->actors[A].spawns, 1);
	world_free(w);
}

static void test_conflict_with_one_between_two_tries(void **data)
{
	struct world *w = held_by_b();

	(void)data;
	world_exit(w, A, EXIT_STATUS(1));
	world_command(w, EV_START, C, 4);
	states(w, ST_INACTIVE, ST_STOP_TERM, ST_RUNNING);
	world_free(w);
}

/* Its stop was given up before its turn came, but nobody wants it since. */
static void test_stop_given_up_is_no_wish(void **data)
{
	struct world *w = held_by_b();

	(void)data;
	w->set.units[A].unit.job_timeout = 5 * SEC;
	w->set.units[B].service.timeout_stop = 1000 * SEC;
	w->actors[A].linger = w->actors[A].ignore_term = true;
	world_exit(w, A, EXIT_STATUS(1));
	states(w, ST_STOP_TERM, ST_STOP_TERM, ST_INACTIVE);
	world_command(w, EV_STOP, A, 4);
	world_pass(w, 5 * SEC);
	assert_int_equal(w->job_result[4], ETIMEDOUT);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, A), ST_FAILED);
	world_free(w);
}

static void test_reload_is_passed_on_and_on(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_RELOADS, B);
	world_edge(w, B, DEP_RELOADS, C);
	for (uint32_t u = A; u <= C; u++)
		world_commands(w, &w->set.units[u].service.exec_reload, 1);
	world_begin(w);
	for (uint32_t u = A; u <= C; u++)
		world_command(w, EV_START, u, 0);
	world_command(w, EV_RELOAD, A, 1);
	assert_true(world_in_order(w, "spawn a ExecReload 0", "spawn b ExecReload 0",
		"spawn c ExecReload 0", NULL));
	/* c is at it already, so it is not asked again; and b, whose reload is refused, asks nobody. */
	w->actors[B].hold_helpers = true;
	world_command(w, EV_RELOAD, B, 2);
	world_clear(w);
	world_command(w, EV_RELOAD, A, 3);
	assert_int_equal(world_count(w, "spawn a ExecReload 0"), 1);
	assert_int_equal(world_count(w, "spawn b ExecReload 0"), 0);
	assert_int_equal(world_count(w, "spawn c ExecReload 0"), 0);
	world_free(w);
}

/* a is a network that comes after b. */
static struct world *network_after(void)
{
	struct world *w = world_new(2);

	world_add(w, "a", KIND_NETWORK);
	world_add(w, "b", KIND_SERVICE);
	world_edge(w, A, DEP_AFTER, B);
	w->actors[A].hold_setup = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	assert_int_equal(world_state(w, A), ST_SETUP);
	return w;
}

static void test_start_beside_one_that_is_made(void **data)
{
	struct world *w = network_after();

	(void)data;
	world_command(w, EV_START, B, 2);
	assert_int_equal(world_state(w, B), ST_RUNNING);
	world_free(w);
	/* But if it is made only to go again, that is a stop, and waited for. */
	w = network_after();
	world_command(w, EV_STOP, A, 2);
	world_command(w, EV_START, B, 3);
	assert_int_equal(world_state(w, B), ST_WAITING);
	world_event(w, &(struct event){ .kind = EV_SETUP_DONE, .unit = A });
	assert_int_equal(world_state(w, A), ST_INACTIVE);
	assert_int_equal(world_state(w, B), ST_RUNNING);
	world_free(w);
}

/* b needs a, which a reload has taken down and will bring back. */
static void test_start_in_the_midst_of_a_reload(void **data)
{
	struct world *w = three(), *next = three();

	(void)data;
	world_edge(w, B, DEP_REQUIRES, A);
	world_edge(w, B, DEP_AFTER, A);
	world_edge(next, B, DEP_REQUIRES, A);
	world_edge(next, B, DEP_AFTER, A);
	w->actors[C].ignore_term = true;
	next->set.units[A].digest = next->set.units[C].digest = 2;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, C, 2);
	engine_reload(w->engine, &next->set, 3, w->now);
	world_perform(w);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_STOP_TERM);
	world_command(w, EV_START, B, 4);
	states(w, ST_INACTIVE, ST_WAITING, ST_STOP_TERM);
	world_exit(w, C, 0);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	assert_int_equal(w->job_result[4], 0);
	world_free(w);
	world_free(next);
}

/* a, and b that waits for it, are on their way up, and by the new units they want others. */
static void test_a_reload_while_what_wants_starts(void **data)
{
	for (uint32_t wants = A; wants <= B; wants++) {
		struct world *w = three(), *next = three();

		(void)data;
		world_edge(w, B, DEP_AFTER, A);
		world_edge(next, B, DEP_AFTER, A);
		world_edge(next, wants, DEP_WANTS, C);
		w->set.units[A].service.type = next->set.units[A].service.type = TYPE_NOTIFY;
		world_begin(w);
		world_command(w, EV_START, A, 1);
		world_command(w, EV_START, B, 2);
		states(w, ST_START, ST_WAITING, ST_INACTIVE);
		engine_reload(w->engine, &next->set, 3, w->now);
		world_perform(w);
		states(w, ST_START, ST_WAITING, ST_RUNNING);
		/* it is wanted as before, so who stops it is not overruled by a reload */
		world_command(w, EV_STOP, C, 4);
		engine_reload(w->engine, &next->set, 5, w->now);
		world_perform(w);
		states(w, ST_START, ST_WAITING, ST_INACTIVE);
		world_free(w);
		world_free(next);
	}
}

/* JobTimeoutSec= counts from when the stop was asked for, not from its turn. */
static void test_stop_that_waits_and_then_hangs(void **data)
{
	struct world *w = held_by_b();

	(void)data;
	w->set.units[A].unit.job_timeout = 10 * SEC;
	w->actors[A].ignore_term = true;
	world_command(w, EV_STOP, A, 4);
	world_pass(w, 8 * SEC);
	world_exit(w, B, 0);
	assert_int_equal(world_state(w, A), ST_STOP_TERM);
	world_pass(w, 2 * SEC);
	assert_int_equal(w->job_result[4], ETIMEDOUT);
	world_free(w);
}

/* a upholds c, but is about to stop. */
static void test_nobody_is_upheld_by_one_that_will_stop(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, B, DEP_AFTER, A);
	world_edge(w, A, DEP_UPHOLDS, C);
	w->actors[B].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, B, 2);
	world_command(w, EV_STOP, B, 3);
	world_command(w, EV_STOP, A, 4);
	states(w, ST_RUNNING, ST_STOP_TERM, ST_RUNNING);
	world_exit(w, C, 0);
	world_pass(w, SEC);
	states(w, ST_RUNNING, ST_STOP_TERM, ST_INACTIVE);
	world_free(w);
}

/* One that has hit its start limit is tried again when that is over, and not before. */
static void test_upheld_after_the_limit(void **data)
{
	struct world *w = three();
	uint64_t begin;

	(void)data;
	world_edge(w, A, DEP_UPHOLDS, C);
	w->set.units[C].unit.start_limit_burst = 3;
	w->set.units[C].unit.start_limit_interval = 100 * SEC;
	w->actors[C].ends_at_once = true;
	w->actors[C].main_status = EXIT_STATUS(1);
	world_begin(w);
	begin = w->now;
	world_command(w, EV_START, A, 1);
	world_pass(w, 99 * SEC);
	assert_int_equal(w->actors[C].spawns, 3);
	assert_int_equal(world_count(w, "log c failed: start limit hit"), 1);
	world_pass(w, begin + 101 * SEC - w->now);
	assert_int_equal(w->actors[C].spawns, 6);
	world_free(w);
}

/* The limit of alarms is not one of restarts: b goes and comes with a as often as that does. */
static void test_bound_unit_follows_as_often_as_it_takes(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, B, DEP_BINDS_TO, A);
	world_edge(w, B, DEP_AFTER, A);
	w->set.units[A].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, B, 1);
	for (uint32_t i = 1; i <= 8; i++) {
		world_exit(w, A, EXIT_STATUS(1));
		world_pass(w, 200 * MS);
		states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
		assert_int_equal(w->actors[B].spawns, 1 + i);
	}
	world_free(w);
}

/* PropagatesStopTo= of one that is down already stops nobody, when its failure is forgotten. */
static void test_forgotten_failure_stops_nobody(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_STOPS, B);
	w->set.units[A].service.restart_mode = RESTART_MODE_DIRECT;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, EXIT_STATUS(1));
	world_command(w, EV_START, B, 2);
	states(w, ST_FAILED, ST_RUNNING, ST_INACTIVE);
	world_command(w, EV_RESET, A, 3);
	states(w, ST_INACTIVE, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

/* A reload takes it down to bring it back: that is no end of its own, and sets nothing off. */
static void test_reload_is_no_success(void **data)
{
	struct world *w = three(), *next = three();

	(void)data;
	world_edge(w, A, DEP_ON_SUCCESS, B);
	w->set.units[A].unit.success_action = ACTION_EXIT;
	next->set.units[A].digest = 2;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	engine_reload(w->engine, &next->set, 2, w->now);
	world_perform(w);
	states(w, ST_RUNNING, ST_INACTIVE, ST_INACTIVE);
	assert_int_equal(world_count(w, "machine"), 0);
	assert_int_equal(w->actors[B].spawns, 0);
	world_free(w);
	world_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_between_two_tries),
		cmocka_unit_test(test_conflict_with_one_between_two_tries),
		cmocka_unit_test(test_stop_given_up_is_no_wish),
		cmocka_unit_test(test_reload_is_passed_on_and_on),
		cmocka_unit_test(test_start_beside_one_that_is_made),
		cmocka_unit_test(test_start_in_the_midst_of_a_reload),
		cmocka_unit_test(test_a_reload_while_what_wants_starts),
		cmocka_unit_test(test_stop_that_waits_and_then_hangs),
		cmocka_unit_test(test_nobody_is_upheld_by_one_that_will_stop),
		cmocka_unit_test(test_upheld_after_the_limit),
		cmocka_unit_test(test_bound_unit_follows_as_often_as_it_takes),
		cmocka_unit_test(test_forgotten_failure_stops_nobody),
		cmocka_unit_test(test_reload_is_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
