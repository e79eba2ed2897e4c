/*
 * What must hold whatever happens: invariants of the engine, for the simulation and the exhaustion alike.
 *
 * The engine calls its rules through the table `rules`. In the programs of this folder that table is our own
 * (checker.c): each cell counts, checks what must hold at that very moment, and calls the cell of the real table. So a
 * new state or event is covered as soon as it stands in rules.c. The checker is found through engine_facts.data.
 */
#ifndef TESTS_SIM_CHECKER_H
#define TESTS_SIM_CHECKER_H

#include "supervisor/core/engine/engine_run.h"

struct checker {
	uint64_t cells[ST_COUNT][EV_COUNT]; /* how often each rule was called */
	uint64_t rules_called;
	char fault[400]; /* the first thing that was wrong; empty: nothing */
	uint32_t unmet;  /* conditions: which of them do not hold, by the hash of their text */
	/* A unit began a run: it is over its limits and conditions. May be NULL. */
	void (*begun)(void *data, uint32_t u);
	/* ... it has done what it was started for: it is up, or was a oneshot. May be NULL. */
	void (*arrived)(void *data, uint32_t u);
	void *data;
};

/* The real table of rules.c, under the name that the build gives it here. */
extern rule_fn *const engine_rules[ST_COUNT][EV_COUNT];

/* Only the first fault is kept: the others follow from it. */
void checker_fault(struct checker *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void checker_attach(struct checker *c, struct engine *e);
/* To be called when all actions were taken. */
void checker_unit(struct checker *c, const struct engine *e, uint32_t u);
void checker_engine(struct checker *c, const struct engine *e);

#endif
