/* The life of one unit, event by event. */
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

static void test_simple_service_starts_and_stops(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(world_run(w, 0)->main_pid, 100);
	world_command(w, EV_START, 0, 2);
	world_command(w, EV_STOP, 0, 3);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_string_equal(world_run(w, 0)->cause, "stopped by operator");
	assert_true(world_in_order(w, "spawn web main 0", "log web started, pid 100", "job 1 done",
		"job 2 done", "signal-all web 15", "log web stopped by operator", "teardown web",
		"job 3 done", NULL));
	assert_int_equal(w->logs, 2);
	world_free(w);
}

static void test_exec_waits_for_the_program(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_EXEC;
	w->actors[0].hold_spawn = true;
	begin(w);
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .pid = 7 });
	assert_int_equal(world_state(w, 0), ST_START);
	world_event(w, &(struct event){ .kind = EV_EXECED });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_notify_waits_for_its_word(void **data)
{
	struct world *w = one(KIND_SERVICE);
	const struct notify status = { .status = "half way", .watchdog_usec = UINT64_MAX };

	(void)data;
	service(w)->type = TYPE_NOTIFY;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_START);
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .notify = &status });
	assert_string_equal(world_run(w, 0)->status_text, "half way");
	assert_int_equal(w->job_result[1], -1);
	world_ready(w, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(world_in_order(w, "log web ready, pid 100", "job 1 done", NULL));
	world_free(w);
}

static void test_notify_that_ends_before_its_word(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_NOTIFY;
	begin(w);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "ended before it was ready: exit code 0");
	assert_true(w->job_result[1] > 0);
	world_free(w);
}

static void test_oneshot_runs_its_commands_in_turn(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_ONESHOT;
	world_commands(w, &service(w)->exec_start, 3);
	world_commands(w, &service(w)->exec_stop, 1);
	w->actors[0].ends_at_once = true;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[1], 0);
	assert_true(world_in_order(w, "spawn web main 0", "spawn web main 1", "spawn web main 2",
		"spawn web ExecStop 0", "teardown web", "job 1 done", NULL));
	world_free(w);
}

