/* SeccompProfile=: what a profile of the container engines says here, and what is wrong with one. */
#include "common/util.h"
#include "supervisor/sys/unit/profile.h"
#include "tests/unit/seccomp_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>
#include <cmocka.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define ALLOW SECCOMP_RET_ALLOW
#define NO(error) SECCOMP_ERROR(error)
#define HIGH (UINT64_C(1) << 32)

static const struct profile_host host = {
	.capabilities = CAP(SYS_PTRACE) | CAP(CHOWN), .major = 6, .minor = 1
};

/* Single quotes for double ones. */
static char *json(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *s = copy; *s != '\0'; s++)
		*s = *s == '\'' ? '"' : *s;
	return copy;
}

static int read_text(struct seccomp_policy *p, const char *text, struct arena *a, struct err *e)
{
	char *copy = json(text);
	int rc = profile_read(p, copy, strlen(copy), &host, a, e);

	free(copy);
	return rc;
}

/* ---- what it says ---- */

#define DENY "{ 'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 99, 'syscalls': [ "
#define OPEN "{ 'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [ "
#define RULE(names, action, more) \
	"{ 'names': [ " names " ], 'action': 'SCMP_ACT_" action "'" more " } "
#define ARG(index, op, value) \
	"{ 'index': " index ", 'op': 'SCMP_CMP_" op "', 'value': " value ", 'valueTwo': 0 } "
#define END " ] }"

