/*
 * What a unit with Learn=yes was seen to use, as lines of its file. Pure: the histograms come from sys/, as the kernel
 * prints them (Documentation/trace/histogram.rst).
 */
#ifndef CORE_LEARNED_H
#define CORE_LEARNED_H

#include "supervisor/core/plan/plan.h"
#include "supervisor/core/seccomp/calls.h"

#define LEARNED_WORDS (CALLS_MAX / 64)

struct learned {
	uint64_t calls[LEARNED_WORDS]; /* a bit each */
	uint64_t capabilities;   /* that were asked for; learned_lines leaves those that it had */
	bool knows_capabilities; /* else nothing is said of them */
	uint64_t lost;           /* events that the kernel had no room for */
};

/*
 * Sets the bits below `most` of the numbers that a histogram with one key has counted: lines "{ id:   59 } hitcount:   2".
 * Any other line is passed over, but the one of what was dropped, which is returned.
 */
uint64_t learned_take(uint64_t *set, unsigned int most, const char *histogram);

/* What its process could do at most, of what was asked for. */
uint64_t learned_capabilities(const struct learned *l, const struct plan *p);
/*
 * The lines, sections included, that leave a unit what it used. A group stands for its members where at least half of them
 * were used; what @default has is always allowed and left out.
 */
struct strv learned_lines(const struct learned *l, const struct plan *p, struct arena *a);
/* The names of the calls, each; without those that this build has no name for. */
struct strv learned_names(const struct learned *l, struct arena *a);

#endif
