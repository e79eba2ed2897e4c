/* sup.conf: what it says, what is wrong with it, and what units have from it. */
#include "common/util.h"
#include "supervisor/core/unit/unitfile.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SERVICE "[Service]\nExecStart=/bin/a\n"

static struct unit_text text_of(const char *name, const char *text)
{
	return (struct unit_text){ .unit = name, .path = name, .text = text, .size = strlen(text) };
}

/* sup.conf with a service, a container, and a service that says everything itself. */
static void build(struct unit_set *set, const char *conf)
{
	const struct unit_text texts[] = {
		text_of("a.service", SERVICE),
		text_of("c.container", "[Container]\nImage=a\n"),
		text_of("srv.mount", "[Mount]\nWhat=tmpfs\nWhere=/srv\n"),
		text_of("own.service",
			"[Unit]\nStartLimitBurst=9\n" SERVICE
			"TimeoutSec=7\nRestartSec=8\nTasksMax=20\n"),
		text_of("sup.conf", conf),
	};

	unit_set_build(set, texts, ARRAY_LEN(texts));
}

static void assert_faults(const struct unit_set *set, const char *expected)
{
	char *faults = fixture_faults(set);

	assert_string_equal(faults, expected);
	free(faults);
}

static void test_defaults(void **state)
{
	struct unit_set set;
	const struct manager_section *m = &set.manager;

	(void)state;
	fixture_one(&set, "a.service", SERVICE);
	assert_int_equal(m->timeout_start, 90 * USEC_PER_SEC);
	assert_int_equal(m->boot_timeout, 300 * USEC_PER_SEC);
	assert_int_equal(m->boot_timeout_action, ACTION_NONE);
	assert_int_equal(m->safe_mode_boots, 3);
	assert_int_equal(m->reboot_min_uptime, 60 * USEC_PER_SEC);
	assert_int_equal(m->runtime_watchdog, 0);
	assert_int_equal(m->show_status, SHOW_YES);
	assert_null(m->watchdog_device);
	assert_null(m->exit_from);
	unit_set_free(&set);
}

/* What a unit has by itself is what it has by an empty sup.conf. */
static void test_defaults_are_those_of_units(void **state)
{
	static const enum unit_kind kinds[] = { KIND_SERVICE, KIND_CONTAINER, KIND_TARGET,
		KIND_MOUNT };
	struct arena a = { NULL };
	struct manager_section m;
	struct unit plain, applied;

	(void)state;
	manager_defaults(&a, &m);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char *before, *after;

		unit_defaults(&a, kinds[i], &plain);
		applied = plain;
		manager_apply(&m, &applied);
		before = fixture_print(&plain);
		after = fixture_print(&applied);
		assert_string_equal(before, after);
		free(before);
		free(after);
	}
	arena_free(&a);
}

static void test_units_have_their_defaults_from_it(void **state)
{
	struct unit_set set;
	const struct unit *u;

	(void)state;
	build(&set,
		"[Manager]\nDefaultTimeoutStartSec=11\nDefaultTimeoutStopSec=5\n"
		"DefaultRestartSec=2s\nDefaultStartLimitBurst=3\n"
		"DefaultStartLimitIntervalSec=1min\nDefaultTasksMax=99\n");
	assert_faults(&set, "");
	u = fixture_unit(&set, "a.service");
	assert_int_equal(u->service.timeout_start, 11 * USEC_PER_SEC);
	assert_int_equal(u->service.timeout_stop, 5 * USEC_PER_SEC);
	assert_int_equal(u->service.restart_sec, 2 * USEC_PER_SEC);
	assert_int_equal(u->service.tasks_max.value, 99);
	assert_int_equal(u->unit.start_limit_burst, 3);
	assert_int_equal(u->unit.start_limit_interval, 60 * USEC_PER_SEC);
	u = fixture_unit(&set, "srv.mount");
	assert_int_equal(u->service.timeout_start, 11 * USEC_PER_SEC);
	u = fixture_unit(&set, "c.container");
	assert_int_equal(u->service.timeout_stop, 5 * USEC_PER_SEC);
	u = fixture_unit(&set, "own.service");
	assert_int_equal(u->service.timeout_start, 7 * USEC_PER_SEC);
	assert_int_equal(u->service.timeout_stop, 7 * USEC_PER_SEC);
	assert_int_equal(u->service.restart_sec, 8 * USEC_PER_SEC);
	assert_int_equal(u->service.tasks_max.value, 20);
	assert_int_equal(u->unit.start_limit_burst, 9);
	assert_int_equal(unit_set_find(&set, "sup.conf"), -1);
	unit_set_free(&set);
}

