/* Automatic restarts: chance in their delay, when the count starts anew, what others learn of them. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WEB, ALARM, BOUND };

static struct world *with_others(enum restart_mode mode)
{
	struct world *w = world_new(3);

	world_add(w, "web", KIND_SERVICE);
	world_add(w, "alarm", KIND_SERVICE);
	world_add(w, "bound", KIND_SERVICE);
	world_edge(w, WEB, DEP_ON_FAILURE, ALARM);
	world_edge(w, BOUND, DEP_BINDS_TO, WEB);
	world_edge(w, BOUND, DEP_AFTER, WEB);
	world_service(w)->restart = RESTART_ON_FAILURE;
	world_service(w)->restart_mode = (int)mode;
	w->actors[ALARM].ends_at_once = true;
	world_begin(w);
	world_command(w, EV_START, BOUND, 1);
	return w;
}

static void test_normal_tells_each_failure(void **data)
{
	struct world *w = with_others(RESTART_MODE_NORMAL);

	(void)data;
	for (uint32_t n = 1; n <= 3; n++) {
		world_exit(w, WEB, EXIT_STATUS(1));
		assert_int_equal(world_state(w, WEB), ST_BACKOFF);
		assert_true(world_run(w, WEB)->failed);
		assert_int_equal(w->actors[ALARM].spawns, n);
		assert_int_equal(world_state(w, BOUND), ST_WAITING);
		world_pass(w, 100 * MS);
		assert_int_equal(world_state(w, WEB), ST_RUNNING);
		assert_int_equal(world_state(w, BOUND), ST_RUNNING);
		assert_int_equal(w->actors[BOUND].spawns, n + 1);
	}
	world_free(w);
}

/* A clean end that is restarted is no failure. */
static void test_normal_is_silent_after_a_clean_end(void **data)
{
	struct world *w = with_others(RESTART_MODE_NORMAL);

	(void)data;
	world_service(w)->restart = RESTART_ALWAYS;
	world_exit(w, WEB, 0);
	assert_int_equal(world_state(w, WEB), ST_BACKOFF);
	assert_int_equal(w->actors[ALARM].spawns, 0);
	world_free(w);
}

static void test_direct_tells_the_last_failure(void **data)
{
	struct world *w = with_others(RESTART_MODE_DIRECT);

	(void)data;
	w->set.units[WEB].unit.start_limit_burst = 3;
	w->set.units[WEB].unit.start_limit_interval = 10 * SEC;
	/* The first start was before the limit. */
	for (uint32_t n = 1; n <= 3; n++) {
		world_exit(w, WEB, EXIT_STATUS(1));
		assert_int_equal(world_state(w, WEB), ST_BACKOFF);
		assert_int_equal(world_state(w, BOUND), ST_RUNNING);
		assert_int_equal(w->actors[ALARM].spawns, 0);
		world_pass(w, 100 * MS);
		assert_int_equal(world_state(w, WEB), ST_RUNNING);
		assert_int_equal(w->actors[BOUND].spawns, 1);
	}
	world_exit(w, WEB, EXIT_STATUS(1));
	world_pass(w, SEC);
	assert_int_equal(world_state(w, WEB), ST_FAILED);
	assert_int_equal(w->actors[ALARM].spawns, 1);
	assert_int_equal(world_state(w, BOUND), ST_FAILED);
	world_free(w);
}

static void test_direct_still_follows_a_commanded_restart(void **data)
{
	struct world *w = with_others(RESTART_MODE_DIRECT);

	(void)data;
	world_command(w, EV_RESTART, WEB, 2);
	assert_int_equal(world_state(w, BOUND), ST_RUNNING);
	assert_int_equal(w->actors[BOUND].spawns, 2);
	world_command(w, EV_STOP, WEB, 3);
	assert_int_equal(world_state(w, BOUND), ST_INACTIVE);
	world_free(w);
}

/* What requires it and runs is left alone in both modes; what has not started waits in both. */
static void test_dependents_by_requires(void **data)
{
	(void)data;
	for (int mode = RESTART_MODE_NORMAL; mode <= RESTART_MODE_DIRECT; mode++) {
		struct world *w = world_new(2);

		world_add(w, "web", KIND_SERVICE);
		world_add(w, "shop", KIND_SERVICE);
		world_edge(w, 1, DEP_REQUIRES, 0);
		world_edge(w, 1, DEP_AFTER, 0);
		world_service(w)->restart = RESTART_ON_FAILURE;
		world_service(w)->restart_mode = mode;
		w->actors[0].fail_spawn = true;
		world_begin(w);
		world_command(w, EV_START, 1, 1);
		assert_int_equal(world_state(w, 0), ST_BACKOFF);
		assert_int_equal(world_state(w, 1), ST_WAITING);
		w->actors[0].fail_spawn = false;
		world_pass(w, 200 * MS);
		assert_int_equal(world_state(w, 1), ST_RUNNING);
		world_exit(w, 0, SIGSEGV);
		assert_int_equal(world_state(w, 1), ST_RUNNING);
		world_pass(w, 200 * MS);
		assert_int_equal(w->actors[1].spawns, 1);
		world_free(w);
	}
}