static void test_oneshot_that_remains(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_ONESHOT;
	service(w)->remain_after_exit = true;
	w->actors[0].ends_at_once = true;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

static void test_oneshot_stops_at_the_first_failure(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_ONESHOT;
	world_commands(w, &service(w)->exec_start, 2);
	world_commands(w, &service(w)->exec_stop, 1);
	w->actors[0].ends_at_once = true;
	w->actors[0].main_status = EXIT_STATUS(3);
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(world_count(w, "spawn"), 1);
	assert_string_equal(w->job_text[1], "exit code 3");
	world_free(w);
}

static void test_commands_before_after_and_at_the_end(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	world_commands(w, &service(w)->exec_start_pre, 2);
	world_commands(w, &service(w)->exec_start_post, 1);
	world_commands(w, &service(w)->exec_stop, 2);
	world_commands(w, &service(w)->exec_stop_post, 1);
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	assert_true(world_in_order(w, "spawn web ExecStartPre 0", "spawn web ExecStartPre 1",
		"spawn web main 0", "spawn web ExecStartPost 0", "job 1 done",
		"spawn web ExecStop 0", "spawn web ExecStop 1", "signal-all web 15",
		"spawn web ExecStopPost 0", "job 2 done", NULL));
	world_free(w);
}

static void test_failed_command_before(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	world_commands(w, &service(w)->exec_start_pre, 1);
	world_commands(w, &service(w)->exec_stop_post, 1);
	w->actors[0].helper_status[ROLE_START_PRE] = EXIT_STATUS(1);
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "ExecStartPre: exit code 1");
	assert_true(world_in_order(w, "spawn web ExecStopPost 0", "failed: ExecStartPre", NULL));
	assert_int_equal(w->actors[0].spawns, 0);
	assert_int_equal(w->logs, 1);
	world_command(w, EV_RESET, 0, 2);
	service(w)->exec_start_pre.v[0].ignore_failure = true;
	world_command(w, EV_START, 0, 3);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_start_timeout_then_kill(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->type = TYPE_NOTIFY;
	w->actors[0].ignore_term = true;
	begin(w);
	world_pass(w, 89 * SEC);
	assert_int_equal(world_state(w, 0), ST_START);
	world_pass(w, 1 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "start timed out after 90 s");
	assert_true(world_in_order(w, "signal-all web 15", "kill web", "failed:", NULL));
	world_free(w);
}

static void test_extended_timeout(void **data)
{
	struct world *w = one(KIND_SERVICE);
	const struct notify n = { .extend_timeout = 100 * SEC, .watchdog_usec = UINT64_MAX };

	(void)data;
	service(w)->type = TYPE_NOTIFY;
	begin(w);
	world_pass(w, 50 * SEC);
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .notify = &n });
	world_pass(w, 99 * SEC);
	assert_int_equal(world_state(w, 0), ST_START);
	world_pass(w, 1 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

static void test_stop_that_needs_the_kill(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	w->actors[0].ignore_term = true;
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "stop timed out after 90 s, killed");
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

static void test_survivor_of_the_kill(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->restart = RESTART_ALWAYS;
	w->actors[0].immortal = true;
	begin(w);
	world_command(w, EV_RESTART, 0, 2);
	world_pass(w, 101 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_true(w->job_result[2] > 0);
	/* No second copy beside it. */
	world_command(w, EV_START, 0, 3);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(w->actors[0].spawns, 1);
	world_exit(w, 0, SIGKILL);
	world_command(w, EV_START, 0, 4);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	/* A stop that leaves somebody alive has not been done, and says so. */
	world_command(w, EV_STOP, 0, 5);
	world_pass(w, 101 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_true(w->job_result[5] > 0);
	world_free(w);
}

static void test_daemon_that_leaves_its_shell(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->restart = RESTART_ALWAYS;
	w->actors[0].linger = true;
	begin(w);
	world_exit(w, 0, 0);
	world_pass(w, 100 * MS);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(world_in_order(w, "signal-all web 15", "restart in 100 ms (1st)",
		"spawn web main 0", NULL));
	world_free(w);
}

static void test_kill_modes(void **data)
{
	static const struct {
		enum kill_mode mode;
		enum unit_kind kind;
		const char *first;
	} cases[] = {
		{ KILL_CONTROL_GROUP, KIND_SERVICE, "signal-all web 15" },
		{ KILL_MIXED, KIND_SERVICE, "signal web main 15\nkill web" },
		{ KILL_PROCESS, KIND_SERVICE, "signal web main 15\nlog" },
		/* 0: what the image says */
		{ KILL_CONTROL_GROUP, KIND_CONTAINER, "signal web main 0\nkill web" },
	};

	(void)data;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = one(cases[i].kind);

		service(w)->kill_mode = (int)cases[i].mode;
		w->actors[0].linger = true;
		begin(w);
		world_command(w, EV_STOP, 0, 2);
		assert_true(world_in_order(w, cases[i].first, NULL));
		assert_int_equal(world_state(w, 0), ST_INACTIVE);
		world_free(w);
	}
}

static void test_container_stops_by_its_own_words(void **data)
{
	struct world *w = one(KIND_CONTAINER);

	(void)data;
	w->set.units[0].container.stop_signal = SIGQUIT;
	w->set.units[0].service.timeout_stop = 10 *
		SEC; /* from StopTimeout=, when the files are read */
	w->actors[0].ignore_term = true;
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 10 * SEC);
	assert_true(world_in_order(w, "signal web main 3", "kill web", "stop timed out after 10 s",
		NULL));
	world_free(w);
}

static void test_failed_spawn(void **data)
{
	struct world *w = one(KIND_CONTAINER);

	(void)data;
	w->actors[0].fail_spawn = true;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(w->job_text[1], "open /nowhere: No such file or directory");
	assert_int_equal(w->logs, 1);
	world_free(w);
}

/* And whole: paths are long. */
static void test_fault_after_the_clone_is_told_once(void **data)
{
	static const char why[] =
		"mount-volume: /var/lib/sup/volumes/recordings-of-the-second-camera/by-day/2026 on "
		"/srv/camera/second/recordings/by-day/2026 (Volume= of recorder.container, given by its "
		"drop-in): Too many levels of symbolic links";
	struct world *w = one(KIND_SERVICE);

	(void)data;
	w->actors[0].hold_exec = true;
	begin(w);
	world_event(w, &(struct event){ .kind = EV_SPAWN_FAILED, .text = why });
	world_event(w, &(struct event){ .kind = EV_SPAWN_FAILED, .text = "said again" });
	world_exit(w, 0, EXIT_STATUS(125));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, why);
	assert_int_equal(world_count(w, "failed:"), 1);
	world_free(w);
}

