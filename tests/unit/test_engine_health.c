/* Health checks of one container: every cell of the table, streaks, times, and what follows an unhealthy one. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CHECK "spawn web HealthCmd 0"
#define STARTUP_CHECK "spawn web HealthCmd 1"

static const char *const words[] = { "/bin/check", "-q" };
static const struct strv command = { .v = (const char **)(uintptr_t)words, .n = 2 };

static struct world *one(void)
{
	struct world *w = world_new(1);

	world_add(w, "web", KIND_CONTAINER)->container.health.cmd = command;
	return w;
}

static struct container_section *container(struct world *w)
{
	return &w->set.units[0].container;
}

static void begin(struct world *w)
{
	world_begin(w);
	world_command(w, EV_START, 0, 1);
}

static const struct health *health(const struct world *w)
{
	return engine_health(w->engine, 0);
}

static const char *text(const struct world *w)
{
	static char buf[64];

	return engine_health_text(w->engine, 0, buf, sizeof(buf));
}

static void test_no_check_no_health(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->health.cmd = (struct strv){ .n = 0 };
	begin(w);
	world_pass(w, 3600 * SEC);
	assert_int_equal(health(w)->state, HEALTH_NONE);
	assert_string_equal(text(w), "");
	assert_int_equal(world_count(w, "HealthCmd"), 0);
	world_free(w);
}

static void test_first_check_at_once_then_by_interval(void **data)
{
	struct world *w = one();

	(void)data;
	begin(w);
	assert_true(world_in_order(w, "spawn web main 0", CHECK, "job 1 done", "log web healthy",
		NULL));
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	assert_string_equal(text(w), "healthy");
	world_clear(w);
	world_pass(w, 30 * SEC - 1);
	assert_int_equal(world_count(w, CHECK), 0);
	world_pass(w, 1);
	assert_int_equal(world_count(w, CHECK), 1);
	world_pass(w, 300 * SEC);
	assert_int_equal(world_count(w, CHECK), 11);
	/* Nothing to say of one that stays well. */
	assert_int_equal(w->logs, 0);
	world_free(w);
}

static void test_three_failures_in_a_row(void **data)
{
	struct world *w = one();

	(void)data;
	w->actors[0].check_status = EXIT_STATUS(1);
	w->actors[0].check_line = "connection refused";
	begin(w);
	assert_string_equal(text(w), "health 1 of 3");
	assert_string_equal(health(w)->last, "exit code 1: connection refused");
	world_pass(w, 30 * SEC);
	assert_string_equal(text(w), "health 2 of 3");
	w->actors[0].check_status = 0;
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	assert_int_equal(health(w)->failures, 0);
	w->actors[0].check_status = EXIT_STATUS(2);
	world_pass(w, 60 * SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	/* A pass in between begins the row anew. */
	w->actors[0].check_status = 0;
	world_pass(w, 30 * SEC);
	w->actors[0].check_status = EXIT_STATUS(2);
	world_pass(w, 60 * SEC);
	assert_int_equal(health(w)->failures, 2);
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->state, HEALTH_UNHEALTHY);
	assert_string_equal(w->last_log,
		"unhealthy: 3 of 3 checks failed: exit code 2: connection refused");
	/* HealthOnFailure=none: it goes on, and is checked on; said once. */
	world_clear(w);
	world_pass(w, 300 * SEC);
	assert_int_equal(world_count(w, CHECK), 10);
	assert_int_equal(w->logs, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(health(w)->failures, 13);
	w->actors[0].check_status = 0;
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	assert_string_equal(w->last_log, "healthy again");
	world_free(w);
}

static void test_start_period_does_not_count_failures(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->health.start_period = 60 * SEC;
	container(w)->health.retries = 1;
	container(w)->health.interval = 10 * SEC;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	world_pass(w, 59 * SEC);
	assert_int_equal(health(w)->state, HEALTH_STARTING);
	assert_string_equal(text(w), "health 0 of 1");
	world_pass(w, SEC);
	assert_int_equal(health(w)->state, HEALTH_UNHEALTHY);
	world_free(w);
}

static void test_start_period_lets_it_be_healthy(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->health.start_period = 60 * SEC;
	container(w)->health.interval = 10 * SEC;
	begin(w);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	/* Within the period a failure does not count afterwards, either. */
	w->actors[0].check_status = EXIT_STATUS(1);
	world_pass(w, 50 * SEC);
	assert_int_equal(health(w)->failures, 0);
	world_pass(w, 20 * SEC);
	assert_int_equal(health(w)->failures, 2);
	world_free(w);
}

static void test_notify_healthy_is_ready_when_healthy(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->notify = NOTIFY_HEALTHY;
	world_commands(w, &w->set.units[0].service.exec_start_post, 1);
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	assert_int_equal(world_state(w, 0), ST_START);
	world_ready(w, 0);
	assert_int_equal(world_state(w, 0), ST_START);
	world_pass(w, 29 * SEC);
	assert_int_equal(w->job_result[1], -1);
	w->actors[0].check_status = 0;
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(world_in_order(w, "log web health check failed, 1 of 3: exit code 1",
		"spawn web ExecStartPost 0", "log web healthy, pid 100", "job 1 done", NULL));
	assert_int_equal(world_count(w, "log web healthy"), 1);
	world_free(w);
}

static void test_notify_healthy_times_out(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->notify = NOTIFY_HEALTHY;
	w->actors[0].check_status = EXIT_STATUS(7);
	begin(w);
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause,
		"start timed out after 90 s, not healthy: exit code 7");
	assert_int_equal(health(w)->state, HEALTH_NONE);
	assert_true(engine_deadline(w->engine) == TIME_INFINITY);
	world_free(w);
}

