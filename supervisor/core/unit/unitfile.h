/*
 * Reading the files of one unit: text to typed members by the key table, then the rules between keys. Inside
 * of the unit set; others use unitset.h. Nothing here fails: what is wrong becomes a fault.
 */
#ifndef CORE_UNITFILE_H
#define CORE_UNITFILE_H

#include "supervisor/core/keys/keys.h"
#include "supervisor/core/unit/ini.h"
#include "supervisor/core/unit/specifiers.h"
#include "supervisor/core/unit/unitset.h"

/* A file of many faults is told of so many, then no more. */
#define FAULTS_OF_A_FILE 100u

struct fault_list {
	struct unit_fault *v;
	size_t n;
};

/* Where a key was given last; path NULL: nowhere, the member has its default. */
struct origin {
	const char *path;
	struct ini_place at;
	uint32_t order; /* among all lines of the unit: the latest is the largest */
};

struct unit_loader {
	struct arena *arena; /* of the set */
	struct fault_list *faults;
	struct origin *origins; /* one for each row of the key table */
	uint32_t given;         /* lines so far */
	struct unit *unit;
	struct specifier_scope scope;
	/* A template for itself, with an instance made up: what a specifier spoils there may be right in a real one. */
	bool trial;
	/* The file being read. */
	const char *path;
	const struct ini_file *ini;
	bool skip_section;
	size_t faults_before;
};

/* A unit of that kind whose files say nothing: all members have their defaults. */
void unit_defaults(struct arena *a, enum unit_kind kind, struct unit *unit);
/* Reads one more file into loader->unit. */
void unit_file_read(struct unit_loader *l, const struct unit_text *text);
/* After the last file: what follows from other keys, and the rules between keys. */
void unit_file_finish(struct unit_loader *l);

/* Whether a key that fills this member of struct unit was given, and where the last time. */
const struct origin *loader_origin(const struct unit_loader *l, size_t member);
/* A fault at the key that fills the member; where none was given, at the file. */
void loader_complain(struct unit_loader *l, enum fault_level level, size_t member, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));
/* Adds a fault, and makes it the reason why the unit is broken if it is its first error. */
void unit_fault_add(struct arena *a, struct fault_list *faults, struct unit *unit,
	const struct unit_fault *fault);

/* Keys of a container that do nothing without a bridge. */
#define BRIDGE_KEYS(X)        \
	X(PublishPort, ports) \
	X(IngressRate, ingress_rate) X(EgressRate, egress_rate) X(ConnectionsMax, connections)

enum bridge_key {
#define X(key, member) BRIDGE_##key,
	BRIDGE_KEYS(X)
#undef X
		BRIDGE_KEY_COUNT
};

extern const struct bridge_key_row {
	const char *name;
	size_t member; /* of struct unit */
} bridge_keys[BRIDGE_KEY_COUNT];

/* mountunit.c: of a .mount. */
void mount_unit_finish(struct unit_loader *l);
/* unitcheck.c: the rules between the keys of one unit. */
void unit_check(struct unit_loader *l);

#endif
