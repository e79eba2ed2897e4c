/*
 * explore: the engine in all orders of events, breadth-first over hashed states of a few units.
 *
 *   explore.c   the families of sets, one after the other, and what is printed of them
 *   shapes.c    the unit files of each set
 *   world.c     what may happen in a state, and what then becomes of the processes
 *   space.c     states kept, hashed and walked through
 *   endings.c   from each state everything comes down again, in good and in bad worlds
 */
#ifndef TESTS_SIM_EXPLORE_H
#define TESTS_SIM_EXPLORE_H

#include "tests/sim/checker.h"

#define OWN_MAX 4   /* units with a file of ours */
#define UNITS_MAX 6 /* ... and the targets that every set has */
/* Times are near it and nothing else is, so that they can be kept relative to now wherever they stand. */
#define BEGIN (UINT64_C(1) << 50)

/* What the world has of a unit. */
struct actor {
	bool asked[ROLE_COUNT], live[ROLE_COUNT];
	bool execed[ROLE_COUNT];
	bool died;    /* a word of the dead one, or of its death, may still be on its way */
	bool watched; /* a socket: somebody may come */
	uint8_t setups;
};

/* Groups of events; a set says which of them happen in it. */
enum { EVENTS_BASIC = 1, EVENTS_WORDS = 2, EVENTS_DEATH = 4, EVENTS_MACHINE = 8 };

enum who { WHO_MAIN, WHO_HELPER, WHO_CHECK, WHO_NOBODY };

struct choice {
	int kind; /* enum event_kind, DO_SHUTDOWN, DO_SWAP */
	enum who who;
	int32_t value; /* status, or enum word */
	uint32_t events;
};

struct snapshot {
	struct engine engine;
	uint32_t heap[UNITS_MAX];
	struct actor actors[UNITS_MAX];
	uint32_t from; /* the state before, and what happened in it; NULL: none */
	uint32_t unit;
	const struct choice *choice;
	struct life life[UNITS_MAX]; /* last: only as many are kept as there are */
};

struct explorer {
	struct unit_set sets[2]; /* a reload changes from one to the other */
	struct engine *engine;
	struct checker checker;
	struct actor actors[UNITS_MAX];
	uint64_t *table, *classes; /* hashes of what was seen; 0: free */
	struct snapshot *list;     /* in the order in which they were found */
	uint32_t own[OWN_MAX], n_own;
	uint32_t n_list, room; /* room: so many states in one set */
	uint32_t events;
	uint32_t killed; /* bits of units: ACT_KILL or SIGKILL came */
	uint32_t been;   /* ... it was down since the command */
	uint64_t states, transitions, endings;
	uint32_t depth, closed, longest; /* longest: steps until all was down */
};

/* ---- shapes.c */
struct pages {
	uint32_t n;
	struct page {
		const char *name;
		char text[512];
	} v[OWN_MAX];
};

struct shapes {
	const char *name;
	uint32_t n;      /* sets */
	uint32_t states; /* in each, at most */
	uint32_t events;
	void (*make)(uint32_t variant, struct pages *pages);
};

extern const struct shapes families[];
extern const size_t n_families;

/* ---- world.c */
extern const struct choice choices[];
extern const size_t n_choices;
bool world_can(const struct explorer *x, uint32_t u, const struct choice *c);
void world_does(struct explorer *x, uint32_t u, const struct choice *c);
void world_event(struct explorer *x, uint32_t u, enum event_kind kind, enum role role,
	int32_t status);
void world_take_actions(struct explorer *x);
void world_print(const struct explorer *x, uint32_t u, const struct choice *c);

/* ---- space.c */
void space_explore(struct explorer *x, uint32_t depth);
void space_restore(struct explorer *x, const struct snapshot *s);
/* Far beyond what breadth allows: by chance, from the beginning. */
void space_wander(struct explorer *x);
/* How the state of this number was reached. */
void space_print_way(const struct explorer *x, uint32_t at);

/* ---- endings.c: from the state of this number */
void endings_check(struct explorer *x, uint32_t at);
/* The other end: all are started, and all goes well. */
void endings_raise(struct explorer *x);

#endif
