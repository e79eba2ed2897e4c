/* When a service may start, and when it counts as ended: ExecCondition=, RuntimeMaxSec=, ExitType=, RemainAfterExit=. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- ExecCondition= */

static struct world *with_condition(int32_t status)
{
	struct world *w = world_one(KIND_SERVICE);

	world_commands(w, &world_service(w)->exec_condition, 2);
	world_commands(w, &world_service(w)->exec_start_pre, 1);
	world_commands(w, &world_service(w)->exec_stop_post, 1);
	world_service(w)->restart = RESTART_ALWAYS;
	w->actors[0].helper_status[ROLE_CONDITION] = status;
	return w;
}

static void test_condition_goes_on(void **data)
{
	struct world *w = with_condition(0);

	(void)data;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(world_in_order(w, "spawn web ExecCondition 0", "spawn web ExecCondition 1",
		"spawn web ExecStartPre 0", "spawn web main 0", NULL));
	world_free(w);
	w = with_condition(EXIT_STATUS(75));
	world_service(w)->success_exit.codes[1] = UINT64_C(1) << (75 - 64);
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
	w = with_condition(EXIT_STATUS(255));
	world_service(w)->exec_condition.v[0].ignore_failure = true;
	world_service(w)->exec_condition.v[1].ignore_failure = true;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

/* No failure, no restart, and what requires it starts. */
static void test_condition_skips(void **data)
{
	static const int32_t statuses[] = { EXIT_STATUS(1), EXIT_STATUS(254) };

	(void)data;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new(2);

		world_add(w, "web", KIND_SERVICE);
		world_add(w, "shop", KIND_SERVICE);
		world_edge(w, 1, DEP_REQUIRES, 0);
		world_edge(w, 1, DEP_AFTER, 0);
		world_commands(w, &world_service(w)->exec_condition, 2);
		world_commands(w, &world_service(w)->exec_stop_post, 1);
		world_service(w)->restart = RESTART_ALWAYS;
		w->actors[0].helper_status[ROLE_CONDITION] = statuses[i];
		world_begin(w);
		world_command(w, EV_START, 1, 1);
		assert_int_equal(world_state(w, 0), ST_INACTIVE);
		assert_false(world_run(w, 0)->failed);
		assert_memory_equal(world_run(w, 0)->cause, "skipped: ExecCondition: exit code",
			33);
		assert_true(world_in_order(w, "spawn web ExecCondition 0",
			"spawn web ExecStopPost 0", "spawn shop main 0", NULL));
		assert_int_equal(world_count(w, "spawn web ExecCondition"), 1);
		assert_int_equal(w->actors[0].spawns, 0);
		assert_int_equal(w->job_result[1], 0);
		world_pass(w, 3600 * SEC);
		assert_int_equal(world_state(w, 0), ST_INACTIVE);
		world_free(w);
	}
}

static void test_condition_fails(void **data)
{
	static const int32_t statuses[] = { EXIT_STATUS(255), SIGTERM };

	(void)data;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = with_condition(statuses[i]);

		world_service(w)->restart = RESTART_NO;
		world_start(w);
		assert_int_equal(world_state(w, 0), ST_FAILED);
		assert_memory_equal(world_run(w, 0)->cause, "ExecCondition: ", 15);
		assert_true(world_in_order(w, "spawn web ExecStopPost 0", NULL));
		assert_int_equal(w->actors[0].spawns, 0);
		world_free(w);
	}
}

static void test_condition_has_a_deadline(void **data)
{
	struct world *w = with_condition(0);

	(void)data;
	world_service(w)->restart = RESTART_NO;
	w->actors[0].hold_helpers = true;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_CONDITION);
	world_pass(w, 90 * SEC);
	w->actors[0].hold_helpers = false;
	world_pass(w, 200 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "start timed out after 90 s");
	world_free(w);
}

/* ---- RuntimeMaxSec= */

static void test_run_time_is_over(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->runtime_max = 60 * SEC;
	world_commands(w, &world_service(w)->exec_stop, 1);
	world_start(w);
	world_pass(w, 59 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "ran for RuntimeMaxSec=60 s");
	assert_string_equal(engine_result(w->engine, 0), "timeout");
	assert_true(world_in_order(w, "spawn web ExecStop 0", "signal-all web 15", NULL));
	world_free(w);
}

