/* Datagrams of sd_notify(3), good and bad. */
#include "supervisor/core/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct notify parse(const char *data, size_t size)
{
	static char status[NOTIFY_STATUS_MAX];
	struct notify n;

	memset(status, 0x55, sizeof(status));
	notify_parse(data, size, status, &n);
	return n;
}

static bool says_nothing(const struct notify *n)
{
	return !n->ready && !n->reloading && !n->stopping && !n->watchdog && !n->watchdog_trigger &&
		n->extend_timeout == 0 && n->watchdog_usec == UINT64_MAX && n->main_pid == 0 &&
		n->error == 0 && n->at == 0 && n->access == ACCESS_UNSET && n->status == NULL;
}

static void test_all_words(void **data)
{
	static const char text[] =
		"READY=1\nRELOADING=1\nSTOPPING=1\nSTATUS=all = well\nWATCHDOG=1\n"
		"WATCHDOG_USEC=5000\nEXTEND_TIMEOUT_USEC=7\nMAINPID=42\nX_MINE=1\n"
		"ERRNO=13\nMONOTONIC_USEC=99\nNOTIFYACCESS=exec";
	struct notify n = parse(text, strlen(text));

	(void)data;
	assert_true(n.ready && n.reloading && n.stopping && n.watchdog);
	assert_false(n.watchdog_trigger);
	assert_string_equal(n.status, "all = well");
	assert_int_equal(n.watchdog_usec, 5000);
	assert_int_equal(n.extend_timeout, 7);
	assert_int_equal(n.main_pid, 42);
	assert_int_equal(n.error, 13);
	assert_int_equal(n.at, 99);
	assert_int_equal(n.access, ACCESS_EXEC);
	n = parse("WATCHDOG=trigger\n", 17);
	assert_true(n.watchdog_trigger && !n.watchdog);
}

static void test_nothing_said(void **data)
{
	static const char *const texts[] = { "", "\n\n\n", "READY", "READY=0", "READY=11", "=1",
		"=", "ready=1", "READYX=1", "MAINPID=-1", "MAINPID=0", "MAINPID=4294967296",
		"WATCHDOG_USEC=x", "WATCHDOG_USEC=99999999999999999999999",
		"EXTEND_TIMEOUT_USEC=", "ERRNO=0", "ERRNO=-1", "NOTIFYACCESS=some",
		"NOTIFYACCESS=", "MONOTONIC_USEC=now" };

	(void)data;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct notify n = parse(texts[i], strlen(texts[i]));

		assert_true(says_nothing(&n));
	}
}

static void test_nul_and_control_characters(void **data)
{
	struct notify n = parse("READY=1\0\nSTATUS=a\0b\033[c", 22);

	(void)data;
	assert_false(n.ready);
	assert_string_equal(n.status, "a?b?[c");
}

static void test_long_lines(void **data)
{
	static char text[70000];
	struct notify n;

	(void)data;
	memset(text, 'x', sizeof(text));
	n = parse(text, sizeof(text));
	assert_true(says_nothing(&n));
	memcpy(text, "STATUS=", 7);
	n = parse(text, sizeof(text));
	assert_int_equal(strlen(n.status), NOTIFY_STATUS_MAX - 1);
	memcpy(text, "MAINPID", 7);
	text[7] = '=';
	n = parse(text, sizeof(text));
	assert_true(says_nothing(&n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_words),
		cmocka_unit_test(test_nothing_said),
		cmocka_unit_test(test_nul_and_control_characters),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
