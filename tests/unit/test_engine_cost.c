/* What the engine costs grows with the number of units and edges: counted in steps, so that no clock is asked. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LAYER 10

static void needs(struct world *w, uint32_t a, uint32_t b)
{
	world_edge(w, a, DEP_REQUIRES, b);
	world_edge(w, a, DEP_AFTER, b);
}

/* The last unit is the target of all. */
static void chain(struct world *w, uint32_t n)
{
	for (uint32_t u = 0; u + 1 < n; u++)
		needs(w, u + 1, u);
}

static void fan(struct world *w, uint32_t n)
{
	for (uint32_t u = 0; u + 1 < n; u++)
		needs(w, n - 1, u);
}

/* Layers of ten, each unit needs the whole layer below. */
static void layers(struct world *w, uint32_t n)
{
	for (uint32_t u = LAYER; u + 1 < n; u++)
		for (uint32_t k = 0; k < LAYER; k++)
			needs(w, u, u / LAYER * LAYER - LAYER + k);
	for (uint32_t u = 0; u + 1 < n; u++)
		needs(w, n - 1, u);
}

/* Stars around one unit that everybody needs. */
static void star(struct world *w, uint32_t n)
{
	for (uint32_t u = 1; u + 1 < n; u++) {
		needs(w, u, 0);
		needs(w, n - 1, u);
	}
}

/* Steps of a boot where each says that it is ready, one after the other, of a restart of the first, and of the end. */
static uint64_t steps(void (*shape)(struct world *w, uint32_t n), uint32_t n)
{
	struct world *w = world_new(n);
	const struct engine_cost *cost;
	uint64_t sum;
	char name[32];

	w->quiet = true;
	for (uint32_t u = 0; u < n; u++) {
		snprintf(name, sizeof(name), "u%05u", u);
		world_add(w, name, u + 1 == n ? KIND_TARGET : KIND_SERVICE)
			->service.type = TYPE_NOTIFY;
	}
	shape(w, n);
	world_begin(w);
	world_command(w, EV_START, n - 1, 1);
	for (uint32_t u = 0; u + 1 < n; u++)
		world_ready(w, u);
	assert_int_equal(world_state(w, n - 1), ST_RUNNING);
	world_command(w, EV_RESTART, 0, 2);
	for (uint32_t u = 0; u + 1 < n; u++)
		world_ready(w, u);
	assert_int_equal(world_state(w, n - 1), ST_RUNNING);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	assert_int_equal(w->machine, 1);
	cost = engine_cost(w->engine);
	sum = cost->turns + cost->looks + cost->visits;
	world_free(w);
	return sum;
}

static void grows_linearly(const char *what, void (*shape)(struct world *w, uint32_t n))
{
	uint64_t small = steps(shape, 500), large = steps(shape, 5000);

	print_message("%s: %llu steps for 500 units, %llu for 5000\n", what,
		(unsigned long long)small, (unsigned long long)large);
	assert_true(large <= 11 * small);
}

static void test_chain(void **data)
{
	(void)data;
	grows_linearly("chain", chain);
}

static void test_fan(void **data)
{
	(void)data;
	grows_linearly("fan", fan);
}

static void test_layers(void **data)
{
	(void)data;
	grows_linearly("layers", layers);
}

static void test_star(void **data)
{
	(void)data;
	grows_linearly("star", star);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_fan),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_star),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
