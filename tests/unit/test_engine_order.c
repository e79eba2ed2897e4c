/* Units together: order, requirements, conflicts, reload, shutdown. */
#include "tests/unit/engine_world.h"

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

/* a needs b needs c, in this order. */
static struct world *stack(void)
{
	struct world *w = three();

	for (uint32_t u = A; u < C; u++) {
		world_edge(w, u, DEP_REQUIRES, u + 1);
		world_edge(w, u, DEP_AFTER, u + 1);
	}
	return w;
}

static void states(const struct world *w, enum state a, enum state b, enum state c)
{
	assert_int_equal(world_state(w, A), a);
	assert_int_equal(world_state(w, B), b);
	assert_int_equal(world_state(w, C), c);
}

static void test_order_up_and_down(void **data)
{
	struct world *w = stack();
	char why[64];

	(void)data;
	w->set.units[C].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_WAITING, ST_WAITING, ST_START);
	assert_string_equal(engine_why(w->engine, B, why, sizeof(why)), "waits for c (starting)");
	world_ready(w, C);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	world_clear(w);
	world_command(w, EV_STOP, C, 2);
	assert_true(world_in_order(w, "log a stopped with c", "log b stopped with c",
		"log c stopped by operator", "job 2 done", NULL));
	world_free(w);
}

static void test_before_is_the_other_way_round(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_WANTS, B);
	world_edge(w, B, DEP_BEFORE, A);
	w->set.units[B].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_WAITING, ST_START, ST_INACTIVE);
	world_ready(w, B);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_failure_runs_up_the_stack(void **data)
{
	struct world *w = stack();

	(void)data;
	w->set.units[C].broken = "c.service:3: unknown key";
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_FAILED, ST_FAILED, ST_FAILED);
	assert_string_equal(w->job_text[1],
		"requires b, which failed: requires c, which failed: c.service:3: unknown key");
	assert_int_equal(w->logs, 3);
	world_free(w);
}

static void test_wanted_failure_is_no_hindrance(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_WANTS, B);
	world_edge(w, A, DEP_AFTER, B);
	w->actors[B].fail_spawn = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_RUNNING, ST_FAILED, ST_INACTIVE);
	world_free(w);
}

static void test_required_unit_in_backoff_is_waited_for(void **data)
{
	struct world *w = stack();

	(void)data;
	w->set.units[C].service.type = TYPE_NOTIFY;
	w->set.units[C].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, C, EXIT_STATUS(1));
	states(w, ST_WAITING, ST_WAITING, ST_BACKOFF);
	world_pass(w, SEC);
	world_ready(w, C);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	/* And once up, a restart of its own accord disturbs nobody. */
	world_exit(w, C, SIGSEGV);
	states(w, ST_RUNNING, ST_RUNNING, ST_BACKOFF);
	world_free(w);
}

static void test_restart_by_command_takes_dependents_along(void **data)
{
	struct world *w = stack();

	(void)data;
	world_begin(w);
	world_command(w, EV_START, B, 1);
	world_clear(w);
	world_command(w, EV_RESTART, C, 2);
	states(w, ST_INACTIVE, ST_RUNNING, ST_RUNNING);
	assert_true(world_in_order(w, "signal-all b", "signal-all c", "spawn c", "spawn b", NULL));
	assert_int_equal(w->actors[A].spawns, 0);
	world_free(w);
}

static void test_bound_unit_goes_and_comes(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_BINDS_TO, B);
	world_edge(w, A, DEP_AFTER, B);
	w->set.units[B].service.restart = RESTART_ON_FAILURE;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, B, SIGSEGV);
	states(w, ST_WAITING, ST_BACKOFF, ST_INACTIVE);
	world_pass(w, SEC);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	assert_int_equal(w->actors[A].spawns, 2);
	world_exit(w, B, 0);
	assert_int_equal(world_state(w, B), ST_INACTIVE);
	assert_int_equal(w->actors[A].main, false);
	world_free(w);
}

