/*
 * The clocks. MONOTONIC decides: it never jumps, and it stands still while the machine sleeps, so that an hour of suspend
 * is no hour in which a service has not fed its watchdog, not come up, not answered (systemd counts so, too).
 * REALTIME is shown and is what calendars go by. BOOTTIME tells only that the machine has slept.
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include "common/util.h"

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t); /* cannot fail with these clocks */
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / NSEC_PER_USEC;
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static inline uint64_t wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

#endif
