/* The device program, run by an interpreter of the few instructions that it may have, and the lists of the plans. */
#include "common/util.h"
#include "tests/unit/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the program ---- */

static uint64_t load_word(const struct bpf_cgroup_dev_ctx *ctx, int16_t offset)
{
	uint32_t word;

	assert_true(offset >= 0 && (size_t)offset + sizeof(word) <= sizeof(*ctx));
	memcpy(&word, (const char *)ctx + offset, sizeof(word));
	return word;
}

/* As the kernel runs it; a program that the verifier would refuse (a jump back or out, an unread register) fails. */
static bool run(const struct bpf_insn *code, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[10] = { 0 };
	unsigned int known = 1u << 1;

	for (size_t at = 0;; at++) {
		const struct bpf_insn *i = at < n ? &code[at] : NULL;
		bool jump = false;

		assert_non_null(i);
		assert_true(i->dst_reg < 10 && i->off >= 0);
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, 1);
			reg[i->dst_reg] = load_word(ctx, i->off);
			known |= 1u << i->dst_reg;
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = (uint64_t)(int64_t)i->imm;
			known |= 1u << i->dst_reg;
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			assert_true(known >> i->src_reg & 1);
			reg[i->dst_reg] = reg[i->src_reg];
			known |= 1u << i->dst_reg;
			continue;
		case BPF_JMP | BPF_EXIT:
			assert_true(known & 1);
			assert_in_range(reg[0], 0, 1);
			return reg[0] == 1;
		default:
			break;
		}
		assert_true(known >> i->dst_reg & 1);
		switch (i->code) {
		case BPF_ALU64 | BPF_AND | BPF_K:
			reg[i->dst_reg] &= (uint64_t)(int64_t)i->imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			reg[i->dst_reg] >>= i->imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			jump = reg[i->dst_reg] != (uint64_t)(int64_t)i->imm;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jump = (reg[i->dst_reg] & (uint64_t)(int64_t)i->imm) != 0;
			break;
		default:
			fail_msg("instruction %zu: code %02x", at, (unsigned int)i->code);
		}
		at += jump ? (size_t)i->off : 0;
	}
}

/* What the list says, said the plain way. */
static bool allowed(const struct device_rules *rules, bool block, uint32_t access, uint32_t major,
	uint32_t minor)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct device_rule *r = &rules->v[i];

		if (r->block == block && r->major == major &&
			(r->minor == DEVICE_ANY || r->minor == minor) && (access & ~r->access) == 0)
			return true;
	}
	return false;
}

/* Every access to every device near those of the list. */
static void check(const struct device_rules *rules)
{
	static const uint32_t numbers[] = { 0, 1, 2, 3, 4, 5, 8, 10, 136, 137, 253, 4095, 1048575 };
	struct arena a = { 0 };
	size_t n;
	const struct bpf_insn *code = device_program(&a, rules, &n);

	for (uint32_t access = 0; access <= DEVICE_ALL; access++)
		for (int block = 0; block <= 1; block++)
			for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
				for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
					const struct bpf_cgroup_dev_ctx ctx = {
						.access_type = access << 16 |
							(block ? BPF_DEVCG_DEV_BLOCK
							       : BPF_DEVCG_DEV_CHAR),
						.major = numbers[i],
						.minor = numbers[k],
					};

					assert_int_equal(run(code, n, &ctx),
						allowed(rules, block, access, numbers[i],
							numbers[k]));
				}
	arena_free(&a);
}

static void test_an_empty_list_refuses_all(void **state)
{
	const struct device_rules none = { 0 };

	(void)state;
	check(&none);
}

static void test_each_form_of_a_rule(void **state)
{
	static struct device_rule one[] = {
		{ false, DEVICE_ALL, 1, 3 },
		{ true, DEVICE_READ, 8, 1048575 },
		{ false, DEVICE_WRITE, 136, DEVICE_ANY },
		{ true, DEVICE_MKNOD, 4095, DEVICE_ANY },
		{ true, DEVICE_ALL, 253, DEVICE_ANY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(one); i++)
		check(&(struct device_rules){ &one[i], 1 });
	check(&(struct device_rules){ one, ARRAY_LEN(one) });
}

static void test_lists_by_chance(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct arena a = { 0 };
		struct device_rules rules = { 0 };

		for (size_t i = 0; i < 12; i++) {
			uint32_t x = seed = seed * 1664525 + 1013904223;

			device_rules_add(&a, &rules,
				(struct device_rule){ (x >> 8) & 1, (x >> 9) & DEVICE_ALL,
					(x >> 12) % 11,
					(x >> 20) % 5 == 0 ? DEVICE_ANY : (x >> 16) % 6 });
		}
		check(&rules);
		arena_free(&a);
	}
}

