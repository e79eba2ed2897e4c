/* keys.md's table, cell by cell; the sets, the back-off, the limit, the words. */
#include "supervisor/core/engine/cause.h"
#include "supervisor/core/engine/restart.h"

#include "common/util.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEC UINT64_C(1000000)
#define EXIT(code) ((code) << 8)

static void test_table(void **data)
{
	/* In the order of enum restart: no on-success on-failure on-abnormal on-watchdog on-abort always */
	static const struct {
		enum cause_kind kind;
		const char *restarts;
	} rows[] = {
		{ CAUSE_CLEAN, "-x----x" },
		{ CAUSE_SKIPPED, "-------" },
		{ CAUSE_EXIT, "--x---x" },
		{ CAUSE_SIGNAL, "--xx-xx" },
		{ CAUSE_TIMEOUT, "--xx--x" },
		{ CAUSE_WATCHDOG, "--xxx-x" },
		{ CAUSE_OOM, "--xx-xx" },
		{ CAUSE_HEALTH, "--xx-xx" },
		{ CAUSE_HEALTH_RESTART, "xxxxxxx" },
		{ CAUSE_HEALTH_STOP, "-------" },
		{ CAUSE_PROTOCOL, "--xx--x" },
		{ CAUSE_SPAWN, "--x---x" },
		{ CAUSE_SETUP, "--x---x" },
		{ CAUSE_SURVIVOR, "-------" },
		{ CAUSE_BROKEN, "-------" },
		{ CAUSE_DEPENDENCY, "-------" },
		{ CAUSE_LIMIT, "-------" },
		{ CAUSE_ASSERT, "-------" },
		{ CAUSE_TRIGGER, "-------" },
		{ CAUSE_NONE, "-x----x" },
	};

	(void)data;
	assert_int_equal(ARRAY_LEN(rows), CAUSE_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int r = RESTART_NO; r <= RESTART_ALWAYS; r++) {
			struct service_section s = { .restart = r };
			struct cause c = { .kind = rows[i].kind };

			assert_int_equal(restart_wanted(&s, &c), rows[i].restarts[r] == 'x');
		}
}

static enum cause_kind kind_of(const struct unit *unit, int32_t status)
{
	return cause_of_status(unit, status).kind;
}

static void test_clean_exits(void **data)
{
	struct unit u = { .kind = KIND_SERVICE };

	(void)data;
	assert_int_equal(kind_of(&u, 0), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, EXIT(1)), CAUSE_EXIT);
	assert_int_equal(kind_of(&u, SIGHUP), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, SIGINT), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, SIGTERM), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, SIGPIPE), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, SIGKILL), CAUSE_SIGNAL);
	u.service.type = TYPE_ONESHOT;
	assert_int_equal(kind_of(&u, SIGTERM), CAUSE_SIGNAL);
	u.service.success_exit.codes[1] = UINT64_C(1) << (75 - 64);
	u.service.success_exit.signals = UINT64_C(1) << SIGKILL;
	assert_int_equal(kind_of(&u, EXIT(75)), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, SIGKILL), CAUSE_CLEAN);
	assert_int_equal(kind_of(&u, EXIT(143)), CAUSE_EXIT);
}

static void test_prevent_and_force(void **data)
{
	struct service_section s = { .restart = RESTART_ALWAYS };
	struct cause c = { .kind = CAUSE_EXIT, .has_status = true, .status = EXIT(3) };

	(void)data;
	s.restart_prevent.codes[0] = 1 << 3;
	assert_false(restart_wanted(&s, &c));
	c.status = EXIT(4);
	assert_true(restart_wanted(&s, &c));
	s.restart = RESTART_NO;
	assert_false(restart_wanted(&s, &c));
	s.restart_force.codes[0] = 1 << 3 | 1 << 4;
	assert_true(restart_wanted(&s, &c));
	c.status = EXIT(3);
	assert_false(restart_wanted(&s, &c));
	c = (struct cause){ .kind = CAUSE_SIGNAL, .has_status = true, .status = SIGSEGV };
	s.restart_force.signals = UINT64_C(1) << SIGSEGV;
	assert_true(restart_wanted(&s, &c));
	/* What never restarts is not about that exit. */
	c.kind = CAUSE_SURVIVOR;
	assert_false(restart_wanted(&s, &c));
	c.kind = CAUSE_HEALTH_STOP;
	assert_false(restart_wanted(&s, &c));
	/* Only the main process is looked at. */
	c.kind = CAUSE_SIGNAL;
	c.has_status = false;
	assert_false(restart_wanted(&s, &c));
}

static void near_ms(uint64_t usec, uint64_t ms)
{
	assert_in_range(usec, ms * 1000 - 1000, ms * 1000 + 1000);
}

