/* What the engine says: why a unit waits, and who holds up the boot. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { API, DB, TARGET, WEB };

static void needs(struct world *w, uint32_t a, uint32_t b)
{
	world_edge(w, a, DEP_REQUIRES, b);
	world_edge(w, a, DEP_AFTER, b);
}

/* default.target wants web, which needs api, which needs db, which is ready when it says so. */
static struct world *boot(void)
{
	struct world *w = world_new(4);

	world_add(w, "api", KIND_SERVICE);
	world_add(w, "db", KIND_SERVICE)->service.type = TYPE_NOTIFY;
	world_add(w, "default.target", KIND_TARGET);
	world_add(w, "web", KIND_SERVICE);
	world_edge(w, TARGET, DEP_WANTS, WEB);
	world_edge(w, TARGET, DEP_AFTER, WEB);
	needs(w, WEB, API);
	needs(w, API, DB);
	return w;
}

static void begin(struct world *w)
{
	world_begin(w);
	engine_boot(w->engine, w->now);
	world_perform(w);
}

static void why_is(const struct world *w, uint32_t u, const char *expected)
{
	char why[256];

	assert_string_equal(engine_why(w->engine, u, why, sizeof(why)), expected);
}

/* All steps of it, each "tie unit: what there is to say". */
static void steps_are(const struct world *w, uint32_t u, const char *expected)
{
	char told[512] = "", own[128];
	const char *tie = "";
	size_t n = 0;

	do
		n += (size_t)snprintf(told + n, sizeof(told) - n, "%s%s %s: %s", n > 0 ? ", " : "",
			tie, w->set.units[u].name, engine_why_own(w->engine, u, own, sizeof(own)));
	while (engine_why_next(w->engine, u, &u, &tie));
	assert_string_equal(told, expected);
}

static void culprit_is(const struct world *w, const char *expected)
{
	char text[256];

	assert_true(engine_culprit(w->engine, w->now, text, sizeof(text)));
	assert_string_equal(text, expected);
}

static void no_culprit(const struct world *w)
{
	char text[256] = "?";

	assert_false(engine_culprit(w->engine, w->now, text, sizeof(text)));
	assert_string_equal(text, "");
}

static void test_chain_to_the_root(void **data)
{
	struct world *w = boot();

	(void)data;
	begin(w);
	w->now += 37 * SEC + 400 * MS;
	why_is(w, API, "waits for db (starting)");
	why_is(w, WEB, "waits for api: needs db (starting)");
	why_is(w, TARGET, "waits for web: needs api: needs db (starting)");
	steps_are(w, DB, " db: ");
	steps_are(w, WEB,
		" web: waits for api: needs db (starting), needs api: waits for db (starting), "
		"needs db: ");
	culprit_is(w, "waiting 37 s for web: needs api: needs db (starting)");
	world_ready(w, DB);
	no_culprit(w);
	world_free(w);
}

static void test_root_says_its_own_word(void **data)
{
	const struct notify n = { .status = "loading tables", .watchdog_usec = UINT64_MAX };
	struct world *w = boot();

	(void)data;
	w->set.units[DB].service.restart = RESTART_ALWAYS;
	begin(w);
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .unit = DB, .notify = &n });
	why_is(w, API, "waits for db (starting: loading tables)");
	steps_are(w, API,
		" api: waits for db (starting: loading tables), needs db: loading tables");
	world_exit(w, DB, EXIT_STATUS(3));
	why_is(w, API, "waits for db (restarting: exit code 3)");
	world_free(w);
}

static void test_time_counts_over_failed_tries(void **data)
{
	struct world *w = boot();

	(void)data;
	w->set.units[DB].service.restart = RESTART_ALWAYS;
	begin(w);
	for (int i = 0; i < 20; i++) {
		world_exit(w, DB, EXIT_STATUS(1));
		world_pass(w, SEC);
	}
	culprit_is(w, "waiting 20 s for web: needs api: needs db (starting)");
	world_free(w);
}

static void test_failed_for_good_is_not_waited_for(void **data)
{
	struct world *w = boot();

	(void)data;
	begin(w);
	world_exit(w, DB, EXIT_STATUS(1));
	assert_int_equal(world_state(w, TARGET), ST_RUNNING);
	no_culprit(w);
	why_is(w, WEB,
		"failed: requires api, which failed: requires db, which failed: exit code 1");
	steps_are(w, API, " api: requires db, which failed: exit code 1, requires db: exit code 1");
	steps_are(w, TARGET, " default.target: ");
	world_free(w);
}

