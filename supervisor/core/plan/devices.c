#include "supervisor/core/plan/devices.h"

#define RULE_INSNS 6 /* of one rule, at most */
#define FRAME_INSNS 8

/* The context's words, once read, stay in these. */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, KIND, ACCESS, MAJOR, MINOR };

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct program *p, uint8_t code, uint8_t to, uint8_t from, int16_t jump,
	int32_t value)
{
	p->v[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = to & 0xf, .src_reg = from & 0xf, .off = jump, .imm = value
	};
}

static void read_word(struct program *p, uint8_t to, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void finish(struct program *p, bool allowed)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allowed);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/*
 * To the next rule unless reg is the value; where that begins is known when this one is done. Numbers of devices have
 * 32 bits less one, and the registers were filled from words: signs do not matter.
 */
static void require(struct program *p, uint8_t reg, uint32_t value)
{
	emit(p, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, (int32_t)value);
}

static void emit_rule(struct program *p, const struct device_rule *rule)
{
	size_t first = p->n;

	require(p, KIND, rule->block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	require(p, MAJOR, rule->major);
	if (rule->minor != DEVICE_ANY)
		require(p, MINOR, rule->minor);
	if (rule->access != DEVICE_ALL)
		emit(p, BPF_JMP | BPF_JSET | BPF_K, ACCESS, 0, 0, ~rule->access & DEVICE_ALL);
	finish(p, true);
	for (; first < p->n - 2; first++)
		p->v[first].off = (int16_t)(p->n - first - 1);
}

struct bpf_insn *device_program(struct arena *a, const struct device_rules *rules, size_t *n)
{
	struct program p = { arena_array(a, rules->n * RULE_INSNS + FRAME_INSNS, sizeof(*p.v)), 0 };

	read_word(&p, KIND, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&p, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, KIND, 0, 0);
	emit(&p, BPF_ALU64 | BPF_AND | BPF_K, KIND, 0, 0, 0xffff);
	emit(&p, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
	read_word(&p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	read_word(&p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < rules->n; i++)
		emit_rule(&p, &rules->v[i]);
	finish(&p, false);
	*n = p.n;
	return p.v;
}

void device_rules_add(struct arena *a, struct device_rules *list, struct device_rule rule)
{
	for (size_t i = 0; i < list->n; i++) {
		struct device_rule *r = &list->v[i];

		if (r->block == rule.block && r->major == rule.major && r->minor == rule.minor) {
			r->access |= rule.access;
			return;
		}
	}
	if (rule.access != 0)
		*LIST_ADD(a, list) = rule;
}