static void test_notify_healthy_needs_a_check(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->notify = NOTIFY_HEALTHY;
	container(w)->health.cmd = (struct strv){ .n = 0 };
	begin(w);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause,
		"Notify=healthy needs a check: there is no HealthCmd= in the unit or its image");
	world_free(w);
}

/* Unhealthy for a while is late, and not lost. */
static void test_notify_healthy_after_too_many_failures(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->notify = NOTIFY_HEALTHY;
	container(w)->health.interval = SEC;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	world_pass(w, 10 * SEC);
	assert_int_equal(health(w)->state, HEALTH_UNHEALTHY);
	assert_int_equal(world_state(w, 0), ST_START);
	w->actors[0].check_status = 0;
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(w->job_result[1], 0);
	world_free(w);
}

static void test_dependent_waits_for_health(void **data)
{
	struct world *w = world_new(2);
	char why[128];

	(void)data;
	world_add(w, "web", KIND_CONTAINER)->container.health.cmd = command;
	container(w)->notify = NOTIFY_HEALTHY;
	world_add(w, "app", KIND_SERVICE);
	world_edge(w, 1, DEP_REQUIRES, 0);
	world_edge(w, 1, DEP_AFTER, 0);
	w->actors[0].check_status = EXIT_STATUS(1);
	world_begin(w);
	world_command(w, EV_START, 1, 1);
	assert_int_equal(world_state(w, 1), ST_WAITING);
	assert_string_equal(engine_why(w->engine, 1, why, sizeof(why)),
		"waits for web (starting, health 1 of 3)");
	assert_true(engine_culprit(w->engine, w->now + 37 * SEC, why, sizeof(why)));
	assert_string_equal(why, "waiting 37 s for web (starting, health 1 of 3)");
	w->actors[0].check_status = 0;
	world_pass(w, 30 * SEC);
	assert_int_equal(world_state(w, 1), ST_RUNNING);
	world_free(w);
}

/* ---- late checks */

static void test_late_check_is_killed_and_failed(void **data)
{
	struct world *w = one();

	(void)data;
	w->actors[0].hold_checks = true;
	begin(w);
	world_pass(w, 30 * SEC - 1);
	assert_int_equal(health(w)->failures, 0);
	world_pass(w, 1);
	assert_int_equal(health(w)->failures, 1);
	assert_string_equal(health(w)->last, "timed out after 30 s");
	assert_int_equal(world_count(w, "signal web HealthCmd 9"), 1);
	assert_false(w->actors[0].check);
	/* The next one begins an interval later. */
	assert_int_equal(world_count(w, CHECK), 1);
	world_pass(w, 30 * SEC);
	assert_int_equal(world_count(w, CHECK), 2);
	world_pass(w, 90 * SEC);
	assert_int_equal(health(w)->state, HEALTH_UNHEALTHY);
	assert_int_equal(health(w)->failures, 3);
	assert_int_equal(w->max_checks, 0);
	world_free(w);
}

