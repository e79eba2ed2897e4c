/* Loop devices: a file as a disk. */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H

#include "common/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define LOOP_NAME_MAX 32

/*
 * A loop device on the file (LOOP_CONFIGURE, Linux 5.8): an open descriptor, and its name in `device`. It frees itself
 * when the descriptor is closed and the last mount of it is gone.
 */
int loop_open(const char *path, bool writable, char device[LOOP_NAME_MAX], struct err *e);
/* The file that is on the loop device; false when it is none. */
bool loop_file(dev_t device, char *path, size_t size);

#endif
