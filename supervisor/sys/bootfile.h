/* The record of boots on disk: the one that outlives a reboot, and its copy that outlives the supervisor. */
#ifndef SYS_BOOTFILE_H
#define SYS_BOOTFILE_H

#include "common/err.h"
#include "supervisor/core/engine/bootcount.h"

/* 0; 1: there is none; -1: it cannot be read, or is none. *c is valid in any case. */
int bootfile_read(const char *folder, struct boot_count *c, struct err *e);
/* Whole or not at all, whatever happens to the machine meanwhile. */
int bootfile_write(const char *folder, const struct boot_count *c, struct err *e);
/* True when the folder is in memory, so that a reboot forgets it. */
bool bootfile_is_volatile(const char *folder);
/* sup.safe= of the kernel's command line: 1, 0, or -1 when it is not there. */
int boot_asked_safe(void);

#endif
