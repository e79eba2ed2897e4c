/*
 * From what is to happen with each system call to a program of classic BPF for seccomp(2). Pure: the program is a
 * value in an arena, and none of the kernel's words is asked.
 *
 * A policy has a verdict for each number, and before it rules that look at arguments: the first that matches
 * decides. The program looks at the machine first: a call of another one (int 0x80 of 32-bit programs) kills the process,
 * since its numbers mean other calls; the x32 form of a call is unknown (ENOSYS). Then it finds the number by halving, and
 * for calls that no rule looks at, the kernel itself remembers the answer (Linux 5.11), so that they cost nothing.
 */
#ifndef CORE_SECCOMP_PROGRAM_H
#define CORE_SECCOMP_PROGRAM_H

#include "common/err.h"
#include "supervisor/core/arena.h"
#include "supervisor/core/seccomp/calls.h"

#include <errno.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define SECCOMP_ERROR(no) (SECCOMP_RET_ERRNO | (uint32_t)(no))
#define SECCOMP_ARGUMENTS 6u

/* (argument & mask) COMPARE value, 64 bits without a sign */
enum seccomp_compare {
	ARGUMENT_EQ,
	ARGUMENT_NE,
	ARGUMENT_LT,
	ARGUMENT_LE,
	ARGUMENT_GT,
	ARGUMENT_GE,
};
struct seccomp_condition {
	uint8_t argument;
	enum seccomp_compare compare;
	uint64_t mask, value;
};

struct seccomp_rule {
	struct seccomp_rule *next; /* of the same call */
	uint32_t action;           /* SECCOMP_RET_* */
	uint32_t n;                /* all of them must hold, at least one */
	struct seccomp_condition conditions[SECCOMP_ARGUMENTS];
};

struct seccomp_policy {
	uint32_t verdict[CALLS_MAX]; /* when no rule of the call matches */
	struct seccomp_rule *rules[CALLS_MAX];
	uint32_t unknown; /* of numbers above */
	size_t n_rules;   /* verdicts that were set, and rules; for people */
};

/* What can be loaded. */
struct seccomp_program {
	const struct sock_filter *code;
	uint16_t n;
	uint32_t n_rules;
};

/* All calls that are known have the one verdict, all other numbers the other. */
void seccomp_policy_init(struct seccomp_policy *p, uint32_t known, uint32_t unknown);
void seccomp_verdict(struct seccomp_policy *p, unsigned int number, uint32_t action);
/* One more rule of the call, after those that it has, without a condition so far. */
struct seccomp_rule *seccomp_rule_add(struct seccomp_policy *p, struct arena *a,
	unsigned int number, uint32_t action);
/* -1: the rule has a condition for each argument already. */
int seccomp_rule_when(struct seccomp_rule *rule, const struct seccomp_condition *condition);
/* (argument & mask) == value in the lower 32 bits, which is all that the kernel takes of an int. */
void seccomp_rule_bits(struct seccomp_rule *rule, unsigned int argument, uint32_t mask,
	uint32_t value);

/* -1: it would be longer than what the kernel takes. */
int seccomp_compile(const struct seccomp_policy *p, struct arena *a, struct seccomp_program *out,
	struct err *e);

#endif