/* A long one does not lengthen the stop of a container, which is Podman's. */
static void test_stop_of_containers(void **state)
{
	struct unit_set set;

	(void)state;
	build(&set, "[Manager]\nDefaultTimeoutStopSec=10min\n");
	assert_int_equal(fixture_unit(&set, "c.container")->service.timeout_stop,
		10 * USEC_PER_SEC);
	unit_set_free(&set);
}

static void test_faults_are_told_and_harmless(void **state)
{
	struct unit_set set;

	(void)state;
	build(&set,
		"[Manager]\nBootTimoutSec=3\nBootTimeoutAction=explode\nLogLevel=debug\n"
		"CPUAffinity=1\nSafeModeBoots=5\nWhatever=1\nX-Mine=1\n[Unit]\nAfter=x\n[X-Own]\na=1\n");
	assert_faults(&set,
		"sup.conf:2:1: error: unknown key BootTimoutSec= in [Manager]; did you mean "
		"BootTimeoutSec=?\n"
		"sup.conf:3:19: error: BootTimeoutAction=: \"explode\" is not one of: none, reboot, "
		"reboot-force, reboot-immediate, poweroff, poweroff-force, poweroff-immediate, exit, "
		"exit-force, halt, halt-force, halt-immediate, kexec, kexec-force\n"
		"sup.conf:4:1: warning: LogLevel= is not done here; use supctl logs; the kernel's "
		"command line has sup.log\n"
		"sup.conf:5:1: warning: CPUAffinity= is not done here\n"
		"sup.conf:7:1: error: unknown key Whatever= in [Manager]\n"
		"sup.conf:9:1: error: [Unit] does not belong into sup.conf, which has [Manager]\n");
	assert_int_equal(set.manager.boot_timeout_action, ACTION_NONE);
	assert_int_equal(set.manager.safe_mode_boots, 5);
	unit_set_free(&set);
}

static void test_unreadable(void **state)
{
	const struct unit_text text = {
		.unit = "sup.conf", .path = "/etc/sup/sup.conf", .unreadable = "not a regular file"
	};
	struct unit_set set;

	(void)state;
	unit_set_build(&set, &text, 1);
	assert_faults(&set, "/etc/sup/sup.conf: error: cannot be read: not a regular file\n");
	assert_int_equal(set.manager.safe_mode_boots, 3);
	unit_set_free(&set);
}

/* A value that is taken back, and one that begins well and ends badly. */
static void test_bad_and_empty_values_give_the_default(void **state)
{
	struct unit_set set;

	(void)state;
	build(&set,
		"[Manager]\nSafeModeBoots=7\nSafeModeBoots=\nStatusIntervalSec=3 apples\n"
		"SafeModeBoots=1001\n");
	assert_int_equal(set.n_faults, 2);
	assert_int_equal(set.manager.safe_mode_boots, 3);
	assert_int_equal(set.manager.status_interval, 60 * USEC_PER_SEC);
	unit_set_free(&set);
}

static void test_manager_section_in_a_unit(void **state)
{
	struct unit_set set;

	(void)state;
	fixture_one(&set, "a.service", SERVICE "[Manager]\nShowStatus=no\n");
	assert_faults(&set,
		"a.service:3:1: warning: [Manager] is not done here; it belongs into "
		"/etc/sup/sup.conf\n");
	unit_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_defaults_are_those_of_units),
		cmocka_unit_test(test_units_have_their_defaults_from_it),
		cmocka_unit_test(test_stop_of_containers),
		cmocka_unit_test(test_faults_are_told_and_harmless),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_bad_and_empty_values_give_the_default),
		cmocka_unit_test(test_manager_section_in_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