static void test_check_that_survives_is_never_doubled(void **data)
{
	struct world *w = one();

	(void)data;
	w->actors[0].hold_checks = w->actors[0].immortal = true;
	begin(w);
	world_pass(w, 60 * SEC);
	assert_string_equal(health(w)->last, "the check before still hangs after 30 s");
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->state, HEALTH_UNHEALTHY);
	assert_int_equal(world_count(w, CHECK), 1);
	w->actors[0].immortal = false;
	world_check_exit(w, 0, SIGKILL);
	assert_int_equal(health(w)->failures, 3);
	w->actors[0].hold_checks = false;
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_free(w);
}

static void test_check_longer_than_the_interval_does_not_overlap(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->health.interval = SEC;
	container(w)->health.timeout = 100 * SEC;
	w->actors[0].hold_checks = true;
	begin(w);
	world_pass(w, 99 * SEC);
	assert_int_equal(world_count(w, CHECK), 1);
	world_check_exit(w, 0, 0);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_pass(w, SEC);
	assert_int_equal(world_count(w, CHECK), 2);
	assert_int_equal(w->max_checks, 0);
	world_free(w);
}

static void test_check_that_cannot_be_made(void **data)
{
	struct world *w = one();
	const struct event unborn = { .kind = EV_SPAWN_FAILED,
		.role = ROLE_HEALTH,
		.text = "exec: /bin/sh: No such file or directory" };

	(void)data;
	begin(w);
	w->actors[0].fail_spawn = true;
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->failures, 1);
	assert_string_equal(health(w)->last, "open /nowhere: No such file or directory");
	w->actors[0].fail_spawn = false;
	/* It was made, and a step of the child failed: one failure, not two. */
	w->actors[0].hold_checks = w->actors[0].hold_exec = true;
	world_pass(w, 30 * SEC);
	world_event(w, &unborn);
	assert_int_equal(health(w)->failures, 2);
	world_check_exit(w, 0, EXIT_STATUS(125));
	assert_int_equal(health(w)->failures, 2);
	assert_string_equal(health(w)->last, "exec: /bin/sh: No such file or directory");
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

/* ---- what follows */

static struct world *ill(enum health_action action, enum restart restart)
{
	struct world *w = one();

	container(w)->health_on_failure = (int)action;
	container(w)->health.retries = 1;
	w->set.units[0].service.restart = (int)restart;
	begin(w);
	w->actors[0].check_status = EXIT_STATUS(1);
	world_clear(w);
	world_pass(w, 30 * SEC);
	w->actors[0].check_status = 0;
	return w;
}

static void test_kill_is_a_crash(void **data)
{
	struct world *w = ill(HEALTH_KILL, RESTART_NO);

	(void)data;
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "unhealthy: 1 of 1 checks failed: exit code 1");
	assert_int_equal(world_count(w, "kill web"), 1);
	assert_int_equal(world_count(w, "signal web main"), 0);
	world_free(w);
	w = ill(HEALTH_KILL, RESTART_ON_FAILURE);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	assert_int_equal(w->actors[0].spawns, 2);
	world_free(w);
}

