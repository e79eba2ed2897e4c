/*
 * Descriptors that outlive the supervisor, each under a name. A fixed table; a slot never moves, so a
 * reader may walk it by index while others come and go.
 */
#ifndef INIT_HOLD_H
#define INIT_HOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/wire.h"

#define HOLD_MAX 8192

struct init;

/* Both are parts of the state of init (state.h). */
struct held {
	char name[WIRE_NAME_MAX]; /* "" for a free slot */
	int fd;
};

struct hold {
	size_t used; /* slots from here on were never used: their memory is untouched */
	bool full_said;
	struct held slot[HOLD_MAX];
};

/* Takes ownership of fd. One of the same name is closed and replaced. -1: the table is full, fd is closed. */
int hold_put(struct hold *h, const char *name, int fd);

/* Takes over those that init held before its re-execution; an entry that cannot be believed is lost alone. */
void hold_resume(struct init *init);

/* Closes it; an unknown name is fine. */
void hold_drop(struct hold *h, const char *name);

/* The first held descriptor at index *at or after, *at set to its index; NULL past the last. */
const struct held *hold_next(const struct hold *h, size_t *at);

#endif
