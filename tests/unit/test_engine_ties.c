/* What units mean for each other beyond order and requirement: the rest of the keys of [Unit]. */
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

static struct world *pair(enum dependency dep)
{
	struct world *w = three();

	world_edge(w, A, dep, B);
	return w;
}

static struct unit_section *keys(struct world *w, uint32_t u)
{
	return &w->set.units[u].unit;
}

static void states(const struct world *w, enum state a, enum state b, enum state c)
{
	assert_int_equal(world_state(w, A), a);
	assert_int_equal(world_state(w, B), b);
	assert_int_equal(world_state(w, C), c);
}

/* ---- Requisite= */

static void test_requisite_fails_at_once(void **data)
{
	struct world *w = pair(DEP_REQUISITE);

	(void)data;
	world_edge(w, A, DEP_REQUIRES, C);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_FAILED, ST_INACTIVE, ST_INACTIVE);
	assert_string_equal(w->job_text[1], "b must be up already (Requisite=), it is inactive");
	world_command(w, EV_START, B, 2);
	world_command(w, EV_START, A, 3);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	/* What is stopped or restarted takes it along, as with Requires=. */
	world_command(w, EV_RESTART, B, 4);
	assert_int_equal(w->actors[A].spawns, 2);
	world_command(w, EV_STOP, B, 5);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_RUNNING);
	world_free(w);
}

/* Not even behind another that it waits for. */
static void test_requisite_goes_before_order(void **data)
{
	struct world *w = pair(DEP_REQUISITE);

	(void)data;
	world_edge(w, A, DEP_AFTER, C);
	w->set.units[C].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, C, 1);
	world_command(w, EV_START, A, 2);
	states(w, ST_FAILED, ST_INACTIVE, ST_START);
	world_free(w);
}

/* Whatever the order in which one propagation comes to them. */
static void test_requisite_that_is_started_too(void **data)
{
	static const uint32_t orders[2][2] = { { A, B }, { B, A } };

	(void)data;
	for (int i = 0; i < 2; i++) {
		struct world *w = world_new(4);

		world_add(w, "a", KIND_SERVICE);
		world_add(w, "b", KIND_SERVICE)->service.type = TYPE_NOTIFY;
		world_add(w, "c", KIND_SERVICE);
		world_add(w, "top", KIND_TARGET);
		world_edge(w, A, DEP_REQUISITE, B);
		world_edge(w, A, DEP_AFTER, B);
		world_edge(w, A, DEP_REQUIRES, C);
		world_edge(w, 3, DEP_WANTS, orders[i][0]);
		world_edge(w, 3, DEP_WANTS, orders[i][1]);
		world_begin(w);
		world_command(w, EV_START, 3, 1);
		states(w, ST_WAITING, ST_START, ST_RUNNING);
		world_ready(w, B);
		states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
		world_free(w);
	}
}

/* ---- Upholds= */

static void test_upheld_starts_again(void **data)
{
	struct world *w = pair(DEP_UPHOLDS);

	(void)data;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_exit(w, B, SIGSEGV);
	world_pass(w, 0);
	assert_int_equal(w->actors[B].spawns, 2);
	/* Also after a stop by command: that is what the key means. */
	world_command(w, EV_STOP, B, 2);
	world_pass(w, 0);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_command(w, EV_STOP, A, 3);
	world_command(w, EV_STOP, B, 4);
	world_pass(w, 60 * SEC);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_INACTIVE);
	/* One that is down already starts when the other comes up. */
	world_command(w, EV_START, A, 5);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_upheld_keeps_its_start_limit(void **data)
{
	struct world *w = pair(DEP_UPHOLDS);

	(void)data;
	keys(w, B)->start_limit_burst = 3;
	keys(w, B)->start_limit_interval = 100 * SEC;
	w->actors[B].ends_at_once = true;
	w->actors[B].main_status = EXIT_STATUS(1);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_pass(w, 99 * SEC);
	assert_int_equal(w->actors[B].spawns, 3);
	assert_int_equal(world_state(w, B), ST_FAILED);
	w->actors[B].ends_at_once = false;
	world_pass(w, 2 * SEC);
	assert_int_equal(world_state(w, B), ST_RUNNING);
	world_free(w);
}

