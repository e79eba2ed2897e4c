/*
 * What the keys of a unit and those of its image say together about its health checks. Pure: the engine runs them by
 * their times, the plan of one shows them.
 */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include "supervisor/core/unit/unit.h"

/* The checks of a unit; their numbers as commands of ROLE_HEALTH. */
enum check { CHECK_HEALTH, CHECK_STARTUP, CHECK_COUNT };

/* There is a command, and it is not "none". */
bool health_is_set(const struct health_check *c);

/*
 * The times and counts of one, with what is the default; its command as the unit has it. The unit's own keys count; where
 * it has no HealthCmd=, what they leave open is what the image says. image: NULL, it says nothing.
 */
struct health_check health_times(const struct container_section *c,
	const struct health_check *image, enum check which);

/* Whether it is run at all. image_has: the image has a command. */
bool health_has(const struct container_section *c, const struct health_check *image, bool image_has,
	enum check which);

#endif
