/*
 * All that init knows. One instance, in main(); its big tables are untouched memory until used.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <stdbool.h>

#include "init/console.h"
#include "init/hold.h"
#include "init/request.h"
#include "init/roster.h"
#include "init/supervise.h"
#include "init/watchdog.h"
#include "init/wire.h"
#include "init/words.h"

struct init {
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
