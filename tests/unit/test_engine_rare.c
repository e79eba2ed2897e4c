/* Orders of events that no everyday run has: each reaches a cell of the table that could else say anything. */
#include "common/util.h"
#include "common/wire.h"
#include "tests/unit/engine_world.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOWHERE "open /nowhere: No such file or directory"

static void answer(struct world *w, enum event_kind kind, enum role role)
{
	if (kind == EV_SPAWNED && role == ROLE_MAIN)
		w->actors[0].main = true;
	world_event(w,
		&(struct event){ .kind = kind, .role = role, .pid = 7, .text = "it went wrong" });
}

/* A service that is up, with one command at `list`, if that is not NULL. */
static struct world *running(struct commands *(*list)(struct world *w))
{
	struct world *w = world_one(KIND_SERVICE);

	if (list != NULL)
		world_commands(w, list(w), 1);
	world_start(w);
	world_clear(w);
	return w;
}

static struct commands *exec_stop(struct world *w)
{
	return &world_service(w)->exec_stop;
}

static struct commands *exec_reload(struct world *w)
{
	return &world_service(w)->exec_reload;
}

static void test_stop_while_a_network_is_made(void **data)
{
	struct world *w = world_one(KIND_NETWORK);

	(void)data;
	w->actors[0].hold_setup = true;
	world_start(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_SETUP);
	assert_int_equal(w->job_result[2], -1);
	assert_int_equal(world_count(w, "teardown"), 0);
	world_event(w, &(struct event){ .kind = EV_SETUP_DONE });
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_count(w, "teardown web"), 1);
	world_free(w);
}

static void test_network_that_is_never_made(void **data)
{
	struct world *w = world_one(KIND_NETWORK);

	(void)data;
	w->actors[0].hold_setup = true;
	world_start(w);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "setup timed out after 90 s");
	world_free(w);
}

/* Its own end began while the restart waited for its turn: ExecStop= is left alone. */
static void test_restart_comes_in_the_midst_of_the_end(void **data)
{
	struct world *w = world_new(2);

	(void)data;
	world_add(w, "a", KIND_SERVICE);
	world_add(w, "b", KIND_SERVICE);
	world_edge(w, 1, DEP_REQUIRES, 0);
	world_edge(w, 1, DEP_AFTER, 0);
	world_commands(w, &w->set.units[0].service.exec_stop, 1);
	w->actors[0].hold_helpers = true;
	w->actors[1].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, 1, 1);
	world_command(w, EV_RESTART, 0, 2);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_STOP);
	assert_int_equal(world_state(w, 1), ST_STOP_TERM);
	world_clear(w);
	world_exit(w, 1, 0);
	assert_int_equal(world_state(w, 0), ST_STOP);
	assert_int_equal(world_count(w, "signal"), 0);
	world_helper_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(world_state(w, 1), ST_RUNNING);
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

static void test_what_remains_can_reload(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->type = TYPE_ONESHOT;
	world_service(w)->remain_after_exit = true;
	world_commands(w, exec_reload(w), 1);
	w->actors[0].ends_at_once = true;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(world_in_order(w, "spawn web ExecReload 0", "job 2 done", NULL));
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_free(w);
}

static void test_process_that_comes_in_the_kill(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->actors[0].hold_spawn = true;
	world_start(w);
	for (int hurry = 0; hurry < 2; hurry++) {
		engine_shutdown(w->engine, END_POWEROFF, w->now);
		world_perform(w);
	}
	assert_int_equal(world_state(w, 0), ST_STOP_KILL);
	assert_int_equal(world_count(w, "kill web"), 1);
	answer(w, EV_SPAWNED, ROLE_MAIN);
	assert_int_equal(world_count(w, "kill web"), 2);
	assert_int_equal(w->machine, END_POWEROFF);
	world_free(w);
}

