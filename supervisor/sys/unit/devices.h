/*
 * Devices of a unit: what the names in it stand for on this host, and the kernel's side of the list that the plan has. The
 * program is attached to the unit's cgroup and holds as long as that is there, whoever supervises it.
 */
#ifndef SYS_DEVICES_H
#define SYS_DEVICES_H

#include "common/err.h"
#include "supervisor/core/plan/audit.h"

/* For a restart, and for the many units that have the same list. */
struct device_cache {
	int program; /* the last one that was loaded; -1: none */
	uint64_t digest;
};

/* Names that are not there have no number. */
void device_facts(const struct unit *u, struct facts *facts, struct arena *a);
/*
 * `fresh`: the cgroup was made just now, so that it has no program. 0: it is as the plan has it. -1 with the reason; where no
 * key asks for the list that is a warning: the caller goes on.
 */
int devices_apply(struct device_cache *cache, const struct plan *plan, int cgroup, bool fresh,
	struct err *e);
/* What the cgroup has. */
enum audit_devices devices_look(struct device_cache *cache, const struct plan *plan, int cgroup);

#endif
