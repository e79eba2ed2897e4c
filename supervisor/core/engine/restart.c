#include "supervisor/core/engine/restart.h"

#include <sys/wait.h>

#define ON(id) (1u << RESTART_##id)

/* keys.md's table; the rows below the first five are what systemd does with its other results. */
static const uint32_t restart_on[CAUSE_COUNT] = {
	[CAUSE_NONE] = ON(ALWAYS) | ON(ON_SUCCESS),
	[CAUSE_CLEAN] = ON(ALWAYS) | ON(ON_SUCCESS),
	[CAUSE_SKIPPED] = 0,
	[CAUSE_EXIT] = ON(ALWAYS) | ON(ON_FAILURE),
	[CAUSE_SIGNAL] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL) | ON(ON_ABORT),
	[CAUSE_TIMEOUT] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL),
	[CAUSE_WATCHDOG] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL) | ON(ON_WATCHDOG),
	[CAUSE_OOM] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL) | ON(ON_ABORT),
	/* HealthOnFailure=kill is a SIGKILL; the other two leave Restart= no say. */
	[CAUSE_HEALTH] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL) | ON(ON_ABORT),
	[CAUSE_HEALTH_RESTART] = UINT32_MAX,
	[CAUSE_HEALTH_STOP] = 0,
	[CAUSE_PROTOCOL] = ON(ALWAYS) | ON(ON_FAILURE) | ON(ON_ABNORMAL),
	/* systemd's child would exit with a code above 200: an unclean exit code. */
	[CAUSE_SPAWN] = ON(ALWAYS) | ON(ON_FAILURE),
	[CAUSE_SETUP] = ON(ALWAYS) | ON(ON_FAILURE),
	/* A second copy beside the survivor would be worse than none. */
	[CAUSE_SURVIVOR] = 0,
	[CAUSE_BROKEN] = 0,
	[CAUSE_DEPENDENCY] = 0,
	[CAUSE_LIMIT] = 0,
	[CAUSE_ASSERT] = 0,
	[CAUSE_TRIGGER] = 0,
};

static bool in_set(const struct exit_set *set, const struct cause *c)
{
	int code = WEXITSTATUS(c->status);

	if (!c->has_status)
		return false;
	if (WIFEXITED(c->status))
		return (set->codes[code / 64] >> (code % 64) & 1) != 0;
	return WTERMSIG(c->status) < 64 && (set->signals >> WTERMSIG(c->status) & 1) != 0;
}

bool restart_wanted(const struct service_section *s, const struct cause *cause)
{
	if (in_set(&s->restart_prevent, cause))
		return false;
	/* A cause that never restarts is not the end of a process, which is what the sets are about. */
	if (restart_on[cause->kind] != 0 && in_set(&s->restart_force, cause))
		return true;
	return (restart_on[cause->kind] & 1u << s->restart) != 0;
}

#define FRACTION 32 /* bits after the point */

/* log2(x) by repeated squaring: each square doubles the logarithm and so yields one more bit of it. */
static uint64_t log2_fixed(uint64_t x)
{
	uint32_t whole = 63 - (uint32_t)__builtin_clzll(x);
	uint64_t result = (uint64_t)whole << FRACTION;
	uint64_t m = x << (63 - whole) >> 32; /* in [2^31, 2^32): 1 <= m / 2^31 < 2 */

	for (uint64_t bit = UINT64_C(1) << (FRACTION - 1); bit != 0; bit >>= 1) {
		m = m * m >> 31;
		if (m >> 32 != 0) {
			m >>= 1;
			result |= bit;
		}
	}
	return result;
}

/* The least delay in [low, high] whose logarithm reaches the goal. */
static uint64_t exp2_between(uint64_t goal, uint64_t low, uint64_t high)
{
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (log2_fixed(middle) < goal)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t restart_delay(const struct service_section *s, uint32_t n)
{
	uint64_t from = s->restart_sec, to = s->restart_max_delay, steps = s->restart_steps;
	uint64_t low, high;

	if (n <= 1 || steps == 0 || to == TIME_INFINITY || from == 0 || from >= to)
		return from;
	if (n > steps)
		return to;
	low = log2_fixed(from);
	high = log2_fixed(to);
	return exp2_between(low + (high - low) / steps * (n - 1), from, to);
}

bool restart_count(struct start_count *count, const struct unit_section *u, uint64_t now)
{
	if (u->start_limit_interval == 0 || u->start_limit_burst == 0)
		return true;
	if (count->n == 0 || now - count->begin >= u->start_limit_interval) {
		*count = (struct start_count){ .begin = now };
	} else if (count->n >= u->start_limit_burst) {
		return false;
	}
	count->n++;
	return true;
}
