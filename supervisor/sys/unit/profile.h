/*
 * A seccomp profile as the container engines write it: JSON with defaultAction, syscalls[] of names, action, errnoRet,
 * args, includes and excludes. Of several rules of one call one without arguments counts, else the first that matches.
 * Names that this machine has not are left out. Touches nothing: it is here and not in core/ for its parser's sake.
 */
#ifndef SYS_PROFILE_H
#define SYS_PROFILE_H

#include "supervisor/core/seccomp/program.h"

struct profile_host {
	uint64_t capabilities;     /* of the container */
	unsigned int major, minor; /* of the kernel */
};

/* -1: this is no such profile, or wants what is not done here; e says where. */
int profile_read(struct seccomp_policy *p, const char *text, size_t size,
	const struct profile_host *host, struct arena *a, struct err *e);

#endif
