/* How a unit is brought down: who gets which signal when, and what follows when that does not help. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct world *running(void)
{
	struct world *w = world_one(KIND_SERVICE);

	world_start(w);
	world_clear(w);
	return w;
}

static void test_restart_has_its_own_signal(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->restart_kill_signal = SIGUSR1;
	world_command(w, EV_RESTART, 0, 2);
	assert_true(world_in_order(w, "signal-all web 10", "spawn web main 0", NULL));
	assert_int_equal(world_count(w, "signal-all web 15"), 0);
	world_clear(w);
	world_command(w, EV_STOP, 0, 3);
	assert_true(world_in_order(w, "signal-all web 15", NULL));
	assert_int_equal(world_count(w, "signal-all web 10"), 0);
	world_free(w);
}

static void test_hang_up_follows(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->send_sighup = true;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	assert_true(world_in_order(w, "signal-all web 15\nsignal-all web 1\n", NULL));
	world_pass(w, 90 * SEC);
	assert_int_equal(world_count(w, "signal-all web 1\n"), 1);
	world_free(w);
	/* Not twice. */
	w = running();
	world_service(w)->send_sighup = true;
	world_service(w)->kill_signal = SIGHUP;
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_count(w, "signal-all web 1\n"), 1);
	world_free(w);
}

/* As a core dump; but what survives that is killed all the same. */
static void test_final_signal(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->final_kill_signal = SIGQUIT;
	world_service(w)->timeout_stop = 20 * SEC;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 20 * SEC);
	assert_true(world_in_order(w, "signal-all web 15", "signal-all web 3", NULL));
	assert_int_equal(world_state(w, 0), ST_STOP_KILL);
	world_pass(w, 20 * SEC - 1);
	assert_int_equal(world_count(w, "kill web"), 0);
	world_pass(w, 1);
	assert_true(world_in_order(w, "kill web", NULL));
	assert_string_equal(world_run(w, 0)->cause, "stop timed out after 20 s, killed");
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

static void test_final_signal_of_each_mode(void **data)
{
	static const struct {
		enum kill_mode mode;
		const char *first, *last;
	} cases[] = {
		{ KILL_CONTROL_GROUP, "signal-all web 15", "signal-all web 3" },
		{ KILL_MIXED, "signal web main 15", "signal-all web 3" },
		{ KILL_PROCESS, "signal web main 15", "signal web main 3" },
	};

	(void)data;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = running();

		world_service(w)->final_kill_signal = SIGQUIT;
		world_service(w)->kill_mode = (int)cases[i].mode;
		w->actors[0].ignore_term = true;
		world_command(w, EV_STOP, 0, 2);
		world_pass(w, 90 * SEC);
		assert_true(world_in_order(w, cases[i].first, cases[i].last, NULL));
		world_pass(w, 90 * SEC);
		assert_int_equal(world_state(w, 0), ST_FAILED);
		assert_false(w->actors[0].main);
		world_free(w);
	}
}

/* The rest of a mixed unit gets the final signal as soon as the main process is gone. */
static void test_final_signal_to_the_rest(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->final_kill_signal = SIGQUIT;
	world_service(w)->kill_mode = KILL_MIXED;
	w->actors[0].linger = true;
	world_command(w, EV_STOP, 0, 2);
	assert_true(world_in_order(w, "signal web main 15", "signal-all web 3", NULL));
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

/* The second word of a shutdown waits for no core dump. */
static void test_hurry_kills(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->final_kill_signal = SIGQUIT;
	w->actors[0].ignore_term = true;
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	assert_int_equal(w->machine, 0);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	assert_true(world_in_order(w, "kill web", NULL));
	assert_int_equal(w->machine, 1);
	world_free(w);
}

/* ---- abort */

static void test_watchdog_signal_and_its_time(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->watchdog = 10 * SEC;
	world_service(w)->watchdog_signal = SIGQUIT;
	world_service(w)->timeout_abort = 5 * SEC;
	w->actors[0].ignore_term = true;
	world_start(w);
	world_pass(w, 10 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_ABORT);
	assert_true(world_in_order(w, "signal-all web 3", NULL));
	world_pass(w, 5 * SEC - 1);
	assert_int_equal(world_state(w, 0), ST_STOP_ABORT);
	world_pass(w, 1);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_true(world_in_order(w, "signal-all web 3", "kill web", NULL));
	assert_int_equal(world_count(w, "signal-all web 15"), 0);
	assert_string_equal(engine_result(w->engine, 0), "watchdog");
	world_free(w);
}

static void test_start_failure_modes(void **data)
{
	static const char *const first[] = {
		[FAILURE_TERMINATE] = "signal-all web 15",
		[FAILURE_ABORT] = "signal-all web 6",
		[FAILURE_KILL] = "kill web",
	};

	(void)data;
	for (int mode = FAILURE_TERMINATE; mode <= FAILURE_KILL; mode++) {
		struct world *w = world_one(KIND_SERVICE);

		world_service(w)->type = TYPE_NOTIFY;
		world_service(w)->timeout_start_mode = mode;
		world_start(w);
		world_pass(w, 90 * SEC);
		assert_int_equal(world_state(w, 0), ST_FAILED);
		assert_string_equal(world_run(w, 0)->cause, "start timed out after 90 s");
		assert_true(world_in_order(w, first[mode], "failed", NULL));
		assert_int_equal(world_count(w, "signal-all web") + world_count(w, "kill web"), 1);
		world_free(w);
	}
}

/* ExecStop= hangs, and then the service does. */
static void test_stop_failure_modes(void **data)
{
	static const char *const words[][3] = {
		[FAILURE_TERMINATE] = { "signal-all web 15", "kill web", "failed" },
		[FAILURE_ABORT] = { "signal-all web 3", "kill web", "failed" },
		[FAILURE_KILL] = { "kill web", "failed", "" },
	};

	(void)data;
	for (int mode = FAILURE_TERMINATE; mode <= FAILURE_KILL; mode++) {
		struct world *w = running();

		world_service(w)->timeout_stop_mode = mode;
		world_service(w)->watchdog_signal = SIGQUIT;
		world_service(w)->timeout_abort = 7 * SEC;
		world_commands(w, &world_service(w)->exec_stop, 2);
		w->actors[0].hold_helpers = w->actors[0].ignore_term = true;
		world_command(w, EV_STOP, 0, 2);
		assert_int_equal(world_state(w, 0), ST_STOP);
		world_pass(w, 90 * SEC);
		world_pass(w, 90 * SEC);
		assert_int_equal(world_state(w, 0), ST_FAILED);
		assert_string_equal(world_run(w, 0)->cause, "ExecStop timed out after 90 s");
		assert_true(world_in_order(w, words[mode][0], words[mode][1], words[mode][2],
			NULL));
		assert_int_equal(world_count(w, "spawn web ExecStop 1"), 0);
		world_free(w);
	}
}

static void test_stop_that_is_aborted(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->timeout_stop_mode = FAILURE_ABORT;
	world_service(w)->watchdog_signal = SIGQUIT;
	world_service(w)->timeout_abort = 7 * SEC;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_ABORT);
	world_pass(w, 7 * SEC);
	assert_true(world_in_order(w, "signal-all web 15", "signal-all web 3", "kill web", NULL));
	assert_string_equal(world_run(w, 0)->cause, "stop timed out after 90 s, aborted");
	world_free(w);
}

