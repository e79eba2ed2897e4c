/*
 * All that init knows. One instance, in shared memory (state.h says which parts outlive a crash); its big tables
 * are untouched memory until used.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <stdbool.h>

#include "init/console.h"
#include "init/crash.h"
#include "init/hold.h"
#include "init/reexec.h"
#include "init/request.h"
#include "init/roster.h"
#include "init/state.h"
#include "init/supervise.h"
#include "init/watchdog.h"
#include "init/wire.h"
#include "init/words.h"

struct init {
	struct state_head head;
	struct state_head before; /* of the state that is taken over ... */
	int before_fd;            /* ... in here; -1: there is none, or it is done */
	bool lost;                /* there was one, and it cannot be read */
	int state_fd;             /* what all this lies in; -1: plain memory */
	char *name;               /* argv[0] */
	struct self self;
	struct crash crash;
	volatile struct crash_sent sent; /* written by the handler of a signal */
	struct reexec reexec;
	bool container; /* PID 1 of a container: the machine is not ours to end */
	int signal_fd;  /* only polled; -1: none, the loop looks every second */
	struct console console;
	struct words words;
	struct roster_map roster;
	struct supervise supervise;
	struct wire wire;
	struct request request;
	struct watchdog watchdog;
	struct hold hold;
};

#endif
