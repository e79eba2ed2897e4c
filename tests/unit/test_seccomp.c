/* Filters of system calls: the compiler against a plain evaluation, the default profile, systemd's words. */
#include "common/util.h"
#include "supervisor/core/seccomp/profile.h"
#include "supervisor/core/unit/names.h"
#include "tests/unit/seccomp_machine.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <cmocka.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define NO(error) SECCOMP_ERROR(error)

struct world {
	struct arena arena;
	struct seccomp_policy policy;
	struct seccomp_program program;
	struct err err;
	uint64_t random;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->random = 88172645463325252;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_free(&w->arena);
	free(w);
	return 0;
}

static void compile(struct world *w)
{
	assert_int_equal(seccomp_compile(&w->policy, &w->arena, &w->program, &w->err), 0);
	assert_true(machine_takes(&w->program));
}

static uint32_t answer(const struct world *w, const struct seccomp_data *data)
{
	unsigned int steps;
	uint32_t got = machine_run(&w->program, data, &steps),
		 expected = policy_says(&w->policy, data);

	if (got != expected)
		fail_msg("call %d: the program says %#x, the policy %#x", data->nr, got, expected);
	return got;
}

static struct seccomp_data call(int nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (struct seccomp_data){ .nr = nr, .arch = MACHINE_HERE, .args = { a, b, c, d } };
}

static uint32_t ask(const struct world *w, const char *name, uint64_t a, uint64_t b, uint64_t c,
	uint64_t d)
{
	struct seccomp_data data = call(call_number(name), a, b, c, d);

	if (data.nr < 0)
		fail_msg("no call %s", name);
	return answer(w, &data);
}

/* ---- the compiler ---- */

