#include "tests/unit/seccomp_machine.h"

#include <string.h>

#define X32_BIT 0x40000000

/* ---- the program ---- */

static bool instruction_is_good(const struct seccomp_program *p, size_t at)
{
	const struct sock_filter *s = &p->code[at];
	size_t left = p->n - at - 1;

	switch (s->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return s->k % 4 == 0 && s->k < sizeof(struct seccomp_data);
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_RET | BPF_K:
		return true;
	case BPF_JMP | BPF_JA:
		return s->k < left;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
		return s->jt < left && s->jf < left;
	default:
		return false;
	}
}

bool machine_takes(const struct seccomp_program *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!instruction_is_good(p, i))
			return false;
	return p->n > 0 && p->n <= BPF_MAXINSNS && BPF_CLASS(p->code[p->n - 1].code) == BPF_RET;
}

uint32_t machine_run(const struct seccomp_program *p, const struct seccomp_data *data,
	unsigned int *steps)
{
	uint32_t a = 0;
	size_t pc = 0;

	for (*steps = 0;; (*steps)++) {
		const struct sock_filter *s = &p->code[pc++];

		switch (s->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + s->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= s->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += s->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= s->k ? s->jt : s->jf;
			break;
		default:
			(*steps)++;
			return s->k;
		}
	}
}

/* ---- the policy ---- */

static bool holds(const struct seccomp_condition *w, const struct seccomp_data *data)
{
	uint64_t a = data->args[w->argument] & w->mask;

	switch (w->compare) {
	case ARGUMENT_EQ:
		return a == (w->value & w->mask);
	case ARGUMENT_NE:
		return a != (w->value & w->mask);
	case ARGUMENT_LT:
		return a < w->value;
	case ARGUMENT_LE:
		return a <= w->value;
	case ARGUMENT_GT:
		return a > w->value;
	case ARGUMENT_GE:
		return a >= w->value;
	}
	return false;
}

uint32_t policy_says(const struct seccomp_policy *p, const struct seccomp_data *data)
{
	if (data->arch != MACHINE_HERE)
		return SECCOMP_RET_KILL_PROCESS;
#ifdef __x86_64__
	if ((uint32_t)data->nr >= X32_BIT)
		return SECCOMP_ERROR(ENOSYS);
#endif
	if ((uint32_t)data->nr >= CALLS_MAX)
		return p->unknown;
	for (const struct seccomp_rule *r = p->rules[data->nr]; r != NULL; r = r->next) {
		bool all = true;

		for (uint32_t i = 0; i < r->n; i++)
			all = all && holds(&r->conditions[i], data);
		if (all)
			return r->action;
	}
	return p->verdict[data->nr];
}
