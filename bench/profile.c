/*
 * The default filter of system calls as the other contenders of the bench take it, so that all have the same.
 *
 * usage: profile code|words
 *   code    the program itself, as prctl(2) has it
 *   words   a line each: CALL VERDICT [ARGUMENT MASK VALUE]..., the verdict as seccomp(2) has it; the first line is "*" and
 *           the verdict of all others
 */
#include "supervisor/core/seccomp/profile.h"
#include "supervisor/core/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include <linux/seccomp.h>

static void print_call(const struct seccomp_policy *p, unsigned int number)
{
	char name[CALL_NAME_MAX];

	if (call_name(number, name) == NULL)
		return;
	for (const struct seccomp_rule *r = p->rules[number]; r != NULL; r = r->next) {
		(void)printf("%s %u", name, r->action);
		for (uint32_t i = 0; i < r->n; i++)
			(void)printf(" %u %llu %llu", r->conditions[i].argument,
				(unsigned long long)r->conditions[i].mask,
				(unsigned long long)r->conditions[i].value);
		(void)puts("");
	}
	if (p->verdict[number] != p->unknown)
		(void)printf("%s %u\n", name, p->verdict[number]);
}

int main(int argc, char **argv)
{
	static struct seccomp_policy policy;
	static const struct container_section plain = { 0 };
	struct seccomp_program program;
	struct arena a = { 0 };
	struct err e;

	seccomp_default(&policy, plan_container_capabilities(&plain), &a);
	if (argc == 2 && strcmp(argv[1], "code") == 0) {
		if (seccomp_compile(&policy, &a, &program, &e) < 0)
			return 1;
		(void)fwrite(program.code, sizeof(*program.code), program.n, stdout);
	} else {
		(void)printf("* %u\n", policy.unknown);
		for (unsigned int i = 0; i < CALLS_MAX; i++)
			print_call(&policy, i);
	}
	arena_free(&a);
	return 0;
}
