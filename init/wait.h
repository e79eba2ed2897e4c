/* What has ended, looked at before it is reaped: a crash in between finds it once more. */
#ifndef INIT_WAIT_H
#define INIT_WAIT_H

#include <errno.h>
#include <sys/types.h>
#include <sys/wait.h>

#define WAIT_CORE 0x80 /* of a wait(2) status; not every libc names it */

/* The wait(2) status that waitid(2) tells in two numbers. */
static inline int wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_status | (info->si_code == CLD_DUMPED ? WAIT_CORE : 0);
}

/* The next child that has ended, still a zombie, and its wait(2) status; 0: none, -1: there are no children. */
static inline pid_t wait_peek(int *status)
{
	siginfo_t info = { 0 };

	/* the signal that said so is taken: for an end that is not seen now nobody calls again */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		if (errno != EINTR)
			return -1;
	*status = wait_status(&info);
	return info.si_pid;
}

/* Is it a child of ours, be it as a zombie? */
static inline int wait_is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 1 &&
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

#endif
