/* The "%" words: what each stands for, where it is escaped, and what is said of one that cannot be replaced. */
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct specifier_facts facts = {
	.host_name = "box.lan.example",
	.pretty_host_name = "The Box",
	.machine_id = "0123456789abcdef0123456789abcdef",
	.boot_id = "fedcba9876543210fedcba9876543210",
	.kernel = "6.12.1",
	.architecture = "x86-64",
	.os_id = "debian",
	.os_version = "13",
	.os_variant = "",
	.os_build = "b7",
	.image_id = "im",
	.image_version = "9",
};

static void build(struct unit_set *set, const char *unit, const char *text)
{
	const struct unit_text t = {
		.unit = unit,
		.path = "/etc/sup/units/x.file",
		.text = text,
		.size = strlen(text),
	};

	unit_set_build_on(set, &t, 1, &facts);
}

static const struct {
	const char *unit, *value, *expected;
} replaced[] = {
	{ "a-b@x-1.service", "%n|%N|%p|%i|%j", "a-b@x-1.service|a-b@x-1|a-b|x-1|b" },
	{ "a-b@x-1.service", "%P|%I|%J|%f", "a/b|x/1|b|/x/1" },
	{ "a-b.service", "%n|%N|%p|%i|%I|%j|%P|%f", "a-b.service|a-b|a-b|||b|a/b|/a/b" },
	{ "a@b@c.service", "%p|%i", "a|b@c" },
	{ "a@10.0.0.1.service", "%p|%i|%N", "a|10.0.0.1|a@10.0.0.1" },
	{ "a\\x2db-c\\x2dd@x\\x2dy-z.service", "%i|%I|%P|%J", "x\\x2dy-z|x-y/z|a-b/c-d|c-d" },
	{ "a@-.service", "%f|%I", "/|/" },
	{ "a@\\x2D\\x4a.service", "%I", "-J" },
	{ "a@\\xc3\\xa9.service", "%I", "\xc3\xa9" },
	{ "a.service", "%t|%S|%C|%L|%E|%D|%T|%V",
		"/run|/var/lib|/var/cache|/var/log|/etc|/usr/share|/tmp|/var/tmp" },
	{ "a.service", "%u|%U|%g|%G|%h|%s|100%%", "root|0|root|0|/root|/bin/sh|100%" },
	{ "a.service", "%H|%l|%q", "box.lan.example|box|The Box" },
	{ "a.service", "%m|%b",
		"0123456789abcdef0123456789abcdef|fedcba9876543210fedcba9876543210" },
	{ "a.service", "%v|%a|%o|%w|%W|%B|%M|%A", "6.12.1|x86-64|debian|13||b7|im|9" },
	{ "a.service", "%y|%Y", "/etc/sup/units/x.file|/etc/sup/units" },
	{ "a@b.service", "%d", "/run/credentials/a@b.service" },
	{ "a.service", "%%n %%%n", "%n %a.service" },
};

static void test_what_each_stands_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(replaced); i++) {
		char text[300];
		struct unit_set set;

		(void)snprintf(text, sizeof(text),
			"[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/a\n", replaced[i].value);
		build(&set, replaced[i].unit, text);
		assert_int_equal(set.n_faults, 0);
		assert_string_equal(fixture_unit(&set, replaced[i].unit)->unit.description,
			replaced[i].expected);
		unit_set_free(&set);
	}
}

static const struct {
	const char *unit, *value, *message;
	uint32_t column;
} wrong[] = {
	{ "a.service", "abc %z",
		"\"%\" begins a specifier such as %n; write \"%%\" for a percent sign", 17 },
	{ "a.service", "abc %",
		"\"%\" begins a specifier such as %n; write \"%%\" for a percent sign", 17 },
	{ "a@\\x.service", "%I", "%I: the name has a backslash that begins no escape such as \\x2d",
		13 },
	{ "a@\\xg0.service", "%I",
		"%I: the name has a backslash that begins no escape such as \\x2d", 13 },
	{ "a@\\x0a.service", "a%I", "%I: the name has an escape of a control character", 14 },
	{ "a@\\x00.service", "%I", "%I: the name has an escape of a control character", 13 },
	{ "a@\\xff.service", "%I", "%I: the name has an escape that is not UTF-8", 13 },
	{ "a@-x.service", "%f", "%f: the name is not that of a path", 13 },
	{ "a@x-..-y.service", "%f", "%f: the name is not that of a path", 13 },
	{ "a@x--y.service", "%f", "%f: the name is not that of a path", 13 },
	{ "a@x-.-y.service", "%f", "%f: the name is not that of a path", 13 },
	{ "a@x-.service", "%f", "%f: the name is not that of a path", 13 },
	{ "a@x\\x0a.service", "%f", "%f: the name has an escape of a control character", 13 },
	{ "a@\\x7f.service", "%I", "%I: the name has an escape of a control character", 13 },
	{ "a@\\y20x.service", "%I",
		"%I: the name has a backslash that begins no escape such as \\x2d", 13 },
	{ "a@\\x2.service", "%I",
		"%I: the name has a backslash that begins no escape such as \\x2d", 13 },
};