static void test_restart_whatever_restart_says(void **data)
{
	struct world *w = ill(HEALTH_RESTART, RESTART_NO);

	(void)data;
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_true(world_in_order(w, "signal web main 0",
		"log web unhealthy: 1 of 1 checks failed: exit code 1; restart in 100 ms (1st)",
		NULL));
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_restart_has_its_limit(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->health_on_failure = HEALTH_RESTART;
	container(w)->health.retries = 1;
	w->set.units[0].unit.start_limit_burst = 3;
	w->set.units[0].unit.start_limit_interval = 10 * SEC;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	world_pass(w, 60 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(w->actors[0].spawns, 3);
	assert_non_null(strstr(world_run(w, 0)->cause, "start limit hit"));
	world_free(w);
}

static void test_stop_stays_down(void **data)
{
	struct world *w = ill(HEALTH_STOP, RESTART_ALWAYS);

	(void)data;
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(world_count(w, "signal web main 0"), 1);
	world_pass(w, 3600 * SEC);
	assert_int_equal(w->actors[0].spawns, 1);
	world_free(w);
}

/* ---- the startup's check */

static struct world *gated(void)
{
	struct world *w = one();

	container(w)->startup.cmd = command;
	container(w)->startup.interval = SEC;
	return w;
}

static void test_startup_gates_the_regular_check(void **data)
{
	struct world *w = gated();

	(void)data;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	world_pass(w, 99 * SEC);
	assert_int_equal(world_count(w, CHECK), 0);
	assert_int_equal(world_count(w, STARTUP_CHECK), 100);
	assert_int_equal(world_count(w, "startup check failed, 1: exit code 1"), 1);
	assert_int_equal(w->logs, 2);
	assert_int_equal(health(w)->state, HEALTH_STARTUP);
	assert_string_equal(text(w), "startup check 100");
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	w->actors[0].check_status = 0;
	world_pass(w, SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	assert_int_equal(world_count(w, STARTUP_CHECK), 101);
	assert_int_equal(world_count(w, CHECK), 1);
	world_pass(w, 30 * SEC);
	assert_int_equal(world_count(w, STARTUP_CHECK), 101);
	world_free(w);
}

/* HealthStartupInterval=disable */
static void test_startup_is_off(void **data)
{
	struct world *w = gated();

	(void)data;
	container(w)->startup.interval = TIME_INFINITY;
	begin(w);
	assert_int_equal(world_count(w, STARTUP_CHECK), 0);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_free(w);
}

static void test_startup_success_in_a_row(void **data)
{
	struct world *w = gated();

	(void)data;
	container(w)->startup.success = 3;
	begin(w);
	world_pass(w, SEC);
	assert_int_equal(health(w)->passes, 2);
	w->actors[0].check_status = EXIT_STATUS(1);
	world_pass(w, SEC);
	assert_int_equal(health(w)->passes, 0);
	w->actors[0].check_status = 0;
	world_pass(w, 2 * SEC);
	assert_int_equal(health(w)->state, HEALTH_STARTUP);
	world_pass(w, SEC);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_free(w);
}

static void test_startup_retries_restart(void **data)
{
	struct world *w = gated();

	(void)data;
	container(w)->startup.retries = 3;
	/* The start period is not of the startup's check. */
	container(w)->health.start_period = 3600 * SEC;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	assert_string_equal(text(w), "startup check 1 of 3");
	world_pass(w, 2 * SEC);
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_string_equal(world_run(w, 0)->cause, "3 of 3 startup checks failed: exit code 1");
	world_free(w);
}

/* What the image says is of its own check. */
static void test_startup_has_no_times_of_the_image(void **data)
{
	struct health_check image = { .cmd = command, .interval = 5 * SEC, .timeout = 5 * SEC };
	struct world *w = one();

	(void)data;
	container(w)->health.cmd = (struct strv){ .n = 0 };
	container(w)->startup.cmd = command;
	w->actors[0].image = &image;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	assert_int_equal(world_count(w, STARTUP_CHECK), 1);
	world_pass(w, 30 * SEC - 1);
	assert_int_equal(world_count(w, STARTUP_CHECK), 1);
	world_pass(w, 1);
	assert_int_equal(world_count(w, STARTUP_CHECK), 2);
	world_free(w);
}

/* The unit was given up with it: its end says nothing more. */
static void test_check_that_ends_after_the_landing(void **data)
{
	struct world *w = one();
	size_t logs;

	(void)data;
	w->actors[0].hold_checks = w->actors[0].immortal = true;
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	world_pass(w, 200 * SEC);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	logs = w->logs;
	world_exit(w, 0, SIGKILL);
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(w->logs, logs);
	assert_int_equal(world_count(w, "teardown web"), 1);
	world_free(w);
}

static void test_startup_timeout(void **data)
{
	struct world *w = gated();

	(void)data;
	container(w)->startup.timeout = 5 * SEC;
	w->actors[0].hold_checks = true;
	begin(w);
	world_pass(w, 5 * SEC);
	assert_string_equal(health(w)->last, "timed out after 5 s");
	assert_int_equal(health(w)->failures, 1);
	world_free(w);
}

/* ---- the image */

static void test_image_has_the_check(void **data)
{
	struct world *w = one();
	const struct health_check image = { .cmd = command,
		.interval = 5 * SEC,
		.timeout = 2 * SEC,
		.start_period = 20 * SEC,
		.retries = 7 };

	(void)data;
	container(w)->health.cmd = (struct strv){ .n = 0 };
	container(w)->health.timeout = 4 * SEC;
	w->actors[0].image = &image;
	w->actors[0].hold_checks = true;
	begin(w);
	assert_string_equal(text(w), "health 0 of 7");
	world_pass(w, 4 * SEC);
	assert_string_equal(health(w)->last, "timed out after 4 s");
	assert_int_equal(health(w)->failures, 0);
	assert_int_equal(world_count(w, CHECK), 1);
	world_pass(w, 5 * SEC);
	assert_int_equal(world_count(w, CHECK), 2);
	world_free(w);
}

static void test_own_command_forgets_the_image(void **data)
{
	struct world *w = one();
	const struct health_check image = { .cmd = command, .interval = 5 * SEC, .retries = 7 };

	(void)data;
	w->actors[0].image = &image;
	w->actors[0].check_status = EXIT_STATUS(1);
	begin(w);
	assert_string_equal(text(w), "health 1 of 3");
	world_pass(w, 29 * SEC);
	assert_int_equal(world_count(w, CHECK), 1);
	world_free(w);
}

static void test_off_by_none_and_disable(void **data)
{
	static const char *const off[] = { HEALTH_OFF };
	const struct health_check image = { .cmd = command };

	(void)data;
	for (int i = 0; i < 2; i++) {
		struct world *w = one();

		w->actors[0].image = &image;
		if (i == 0)
			container(w)->health.cmd = (struct strv){
				.v = (const char **)(uintptr_t)off, .n = 1
			};
		else
			container(w)->health.interval = TIME_INFINITY;
		begin(w);
		world_pass(w, 300 * SEC);
		assert_int_equal(world_count(w, CHECK), 0);
		assert_int_equal(health(w)->state, HEALTH_NONE);
		world_free(w);
	}
}

/* ---- ends */

static void test_check_ends_with_the_container(void **data)
{
	struct world *w = one();

	(void)data;
	w->actors[0].hold_checks = true;
	begin(w);
	world_exit(w, 0, EXIT_STATUS(3));
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_string_equal(world_run(w, 0)->cause, "exit code 3");
	assert_false(w->actors[0].check);
	assert_int_equal(health(w)->state, HEALTH_NONE);
	assert_true(engine_deadline(w->engine) == TIME_INFINITY);
	world_free(w);
}

static void test_stop_ends_the_check_first(void **data)
{
	struct world *w = one();

	(void)data;
	w->actors[0].hold_checks = true;
	begin(w);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	assert_true(world_in_order(w, CHECK, "signal web HealthCmd 9", "teardown web", NULL));
	assert_int_equal(w->job_result[2], 0);
	world_free(w);
}

static void test_check_born_into_a_stop_is_killed(void **data)
{
	struct world *w = one();

	(void)data;
	begin(w);
	w->actors[0].ignore_term = true;
	w->actors[0].hold_spawn = true;
	world_pass(w, 30 * SEC);
	world_command(w, EV_STOP, 0, 2);
	assert_int_equal(world_state(w, 0), ST_STOP_TERM);
	world_exit(w, 0, 0);
	/* Its answer is awaited, so that no process outlives the unit unseen. */
	assert_int_equal(world_state(w, 0), ST_STOP_KILL);
	w->actors[0].check = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .role = ROLE_HEALTH, .pid = 7 });
	assert_int_equal(world_count(w, "signal web HealthCmd 9"), 1);
	assert_int_equal(world_state(w, 0), ST_INACTIVE);
	world_free(w);
}

static void test_aborted_start_waits_for_the_check(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->notify = NOTIFY_HEALTHY;
	w->set.units[0].service.timeout_start_mode = FAILURE_ABORT;
	w->set.units[0].service.kill_mode = KILL_PROCESS;
	w->actors[0].hold_checks = true;
	begin(w);
	w->actors[0].hold_spawn = true;
	world_check_exit(w, 0, EXIT_STATUS(1));
	world_pass(w, 90 * SEC);
	assert_int_equal(world_state(w, 0), ST_STOP_ABORT);
	/* The check's answer is the last that comes. */
	w->actors[0].check = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .role = ROLE_HEALTH, .pid = 7 });
	assert_int_equal(world_state(w, 0), ST_FAILED);
	assert_int_equal(world_count(w, "signal web HealthCmd 9"), 1);
	world_free(w);
}

