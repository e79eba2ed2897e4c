/*
 * The top of the cgroup tree: /init holds init and supervisor, /sup the units, and both the root and
 * /sup hand every controller down. What fails is said on a device and left to the supervisor, which
 * reports it for each unit that needs it.
 */
#ifndef INIT_CGROUPS_H
#define INIT_CGROUPS_H

#include "init/console.h"

void cgroups_make(const struct console *c);

#endif
