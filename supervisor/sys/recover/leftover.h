/*
 * What an earlier supervisor left and no unit of the set in force has: ended and taken away, so that nothing runs twice
 * and nothing is lost sight of. Inside of sys/recover/adopt.c.
 */
#ifndef SYS_LEFTOVER_H
#define SYS_LEFTOVER_H

#include "common/roster.h"

#include <stddef.h>

struct supervisor;

/* So many slots of the roster can have been used. */
size_t roster_used(const struct supervisor *s);
/* Its process is killed; leftovers() waits for the end and frees it. */
void leftover_slot(struct supervisor *s, struct roster_slot *slot);
/* Cgroups, interfaces, mounted images and files of units that hold nothing. Blocks until what was killed is gone, 10 s at most. */
void leftovers(struct supervisor *s);
/* A moment, for what another process is about to do. */
void breathe(void);

#endif
