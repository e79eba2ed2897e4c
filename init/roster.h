/*
 * init's side of the roster (common/roster.h): made once, lives as long as init, trusted in nothing.
 */
#ifndef INIT_ROSTER_H
#define INIT_ROSTER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/roster.h"

#define ROSTER_NONE SIZE_MAX

struct init;

struct roster_map {
	int fd; /* -1 until made */
	struct roster *at;
};

/* Makes it unless it is there. -1 with errno; may be tried again. */
int roster_make(struct roster_map *m);

/* Takes over the one that init had before its re-execution; without it, one is made later. */
void roster_resume(struct init *init);

/* Writes the header, for one more life of the supervisor; the last one may have scribbled on it. */
void roster_sign(struct roster_map *m);

/* How many slots can have been used: those before the last page anyone ever wrote. */
size_t roster_used(const struct roster_map *m);

/* The LIVE slot of that process among from..end-1, or ROSTER_NONE. */
size_t roster_find(const struct roster_map *m, size_t from, size_t end, pid_t pid);

/* Writes how the process of the slot ended. A slot that is no longer LIVE is left alone. */
void roster_exited(struct roster_map *m, size_t slot, int status, uint64_t now_ns);

void roster_count_orphan(struct roster_map *m);

/* The wait(2) status of the supervisor, for the next one: did it end by a fault of its own? */
void roster_supervisor_ended(struct roster_map *m, int status);

#endif
