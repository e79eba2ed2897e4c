/*
 * The handler of the signals that tell a program of its own fault, on a stack of its own. What is to be done is the
 * caller's; here it is told apart whether the fault is ours or the signal was sent, and whose process it is.
 */
#ifndef INIT_FAULT_H
#define INIT_FAULT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/text.h"

/* A few signal frames of a machine with big vector registers, and a spawn(). Untouched until used. */
#define FAULT_STACK 65536

struct fault;

/* Both run in the handler: system calls only, on memory that may be in any state. */
struct fault_calls {
	/* A fault of ours. When it returns the instruction is tried again. */
	void (*ours)(struct fault *f, const siginfo_t *info, uint64_t pc);
	/* Another process sent it. */
	void (*sent)(struct fault *f, const siginfo_t *info);
};

/*
 * What the handler knows. It lies at the low end of the alternate stack, because the kernel tells a handler
 * where that is: so it needs no global.
 */
struct fault {
	const struct fault_calls *calls;
	void *data;         /* the caller's; NULL as long as there is nothing yet */
	char *name;         /* argv[0] */
	pid_t self;         /* a child that has not executed its program yet is another */
	unsigned int depth; /* faults of ours that were begun to be handled */
	_Alignas(16) char stack[FAULT_STACK];
};

/* From here on the calls are made. */
void fault_open(struct fault *f, char *name, const struct fault_calls *calls);

/* "at PLACE, address ADDRESS", the place as addr2line(1) wants it. */
void fault_add(struct text *t, const siginfo_t *info, uint64_t pc);

#endif