static uint64_t draw(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

/* Values that are near to each other, in either half. */
static uint64_t draw_value(struct world *w)
{
	uint64_t r = draw(w);

	switch (r % 5) {
	case 0:
		return r >> 61;
	case 1:
		return (r >> 61) << 32 | (r >> 13 & 7);
	case 2:
		return UINT64_MAX - (r >> 61);
	case 3:
		return UINT32_MAX - (r >> 62) + (r >> 13 & 3);
	default:
		return r;
	}
}

static uint64_t draw_mask(struct world *w)
{
	static const uint64_t masks[] = { UINT64_MAX, UINT64_MAX, UINT32_MAX, 0xffffffff00000000, 0,
		0xff, 0x7e020000 };
	uint64_t r = draw(w);

	return r % 8 < ARRAY_LEN(masks) ? masks[r % 8] : draw(w);
}

static void draw_rule(struct world *w, unsigned int number)
{
	struct seccomp_rule *rule = seccomp_rule_add(&w->policy, &w->arena, number,
		NO(1 + draw(w) % 4000));
	size_t n = 1 + draw(w) % SECCOMP_ARGUMENTS;

	for (size_t i = 0; i < n; i++) {
		const struct seccomp_condition c = { .argument = (uint8_t)(draw(w) % 6),
			.compare = (enum seccomp_compare)(draw(w) % 6),
			.mask = draw_mask(w),
			.value = draw_value(w) };

		assert_int_equal(seccomp_rule_when(rule, &c), 0);
	}
}

/* Near to what the rules of the call compare with, so that both answers come. */
static uint64_t draw_argument(struct world *w, int nr, unsigned int index)
{
	const struct seccomp_rule *rule = nr < (int)CALLS_MAX ? w->policy.rules[nr] : NULL;
	uint64_t value = draw_value(w);

	for (; rule != NULL; rule = rule->next)
		for (uint32_t i = 0; i < rule->n; i++)
			if (rule->conditions[i].argument == index && draw(w) % 2 == 0)
				value = rule->conditions[i].value + draw(w) % 3 - 1;
	return draw(w) % 16 == 0 ? value ^ UINT64_C(1) << 32 : value;
}

static void ask_everything(struct world *w, unsigned int times)
{
	static const int far[] = { CALLS_MAX, CALLS_MAX + 1, 1000, 0x3fffffff, 0x40000000,
		0x40000001, 0x400001ff, 0x7fffffff, -1, -2, INT32_MIN };

	for (int nr = 0; nr < (int)(CALLS_MAX + ARRAY_LEN(far)); nr++) {
		struct seccomp_data data = call(nr < (int)CALLS_MAX ? nr : far[nr - CALLS_MAX], 0,
			0, 0, 0);
		bool rules = nr < (int)CALLS_MAX && w->policy.rules[nr] != NULL;

		data.instruction_pointer = draw(w);
		for (unsigned int i = 0; i < (rules ? times : 1); i++) {
			for (unsigned int k = 0; k < 6; k++)
				data.args[k] = draw_argument(w, nr, k);
			(void)answer(w, &data);
		}
		data.arch = MACHINE_OTHER;
		assert_int_equal(answer(w, &data), KILL);
		data.arch = 0;
		assert_int_equal(answer(w, &data), KILL);
	}
}

static void test_programs_say_what_policies_say(void **state)
{
	struct world *w = *state;

	for (unsigned int round = 0; round < 60; round++) {
		uint64_t kinds = 1 + draw(w) % 6, n_rules = draw(w) % 60;

		seccomp_policy_init(&w->policy, ALLOW, NO(ENOSYS));
		for (unsigned int i = 0; i < CALLS_MAX; i++)
			if (draw(w) % 4 == 0 || round % 10 == 0)
				seccomp_verdict(&w->policy, i, NO(1 + draw(w) % kinds));
		for (uint64_t i = 0; i < n_rules; i++)
			draw_rule(w, (unsigned int)(draw(w) % CALLS_MAX));
		if (seccomp_compile(&w->policy, &w->arena, &w->program, &w->err) < 0)
			continue;
		assert_true(machine_takes(&w->program));
		ask_everything(w, 40);
		arena_free(&w->arena);
		w->arena = (struct arena){ 0 };
	}
}

static void test_each_comparison(void **state)
{
	static const uint64_t values[] = { 0, 1, 5, UINT32_MAX, UINT64_C(1) << 32,
		(UINT64_C(5) << 32) + 5, UINT64_MAX };
	static const uint64_t masks[] = { UINT64_MAX, UINT32_MAX, 0xffffffff00000000, 0xf };
	struct world *w = *state;

	for (int compare = ARGUMENT_EQ; compare <= ARGUMENT_GE; compare++)
		for (size_t v = 0; v < ARRAY_LEN(values); v++)
			for (size_t m = 0; m < ARRAY_LEN(masks); m++) {
				const struct seccomp_condition c = { .argument = 5,
					.compare = (enum seccomp_compare)compare,
					.mask = masks[m],
					.value = values[v] };

				seccomp_policy_init(&w->policy, ALLOW, ALLOW);
				(void)seccomp_rule_when(seccomp_rule_add(&w->policy, &w->arena, 3,
								NO(EPERM)),
					&c);
				compile(w);
				ask_everything(w, 200);
			}
}

static void test_a_rule_has_room_for_each_argument(void **state)
{
	const struct seccomp_condition c = { .mask = 1 };
	struct world *w = *state;
	struct seccomp_rule *rule = seccomp_rule_add(&w->policy, &w->arena, 3, ALLOW);

	for (unsigned int i = 0; i < SECCOMP_ARGUMENTS; i++)
		assert_int_equal(seccomp_rule_when(rule, &c), 0);
	assert_int_equal(seccomp_rule_when(rule, &c), -1);
}

static void test_a_program_has_an_end(void **state)
{
	const struct seccomp_condition c = { .mask = UINT64_MAX, .value = UINT64_MAX };
	struct world *w = *state;

	seccomp_policy_init(&w->policy, ALLOW, ALLOW);
	for (unsigned int i = 0; i < 900; i++)
		(void)seccomp_rule_when(seccomp_rule_add(&w->policy, &w->arena, 3, NO(1)), &c);
	assert_int_equal(seccomp_compile(&w->policy, &w->arena, &w->program, &w->err), -1);
	assert_non_null(strstr(w->err.msg, "the kernel takes 4096"));
}

/* ---- names ---- */

static void test_numbers_are_the_kernel_s(void **state)
{
	char name[CALL_NAME_MAX];

	(void)state;
	assert_int_equal(call_number("read"), SYS_read);
	assert_int_equal(call_number("clone3"), SYS_clone3);
	assert_int_equal(call_number("rt_sigprocmask"), SYS_rt_sigprocmask);
	assert_int_equal(call_number("fchmodat2"), 452);
	assert_int_equal(call_number(""), -1);
	assert_int_equal(call_number("rea"), -1);
	assert_int_equal(call_number("readx"), -1);
	assert_null(call_name(CALLS_MAX, name));
	assert_null(call_name(400, name)); /* a hole that all machines have */
	for (unsigned int i = 0; i < CALLS_MAX; i++)
		if (call_name(i, name) != NULL)
			assert_int_equal(call_number(name), (int)i);
}

static void count(void *data, unsigned int number)
{
	assert_in_range(number, 0, CALLS_MAX - 1);
	(*(size_t *)data)++;
}

static void test_groups(void **state)
{
	static const char *const groups[] = { "@default", "@aio", "@basic-io", "@chown", "@clock",
		"@debug", "@file-system", "@io-event", "@ipc", "@keyring", "@memlock", "@module",
		"@mount", "@network-io", "@pkey", "@privileged", "@process", "@reboot",
		"@resources", "@sandbox", "@setuid", "@signal", "@swap", "@sync", "@system-service",
		"@timer", "@known" };
	size_t n = 0, known = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		n = 0;
		assert_int_equal(call_group(groups[i], count, &n), 0);
		assert_true(n > 0);
	}
	assert_int_equal(call_group("@known", count, &known), 0);
	assert_true(known > 280);
	n = 0;
	assert_int_equal(call_group("@system-service", count, &n), 0);
	assert_true(n > 200 && n < known);
	assert_int_equal(call_group("@obsolete", count, &n), 0); /* empty on newer machines */
	assert_int_equal(call_group("@cpu-emulation", count, &n), 0);
	assert_int_equal(call_group("@raw-io", count, &n), 0);
	assert_int_equal(call_group("@magic", count, &n), -1);
	assert_int_equal(call_group("@", count, &n), -1);
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(error_number("EPERM"), EPERM);
	assert_int_equal(error_number("EAFNOSUPPORT"), EAFNOSUPPORT);
	assert_int_equal(error_number("EWOULDBLOCK"), EAGAIN);
	assert_int_equal(error_number("ENOTSUP"), EOPNOTSUPP);
	assert_int_equal(error_number("4095"), 4095);
	assert_int_equal(error_number("4096"), -1);
	assert_int_equal(error_number("0"), -1);
	assert_int_equal(error_number("E"), -1);
	assert_int_equal(error_number(""), -1);
	assert_string_equal(error_name(ENOSYS), "NOSYS");
	assert_null(error_name(0));
	assert_null(error_name(4000));
}

