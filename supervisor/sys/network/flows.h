/*
 * Who sends by UDP without a pause stays where the first packet went, also when a port has closed, moved or opened since. So the
 * kernel's list of flows is read each time that the ports of UDP in force became others, a part in each turn of the loop, and
 * flows that go elsewhere than these lead are forgotten, no others: the next packet of each is the first of a new one.
 */
#ifndef SYS_NETWORK_FLOWS_H
#define SYS_NETWORK_FLOWS_H

#include "supervisor/core/net/flow.h"

#include <uv.h>

struct rule_set;
struct supervisor;

struct flows {
	uv_timer_t timer;
	int list;                /* that is being read, -1: none */
	struct flow_ports ports; /* malloc'd */
	bool again;              /* it will be read once more */
	bool said;               /* that the kernel does not tell */
};

void flows_open(struct supervisor *s);
/* These are in force from now on. */
void flows_follow(struct supervisor *s, const struct rule_set *rules);

#endif
