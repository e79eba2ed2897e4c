/*
 * One generation of the configuration: all units, their faults, and the graph between them.
 *
 * Built from the texts of files that sys/load.c has read; pure. A fault in a file makes that unit broken
 * and no other; a reference to a unit that does not exist is a fault for Requires= and BindsTo= and network or volume
 * uses, silent for After= and Before=, a warning for Wants=.
 */
#ifndef CORE_UNITSET_H
#define CORE_UNITSET_H

#include "supervisor/core/unit/manager.h"
#include "supervisor/core/unit/unit.h"

enum text_role {
	TEXT_FILE, /* a unit file; a drop-in when its path ends in ".conf" */
	TEXT_INSTANCE, /* only says that this instance of a template is to be; text: of its template, or NULL */
	TEXT_WANTS,   /* unit.wants/target */
	TEXT_REQUIRES /* unit.requires/target */
};

/* One file as found, in the order of the search path. MANAGER_FILE is no unit. */
struct unit_text {
	/* "web.container"; of a drop-in or link the name of its folder without ".d": "foo-.container", "container" */
	const char *unit;
	const char *path; /* for messages */
	const char *text;
	size_t size;
	const char *
		unreadable; /* not NULL: there is no text, for this reason: an error of this file */
	enum text_role role;
	const char *target; /* WANTS, REQUIRES */
	uint32_t rank;      /* of its folder in the search path, 0 first */
	bool masked;        /* empty, or a link to /dev/null: it says that there is nothing */
};

/* What the specifiers of the host stand for. NULL: the host has none, which is a fault where it is used. */
struct specifier_facts {
	const char *host_name, *pretty_host_name; /* %H and %l, %q */
	const char *machine_id, *boot_id;         /* %m, %b: 32 hexadecimal digits */
	const char *kernel, *architecture;        /* %v, %a: "6.12.0", "x86-64" */
	/* of os-release(5), "" when it does not say: %o, %w, %W, %B, %M, %A */
	const char *os_id, *os_version, *os_variant, *os_build, *image_id, *image_version;
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
	struct strv templates;          /* "worker@.container", sorted; none of them is a unit */
};

/*
 * Never fails: what is wrong is in set->faults. Adds the implicit units and edges:
 *  - default.target and multi-user.target exist; default.target wants multi-user.target unless a file says otherwise;
 *  - WantedBy=/RequiredBy= become edges of the target;
 *  - a container gets Requires= and After= on its .network (sup0.network, made when no file defines it, for the default)
 *    and its .volume units, and on the container whose network it shares;
 *  - a target is After= all that it wants or requires, unless they are ordered the other way.
 * A cycle of ordering is named whole, and broken at its weakest edge with a warning.
 *
 * An instance of a template is a unit when a file or TEXT_INSTANCE has its name, when any key of a unit in the set
 * names it, or when [Install] of the template installs it by DefaultInstance=.
 * Without facts a specifier of the host is a fault.
 */
void unit_set_build(struct unit_set *set, const struct unit_text *texts, size_t n);
void unit_set_build_on(struct unit_set *set, const struct unit_text *texts, size_t n,
	const struct specifier_facts *facts);
void unit_set_free(struct unit_set *set);
/*
 * Index of the unit that has this name or alias, or -1. `unit_set_find_loose` also takes "web": the container or service of that stem, or else
 * the one unit that has it; -1 when several have.
 */
int unit_set_find(const struct unit_set *set, const char *name);
int unit_set_find_loose(const struct unit_set *set, const char *name);
/*
 * The full name of an instance that could be made by that name, found as unit_set_find_loose finds a unit: "worker@1" is
 * "worker@1.container". 0, or -1 with the reason in why: no template, no instance given, not a name.
 */
int unit_set_instance(const struct unit_set *set, const char *name, char full[UNIT_NAME_MAX],
	char *why, size_t why_size);

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