static const struct {
	const char *text, *name;
	uint64_t args[4];
	uint32_t answer;
} rows[] = {
	{ DENY END, "read", { 0 }, NO(99) },
	{ "{ 'defaultAction': 'SCMP_ACT_ERRNO' }", "read", { 0 }, NO(EPERM) },
	{ "{ 'defaultAction': 'SCMP_ACT_KILL' }", "read", { 0 }, SECCOMP_RET_KILL_THREAD },
	{ "{ 'defaultAction': 'SCMP_ACT_KILL_PROCESS' }", "read", { 0 }, SECCOMP_RET_KILL_PROCESS },
	{ "{ 'defaultAction': 'SCMP_ACT_TRAP' }", "read", { 0 }, SECCOMP_RET_TRAP },
	{ "{ 'defaultAction': 'SCMP_ACT_LOG' }", "read", { 0 }, SECCOMP_RET_LOG },
	{ "{ 'defaultAction': 'SCMP_ACT_TRACE', 'defaultErrnoRet': 5 }", "read", { 0 },
		SECCOMP_RET_TRACE | 5 },
	{ DENY RULE("'read', 'magic', 'write'", "ALLOW", "") END, "write", { 0 }, ALLOW },
	{ DENY "{ 'name': 'read', 'action': 'SCMP_ACT_ALLOW' }" END, "read", { 0 }, ALLOW },
	{ DENY RULE("'read'", "ALLOW", ", 'args': null") END, "read", { 0 }, ALLOW },
	{ OPEN RULE("'read'", "ERRNO", "") END, "read", { 0 }, NO(EPERM) },
	{ OPEN RULE("'read'", "ERRNO", ", 'errnoRet': 13") END, "read", { 0 }, NO(EACCES) },
	/* arguments: all conditions of a rule must hold, in 64 bits */
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "EQ", "7") "]") END, "ioctl",
		{ 0, 7 }, ALLOW },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "EQ", "7") "]") END, "ioctl",
		{ 0, 7 | HIGH }, NO(99) },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "NE", "7") "]") END, "ioctl",
		{ 0, 7 }, NO(99) },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "LT", "7") "]") END, "ioctl",
		{ 0, 7 }, NO(99) },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "LE", "7") "]") END, "ioctl",
		{ 0, 7 }, ALLOW },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "GT", "7") "]") END, "ioctl",
		{ 0, HIGH }, ALLOW },
	{ DENY RULE("'ioctl'", "ALLOW", ", 'args': [ " ARG("1", "GE", "4294967296") "]") END,
		"ioctl", { 0, UINT32_MAX }, NO(99) },
	{ DENY RULE("'clone'", "ALLOW",
		  ", 'args': [ { 'index': 0, 'op': 'SCMP_CMP_MASKED_EQ', 'value': 2114060288, "
		  "'valueTwo': 0 } ]") END,
		"clone", { 0x10000011 }, NO(99) },
	{ DENY RULE("'clone'", "ALLOW",
		  ", 'args': [ { 'index': 0, 'op': 'SCMP_CMP_MASKED_EQ', 'value': 2114060288, "
		  "'valueTwo': 0 } ]") END,
		"clone", { 0x11 }, ALLOW },
	{ DENY RULE("'socket'", "ALLOW",
		  ", 'args': [ " ARG("0", "EQ", "16") ", " ARG("2", "EQ", "9") "]") END,
		"socket", { 16, 3, 9 }, ALLOW },
	{ DENY RULE("'socket'", "ALLOW",
		  ", 'args': [ " ARG("0", "EQ", "16") ", " ARG("2", "EQ", "9") "]") END,
		"socket", { 16, 3, 0 }, NO(99) },
	/* one argument twice: each condition is a rule of its own */
	{ DENY RULE("'personality'", "ALLOW",
		  ", 'args': [ " ARG("0", "EQ", "0") ", " ARG("0", "EQ", "8") "]") END,
		"personality", { 8 }, ALLOW },
	/* several rules: one without arguments decides, wherever it stands; else the first that matches */
	{ DENY RULE("'ioctl'", "ERRNO", ", 'args': [ " ARG("1", "EQ", "7") "]") ", " RULE("'ioctl'",
		  "ALLOW", "") END,
		"ioctl", { 0, 7 }, ALLOW },
	{ OPEN RULE("'ioctl'", "ERRNO", "") ", " RULE("'ioctl'", "ALLOW",
		  ", 'args': [ " ARG("1", "EQ", "7") "]") END,
		"ioctl", { 0, 7 }, NO(EPERM) },
	{ DENY RULE("'ioctl'", "ERRNO", ", 'args': [ " ARG("1", "EQ", "7") "]") ", " RULE("'ioctl'",
		  "ALLOW", ", 'args': [ " ARG("1", "LE", "9") "]") END,
		"ioctl", { 0, 7 }, NO(EPERM) },
	{ DENY RULE("'ioctl'", "ERRNO", ", 'args': [ " ARG("1", "EQ", "7") "]") ", " RULE("'ioctl'",
		  "ALLOW", ", 'args': [ " ARG("1", "LE", "9") "]") END,
		"ioctl", { 0, 8 }, ALLOW },
	/* for whom: capabilities, kernels, machines */
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'caps': [ 'CAP_SYS_PTRACE' ] }") END,
		"kcmp", { 0 }, ALLOW },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'caps': [ 'CAP_SYS_PTRACE', 'CAP_BPF' ] }")
			END,
		"kcmp", { 0 }, NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'caps': [ 'CAP_MAGIC' ] }") END, "kcmp",
		{ 0 }, NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'excludes': { 'caps': [ 'CAP_BPF', 'CAP_CHOWN' ] }") END,
		"kcmp", { 0 }, NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'excludes': { 'caps': [ 'CAP_BPF' ] }") END, "kcmp",
		{ 0 }, ALLOW },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'minKernel': '4.8' }") END, "kcmp", { 0 },
		ALLOW },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'minKernel': '6.1' }") END, "kcmp", { 0 },
		ALLOW },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'minKernel': '6.2' }") END, "kcmp", { 0 },
		NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'minKernel': 'x' }") END, "kcmp", { 0 },
		NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'excludes': { 'minKernel': '6.0' }") END, "kcmp", { 0 },
		NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW",
		  ", 'includes': { 'arches': [ 'amd64', 'arm64', 'riscv64' ] }") END,
		"kcmp", { 0 }, ALLOW },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': { 'arches': [ 's390x' ] }") END, "kcmp",
		{ 0 }, NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW",
		  ", 'excludes': { 'arches': [ 'amd64', 'arm64', 'riscv64' ] }") END,
		"kcmp", { 0 }, NO(99) },
	{ DENY RULE("'kcmp'", "ALLOW", ", 'includes': {}, 'excludes': {}, 'comment': ''") END,
		"kcmp", { 0 }, ALLOW },
};

