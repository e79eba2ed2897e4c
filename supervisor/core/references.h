/* The second half of building a unit set: names in units become edges. Inside of the unit set. */
#ifndef CORE_REFERENCES_H
#define CORE_REFERENCES_H

#include "supervisor/core/graph.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unitfile.h"

/* Where the keys of a unit stand that name others; path NULL: not given. */
struct references {
	struct origin deps[DEP_COUNT];
	struct origin network, mounts, ports, ip, wanted_by, required_by;
};

struct builder {
	struct unit_set *set;
	struct arena scratch; /* gone when the set is built */
	struct unit defaults[KIND_COUNT];
	struct unit_loader loader;
	struct fault_list faults;
	struct references *references; /* same index as units */
	struct edge_list edges;
	size_t guesses; /* how often a nearest name was looked for, which is slow */
};

void references_resolve(struct builder *b, const char *default_target, const char *boot_target,
	const char *default_network);

#endif
