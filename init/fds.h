/* close_range(2), which not every libc has a function for. */
#ifndef INIT_FDS_H
#define INIT_FDS_H

#include <sys/syscall.h>
#include <unistd.h>

#include <linux/close_range.h>

/* Linux 5.9; before, ENOSYS, and what was inherited open stays open as in any program. */
static inline void fds_close_from(unsigned int first)
{
	(void)syscall(SYS_close_range, first, ~0U, 0);
}

/* Linux 5.11. */
static inline void fds_close_on_exec_from(unsigned int first)
{
	(void)syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);
}

#endif
