/* The boot as a whole: how far it is, safe mode, reboots that are put off. */
#include "common/util.h"
#include "common/wire.h"
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BASE, DATA, TARGET, WEB, WORKER };

/*
 * default.target wants web, worker and base; web, which is critical, requires data and wants worker. By name, since a
 * set is sorted.
 */
static struct world *make(void)
{
	struct world *w = world_new(5);

	(void)world_add(w, "base.service", KIND_SERVICE);
	(void)world_add(w, "data.service", KIND_SERVICE);
	(void)world_add(w, "default.target", KIND_TARGET);
	world_add(w, "web.service", KIND_SERVICE)->unit.critical = true;
	(void)world_add(w, "worker.service", KIND_SERVICE);
	world_edge(w, WEB, DEP_REQUIRES, DATA);
	world_edge(w, WEB, DEP_AFTER, DATA);
	world_edge(w, WEB, DEP_WANTS, WORKER);
	for (uint32_t u = 0; u < 5; u++)
		if (u != TARGET && u != DATA) {
			world_edge(w, TARGET, DEP_WANTS, u);
			world_edge(w, TARGET, DEP_AFTER, u);
		}
	return w;
}

static struct boot_view view_of(const struct world *w)
{
	struct boot_view view;

	engine_boot_view(w->engine, &view);
	return view;
}

static void boot(struct world *w, void (*how)(struct engine *, uint64_t))
{
	how(w->engine, w->now);
	world_perform(w);
}

static void test_complete(void **state)
{
	struct world *w = make();
	struct boot_view view;

	(void)state;
	world_begin(w);
	w->actors[DATA].hold_spawn = true;
	boot(w, engine_boot);
	view = view_of(w);
	assert_false(view.complete);
	assert_false(view.well);
	assert_int_equal(view.up, 2);
	assert_int_equal(view.starting, 2);
	w->actors[DATA].hold_spawn = false;
	world_event(w,
		&(struct event){ .kind = EV_SPAWNED, .unit = DATA, .role = ROLE_MAIN, .pid = 999 });
	view = view_of(w);
	assert_true(view.complete);
	assert_true(view.well);
	assert_int_equal(view.up, 4);
	assert_int_equal(view.failed, 0);
	assert_true(world_run(w, WEB)->arrived >= world_run(w, WEB)->begun);
	world_free(w);
}

