#include "init/reap.h"

#include <stdint.h>
#include <sys/wait.h>

#include "init/clock.h"
#include "init/init.h"

#define ENDED_A_TURN 1024

/* The next that has ended, still unreaped: its pid cannot be used again until we have looked it up. */
static pid_t peek(void)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return 0;
	return info.si_pid;
}

/* *used is what was known at the last look; slots may have come since. */
static size_t find(const struct roster_map *m, pid_t pid, size_t *used)
{
	size_t slot = roster_find(m, 0, *used, pid);
	size_t before = *used;

	if (slot != ROSTER_NONE)
		return slot;
	*used = roster_used(m);
	return roster_find(m, before, *used, pid);
}

bool reap_ended(struct init *init)
{
	size_t used = 0;

	for (int i = 0; i < ENDED_A_TURN; i++) {
		pid_t pid = peek();
		size_t slot;
		int status;

		if (pid <= 0)
			return false;
		slot = find(&init->roster, pid, &used);
		/* It is there, so this is a failure that passes: look again. */
		if (waitpid(pid, &status, WNOHANG | __WALL) != pid)
			continue;
		if (supervise_reaped(init, pid, status, clock_now_ns()))
			continue;
		if (slot == ROSTER_NONE) {
			roster_count_orphan(&init->roster);
			continue;
		}
		roster_exited(&init->roster, slot, status, clock_now_ns());
		init->wire.poke = true;
	}
	return true;
}
