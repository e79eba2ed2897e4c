/*
 * One way to start any process of a unit: cgroup, descriptors, roster slot, clone3, go.
 *
 * The child becomes a child of init (CLONE_PARENT), is in its cgroup from its first instruction
 * (CLONE_INTO_CGROUP) and waits on the go pipe until the roster names it.
 */
#ifndef SYS_LAUNCH_H
#define SYS_LAUNCH_H

#include "common/err.h"
#include "common/roster.h"
#include "supervisor/child/child.h"

struct launcher {		/* made once: what all starts share */
	struct roster *roster;
	int init_fd;		/* sealed memfd copy of init, see launcher_open */
	int stage_fd;		/* O_PATH of PATH_STAGE */
	int cgroup_fd;		/* O_PATH of PATH_CGROUP_UNITS, -1: no cgroup v2 */
};

/* What the caller gets back and owns. */
struct launched {
	int32_t pid;
	uint32_t slot;		/* in the roster */
	int pidfd;
	int report;		/* read end, non-blocking */
};

/* What the caller gives; it keeps its ownership (launch duplicates nothing, the child has its own copies). */
struct launch_io {
	int in, out, err;	/* -1: /dev/null */
	int netns;
	int join;		/* pidfd of the container to enter */
	int terminal;		/* socket for the pty's master, or -1 */
};

int launcher_open(struct launcher *l, struct roster *roster, struct err *e);
int launch(struct launcher *l, const struct plan *plan, const struct launch_io *io,
	   struct launched *out, struct err *e);

#endif
