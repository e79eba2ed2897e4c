/* Waiting for a path to exist, in a process that has nothing else to do. */
#ifndef SYS_WAITPATH_H
#define SYS_WAITPATH_H

#include "common/err.h"

/* Returns when it is there, or -1 after so many milliseconds (-1: never), or at SIGTERM. */
int wait_for_path(const char *path, int wait_ms, struct err *e);

#endif
