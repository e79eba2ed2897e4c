/* The one clock of init: CLOCK_MONOTONIC, which no one can set and which counts no sleep of the machine. */
#ifndef INIT_CLOCK_H
#define INIT_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "common/util.h"

#define CLOCK_NEVER UINT64_MAX

static inline uint64_t clock_now_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* What is left until the instant, as ppoll(2) and sigtimedwait(2) want it; zero once it is past. */
static inline struct timespec clock_until(uint64_t instant_ns, uint64_t now_ns)
{
	uint64_t left = instant_ns > now_ns ? instant_ns - now_ns : 0;
	struct timespec ts = { .tv_sec = (time_t)(left / NSEC_PER_SEC),
		.tv_nsec = (long)(left % NSEC_PER_SEC) };

	return ts;
}

#endif
