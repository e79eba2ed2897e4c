#include "supervisor/core/engine/health.h"

#include "common/util.h"

#include <string.h>

#define DEFAULT_TIME (30 * USEC_PER_SEC)
#define DEFAULT_RETRIES 3

bool health_is_set(const struct health_check *c)
{
	return c->cmd.n > 1 || (c->cmd.n == 1 && strcmp(c->cmd.v[0], HEALTH_OFF) != 0);
}

static uint64_t pick(uint64_t own, uint64_t image, uint64_t dflt)
{
	return own != 0 ? own : image != 0 ? image : dflt;
}

struct health_check health_times(const struct container_section *c,
	const struct health_check *image, enum check which)
{
	static const struct health_check nothing = { .interval = 0 };
	const struct health_check *own = which == CHECK_STARTUP ? &c->startup : &c->health;

	if (image == NULL || which == CHECK_STARTUP || health_is_set(own))
		image = &nothing;
	return (struct health_check){
		.cmd = own->cmd,
		.interval = pick(own->interval, image->interval, DEFAULT_TIME),
		.timeout = pick(own->timeout, image->timeout, DEFAULT_TIME),
		.start_period = pick(own->start_period, image->start_period, 0),
		.retries = which == CHECK_STARTUP
			? own->retries
			: (uint32_t)pick(own->retries, image->retries, DEFAULT_RETRIES),
		.success = own->success,
	};
}

bool health_has(const struct container_section *c, const struct health_check *image, bool image_has,
	enum check which)
{
	if (health_times(c, image, CHECK_HEALTH).interval == TIME_INFINITY)
		return false;
	if (c->health.cmd.n > 0 ? !health_is_set(&c->health) : !image_has)
		return false;
	return which == CHECK_HEALTH ||
		(health_is_set(&c->startup) && c->startup.interval != TIME_INFINITY);
}