/* ---- the default profile ---- */

#define PODMAN                                                                                    \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(KILL) |                 \
		CAP(NET_BIND_SERVICE) | CAP(SETFCAP) | CAP(SETGID) | CAP(SETPCAP) | CAP(SETUID) | \
		CAP(SYS_CHROOT))
#define NS_ALL                                                                         \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)
#define HIGH (UINT64_C(1) << 32)

static const struct {
	const char *name;
	uint64_t more; /* capabilities */
	uint64_t args[4];
	uint32_t answer;
} defaults[] = {
	{ "read", 0, { 0 }, ALLOW },
	{ "execveat", 0, { 0 }, ALLOW },
	{ "memfd_create", 0, { 0 }, ALLOW },
	{ "seccomp", 0, { 0 }, ALLOW },
	{ "landlock_restrict_self", 0, { 0 }, ALLOW },
	{ "openat2", 0, { 0 }, ALLOW },
	{ "ptrace", 0, { 0 }, ALLOW },
	{ "fchmodat2", 0, { 0 }, ALLOW },
	{ "chroot", 0, { 0 }, ALLOW },
	{ "clone", 0, { CLONE_VM | CLONE_THREAD | 17 }, ALLOW },
	{ "clone", 0, { CLONE_NEWUSER | 17 }, NO(EPERM) },
	{ "clone", 0, { CLONE_NEWNET | HIGH }, NO(EPERM) },
	{ "clone", 0, { HIGH }, ALLOW },
	{ "clone", CAP(SYS_ADMIN), { NS_ALL }, ALLOW },
	{ "clone3", 0, { 0 }, NO(ENOSYS) },
	{ "clone3", CAP(SYS_ADMIN), { 0 }, ALLOW },
	{ "unshare", 0, { CLONE_FILES }, ALLOW },
	{ "unshare", 0, { CLONE_NEWUSER }, NO(EPERM) },
	{ "unshare", 0, { 0x80 }, NO(EPERM) },
	{ "unshare", CAP(SYS_ADMIN), { CLONE_NEWNS }, ALLOW },
	{ "setns", 0, { 3, 0 }, NO(EPERM) },
	{ "setns", CAP(SYS_ADMIN), { 3, 0 }, ALLOW },
	{ "personality", 0, { 0 }, ALLOW },
	{ "personality", 0, { 8 }, ALLOW },
	{ "personality", 0, { 0x20008 }, ALLOW },
	{ "personality", 0, { UINT32_MAX }, ALLOW },
	{ "personality", 0, { 0x0040000 }, NO(EPERM) }, /* ADDR_NO_RANDOMIZE */
	{ "personality", CAP(SYS_ADMIN), { 0x0400000 }, NO(EPERM) },
	{ "socket", 0, { AF_INET, 1, 0 }, ALLOW },
	{ "socket", 0, { AF_VSOCK }, NO(EPERM) },
	{ "socket", 0, { AF_VSOCK | HIGH }, NO(EPERM) },
	{ "socket", 0, { AF_NETLINK, 3, 0 }, ALLOW },
	{ "socket", 0, { AF_NETLINK, 3, 9 }, NO(EINVAL) },
	{ "socket", 0, { AF_INET, 3, 9 }, ALLOW },
	{ "socket", CAP(AUDIT_WRITE), { AF_NETLINK, 3, 9 }, ALLOW },
	{ "ioctl", 0, { 0, 0x5401 }, ALLOW },
	{ "ioctl", 0, { 0, 0x5412 }, NO(EPERM) }, /* TIOCSTI */
	{ "ioctl", 0, { 0, 0x5412 | HIGH }, NO(EPERM) },
	{ "ioctl", 0, { 0, 0x5412 | UINT64_C(0xffffffff00000000) }, NO(EPERM) },
	{ "ioctl", CAP(SYS_ADMIN), { 0, 0x541c | HIGH }, NO(EPERM) }, /* TIOCLINUX */
	{ "keyctl", CAP(SYS_ADMIN), { 0 }, NO(EPERM) },
	{ "add_key", 0, { 0 }, NO(EPERM) },
	{ "request_key", 0, { 0 }, NO(EPERM) },
	{ "io_uring_setup", CAP(SYS_ADMIN), { 0 }, NO(EPERM) },
	{ "userfaultfd", 0, { 0 }, NO(EPERM) },
	{ "kexec_load", 0, { 0 }, NO(EPERM) },
	{ "open_by_handle_at", 0, { 0 }, NO(EPERM) },
	{ "open_by_handle_at", CAP(DAC_READ_SEARCH), { 0 }, ALLOW },
	{ "bpf", 0, { 0 }, NO(EPERM) },
	{ "bpf", CAP(BPF), { 0 }, ALLOW },
	{ "bpf", CAP(SYS_ADMIN), { 0 }, ALLOW },
	{ "perf_event_open", 0, { 0 }, NO(EPERM) },
	{ "perf_event_open", CAP(PERFMON), { 0 }, ALLOW },
	{ "syslog", 0, { 0 }, NO(EPERM) },
	{ "syslog", CAP(SYSLOG), { 0 }, ALLOW },
	{ "mount", 0, { 0 }, NO(EPERM) },
	{ "mount_setattr", CAP(SYS_ADMIN), { 0 }, ALLOW },
	{ "process_vm_readv", 0, { 0 }, NO(EPERM) },
	{ "process_vm_readv", CAP(SYS_PTRACE), { 0 }, ALLOW },
	{ "finit_module", CAP(SYS_ADMIN), { 0 }, NO(EPERM) },
	{ "finit_module", CAP(SYS_MODULE), { 0 }, ALLOW },
	{ "clock_settime", 0, { 0 }, NO(EPERM) },
	{ "clock_settime", CAP(SYS_TIME), { 0 }, ALLOW },
	{ "reboot", 0, { 0 }, NO(EPERM) },
	{ "mbind", CAP(SYS_NICE), { 0 }, ALLOW },
};