static void test_profiles(void **state)
{
	struct seccomp_policy *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seccomp_data data = { .nr = call_number(rows[i].name),
			.arch = MACHINE_HERE };
		struct seccomp_program program;
		struct arena a = { 0 };
		unsigned int steps;
		struct err e;
		uint32_t got;

		memcpy(data.args, rows[i].args, sizeof(rows[i].args));
		if (read_text(p, rows[i].text, &a, &e) < 0)
			fail_msg("row %zu: %s", i, e.msg);
		assert_int_equal(seccomp_compile(p, &a, &program, &e), 0);
		assert_true(machine_takes(&program));
		got = machine_run(&program, &data, &steps);
		if (got != rows[i].answer || got != policy_says(p, &data))
			fail_msg("row %zu: %#x", i, got);
		arena_free(&a);
	}
	free(p);
}

/* What is refused by an error is unknown where it is unknown to sup; what is killed is killed. */
static void test_unknown_numbers(void **state)
{
	static const struct {
		const char *text;
		uint32_t unknown;
	} unknowns[] = {
		{ DENY END, NO(ENOSYS) },
		{ OPEN END, ALLOW },
		{ "{ 'defaultAction': 'SCMP_ACT_KILL_PROCESS' }", SECCOMP_RET_KILL_PROCESS },
	};
	struct seccomp_policy *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < ARRAY_LEN(unknowns); i++) {
		struct arena a = { 0 };
		struct err e;

		assert_int_equal(read_text(p, unknowns[i].text, &a, &e), 0);
		assert_int_equal(p->unknown, unknowns[i].unknown);
		assert_int_equal(p->verdict[400], unknowns[i].unknown);
		arena_free(&a);
	}
	free(p);
}

/* ---- what is wrong ---- */

static const struct {
	const char *text, *said;
} bad[] = {
	{ "", "line 1: '[' or '{' expected near end of file" },
	{ "{ 'defaultAction': ", "line 1: unexpected token near end of file" },
	{ "{}", "its defaultAction is none that is done here" },
	{ "[]", "its defaultAction is none that is done here" },
	{ "{ 'defaultAction': 'SCMP_ACT_NOTIFY' }", "its defaultAction is none that is done here" },
	{ "{ 'defaultAction': 'ALLOW' }", "its defaultAction is none that is done here" },
	{ "{ 'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 5000 }",
		"its defaultAction is none that is done here" },
	{ "{ 'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': [ 'SCMP_ARCH_S390X' ] }",
		"its architectures are without SCMP_ARCH_" },
	{ OPEN "7" END, "syscalls[0]: its action is none that is done here" },
	{ OPEN RULE("'read'", "ALLOW", "") ", " RULE("'read'", "NOTIFY", "") END,
		"syscalls[1]: its action is none that is done here" },
	{ OPEN "{ 'action': 'SCMP_ACT_ALLOW' }" END, "syscalls[0]: there are no names" },
	{ OPEN RULE("7", "ALLOW", "") END, "syscalls[0]: names are strings" },
	{ OPEN RULE("'read'", "ALLOW", ", 'args': [ " ARG("6", "EQ", "1") "]") END,
		"syscalls[0]: args[0] is not an index 0 to 5, a value and an op" },
	{ OPEN RULE("'read'", "ALLOW",
		  ", 'args': [ " ARG("0", "EQ", "1") ", " ARG("1", "LIKE", "1") "]") END,
		"syscalls[0]: args[1] is not an index 0 to 5, a value and an op" },
	{ OPEN RULE("'read'", "ALLOW", ", 'args': [ { 'index': 0, 'op': 'SCMP_CMP_EQ' } ]") END,
		"syscalls[0]: args[0] is not an index 0 to 5, a value and an op" },
	{ OPEN RULE("'read'", "ALLOW", ", 'args': [ 1, 2, 3, 4, 5, 6, 7 ]") END,
		"syscalls[0]: more than 6 args" },
};

static void test_bad_profiles(void **state)
{
	struct seccomp_policy *p = calloc(1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena a = { 0 };
		struct err e = { 0 };

		assert_int_equal(read_text(p, bad[i].text, &a, &e), -1);
		if (strstr(e.msg, bad[i].said) == NULL)
			fail_msg("row %zu: %s", i, e.msg);
		arena_free(&a);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_unknown_numbers),
		cmocka_unit_test(test_bad_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
