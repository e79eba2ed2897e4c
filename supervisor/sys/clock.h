/* The clocks: BOOTTIME decides (it goes on in suspend and never jumps), REALTIME is only shown. */
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

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

static inline uint64_t wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

#endif