static void test_default_profile(void **state)
{
	struct world *w = *state;
	struct seccomp_data beyond = call(500, 0, 0, 0, 0);

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		const uint64_t *a = defaults[i].args;
		uint32_t got;

		seccomp_default(&w->policy, PODMAN | defaults[i].more, &w->arena);
		compile(w);
		got = ask(w, defaults[i].name, a[0], a[1], a[2], a[3]);
		if (got != defaults[i].answer)
			fail_msg("%s (row %zu): %#x", defaults[i].name, i, got);
		assert_int_equal(answer(w, &beyond), NO(ENOSYS));
	}
	seccomp_default(&w->policy, 0, &w->arena);
	compile(w);
	assert_int_equal(ask(w, "chroot", 0, 0, 0, 0), NO(EPERM));
}

/* More capabilities never take a call away. */
static void test_default_profile_for_any_capability(void **state)
{
	struct world *w = *state;

	for (int cap = 0; cap < CAPABILITY_COUNT; cap++) {
		seccomp_default(&w->policy, UINT64_C(1) << cap, &w->arena);
		compile(w);
		ask_everything(w, 5);
	}
	seccomp_default(&w->policy, CAPABILITY_ALL, &w->arena);
	compile(w);
	ask_everything(w, 100);
}

/* What often happens must be cheap even where the kernel does not remember the answers. */
static void test_cost_of_common_calls(void **state)
{
	static const char *const names[] = { "read", "write", "futex", "clock_gettime",
		"epoll_pwait", "close" };
	struct world *w = *state;

	seccomp_default(&w->policy, PODMAN, &w->arena);
	compile(w);
	print_message("default profile: %u instructions;", w->program.n);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct seccomp_data data = call(call_number(names[i]), 0, 0, 0, 0);
		unsigned int steps;

		assert_int_equal(machine_run(&w->program, &data, &steps), ALLOW);
		print_message(" %s %u", names[i], steps);
		assert_true(steps <= 16);
	}
	print_message("\n");
	assert_true(w->program.n <= 300);
}

