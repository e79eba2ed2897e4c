/*
 * A profile of SeccompProfile=, which an operator may have from anywhere. Input: eight bytes of capabilities, then the
 * text. What is taken makes a program that the kernel would load and that says what the policy says.
 */
#include "supervisor/sys/unit/profile.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/seccomp_machine.h"

static void compare(const struct seccomp_policy *p, const struct seccomp_program *program)
{
	for (int nr = -1; nr <= (int)CALLS_MAX; nr++)
		for (uint64_t value = 0; value < 10; value += 3) {
			struct seccomp_data data = { .nr = nr, .arch = MACHINE_HERE };
			unsigned int steps;

			for (unsigned int i = 0; i < SECCOMP_ARGUMENTS; i++)
				data.args[i] = value << (i * 8);
			FUZZ_ASSERT(machine_run(program, &data, &steps) == policy_says(p, &data));
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile_host host = { .major = 6, .minor = 1 };
	struct seccomp_policy *p = malloc(sizeof(*p));
	struct seccomp_program program;
	struct arena a = { 0 };
	struct err e;
	char *text;

	FUZZ_ASSERT(p != NULL);
	if (size >= sizeof(host.capabilities)) {
		memcpy(&host.capabilities, data, sizeof(host.capabilities));
		text = fuzz_text(data + sizeof(host.capabilities),
			size - sizeof(host.capabilities));
		if (profile_read(p, text, size - sizeof(host.capabilities), &host, &a, &e) == 0 &&
			seccomp_compile(p, &a, &program, &e) == 0) {
			FUZZ_ASSERT(machine_takes(&program));
			compare(p, &program);
		}
		free(text);
	}
	arena_free(&a);
	free(p);
	return 0;
}
