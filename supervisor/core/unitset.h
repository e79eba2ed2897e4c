/*
 * One generation of the configuration: all units, their faults, and the graph between them.
 *
 * Built from the texts of files that sys/load.c has read; pure. A fault in a file makes that unit broken
 * and no other; a reference to a unit that does not exist is a fault for Requires= and BindsTo= and network or volume
 * uses, silent for After= and Before=, a warning for Wants=.
 */
#ifndef CORE_UNITSET_H
#define CORE_UNITSET_H

#include "supervisor/core/manager.h"
#include "supervisor/core/unit.h"

/* One file as found: drop-ins have the unit's name in `unit` and come after its main file. MANAGER_FILE is no unit. */
struct unit_text {
	const char *unit; /* "web.container" */
	const char *path; /* for messages */
	const char *text;
	size_t size;
	const char *
		unreadable; /* not NULL: there is no text, for this reason: an error of this file */
};

enum fault_level { FAULT_WARNING, FAULT_ERROR };

struct unit_fault {
	enum fault_level level;
	const char *unit;      /* NULL: of no unit */
	const char *path;      /* NULL: of the graph */
	uint32_t line, column; /* from 1; 0: of the whole file */
	const char *message;   /* with a "did you mean" where there is one */
};

/* Edges of one unit, as indices into the set: what it is after, what requires it, ... both ways. */
struct edges {
	uint32_t *v;
	size_t n;
};

struct node {
	struct edges out[DEP_COUNT]; /* this unit names them: After=x puts x here */
	struct edges in[DEP_COUNT];  /* they name this unit */
};

/* Another name of a unit, by Alias=. */
struct unit_alias {
	const char *name;
	uint32_t unit;
};

struct unit_set {
	struct arena arena; /* holds all of the below */
	struct unit *units; /* sorted by name */
	struct node *nodes; /* same index */
	size_t n;
	struct unit_alias *aliases; /* sorted by name */
	size_t n_aliases;
	struct unit_fault *faults;
	size_t n_faults;
	struct manager_section manager; /* of MANAGER_FILE, or its defaults */
};

/*
 * Never fails: what is wrong is in set->faults. Adds the implicit units and edges:
 *  - default.target and multi-user.target exist; default.target wants multi-user.target unless a file says otherwise;
 *  - WantedBy=/RequiredBy= become edges of the target;
 *  - a container gets Requires= and After= on its .network (sup0.network, made when no file defines it, for the default)
 *    and its .volume units, and on the container whose network it shares;
 *  - a target is After= all that it wants or requires, unless they are ordered the other way.
 * A cycle of ordering is named whole, and broken at its weakest edge with a warning.
 */
void unit_set_build(struct unit_set *set, const struct unit_text *texts, size_t n);
void unit_set_free(struct unit_set *set);
/*
 * Index of the unit that has this name or alias, or -1. `unit_set_find_loose` also takes "web": the container or service of that stem, or else
 * the one unit that has it; -1 when several have.
 */
int unit_set_find(const struct unit_set *set, const char *name);
int unit_set_find_loose(const struct unit_set *set, const char *name);

/*
 * The sidecar of an image: [Image] by the same parser and table. Members that are not given are NULL, empty, 0.
 * 0, or -1 with the first fault; strings are in the arena.
 */
struct err;
int image_file_parse(struct arena *a, const char *path, const char *text, size_t size,
	struct image_section *image, struct err *e);

/*
 * The unit as the key table says it, in canonical form: what its files set, or with `all` the defaults too.
 * Returns the length of the whole text as snprintf does; reading it gives the same unit.
 */
size_t unit_print(const struct unit *unit, bool all, char *buf, size_t size);

#endif
