/*
 * From clone3 to exec: one table of named steps. The child has a copy of the supervisor's memory and one thread;
 * it must not allocate, use stdio, take a lock, log or return. A step that fails fills the fault with errno and
 * the object; child_main writes one record to the report pipe and ends.
 */
#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include "common/report.h"
#include "supervisor/core/plan.h"

/* Descriptors that the parent made for this start; -1: none. All close-on-exec but those that become 0, 1, 2. */
struct child_fds {
	int go;		/* read one byte before anything else; end of file: the supervisor died, leave */
	int report;	/* write end of the report pipe */
	int in, out, err;
	int netns;	/* the unit's network namespace */
	int init;	/* sealed memfd of init */
	int stage;	/* O_PATH of an empty host folder where the new root is mounted */
	int join;	/* exec: pidfd of the container's PID 1 */
	int cgroup;	/* exec and old kernels: O_PATH of its cgroup, when CLONE_INTO_CGROUP is not used */
	int terminal;	/* exec with a terminal: a socket over which the pty's master goes back */
};

struct fault {
	int no;
	char object[REPORT_OBJECT_MAX];
};

struct child {
	const struct plan *plan;
	struct child_fds fd;
	int root;	/* O_PATH of the new root, once there is one */
	/* scratch of the steps, never of the parent */
};

struct step {
	const char *name;
	int (*run)(struct child *c, struct fault *f);
};

extern const struct step child_steps[];
extern const size_t n_child_steps;

/* The name of the step in a report, REPORT_STEP_EXEC included. */
const char *child_step_name(uint16_t step);

_Noreturn void child_main(struct child *c);

#endif
