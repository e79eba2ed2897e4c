/*
 * The seccomp filters of units: which one a start needs, compiled once and then kept for all starts that need the same.
 */
#ifndef SYS_SECCOMP_H
#define SYS_SECCOMP_H

#include "supervisor/core/plan/plan.h"

struct filter_kept {
	uint64_t digest; /* of all that it is made from */
	struct seccomp_program program;
};

/* So many at most; then all are forgotten. */
#define FILTERS_MAX 64u
struct filters {
	struct filter_kept *v;
	size_t n;
};

/*
 * facts.profile and facts.filter of a process of the unit. -1: what the unit asks for cannot be had, since its profile is
 * no good or the kernel has no filters; the default profile is then left out instead (n 0), for the caller to tell.
 */
int seccomp_facts(struct filters *kept, const struct unit *u, struct facts *f, struct arena *a,
	struct err *e);
void filters_free(struct filters *kept);

#endif