static void test_two_bound_to_each_other(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_BINDS_TO, B);
	world_edge(w, B, DEP_BINDS_TO, A);
	w->set.units[A].service.restart = RESTART_ALWAYS;
	w->set.units[B].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, SIGSEGV);
	world_pass(w, SEC);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_part_of_follows_one_way(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_PART_OF, B);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, B, 2);
	world_command(w, EV_RESTART, B, 3);
	assert_int_equal(w->actors[A].spawns, 2);
	world_command(w, EV_RESTART, A, 4);
	assert_int_equal(w->actors[B].spawns, 2);
	world_command(w, EV_STOP, B, 5);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_INACTIVE);
	world_free(w);
}

static void test_conflict(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_CONFLICTS, B);
	w->actors[B].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, B, 1);
	world_command(w, EV_START, A, 2);
	states(w, ST_WAITING, ST_STOP_TERM, ST_INACTIVE);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, A), ST_RUNNING);
	world_command(w, EV_START, B, 3);
	states(w, ST_INACTIVE, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_on_failure_only_at_the_end(void **data)
{
	struct world *w = three();

	(void)data;
	world_edge(w, A, DEP_ON_FAILURE, B);
	w->set.units[A].service.restart = RESTART_ON_ABNORMAL;
	w->set.units[A].service.restart_mode = RESTART_MODE_DIRECT;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, SIGSEGV);
	assert_int_equal(world_state(w, B), ST_INACTIVE);
	world_pass(w, SEC);
	world_exit(w, A, EXIT_STATUS(1));
	states(w, ST_FAILED, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_failure_action_stops_in_order_first(void **data)
{
	struct world *w = stack();

	(void)data;
	w->set.units[A].unit.failure_action = ACTION_EXIT;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, EXIT_STATUS(7));
	assert_true(world_in_order(w, "log a failed", "log b stopped by the shutdown",
		"log c stopped by the shutdown", "machine 5 7 a failed: exit code 7", NULL));
	world_free(w);
}

static void test_stop_cancels_a_waiting_start(void **data)
{
	struct world *w = stack();

	(void)data;
	w->set.units[C].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_STOP, B, 2);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_START);
	assert_true(w->job_result[1] > 0);
	assert_int_equal(w->job_result[2], 0);
	world_ready(w, C);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_RUNNING);
	world_free(w);
}

static void test_shutdown_while_starting(void **data)
{
	struct world *w = stack();

	(void)data;
	w->set.units[B].service.type = TYPE_NOTIFY;
	w->actors[B].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_WAITING, ST_START, ST_RUNNING);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	states(w, ST_INACTIVE, ST_STOP_TERM, ST_RUNNING);
	assert_true(w->job_result[1] > 0);
	world_command(w, EV_START, A, 2);
	assert_true(w->job_result[2] > 0);
	assert_int_equal(w->machine, 0);
	/* The second call is out of patience. */
	engine_shutdown(w->engine, 2, w->now);
	world_perform(w);
	assert_int_equal(w->machine, 2);
	assert_int_equal(w->actors[A].spawns, 0);
	world_free(w);
}

/* ---- reload */

static void reload(struct world *w, const struct world *next, uint32_t job)
{
	engine_reload(w->engine, &next->set, job, w->now);
	world_perform(w);
}

static void test_reload_touches_what_changed_only(void **data)
{
	struct world *w = stack(), *next = stack();

	(void)data;
	next->set.units[B].digest = 2;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_clear(w);
	reload(w, next, 2);
	assert_true(world_in_order(w, "signal-all b", "teardown b", "swap", "job 2 done", "spawn b",
		NULL));
	assert_ptr_equal(engine_set(w->engine), &next->set);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	assert_int_equal(w->actors[A].spawns, 1);
	assert_int_equal(w->actors[C].spawns, 1);
	world_free(w);
	world_free(next);
}