/* systemd.service(5): TimeoutStopSec= is for each command. */
static void test_each_stop_command_has_its_time(void **data)
{
	struct world *w = running();

	(void)data;
	world_commands(w, &world_service(w)->exec_stop, 2);
	world_commands(w, &world_service(w)->exec_stop_post, 2);
	w->actors[0].hold_helpers = true;
	world_command(w, EV_STOP, 0, 2);
	for (int i = 0; i < 4; i++) {
		world_pass(w, 89 * SEC);
		world_helper_exit(w, 0, 0);
	}
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

/* ---- what is left alone */

static void test_nobody_is_killed(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->kill_mode = KILL_NONE;
	world_commands(w, &world_service(w)->exec_stop, 1);
	world_commands(w, &world_service(w)->exec_stop_post, 1);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[2], 0);
	assert_true(world_in_order(w, "spawn web ExecStop 0", "spawn web ExecStopPost 0", NULL));
	assert_int_equal(world_count(w, "signal") + world_count(w, "kill"), 0);
	/* What it stands on stays, and no second copy is started beside it. */
	assert_int_equal(world_count(w, "teardown"), 0);
	world_command(w, EV_START, 0, 3);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(w->actors[0].spawns, 1);
	world_exit(w, 0, 0);
	assert_int_equal(world_count(w, "teardown"), 1);
	world_command(w, EV_START, 0, 4);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->max_mains, 0);
	world_free(w);
}

static void test_nobody_is_killed_while_he_is_made(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->kill_mode = KILL_NONE;
	w->actors[0].hold_spawn = true;
	world_start(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	w->actors[0].main = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .pid = 9 });
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_no_final_kill(void **data)
{
	struct world *w = running();

	(void)data;
	world_service(w)->send_sigkill = false;
	world_service(w)->restart = RESTART_ALWAYS;
	world_commands(w, &world_service(w)->exec_stop_post, 1);
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 90 * SEC);
	/* ExecStopPost= runs beside it, then it is told once more. */
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause,
		"stop timed out after 90 s, left alone (SendSIGKILL=no)");
	assert_true(world_in_order(w, "signal-all web 15", "spawn web ExecStopPost 0", NULL));
	assert_int_equal(world_count(w, "kill web") + world_count(w, "teardown"), 0);
	world_exit(w, 0, 0);
	assert_int_equal(world_count(w, "teardown"), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_has_its_own_signal),
		cmocka_unit_test(test_hang_up_follows),
		cmocka_unit_test(test_final_signal),
		cmocka_unit_test(test_final_signal_of_each_mode),
		cmocka_unit_test(test_final_signal_to_the_rest),
		cmocka_unit_test(test_hurry_kills),
		cmocka_unit_test(test_watchdog_signal_and_its_time),
		cmocka_unit_test(test_start_failure_modes),
		cmocka_unit_test(test_stop_failure_modes),
		cmocka_unit_test(test_stop_that_is_aborted),
		cmocka_unit_test(test_each_stop_command_has_its_time),
		cmocka_unit_test(test_nobody_is_killed),
		cmocka_unit_test(test_nobody_is_killed_while_he_is_made),
		cmocka_unit_test(test_no_final_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