static void test_restarts_and_their_limit(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->restart = RESTART_ON_FAILURE;
	w->set.units[0].unit.start_limit_burst = 3;
	w->set.units[0].unit.start_limit_interval = 10 * SEC;
	w->set.units[0].unit.start_limit_action = ACTION_REBOOT_FORCE;
	w->actors[0].ends_at_once = true;
	w->actors[0].main_status = EXIT_STATUS(3);
	begin(w);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_true(world_in_order(w, "exit code 3; restart in 100 ms (1st)", NULL));
	world_pass(w, 1 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(w->actors[0].spawns, 3);
	assert_int_equal(world_run(w, 0)->restarts, 3);
	assert_string_equal(world_run(w, 0)->cause,
		"start limit hit: 3 starts within 10 s, last: exit code 3");
	assert_int_equal(w->machine, 2);
	world_free(w);
}

static void test_manual_start_counts_and_reset_forgets(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	w->set.units[0].unit.start_limit_burst = 1;
	w->set.units[0].unit.start_limit_interval = 10 * SEC;
	begin(w);
	world_command(w, EV_STOP, 0, 0);
	world_command(w, EV_START, 0, 2);
	assert_true(w->job_result[2] > 0);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_command(w, EV_RESET, 0, 0);
	world_command(w, EV_START, 0, 3);
	assert_int_equal(w->job_result[3], 0);
	world_free(w);
}

static void test_stop_and_start_in_backoff(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->restart = RESTART_ALWAYS;
	begin(w);
	world_exit(w, 0, SIGSEGV);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_pass(w, 10 * SEC);
	assert_int_equal(w->actors[0].spawns, 1);
	world_command(w, EV_START, 0, 3);
	world_exit(w, 0, SIGSEGV);
	world_command(w, EV_RESTART, 0, 4);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(world_run(w, 0)->restarts, 0);
	world_free(w);
}

static void test_restart_keeps_the_resources(void **data)
{
	struct world *w = one(KIND_CONTAINER);

	(void)data;
	begin(w);
	world_command(w, EV_RESTART, 0, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->actors[0].spawns, 2);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_count(w, "teardown"), 0);
	world_free(w);
}

static void test_out_of_memory_is_named(void **data)
{
	struct world *w = one(KIND_CONTAINER);

	(void)data;
	service(w)->memory_max.value = 50 << 20;
	service(w)->oom_policy = OOM_KILL;
	begin(w);
	world_event(w, &(struct event){ .kind = EV_OOM });
	world_exit(w, 0, EXIT_STATUS(137));
	assert_string_equal(world_run(w, 0)->cause, "out of memory (MemoryMax=50M)");
	world_command(w, EV_START, 0, 2);
	assert_false(world_run(w, 0)->oom);
	world_exit(w, 0, SIGKILL);
	world_event(w, &(struct event){ .kind = EV_OOM });
	assert_string_equal(world_run(w, 0)->cause, "out of memory (MemoryMax=50M)");
	service(w)->oom_policy = OOM_STOP;
	world_command(w, EV_START, 0, 3);
	world_event(w, &(struct event){ .kind = EV_OOM });
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

static void test_watchdog(void **data)
{
	struct world *w = one(KIND_SERVICE);
	const struct notify n = { .watchdog = true, .watchdog_usec = UINT64_MAX };

	(void)data;
	service(w)->watchdog = 10 * SEC;
	service(w)->restart = RESTART_ON_WATCHDOG;
	begin(w);
	world_pass(w, 9 * SEC);
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .notify = &n });
	world_pass(w, 9 * SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_pass(w, 1 * SEC);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_true(world_in_order(w, "signal-all web 6", "watchdog: no word for 10 s; restart",
		NULL));
	world_free(w);
}

