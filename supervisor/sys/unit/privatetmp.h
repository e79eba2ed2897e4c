/*
 * PrivateTmp=: a file system in memory for each unit that asks for it, mounted on the host where only root comes, so that all
 * processes of the unit share it and the next supervisor finds it. It ends with the unit.
 */
#ifndef SYS_PRIVATETMP_H
#define SYS_PRIVATETMP_H

#include "common/err.h"
#include "supervisor/core/arena.h"

/* Makes it unless it is there; *path, in the arena, has the folders tmp and var-tmp. */
int private_tmp_make(const char *unit, struct arena *a, const char **path, struct err *e);
/* Nothing when there is none. */
void private_tmp_release(const char *unit);

#endif
