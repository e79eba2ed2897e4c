/* What the specifiers of the host stand for, as the host says it now. */
#ifndef SYS_HOSTFACTS_H
#define SYS_HOSTFACTS_H

#include "supervisor/core/unit/unitset.h"

/* Of the kernel that runs: 6 and 1 for "6.1.0-13-arm64". */
struct kernel_version {
	unsigned int major, minor;
};
struct kernel_version kernel_version(void);

/* The strings are in the arena. */
void host_facts(struct arena *a, struct specifier_facts *facts);

#endif
