/* The last use of the disks. */
#ifndef INIT_UNMOUNT_H
#define INIT_UNMOUNT_H

#include "init/console.h"

/*
 * Unmounts every file system that has something to lose, the youngest first; what is in use is made
 * read-only instead, and said when that fails too.
 */
void unmount_all(const struct console *c);

#endif
