/*
 * Measuring a start: from before it is asked for to the first instruction of the program, which writes the time by the
 * same clock into a pipe. Nanoseconds, one number a line.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t bench_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Waits for bench/first at the other end and prints how long after `began` it was there. */
static inline void bench_arrived(int pipe, uint64_t began)
{
	uint64_t first;

	if (read(pipe, &first, sizeof(first)) != (ssize_t)sizeof(first)) {
		(void)fprintf(stderr, "the program did not start\n");
		exit(1);
	}
	(void)printf("%llu\n", (unsigned long long)(first - began));
}

#endif
