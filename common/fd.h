/*
 * One owner per descriptor. -1 means "none" everywhere; closing sets -1; taking moves.
 */
#ifndef COMMON_FD_H
#define COMMON_FD_H

#include <errno.h>
#include <unistd.h>

#define cleanup_fd __attribute__((cleanup(fd_close)))

/* Closes *fd if there is one and leaves -1. Keeps errno, so that an error path may use it. */
static inline void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

/* Moves the descriptor out of *fd: the caller owns it now. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