static void test_command_before_that_cannot_be_made(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_commands(w, &world_service(w)->exec_start_pre, 1);
	w->actors[0].fail_spawn = true;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "ExecStartPre: " NOWHERE);
	world_free(w);
	/* With "-" it is as if it had run. */
	w = world_one(KIND_SERVICE);
	world_commands(w, &world_service(w)->exec_start_pre, 1);
	world_service(w)->exec_start_pre.v[0].ignore_failure = true;
	w->actors[0].hold_spawn = true;
	world_start(w);
	w->actors[0].hold_spawn = false;
	answer(w, EV_SPAWN_FAILED, ROLE_START_PRE);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_stop_command_that_cannot_be_made(void **data)
{
	struct world *w = running(exec_stop);

	(void)data;
	w->actors[0].fail_spawn = true;
	world_command(w, EV_STOP, 0, 2);
	assert_true(world_in_order(w, "spawn web ExecStop 0", "signal-all web 15", NULL));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "ExecStop: " NOWHERE);
	world_free(w);
}

/* A step of its child failed: it ends by itself, with that reason. */
static void test_process_that_becomes_no_program(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->actors[0].hold_spawn = true;
	world_start(w);
	answer(w, EV_SPAWNED, ROLE_MAIN);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	answer(w, EV_SPAWN_FAILED, ROLE_MAIN);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(world_count(w, "signal"), 0);
	world_exit(w, 0, EXIT_STATUS(203));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "it went wrong");
	world_free(w);
}

static void test_reload_command_that_cannot_be_made(void **data)
{
	struct world *w = running(exec_reload);

	(void)data;
	w->actors[0].fail_spawn = true;
	world_command(w, EV_RELOAD, 0, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->job_result[2], EIO);
	assert_string_equal(w->job_text[2], "reload failed: ExecReload: " NOWHERE);
	world_free(w);
}

static void test_stop_of_what_was_never_made(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->actors[0].hold_spawn = true;
	world_start(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	answer(w, EV_SPAWN_FAILED, ROLE_MAIN);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

/* KillMode=process: nobody waits for what the main process leaves behind, whichever signal it fell to. */
static void test_rest_is_left_alone_after_any_signal(void **data)
{
	static const enum failure_mode modes[] = { FAILURE_TERMINATE, FAILURE_ABORT };
	static const char *const signals[] = { "signal web main 9", "signal web main 6" };

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct world *w = running(NULL);

		world_service(w)->kill_mode = KILL_PROCESS;
		world_service(w)->timeout_stop_mode = (int)modes[i];
		w->actors[0].ignore_term = w->actors[0].linger = true;
		world_command(w, EV_STOP, 0, 2);
		world_pass(w, 90 * SEC);
		assert_true(world_in_order(w, "signal web main 15", signals[i], NULL));
		assert_int_equal(world_state(w, 0), ST_FAILED);
		assert_true(w->actors[0].leftover);
		world_free(w);
	}
}

static void test_ready_is_said_twice(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->type = TYPE_NOTIFY;
	world_commands(w, &world_service(w)->exec_start_post, 1);
	w->actors[0].hold_helpers = true;
	world_start(w);
	world_ready(w, 0);
	world_ready(w, 0);
	assert_int_equal(world_state(w, 0), ST_START_POST);
	assert_int_equal(world_count(w, "spawn web ExecStartPost 0"), 1);
	world_free(w);
}

/* EXTEND_TIMEOUT_USEC= is for the commands of a stop, not for what is killed, nor for the time to the next try. */
static void test_what_can_be_extended(void **data)
{
	const struct notify longer = { .extend_timeout = 600 * SEC };
	struct world *w = running(exec_stop);
	uint64_t deadline;

	(void)data;
	w->actors[0].hold_helpers = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 80 * SEC);
	world_say(w, 0, longer);
	assert_int_equal(world_run(w, 0)->deadline, w->now + 600 * SEC);
	world_free(w);

	w = running(NULL);
	w->actors[0].immortal = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_KILL);
	deadline = world_run(w, 0)->deadline;
	world_say(w, 0, longer);
	assert_int_equal(world_run(w, 0)->deadline, deadline);
	world_free(w);

	w = running(NULL);
	world_service(w)->restart = RESTART_ALWAYS;
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	deadline = world_run(w, 0)->deadline;
	world_say(w, 0, longer);
	assert_int_equal(world_run(w, 0)->deadline, deadline);
	world_free(w);
}

