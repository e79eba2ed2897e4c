#include "init/reap.h"

#include <stdint.h>

#include "init/clock.h"
#include "init/init.h"
#include "init/wait.h"

#define ENDED_A_TURN 1024

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

/*
 * Its pid cannot be used again yet, and after this nothing can be lost: the roster tells it, or the supervisor's end is
 * acted upon. False: it is nobody's.
 */
static bool record(struct init *init, pid_t pid, int status, size_t *used)
{
	size_t slot;

	if (supervise_reaped(init, pid, status, clock_now_ns()))
		return true;
	slot = find(&init->roster, pid, used);
	if (slot == ROSTER_NONE)
		return false;
	roster_exited(&init->roster, slot, status, clock_now_ns());
	init->wire.poke = true;
	return true;
}

bool reap_ended(struct init *init)
{
	size_t used = 0;

	for (int i = 0; i < ENDED_A_TURN; i++) {
		int status = 0;
		pid_t pid = wait_peek(&status);
		bool known;

		if (pid <= 0)
			return false;
		known = record(init, pid, status, &used);
		(void)waitpid(pid, NULL, WNOHANG | __WALL);
		if (!known)
			roster_count_orphan(&init->roster);
	}
	return true;
}
