/*
 * init executes itself, or its successor, and keeps all that it holds. Called by the handler of a crash, too: system
 * calls only.
 */
#ifndef INIT_REEXEC_H
#define INIT_REEXEC_H

#include <stdbool.h>

struct init;

#define REEXEC_OPTION "--resume="

/* Asked for over the wire: what is still to be done. */
struct reexec {
	bool wanted;
};

/* The program that runs. Returns only when that failed, with errno, and nothing is changed. */
void reexec_same(struct init *init);

/* Executes the file at init's path when that was asked for; one that is no good is said, and init goes on. */
void reexec_turn(struct init *init);

#endif
