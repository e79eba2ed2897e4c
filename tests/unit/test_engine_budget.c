/* The budget of automatic starts: a storm of them harms nobody else, and none of the storm starves. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CROWD 1000
#define BURST 50
#define EACH (100 * MS)

/* u0000 is well, all the others crash. */
static struct world *crowd(void)
{
	struct world *w = world_new(CROWD + 1);
	char name[32];

	w->quiet = true;
	for (uint32_t u = 0; u <= CROWD; u++) {
		snprintf(name, sizeof(name), "u%04u", u);
		world_add(w, name, KIND_SERVICE)->service.restart = RESTART_ALWAYS;
	}
	world_begin(w);
	for (uint32_t u = 0; u <= CROWD; u++)
		world_command(w, EV_START, u, 0);
	return w;
}

static uint32_t spawns(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t u = 0; u <= CROWD; u++)
		n += w->actors[u].spawns;
	return n;
}

/* They crash as soon as they run, for ever. */
static void crash_all(struct world *w)
{
	for (uint32_t u = 1; u <= CROWD; u++) {
		w->actors[u].ends_at_once = true;
		w->actors[u].main_status = EXIT_STATUS(1);
		world_exit(w, u, SIGSEGV);
	}
}

static void test_storm_is_slowed_down(void **data)
{
	struct world *w = crowd();
	uint32_t before = spawns(w);
	char why[256];

	(void)data;
	crash_all(w);
	world_pass(w, 10 * SEC);
	assert_in_range(spawns(w) - before, BURST + 98, BURST + 101);
	assert_int_equal(world_state(w, CROWD), ST_BACKOFF);
	assert_non_null(strstr(engine_why(w->engine, CROWD, why, sizeof(why)),
		"waits for the start budget, restarts in "));
	world_free(w);
}

static void test_commands_never_wait(void **data)
{
	struct world *w = crowd();

	(void)data;
	crash_all(w);
	world_pass(w, 10 * SEC);
	world_command(w, EV_RESTART, 0, 1);
	assert_int_equal(w->job_result[1], 0);
	w->actors[CROWD].ends_at_once = false;
	world_command(w, EV_START, CROWD, 2);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_state(w, CROWD), ST_RUNNING);
	world_free(w);
}

/* It waits for those that were before it, and for nobody else: not longer than the crowd takes once. */
static void test_restart_of_a_sound_unit_is_bounded(void **data)
{
	struct world *w = crowd();
	uint64_t begin;

	(void)data;
	crash_all(w);
	world_pass(w, 200 * SEC);
	begin = w->now;
	world_exit(w, 0, SIGSEGV);
	while (world_state(w, 0) == ST_BACKOFF && w->now < begin + 1000 * SEC)
		world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_true(w->now - begin <= (CROWD + 2) * EACH + SEC);
	world_free(w);
}

static void test_nobody_starves(void **data)
{
	struct world *w = crowd();
	uint32_t least = UINT32_MAX, most = 0;

	(void)data;
	crash_all(w);
	world_pass(w, 1000 * SEC);
	for (uint32_t u = 1; u <= CROWD; u++) {
		uint32_t n = w->actors[u].spawns;

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	/* 10,000 starts for 1,000 units. */
	assert_true(least >= 10);
	assert_true(most - least <= 1);
	world_free(w);
}

/* Those that are stopped while they wait leave nothing behind that others would wait for. */
static void test_freed_times_are_used(void **data)
{
	struct world *w = crowd();

	(void)data;
	crash_all(w);
	world_pass(w, SEC);
	for (uint32_t u = 1; u <= CROWD; u++)
		world_command(w, EV_STOP, u, 0);
	world_exit(w, 0, SIGSEGV);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

static void test_budget_is_set(void **data)
{
	struct world *w = crowd();
	uint32_t before = spawns(w);

	(void)data;
	engine_set_budget(w->engine, 5, SEC);
	crash_all(w);
	/* Five at once when RestartSec= is over, then one each second. */
	world_pass(w, 100 * MS);
	assert_int_equal(spawns(w) - before, 5);
	world_pass(w, SEC);
	assert_int_equal(spawns(w) - before, 5 + 1);
	world_pass(w, 9 * SEC);
	assert_int_equal(spawns(w) - before, 5 + 10);
	world_free(w);
	w = crowd();
	engine_set_budget(w->engine, 0, 0);
	before = spawns(w);
	for (uint32_t u = 1; u <= CROWD; u++)
		world_exit(w, u, SIGSEGV);
	world_pass(w, SEC);
	assert_int_equal(spawns(w) - before, CROWD);
	world_free(w);
}

static void test_a_reload_keeps_the_queue(void **data)
{
	struct world *w = crowd(), *next = world_new(CROWD + 1);
	char name[32];
	uint32_t before;

	(void)data;
	for (uint32_t u = 0; u <= CROWD; u++) {
		snprintf(name, sizeof(name), "u%04u", u);
		world_add(next, name, KIND_SERVICE)->service.restart = RESTART_ALWAYS;
		next->set.units[u].digest = u < CROWD / 2 ? 1 : 2;
	}
	crash_all(w);
	world_pass(w, SEC);
	before = spawns(w);
	engine_reload(w->engine, &next->set, 1, w->now);
	world_perform(w);
	assert_int_equal(w->swaps, 1);
	/* What the reload starts is no automatic restart; the others wait as before. */
	world_pass(w, SEC);
	assert_in_range(spawns(w) - before, CROWD / 2, CROWD / 2 + 15);
	world_pass(w, 300 * SEC);
	for (uint32_t u = 1; u <= CROWD; u++)
		assert_true(w->actors[u].spawns > 2);
	world_free(w);
	world_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm_is_slowed_down),
		cmocka_unit_test(test_commands_never_wait),
		cmocka_unit_test(test_restart_of_a_sound_unit_is_bounded),
		cmocka_unit_test(test_nobody_starves),
		cmocka_unit_test(test_freed_times_are_used),
		cmocka_unit_test(test_budget_is_set),
		cmocka_unit_test(test_a_reload_keeps_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
