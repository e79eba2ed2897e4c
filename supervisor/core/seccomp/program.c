#include "supervisor/core/seccomp/program.h"

#include "common/util.h"

#include <stddef.h>
#include <string.h>

#include <linux/audit.h>
#include <linux/bpf_common.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#error "no seccomp filters for this machine: say which AUDIT_ARCH_ it is, little-endian, of 64 bits"
#endif

#define PROGRAM_MAX 4096u /* BPF_MAXINSNS */
#define JUMP_MAX 255u     /* of a conditional jump */

#define OFFSET_NUMBER offsetof(struct seccomp_data, nr)
#define OFFSET_MACHINE offsetof(struct seccomp_data, arch)
/* of the halves of an argument, on little-endian machines */
#define OFFSET_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i))
#define OFFSET_HIGH(i) (OFFSET_LOW(i) + 4)

/* ---- the policy ---- */

struct known {
	uint32_t *verdict, action;
};

static void set_known(void *data, unsigned int number)
{
	const struct known *known = data;

	known->verdict[number] = known->action;
}

void seccomp_policy_init(struct seccomp_policy *p, uint32_t known, uint32_t unknown)
{
	*p = (struct seccomp_policy){ .unknown = unknown };
	for (unsigned int i = 0; i < CALLS_MAX; i++)
		p->verdict[i] = unknown;
	(void)call_group("@known", set_known, &(struct known){ p->verdict, known });
}

void seccomp_verdict(struct seccomp_policy *p, unsigned int number, uint32_t action)
{
	p->verdict[number] = action;
	p->n_rules++;
}

struct seccomp_rule *seccomp_rule_add(struct seccomp_policy *p, struct arena *a,
	unsigned int number, uint32_t action)
{
	struct seccomp_rule *rule = arena_alloc(a, sizeof(*rule)), **end = &p->rules[number];

	while (*end != NULL)
		end = &(*end)->next;
	rule->action = action;
	p->n_rules++;
	return *end = rule;
}

int seccomp_rule_when(struct seccomp_rule *rule, const struct seccomp_condition *condition)
{
	if (rule->n == SECCOMP_ARGUMENTS)
		return -1;
	rule->conditions[rule->n++] = *condition;
	return 0;
}

void seccomp_rule_bits(struct seccomp_rule *rule, unsigned int argument, uint32_t mask,
	uint32_t value)
{
	const struct seccomp_condition condition = {
		.argument = (uint8_t)argument, .mask = mask, .value = value
	};

	(void)seccomp_rule_when(rule, &condition);
}

/* ---- instructions ---- */

struct code {
	struct arena *arena;
	struct sock_filter *v;
	size_t n;
};

static void emit(struct code *c, uint16_t op, uint32_t k)
{
	*LIST_ADD(c->arena, c) = (struct sock_filter){ .code = op, .k = k };
}

static void emit_return(struct code *c, uint32_t action)
{
	emit(c, BPF_RET | BPF_K, action);
}

/* Jumps over so many of the next instructions; JUMP_MAX: to the end of the rule, see rule_end. */
static void emit_jump(struct code *c, uint16_t op, uint32_t k, size_t yes, size_t no)
{
	*LIST_ADD(c->arena, c) = (struct sock_filter){ .code = (uint16_t)(BPF_JMP | op | BPF_K),
		.jt = (uint8_t)yes,
		.jf = (uint8_t)no,
		.k = k };
}