/* One that never gets as far as its own limit does not spin. */
static void test_upheld_that_cannot_begin(void **data)
{
	struct world *w = pair(DEP_UPHOLDS);

	(void)data;
	world_edge(w, B, DEP_REQUISITE, C);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_clear(w);
	world_pass(w, 25 * SEC);
	assert_in_range(world_count(w, "log b failed"), 16, 48);
	world_command(w, EV_START, C, 2);
	world_pass(w, 10 * SEC);
	assert_int_equal(world_state(w, B), ST_RUNNING);
	world_free(w);
}

/* ---- OnSuccess=, SuccessAction= */

static void test_on_success(void **data)
{
	struct world *w = pair(DEP_ON_SUCCESS);

	(void)data;
	world_edge(w, A, DEP_ON_FAILURE, C);
	w->set.units[A].service.restart = RESTART_ON_FAILURE;
	w->set.units[A].service.restart_mode = RESTART_MODE_DIRECT;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, EXIT_STATUS(1));
	world_pass(w, SEC);
	states(w, ST_RUNNING, ST_INACTIVE, ST_INACTIVE);
	world_exit(w, A, 0);
	states(w, ST_INACTIVE, ST_RUNNING, ST_INACTIVE);
	world_command(w, EV_STOP, B, 2);
	world_command(w, EV_START, A, 3);
	world_command(w, EV_STOP, A, 4);
	states(w, ST_INACTIVE, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

/* It passes through "inactive" on its way, unless RestartMode=direct. */
static void test_success_of_one_that_restarts(void **data)
{
	struct world *w = pair(DEP_ON_SUCCESS);

	(void)data;
	w->set.units[A].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, 0);
	states(w, ST_BACKOFF, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_success_is_of_one_that_ran(void **data)
{
	struct world *w = pair(DEP_ON_SUCCESS);

	(void)data;
	world_edge(w, A, DEP_AFTER, C);
	w->set.units[C].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, C, 1);
	world_command(w, EV_START, A, 2);
	world_command(w, EV_STOP, A, 3);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_START);
	world_free(w);
}

static void test_actions_and_their_status(void **data)
{
	struct world *w = three();

	(void)data;
	keys(w, A)->success_action = ACTION_EXIT;
	keys(w, A)->success_exit = 9;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, 0);
	assert_true(world_in_order(w, "machine 5 9 a has ended well", NULL));
	world_free(w);
	w = three();
	keys(w, A)->failure_action = ACTION_EXIT;
	keys(w, A)->failure_exit = 0;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_exit(w, A, EXIT_STATUS(3));
	assert_true(world_in_order(w, "machine 5 0 a failed: exit code 3", NULL));
	world_free(w);
}

/* ---- PropagatesStopTo=, PropagatesReloadTo= */

static void test_stop_is_passed_on(void **data)
{
	struct world *w = pair(DEP_STOPS);

	(void)data;
	w->set.units[A].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, B, 2);
	world_command(w, EV_STOP, B, 3);
	states(w, ST_RUNNING, ST_INACTIVE, ST_INACTIVE);
	world_command(w, EV_START, B, 4);
	world_command(w, EV_STOP, A, 5);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_INACTIVE);
	assert_string_equal(world_run(w, B)->cause, "stopped with a");
	/* An end of its own accord is passed on as well, a start is not. */
	world_command(w, EV_START, B, 6);
	world_command(w, EV_START, A, 7);
	world_exit(w, A, SIGSEGV);
	states(w, ST_BACKOFF, ST_INACTIVE, ST_INACTIVE);
	assert_string_equal(world_run(w, B)->cause, "stopped with a");
	/* So does a restart. */
	world_command(w, EV_START, B, 8);
	world_command(w, EV_RESTART, A, 9);
	states(w, ST_RUNNING, ST_INACTIVE, ST_INACTIVE);
	world_free(w);
}

static void test_restart_with_a_start_of_it(void **data)
{
	struct world *w = pair(DEP_STOPS);

	(void)data;
	world_edge(w, A, DEP_REQUIRES, B);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_RESTART, A, 2);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	assert_int_equal(w->actors[B].spawns, 2);
	world_free(w);
}

static void test_reload_is_passed_on(void **data)
{
	struct world *w = pair(DEP_RELOADS);

	(void)data;
	world_edge(w, B, DEP_RELOADS, C);
	for (uint32_t u = A; u <= C; u++)
		world_commands(w, &w->set.units[u].service.exec_reload, 1);
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, B, 2);
	world_clear(w);
	world_command(w, EV_RELOAD, A, 3);
	assert_int_equal(world_count(w, "spawn a ExecReload"), 1);
	assert_int_equal(world_count(w, "spawn b ExecReload"), 1);
	/* c is down and stays so. */
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	assert_int_equal(w->job_result[3], 0);
	world_command(w, EV_START, C, 4);
	world_clear(w);
	world_command(w, EV_RELOAD, B, 5);
	assert_int_equal(world_count(w, "ExecReload"), 2);
	world_free(w);
}

