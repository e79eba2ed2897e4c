/*
 * What init is told for the hardware watchdog: how long, and how the machine is. It is ill when a critical unit has
 * failed for good, and that only from RebootMinUptimeSec= on, so that a broken appliance does not reset all the time.
 */
#ifndef SYS_PULSE_H
#define SYS_PULSE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct supervisor;

struct pulse {
	uv_timer_t timer;
	bool open;
	bool has_critical;
	bool failed;   /* a critical unit has, and that was said */
	bool ill;      /* ... and init knows */
	uint64_t told; /* the last time init was told; 0: never */
	uint64_t looked_at;
};

void pulse_open(struct supervisor *s);
/* sup.conf or the units may have changed. */
void pulse_configure(struct supervisor *s);
/* Something may have changed. */
void pulse_look(struct supervisor *s);

#endif