static void test_what_cannot_be_replaced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char text[300], message[300];
		struct unit_set set;

		(void)snprintf(text, sizeof(text),
			"[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/a\n", wrong[i].value);
		(void)snprintf(message, sizeof(message), "Description=: %s", wrong[i].message);
		build(&set, wrong[i].unit, text);
		assert_int_equal(set.n_faults, 1);
		assert_string_equal(set.faults[0].message, message);
		assert_int_equal(set.faults[0].line, 2);
		assert_int_equal(set.faults[0].column, wrong[i].column);
		unit_set_free(&set);
	}
}

static void test_without_facts_of_the_host(void **state)
{
	static const char letters[] = "HlqmbvaowWBMA";

	(void)state;
	for (size_t i = 0; letters[i] != '\0'; i++) {
		char text[200], message[100];
		struct unit_set set;

		(void)snprintf(text, sizeof(text),
			"[Unit]\nDescription=on %%%c\n[Service]\nExecStart=/bin/a\n", letters[i]);
		(void)snprintf(message, sizeof(message), "Description=: %%%c: this host has none",
			letters[i]);
		fixture_one(&set, "a.service", text);
		assert_int_equal(set.n_faults, 1);
		assert_string_equal(set.faults[0].message, message);
		unit_set_free(&set);
	}
}

/* systemd splits a line into words before it replaces: what a name brings along is no quote and no blank. */
static void test_names_stay_one_word(void **state)
{
	static const char name[] = "a@x\\x20y\\x22\\x27\\x5c\\x3b-z.container";
	struct unit_set set;
	const struct unit *u;

	(void)state;
	build(&set, name,
		"[Container]\nImage=a\nExec=run %I \"%I\" '%i' %%\nEnvironment=A=%I \"B=%I c\"\n"
		"[Service]\nExecStartPre=/bin/echo %I\n");
	assert_int_equal(set.n_faults, 0);
	u = fixture_unit(&set, name);
	assert_int_equal(u->container.exec.n, 5);
	assert_string_equal(u->container.exec.v[1], "x y\"'\\;/z");
	assert_string_equal(u->container.exec.v[2], "x y\"'\\;/z");
	assert_string_equal(u->container.exec.v[3], "x\\x20y\\x22\\x27\\x5c\\x3b-z");
	assert_string_equal(u->container.exec.v[4], "%");
	assert_string_equal(u->container.environment.v[0], "A=x y\"'\\;/z");
	assert_string_equal(u->container.environment.v[1], "B=x y\"'\\;/z c");
	assert_int_equal(u->service.exec_start_pre.n, 1);
	assert_int_equal(u->service.exec_start_pre.v[0].argv.n, 2);
	unit_set_free(&set);
}

/* Types of values that hold names, paths and words replace; numbers, times and choices do not, as in systemd. */
static void test_which_keys_replace(void **state)
{
	static const struct {
		const char *section, *name;
		bool replaces;
	} expected[] = {
		{ "Unit", "Description", true },
		{ "Unit", "Wants", true },
		{ "Unit", "ConditionPathExists", true },
		{ "Container", "Image", true },
		{ "Container", "Exec", true },
		{ "Container", "Volume", true },
		{ "Container", "Network", true },
		{ "Container", "PublishPort", true },
		{ "Container", "Environment", true },
		{ "Container", "HostName", true },
		{ "Container", "IP", true },
		{ "Install", "WantedBy", true },
		{ "Install", "DefaultInstance", true },
		{ "Unit", "StartLimitBurst", false },
		{ "Container", "ReadOnly", false },
		{ "Container", "StopTimeout", false },
		{ "Container", "StopSignal", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		const struct key *key = key_find(1u << KIND_CONTAINER, expected[i].section,
			expected[i].name);

		assert_non_null(key);
		if (key_type(key)->specifiers != expected[i].replaces)
			fail_msg("%s=", key_name(key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_each_stands_for),
		cmocka_unit_test(test_what_cannot_be_replaced),
		cmocka_unit_test(test_without_facts_of_the_host),
		cmocka_unit_test(test_names_stay_one_word),
		cmocka_unit_test(test_which_keys_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