/* ---- the delay */

static uint64_t delay_of(uint64_t seed, uint64_t extra)
{
	struct world *w = world_one(KIND_SERVICE);
	uint64_t delay;

	world_service(w)->restart = RESTART_ALWAYS;
	world_service(w)->restart_sec = SEC;
	world_service(w)->restart_extra = extra;
	world_begin(w);
	engine_seed(w->engine, seed);
	world_command(w, EV_START, 0, 1);
	world_exit(w, 0, 0);
	delay = world_run(w, 0)->deadline - w->now;
	world_free(w);
	return delay;
}

static void test_delay_with_chance(void **data)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)data;
	for (uint64_t seed = 0; seed < 200; seed++) {
		uint64_t delay = delay_of(seed, 10 * SEC);

		assert_in_range(delay, SEC, 11 * SEC);
		assert_int_equal(delay, delay_of(seed, 10 * SEC));
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	/* It spreads over the whole. */
	assert_true(least < 2 * SEC && most > 10 * SEC);
	assert_int_equal(delay_of(7, 0), SEC);
}

static void test_draw_keeps_its_bounds(void **data)
{
	struct world *w = world_one(KIND_SERVICE);
	bool seen[3] = { false };

	(void)data;
	world_begin(w);
	for (int i = 0; i < 100; i++) {
		uint64_t n = engine_draw(w->engine, 2);

		assert_in_range(n, 0, 2);
		seen[n] = true;
		assert_int_equal(engine_draw(w->engine, 0), 0);
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_int_not_equal(engine_draw(w->engine, UINT64_MAX),
		engine_draw(w->engine, UINT64_MAX));
	world_free(w);
}

/* ---- RestartStableSec= */

static struct world *failing(uint32_t times)
{
	struct world *w = world_one(KIND_SERVICE);

	world_service(w)->restart = RESTART_ON_FAILURE;
	world_service(w)->restart_sec = SEC;
	world_service(w)->restart_max_delay = 64 * SEC;
	world_service(w)->restart_steps = 3;
	world_service(w)->restart_stable = 600 * SEC;
	world_commands(w, &world_service(w)->exec_reload, 1);
	world_start(w);
	for (uint32_t n = 1; n <= times; n++) {
		world_exit(w, 0, EXIT_STATUS(1));
		assert_int_equal(world_run(w, 0)->restarts, n);
		world_pass(w, 64 * SEC);
		assert_int_equal(world_state(w, 0), ST_RUNNING);
	}
	return w;
}

static void test_stable_run_starts_anew(void **data)
{
	struct world *w = failing(1);

	(void)data;
	assert_int_equal(world_run(w, 0)->since, w->now - 63 * SEC);
	world_pass(w, 536 * SEC);
	assert_int_equal(world_run(w, 0)->restarts, 1);
	world_pass(w, SEC);
	assert_int_equal(world_run(w, 0)->restarts, 0);
	world_exit(w, 0, EXIT_STATUS(1));
	assert_int_equal(world_run(w, 0)->deadline - w->now, SEC);
	world_free(w);
}

static void test_short_run_does_not(void **data)
{
	struct world *w = failing(3);

	(void)data;
	world_pass(w, 500 * SEC);
	world_exit(w, 0, EXIT_STATUS(1));
	assert_int_equal(world_run(w, 0)->restarts, 4);
	assert_int_equal(world_run(w, 0)->deadline - w->now, 64 * SEC);
	/* The time of two short runs does not add up. */
	world_pass(w, 64 * SEC + 300 * SEC);
	assert_int_equal(world_run(w, 0)->restarts, 4);
	world_free(w);
}

static void test_stable_run_over_reloads(void **data)
{
	struct world *w = failing(2);

	(void)data;
	world_command(w, EV_RELOAD, 0, 2);
	engine_reload(w->engine, &w->set, 3, w->now);
	world_perform(w);
	assert_int_equal(w->swaps, 1);
	world_pass(w, 600 * SEC);
	assert_int_equal(world_run(w, 0)->restarts, 0);
	world_free(w);
}

static void test_never_stable(void **data)
{
	struct world *w = failing(0);

	(void)data;
	world_service(w)->restart_stable = TIME_INFINITY;
	world_exit(w, 0, EXIT_STATUS(1));
	world_pass(w, 86400 * SEC);
	assert_int_equal(world_run(w, 0)->restarts, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_tells_each_failure),
		cmocka_unit_test(test_normal_is_silent_after_a_clean_end),
		cmocka_unit_test(test_direct_tells_the_last_failure),
		cmocka_unit_test(test_direct_still_follows_a_commanded_restart),
		cmocka_unit_test(test_dependents_by_requires),
		cmocka_unit_test(test_delay_with_chance),
		cmocka_unit_test(test_draw_keeps_its_bounds),
		cmocka_unit_test(test_stable_run_starts_anew),
		cmocka_unit_test(test_short_run_does_not),
		cmocka_unit_test(test_stable_run_over_reloads),
		cmocka_unit_test(test_never_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