/* One that is of no importance may fail; a critical one may not. */
static void test_well(void **state)
{
	static const struct {
		uint32_t fails;
		bool well;
		const char *critical;
	} rows[] = {
		{ WORKER, true, "" },
		{ WEB, false, "web.service: exit code 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = make();
		struct boot_view view;
		char text[64];

		world_begin(w);
		boot(w, engine_boot);
		world_exit(w, rows[i].fails, EXIT_STATUS(1));
		view = view_of(w);
		assert_true(view.complete);
		assert_int_equal(view.well, rows[i].well);
		assert_int_equal(view.failed, 1);
		assert_non_null(strstr(view.failure, ": exit code 1"));
		assert_int_equal(engine_critical_failed(w->engine, text, sizeof(text)),
			!rows[i].well);
		assert_string_equal(text, rows[i].critical);
		/* an operator mends it */
		world_command(w, EV_START, rows[i].fails, 0);
		assert_true(view_of(w).well);
		assert_false(engine_critical_failed(w->engine, NULL, 0));
		world_free(w);
	}
}

/* What restarts is neither failed for good nor holds up the boot. */
static void test_restarting(void **state)
{
	struct world *w = make();
	struct boot_view view;

	(void)state;
	w->set.units[WEB].service.restart = RESTART_ALWAYS;
	world_begin(w);
	boot(w, engine_boot);
	world_exit(w, WEB, EXIT_STATUS(1));
	view = view_of(w);
	assert_int_equal(view.restarting, 1);
	assert_true(view.well);
	world_free(w);
}

static void test_safe_mode(void **state)
{
	struct world *w = make();

	(void)state;
	world_begin(w);
	assert_true(engine_has_critical(w->engine));
	boot(w, engine_boot_safe);
	assert_int_equal(world_state(w, WEB), ST_RUNNING);
	assert_int_equal(world_state(w, DATA), ST_RUNNING);
	assert_int_equal(world_state(w, WORKER), ST_INACTIVE);
	assert_int_equal(world_state(w, BASE), ST_INACTIVE);
	assert_int_equal(world_state(w, TARGET), ST_INACTIVE);
	assert_true(view_of(w).well);
	assert_int_equal(view_of(w).up, 2);
	/* by hand everything still works, all of it too */
	world_command(w, EV_START, BASE, 0);
	assert_int_equal(world_state(w, BASE), ST_RUNNING);
	world_command(w, EV_START, TARGET, 0);
	assert_int_equal(world_state(w, WORKER), ST_RUNNING);
	assert_int_equal(world_state(w, TARGET), ST_RUNNING);
	world_free(w);
}

static void test_nothing_critical(void **state)
{
	struct world *w = make();

	(void)state;
	w->set.units[WEB].unit.critical = false;
	world_begin(w);
	assert_false(engine_has_critical(w->engine));
	world_free(w);
}

/* ---- reboots that must wait */

static struct world *failing(int action, uint64_t min_uptime)
{
	struct world *w = make();

	w->set.units[WEB].unit.failure_action = action;
	world_begin(w);
	engine_set_min_uptime(w->engine, w->now + min_uptime);
	boot(w, engine_boot);
	world_exit(w, WEB, EXIT_STATUS(1));
	return w;
}

static void test_reboot_is_put_off(void **state)
{
	static const struct {
		int action, end;
	} actions[] = { { ACTION_REBOOT, END_REBOOT }, { ACTION_REBOOT_FORCE, END_REBOOT },
		{ ACTION_REBOOT_IMMEDIATE, END_REBOOT }, { ACTION_KEXEC, END_KEXEC },
		{ ACTION_KEXEC_FORCE, END_KEXEC } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		struct world *w = failing(actions[i].action, 60 * SEC);
		const char *why = NULL;

		assert_int_equal(w->machine, 0);
		assert_int_equal(world_state(w, BASE), ST_RUNNING);
		assert_int_equal(engine_put_off_until(w->engine, &why), w->now + 60 * SEC);
		assert_non_null(strstr(why, "web.service failed"));
		assert_int_equal(engine_deadline(w->engine), w->now + 60 * SEC);
		assert_false(view_of(w).well);
		world_pass(w, 60 * SEC - 1);
		assert_int_equal(w->machine, 0);
		assert_false(engine_is_ending(w->engine));
		world_pass(w, 1);
		assert_int_equal(w->machine, actions[i].end);
		assert_true(engine_is_ending(w->engine));
		assert_int_equal(engine_put_off_until(w->engine, NULL), TIME_INFINITY);
		world_free(w);
	}
}

static void test_after_that_uptime_at_once(void **state)
{
	struct world *w = failing(ACTION_REBOOT, 0);

	(void)state;
	assert_int_equal(w->machine, END_REBOOT);
	world_free(w);
}

/* A machine that is off does not loop. */
static void test_poweroff_is_not_put_off(void **state)
{
	struct world *w = failing(ACTION_POWEROFF, 60 * SEC);

	(void)state;
	assert_int_equal(w->machine, END_POWEROFF);
	world_free(w);
}

static void test_the_first_reason_stays(void **state)
{
	struct world *w = failing(ACTION_REBOOT, 60 * SEC);
	const char *why = "";

	(void)state;
	engine_act(w->engine, ACTION_REBOOT_FORCE, "another", w->now);
	(void)engine_put_off_until(w->engine, &why);
	assert_non_null(strstr(why, "web.service failed"));
	world_free(w);
}

static void test_operators_win(void **state)
{
	struct world *w = failing(ACTION_REBOOT, 60 * SEC);

	(void)state;
	engine_forget_put_off(w->engine);
	world_pass(w, 120 * SEC);
	assert_int_equal(w->machine, 0);
	world_free(w);
	w = failing(ACTION_REBOOT, 60 * SEC);
	engine_shutdown(w->engine, END_POWEROFF, w->now);
	world_perform(w);
	assert_int_equal(w->machine, END_POWEROFF);
	assert_int_equal(engine_deadline(w->engine), TIME_INFINITY);
	world_free(w);
}

static void test_an_action_of_nobody(void **state)
{
	struct world *w = make();

	(void)state;
	world_begin(w);
	boot(w, engine_boot);
	engine_act(w->engine, ACTION_NONE, "no", w->now);
	world_perform(w);
	assert_int_equal(w->machine, 0);
	engine_act(w->engine, ACTION_REBOOT, "late", w->now);
	world_perform(w);
	assert_int_equal(w->machine, END_REBOOT);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_well),
		cmocka_unit_test(test_restarting),
		cmocka_unit_test(test_safe_mode),
		cmocka_unit_test(test_nothing_critical),
		cmocka_unit_test(test_reboot_is_put_off),
		cmocka_unit_test(test_after_that_uptime_at_once),
		cmocka_unit_test(test_poweroff_is_not_put_off),
		cmocka_unit_test(test_the_first_reason_stays),
		cmocka_unit_test(test_operators_win),
		cmocka_unit_test(test_an_action_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
