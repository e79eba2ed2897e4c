/*
 * Learn=yes: the kernel counts what a unit's processes ask it for, in an instance of tracefs that has the unit's name. All is
 * kept there and in PATH_LEARN: restarts of the unit add up, and a supervisor that comes after this one finds it by name.
 *
 * Documentation/trace/{ftrace,events,histogram,kprobetrace}.rst; root of the machine only. What other units do is not counted;
 * the kernel takes its slower way into every system call of the machine while there is such an instance.
 */
#ifndef SYS_LEARN_H
#define SYS_LEARN_H

#include "common/err.h"
#include "supervisor/core/plan/learned.h"
#include "supervisor/core/unit/unitset.h"

/*
 * Before the process begins: it and all that it starts are counted from exec on. -1: nothing of it is, or not all, as e
 * says: nothing that a start should fail for.
 */
int learn_begin(const struct plan *plan, int pid, struct err *e);

/* What of it does not work for a unit that runs, for its status; NULL: all does. */
const char *learn_lacks(const char *unit);

struct learn_since {
	uint64_t starts;
	uint64_t since; /* wall clock, microseconds */
};
/* -1: nothing was recorded yet, or cannot be. */
int learn_read(const char *unit, struct learned *l, struct learn_since *since, struct arena *a,
	struct err *e);

/* Ends it for the units that do not want it, and forgets what was recorded of them. */
void learn_tidy(const struct unit_set *set);

#endif