static void test_reload_removes_and_adds(void **data)
{
	struct world *w = world_new(2), *next = world_new(3);

	(void)data;
	world_add(w, "a", KIND_TARGET);
	world_add(w, "c", KIND_SERVICE);
	world_add(next, "a", KIND_TARGET);
	world_add(next, "b", KIND_SERVICE);
	world_add(next, "d", KIND_SERVICE);
	world_edge(w, 0, DEP_WANTS, 1);
	world_edge(next, 0, DEP_WANTS, 1);
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	w->actors[1].ignore_term = true;
	reload(w, next, 2);
	assert_int_equal(world_state(w, 1), ST_STOP_TERM);
	assert_int_equal(w->swaps, 0);
	world_command(w, EV_START, 1, 3);
	engine_tick(w->engine, w->now + 90 * SEC);
	/* The old names are those of `w` until the swap. */
	world_perform(w);
	assert_int_equal(w->swaps, 1);
	assert_int_equal(w->job_result[2], 0);
	assert_true(w->job_result[3] > 0);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_free(w);
	world_free(next);
}

static void test_reload_mends_a_broken_unit(void **data)
{
	struct world *w = stack(), *next = stack();

	(void)data;
	w->set.units[C].broken = "unknown key";
	next->set.units[C].digest = 2;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	reload(w, next, 2);
	assert_int_equal(world_state(w, C), ST_RUNNING);
	world_free(w);
	world_free(next);
}

static void test_reload_leaves_the_stopped_alone(void **data)
{
	struct world *w = three(), *next = three();

	(void)data;
	next->set.units[B].digest = 2;
	world_edge(w, A, DEP_WANTS, B);
	world_edge(next, A, DEP_WANTS, B);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_STOP, B, 2);
	reload(w, next, 3);
	states(w, ST_RUNNING, ST_INACTIVE, ST_INACTIVE);
	world_free(w);
	world_free(next);
}

static void test_changed_network_takes_its_containers_along(void **data)
{
	struct world *w[2];

	(void)data;
	for (int i = 0; i < 2; i++) {
		w[i] = world_new(2);
		world_add(w[i], "lan", KIND_NETWORK)->digest = (uint64_t)i + 1;
		world_add(w[i], "web", KIND_CONTAINER);
		world_edge(w[i], 1, DEP_REQUIRES, 0);
		world_edge(w[i], 1, DEP_AFTER, 0);
	}
	world_begin(w[0]);
	world_command(w[0], EV_START, 1, 1);
	world_clear(w[0]);
	reload(w[0], w[1], 2);
	assert_true(world_in_order(w[0], "teardown web", "teardown lan", "swap", "setup lan",
		"spawn web", NULL));
	world_free(w[0]);
	world_free(w[1]);
}

static void test_newer_reload_replaces_the_one_that_waits(void **data)
{
	struct world *w = three(), *next = three(), *last = three();

	(void)data;
	next->set.units[A].digest = 2;
	w->actors[A].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	reload(w, next, 2);
	reload(w, last, 3);
	assert_true(w->job_result[2] > 0);
	assert_int_equal(w->job_result[3], 0);
	assert_ptr_equal(engine_set(w->engine), &last->set);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, A), ST_RUNNING);
	world_free(w);
	world_free(next);
	world_free(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_up_and_down),
		cmocka_unit_test(test_before_is_the_other_way_round),
		cmocka_unit_test(test_failure_runs_up_the_stack),
		cmocka_unit_test(test_wanted_failure_is_no_hindrance),
		cmocka_unit_test(test_required_unit_in_backoff_is_waited_for),
		cmocka_unit_test(test_restart_by_command_takes_dependents_along),
		cmocka_unit_test(test_bound_unit_goes_and_comes),
		cmocka_unit_test(test_two_bound_to_each_other),
		cmocka_unit_test(test_part_of_follows_one_way),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_on_failure_only_at_the_end),
		cmocka_unit_test(test_failure_action_stops_in_order_first),
		cmocka_unit_test(test_stop_cancels_a_waiting_start),
		cmocka_unit_test(test_shutdown_while_starting),
		cmocka_unit_test(test_reload_touches_what_changed_only),
		cmocka_unit_test(test_reload_removes_and_adds),
		cmocka_unit_test(test_reload_mends_a_broken_unit),
		cmocka_unit_test(test_reload_leaves_the_stopped_alone),
		cmocka_unit_test(test_changed_network_takes_its_containers_along),
		cmocka_unit_test(test_newer_reload_replaces_the_one_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