static void test_reload_of_a_target(void **data)
{
	struct world *w = world_new(2);

	(void)data;
	world_add(w, "a", KIND_TARGET);
	world_add(w, "b", KIND_SERVICE);
	world_commands(w, &w->set.units[B].service.exec_reload, 1);
	world_edge(w, A, DEP_WANTS, B);
	world_edge(w, A, DEP_RELOADS, B);
	world_begin(w);
	world_command(w, EV_RELOAD, A, 1);
	assert_true(w->job_result[1] > 0);
	world_command(w, EV_START, A, 2);
	world_command(w, EV_RELOAD, A, 3);
	assert_int_equal(w->job_result[3], 0);
	assert_int_equal(world_count(w, "spawn b ExecReload"), 1);
	world_free(w);
}

/* ---- StopWhenUnneeded=, RefuseManual*= */

static void test_stops_when_unneeded(void **data)
{
	struct world *w = pair(DEP_WANTS);

	(void)data;
	world_edge(w, C, DEP_REQUIRES, B);
	keys(w, B)->stop_when_unneeded = true;
	w->set.units[A].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, C, 2);
	world_command(w, EV_STOP, C, 3);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	/* One that restarts still needs it. */
	world_exit(w, A, SIGSEGV);
	states(w, ST_BACKOFF, ST_RUNNING, ST_INACTIVE);
	world_command(w, EV_RESTART, A, 4);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	assert_int_equal(w->actors[B].spawns, 1);
	world_command(w, EV_STOP, A, 5);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_INACTIVE);
	assert_string_equal(world_run(w, B)->cause, "stopped: no unit needs it any more");
	/* Started for nobody, it goes again. */
	world_command(w, EV_START, B, 6);
	assert_int_equal(w->job_result[6], 0);
	assert_int_equal(world_state(w, B), ST_INACTIVE);
	world_free(w);
}

static void test_manual_commands_refused(void **data)
{
	struct world *w = pair(DEP_REQUIRES);

	(void)data;
	keys(w, B)->refuse_manual_start = true;
	keys(w, C)->refuse_manual_stop = true;
	world_edge(w, C, DEP_PART_OF, A);
	world_begin(w);
	world_command(w, EV_START, B, 1);
	assert_int_equal(w->job_result[1], EPERM);
	assert_string_equal(w->job_text[1], "only other units may start it (RefuseManualStart=)");
	world_command(w, EV_START, A, 2);
	world_command(w, EV_START, C, 3);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	world_command(w, EV_RESTART, B, 4);
	assert_int_equal(w->job_result[4], EPERM);
	world_command(w, EV_STOP, C, 5);
	world_command(w, EV_RESTART, C, 6);
	assert_int_equal(w->job_result[5], EPERM);
	assert_int_equal(w->job_result[6], EPERM);
	assert_string_equal(w->job_text[5], "only other units may stop it (RefuseManualStop=)");
	world_command(w, EV_STOP, A, 7);
	world_command(w, EV_STOP, B, 8);
	states(w, ST_INACTIVE, ST_INACTIVE, ST_INACTIVE);
	world_free(w);
}

/* ---- JobTimeoutSec= */

/* a needs b, which never says that it is ready; c needs a. */
static struct world *slow(void)
{
	struct world *w = pair(DEP_REQUIRES);

	world_edge(w, A, DEP_AFTER, B);
	world_edge(w, C, DEP_REQUIRES, A);
	world_edge(w, C, DEP_AFTER, A);
	w->set.units[B].service.type = TYPE_NOTIFY;
	return w;
}

static void test_start_that_waits_too_long(void **data)
{
	struct world *w = slow();

	(void)data;
	keys(w, A)->job_timeout = 5 * SEC;
	world_begin(w);
	world_command(w, EV_START, C, 1);
	world_command(w, EV_START, A, 2);
	world_pass(w, 4 * SEC);
	states(w, ST_WAITING, ST_START, ST_WAITING);
	world_pass(w, SEC);
	states(w, ST_INACTIVE, ST_START, ST_FAILED);
	assert_int_equal(w->job_result[2], ETIMEDOUT);
	assert_string_equal(w->job_text[2],
		"start not done in time (JobTimeoutSec=): waits for b (starting)");
	assert_true(w->job_result[1] > 0);
	world_ready(w, B);
	states(w, ST_INACTIVE, ST_RUNNING, ST_FAILED);
	world_free(w);
}