static void test_backoff_grows_by_one_factor(void **data)
{
	struct service_section s = {
		.restart_sec = SEC, .restart_max_delay = 60 * SEC, .restart_steps = 3
	};

	(void)data;
	assert_int_equal(restart_delay(&s, 1), SEC);
	near_ms(restart_delay(&s, 2), 3915);
	near_ms(restart_delay(&s, 3), 15326);
	assert_int_equal(restart_delay(&s, 4), 60 * SEC);
	assert_int_equal(restart_delay(&s, UINT32_MAX), 60 * SEC);
	s.restart_steps = 1;
	assert_int_equal(restart_delay(&s, 2), 60 * SEC);
}

/* Where it comes out even, it is exact. */
static void test_backoff_of_powers_of_two(void **data)
{
	const struct service_section s = { .restart_sec = UINT64_C(1) << 10,
		.restart_max_delay = UINT64_C(1) << 40,
		.restart_steps = 30 };

	(void)data;
	for (uint32_t n = 1; n <= 31; n++)
		assert_int_equal(restart_delay(&s, n), UINT64_C(1) << (9 + n));
}

static void test_backoff_without_steps_or_maximum(void **data)
{
	struct service_section s = {
		.restart_sec = SEC, .restart_max_delay = TIME_INFINITY, .restart_steps = 5
	};

	(void)data;
	assert_int_equal(restart_delay(&s, 9), SEC);
	s.restart_max_delay = SEC / 2;
	assert_int_equal(restart_delay(&s, 9), SEC);
	s.restart_max_delay = 9 * SEC;
	s.restart_steps = 0;
	assert_int_equal(restart_delay(&s, 9), SEC);
	s.restart_steps = 5;
	s.restart_sec = 0;
	assert_int_equal(restart_delay(&s, 9), 0);
}

static void test_backoff_never_falls(void **data)
{
	struct service_section s = {
		.restart_sec = 1, .restart_max_delay = TIME_INFINITY - 1, .restart_steps = 1000
	};

	(void)data;
	for (uint32_t n = 1; n < 1001; n++)
		assert_true(restart_delay(&s, n) <= restart_delay(&s, n + 1));
	assert_int_equal(restart_delay(&s, 1001), TIME_INFINITY - 1);
}

static void test_limit(void **data)
{
	struct unit_section u = { .start_limit_interval = 10 * SEC, .start_limit_burst = 2 };
	struct start_count count = { .n = 0 };

	(void)data;
	assert_true(restart_count(&count, &u, 5 * SEC));
	assert_true(restart_count(&count, &u, 6 * SEC));
	assert_false(restart_count(&count, &u, 7 * SEC));
	assert_false(restart_count(&count, &u, 15 * SEC - 1));
	assert_true(restart_count(&count, &u, 15 * SEC));
	u.start_limit_burst = 0;
	for (int i = 0; i < 10; i++)
		assert_true(restart_count(&count, &u, 15 * SEC));
}

static const char *status_words(int32_t status, char buf[64])
{
	struct text t = { .buf = buf, .size = 64 };

	cause_put_status(&t, status);
	return buf;
}

static void test_words(void **data)
{
	char buf[64];
	struct unit u = { .service.memory_max.value = 50 << 20,
		.container.memory.value = SIZE_UNSET };
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)data;
	assert_string_equal(status_words(EXIT(3), buf), "exit code 3");
	assert_string_equal(status_words(SIGSEGV, buf), "killed by signal SEGV");
	assert_string_equal(status_words(SIGSEGV | 0x80, buf),
		"killed by signal SEGV, core dumped");
	cause_put_oom(&t, &u);
	assert_string_equal(buf, "out of memory (MemoryMax=50M)");
	t.len = 0;
	cause_put_time(&t, 200000);
	text_puts(&t, " ");
	cause_put_time(&t, 90 * SEC);
	text_puts(&t, " ");
	cause_put_time(&t, 1500000);
	assert_string_equal(buf, "200 ms 90 s 1.5 s");
	t.len = 0;
	for (uint32_t n = 1; n <= 4; n++)
		cause_put_ordinal(&t, n);
	cause_put_ordinal(&t, 11);
	cause_put_ordinal(&t, 112);
	cause_put_ordinal(&t, 23);
	assert_string_equal(buf, "1st2nd3rd4th11th112th23rd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_clean_exits),
		cmocka_unit_test(test_prevent_and_force),
		cmocka_unit_test(test_backoff_grows_by_one_factor),
		cmocka_unit_test(test_backoff_of_powers_of_two),
		cmocka_unit_test(test_backoff_without_steps_or_maximum),
		cmocka_unit_test(test_backoff_never_falls),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
