#include "supervisor/core/loglimit.h"

static bool is_limited(const struct log_limit *l)
{
	return l->interval != 0 && l->burst != 0;
}

static bool is_under_way(const struct log_limit *l, uint64_t now)
{
	return l->begun && now - l->begin < l->interval;
}

uint32_t log_limit_room(const struct log_limit *l, uint64_t now)
{
	if (!is_limited(l))
		return LOG_LIMIT_NONE;
	if (!is_under_way(l, now))
		return l->burst;
	return l->n < l->burst ? l->burst - l->n : 0;
}

void log_limit_count(struct log_limit *l, uint64_t now, uint32_t n)
{
	if (!is_limited(l) || n == 0)
		return;
	if (!is_under_way(l, now)) {
		l->begun = true;
		l->begin = now;
		l->n = 0;
	}
	l->n += n;
}

uint64_t log_limit_end(const struct log_limit *l, uint64_t now)
{
	uint64_t left;

	if (!is_limited(l) || !is_under_way(l, now))
		return now;
	left = l->interval - (now - l->begin);
	return left < UINT64_MAX - now ? now + left : UINT64_MAX;
}
