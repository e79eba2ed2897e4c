/*
 * What follows the end of a service: restart or not, after which delay, and whether one more start is within the
 * limit. The table is that of systemd.service(5), the limit that of systemd.unit(5).
 */
#ifndef CORE_RESTART_H
#define CORE_RESTART_H

#include "supervisor/core/engine/cause.h"

/* Not asked when the operator stopped it: that never restarts. */
bool restart_wanted(const struct service_section *s, const struct cause *cause);
/*
 * The delay before automatic restart number n (from 1): RestartSec= for the first, growing by the same
 * factor each time so that number RestartSteps= + 1 waits RestartMaxDelaySec=, and staying there.
 */
uint64_t restart_delay(const struct service_section *s, uint32_t n);

struct start_count { /* starts in the window that is open */
	uint64_t begin;
	uint32_t n;
};

/* Counts a start at `now`; false when it is over StartLimitBurst= in StartLimitIntervalSec=. */
bool restart_count(struct start_count *count, const struct unit_section *u, uint64_t now);

#endif
