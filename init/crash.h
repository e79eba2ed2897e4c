/*
 * init survives its own crash: it executes itself anew, with its state (state.h) and every descriptor it holds. PID,
 * children and the supervisor stay.
 *
 * A signal that somebody sent is served when the loop has done what it is at; a fault at once. CRASH_MAX faults
 * within CRASH_WINDOW_NS are a loop, and end as sup.crash= says. A fault in the handling of one is tried without
 * words (the next process image says it), then ends the same way, and at last in a bare reboot: nothing here is endless.
 */
#ifndef INIT_CRASH_H
#define INIT_CRASH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/fault.h"

struct init;

#define CRASH_MAX 10
#define CRASH_WINDOW_NS (60 * NSEC_PER_SEC)

/* What is counted. A part of the state of init (state.h). */
struct crash {
	unsigned int crashes;      /* of any kind, since the machine started */
	unsigned int faults;       /* those that nobody sent, since the last rescue */
	uint64_t at_ns[CRASH_MAX]; /* of the last faults: fault n is at n % CRASH_MAX */
	unsigned int said;         /* the last one of which the words came out */
	int signo;                 /* of the last one */
};

/* A signal that was sent. */
struct crash_sent {
	int signo; /* 0: none */
	pid_t by;
	uint64_t at_ns;
};

/* From here on a fault is survived; as long as f->data is not the init, it at least ends in words. */
void crash_open(struct fault *f, char *name);

/* Says of the crash before what could not be said when it happened. */
void crash_resume(struct init *init);

/* Serves a signal that was sent. */
void crash_turn(struct init *init);

#endif