static void test_last_process_goes_in_a_reload(void **data)
{
	const struct notify reloading = { .reloading = true };
	struct world *w = running(NULL);

	(void)data;
	world_service(w)->exit_type = EXIT_TYPE_CGROUP;
	w->actors[0].linger = true;
	world_say(w, 0, reloading);
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_RELOAD);
	w->actors[0].leftover = false;
	world_event(w, &(struct event){ .kind = EV_EMPTY });
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_memory_is_out_before_it_is_ready(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_service(w)->type = TYPE_NOTIFY;
	world_service(w)->oom_policy = OOM_STOP;
	world_start(w);
	world_event(w, &(struct event){ .kind = EV_OOM });
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "out of memory");
	world_free(w);
}

/* Some process of it, while all of it stops: no failure of the unit. */
static void test_memory_is_out_in_the_stop(void **data)
{
	struct world *w = running(NULL);

	(void)data;
	world_service(w)->oom_policy = OOM_STOP;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	world_event(w, &(struct event){ .kind = EV_OOM });
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

/* However badly the stop ends, nobody wants it up. */
static void test_failed_stop_is_a_stop(void **data)
{
	struct world *w = running(NULL);

	(void)data;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	assert_false(world_run(w, 0)->wanted);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_false(world_run(w, 0)->wanted);
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

/* A stop that hangs and a start that gave up waiting for its end: it was stopped, whatever Restart= says. */
static void test_start_that_gives_up_on_a_stop(void **data)
{
	struct world *w = running(NULL);

	(void)data;
	world_service(w)->restart = RESTART_ALWAYS;
	w->set.units[0].unit.job_timeout = 5 * SEC;
	w->actors[0].ignore_term = true;
	world_command(w, EV_STOP, 0, 2);
	world_command(w, EV_START, 0, 3);
	world_pass(w, 5 * SEC);
	assert_int_equal(w->job_result[3], ETIMEDOUT);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_success_forgets_the_failure(void **data)
{
	struct world *w = running(NULL);

	(void)data;
	world_service(w)->restart = RESTART_ALWAYS;
	world_exit(w, 0, EXIT_STATUS(1));
	assert_true(world_run(w, 0)->failed);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_false(world_run(w, 0)->failed);
	world_free(w);
}

static void test_status_is_of_one_run(void **data)
{
	const struct notify busy = { .status = "busy" };
	struct world *w = running(NULL);

	(void)data;
	world_say(w, 0, busy);
	assert_string_equal(world_run(w, 0)->status_text, "busy");
	world_command(w, EV_RESTART, 0, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_string_equal(world_run(w, 0)->status_text, "");
	world_free(w);
}

/* A reload that timed out hangs in the kernel: that does not keep the service up. */
static void test_end_while_an_old_reload_hangs(void **data)
{
	struct world *w = running(exec_reload);

	(void)data;
	world_service(w)->remain_after_exit = true;
	w->actors[0].hold_helpers = w->actors[0].immortal = true;
	world_command(w, EV_RELOAD, 0, 2);
	world_pass(w, 90 * SEC);
	assert_int_equal(w->job_result[2], ETIMEDOUT);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	world_free(w);
}

static void test_memory_is_out_and_it_goes_on(void **data)
{
	struct world *w = running(NULL);

	(void)data;
	world_service(w)->oom_policy = OOM_CONTINUE;
	world_event(w, &(struct event){ .kind = EV_OOM });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_string_equal(w->last_log, "out of memory: a process was killed, the unit goes on");
	world_clear(w);
	/* The kernel kills all of it. */
	world_service(w)->oom_policy = OOM_KILL;
	world_event(w, &(struct event){ .kind = EV_OOM });
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->logs, 0);
	world_free(w);
}

/* ExecStop= is for what was up. */
static void test_end_before_the_commands_after(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	world_commands(w, &world_service(w)->exec_start_post, 1);
	world_commands(w, exec_stop(w), 1);
	w->actors[0].hold_helpers = true;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_START_POST);
	world_exit(w, 0, 0);
	world_helper_exit(w, 0, 0);
	assert_int_equal(world_count(w, "spawn web ExecStop 0"), 0);
	world_free(w);
}

static void test_nobody_is_killed_not_even_a_command(void **data)
{
	struct world *w = running(exec_stop);

	(void)data;
	world_service(w)->kill_mode = KILL_NONE;
	w->actors[0].hold_helpers = true;
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 90 * SEC);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(world_count(w, "kill web"), 0);
	assert_true(w->actors[0].main && w->actors[0].helper);
	world_free(w);
}

static void test_exit_status_of_one_without_a_status(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->set.units[0].unit.failure_action = ACTION_EXIT;
	w->set.units[0].unit.failure_exit = INT_UNSET;
	w->actors[0].fail_spawn = true;
	world_start(w);
	assert_int_equal(w->machine, END_EXIT);
	assert_int_equal(w->machine_status, 1);
	assert_false(w->machine_named);
	world_free(w);
}

/* One that a key names is the status before ExitFrom=. */
static void test_exit_status_by_a_key(void **data)
{
	struct world *w = world_one(KIND_SERVICE);

	(void)data;
	w->set.units[0].unit.failure_action = ACTION_EXIT;
	w->set.units[0].unit.failure_exit = 255;
	w->actors[0].fail_spawn = true;
	world_start(w);
	assert_int_equal(w->machine, END_EXIT);
	assert_int_equal(w->machine_status, 255);
	assert_true(w->machine_named);
	world_free(w);
}

static bool says_yes(void *data, const struct condition *c)
{
	(void)data;
	return strcmp(c->text, "yes") == 0;
}

/* Of those with "|" one must hold, of those without all. */
static void test_conditions_together(void **data)
{
	static const struct {
		struct condition list[3];
		bool met;
	} cases[] = {
		{ { { .text = "yes" }, { .text = "yes" }, { .text = "yes" } }, true },
		{ { { .text = "yes" }, { .text = "no" }, { .text = "yes" } }, false },
		{ { { .text = "no", .any = true }, { .text = "yes", .any = true },
			  { .text = "no", .any = true } },
			true },
		{ { { .text = "no", .any = true }, { .text = "no", .any = true },
			  { .text = "yes" } },
			false },
		{ { { .text = "no", .any = true, .negate = true }, { .text = "yes" },
			  { .text = "no", .any = true } },
			true },
		{ { { .text = "yes", .any = true }, { .text = "yes", .negate = true },
			  { .text = "yes" } },
			false },
	};

	(void)data;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world_one(KIND_SERVICE);
		struct condition list[3];

		memcpy(list, cases[i].list, sizeof(list));
		w->set.units[0].unit.conditions = (struct conditions){ .v = list, .n = 3 };
		world_begin(w);
		engine_set_facts(w->engine, &(struct engine_facts){ .condition = says_yes });
		world_command(w, EV_START, 0, 1);
		assert_int_equal(world_state(w, 0), cases[i].met ? ST_RUNNING : ST_INACTIVE);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_while_a_network_is_made),
		cmocka_unit_test(test_network_that_is_never_made),
		cmocka_unit_test(test_restart_comes_in_the_midst_of_the_end),
		cmocka_unit_test(test_what_remains_can_reload),
		cmocka_unit_test(test_process_that_comes_in_the_kill),
		cmocka_unit_test(test_command_before_that_cannot_be_made),
		cmocka_unit_test(test_stop_command_that_cannot_be_made),
		cmocka_unit_test(test_process_that_becomes_no_program),
		cmocka_unit_test(test_reload_command_that_cannot_be_made),
		cmocka_unit_test(test_stop_of_what_was_never_made),
		cmocka_unit_test(test_rest_is_left_alone_after_any_signal),
		cmocka_unit_test(test_ready_is_said_twice),
		cmocka_unit_test(test_what_can_be_extended),
		cmocka_unit_test(test_last_process_goes_in_a_reload),
		cmocka_unit_test(test_memory_is_out_before_it_is_ready),
		cmocka_unit_test(test_memory_is_out_in_the_stop),
		cmocka_unit_test(test_failed_stop_is_a_stop),
		cmocka_unit_test(test_start_that_gives_up_on_a_stop),
		cmocka_unit_test(test_success_forgets_the_failure),
		cmocka_unit_test(test_status_is_of_one_run),
		cmocka_unit_test(test_end_while_an_old_reload_hangs),
		cmocka_unit_test(test_memory_is_out_and_it_goes_on),
		cmocka_unit_test(test_end_before_the_commands_after),
		cmocka_unit_test(test_nobody_is_killed_not_even_a_command),
		cmocka_unit_test(test_exit_status_of_one_without_a_status),
		cmocka_unit_test(test_exit_status_by_a_key),
		cmocka_unit_test(test_conditions_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
