/* Keys of [Service] on the life of one unit: condition, back-off, kill keys, run time, words of the service. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct world *one(enum unit_kind kind)
{
	struct world *w = world_new(1);

	world_add(w, "web", kind);
	return w;
}

static struct service_section *service(struct world *w)
{
	return &w->set.units[0].service;
}

static void begin(struct world *w)
{
	world_begin(w);
	world_command(w, EV_START, 0, 1);
}

/* ---- ExecCondition= */

static struct world *with_condition(int32_t status)
{
	struct world *w = one(KIND_SERVICE);

	world_commands(w, &service(w)->exec_condition, 2);
	world_commands(w, &service(w)->exec_start_pre, 1);
	world_commands(w, &service(w)->exec_stop_post, 1);
	service(w)->restart = RESTART_ALWAYS;
	w->actors[0].helper_status[ROLE_CONDITION] = status;
	return w;
}

static void test_condition_goes_on(void **data)
{
	struct world *w = with_condition(0);

	(void)data;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(world_in_order(w, "spawn web ExecCondition 0", "spawn web ExecCondition 1",
		"spawn web ExecStartPre 0", "spawn web main 0", NULL));
	world_free(w);
	w = with_condition(EXIT_STATUS(75));
	service(w)->success_exit.codes[1] = UINT64_C(1) << (75 - 64);
	begin(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
	w = with_condition(EXIT_STATUS(255));
	service(w)->exec_condition.v[0].ignore_failure = true;
	service(w)->exec_condition.v[1].ignore_failure = true;
	begin(w);
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
		world_commands(w, &service(w)->exec_condition, 2);
		world_commands(w, &service(w)->exec_stop_post, 1);
		service(w)->restart = RESTART_ALWAYS;
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

		service(w)->restart = RESTART_NO;
		begin(w);
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
	service(w)->restart = RESTART_NO;
	w->actors[0].hold_helpers = true;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_CONDITION);
	world_pass(w, 90 * SEC);
	w->actors[0].hold_helpers = false;
	world_pass(w, 200 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "start timed out after 90 s");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_condition_goes_on),
		cmocka_unit_test(test_condition_skips),
		cmocka_unit_test(test_condition_fails),
		cmocka_unit_test(test_condition_has_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
