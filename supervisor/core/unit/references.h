/* The second half of building a unit set: names in units become edges. Inside of the unit set. */
#ifndef CORE_REFERENCES_H
#define CORE_REFERENCES_H

#include "supervisor/core/text.h"
#include "supervisor/core/texts.h"
#include "supervisor/core/unit/graph.h"
#include "supervisor/core/unit/nameset.h"
#include "supervisor/core/unit/unitfile.h"

/*
 * The keys that list units: TIE(key, member of struct unit, edge, who has it, when there is no such unit). An edge of
 * MINE is from the unit of the key to the one it names; of THEIRS, the other way; NO_EDGE: the name is only looked at.
 */
/* clang-format off */
#define TIES(X) \
	X(After, unit.deps[DEP_AFTER], DEP_AFTER, MINE, SILENT) \
	X(Before, unit.deps[DEP_BEFORE], DEP_BEFORE, MINE, SILENT) \
	X(Requires, unit.deps[DEP_REQUIRES], DEP_REQUIRES, MINE, FAULT_ERROR) \
	X(Wants, unit.deps[DEP_WANTS], DEP_WANTS, MINE, FAULT_WARNING) \
	X(BindsTo, unit.deps[DEP_BINDS_TO], DEP_BINDS_TO, MINE, FAULT_ERROR) \
	X(PartOf, unit.deps[DEP_PART_OF], DEP_PART_OF, MINE, SILENT) \
	X(Conflicts, unit.deps[DEP_CONFLICTS], DEP_CONFLICTS, MINE, SILENT) \
	X(OnFailure, unit.deps[DEP_ON_FAILURE], DEP_ON_FAILURE, MINE, FAULT_WARNING) \
	X(Requisite, unit.deps[DEP_REQUISITE], DEP_REQUISITE, MINE, FAULT_ERROR) \
	X(Upholds, unit.deps[DEP_UPHOLDS], DEP_UPHOLDS, MINE, FAULT_WARNING) \
	X(OnSuccess, unit.deps[DEP_ON_SUCCESS], DEP_ON_SUCCESS, MINE, FAULT_WARNING) \
	X(PropagatesStopTo, unit.deps[DEP_STOPS], DEP_STOPS, MINE, FAULT_WARNING) \
	X(PropagatesReloadTo, unit.deps[DEP_RELOADS], DEP_RELOADS, MINE, FAULT_WARNING) \
	X(StopPropagatedFrom, unit.stop_propagated_from, DEP_STOPS, THEIRS, FAULT_WARNING) \
	X(ReloadPropagatedFrom, unit.reload_propagated_from, DEP_RELOADS, THEIRS, FAULT_WARNING) \
	X(WantedBy, install.wanted_by, DEP_WANTS, THEIRS, FAULT_WARNING) \
	X(RequiredBy, install.required_by, DEP_REQUIRES, THEIRS, FAULT_WARNING) \
	X(UpheldBy, install.upheld_by, DEP_UPHOLDS, THEIRS, FAULT_WARNING) \
	X(Also, install.also, NO_EDGE, MINE, FAULT_WARNING)
/* clang-format on */

enum tie {
#define X(key, member, dep, whose, missing) TIE_##key,
	TIES(X)
#undef X
		TIE_COUNT
};

/* Where the keys of a unit stand that name others; path NULL: not given. */
struct references {
	struct origin ties[TIE_COUNT];
	struct origin alias, network, mounts, bridge_keys[BRIDGE_KEY_COUNT], ip[FAMILY_COUNT];
	struct origin bridge, subnet; /* InterfaceName=, Subnet= of a network */
	struct origin timer_unit, service, sockets, listen;
};

/* A unit that is read, before it has its place in the set. */
struct draft {
	struct unit unit;
	struct references references;
};

struct builder {
	struct unit_set *set;
	struct arena scratch; /* gone when the set is built */
	struct unit defaults[KIND_COUNT];
	struct unit_loader loader;
	struct fault_list faults;
	struct references *references; /* same index as units */
	struct edge_list edges;
	const char *default_target, *default_network;
	size_t guesses; /* how often a nearest name was looked for, which is slow */
	struct text_index texts;
	struct name_set known; /* units, read or to be read */
	struct strv to_read;   /* of these, those that are not read by their own files */
	size_t instances;      /* so many of them were made by being named */
	struct {
		struct draft **v;
		size_t n;
	} drafts;
};

/* At the key that stands there, or at the file of the unit. */
void references_complain(struct builder *b, uint32_t unit, enum fault_level level,
	const struct origin *origin, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Of each tie: where its names stand in struct unit. */
extern const size_t tie_members[TIE_COUNT];

/* Alias=: in force before names are looked up. */
void aliases_resolve(struct builder *b);
/* RequiresMountsFor= and WantsMountsFor=. */
void mounts_for_resolve(struct builder *b);
/* The unit that is meant by a name in a file, -1; says it at `origin` that there is none. */
int references_find(const struct unit_set *set, const char *name);
#define REFERENCE_FORMS 3u
/*
 * What a timer or a socket starts: Unit= or Service=, or the service of the same stem, which stands for the container, too.
 */
const char *references_triggered(struct arena *a, const struct unit *unit);
/* The name in another form, as Quadlet's generator would call it; false when it has no such form. */
bool references_form(const char *name, size_t form, char other[UNIT_NAME_MAX]);
void references_missing(struct builder *b, uint32_t unit, enum fault_level level,
	const struct origin *origin, const char *key, const char *name);
/* unit -dep-> to, from a line of a file. */
void references_edge(struct builder *b, uint32_t from, enum dependency dep, uint32_t to);

void references_resolve(struct builder *b, const char *default_target, const char *boot_target,
	const char *default_network);

/* ---- instances.c ---- */
/* Makes the instances of templates that the unit names. */
void instances_named_by(struct builder *b, const struct unit *unit);
/* ... and the one of this name, as it may be written in a file, if a template has it. */
void instances_wish(struct builder *b, const char *name);

/* ---- links.c ---- */
/* NAME.wants/ and NAME.requires/. */
void links_wish(struct builder *b);
void links_resolve(struct builder *b);
/* references_socket.c: which service a socket starts, which descriptors a service gets, whose port is whose. */
void references_socket(struct builder *b, uint32_t unit);
void references_sockets_of(struct builder *b, uint32_t unit);
void references_check_listens(struct builder *b);

/* references_network.c; the edges are sorted. */
void references_check_networks(struct builder *b);

#endif