static void test_service_that_fell_after_boot(void **data)
{
	struct world *w = boot();

	(void)data;
	w->set.units[DB].service.restart = RESTART_ALWAYS;
	w->set.units[DB].service.restart_sec = 30 * SEC;
	begin(w);
	world_ready(w, DB);
	world_pass(w, 100 * SEC);
	no_culprit(w);
	world_exit(w, DB, SIGSEGV);
	w->now += 5 * SEC;
	culprit_is(w, "waiting 5 s for db (restarting: killed by signal SEGV)");
	world_free(w);
}

static void test_stop_that_is_waited_for(void **data)
{
	struct world *w = world_new(3);

	(void)data;
	world_add(w, "default.target", KIND_TARGET);
	world_add(w, "new", KIND_SERVICE);
	world_add(w, "old", KIND_SERVICE);
	world_edge(w, 0, DEP_REQUIRES, 1);
	world_edge(w, 0, DEP_AFTER, 1);
	world_edge(w, 1, DEP_CONFLICTS, 2);
	w->actors[2].ignore_term = true;
	world_begin(w);
	world_command(w, EV_START, 2, 1);
	engine_boot(w->engine, w->now);
	world_perform(w);
	w->now += 2 * SEC;
	culprit_is(w, "waiting 2 s for new: behind the stop of old (stop-sigterm)");
	why_is(w, 1, "waits for old (stop-sigterm)");
	world_command(w, EV_STOP, 1, 2);
	no_culprit(w);
	world_free(w);
}

/* Of two that hold it back, the one that runs into trouble is named, not the one that waits for it. */
static void test_the_root_is_preferred(void **data)
{
	struct world *w = world_new(4);

	(void)data;
	world_add(w, "api", KIND_SERVICE);
	world_add(w, "db", KIND_SERVICE)->service.type = TYPE_NOTIFY;
	world_add(w, "default.target", KIND_TARGET);
	world_add(w, "late", KIND_SERVICE)->service.type = TYPE_NOTIFY;
	for (uint32_t u = 0; u < 4; u++)
		if (u != 2)
			needs(w, 2, u);
	needs(w, 0, 1);
	w->set.units[3].service.restart = RESTART_ALWAYS;
	begin(w);
	world_pass(w, SEC);
	world_exit(w, 3, EXIT_STATUS(1));
	world_pass(w, SEC);
	culprit_is(w, "waiting 2 s for db (starting)");
	world_free(w);
}

static void test_long_chain_is_cut_in_the_middle(void **data)
{
	struct world *w = world_new(1000);
	char name[16];

	(void)data;
	w->quiet = true;
	for (uint32_t u = 0; u < 1000; u++) {
		snprintf(name, sizeof(name), "u%03u", u);
		world_add(w, name, KIND_SERVICE);
		if (u > 0)
			needs(w, u - 1, u);
	}
	w->set.units[999].service.type = TYPE_NOTIFY;
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	culprit_is(w,
		"waiting 0 ms for u000: needs u001: needs u002: needs u003: 995 more: needs u999 "
		"(starting)");
	world_free(w);
}

static void test_small_buffers(void **data)
{
	struct world *w = boot();
	char text[8];

	(void)data;
	begin(w);
	assert_true(engine_culprit(w->engine, w->now, text, sizeof(text)));
	assert_string_equal(text, "waiting");
	assert_string_equal(engine_why(w->engine, WEB, text, sizeof(text)), "waits f");
	assert_true(engine_culprit(w->engine, w->now, NULL, 0));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_to_the_root),
		cmocka_unit_test(test_root_says_its_own_word),
		cmocka_unit_test(test_time_counts_over_failed_tries),
		cmocka_unit_test(test_failed_for_good_is_not_waited_for),
		cmocka_unit_test(test_service_that_fell_after_boot),
		cmocka_unit_test(test_stop_that_is_waited_for),
		cmocka_unit_test(test_the_root_is_preferred),
		cmocka_unit_test(test_long_chain_is_cut_in_the_middle),
		cmocka_unit_test(test_small_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
