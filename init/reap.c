#include "init/reap.h"

#include <stdint.h>
#include <sys/wait.h>

#include "init/clock.h"
#include "init/init.h"

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

void reap_all(struct init *init)
{
	size_t used = 0;
	pid_t pid;

	while ((pid = peek()) > 0) {
		size_t slot = find(&init->roster, pid, &used);
		int status;

		if (waitpid(pid, &status, WNOHANG | __WALL) != pid)
			return;
		if (supervise_reaped(init, pid, status, clock_now_ns()))
			continue;
		if (slot == ROSTER_NONE) {
			roster_count_orphan(&init->roster);
			continue;
		}
		roster_exited(&init->roster, slot, status, clock_now_ns());
		init->wire.poke = true;
	}
}
