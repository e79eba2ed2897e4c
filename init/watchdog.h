/*
 * The hardware watchdog: a device that resets the machine when it was not fed for some time. init feeds it, so that it
 * outlives the supervisor, and only while all of this holds:
 *
 *   - the loop of init turns;
 *   - the supervisor has not said that a critical unit failed for good (WIRE_HEALTH);
 *   - a supervisor that has promised to say how the machine is keeps its promise. One that ends is started again,
 *     within the bounds of supervise.h; that is no reason to starve.
 *
 * How long, and which device, is told by sup.watchdog= of the kernel command line or, where that is silent, by the
 * supervisor (WIRE_WATCHDOG). No device: nothing happens.
 */
#ifndef INIT_WATCHDOG_H
#define INIT_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "init/console.h"

struct init;

/* A part of the state of init (state.h). */
struct watchdog {
	int fd;               /* -1: none is open */
	int runtime_s;        /* 0: off */
	int reboot_s;         /* while the machine goes down for a reboot; 0: off */
	bool ill;             /* the supervisor says so ... */
	uint64_t promised_ns; /* it says so again until then; CLOCK_NEVER: no promise */
	bool starves;         /* said that it is not fed */
	uint64_t feed_ns;     /* the next time */
	char device[WIRE_NAME_MAX];
};

void watchdog_boot(struct init *init);
/* Goes on with the device and the times from before init's re-execution. */
void watchdog_resume(struct init *init);
/* What the supervisor says. */
void watchdog_configure(struct init *init, const struct wire_msg *msg);
void watchdog_told(struct init *init, const struct wire_msg *msg, uint64_t now_ns);
/* A supervisor has ended: the next one has not said anything yet. */
void watchdog_supervisor_gone(struct init *init);

/* Feeds, when it is time and there is no reason not to. */
void watchdog_turn(struct init *init, uint64_t now_ns);
/* The instant of the next turn, CLOCK_NEVER when there is no watchdog. */
uint64_t watchdog_due(const struct init *init);

/* The machine goes down: from here on it is fed by watchdog_feed() alone. */
void watchdog_end(struct init *init);
void watchdog_feed(struct init *init);
/* The machine is to stay off: lets go of it, as far as the driver allows. */
void watchdog_release(struct init *init);

#endif