static void emit_load(struct code *c, size_t offset, uint32_t mask)
{
	emit(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
	if (mask != UINT32_MAX)
		emit(c, BPF_ALU | BPF_AND | BPF_K, mask);
}

/* ---- rules ---- */

#define END JUMP_MAX /* no rule is as long */

/* Of both halves: equal, or one of them is not. A half that the mask leaves out is always equal. */
static void emit_equal(struct code *c, const struct seccomp_condition *w, bool equal)
{
	uint32_t high_mask = (uint32_t)(w->mask >> 32), low_mask = (uint32_t)w->mask;
	uint64_t value = w->value & w->mask;

	if (high_mask != 0) {
		emit_load(c, OFFSET_HIGH(w->argument), high_mask);
		emit_jump(c, BPF_JEQ, (uint32_t)(value >> 32), 0,
			equal ? END : 2 + (low_mask != UINT32_MAX));
	}
	emit_load(c, OFFSET_LOW(w->argument), low_mask);
	emit_jump(c, BPF_JEQ, (uint32_t)value, equal ? 0 : END, equal ? END : 0);
}

/* Greater, or greater or equal, or the opposite of it. The upper half decides, unless it is the same. */
static void emit_order(struct code *c, const struct seccomp_condition *w, uint16_t op, bool holds)
{
	uint32_t high = (uint32_t)(w->value >> 32), low_mask = (uint32_t)w->mask;
	size_t over_low = 2 + (low_mask != UINT32_MAX);

	emit_load(c, OFFSET_HIGH(w->argument), (uint32_t)(w->mask >> 32));
	emit_jump(c, BPF_JGT, high, holds ? 1 + over_low : END, 0);
	emit_jump(c, BPF_JEQ, high, 0, holds ? END : over_low);
	emit_load(c, OFFSET_LOW(w->argument), low_mask);
	emit_jump(c, op, (uint32_t)w->value, holds ? 0 : END, holds ? END : 0);
}

/* What goes on behind it if the condition holds, and to the END if it does not. */
static void emit_condition(struct code *c, const struct seccomp_condition *w)
{
	switch (w->compare) {
	case ARGUMENT_EQ:
	case ARGUMENT_NE:
		emit_equal(c, w, w->compare == ARGUMENT_EQ);
		break;
	case ARGUMENT_GT:
	case ARGUMENT_LE:
		emit_order(c, w, BPF_JGT, w->compare == ARGUMENT_GT);
		break;
	case ARGUMENT_GE:
	case ARGUMENT_LT:
		emit_order(c, w, BPF_JGE, w->compare == ARGUMENT_GE);
		break;
	}
}

static void rule_end(struct code *c, size_t begin)
{
	for (size_t i = begin; i < c->n; i++) {
		struct sock_filter *s = &c->v[i];

		if (BPF_CLASS(s->code) != BPF_JMP)
			continue;
		s->jt = s->jt == END ? (uint8_t)(c->n - i - 1) : s->jt;
		s->jf = s->jf == END ? (uint8_t)(c->n - i - 1) : s->jf;
	}
}

static void emit_rules(struct code *c, const struct seccomp_rule *rule, uint32_t verdict)
{
	for (; rule != NULL; rule = rule->next) {
		size_t begin = c->n;

		for (uint32_t i = 0; i < rule->n; i++)
			emit_condition(c, &rule->conditions[i]);
		emit_return(c, rule->action);
		rule_end(c, begin);
	}
	emit_return(c, verdict);
}

/* ---- numbers ---- */

/* Numbers from here to the next range, which have all one verdict, or one number with rules. */
struct range {
	unsigned int from;
	uint32_t verdict;
	const struct seccomp_rule *rules;
};
struct ranges {
	struct range *v;
	size_t n;
};

static void find_ranges(const struct seccomp_policy *p, struct arena *a, struct ranges *out)
{
	for (unsigned int i = 0; i <= CALLS_MAX; i++) {
		struct range next = { .from = i, .verdict = p->unknown };
		const struct range *last = out->n > 0 ? &out->v[out->n - 1] : NULL;

		if (i < CALLS_MAX) {
			next.verdict = p->verdict[i];
			next.rules = p->rules[i];
		}
		if (last != NULL && last->rules == NULL && next.rules == NULL &&
			last->verdict == next.verdict)
			continue;
		*LIST_ADD(a, out) = next;
	}
}

/* The lower half stands first, and is jumped over by numbers of the upper one. */
static void emit_search(struct code *c, const struct range *v, size_t n)
{
	size_t at = c->n, length;

	if (n == 1) {
		emit_rules(c, v->rules, v->verdict);
		return;
	}
	emit_jump(c, BPF_JGE, v[n / 2].from, 0, 0);
	emit_search(c, v, n / 2);
	length = c->n - at - 1;
	if (length < JUMP_MAX) {
		c->v[at].jt = (uint8_t)length;
	} else {
		emit(c, 0, 0);
		memmove(&c->v[at + 2], &c->v[at + 1], length * sizeof(*c->v));
		c->v[at].jf = 1;
		c->v[at + 1] = (struct sock_filter){ .code = BPF_JMP | BPF_JA,
			.k = (uint32_t)length };
	}
	emit_search(c, v + n / 2, n - n / 2);
}

int seccomp_compile(const struct seccomp_policy *p, struct arena *a, struct seccomp_program *out,
	struct err *e)
{
	struct code c = { .arena = a };
	struct ranges ranges = { 0 };

	find_ranges(p, a, &ranges);
	emit_load(&c, OFFSET_MACHINE, UINT32_MAX);
	emit_jump(&c, BPF_JEQ, MACHINE, 1, 0);
	emit_return(&c, SECCOMP_RET_KILL_PROCESS);
	emit_load(&c, OFFSET_NUMBER, UINT32_MAX);
#ifdef X32_BIT
	emit_jump(&c, BPF_JGE, X32_BIT, 0, 1);
	emit_return(&c, SECCOMP_ERROR(ENOSYS));
#endif
	emit_search(&c, ranges.v, ranges.n);
	if (c.n > PROGRAM_MAX)
		return err_setx(e, "the filter has %zu instructions, the kernel takes %u", c.n,
			PROGRAM_MAX);
	*out = (struct seccomp_program){
		.code = c.v, .n = (uint16_t)c.n, .n_rules = (uint32_t)p->n_rules
	};
	return 0;
}
