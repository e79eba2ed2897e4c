/*
 * From clone3 to exec: one table of named steps. The child has a copy of the supervisor's memory and one thread;
 * it must not allocate, use stdio, take a lock, log or return. A step that fails fills the fault with errno and
 * the object; child_main writes one record to the report pipe and ends.
 *
 * Calls of libc that keep a copy of the thread id or take a lock (raise, abort, sigaction, setuid, setrlimit) are made as
 * raw system calls: clone3 refreshes nothing of what libc remembers.
 */
#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include "common/report.h"
#include "supervisor/core/plan/passwd.h"
#include "supervisor/core/plan/plan.h"

#define CHILD_EXIT_FAULT 125 /* a step failed: the report says which */

/* Descriptors that the parent made for this start; -1: none. All close-on-exec but those that become 0, 1, 2. */
struct child_fds {
	int go; /* one byte before anything else, one when all is mounted; end of file: the supervisor died, leave */
	int report; /* write end of the report pipe */
	int in, out, err;
	int netns;    /* the unit's network namespace */
	int userns;   /* ... its user namespace, or that of the container that is joined */
	int init;     /* sealed memfd of init */
	int join;     /* exec: pidfd of the container's PID 1 */
	int notify;   /* write end of the pipe of NotifyFD= */
	int terminal; /* exec with a terminal: a socket over which the pty's master goes back */
};

struct fault {
	int no; /* errno; 0: the object is the whole message */
	char object[REPORT_OBJECT_MAX];
};

struct child {
	const struct plan *plan;
	_Atomic uint16_t *begun; /* of its slot in the roster */
	struct child_fds fd;
	int root; /* O_PATH of the new root once it is mounted, -1 before */
	int empty; /* an empty read-only tmpfs that masks folders, shared by them; -1: not made yet */
	int secrets; /* the file system of secrets, writable and mounted nowhere; -1: none or complete */
	int secret[PLAN_SECRETS_MAX]; /* clones of its parts, one for each OP_SECRET of the plan */
	int tty; /* becomes 0, 1, 2 or some of them: the slave of the new terminal, or the plan's tty; -1 */
	int passed[PASSED_FDS_MAX]; /* of the plan: numbers change until they are 3, 4, ... */
	struct identity id;         /* since the step "user" */
	int filter; /* the program that the container's init loads for its command, as a file; -1: none */
};

struct step {
	const char *name;
	int (*run)(struct child *c, struct fault *f);
};

extern const struct step child_steps[];
extern const size_t n_child_steps;

/* The name of the step in a report, REPORT_STEP_EXEC included. */
const char *child_step_name(uint16_t step);

/* Before clone3: a child with all descriptors "none". */
void child_init(struct child *c, const struct plan *plan);
_Noreturn void child_main(struct child *c);

#endif