static void test_start_that_runs_too_long(void **data)
{
	struct world *w = slow();

	(void)data;
	keys(w, B)->job_running_timeout = 5 * SEC;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_pass(w, 5 * SEC);
	/* b is left to itself, and nobody waits for it any more. */
	states(w, ST_FAILED, ST_START, ST_INACTIVE);
	assert_string_equal(w->job_text[1], "requires b, which is not up in time");
	world_command(w, EV_START, A, 2);
	states(w, ST_WAITING, ST_START, ST_INACTIVE);
	world_ready(w, B);
	states(w, ST_RUNNING, ST_RUNNING, ST_INACTIVE);
	world_free(w);
}

static void test_stop_that_takes_too_long(void **data)
{
	struct world *w = slow();

	(void)data;
	keys(w, B)->job_timeout = 5 * SEC;
	w->actors[A].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_ready(w, B);
	world_command(w, EV_STOP, B, 2);
	world_pass(w, 5 * SEC);
	states(w, ST_STOP_TERM, ST_RUNNING, ST_INACTIVE);
	assert_int_equal(w->job_result[2], ETIMEDOUT);
	assert_string_equal(w->job_text[2],
		"stop not done in time (JobTimeoutSec=): stops after a (stop-sigterm)");
	assert_true(world_run(w, B)->wanted);
	world_free(w);
}

static void test_job_timeout_action(void **data)
{
	struct world *w = slow();

	(void)data;
	keys(w, A)->job_timeout = 5 * SEC;
	keys(w, A)->job_timeout_action = ACTION_EXIT_FORCE;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_pass(w, 5 * SEC);
	assert_true(world_in_order(w, "machine 5 0 a: start not done in time (JobTimeoutSec=)",
		NULL));
	world_free(w);
}

/* ---- RestartDependents= */

static void test_dependents_restart_with_it(void **data)
{
	struct world *w = pair(DEP_REQUIRES);

	(void)data;
	world_edge(w, A, DEP_AFTER, B);
	world_edge(w, C, DEP_REQUIRES, B);
	keys(w, B)->restart_dependents = true;
	w->set.units[B].service.type = TYPE_NOTIFY;
	w->set.units[B].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, A, 1);
	world_command(w, EV_START, C, 2);
	world_ready(w, B);
	world_exit(w, B, SIGSEGV);
	/* c has no order, so it goes on. */
	states(w, ST_WAITING, ST_BACKOFF, ST_RUNNING);
	world_pass(w, SEC);
	states(w, ST_WAITING, ST_START, ST_RUNNING);
	world_ready(w, B);
	states(w, ST_RUNNING, ST_RUNNING, ST_RUNNING);
	assert_int_equal(w->actors[A].spawns, 2);
	assert_int_equal(w->actors[C].spawns, 1);
	/* A clean end is no failure. */
	world_exit(w, B, 0);
	states(w, ST_RUNNING, ST_BACKOFF, ST_RUNNING);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requisite_fails_at_once),
		cmocka_unit_test(test_requisite_goes_before_order),
		cmocka_unit_test(test_requisite_that_is_started_too),
		cmocka_unit_test(test_upheld_starts_again),
		cmocka_unit_test(test_upheld_keeps_its_start_limit),
		cmocka_unit_test(test_upheld_that_cannot_begin),
		cmocka_unit_test(test_on_success),
		cmocka_unit_test(test_success_of_one_that_restarts),
		cmocka_unit_test(test_success_is_of_one_that_ran),
		cmocka_unit_test(test_actions_and_their_status),
		cmocka_unit_test(test_stop_is_passed_on),
		cmocka_unit_test(test_restart_with_a_start_of_it),
		cmocka_unit_test(test_reload_is_passed_on),
		cmocka_unit_test(test_reload_of_a_target),
		cmocka_unit_test(test_stops_when_unneeded),
		cmocka_unit_test(test_manual_commands_refused),
		cmocka_unit_test(test_start_that_waits_too_long),
		cmocka_unit_test(test_start_that_runs_too_long),
		cmocka_unit_test(test_stop_that_takes_too_long),
		cmocka_unit_test(test_job_timeout_action),
		cmocka_unit_test(test_dependents_restart_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