static void test_one_rule_for_one_device(void **state)
{
	struct device_rules rules = { 0 };
	struct arena a = { 0 };

	(void)state;
	device_rules_add(&a, &rules, (struct device_rule){ false, DEVICE_READ, 1, 11 });
	device_rules_add(&a, &rules, (struct device_rule){ true, DEVICE_READ, 1, 11 });
	device_rules_add(&a, &rules, (struct device_rule){ false, DEVICE_WRITE, 1, 11 });
	device_rules_add(&a, &rules, (struct device_rule){ false, 0, 1, 12 });
	assert_int_equal(rules.n, 2);
	assert_int_equal(rules.v[0].access, DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(rules.v[1].access, DEVICE_READ);
	arena_free(&a);
}

/* ---- plans ---- */

static const struct device_number host[] = {
	{ "/dev/kmsg", false, 1, 11 },
	{ "/dev/dri", false, 226, 0 },
	{ "/dev/dri", false, 226, 128 },
	{ "char-rtc", false, 250, DEVICE_ANY },
	{ "/dev/vda", true, 254, 0 },
	{ "/dev/ttyS0", false, 4, 64 },
};

static void add_device(struct fixture *f, struct devices *list, const char *name, bool w)
{
	*LIST_ADD(&f->arena,
		list) = (struct device){ .host = name, .inside = name, .read = true, .write = w };
	f->facts.devices = host;
	f->facts.n_devices = ARRAY_LEN(host);
}

static uint8_t access_of(const struct fixture *f, bool block, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < f->plan.devices.n; i++) {
		const struct device_rule *r = &f->plan.devices.v[i];

		if (r->block == block && r->major == major && r->minor == minor)
			return r->access;
	}
	return 0;
}

static void test_a_container_has_a_list_unasked(void **state)
{
	struct fixture *f = *state;

	plan_main(f);
	assert_int_equal(f->plan.device_control, DEVICES_LISTED);
	assert_false(f->plan.devices_asked);
	assert_int_equal(access_of(f, false, 1, 3), DEVICE_ALL);
	assert_int_equal(access_of(f, false, 136, DEVICE_ANY), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(access_of(f, false, 5, 1), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(f->plan.devices.n, 9);
}

static void test_add_device_adds_all_that_it_names(void **state)
{
	struct fixture *f = *state;

	add_device(f, &f->unit.container.devices, "/dev/dri", true);
	add_device(f, &f->unit.container.devices, "/dev/kmsg", false);
	add_device(f, &f->unit.container.devices, "/dev/none", false);
	plan_main(f);
	assert_int_equal(access_of(f, false, 226, 0), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(access_of(f, false, 226, 128), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(access_of(f, false, 1, 11), DEVICE_READ);
	assert_int_equal(f->plan.devices.n, 12);
}

static void test_strict_is_what_is_named(void **state)
{
	struct fixture *f = *state;

	f->unit.service.device_policy = DEVICE_POLICY_STRICT;
	add_device(f, &f->unit.service.device_allow, "char-rtc", false);
	f->unit.service.stdin_kind = STDIO_TTY;
	f->unit.service.tty_path = "/dev/ttyS0";
	plan_main(f);
	assert_int_equal(f->plan.devices.n, 3);
	assert_int_equal(access_of(f, false, 1, 3), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(access_of(f, false, 250, DEVICE_ANY), DEVICE_READ);
	assert_int_equal(access_of(f, false, 4, 64), DEVICE_READ | DEVICE_WRITE);
	assert_true(f->plan.devices_asked);
}

static void test_a_service_is_free_until_it_is_asked(void **state)
{
	struct fixture *f = *state;

	make_service(f);
	add_command(f, &f->unit.service.exec_start, "/bin/web");
	plan_main(f);
	assert_int_equal(f->plan.device_control, DEVICES_FREE);
	add_device(f, &f->unit.service.device_allow, "/dev/vda", true);
	plan_main(f);
	assert_int_equal(f->plan.device_control, DEVICES_LISTED);
	assert_int_equal(f->plan.devices.n, 9);
	assert_int_equal(access_of(f, true, 254, 0), DEVICE_READ | DEVICE_WRITE);
	assert_int_equal(access_of(f, false, 5, 1), 0);
}

/* Its list begins with the container and ends with it; what runs beside it is held to it. */
static void test_the_host_side_of_a_container(void **state)
{
	struct fixture *f = *state;
	struct service_section *s = &f->unit.service;

	add_command(f, &s->exec_start_pre, "/bin/a");
	add_command(f, &s->exec_start_post, "/bin/b");
	add_command(f, &s->exec_stop_post, "/bin/c");
	assert_int_equal(plan_role(f, ROLE_START_PRE, 0), 0);
	assert_int_equal(f->plan.device_control, DEVICES_FREE);
	assert_int_equal(plan_role(f, ROLE_START_POST, 0), 0);
	assert_int_equal(f->plan.device_control, DEVICES_KEPT);
	assert_int_equal(plan_role(f, ROLE_STOP_POST, 0), 0);
	assert_int_equal(f->plan.device_control, DEVICES_FREE);
}

static void test_names_to_be_looked_up(void **state)
{
	struct fixture *f = *state;
	struct strv names;

	add_device(f, &f->unit.container.devices, "/dev/dri", true);
	add_device(f, &f->unit.service.device_allow, "char-rtc", true);
	f->unit.service.out.kind = STDIO_TTY;
	names = plan_device_names(&f->unit, &f->arena);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.v[0], "/dev/dri");
	assert_string_equal(names.v[1], "char-rtc");
	assert_string_equal(names.v[2], "/dev/console");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_list_refuses_all),
		cmocka_unit_test(test_each_form_of_a_rule),
		cmocka_unit_test(test_lists_by_chance),
		cmocka_unit_test(test_one_rule_for_one_device),
		TEST(test_a_container_has_a_list_unasked),
		TEST(test_add_device_adds_all_that_it_names),
		TEST(test_strict_is_what_is_named),
		TEST(test_a_service_is_free_until_it_is_asked),
		TEST(test_the_host_side_of_a_container),
		TEST(test_names_to_be_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
