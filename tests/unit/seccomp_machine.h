/* The kernel's part, for tests: it runs programs of classic BPF as seccomp(2) does, and takes none that the kernel refuses. */
#ifndef TESTS_SECCOMP_MACHINE_H
#define TESTS_SECCOMP_MACHINE_H

#include "supervisor/core/seccomp/program.h"

#include <linux/audit.h>

#if defined(__x86_64__)
#define MACHINE_HERE AUDIT_ARCH_X86_64
#define MACHINE_OTHER AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define MACHINE_HERE AUDIT_ARCH_AARCH64
#define MACHINE_OTHER AUDIT_ARCH_ARM
#endif

/* Whether the kernel would load it. */
bool machine_takes(const struct seccomp_program *p);
/* What it answers; *steps: instructions that were run. */
uint32_t machine_run(const struct seccomp_program *p, const struct seccomp_data *data,
	unsigned int *steps);
/* What the policy says, looked up in the plainest way. */
uint32_t policy_says(const struct seccomp_policy *p, const struct seccomp_data *data);

#endif
