/*
 * LogRateLimitIntervalSec= and LogRateLimitBurst=, pure: how many more records of a service may be kept now. As in
 * journald an interval begins with the first record after the one before it is over; what comes beyond the burst until its
 * end is dropped.
 */
#ifndef CORE_LOGLIMIT_H
#define CORE_LOGLIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_NONE UINT32_MAX
#define LOG_LIMIT_BURST 10000u /* of journald: of a unit that says an interval and no burst */

struct log_limit {
	uint64_t interval, begin; /* microseconds, of a clock that is never set */
	uint32_t burst, n;        /* kept in the interval that began last */
	bool begun;
};

/* Records that may be kept at `now`; LOG_LIMIT_NONE: any number. */
uint32_t log_limit_room(const struct log_limit *l, uint64_t now);
/* So many of them were. */
void log_limit_count(struct log_limit *l, uint64_t now, uint32_t n);
/* When the interval ends that is under way at `now`; `now` itself when none is. */
uint64_t log_limit_end(const struct log_limit *l, uint64_t now);

#endif