static void test_run_time_with_chance(void **data)
{
	(void)data;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct world *w = world_one(KIND_SERVICE);

		world_service(w)->runtime_max = 60 * SEC;
		world_service(w)->runtime_extra = 30 * SEC;
		world_begin(w);
		engine_seed(w->engine, seed);
		world_command(w, EV_START, 0, 1);
		world_pass(w, 60 * SEC - 1);
		assert_int_equal(world_state(w, 0), ST_RUNNING);
		world_pass(w, 30 * SEC + 1);
		assert_int_equal(world_state(w, 0), ST_FAILED);
		world_free(w);
	}
}

/* It counts from the start, whatever reloads there were, and the next run has its own. */
static void test_run_time_goes_on_in_a_reload(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->runtime_max = 60 * SEC;
	world_commands(w, &world_service(w)->exec_reload, 1);
	world_start(w);
	world_pass(w, 59 * SEC);
	world_command(w, EV_RELOAD, 0, 2);
	assert_int_equal(w->job_result[2], 0);
	world_command(w, EV_RESTART, 0, 3);
	world_pass(w, 59 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

static void test_run_time_extended(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->runtime_max = 60 * SEC;
	world_start(w);
	world_pass(w, 50 * SEC);
	world_say(w, 0, (struct notify){ .extend_timeout = 20 * SEC });
	world_pass(w, 19 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

/* Who has no such time gets none by asking for more. */
static void test_no_run_time_to_extend(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_start(w);
	world_say(w, 0, (struct notify){ .extend_timeout = SEC });
	world_pass(w, 3600 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

/* ---- ExitType=, RemainAfterExit= */

static void test_ends_with_the_last_process(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->exit_type = EXIT_TYPE_CGROUP;
	w->actors[0].linger = true;
	world_start(w);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	w->actors[0].leftover = false;
	world_event(w, &(struct event){ .kind = EV_EMPTY });
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	/* Nothing is left: no different from the other type. */
	w->actors[0].linger = false;
	world_command(w, EV_START, 0, 2);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_failed_main_process_ends_the_rest(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->exit_type = EXIT_TYPE_CGROUP;
	w->actors[0].linger = true;
	world_start(w);
	world_exit(w, 0, EXIT_STATUS(1));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_true(world_in_order(w, "signal-all web 15", NULL));
	world_free(w);
}

static void test_reload_when_the_main_process_has_left_others(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->exit_type = EXIT_TYPE_CGROUP;
	world_commands(w, &world_service(w)->exec_reload, 1);
	w->actors[0].linger = true;
	world_start(w);
	world_exit(w, 0, 0);
	world_command(w, EV_RELOAD, 0, 2);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_service_that_remains(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->remain_after_exit = true;
	world_service(w)->watchdog = 10 * SEC;
	world_service(w)->runtime_max = 20 * SEC;
	world_commands(w, &world_service(w)->exec_start_post, 1);
	world_start(w);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_pass(w, 60 * SEC);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	/* Even when it ends before the commands after its start have. */
	w->actors[0].hold_helpers = true;
	world_command(w, EV_START, 0, 3);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_START_POST);
	world_helper_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	assert_int_equal(w->job_result[3], 0);
	w->actors[0].hold_helpers = false;
	world_command(w, EV_RESTART, 0, 4);
	world_exit(w, 0, EXIT_STATUS(1));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_condition_goes_on),
		cmocka_unit_test(test_condition_skips),
		cmocka_unit_test(test_condition_fails),
		cmocka_unit_test(test_condition_has_a_deadline),
		cmocka_unit_test(test_run_time_is_over),
		cmocka_unit_test(test_run_time_with_chance),
		cmocka_unit_test(test_run_time_goes_on_in_a_reload),
		cmocka_unit_test(test_run_time_extended),
		cmocka_unit_test(test_no_run_time_to_extend),
		cmocka_unit_test(test_ends_with_the_last_process),
		cmocka_unit_test(test_failed_main_process_ends_the_rest),
		cmocka_unit_test(test_reload_when_the_main_process_has_left_others),
		cmocka_unit_test(test_service_that_remains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