static void test_reload_of_a_unit(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	begin(w);
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(w->job_result[2] > 0);
	world_commands(w, &service(w)->exec_reload, 1);
	world_command(w, EV_RELOAD, 0, 3);
	assert_int_equal(w->job_result[3], 0);
	w->actors[0].helper_status[ROLE_RELOAD] = EXIT_STATUS(1);
	world_command(w, EV_RELOAD, 0, 4);
	assert_true(w->job_result[4] > 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static bool no_condition(void *data, const struct condition *c)
{
	(void)data;
	(void)c;
	return false;
}

static void test_condition_skips(void **data)
{
	struct world *w = one(KIND_SERVICE);
	struct condition c = { .kind = CONDITION_PATH_EXISTS, .text = "/etc/x" };
	const struct engine_facts facts = { .condition = no_condition };

	(void)data;
	service(w)->restart = RESTART_ALWAYS;
	w->set.units[0].unit.conditions.v = &c;
	w->set.units[0].unit.conditions.n = 1;
	world_begin(w);
	engine_set_facts(w->engine, &facts);
	world_command(w, EV_START, 0, 1);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[1], 0);
	assert_string_equal(world_run(w, 0)->cause,
		"skipped: ConditionPathExists=/etc/x is not met");
	c.negate = true;
	world_command(w, EV_START, 0, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_assert_fails(void **data)
{
	struct world *w = one(KIND_SERVICE);
	struct condition c = { .kind = CONDITION_PATH_IS_MOUNT_POINT, .text = "/data" };
	const struct engine_facts facts = { .condition = no_condition };

	(void)data;
	service(w)->restart = RESTART_ALWAYS;
	w->set.units[0].unit.asserts.v = &c;
	w->set.units[0].unit.asserts.n = 1;
	world_begin(w);
	engine_set_facts(w->engine, &facts);
	world_command(w, EV_START, 0, 1);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_true(w->job_result[1] > 0);
	assert_string_equal(world_run(w, 0)->cause, "AssertPathIsMountPoint=/data is not met");
	world_free(w);
}

static void test_stop_while_the_spawn_is_not_answered(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	w->actors[0].hold_spawn = true;
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	world_clear(w);
	w->actors[0].main = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .pid = 9 });
	assert_true(world_in_order(w, "signal-all web 15", NULL));
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_network_setup_and_its_failure(void **data)
{
	struct world *w = one(KIND_NETWORK);

	(void)data;
	w->actors[0].fail_setup = true;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(w->job_text[1], "no such interface");
	w->actors[0].fail_setup = false;
	world_command(w, EV_START, 0, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_command(w, EV_STOP, 0, 3);
	assert_true(world_in_order(w, "setup web", "log web up", "teardown web", NULL));
	world_free(w);
}

static void test_service_without_a_command(void **data)
{
	struct world *w = one(KIND_SERVICE);

	(void)data;
	service(w)->exec_start.n = 0;
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	world_free(w);
}

/* Every event in every state: no crash, and whatever happened, a stop ends it. */
static void test_every_cell(void **data)
{
	const struct notify n = { .ready = true, .reloading = true, .watchdog_usec = 5 };

	(void)data;
	for (int state = 0; state < ST_COUNT; state++)
		for (int kind = 0; kind < EV_COUNT; kind++) {
			struct world *w = one(KIND_SERVICE);
			struct event event = { .kind = (enum event_kind)kind, .notify = &n };

			assert_non_null(rules[state][kind]);
			w->quiet = true;
			world_begin(w);
			engine_enter(w->engine, 0, (enum state)state, TIME_INFINITY);
			life_of(w->engine, 0)->main.live = w->actors[0].main =
				(1u << state & (STATES_ACTIVE | STATES_STARTING)) != 0;
			world_event(w, &event);
			engine_shutdown(w->engine, 1, w->now);
			world_perform(w);
			engine_shutdown(w->engine, 1, w->now);
			world_perform(w);
			world_pass(w, 1000 * SEC);
			assert_true(in_states(life_of(w->engine, 0), STATES_DOWN));
			assert_int_equal(w->machine, 1);
			world_free(w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_service_starts_and_stops),
		cmocka_unit_test(test_exec_waits_for_the_program),
		cmocka_unit_test(test_notify_waits_for_its_word),
		cmocka_unit_test(test_notify_that_ends_before_its_word),
		cmocka_unit_test(test_oneshot_runs_its_commands_in_turn),
		cmocka_unit_test(test_oneshot_that_remains),
		cmocka_unit_test(test_oneshot_stops_at_the_first_failure),
		cmocka_unit_test(test_commands_before_after_and_at_the_end),
		cmocka_unit_test(test_failed_command_before),
		cmocka_unit_test(test_start_timeout_then_kill),
		cmocka_unit_test(test_extended_timeout),
		cmocka_unit_test(test_stop_that_needs_the_kill),
		cmocka_unit_test(test_survivor_of_the_kill),
		cmocka_unit_test(test_daemon_that_leaves_its_shell),
		cmocka_unit_test(test_kill_modes),
		cmocka_unit_test(test_container_stops_by_its_own_words),
		cmocka_unit_test(test_failed_spawn),
		cmocka_unit_test(test_fault_after_the_clone_is_told_once),
		cmocka_unit_test(test_restarts_and_their_limit),
		cmocka_unit_test(test_manual_start_counts_and_reset_forgets),
		cmocka_unit_test(test_stop_and_start_in_backoff),
		cmocka_unit_test(test_restart_keeps_the_resources),
		cmocka_unit_test(test_out_of_memory_is_named),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_reload_of_a_unit),
		cmocka_unit_test(test_condition_skips),
		cmocka_unit_test(test_assert_fails),
		cmocka_unit_test(test_stop_while_the_spawn_is_not_answered),
		cmocka_unit_test(test_network_setup_and_its_failure),
		cmocka_unit_test(test_service_without_a_command),
		cmocka_unit_test(test_every_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
