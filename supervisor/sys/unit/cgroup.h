/*
 * cgroup v2 of a unit: /sys/fs/cgroup/sup/NAME.KIND (cgroups(7), kernel 5.14 for cgroup.kill). Every call takes the name of
 * the unit; where no cgroup v2 is mounted cgroup_open_base fails with ENOENT and launch goes on without, as the facts say.
 *
 * A unit that has no cgroup has no process in one: to kill, signal or remove it succeeds, its usage is 0.
 */
#ifndef SYS_CGROUP_H
#define SYS_CGROUP_H

#include "common/err.h"
#include "supervisor/core/plan/plan.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_usage {
	uint64_t memory, memory_peak; /* bytes */
	uint64_t cpu_usec;
	uint64_t tasks;
	uint64_t oom_kills;
};

/* Makes PATH_CGROUP_UNITS and hands it every controller there is; O_PATH descriptor. */
int cgroup_open_base(struct err *e);
/*
 * Makes it if it is not there (*fresh), writes the plan's values; returns an O_PATH descriptor. On success e->msg is "" or a
 * warning: a value that the plan calls optional could not be written.
 */
int cgroup_prepare(int base, const struct plan *plan, bool *fresh, struct err *e);
int cgroup_kill(int base, const char *unit, struct err *e);
int cgroup_signal(int base, const char *unit, int sig,
	struct err *e);                                       /* every process in it and below */
int cgroup_remove(int base, const char *unit, struct err *e); /* EBUSY while a process is left */
/* What the kernel does not count is 0. */
int cgroup_usage(int base, const char *unit, struct cgroup_usage *usage, struct err *e);
bool cgroup_has(int base, const char *unit, pid_t pid);
/* cgroup.events and memory.events as descriptors that poll with POLLPRI when they change. */
int cgroup_events_open(int base, const char *unit, const char *file, struct err *e);
/* One field of such a file, or the number of a file that holds only that (field NULL). -1 with errno. */
int cgroup_events_read(int fd, const char *field, uint64_t *value);

#endif