/* ---- systemd's words ---- */

static const struct unit *load(struct world *w, struct unit_set *set, const char *keys,
	const char *faults)
{
	const char *text = arena_printf(&w->arena, "[Service]\nExecStart=/bin/a\n%s\n", keys);

	FIXTURE_BUILD(set, faults, { "a.service", text });
	return fixture_unit(set, "a.service");
}

static const struct {
	const char *keys;
	const char *name;
	uint64_t args[4];
	uint32_t answer;
} words[] = {
	/* lists of what is allowed */
	{ "SystemCallFilter=read", "read", { 0 }, ALLOW },
	{ "SystemCallFilter=read", "write", { 0 }, KILL },
	{ "SystemCallFilter=read", "execve", { 0 }, ALLOW }, /* @default */
	{ "SystemCallFilter=read", "exit_group", { 0 }, ALLOW },
	{ "SystemCallFilter=@system-service", "openat", { 0 }, ALLOW },
	{ "SystemCallFilter=@system-service", "mount", { 0 }, KILL },
	{ "SystemCallFilter=@system-service\nSystemCallErrorNumber=EACCES", "mount", { 0 },
		NO(EACCES) },
	{ "SystemCallFilter=@system-service\nSystemCallErrorNumber=kill", "mount", { 0 }, KILL },
	{ "SystemCallFilter=read\nSystemCallFilter=write", "write", { 0 }, ALLOW },
	{ "SystemCallFilter=@basic-io\nSystemCallFilter=~write", "write", { 0 }, KILL },
	{ "SystemCallFilter=@basic-io\nSystemCallFilter=~write", "read", { 0 }, ALLOW },
	{ "SystemCallFilter=@basic-io\nSystemCallFilter=~write\nSystemCallFilter=write", "write",
		{ 0 }, ALLOW },
	{ "SystemCallFilter=@known", "reboot", { 0 }, ALLOW },
	{ "SystemCallFilter=~@mount\nSystemCallFilter=", "mount", { 0 }, ALLOW },
	/* lists of what is refused */
	{ "SystemCallFilter=~@mount", "mount", { 0 }, KILL },
	{ "SystemCallFilter=~@mount", "read", { 0 }, ALLOW },
	{ "SystemCallFilter=~@mount\nSystemCallErrorNumber=1", "mount", { 0 }, NO(EPERM) },
	{ "SystemCallFilter=~mount:EACCES bpf", "mount", { 0 }, NO(EACCES) },
	{ "SystemCallFilter=~mount:EACCES bpf", "bpf", { 0 }, KILL },
	{ "SystemCallFilter=~mount:kill bpf\nSystemCallErrorNumber=EPERM", "mount", { 0 }, KILL },
	{ "SystemCallFilter=~mount:kill bpf\nSystemCallErrorNumber=EPERM", "bpf", { 0 },
		NO(EPERM) },
	{ "SystemCallFilter=~@mount\nSystemCallFilter=mount", "mount", { 0 }, ALLOW },
	{ "SystemCallFilter=~@mount\nSystemCallFilter=mount", "umount2", { 0 }, KILL },
	{ "SystemCallFilter=~execve", "execve", { 0 }, KILL },
	/* the rest */
	{ "SystemCallArchitectures=native", "mount", { 0 }, ALLOW },
	{ "SystemCallLog=mount", "mount", { 0 }, SECCOMP_RET_LOG },
	{ "SystemCallLog=mount", "read", { 0 }, ALLOW },
	{ "SystemCallLog=~@basic-io", "mount", { 0 }, SECCOMP_RET_LOG },
	{ "SystemCallLog=~@basic-io", "read", { 0 }, ALLOW },
	{ "SystemCallLog=mount\nSystemCallFilter=~mount", "mount", { 0 }, KILL },
	/* what keys of the sandbox imply */
	{ "ProtectClock=yes", "clock_settime", { 0 }, NO(EPERM) },
	{ "ProtectClock=yes", "settimeofday", { 0 }, NO(EPERM) },
	{ "ProtectClock=yes", "adjtimex", { 0 }, NO(EPERM) },
	{ "ProtectClock=yes", "clock_gettime", { 0 }, ALLOW },
	{ "ProtectClock=yes\nSystemCallFilter=~settimeofday", "settimeofday", { 0 }, KILL },
	{ "ProtectClock=yes\nSystemCallFilter=@clock", "settimeofday", { 0 }, NO(EPERM) },
	{ "ProtectClock=yes\nSystemCallLog=@clock", "settimeofday", { 0 }, NO(EPERM) },
	{ "ProtectClock=yes\nRestrictAddressFamilies=AF_UNIX", "socket", { AF_INET },
		NO(EAFNOSUPPORT) },
	{ "ProtectKernelModules=yes", "init_module", { 0 }, NO(EPERM) },
	{ "ProtectKernelModules=yes", "finit_module", { 0 }, NO(EPERM) },
	{ "ProtectKernelModules=yes", "delete_module", { 0 }, NO(EPERM) },
	{ "ProtectKernelModules=yes", "settimeofday", { 0 }, ALLOW },
	{ "ProtectKernelLogs=yes", "syslog", { 3 }, NO(EPERM) },
	{ "ProtectHostname=yes", "sethostname", { 0 }, NO(EPERM) },
	{ "ProtectHostname=yes", "setdomainname", { 0 }, NO(EPERM) },
#ifdef SYS_iopl
	{ "PrivateDevices=yes", "iopl", { 3 }, NO(EPERM) },
	{ "PrivateDevices=yes", "ioperm", { 0 }, NO(EPERM) },
#endif
	{ "PrivateDevices=yes", "ioctl", { 0 }, ALLOW },
	{ "RestrictAddressFamilies=AF_UNIX AF_INET", "socket", { AF_INET }, ALLOW },
	{ "RestrictAddressFamilies=AF_UNIX AF_INET", "socket", { AF_INET6 }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=AF_UNIX AF_INET", "socket", { 200 }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=AF_UNIX AF_INET", "socket", { AF_INET6 | HIGH },
		NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=AF_UNIX AF_INET", "socket", { AF_INET | HIGH }, ALLOW },
	{ "RestrictAddressFamilies=AF_UNIX\nRestrictAddressFamilies=~AF_UNIX", "socket",
		{ AF_UNIX }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=~AF_PACKET", "socket", { AF_PACKET }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=~AF_PACKET", "socket", { AF_PACKET | HIGH }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=~AF_PACKET", "socket", { AF_INET }, ALLOW },
	{ "RestrictAddressFamilies=none", "socket", { AF_UNIX }, NO(EAFNOSUPPORT) },
	{ "RestrictAddressFamilies=none", "socketpair", { AF_UNIX }, ALLOW },
	{ "RestrictAddressFamilies=none\nSystemCallFilter=~socket", "socket", { AF_UNIX }, KILL },
	{ "RestrictAddressFamilies=AF_LOCAL", "socket", { AF_UNIX }, ALLOW },
	{ "RestrictNamespaces=yes", "unshare", { CLONE_NEWUSER }, NO(EPERM) },
	{ "RestrictNamespaces=yes", "unshare", { CLONE_FILES }, ALLOW },
	{ "RestrictNamespaces=yes", "unshare", { 0x80 }, NO(EPERM) },
	{ "RestrictNamespaces=yes", "clone", { CLONE_NEWNET | 17 }, NO(EPERM) },
	{ "RestrictNamespaces=yes", "clone", { 17 }, ALLOW },
	{ "RestrictNamespaces=yes", "clone", { 0x80 | 17 }, ALLOW },
	{ "RestrictNamespaces=yes", "clone3", { 0 }, NO(ENOSYS) },
	{ "RestrictNamespaces=yes", "setns", { 3, 0 }, NO(EPERM) },
	{ "RestrictNamespaces=no", "unshare", { CLONE_NEWUSER }, ALLOW },
	{ "RestrictNamespaces=no", "clone3", { 0 }, ALLOW },
	{ "RestrictNamespaces=net mnt", "unshare", { CLONE_NEWNET | CLONE_NEWNS }, ALLOW },
	{ "RestrictNamespaces=net mnt", "unshare", { CLONE_NEWNET | CLONE_NEWPID }, NO(EPERM) },
	{ "RestrictNamespaces=net mnt", "setns", { 3, CLONE_NEWNET }, ALLOW },
	{ "RestrictNamespaces=net mnt", "setns", { 3, 0 }, NO(EPERM) },
	{ "RestrictNamespaces=~user", "unshare", { CLONE_NEWUSER }, NO(EPERM) },
	{ "RestrictNamespaces=~user", "unshare", { CLONE_NEWNET }, ALLOW },
	{ "RestrictNamespaces=yes\nRestrictNamespaces=no", "unshare", { CLONE_NEWUSER }, ALLOW },
	{ "MemoryDenyWriteExecute=yes", "mmap", { 0, 1, 7 }, NO(EPERM) },
	{ "MemoryDenyWriteExecute=yes", "mmap", { 0, 1, 6 | HIGH }, NO(EPERM) },
	{ "MemoryDenyWriteExecute=yes", "mmap", { 0, 1, 5 }, ALLOW },
	{ "MemoryDenyWriteExecute=yes", "mmap", { 0, 1, 3 }, ALLOW },
	{ "MemoryDenyWriteExecute=yes", "mprotect", { 0, 1, 5 }, NO(EPERM) },
	{ "MemoryDenyWriteExecute=yes", "mprotect", { 0, 1, 3 }, ALLOW },
	{ "MemoryDenyWriteExecute=yes", "pkey_mprotect", { 0, 1, 4, 0 }, NO(EPERM) },
	{ "MemoryDenyWriteExecute=yes", "shmat", { 0, 0, 0100000 }, NO(EPERM) },
	{ "RestrictRealtime=yes", "sched_setscheduler", { 0, SCHED_FIFO }, NO(EPERM) },
	{ "RestrictRealtime=yes", "sched_setscheduler", { 0, SCHED_RR | 0x40000000 }, NO(EPERM) },
	{ "RestrictRealtime=yes", "sched_setscheduler", { 0, SCHED_BATCH }, ALLOW },
	{ "RestrictRealtime=yes", "sched_setscheduler", { 0, SCHED_OTHER }, ALLOW },
	{ "RestrictRealtime=yes", "sched_setattr", { 0 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "fchmod", { 3, 04755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "fchmod", { 3, 02755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "fchmod", { 3, 01755 }, ALLOW },
	{ "RestrictSUIDSGID=yes", "fchmodat", { 3, 0, 06755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "fchmodat2", { 3, 0, 04000 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "mknodat", { 3, 0, 0102755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "openat", { 3, 0, O_CREAT | O_WRONLY, 04755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "openat", { 3, 0, O_TMPFILE | O_WRONLY, 02755 }, NO(EPERM) },
	{ "RestrictSUIDSGID=yes", "openat", { 3, 0, O_WRONLY, 06755 }, ALLOW },
	{ "RestrictSUIDSGID=yes", "openat2", { 0 }, NO(ENOSYS) },
	{ "LockPersonality=yes", "personality", { 0 }, ALLOW },
	{ "LockPersonality=yes", "personality", { UINT32_MAX }, ALLOW },
	{ "LockPersonality=yes", "personality", { 8 }, NO(EPERM) },
	/* together */
	{ "LockPersonality=yes\nSystemCallFilter=@system-service\nRestrictNamespaces=yes",
		"personality", { 8 }, NO(EPERM) },
	{ "SystemCallFilter=@basic-io\nRestrictNamespaces=yes", "unshare", { 0 }, KILL },
	{ "SystemCallLog=socket\nRestrictAddressFamilies=AF_UNIX", "socket", { AF_UNIX },
		SECCOMP_RET_LOG },
};

static void test_words(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const uint64_t *a = words[i].args;
		struct unit_set set;
		const struct unit *u = load(w, &set, words[i].keys, "");
		uint32_t got;

		seccomp_service(&w->policy, &u->service, &w->arena);
		compile(w);
		got = ask(w, words[i].name, a[0], a[1], a[2], a[3]);
		if (got != words[i].answer)
			fail_msg("%s: %s: %#x", words[i].keys, words[i].name, got);
		unit_set_free(&set);
	}
}

/* With a list of what is allowed a call that is new to all is one that the kernel has not. */
static void test_unknown_numbers(void **state)
{
	static const struct {
		const char *keys;
		uint32_t answer;
	} rows[] = {
		{ "SystemCallFilter=read", NO(ENOSYS) },
		{ "SystemCallFilter=~read", ALLOW },
		{ "LockPersonality=yes", ALLOW },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct seccomp_data hole = call(400, 0, 0, 0, 0),
					  far = call(9999, 0, 0, 0, 0);
		struct unit_set set;
		const struct unit *u = load(w, &set, rows[i].keys, "");

		seccomp_service(&w->policy, &u->service, &w->arena);
		compile(w);
		assert_int_equal(answer(w, &hole), rows[i].answer);
		assert_int_equal(answer(w, &far), rows[i].answer);
		ask_everything(w, 20);
		unit_set_free(&set);
	}
}

static void test_which_keys_make_a_filter(void **state)
{
	struct world *w = *state;
	struct unit_set set;
	const struct unit *u = load(w, &set, "SystemCallErrorNumber=EPERM\nRestrictRealtime=no",
		"");

	assert_false(seccomp_has_keys(&u->service));
	unit_set_free(&set);
	u = load(w, &set,
		"SystemCallFilter=read @aio\nSystemCallFilter=~write:EPERM\nSystemCallErrorNumber=5\n"
		"LockPersonality=yes",
		"");
	assert_true(seccomp_has_keys(&u->service));
	assert_string_equal(seccomp_keys(u, &w->arena),
		"SystemCallFilter=read @aio\nSystemCallFilter=~write:EPERM\n"
		"SystemCallErrorNumber=EIO\nLockPersonality=yes\n");
	unit_set_free(&set);
}

static void test_unknown_names_are_left_out(void **state)
{
	struct world *w = *state;
	struct unit_set set;
	const struct unit *u = load(w, &set, "SystemCallFilter=read magic @nothing write",
		"a.service:3:23: warning: SystemCallFilter=: left out, since this machine has no such "
		"system call: magic, @nothing\n");

	assert_string_equal(seccomp_keys(u, &w->arena), "SystemCallFilter=read write\n");
	unit_set_free(&set);
}

static void test_container_needs_its_init_or_no_new_privileges(void **state)
{
	static const char text[] = "[Container]\nImage=a\nNetwork=none\nNoNewPrivileges=no\n"
				   "[Service]\nLockPersonality=yes\n";
	static const char bare[] = "[Container]\nImage=a\nNetwork=none\nNoNewPrivileges=no\n"
				   "RunInit=no\n[Service]\nLockPersonality=yes\n";
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set,
		"a.container:4:1: error: with NoNewPrivileges=no a filter of system calls needs "
		"RunInit=no\n",
		{ "a.container", text });
	unit_set_free(&set);
	FIXTURE_BUILD(&set, "", { "a.container", bare });
	unit_set_free(&set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_programs_say_what_policies_say),
		TEST(test_each_comparison),
		TEST(test_a_rule_has_room_for_each_argument),
		TEST(test_a_program_has_an_end),
		TEST(test_numbers_are_the_kernel_s),
		TEST(test_groups),
		TEST(test_errors),
		TEST(test_default_profile),
		TEST(test_default_profile_for_any_capability),
		TEST(test_cost_of_common_calls),
		TEST(test_words),
		TEST(test_unknown_numbers),
		TEST(test_which_keys_make_a_filter),
		TEST(test_unknown_names_are_left_out),
		TEST(test_container_needs_its_init_or_no_new_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
