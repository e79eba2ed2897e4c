/* What a service says by sd_notify(3), and how it reloads. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct world *reloader(void)
{
	struct world *w = world_one(KIND_SERVICE);

	world_service(w)->type = TYPE_NOTIFY_RELOAD;
	w->actors[0].handles = UINT64_C(1) << SIGHUP | UINT64_C(1) << SIGUSR2;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_START);
	world_ready(w, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_clear(w);
	return w;
}

static void test_reload_by_signal(void **data)
{
	struct world *w = reloader();

	(void)data;
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(world_in_order(w, "signal web main 1\n", NULL));
	world_pass(w, SEC);
	world_say(w, 0, (struct notify){ .reloading = true, .at = w->now - 1 });
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_say(w, 0, (struct notify){ .ready = true });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

/* A reload of its own that began before the signal is not the answer to it, nor is one that does not say when. */
static void test_old_word_is_no_answer(void **data)
{
	struct world *w = reloader();

	(void)data;
	world_service(w)->reload_signal = SIGUSR2;
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(world_in_order(w, "signal web main 12\n", NULL));
	world_say(w, 0, (struct notify){ .reloading = true, .at = w->now - 1 });
	world_say(w, 0, (struct notify){ .ready = true });
	world_say(w, 0, (struct notify){ .reloading = true });
	world_say(w, 0, (struct notify){ .ready = true });
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_say(w, 0, (struct notify){ .reloading = true, .at = w->now });
	world_say(w, 0, (struct notify){ .ready = true });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_no_answer_at_all(void **data)
{
	struct world *w = reloader();

	(void)data;
	world_command(w, EV_RELOAD, 0, 2);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(w->job_result[2] > 0);
	assert_string_equal(w->job_text[2],
		"reload timed out: the service has not said RELOADING=1 with MONOTONIC_USEC=");
	/* Another one meanwhile is refused, and one that is begun can take longer by its own word. */
	world_command(w, EV_RELOAD, 0, 3);
	world_command(w, EV_RELOAD, 0, 4);
	assert_string_equal(w->job_text[4], "reloading");
	world_say(w, 0,
		(struct notify){ .reloading = true, .at = w->now, .extend_timeout = 200 * SEC });
	world_pass(w, 199 * SEC);
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_pass(w, SEC);
	assert_string_equal(w->job_text[3], "reload timed out");
	world_free(w);
}

/* Both must be through, in whatever order they end. */
static void test_reload_by_signal_and_command(void **data)
{
	(void)data;
	for (int first = 0; first < 2; first++) {
		struct world *w = reloader();

		world_commands(w, &world_service(w)->exec_reload, 1);
		w->actors[0].hold_helpers = true;
		world_command(w, EV_RELOAD, 0, 2);
		assert_true(world_in_order(w, "signal web main 1\n", "spawn web ExecReload 0",
			NULL));
		world_say(w, 0, (struct notify){ .reloading = true, .at = w->now });
		if (first == 0)
			world_helper_exit(w, 0, 0);
		world_say(w, 0, (struct notify){ .ready = true });
		if (first != 0) {
			assert_int_equal(world_state(w, 0), ST_RELOAD);
			world_helper_exit(w, 0, 0);
		}
		assert_int_equal(world_state(w, 0), ST_RUNNING);
		assert_int_equal(w->job_result[2], 0);
		world_free(w);
	}
}

/* ExecReload= sends a signal and ends, the service says that it is still at it. */
static void test_command_then_word(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->type = TYPE_NOTIFY;
	world_commands(w, &world_service(w)->exec_reload, 1);
	world_start(w);
	world_ready(w, 0);
	w->actors[0].hold_helpers = true;
	world_command(w, EV_RELOAD, 0, 2);
	world_say(w, 0, (struct notify){ .reloading = true });
	world_helper_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_say(w, 0, (struct notify){ .ready = true });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->job_result[2], 0);
	/* Of its own accord, without a command. */
	world_say(w, 0, (struct notify){ .reloading = true });
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_say(w, 0, (struct notify){ .ready = true });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_end_in_a_reload_answers(void **data)
{
	struct world *w = reloader();

	(void)data;
	w->actors[0].linger = true;
	world_commands(w, &world_service(w)->exec_stop_post, 1);
	w->actors[0].hold_helpers = true;
	world_command(w, EV_RELOAD, 0, 2);
	world_exit(w, 0, EXIT_STATUS(1));
	assert_int_equal(world_state(w, 0), ST_STOP_POST);
	assert_string_equal(w->job_text[2], "exit code 1");
	world_free(w);
}

/* ---- STOPPING=1 */

static struct world *stopping(void)
{
	struct world *w = world_one(KIND_SERVICE);

	world_service(w)->watchdog = 10 * SEC;
	world_service(w)->restart = RESTART_ON_FAILURE;
	world_start(w);
	world_clear(w);
	w->actors[0].linger = true;
	world_say(w, 0, (struct notify){ .stopping = true });
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	return w;
}

static void test_stopping_by_itself(void **data)
{
	struct world *w = stopping();

	(void)data;
	/* No watchdog any more, and no signal. */
	world_pass(w, 60 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	assert_int_equal(world_count(w, "signal"), 0);
	/* Those that it leaves behind are told. */
	world_exit(w, 0, 0);
	assert_true(world_in_order(w, "signal-all web 15", "teardown web", NULL));
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_stopping_for_ever(void **data)
{
	struct world *w = stopping();

	(void)data;
	world_say(w, 0, (struct notify){ .extend_timeout = 100 * SEC });
	world_pass(w, 99 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_true(world_in_order(w, "kill web", "stop timed out after 90 s, killed; restart",
		NULL));
	world_free(w);
}

static void test_stopping_and_stopped(void **data)
{
	struct world *w = stopping();

	(void)data;
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_count(w, "signal"), 0);
	w->actors[0].linger = false;
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_string_equal(world_run(w, 0)->cause, "stopped by operator");
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

/* ---- the watchdog, and other words */

static void test_watchdog_in_a_reload(void **data)
{
	struct world *w = reloader();

	(void)data;
	world_say(w, 0, (struct notify){ .watchdog_usec = 10 * SEC });
	world_command(w, EV_RELOAD, 0, 2);
	for (int i = 0; i < 3; i++) {
		world_pass(w, 9 * SEC);
		world_say(w, 0, (struct notify){ .watchdog = true });
	}
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_pass(w, 10 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "watchdog: no word for 10 s");
	world_free(w);
}

static void test_watchdog_turned_off(void **data)
{
	struct world *w = world_one(KIND_SERVICE);
	const struct notify off = { .watchdog_usec = 0 };

	(void)data;
	world_service(w)->watchdog = 10 * SEC;
	world_start(w);
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .notify = &off });
	world_pass(w, 3600 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_another_main_process_is_refused_once(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_start(w);
	world_clear(w);
	world_say(w, 0, (struct notify){ .main_pid = 100 });
	assert_int_equal(w->logs, 0);
	world_say(w, 0, (struct notify){ .main_pid = 4000 });
	world_say(w, 0, (struct notify){ .main_pid = 4001 });
	assert_int_equal(w->logs, 1);
	assert_non_null(strstr(w->last_log, "MAINPID=4000 is not followed"));
	assert_int_equal(world_run(w, 0)->main_pid, 100);
	world_free(w);
}

static void test_error_of_the_service(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_start(w);
	world_say(w, 0, (struct notify){ .error = 2, .status = "no such thing" });
	assert_int_equal(world_run(w, 0)->error, 2);
	world_command(w, EV_RESTART, 0, 2);
	assert_int_equal(world_run(w, 0)->error, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_by_signal),
		cmocka_unit_test(test_old_word_is_no_answer),
		cmocka_unit_test(test_no_answer_at_all),
		cmocka_unit_test(test_reload_by_signal_and_command),
		cmocka_unit_test(test_command_then_word),
		cmocka_unit_test(test_end_in_a_reload_answers),
		cmocka_unit_test(test_stopping_by_itself),
		cmocka_unit_test(test_stopping_for_ever),
		cmocka_unit_test(test_stopping_and_stopped),
		cmocka_unit_test(test_watchdog_in_a_reload),
		cmocka_unit_test(test_watchdog_turned_off),
		cmocka_unit_test(test_another_main_process_is_refused_once),
		cmocka_unit_test(test_error_of_the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
