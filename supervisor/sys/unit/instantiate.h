/* Instances of templates that come to be while the supervisor runs. */
#ifndef SYS_INSTANTIATE_H
#define SYS_INSTANTIATE_H

#include "supervisor/core/engine/engine.h"

struct supervisor;

/* A command on an instance that is not in the set yet. */
struct wish {
	struct wish *next;
	char unit[UNIT_NAME_MAX];
	enum event_kind kind;
	uint32_t job;
	bool tried; /* the set that waits was made for it */
};

/* The full name of an instance that a template has, not in the set: makes it, then the command goes on. */
void instance_wish(struct supervisor *s, const char *unit, enum event_kind kind, uint32_t job);
/* Another set is in force. */
void instances_swapped(struct supervisor *s);
/* Before the units are read again: forgets those that were stopped. */
void instances_forget(struct supervisor *s);

#endif
