/*
 * sup.var=DEVICE[:TYPE] of the kernel command line: a disk for /var, where volumes, logs and the record of boots are
 * to outlive the power. Mounted before the supervisor starts, since the supervisor reads there how the boots before
 * this one went.
 */
#ifndef INIT_VAR_H
#define INIT_VAR_H

#include "init/console.h"

/* Waits a little for a disk that shows up late, and for the mount of one that is slow; then goes on without. */
void var_mount(const char *word, const struct console *c);

#endif
