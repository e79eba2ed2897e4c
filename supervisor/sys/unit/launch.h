/*
 * One way to start any process of a unit: cgroup, descriptors, roster slot, clone3, go.
 *
 * The child becomes a child of init (CLONE_PARENT), is in its cgroup from its first instruction
 * (CLONE_INTO_CGROUP) and waits on the go pipe twice: until the roster names it, and, when its mounts are made, for
 * launch_go(): what is done between goes on beside them. The caller must ignore SIGPIPE, and must not be PID 1 of a PID namespace:
 * the kernel refuses CLONE_PARENT there (EINVAL).
 */
#ifndef SYS_LAUNCH_H
#define SYS_LAUNCH_H

#include "common/err.h"
#include "common/roster.h"
#include "supervisor/child/child.h"
#include "supervisor/sys/unit/devices.h"

struct launcher { /* made once: what all starts share */
	struct roster *roster;
	int init_fd;   /* sealed memfd copy of init, see launcher_open */
	int cgroup_fd; /* O_PATH of PATH_CGROUP_UNITS, -1: no cgroup v2 */
	/* Keeps the read end of the report pipe for who comes after us, or says in e why not; NULL: nobody does. */
	void (*hold)(void *data, uint32_t slot, int report, struct err *e);
	void *data;
	struct device_cache devices;
	int pid_ns; /* our own, to come back to after a start in a container's; -1 until the first one */
};

/* What the caller gets back and owns. */
struct launched {
	int32_t pid;
	uint32_t slot; /* in the roster */
	int pidfd;
	int report; /* read end, non-blocking */
	int go; /* for launch_go(); closed without it, the process ends before it has done anything */
};

/* What the caller gives; it keeps its ownership (launch duplicates nothing, the child has its own copies). */
struct launch_io {
	int in, out, err; /* -1: /dev/null */
	int netns;
	int userns;   /* that of the plan, or of the container to enter */
	int join;     /* pidfd of the container to enter */
	int notify;   /* write end of the pipe of NotifyFD= */
	int terminal; /* socket for the pty's master, or -1 */
};

/*
 * `init`: path of the program that becomes PID 1 of containers; it is copied, so that no container can reach the file.
 * Without cgroup v2 it succeeds with cgroup_fd -1. On success e->msg is "" or a warning for the operator.
 */
int launcher_open(struct launcher *l, struct roster *roster, const char *init, struct err *e);
void launcher_close(struct launcher *l);

/*
 * Starts it. 0: it is in the roster; whether it came to exec is told by the report pipe. e->msg is then "" or a warning
 * (a limit that this kernel lacks and the unit can do without). -1: nothing is left but the unit's cgroup.
 */
int launch(struct launcher *l, const struct plan *plan, const struct launch_io *io,
	struct launched *out, struct err *e);
void launch_go(struct launcher *l, struct launched *run);

#endif