/* ExitType=cgroup: what is left of it calls it up, and there is no container any more to look into. */
static void test_no_check_without_the_program(void **data)
{
	struct world *w = one();

	(void)data;
	w->set.units[0].service.exit_type = EXIT_TYPE_CGROUP;
	container(w)->health_on_failure = HEALTH_KILL;
	w->actors[0].linger = true;
	begin(w);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(health(w)->state, HEALTH_NONE);
	world_clear(w);
	world_pass(w, 3600 * SEC);
	assert_int_equal(world_count(w, CHECK), 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_no_check_of_what_remains(void **data)
{
	struct world *w = one();

	(void)data;
	w->set.units[0].service.remain_after_exit = true;
	w->actors[0].hold_checks = true;
	begin(w);
	world_exit(w, 0, 0);
	assert_int_equal(world_state(w, 0), ST_EXITED);
	assert_false(w->actors[0].check);
	assert_int_equal(health(w)->state, HEALTH_NONE);
	world_clear(w);
	world_pass(w, 3600 * SEC);
	assert_int_equal(world_count(w, CHECK), 0);
	world_free(w);
}

/* It was late before it was there at all. */
static void test_check_born_late_is_killed(void **data)
{
	struct world *w = one();

	(void)data;
	begin(w);
	w->actors[0].hold_spawn = true;
	world_pass(w, 60 * SEC);
	assert_int_equal(health(w)->failures, 1);
	w->actors[0].check = true;
	world_event(w, &(struct event){ .kind = EV_SPAWNED, .role = ROLE_HEALTH, .pid = 7 });
	assert_int_equal(world_count(w, "signal web HealthCmd 9"), 1);
	assert_int_equal(health(w)->failures, 1);
	w->actors[0].hold_spawn = false;
	world_pass(w, 30 * SEC);
	assert_int_equal(health(w)->failures, 0);
	world_free(w);
}

static void test_reload_of_units_while_a_check_runs(void **data)
{
	struct world *w = one(), *other = one();

	(void)data;
	w->actors[0].hold_checks = true;
	begin(w);
	engine_reload(w->engine, &other->set, 2, w->now);
	world_perform(w);
	/* The check of the old generation is that of the new one. */
	assert_true(w->actors[0].check);
	world_pass(w, 29 * SEC);
	world_check_exit(w, 0, 0);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_pass(w, 30 * SEC);
	assert_true(w->actors[0].check);
	/* A changed unit ends it first. */
	w->set.units[0].digest = 2;
	engine_reload(w->engine, &w->set, 3, w->now);
	world_perform(w);
	assert_int_equal(w->actors[0].spawns, 2);
	assert_int_equal(health(w)->state, HEALTH_STARTING);
	assert_int_equal(w->max_checks, 0);
	world_free(w);
	world_free(other);
}

static void test_reload_keeps_the_health(void **data)
{
	struct world *w = one(), *other = one();

	(void)data;
	begin(w);
	w->actors[0].check_status = EXIT_STATUS(1);
	world_pass(w, 40 * SEC);
	engine_reload(w->engine, &other->set, 2, w->now);
	world_perform(w);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(health(w)->failures, 1);
	world_pass(w, 20 * SEC);
	assert_int_equal(health(w)->failures, 2);
	/* A changed unit begins anew. */
	w->set.units[0].digest = 2;
	w->actors[0].check_status = 0;
	engine_reload(w->engine, &w->set, 3, w->now);
	world_perform(w);
	assert_int_equal(w->actors[0].spawns, 2);
	assert_int_equal(health(w)->state, HEALTH_HEALTHY);
	world_free(w);
	world_free(other);
}

/* ---- reload */

static void test_reload_by_command_inside(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->reload_cmd = command;
	world_commands(w, &w->set.units[0].service.exec_reload, 1);
	begin(w);
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(world_in_order(w, "spawn web ExecReload 0", "spawn web ExecReload 1",
		"log web reloaded", "job 2 done", NULL));
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	w->actors[0].helper_status[ROLE_RELOAD] = EXIT_STATUS(1);
	world_command(w, EV_RELOAD, 0, 3);
	assert_true(w->job_result[3] > 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_reload_by_signal(void **data)
{
	struct world *w = one();

	(void)data;
	container(w)->reload_signal = SIGUSR1;
	begin(w);
	/* The fake dies of any signal. */
	w->actors[0].ignore_term = true;
	world_command(w, EV_RELOAD, 0, 2);
	assert_true(world_in_order(w, "signal web main 10", "log web reloaded", "job 2 done",
		NULL));
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	container(w)->reload_signal = 0;
	world_command(w, EV_RELOAD, 0, 3);
	assert_true(w->job_result[3] > 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_check_no_health),
		cmocka_unit_test(test_first_check_at_once_then_by_interval),
		cmocka_unit_test(test_three_failures_in_a_row),
		cmocka_unit_test(test_start_period_does_not_count_failures),
		cmocka_unit_test(test_start_period_lets_it_be_healthy),
		cmocka_unit_test(test_notify_healthy_is_ready_when_healthy),
		cmocka_unit_test(test_notify_healthy_times_out),
		cmocka_unit_test(test_notify_healthy_after_too_many_failures),
		cmocka_unit_test(test_notify_healthy_needs_a_check),
		cmocka_unit_test(test_dependent_waits_for_health),
		cmocka_unit_test(test_late_check_is_killed_and_failed),
		cmocka_unit_test(test_check_that_survives_is_never_doubled),
		cmocka_unit_test(test_check_longer_than_the_interval_does_not_overlap),
		cmocka_unit_test(test_check_that_cannot_be_made),
		cmocka_unit_test(test_kill_is_a_crash),
		cmocka_unit_test(test_restart_whatever_restart_says),
		cmocka_unit_test(test_restart_has_its_limit),
		cmocka_unit_test(test_stop_stays_down),
		cmocka_unit_test(test_startup_gates_the_regular_check),
		cmocka_unit_test(test_startup_is_off),
		cmocka_unit_test(test_startup_success_in_a_row),
		cmocka_unit_test(test_startup_retries_restart),
		cmocka_unit_test(test_startup_timeout),
		cmocka_unit_test(test_startup_has_no_times_of_the_image),
		cmocka_unit_test(test_check_that_ends_after_the_landing),
		cmocka_unit_test(test_image_has_the_check),
		cmocka_unit_test(test_own_command_forgets_the_image),
		cmocka_unit_test(test_off_by_none_and_disable),
		cmocka_unit_test(test_check_ends_with_the_container),
		cmocka_unit_test(test_stop_ends_the_check_first),
		cmocka_unit_test(test_check_born_into_a_stop_is_killed),
		cmocka_unit_test(test_aborted_start_waits_for_the_check),
		cmocka_unit_test(test_no_check_without_the_program),
		cmocka_unit_test(test_no_check_of_what_remains),
		cmocka_unit_test(test_check_born_late_is_killed),
		cmocka_unit_test(test_reload_of_units_while_a_check_runs),
		cmocka_unit_test(test_reload_keeps_the_health),
		cmocka_unit_test(test_reload_by_command_inside),
		cmocka_unit_test(test_reload_by_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
